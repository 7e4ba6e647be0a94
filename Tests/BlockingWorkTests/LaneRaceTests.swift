import BlockingWork
import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite("Many callers of one lane", .timeLimit(.minutes(2)))
struct LaneRaceTests {
    /// Each value is made once and ends once.
    struct Token: ~Copyable, Sendable {
        let ended: Noted<Int>

        deinit {
            ended.withLock { $0 += 1 }
        }
    }

    struct Tally {
        var begun = 0
        var atOnce = 0
        var most = 0
        var late = 0
        var values = 0
        var unfinished = 0
        var refused = 0
    }

    @Test("each gets one answer, each result ends once, and there are never more threads than may be")
    func mixedDeadlines() async throws {
        let timer = LaneTimer()
        defer { timer.close() }
        var limits = LaneLimits()
        limits.queue = 24
        limits.patience = .milliseconds(30)
        limits.firstPause = .milliseconds(1)
        limits.longestPause = .milliseconds(4)
        let changes = Noted<[LaneEvent.Change]>([])
        let lane = Lane(
            "server:/share", limits: limits, clock: timer,
            report: { event in changes.withLock { $0.append(event.change) } })
        let (tally, ended) = (Noted(Tally()), Noted(0))
        let (callers, rounds) = (64, 30)
        await withTaskGroup { group in
            for caller in 0..<callers {
                group.addTask {
                    var random = UInt64(caller) &* 0x9E37_79B9_7F4A_7C15 | 1
                    for _ in 0..<rounds {
                        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        let work = UInt32((random >> 33) % 3000)
                        let deadline = ContinuousClock.now.advanced(by: .microseconds(Int((random >> 21) % 5000)))
                        let isCancelled = (random >> 40) % 8 == 0
                        let call = Task {
                            await Self.call(lane, until: deadline, work: work, tally, ended)
                        }
                        if isCancelled { call.cancel() }
                        await call.value
                        if caller % 16 == 0 { lane.release(Token(ended: ended)) }
                    }
                }
            }
        }
        let released = callers / 16 * rounds
        try await eventually("all work is done, and every token has ended") {
            let snapshot = lane.snapshot
            return snapshot.running == 0 && snapshot.releases == 0 && ended.value == tally.value.begun + released
        }
        let sum = tally.value
        let snapshot = lane.snapshot
        #expect(sum.values + sum.unfinished + sum.refused == callers * rounds)
        #expect(sum.refused == snapshot.refused.values.reduce(0, +))
        #expect(sum.begun == sum.values + sum.unfinished)
        #expect(sum.late == sum.unfinished)
        #expect(snapshot.timedOut <= sum.unfinished)
        #expect(sum.most <= 4)
        #expect(snapshot.threads <= 4)
        #expect(snapshot.stuck == 0)
        // Told in order: an outage begins with its opening and ends with its closing.
        for (before, after) in zip(changes.value, changes.value.dropFirst()) {
            #expect((after == .opened) == (before == .closed))
        }
        lane.close()
    }

    private static func call(
        _ lane: Lane, until deadline: ContinuousClock.Instant, work: UInt32, _ tally: Noted<Tally>, _ ended: Noted<Int>
    ) async {
        do throws(LaneError<Never>) {
            let token = try await lane.run(
                until: deadline,
                late: { (token: consuming Token) in
                    _ = consume token
                    tally.withLock { $0.late += 1 }
                }
            ) {
                tally.withLock { sum in
                    sum.begun += 1
                    sum.atOnce += 1
                    sum.most = max(sum.most, sum.atOnce)
                }
                usleep(work)
                tally.withLock { $0.atOnce -= 1 }
                return Token(ended: ended)
            }
            tally.withLock { $0.values += 1 }
            _ = consume token
        } catch {
            tally.withLock { sum in
                switch error {
                case .refused: sum.refused += 1
                case .unfinished: sum.unfinished += 1
                case .failed: break
                }
            }
        }
    }

    @Test("a deadline, a cancellation and the result at one moment end in one answer")
    func oneMoment() async throws {
        let bench = LaneBench(threads: 2)
        for _ in 0..<300 {
            let door = Door()
            let call = try await bench.stop(at: door, for: .milliseconds(10))
            await withTaskGroup { group in
                group.addTask { [clock = bench.clock] in clock.advance(by: .milliseconds(10)) }
                group.addTask { door.open() }
                group.addTask { call.cancel() }
            }
            switch await call.value {
            case .success(1), .failure(.unfinished): break
            case let other: Issue.record("neither a result nor an unfinished one: \(other)")
            }
            try await eventually("the work is done") { bench.lane.snapshot.running == 0 }
        }
        #expect(bench.lane.snapshot.refused == [:])
        #expect(bench.changes == [])
    }
}
