import GRPCServing
import Glibc
import JSONText
import Testing

/// Every call in every state of a server, in every version: the code of the answer and that it comes in time, that a
/// call succeeds afterwards, and that nothing is left or lost then. Prints the table of the answers with their times:
/// the lines that begin with "| ".
@Suite("Every call, whatever the server does", .privateMountNamespace, .serialized, .timeLimit(.minutes(5)))
struct NFSEveryCallTests {
    /// An answer is late when it comes later than this: the driver's own limit, and what a loaded machine may add.
    static let late = Double(NFSSite.timeout + 8)

    private static func expected(of call: ServerCall, in state: ServerState) -> Set<GRPCCode> {
        switch (state, call) {
        // The node's own business, and what it knows: never an error.
        case (_, .unpublish), (_, .unstage), (_, .stats): [.ok]
        case (.alive, _): [.ok]
        // It goes on, or would: nobody may take it for finished.
        case (.stopped, _), (.silent, _), (.partitioned, _): [.unavailable]
        // It depends on how far the client is with coming back.
        case (.restarted, _): [.ok, .unavailable]
        // The server answers, and what it says is final. Several mounts are tried first, one after the other, and then
        // the time may be over.
        case (.exportRemoved, _): [.failedPrecondition, .unavailable]
        }
    }

    private static func print(_ state: String, _ version: String, _ answers: [ServerCall: Answer]) {
        let cells = ServerCall.allCases.map { answers[$0].map { "\($0)" } ?? "" }
        Swift.print("| \(([state, version] + cells).joined(separator: " | ")) |")
    }

    @Test("each call is answered in time with the right code, and succeeds afterwards", arguments: ServerState.allCases)
    func everyCall(state: ServerState) async throws {
        Swift.print("| server | NFS | \(ServerCall.allCases.map(\.rawValue).joined(separator: " | ")) |")
        try await NFSSite.each { site in
            let calls = try await PreparedCall.all(at: site)
            try await state.during(at: site) {
                let answers = try await PreparedCall.answers(to: calls)
                Self.print("\(state)", site.version, answers)
                for (call, answer) in answers {
                    #expect(
                        Self.expected(of: call, in: state).contains(answer.code),
                        "NFS \(site.version), \(state): \(call.rawValue): \(answer) \(answer.message)")
                    #expect(answer.seconds < Self.late, "NFS \(site.version), \(state): \(call.rawValue)")
                }
                if state == .exportRemoved {
                    #expect(answers.values.contains { $0.code == .failedPrecondition })
                }
                guard state.isDead else { return }
                #expect(answers[.stats]?.isAbnormal == true)
                #expect(answers.values.contains { $0.message.contains("does not answer") })

                // By now that is known. One call may be let through to see whether it is still so.
                let again = try await PreparedCall.answers(to: calls)
                Self.print("\(state), known", site.version, again)
                for (call, answer) in again { #expect(Self.expected(of: call, in: state).contains(answer.code)) }
                #expect(again.values.count { $0.seconds > Double(NFSSite.timeout) / 2 } <= 1)
            }
            for call in calls { try await call.finish() }
        }
    }

    @Test("a caller who has less time than the driver gets the driver's answer, not his own timeout")
    func impatientCaller() async throws {
        try await NFSSite.each { site in
            let call = try await PreparedCall(.create, "impatient", at: site)
            try await ServerState.silent.during(at: site) {
                do {
                    _ = try await site.driver.call(
                        "Controller/CreateVolume", call.volume.createRequest, timeout: .seconds(3))
                    Issue.record("the server is silent")
                } catch let status as GRPCStatus {
                    #expect(status.code == .unavailable, "\(status)")
                }
                // Which touches no share.
                _ = try await site.driver.call("Identity/Probe", timeout: .seconds(3))
            }
            try await call.finish()
        }
    }
}
