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
                            let reply = try await channel.unary("/test.Test/Echo", message, timeout: .seconds(30))
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
}
