import BlockingWork
import Glibc
import LinuxSystem
import Testing

@Suite("The end of work on a lane", .timeLimit(.minutes(1)))
struct LaneEndTests {
    struct Owned: ~Copyable, Sendable {
        let ended: Noted<[pthread_t]>

        deinit {
            ended.withLock { $0.append(pthread_self()) }
        }
    }

    @Test("idle threads end after a while, and start again when there is work")
    func idle() async throws {
        let bench = LaneBench()
        let door = Door()
        var calls: [LaneBenchCall<Never>] = []
        for _ in 0..<3 { calls.append(try await bench.stop(at: door, for: .seconds(3600))) }
        door.open(for: 3)
        for call in calls { _ = await call.value }
        try await eventually("the threads sleep") { bench.lane.snapshot.idle == 3 }
        bench.clock.advance(by: .seconds(59))
        #expect(bench.lane.snapshot.threads == 3)
        #expect(await bench.begin { 1 }.value == .success(1))
        try await eventually("the threads sleep") { bench.lane.snapshot.idle == 3 }
        bench.clock.advance(by: .seconds(1))
        #expect(bench.lane.snapshot.threads == 1)
        bench.clock.advance(by: .seconds(60))
        #expect(bench.lane.snapshot.threads == 0)
        #expect(await bench.begin { 2 }.value == .success(2))
        #expect(bench.lane.snapshot.threads == 1)
    }

    @Test("what is released ends on the lane, whoever had it")
    func release() async throws {
        let bench = LaneBench(threads: 1)
        let ended = Noted<[pthread_t]>([])
        let worker = try await bench.lane.run(until: bench.after(.seconds(1))) { pthread_self() }
        bench.lane.release(Owned(ended: ended))
        try await eventually("it has ended") { ended.value.count == 1 }
        #expect(ended.value == [worker])
    }

    @Test("releases are not refused while the circuit is open, but wait until it closes")
    func releaseOnSilence() async throws {
        let bench = LaneBench()
        let door = Door()
        try await bench.silence(at: door)
        let released = Noted(0)
        for _ in 0..<100 { bench.lane.release { released.withLock { $0 += 1 } } }
        bench.clock.advance(by: .seconds(1))
        let probe = Door()
        let call = try await bench.stop(at: probe)
        #expect(bench.lane.snapshot.releases == 100)
        #expect(released.value == 0)
        probe.open()
        _ = await call.value
        try await eventually("all is released") { released.value == 100 }
        #expect(bench.lane.snapshot.releases == 0)
        door.open()
    }

    @Test("a lane with something to release lives on, though its circuit is open and nobody holds it")
    func releaseOfTheLast() async throws {
        struct TimedOut: Error {}
        let clock = ManualClock()
        let ended = Noted<[pthread_t]>([])
        weak var kept: Lane?
        let worker: pthread_t
        do {
            var limits = LaneLimits()
            limits.threads = 1
            let lane = Lane("server:/share", limits: limits, clock: clock, isSilence: { $0 is TimedOut })
            kept = lane
            let deadline = clock.now.advanced(by: .seconds(5))
            worker = try await lane.run(until: deadline) { pthread_self() }
            await #expect(throws: LaneError<TimedOut>.self) {
                try await lane.run(until: deadline) { () throws(TimedOut) in throw TimedOut() }
            }
            lane.release(Owned(ended: ended))
            try await eventually("the thread sleeps") { lane.snapshot.idle == 1 }
        }
        for _ in 0..<10 { clock.advance(by: .seconds(60)) }
        #expect(kept?.snapshot.threads == 1)
        #expect(ended.value.isEmpty)
        let deadline = clock.now.advanced(by: .seconds(5))
        #expect(try await kept?.run(until: deadline) { 1 } == 1)
        try await eventually("it has ended") { ended.value == [worker] }
        try await eventually("the lane is gone") {
            clock.advance(by: .seconds(60))
            return kept == nil
        }
    }

    @Test("releases and calls take turns")
    func turns() async throws {
        let bench = LaneBench(threads: 1)
        let door = Door()
        let first = try await bench.stop(at: door)
        let order = Noted<[String]>([])
        for _ in 0..<3 { bench.lane.release { order.withLock { $0.append("release") } } }
        var calls: [LaneBenchCall<Never>] = []
        for index in 0..<3 {
            calls.append(
                bench.begin {
                    order.withLock { $0.append("call") }
                    return 1
                })
            try await eventually("the call is queued") { bench.lane.snapshot.queued == index + 1 }
        }
        door.open()
        _ = await first.value
        for call in calls { _ = await call.value }
        try await eventually("all is done") { order.value.count == 6 }
        #expect(order.value.prefix(4) == ["release", "call", "release", "call"])
    }

    @Test("a release that hangs is stuck like a call, and opens the circuit")
    func stuckRelease() async throws {
        let bench = LaneBench()
        let door = Door()
        bench.lane.release { door.pass() }
        try await eventually("it hangs") { door.came == 1 }
        bench.clock.advance(by: .seconds(10))
        #expect(bench.changes == [.opened])
        #expect(bench.lane.snapshot.stuck == 1)
        #expect(bench.lane.snapshot.timedOut == 0)
        door.open()
        try await eventually("the circuit closes") { bench.changes == [.opened, .closed] }
    }

    @Test("a closed lane refuses calls, those that wait included, lets work end, and releases what is left")
    func close() async throws {
        let bench = LaneBench(threads: 2)
        let (door, dead) = (Door(), Door())
        let running = try await bench.stop(at: door, for: .seconds(60))
        let stuck = try await bench.stop(at: dead)
        let waiting = bench.begin(for: .seconds(60)) { 2 }
        try await eventually("the call is queued") { bench.lane.snapshot.queued == 1 }
        let released = Noted(0)
        bench.lane.release { released.withLock { $0 += 1 } }
        bench.lane.close()
        guard case .failure(.refused(let refusal)) = await waiting.value else {
            Issue.record("the call was not refused")
            return
        }
        #expect(refusal.reason == .closed)
        #expect(await bench.refusal()?.reason == .closed)
        // Deadlines hold to the end.
        bench.clock.advance(by: .seconds(5))
        #expect(await stuck.value == .failure(.unfinished(.deadline)))
        door.open()
        #expect(await running.value == .success(1))
        try await eventually("all is released, and the free thread has ended") {
            released.value == 1 && bench.lane.snapshot.threads == 1
        }
        bench.lane.release { released.withLock { $0 += 1 } }
        try await eventually("what comes late is released as well") {
            released.value == 2 && bench.lane.snapshot.threads == 1
        }
        #expect(bench.lane.snapshot.stuck == 1)
        dead.open()
        try await eventually("the stuck thread has ended") { bench.lane.snapshot.threads == 0 }
    }

    @Test("closing ends idle threads, and the lane with them")
    func closeIdle() async throws {
        let clock = ManualClock()
        weak var forgotten: Lane?
        do {
            let lane = Lane("server:/share", clock: clock)
            forgotten = lane
            #expect(try await lane.run(until: clock.now.advanced(by: .seconds(1))) { 1 } == 1)
            #expect(clock.alarms == 1)
            lane.close()
        }
        try await eventually("the lane is gone, and its alarm") { forgotten == nil && clock.alarms == 0 }
    }
}
