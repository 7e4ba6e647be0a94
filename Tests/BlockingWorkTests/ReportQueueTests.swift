import BlockingWork
import LinuxSystem
import Testing

@Suite("Reports to somebody slow", .timeLimit(.minutes(1)))
struct ReportQueueTests {
    /// What was told, a number for each report and a negative one for so many that are missing.
    private let told = Noted<[Int]>([])
    private let door = Door()

    private func queue(_ limit: Int = 256) -> ReportQueue {
        ReportQueue(name: "test-reports", limit: limit) { [told] dropped in told.withLock { $0.append(-dropped) } }
    }

    private func submit(_ numbers: ClosedRange<Int>, to queue: ReportQueue) {
        for number in numbers { queue.submit { [told] in told.withLock { $0.append(number) } } }
    }

    /// Whoever is told sits at the door.
    private func block(_ queue: ReportQueue) async throws {
        queue.submit { [door] in door.pass() }
        try await eventually("the listener is at the door") { door.came == 1 }
    }

    @Test("are told in the order in which they came, on a thread of their own")
    func order() async throws {
        let queue = queue(1000)
        try await block(queue)
        submit(1...999, to: queue)
        #expect(told.value == [])
        door.open()
        try await eventually("all are told") { told.value == Array(1...999) }
    }

    @Test("are dropped beyond the limit, counted, and missed where they are missing")
    func dropped() async throws {
        let queue = queue(3)
        try await block(queue)
        submit(1...10, to: queue)
        door.open()
        try await eventually("the rest is told") { told.value == [1, 2, 3, -7] }
        submit(11...12, to: queue)
        try await eventually("there is room again") { told.value == [1, 2, 3, -7, 11, 12] }
    }

    @Test("a later one that finds room comes after the word of those that are missing")
    func noticeInPlace() async throws {
        let queue = queue(2)
        try await block(queue)
        queue.submit { [door, told] in
            told.withLock { $0.append(1) }
            door.pass()
        }
        submit(2...5, to: queue)
        door.open()
        try await eventually("the second is being told") { door.came == 2 }
        submit(6...6, to: queue)
        door.open()
        try await eventually("all are told") { told.value == [1, 2, -3, 6] }
    }

    @Test("are all told when that is waited for, and not waited for longer than said")
    func finish() async throws {
        let queue = queue()
        queue.finish(within: .seconds(60))
        submit(1...100, to: queue)
        queue.finish(within: .seconds(60))
        #expect(told.value == Array(1...100))
        try await block(queue)
        queue.finish(within: .milliseconds(1))
        door.open()
    }

    @Test("a log that takes nothing holds up no deadline")
    func blockedLog() async throws {
        let (log, silent) = (Door(), Door())
        let reports = queue()
        let timer = LaneTimer()
        defer { timer.close() }
        let lanes = Lanes(
            limits: impatient, clock: timer, report: { _ in reports.submit { log.pass() } })
        for share in 1...3 {
            let lane = try lanes.lane(for: "server:/\(share)")
            await #expect(throws: LaneError<Never>.unfinished(.deadline)) {
                try await lane.run(until: .now + .milliseconds(20)) { silent.pass() }
            }
            try await eventually("the circuit is open") {
                if case .open = lane.snapshot.circuit { true } else { false }
            }
        }
        try await eventually("the log is at the door") { log.came == 1 }
        log.open(for: 3)
        silent.open(for: 3)
        try await eventually("all is told") { log.passed >= 3 }
        lanes.close()
        log.open(for: 3)
    }

    private var impatient: LaneLimits {
        var limits = LaneLimits()
        limits.patience = .milliseconds(1)
        return limits
    }

    @Test("a change of a circuit is told in words")
    func words() {
        let outage = LaneOutage(since: .now, cause: .deadlinePassed, duration: .milliseconds(12_345))
        func text(_ change: LaneEvent.Change, stuck: Int = 0) -> String {
            LaneEvent(lane: "nas:/x", change: change, outage: outage, stuck: stuck).description
        }
        #expect(
            text(.opened, stuck: 2)
                == "nas:/x does not answer (a call passed its deadline): calls on it are refused until it does; "
                + "threads of it that wait in the kernel: 2")
        #expect(text(.opened).hasSuffix("until it does"))
        #expect(text(.probed) == "nas:/x, which has not answered for 12 s, is asked again")
        #expect(
            text(.stillSilent(pause: .seconds(30))) == "nas:/x has not answered for 12 s; it is asked again in 30 s")
        #expect(text(.closed) == "nas:/x answers again, after 12 s: calls on it are let through")
    }
}
