import GRPCServing
import Testing

@Suite("A shutdown", .timeLimit(.minutes(1)))
struct ShutdownTests {
    private static let stopping = GRPCStatus(.unavailable, "the driver is stopping; call again")

    /// One call is under way while the server shuts down.
    private func shuttingDown(
        grace: Duration, handler: @escaping @Sendable () async -> Void,
        _ during: (Bench, GRPCChannel) async throws -> Void
    ) async throws -> (outcome: ShutdownOutcome, again: ShutdownOutcome, call: GRPCStatus) {
        let bench = try Bench()
        let (starts, started) = AsyncStream<Void>.makeStream()
        let server = GRPCServer(methods: [
            "/test.Test/Wait": .unary { _, _ in
                started.yield()
                await handler()
                return []
            }
        ])
        try server.listen(on: bench.endpoint)
        let channel = try GRPCChannel(to: bench.endpoint)
        let call = Task {
            await status { () async throws(GRPCStatus) in
                try await channel.unary("/test.Test/Wait", [], timeout: .seconds(60))
            }
        }
        var iterator = starts.makeAsyncIterator()
        await iterator.next()
        let ending = Task { await shutdown(server, grace: grace) }
        await until { bench.names == [] }
        try await during(bench, channel)
        let outcome = await ending.value
        let end = await call.value
        channel.close()
        return (outcome, await shutdown(server, grace: .seconds(60)), end)
    }

    @Test("refuses new calls, lets those in flight end, and is drained")
    func drained() async throws {
        let gate = Gate()
        let end = try await shuttingDown(grace: .seconds(60), handler: { await gate.pass() }) { bench, channel in
            var refused: GRPCStatus
            repeat {
                // The name goes a moment before the calls are refused; one that comes between is served.
                refused = await status { () async throws(GRPCStatus) in
                    try await channel.unary("/test.Test/Other", [], timeout: .seconds(60))
                }
            } while refused.code == .unimplemented
            #expect(refused == Self.stopping)
            #expect(throws: EndpointError.self) { try GRPCChannel(to: bench.endpoint) }
            await gate.open()
        }
        #expect(end.outcome == .drained)
        #expect(end.again == .drained)
        #expect(end.call.code == .ok)
    }

    @Test("answers UNAVAILABLE after its grace, and cancels the handler")
    func answeredUnavailable() async throws {
        let end = try await shuttingDown(grace: .zero, handler: { await untilCancelled() }) { _, _ in }
        #expect(end.outcome == .answeredUnavailable(calls: 1))
        #expect(end.again == .answeredUnavailable(calls: 1))
        #expect(end.call == Self.stopping)
    }

    @Test("leaves a handler behind that ignores its cancellation, after the client was answered")
    func stuck() async throws {
        let gate = Gate()
        let end = try await shuttingDown(grace: .zero, handler: { await gate.pass() }) { _, _ in }
        #expect(end.outcome == .stuck(handlers: 1))
        #expect(end.call == Self.stopping)
        await gate.open()
    }

    @Test("ends a stream whose client does not read")
    func unreadStream() async throws {
        let bench = try Bench()
        let (starts, started) = AsyncStream<Void>.makeStream()
        let server = GRPCServer(methods: [
            "/test.Test/Pour": .stream { call, _ throws(GRPCStatus) in
                started.yield()
                while true { try await call.send([UInt8](repeating: 0, count: 1 << 20)) }
            }
        ])
        try server.listen(on: bench.endpoint)
        let channel = try GRPCChannel(to: bench.endpoint)
        let call = try channel.stream("/test.Test/Pour", timeout: .seconds(60))
        var iterator = starts.makeAsyncIterator()
        await iterator.next()
        #expect(await shutdown(server, grace: .zero) == .answeredUnavailable(calls: 1))
        call.cancel()
    }

    @Test("of a server that never listened is drained at once")
    func neverListened() async {
        #expect(await shutdown(GRPCServer(methods: [:]), grace: .seconds(60)) == .drained)
    }

    @Test("leaves neither the server nor a call behind in memory")
    func releases() async throws {
        final class Token: Sendable {}
        weak var token: Token?
        weak var server: GRPCServer?
        let bench = try Bench()
        do {
            let held = Token()
            token = held
            let serving = GRPCServer(methods: [
                "/test.Test/Unary": .unary { request, _ in withExtendedLifetime(held) { request } },
                "/test.Test/Stream": .stream { call, _ throws(GRPCStatus) in
                    while let message = try await call.next() { try await call.send(message) }
                    withExtendedLifetime(held) {}
                },
            ])
            server = serving
            try serving.listen(on: bench.endpoint)
            let channel = try GRPCChannel(to: bench.endpoint)
            for _ in 0..<10 { _ = try await channel.unary("/test.Test/Unary", [1], timeout: .seconds(60)) }
            let call = try channel.stream("/test.Test/Stream", timeout: .seconds(60))
            try await call.send([1])
            _ = try await call.next()
            _ = await status { () async throws(GRPCStatus) in
                try await channel.unary("/test.Test/Other", [], timeout: .seconds(60))
            }
            _ = await shutdown(serving, grace: .zero)
        }
        await until { token == nil && server == nil }
        #expect(token == nil)
        #expect(server == nil)
    }
}
