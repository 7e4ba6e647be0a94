import GRPCServing
import Testing

@Suite("A streaming call", .timeLimit(.minutes(1)))
struct StreamTests {
    /// Sends back every message, and at the end how many there were.
    static let echo: [String: MethodHandler] = [
        "/test.Test/Echo": .stream { call, _ throws(GRPCStatus) in
            var count: UInt8 = 0
            while let message = try await call.next() {
                try await call.send(message)
                count &+= 1
            }
            try await call.send([count])
        }
    ]

    @Test("takes turns, and goes on after the client has sent its last message")
    func echo() async throws {
        try await Bench().serving(Self.echo) { _, channel in
            let call = try channel.stream("/test.Test/Echo", timeout: .seconds(30))
            for number in UInt8(0)..<50 {
                try await call.send([number, number])
                #expect(try await call.next() == [number, number])
            }
            try await call.closeSend()
            #expect(try await call.next() == [50])
            #expect(try await call.next() == nil)
            #expect(try await call.next() == nil)
        }
    }

    @Test("without a message ends well")
    func empty() async throws {
        try await Bench().serving(Self.echo) { _, channel in
            let call = try channel.stream("/test.Test/Echo", timeout: .seconds(30))
            try await call.closeSend()
            #expect(try await call.next() == [0])
            #expect(try await call.next() == nil)
        }
    }

    @Test("of which nobody reads for a while loses nothing, and the sender waits for room")
    func backpressure() async throws {
        let methods: [String: MethodHandler] = [
            "/test.Test/Pour": .stream { call, _ throws(GRPCStatus) in
                for number in UInt8(0)..<100 { try await call.send([UInt8](repeating: number, count: 64 << 10)) }
            }
        ]
        try await Bench().serving(methods) { _, channel in
            let call = try channel.stream("/test.Test/Pour", timeout: .seconds(30))
            for number in UInt8(0)..<100 {
                let message = try #require(try await call.next())
                #expect(message.count == 64 << 10 && message.allSatisfy { $0 == number })
            }
            #expect(try await call.next() == nil)
        }
    }

    @Test("that its handler ends early gives the client the messages and then the status")
    func earlyFinish() async throws {
        let methods: [String: MethodHandler] = [
            "/test.Test/Refuse": .stream { call, _ throws(GRPCStatus) in
                _ = try await call.next()
                try await call.send([1])
                throw GRPCStatus(.notFound, "enough")
            }
        ]
        try await Bench().serving(methods) { _, channel in
            let call = try channel.stream("/test.Test/Refuse", timeout: .seconds(30))
            try await call.send([0])
            #expect(try await call.next() == [1])
            let end = await status { () async throws(GRPCStatus) in try await call.next() }
            #expect(end == GRPCStatus(.notFound, "enough"))
            let unsent = await status { () async throws(GRPCStatus) in try await call.send([2]) }
            #expect(unsent == GRPCStatus(.notFound, "enough"))
            let closed = await status { () async throws(GRPCStatus) in try await call.closeSend() }
            #expect(closed.code == .ok)
        }
    }

    @Test("that the client cancels breaks off at its handler", arguments: [true, false])
    func clientCancels(byLettingGo: Bool) async throws {
        let (events, happened) = AsyncStream<GRPCStatus>.makeStream()
        let methods: [String: MethodHandler] = [
            "/test.Test/Listen": .stream { call, _ throws(GRPCStatus) in
                try await call.send([1])
                let end = await status { () async throws(GRPCStatus) in try await call.next() }
                happened.yield(end)
            }
        ]
        try await Bench().serving(methods) { _, channel in
            var call: ClientCall? = try channel.stream("/test.Test/Listen", timeout: .seconds(30))
            #expect(try await call?.next() == [1])
            if byLettingGo { call = nil } else { call?.cancel() }
            var iterator = events.makeAsyncIterator()
            #expect(await iterator.next()?.code == .cancelled)
            if let call {
                let end = await status { () async throws(GRPCStatus) in try await call.next() }
                #expect(end.code == .cancelled)
            }
        }
    }

    @Test("lets a handler stop waiting for one message and wait for it again")
    func abandonedWait() async throws {
        let (events, happened) = AsyncStream<String>.makeStream()
        let methods: [String: MethodHandler] = [
            "/test.Test/Listen": .stream { call, _ throws(GRPCStatus) in
                // Starts at once, so that it waits when it is cancelled.
                let waiting = Task.immediate { await status { () async throws(GRPCStatus) in try await call.next() } }
                waiting.cancel()
                happened.yield(await waiting.value.code.name)
                guard let message = try await call.next() else { return }
                try await call.send(message)
            }
        ]
        try await Bench().serving(methods) { _, channel in
            let call = try channel.stream("/test.Test/Listen", timeout: .seconds(30))
            var iterator = events.makeAsyncIterator()
            #expect(await iterator.next() == "CANCELLED")
            try await call.send([9])
            #expect(try await call.next() == [9])
            #expect(try await call.next() == nil)
        }
    }

    @Test("of an unknown method is UNIMPLEMENTED")
    func unknown() async throws {
        try await Bench().serving(Self.echo) { _, channel in
            let call = try channel.stream("/test.Test/Nothing", timeout: .seconds(30))
            let end = await status { () async throws(GRPCStatus) in try await call.next() }
            #expect(end.code == .unimplemented)
        }
    }

    @Test("with a message over the limit breaks off with RESOURCE_EXHAUSTED")
    func messageLimit() async throws {
        var limits = ServerLimits()
        limits.messageBytes = 100
        try await Bench().serving(Self.echo, limits: limits) { _, channel in
            let call = try channel.stream("/test.Test/Echo", timeout: .seconds(30))
            try await call.send([UInt8](repeating: 1, count: 101))
            let end = await status { () async throws(GRPCStatus) in try await call.next() }
            #expect(end.code == .resourceExhausted)
        }
    }
}
