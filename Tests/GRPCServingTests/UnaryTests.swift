import GRPCServing
import Testing

@Suite("A unary call", .timeLimit(.minutes(1)))
struct UnaryTests {
    static let echo: [String: MethodHandler] = ["/test.Test/Echo": .unary { request, _ in request }]

    @Test("brings a message there and back")
    func roundTrip() async throws {
        try await Bench().serving(Self.echo) { _, channel in
            let reply = try await channel.unary("/test.Test/Echo", Array("hello".utf8), timeout: .seconds(10))
            #expect(reply == Array("hello".utf8))
        }
    }

    @Test("is one of many, from eight callers at once, and each gets its own answer")
    func manyCallers() async throws {
        let bench = try Bench()
        try await bench.serving(Self.echo) { server, _ in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for caller in 0..<8 {
                    let endpoint = try bench.endpoint
                    group.addTask {
                        let channel = try GRPCChannel(to: endpoint)
                        var right = 0
                        for number in 0..<500 {
                            let message = Array("\(caller) \(number)".utf8)
                            let reply = try await channel.echo(message)
                            if reply == message { right += 1 }
                        }
                        channel.close()
                        return right
                    }
                }
                for try await right in group { #expect(right == 500) }
            }
            #expect(server.callsInFlight == 0)
        }
    }

    @Test("may bring nothing, and may have a mebibyte", arguments: [0, 1, 16_384, 1 << 20])
    func sizes(bytes: Int) async throws {
        let message = (0..<bytes).map { UInt8(truncatingIfNeeded: $0) }
        try await Bench().serving(Self.echo) { _, channel in
            let reply = try await channel.echo(message)
            #expect(reply == message)
        }
    }

    @Test("with one byte more than the limit is RESOURCE_EXHAUSTED, and the next call goes on")
    func messageLimit() async throws {
        var limits = ServerLimits()
        limits.messageBytes = 1000
        try await Bench().serving(Self.echo, limits: limits) { _, channel in
            let most = [UInt8](repeating: 7, count: 1000)
            let refused = await status { () async throws(GRPCStatus) in
                try await channel.unary("/test.Test/Echo", most + [7], timeout: .seconds(10))
            }
            #expect(refused.code == .resourceExhausted)
            let reply = try await channel.echo(most)
            #expect(reply == most)
        }
    }

    @Test("of an unknown method is UNIMPLEMENTED, and the text names the method")
    func unknownMethod() async throws {
        try await Bench().serving(Self.echo) { server, channel in
            let refused = await status { () async throws(GRPCStatus) in
                try await channel.unary("/test.Test/Nothing", [], timeout: .seconds(10))
            }
            #expect(refused == GRPCStatus(.unimplemented, "no method /test.Test/Nothing is served here"))
            #expect(server.callsInFlight == 0)
        }
    }

    @Test("without a message is UNIMPLEMENTED")
    func noMessage() async throws {
        try await Bench().serving(Self.echo) { server, channel in
            let call = try channel.stream("/test.Test/Echo", timeout: .seconds(30))
            try await call.closeSend()
            let refused = await status { () async throws(GRPCStatus) in try await call.next() }
            #expect(refused == GRPCStatus(.unimplemented, "the method takes one message; none was sent"))
            #expect(server.callsInFlight == 0)
        }
    }

    @Test(
        "that fails brings code and text to the client as they are",
        arguments: [
            GRPCStatus(.notFound, "there is no volume v-1"),
            GRPCStatus(.aborted, ""),
            GRPCStatus(.invalidArgument, "größer als 100 % – 容量"),
            GRPCStatus(.internalError, "first line\nsecond line\ttab"),
            GRPCStatus(.unauthenticated, String(repeating: "é", count: 512)),
        ])
    func failure(expected: GRPCStatus) async throws {
        let methods: [String: MethodHandler] = [
            "/test.Test/Fail": .unary { _, _ throws(GRPCStatus) in throw expected }
        ]
        try await Bench().serving(methods) { _, channel in
            let found = await status { () async throws(GRPCStatus) in
                try await channel.unary("/test.Test/Fail", [1, 2, 3], timeout: .seconds(10))
            }
            #expect(found == expected)
        }
    }

    @Test("that fails with a long text brings 1 KiB of it, cut between characters")
    func longText() async throws {
        let methods: [String: MethodHandler] = [
            "/test.Test/Fail": .unary { _, _ throws(GRPCStatus) in
                throw GRPCStatus(.unknown, "a" + String(repeating: "é", count: 5000))
            }
        ]
        try await Bench().serving(methods) { _, channel in
            let found = await status { () async throws(GRPCStatus) in
                try await channel.unary("/test.Test/Fail", [], timeout: .seconds(10))
            }
            #expect(found == GRPCStatus(.unknown, "a" + String(repeating: "é", count: 511)))
        }
    }

