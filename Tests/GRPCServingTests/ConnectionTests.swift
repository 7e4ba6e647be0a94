import GRPCServing
import Testing

@Suite("A lost connection", .timeLimit(.minutes(1)))
struct ConnectionTests {
    private let starts: AsyncStream<Void>
    private let ends: AsyncStream<String>
    private let methods: [String: MethodHandler]

    init() {
        let (starts, started) = AsyncStream<Void>.makeStream()
        let (ends, ended) = AsyncStream<String>.makeStream()
        self.starts = starts
        self.ends = ends
        methods = [
            "/test.Test/Echo": .unary { request, _ in request },
            "/test.Test/Wait": .unary { _, _ in
                started.yield()
                await untilCancelled()
                ended.yield(Task.isCancelled ? "cancelled" : "went on")
                return []
            },
            "/test.Test/Listen": .stream { call, _ throws(GRPCStatus) in
                started.yield()
                let end = await status { () async throws(GRPCStatus) in try await call.next() }
                ended.yield(end.code.name)
            },
        ]
    }

    /// Cuts the connection under a call that `begin` starts. Returns how the call ended for client and handler.
    private func cutting(
        _ begin: @escaping @Sendable (GRPCChannel) async throws(GRPCStatus) -> Void
    ) async throws -> (client: GRPCCode, handler: String?) {
        let bench = try Bench()
        var result: (client: GRPCCode, handler: String?)?
        try await bench.serving(methods) { server, other in
            let relay = try Relay(at: "\(bench.directory)/relay.sock", to: bench.path)
            let channel = try GRPCChannel(to: UnixEndpoint(parsing: relay.path))
            let call = Task { await status { () async throws(GRPCStatus) in try await begin(channel) } }
            var started = starts.makeAsyncIterator()
            await started.next()
            relay.cut()
            var ended = ends.makeAsyncIterator()
            result = (await call.value.code, await ended.next())
            await until { server.callsInFlight == 0 }
            let reply = try await other.echo([1])
            #expect(reply == [1])
            channel.close()
        }
        return try #require(result)
    }

    @Test("ends a unary call with UNAVAILABLE, cancels its handler, and leaves other connections alone")
    func unary() async throws {
        let end = try await cutting { channel throws(GRPCStatus) in
            _ = try await channel.unary("/test.Test/Wait", [], timeout: .seconds(60))
        }
        #expect(end.client == .unavailable)
        #expect(end.handler == "cancelled")
    }

    @Test("ends a stream with UNAVAILABLE, and breaks off what its handler waits for")
    func stream() async throws {
        let end = try await cutting { channel throws(GRPCStatus) in
            _ = try await channel.stream("/test.Test/Listen", timeout: .seconds(60)).next()
        }
        #expect(end.client == .unavailable)
        #expect(end.handler == "CANCELLED")
    }
}
