import BlockingWork
import LinuxSystem
import Testing

@Suite("The circuit of a lane", .timeLimit(.minutes(1)))
struct LaneCircuitTests {
    struct TimedOut: Error {}
    struct Denied: Error {}

    @Test("opens when a call passes its deadline: waiting calls and new ones are refused at once, and told why")
    func opens() async throws {
        let bench = LaneBench(threads: 1)
        let door = Door()
        let first = try await bench.stop(at: door)
        let waiting = bench.begin(for: .seconds(60)) { 2 }
        try await eventually("the call is queued") { bench.lane.snapshot.queued == 1 }
        let since = bench.after(.seconds(5))
        bench.clock.advance(by: .seconds(5))
        #expect(await first.value == .failure(.unfinished(.deadline)))
        guard case .failure(.refused(let refusal)) = await waiting.value else {
            Issue.record("the waiting call was not refused")
            return
        }
        #expect(refusal.reason == .silent)
        bench.clock.advance(by: .seconds(12))
        let later = try #require(await bench.refusal())
        #expect(later.reason == .stuck)
        #expect(later.outage == LaneOutage(since: since, cause: .deadlinePassed, duration: .seconds(12)))
        #expect(
            later.description
                == "server:/share has not answered for 12 s (a call passed its deadline), and all 1 threads for it "
                + "wait in the kernel; call again when it answers")
        #expect(bench.changes == [.opened])
        #expect(bench.events.map(\.stuck) == [1])
        #expect(bench.lane.snapshot.circuit == .open(try #require(later.outage)))
        #expect(bench.lane.snapshot.refused == [.silent: 1, .stuck: 1])
        door.open()
    }

    @Test("stays closed when a hurried caller leaves work that needs no longer than the lane has patience")
    func patience() async throws {
        let bench = LaneBench()
        let door = Door()
        let hurried = try await bench.stop(at: door, for: .milliseconds(10))
        bench.clock.advance(by: .milliseconds(10))
        #expect(await hurried.value == .failure(.unfinished(.deadline)))
        #expect(await bench.begin { 1 }.value == .success(1))
        door.open()
        try await eventually("the work is done") { bench.lane.snapshot.running == 0 }
        bench.clock.advance(by: .seconds(2))
        #expect(bench.changes == [])

        let other = try await bench.stop(at: door, for: .milliseconds(10))
        bench.clock.advance(by: .milliseconds(999))
        #expect(await other.value == .failure(.unfinished(.deadline)))
        #expect(bench.changes == [])
        bench.clock.advance(by: .milliseconds(1))
        #expect(bench.changes == [.opened])
        door.open()
    }

    @Test("opens when a caller was cancelled whose work has taken long")
    func cancelledCaller() async throws {
        let bench = LaneBench()
        let door = Door()
        let call = try await bench.stop(at: door, for: .seconds(60))
        bench.clock.advance(by: .seconds(3))
        #expect(bench.changes == [])
        call.cancel()
        #expect(await call.value == .failure(.unfinished(.cancelled)))
        try await eventually("the circuit opens") { bench.changes == [.opened] }
        door.open()
    }

    @Test("lets one call through after the pause, and all when that was answered")
    func halfOpen() async throws {
        let bench = LaneBench()
        let (dead, door) = (Door(), Door())
        try await bench.silence(at: dead)
        bench.clock.advance(by: .milliseconds(999))
        #expect(await bench.refusal()?.reason == .silent)
        bench.clock.advance(by: .milliseconds(1))
        let probe = try await bench.stop(at: door)
        #expect(bench.changes == [.opened, .probed])
        for _ in 0..<10 { #expect(await bench.refusal()?.reason == .silent) }
        door.open()
        #expect(await probe.value == .success(1))
        #expect(bench.changes == [.opened, .probed, .closed])
        #expect(await bench.refusal() == nil)
        #expect(bench.lane.snapshot.stuck == 1)
        dead.open()
    }

    @Test("doubles the pause with each probe that fails, up to half a minute, and begins anew after an answer")
    func pauses() async throws {
        let bench = LaneBench(isSilence: { $0 is TimedOut })
        func fail() async {
            let result = await bench.begin { () throws(TimedOut) in throw TimedOut() }.value
            guard case .failure(.failed) = result else {
                Issue.record("the call was not let through: \(result)")
                return
            }
        }
        await fail()
        #expect(bench.changes == [.opened])
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            bench.clock.advance(by: .seconds(pause) - .nanoseconds(1))
            #expect(await bench.refusal()?.reason == .silent)
            bench.clock.advance(by: .nanoseconds(1))
            await fail()
            #expect(bench.changes.last == .stillSilent(pause: .seconds(min(pause * 2, 30))))
        }
        bench.clock.advance(by: .seconds(30))
        #expect(await bench.begin { 1 }.value == .success(1))
        #expect(bench.changes.last == .closed)
        #expect(bench.events.last?.outage.duration == .seconds(1 + 2 + 4 + 8 + 16 + 30 + 30 + 30))
        await fail()
        bench.clock.advance(by: .seconds(1))
        #expect(await bench.begin { 1 }.value == .success(1))
        #expect(bench.events.allSatisfy { $0.outage.cause == .reported })
        #expect(bench.lane.snapshot.threads <= 4)
    }

    @Test("an error that is an answer opens nothing, and a probe that gets one closes it")
    func answers() async throws {
        let bench = LaneBench(isSilence: { $0 is TimedOut })
        func denied() async -> Bool {
            if case .failure(.failed) = await bench.begin({ () throws(Denied) in throw Denied() }).value {
                true
            } else {
                false
            }
        }
        #expect(await denied())
        #expect(bench.changes == [])
        _ = await bench.begin { () throws(TimedOut) in throw TimedOut() }.value
        bench.clock.advance(by: .seconds(1))
        #expect(await denied())
        #expect(bench.changes == [.opened, .probed, .closed])
    }

    @Test("a probe that passes its deadline leaves its thread stuck; with all of them stuck nothing is let through")
    func allStuck() async throws {
        let bench = LaneBench(threads: 3)
        let door = Door()
        try await bench.silence(at: door)
        for pause in [1, 2] {
            bench.clock.advance(by: .seconds(pause))
            try await bench.silence(at: door)
        }
        #expect(bench.lane.snapshot.stuck == 3)
        #expect(bench.changes.last == .stillSilent(pause: .seconds(4)))
        for _ in 0..<20 {
            bench.clock.advance(by: .seconds(60))
            #expect(await bench.refusal()?.reason == .stuck)
        }
        #expect(bench.lane.snapshot.threads == 3)
        #expect(door.came == 3)
        door.open(for: 3)
        try await eventually("all threads are free") { bench.lane.snapshot.running == 0 }
        #expect(await bench.refusal() == nil)
    }

    @Test("closes when stuck work returns, without waiting for the pause")
    func stuckWorkReturns() async throws {
        let bench = LaneBench()
        let door = Door()
        try await bench.silence(at: door)
        door.open()
        try await eventually("the circuit closes") { bench.changes == [.opened, .closed] }
        #expect(await bench.refusal() == nil)
    }

    @Test("stays open when stuck work returns because the kernel gave up")
    func stuckWorkGivesUp() async throws {
        let bench = LaneBench(isSilence: { $0 is TimedOut })
        let door = Door()
        let call = bench.begin { () throws(TimedOut) in
            door.pass()
            throw TimedOut()
        }
        try await eventually("the work is at the door") { door.came == 1 }
        bench.clock.advance(by: .seconds(5))
        _ = await call.value
        door.open()
        try await eventually("the thread is free") { bench.lane.snapshot.running == 0 }
        #expect(bench.changes == [.opened])
        #expect(await bench.refusal()?.reason == .silent)
    }

    @Test("a probe that never began leaves its place to the next call")
    func probeThatNeverBegan() async throws {
        let bench = LaneBench(threads: 2)
        let (dead, slow) = (Door(), Door())
        let other = try await bench.stop(at: slow, for: .seconds(3600))
        try await bench.silence(at: dead)
        bench.clock.advance(by: .seconds(1))
        let first = bench.begin { 1 }
        try await eventually("the probe waits") { bench.lane.snapshot.queued == 1 }
        first.cancel()
        _ = await first.value
        let second = bench.begin { 2 }
        try await eventually("the probe waits") { bench.lane.snapshot.queued == 1 }
        bench.clock.advance(by: .seconds(5))
        guard case .failure(.refused(let refusal)) = await second.value else {
            Issue.record("the call was not refused")
            return
        }
        #expect(refusal.reason == .deadline)
        slow.open()
        #expect(await other.value == .success(1))
        #expect(await bench.begin { 3 }.value == .success(3))
        #expect(bench.changes == [.opened, .probed, .probed, .probed, .closed])
        dead.open()
    }

    @Test("a probe of the lane's own runs after each pause, one at a time, and lets calls through when it is answered")
    func ownProbe() async throws {
        let (dead, probing) = (Door(), Door())
        let answer = Noted(false)
        let bench = LaneBench(
            threads: 2,
            probe: {
                probing.pass()
                return answer.value
            })
        try await bench.silence(at: dead)
        bench.clock.advance(by: .seconds(1))
        try await eventually("the probe runs") { probing.came == 1 }
        #expect(await bench.refusal()?.reason == .silent)
        probing.open()
        try await eventually("the probe failed") { bench.changes.last == .stillSilent(pause: .seconds(2)) }
        bench.clock.advance(by: .milliseconds(1999))
        #expect(probing.came == 1)
        bench.clock.advance(by: .milliseconds(1))
        try await eventually("the probe runs") { probing.came == 2 }
        answer.withLock { $0 = true }
        probing.open()
        try await eventually("the circuit closes") { bench.changes.last == .closed }
        #expect(bench.changes == [.opened, .probed, .stillSilent(pause: .seconds(2)), .probed, .closed])
        #expect(await bench.refusal() == nil)
        bench.clock.advance(by: .seconds(30))
        #expect(probing.came == 2)
        dead.open()
    }

    @Test("a probe of the lane's own that gets stuck is a failed one, and takes no thread that is not there")
    func ownProbeStuck() async throws {
        let door = Door()
        let bench = LaneBench(
            threads: 2,
            probe: {
                door.pass()
                return true
            })
        try await bench.silence(at: door)
        bench.clock.advance(by: .seconds(1))
        try await eventually("the probe runs") { door.came == 2 }
        bench.clock.advance(by: .seconds(10))
        #expect(bench.changes == [.opened, .probed, .stillSilent(pause: .seconds(2))])
        bench.clock.advance(by: .seconds(600))
        #expect(bench.changes.count == 3)
        #expect(await bench.refusal()?.reason == .stuck)
        #expect(bench.lane.snapshot.threads == 2)
        door.open(for: 2)
        try await eventually("the circuit closes") { bench.changes.last == .closed }
    }

    @Test("while a probe of the lane's own is stuck no other is let through, and its return closes the circuit")
    func ownProbeStuckAlone() async throws {
        let (dead, probing) = (Door(), Door())
        let bench = LaneBench(
            threads: 4,
            probe: {
                probing.pass()
                return true
            })
        try await bench.silence(at: dead)
        bench.clock.advance(by: .seconds(1))
        try await eventually("the probe runs") { probing.came == 1 }
        for _ in 0..<20 {
            bench.clock.advance(by: .seconds(60))
            #expect(await bench.refusal()?.reason == .silent)
        }
        #expect(bench.lane.snapshot.stuck == 2)
        #expect(probing.came == 1)
        #expect(bench.changes == [.opened, .probed, .stillSilent(pause: .seconds(2))])
        probing.open()
        try await eventually("the circuit closes") { bench.changes.last == .closed }
        #expect(await bench.refusal() == nil)
        dead.open()
    }

    @Test("a call finds out while the lane's own probe has nothing to ask with")
    func ownProbeImpossible() async throws {
        let dead = Door()
        let (canProbe, asked) = (Noted(false), Noted(0))
        let bench = LaneBench(
            isSilence: { $0 is TimedOut },
            probe: {
                asked.withLock { $0 += 1 }
                return true
            }, canProbe: { canProbe.value })
        try await bench.silence(at: dead)
        bench.clock.advance(by: .seconds(60))
        #expect(bench.changes == [.opened])
        let failed = await bench.begin { () throws(TimedOut) in
            canProbe.withLock { $0 = true }
            throw TimedOut()
        }.value
        guard case .failure(.failed) = failed else {
            Issue.record("the call was not let through: \(String(describing: failed))")
            return
        }
        #expect(asked.value == 0)
        bench.clock.advance(by: .seconds(2))
        try await eventually("the lane asked by itself") { bench.changes.last == .closed }
        #expect(asked.value == 1)
        dead.open()
    }

    @Test("changes are told one at a time and in order, even when whoever is told is slow")
    func slowListener() async throws {
        let clock = ManualClock()
        let (listener, door) = (Door(), Door())
        let told = Noted<[LaneEvent.Change]>([])
        let lane = Lane(
            "server:/share", clock: clock,
            report: { event in
                told.withLock { $0.append(event.change) }
                if event.change == .opened { listener.pass() }
            })
        let deadline = clock.now.advanced(by: .seconds(5))
        let call = Task { try await lane.run(until: deadline) { door.pass() } }
        try await eventually("the work is at the door, and the alarm is set") { door.came == 1 && clock.alarms == 1 }
        let timer = WorkerThreads(name: "test", limit: 1)
        defer { timer.close() }
        timer.submit { clock.advance(by: .seconds(5)) }
        try await eventually("the opening is being told") { listener.came == 1 }
        await #expect(throws: LaneError<Never>.unfinished(.deadline)) { try await call.value }
        door.open()
        try await eventually("the thread sleeps, and has nothing to tell any more") { lane.snapshot.idle == 1 }
        #expect(told.value == [.opened])
        listener.open()
        try await eventually("the closing is told") { told.value == [.opened, .closed] }
    }

    @Test("64 calls to a dead share cost no more than the threads of its lane, and another lane notices nothing")
    func deadShare() async throws {
        let (dead, alive) = (LaneBench(), LaneBench())
        let door = Door()
        let calls = (0..<64).map { _ in
            dead.begin {
                door.pass()
                return 1
            }
        }
        try await eventually("all are in") {
            let snapshot = dead.lane.snapshot
            return snapshot.running == 4 && snapshot.queued == 60
        }
        for round in 0..<200 { #expect(await alive.begin { round }.value == .success(round)) }
        dead.clock.advance(by: .seconds(5))
        var unfinished = 0
        var refused = 0
        for call in calls {
            switch await call.value {
            case .failure(.unfinished(.deadline)): unfinished += 1
            case .failure(.refused): refused += 1
            default: Issue.record("a call on a dead share was answered")
            }
        }
        #expect((unfinished, refused) == (4, 60))
        #expect(door.came == 4)
        let snapshot = dead.lane.snapshot
        #expect((snapshot.threads, snapshot.stuck, snapshot.queued, snapshot.largestQueue) == (4, 4, 0, 60))
        #expect(snapshot.timedOut == 4)
        for _ in 0..<64 { #expect(await dead.refusal()?.reason == .stuck) }
        #expect(dead.lane.snapshot.threads == 4)
        let other = alive.lane.snapshot
        #expect((other.stuck, other.largestQueue, other.refused, other.timedOut) == (0, 0, [:], 0))
        door.open(for: 4)
    }
}
