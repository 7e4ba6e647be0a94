import BlockingWork
import LinuxSystem
import Testing

@Suite("The table of lanes", .timeLimit(.minutes(1)))
struct LanesTests {
    @Test("gives everybody the same lane for a share, and another one for another share")
    func sameLane() throws {
        let lanes = Lanes(clock: ManualClock())
        let one = try lanes.lane(for: "server:/a")
        #expect(try lanes.lane(for: "server:/a") === one)
        #expect(try lanes.lane(for: "server:/b") !== one)
        #expect(one.name == "server:/a")
    }

    @Test("keeps a lane while a thread of it runs, though nobody holds it, and then forgets it")
    func forgets() async throws {
        let clock = ManualClock()
        let lanes = Lanes(clock: clock)
        let door = Door()
        let call = Task {
            let lane = try lanes.lane(for: "server:/a")
            try await lane.run(until: clock.now.advanced(by: .seconds(5))) { door.pass() }
        }
        try await eventually("the work is at the door") { door.came == 1 }
        clock.advance(by: .seconds(5))
        await #expect(throws: LaneError<Never>.self) { try await call.value }
        // The same one, with its stuck thread and its open circuit.
        #expect(lanes.snapshots.map(\.stuck) == [1])
        let refused = await #expect(throws: LaneError<Never>.self) {
            try await lanes.lane(for: "server:/a").run(until: clock.now.advanced(by: .seconds(5))) {}
        }
        guard case .refused? = refused else {
            Issue.record("the call was not refused")
            return
        }
        door.open()
        try await eventually("the thread is idle") { lanes.snapshots.map(\.running) == [0] }
        try await eventually("the thread ends, and the lane is forgotten") {
            clock.advance(by: .seconds(60))
            return lanes.snapshots.isEmpty
        }
    }

    @Test("refuses a lane too many, until one is not used any more")
    func most() throws {
        let lanes = Lanes(most: 2, clock: ManualClock())
        let one = try lanes.lane(for: "server:/1")
        var two: Lane? = try lanes.lane(for: "server:/2")
        let refusal = #expect(throws: LaneRefusal.self) { try lanes.lane(for: "server:/3") }
        #expect(refusal?.reason == .tooManyLanes)
        #expect(
            refusal?.description
                == "2 others are in use already, the most there may be, and server:/3 would be one more")
        #expect(try lanes.lane(for: "server:/1") === one)
        #expect(two?.name == "server:/2")
        two = nil
        #expect(try lanes.lane(for: "server:/3").name == "server:/3")
    }

    @Test("what is known of shares that are named again and again does not grow")
    func growth() throws {
        let lanes = Lanes(most: 4, clock: ManualClock())
        for index in 0..<1000 { #expect(try lanes.lane(for: "server:/\(index)").name == "server:/\(index)") }
    }

    @Test("closes all its lanes and makes no other")
    func close() async throws {
        let lanes = Lanes(clock: ManualClock())
        let lane = try lanes.lane(for: "server:/a")
        lanes.close()
        let refused = await #expect(throws: LaneError<Never>.self) {
            try await lane.run(until: .now.advanced(by: .seconds(5))) {}
        }
        #expect(refused == .refused(LaneRefusal(reason: .closed, lane: "server:/a")))
        let refusal = #expect(throws: LaneRefusal.self) { try lanes.lane(for: "server:/b") }
        #expect(refusal?.reason == .closed)
    }
}

@Suite("The timer of lanes", .timeLimit(.minutes(1)))
struct LaneTimerTests {
    private func number(_ object: AnyObject) -> ObjectIdentifier.Number { ObjectIdentifier.Number(object) }

    @Test("rings when it is time, the earlier of two first, and not for what was removed")
    func rings() async throws {
        let timer = LaneTimer()
        defer { timer.close() }
        let (one, two, three) = (Door(), Door(), Door())
        let rung = Noted<[Int]>([])
        // It sleeps for the first when the others are set.
        timer.setAlarm(of: number(one), at: .now.advanced(by: .seconds(3600))) { rung.withLock { $0.append(1) } }
        timer.setAlarm(of: number(three), at: .now.advanced(by: .milliseconds(20))) { rung.withLock { $0.append(3) } }
        timer.removeAlarm(of: number(three))
        timer.setAlarm(of: number(two), at: .now.advanced(by: .milliseconds(40))) { rung.withLock { $0.append(2) } }
        try await eventually("it rings") { !rung.value.isEmpty }
        #expect(rung.value == [2])
        withExtendedLifetime((one, two, three)) {}
    }

    @Test("an earlier alarm of the same owner stays, a later one is replaced, and an alarm rings once")
    func replaced() async throws {
        let timer = LaneTimer()
        defer { timer.close() }
        let owner = Door()
        let rung = Noted<[Int]>([])
        timer.setAlarm(of: number(owner), at: .now.advanced(by: .seconds(3600))) { rung.withLock { $0.append(1) } }
        timer.setAlarm(of: number(owner), at: .now) { rung.withLock { $0.append(2) } }
        timer.setAlarm(of: number(owner), at: .now.advanced(by: .seconds(3600))) { rung.withLock { $0.append(3) } }
        try await eventually("it rings") { !rung.value.isEmpty }
        timer.setAlarm(of: number(owner), at: .now) { rung.withLock { $0.append(4) } }
        try await eventually("it rings again") { rung.value.count == 2 }
        #expect(rung.value.last == 4)
    }

    @Test("does not ring before its time")
    func notEarly() async throws {
        let timer = LaneTimer()
        defer { timer.close() }
        let owner = Door()
        for milliseconds in 1...20 {
            let at = ContinuousClock.now.advanced(by: .milliseconds(milliseconds))
            let early = Noted<Bool?>(nil)
            timer.setAlarm(of: number(owner), at: at) { early.withLock { $0 = ContinuousClock.now < at } }
            try await eventually("it rings") { early.value != nil }
            #expect(early.value == false)
        }
    }
}
