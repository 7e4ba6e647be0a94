import GRPCServing
import Glibc
import JSONText
import Testing

/// The server dies while a call is at work: at each place where the call has asked for something and wants more.
@Suite("Death of the server in the middle of a call", .privateMountNamespace, .serialized, .timeLimit(.minutes(8)))
struct NFSMiddleTests {
    /// A call that stands at a crash point when the server dies.
    struct Cut: Sendable {
        let call: ServerCall
        let point: String
        /// Whether the server is needed after that.
        let needsMore: Bool

        init(_ call: ServerCall, _ point: String, needsMore: Bool = true) {
            self.call = call
            self.point = point
            self.needsMore = needsMore
        }
    }

    private static let permissionsSet = "stage-share.permissions-set"

    /// What is cut off at once. A share has four threads, so not more than four of one row stand on them.
    static let rows: [[Cut]] = [
        [
            Cut(.create, "create-share.claimed"), Cut(.create, "create-share.directory-made"),
            Cut(.create, "create-share.record-written"),
            Cut(.create, "create-share.record-named", needsMore: false),
        ],
        [
            Cut(.delete, "delete-share.trash-entry-made"), Cut(.delete, "delete-share.record-trashed"),
            Cut(.delete, "delete-share.data-moved"), Cut(.delete, "delete-share.finished"),
        ],
        [
            Cut(.unpublish, "unpublish.detached", needsMore: false),
            Cut(.unstage, "unstage.detached", needsMore: false),
            Cut(.publish, "publish.target-made", needsMore: false),
            Cut(.stage, "stage-share.root-mounted"),
            Cut(.stage, "stage-share.directory-opened", needsMore: false),
            Cut(.stage, Self.permissionsSet, needsMore: false),
            Cut(.delete, "delete-share.released", needsMore: false),
        ],
    ]

    @Test("there is a row with each point of a share")
    func allPoints() {
        let points = Self.rows.joined().map(\.point)
        #expect(Set(points).count == points.count)
        for point in CrashPointTests.allPoints where point.contains("-share.") {
            #expect(points.contains(point), "\(point)")
        }
    }

    @Test(
        "it is answered in time, and a retry brings it to its end", arguments: rows.indices,
        [ServerState.stopped, .silent])
    func cut(row: Int, state: ServerState) async throws {
        try await NFSSite.each { site in
            // With a root that is mounted, lest each call waits for another one to mount it.
            let first = try await site.makeVolume("first")
            var calls: [(Cut, PreparedCall)] = []
            for (number, cut) in Self.rows[row].enumerated() {
                calls.append(
                    (
                        cut,
                        try await PreparedCall(
                            cut.call, "cut-\(number)", at: site, setsPermissions: cut.point == Self.permissionsSet)
                    ))
            }
            var atWork: [(Cut, PausePoint, Task<Answer, any Error>)] = []
            for (cut, call) in calls {
                let pause = try PausePoint(cut.point, of: site.driver)
                let task = Task { try await call.answer() }
                try await pause.isReached()
                atWork.append((cut, pause, task))
            }
            try await state.during(at: site) {
                for (_, pause, _) in atWork { pause.goOn() }
                for (cut, _, task) in atWork {
                    let answer = try await task.value
                    // What stood too long is told so, although it is done.
                    let isInTime = answer.seconds < Double(NFSSite.timeout) * 0.9
                    #expect(
                        answer.code == .unavailable || !cut.needsMore && (answer.code == .ok),
                        "NFS \(site.version), \(state), \(cut.point): \(answer) \(answer.message)")
                    #expect(cut.needsMore || !isInTime || answer.code == .ok, "\(cut.point): \(answer.message)")
                    #expect(answer.seconds < NFSEveryCallTests.late, "\(cut.point)")
                }
            }
            for (_, call) in calls { try await call.finish() }
            try await insist("the first volume is deleted") { try await first.delete() }
        }
    }

    /// Requests that the mount at a path has sent and that have no answer yet (proc(5), `/proc/self/mountstats`).
    private static func unanswered(at path: String) throws -> Int {
        let text = try readFile("/proc/self/mountstats").required("no mountstats")
        let part = text.split(separator: "device ").first { $0.contains(" mounted on \(path) ") }
        let words = part?.split(separator: "\n").first { $0.contains("xprt:") }?.split { " \t".contains($0) }
        guard let words, words.count > 9, let sent = Int(words[7]), let received = Int(words[8]) else {
            throw Failure("no numbers of \(path): \(words ?? [])")
        }
        return sent - received
    }

    @Test("a request that was sent is never answered", arguments: [ServerState.stopped, .silent])
    func sent(state: ServerState) async throws {
        try await NFSSite.each { site in
            var calls: [ServerCall: PreparedCall] = [:]
            for call in [ServerCall.stats, .publish, .stage, .unstage] {
                calls[call] = try await PreparedCall(call, "sent-\(call)", at: site)
            }
            // A workload that still has its file open when its volume is taken away, and something that is not stored.
            let staged = try calls[.unstage].required("no call").volume
            try await staged.publish()
            let end = site.driver.directory + "/end"
            #expect(mkfifo(end, 0o600) == 0)
            let workload = try ChildProcess(
                ["/bin/sh", "-c", #"exec 3>"$0" && printf unsaved >&3 && : >"$1.began" && read -r _ <"$1"; exec 3>&-"#]
                    + [staged.target() + "/unsaved", end], output: end + ".log")
            try await eventually("the workload has written") { exists(end + ".began") }
            try await staged.unpublish()

            let watched = try calls[.stats].required("no call").volume.target()
            // Nothing that the server says from now on is in time.
            try await site.server.run("delay", "10000")
            let list = Array(calls.values)
            let task = Task { try await PreparedCall.answers(to: list) }
            // How many there are is the kernel's affair: what it sends for one call, and what waits for what.
            try await eventually("requests are on their way") { try Self.unanswered(at: watched) > 0 }
            try await eventually("calls wait for them") {
                try await site.server.lane(of: site.driver)["running"].integer >= 3
            }
            try await state.during(at: site) {
                let answers = try await task.value
                for call in [ServerCall.publish, .stage] {
                    let answer = try answers[call].required("no answer")
                    #expect(answer.code == .unavailable, "\(call) \(answer.message)")
                }
                #expect(answers[.stats]?.isAbnormal == true)
                #expect(answers[.unstage]?.code == .ok)
                let isReported = site.driver.log.contains("leftUnsaved")
                #expect(isReported, "NFS \(site.version)")
                #expect(!mounts(below: site.driver.directory).contains(staged.staging))
                for (call, answer) in answers { #expect(answer.seconds < NFSEveryCallTests.late, "\(call)") }
                try await site.server.run("delay", "0")
            }
            // It was lost to nobody: the workload's own close stores it.
            #expect(writeFile(end, "\n") == nil)
            #expect(try await workload.ended(within: 90) == .exit(0))
            #expect(readFile(site.file("sent-unstage/unsaved")) == "unsaved")
            for call in list { try await call.finish() }
        }
    }
}