    @Test("tells its handler the method, a deadline and the client's headers")
    func context() async throws {
        let (contexts, told) = AsyncStream<CallContext>.makeStream()
        let methods: [String: MethodHandler] = [
            "/test.Test/Tell": .unary { _, context in
                told.yield(context)
                return []
            }
        ]
        try await Bench().serving(methods) { _, channel in
            let before = ContinuousClock.now
            for _ in 0..<2 {
                _ = try await channel.unary(
                    "/test.Test/Tell", [], timeout: .seconds(3000), metadata: [(key: "x-first", value: "one two")])
            }
            var iterator = contexts.makeAsyncIterator()
            let first = try #require(await iterator.next())
            let second = try #require(await iterator.next())
            #expect(first.method == "/test.Test/Tell")
            #expect(first.id < second.id)
            #expect(first.metadata.contains { $0.key == "x-first" && $0.value == "one two" })
            let left = try #require(first.deadline) - before
            #expect(left > .seconds(2000) && left < .seconds(4000))
        }
    }

    @Test("with a header that is not legal is INVALID_ARGUMENT", arguments: ["Upper", "x-bin", ""])
    func illegalHeader(name: String) async throws {
        try await Bench().serving(Self.echo) { _, channel in
            let refused = await status { () async throws(GRPCStatus) in
                try await channel.unary(
                    "/test.Test/Echo", [], timeout: .seconds(10), metadata: [(key: name, value: "v")])
            }
            #expect(refused.code == .invalidArgument)
        }
    }

    @Test("over its deadline is DEADLINE_EXCEEDED, and its handler is cancelled")
    func deadline() async throws {
        let (ends, ended) = AsyncStream<Bool>.makeStream()
        let methods: [String: MethodHandler] = [
            "/test.Test/Wait": .unary { _, _ in
                await untilCancelled()
                ended.yield(Task.isCancelled)
                return []
            }
        ]
        try await Bench().serving(methods) { _, channel in
            let late = await status { () async throws(GRPCStatus) in
                try await channel.unary("/test.Test/Wait", [], timeout: .milliseconds(20))
            }
            #expect(late.code == .deadlineExceeded)
            var iterator = ends.makeAsyncIterator()
            #expect(await iterator.next() == true)
        }
    }

    @Test("whose task is cancelled is CANCELLED, and so is its handler")
    func cancellation() async throws {
        let (events, happened) = AsyncStream<String>.makeStream()
        let methods: [String: MethodHandler] = [
            "/test.Test/Wait": .unary { _, _ in
                happened.yield("started")
                await untilCancelled()
                happened.yield(Task.isCancelled ? "cancelled" : "went on")
                return []
            }
        ]
        try await Bench().serving(methods) { _, channel in
            let call = Task {
                await status { () async throws(GRPCStatus) in
                    try await channel.unary("/test.Test/Wait", [], timeout: .seconds(60))
                }
            }
            var iterator = events.makeAsyncIterator()
            #expect(await iterator.next() == "started")
            call.cancel()
            #expect(await call.value.code == .cancelled)
            #expect(await iterator.next() == "cancelled")
        }
    }

    @Test("over the limit of calls in flight is UNAVAILABLE at once, and one of the next goes on")
    func callsInFlight() async throws {
        var limits = ServerLimits()
        limits.callsInFlight = 2
        let gate = Gate()
        let (starts, started) = AsyncStream<Void>.makeStream()
        let methods: [String: MethodHandler] = [
            "/test.Test/Wait": .unary { request, _ in
                started.yield()
                await gate.pass()
                return request
            }
        ]
        try await Bench().serving(methods, limits: limits) { server, channel in
            let calls = [UInt8(1), 2].map { number in
                Task { try await channel.unary("/test.Test/Wait", [number], timeout: .seconds(60)) }
            }
            var iterator = starts.makeAsyncIterator()
            for _ in calls { await iterator.next() }
            #expect(server.callsInFlight == 2)
            let refused = await status { () async throws(GRPCStatus) in
                try await channel.unary("/test.Test/Wait", [3], timeout: .seconds(60))
            }
            #expect(refused.code == .unavailable)
            #expect(refused.message.contains("2 calls are in flight"))
            await gate.open()
            let replies = try await [calls[0].value, calls[1].value]
            #expect(replies == [[1], [2]])
            let next = try await channel.unary("/test.Test/Wait", [4], timeout: .seconds(60))
            #expect(next == [4])
            #expect(server.callsInFlight == 0)
        }
    }

    @Test("on a closed channel is UNAVAILABLE, and closing ends what is under way")
    func closedChannel() async throws {
        let (starts, started) = AsyncStream<Void>.makeStream()
        let methods: [String: MethodHandler] = [
            "/test.Test/Wait": .unary { request, _ in
                started.yield()
                await untilCancelled()
                return request
            }
        ]
        try await Bench().serving(methods) { _, channel in
            let call = Task {
                await status { () async throws(GRPCStatus) in
                    try await channel.unary("/test.Test/Wait", [], timeout: .seconds(60))
                }
            }
            var iterator = starts.makeAsyncIterator()
            await iterator.next()
            channel.close()
            #expect(await call.value.code == .cancelled)
            let refused = await status { () async throws(GRPCStatus) in
                try await channel.unary("/test.Test/Wait", [], timeout: .seconds(60))
            }
            #expect(refused.code == .unavailable)
        }
    }
}
