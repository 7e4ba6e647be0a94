import BlockingWork
import Glibc
import LinuxSystem
import Testing

@Suite("A lane", .timeLimit(.minutes(1)))
struct LaneTests {
    struct Broken: Error, Equatable {}

    /// What has one owner, and notes on which thread it ended.
    struct Owned: ~Copyable, Sendable {
        let ended: Noted<[pthread_t]>

        deinit {
            ended.withLock { $0.append(pthread_self()) }
        }
    }

    @Test("returns what its work returns, also what cannot be copied, and throws its error")
    func valuesAndErrors() async throws {
        let bench = LaneBench()
        #expect(await bench.begin { 42 }.value == .success(42))
        #expect(await bench.begin { () throws(Broken) in throw Broken() }.value == .failure(.failed(Broken())))
        let ended = Noted<[pthread_t]>([])
        let owned = try await bench.lane.run(until: bench.after(.seconds(1))) { Owned(ended: ended) }
        #expect(ended.value.isEmpty)
        _ = consume owned
        #expect(ended.value.count == 1)
        let snapshot = bench.lane.snapshot
        #expect((snapshot.admitted, snapshot.timedOut, snapshot.late, snapshot.refused) == (3, 0, 0, [:]))
    }

    @Test("starts a thread when work waits for one, up to its limit, and refuses at once what its queue cannot take")
    func bounds() async throws {
        let bench = LaneBench(threads: 2, queue: 3)
        let door = Door()
        var calls = [try await bench.stop(at: door)]
        #expect(bench.lane.snapshot.threads == 1)
        calls.append(try await bench.stop(at: door))
        #expect(bench.lane.snapshot.largestQueue == 0)
        for queued in 1...3 {
            calls.append(
                bench.begin {
                    door.pass()
                    return 1
                })
            try await eventually("the call is queued") { bench.lane.snapshot.queued == queued }
        }
        let refusal = await bench.refusal()
        #expect(refusal?.reason == .queueFull)
        #expect(refusal?.limit == 3)
        #expect(
            refusal?.description == "3 calls wait for server:/share already, the most there may be; call again")
        let snapshot = bench.lane.snapshot
        #expect((snapshot.threads, snapshot.running, snapshot.queued, snapshot.largestQueue) == (2, 2, 3, 3))
        #expect(snapshot.refused == [.queueFull: 1])
        #expect(door.came == 2)
        door.open(for: 5)
        for call in calls { #expect(await call.value == .success(1)) }
        #expect(bench.lane.snapshot.threads == 2)
    }

    @Test("takes calls in the order in which they came")
    func order() async throws {
        let bench = LaneBench(threads: 1)
        let door = Door()
        let first = try await bench.stop(at: door)
        let order = Noted<[Int]>([])
        var calls: [LaneBenchCall<Never>] = []
        for index in 0..<20 {
            calls.append(
                bench.begin {
                    order.withLock { $0.append(index) }
                    return index
                })
            try await eventually("the call is queued") { bench.lane.snapshot.queued == index + 1 }
        }
        door.open()
        for (index, call) in calls.enumerated() { #expect(await call.value == .success(index)) }
        #expect(await first.value == .success(1))
        #expect(order.value == Array(0..<20))
    }

    @Test("tells its caller at the deadline that the work goes on, and gives the late result to whom it belongs")
    func deadline() async throws {
        let bench = LaneBench(threads: 1)
        let door = Door()
        let ended = Noted<[pthread_t]>([])
        let late = Noted<[pthread_t]>([])
        let worker = try await bench.lane.run(until: bench.after(.seconds(1))) { pthread_self() }
        let deadline = bench.after(.seconds(5))
        let call = Task { [lane = bench.lane] in
            do throws(LaneError<Never>) {
                _ = try await lane.run(
                    until: deadline,
                    late: { (value: consuming Owned) in
                        late.withLock { $0.append(pthread_self()) }
                        _ = consume value
                    }
                ) {
                    door.pass()
                    return Owned(ended: ended)
                }
                return nil as LaneError<Never>?
            } catch {
                return error
            }
        }
        try await eventually("the work is at the door") { door.came == 1 }
        bench.clock.advance(by: .milliseconds(4999))
        #expect(bench.lane.snapshot.stuck == 0)
        bench.clock.advance(by: .milliseconds(1))
        #expect(await call.value == .unfinished(.deadline))
        #expect(bench.lane.snapshot.stuck == 1)
        #expect(bench.lane.snapshot.timedOut == 1)
        #expect(ended.value.isEmpty)
        door.open()
        try await eventually("the thread is free") { bench.lane.snapshot.running == 0 }
        #expect(late.value == [worker])
        #expect(ended.value == [worker])
        #expect(bench.lane.snapshot.late == 1)
    }

    @Test("a late result that nobody asked for ends on the lane's thread")
    func lateWithoutHook() async throws {
        let bench = LaneBench(threads: 1)
        let door = Door()
        let ended = Noted<[pthread_t]>([])
        let worker = try await bench.lane.run(until: bench.after(.seconds(1))) { pthread_self() }
        let deadline = bench.after(.seconds(5))
        let call = Task { [lane = bench.lane] in
            (try? await lane.run(until: deadline) {
                door.pass()
                return Owned(ended: ended)
            }) == nil
        }
        try await eventually("the work is at the door") { door.came == 1 }
        bench.clock.advance(by: .seconds(5))
        #expect(await call.value)
        door.open()
        try await eventually("the thread is free") { bench.lane.snapshot.running == 0 }
        #expect(ended.value == [worker])
    }

    @Test("a result that is ready is given to a caller who has not been told otherwise, whatever the time is")
    func resultAtTheLastMoment() async throws {
        let bench = LaneBench()
        let clock = bench.clock
        let done = await bench.begin(for: .seconds(1)) {
            // The alarm is still to ring: nobody moves the clock but this body.
            clock.passSilently(.seconds(2))
            return 7
        }.value
        #expect(done == .success(7))
    }

    @Test("work that has not begun at its deadline never begins")
    func deadlineInTheQueue() async throws {
        let bench = LaneBench(threads: 1)
        let door = Door()
        let first = try await bench.stop(at: door, for: .seconds(60))
        let begun = Noted(false)
        let second = bench.begin(for: .seconds(2)) {
            begun.withLock { $0 = true }
            return 2
        }
        try await eventually("the call is queued") { bench.lane.snapshot.queued == 1 }
        bench.clock.advance(by: .seconds(2))
        guard case .failure(.refused(let refusal)) = await second.value else {
            Issue.record("the call was not refused")
            return
        }
        #expect(refusal.reason == .deadline)
        door.open()
        #expect(await first.value == .success(1))
        #expect(await bench.begin { 3 }.value == .success(3))
        #expect(!begun.value)
        let past = bench.after(.zero)
        await #expect(throws: LaneError<Never>.self) {
            try await bench.lane.run(until: past) { begun.withLock { $0 = true } }
        }
        #expect(!begun.value)
        #expect(bench.lane.snapshot.refused == [.deadline: 2])
    }

    @Test("cancelling a caller ends its waiting: begun work goes on, other work never begins")
    func cancellation() async throws {
        let bench = LaneBench(threads: 1)
        let door = Door()
        let begun = Noted(false)
        let first = try await bench.stop(at: door)
        let second = bench.begin {
            begun.withLock { $0 = true }
            return 2
        }
        try await eventually("the call is queued") { bench.lane.snapshot.queued == 1 }
        second.cancel()
        guard case .failure(.refused(let refusal)) = await second.value else {
            Issue.record("the call was not refused")
            return
        }
        #expect(refusal.reason == .cancelled)
        first.cancel()
        #expect(await first.value == .failure(.unfinished(.cancelled)))
        #expect(bench.lane.snapshot.stuck == 1)
        #expect(bench.lane.snapshot.timedOut == 0)
        #expect(door.passed == 0)
        door.open()
        try await eventually("the thread is free") { bench.lane.snapshot.running == 0 }
        #expect(door.passed == 1)
        #expect(!begun.value)
    }

    @Test("a caller that was cancelled before starts nothing")
    func cancelledBefore() async throws {
        let bench = LaneBench()
        let begun = Noted(false)
        let task = Task { [lane = bench.lane, deadline = bench.after(.seconds(5))] in
            withUnsafeCurrentTask { $0?.cancel() }
            do throws(LaneError<Never>) {
                try await lane.run(until: deadline) { begun.withLock { $0 = true } }
                return nil as LaneError<Never>?
            } catch {
                return error
            }
        }
        guard case .refused(let refusal)? = await task.value else {
            Issue.record("the call was not refused")
            return
        }
        #expect(refusal.reason == .cancelled)
        #expect(bench.lane.snapshot.threads == 0)
        #expect(!begun.value)
    }

    @Test("a caller that waits holds no thread")
    func callersThread() async throws {
        let bench = LaneBench(threads: 2)
        let io = WorkerThreads(name: "test", limit: 1)
        defer { io.close() }
        let door = Door()
        let deadline = bench.after(.seconds(5))
        let calls = (0..<2).map { _ in
            Task(executorPreference: io) { [lane = bench.lane] in
                let before = pthread_self()
                try await lane.run(until: deadline) { door.pass() }
                return before == pthread_self()
            }
        }
        // Both come from the only thread, which the first one has to leave for that.
        try await eventually("both are at the door") { door.came == 2 }
        door.open(for: 2)
        for call in calls { #expect(try await call.value) }
    }

    @Test("work on the lane that calls it again goes on where it is")
    func inside() async throws {
        let bench = LaneBench(threads: 1)
        let places = try await bench.lane.run(until: bench.after(.seconds(5))) { [lane = bench.lane] in
            let inner = Noted<pthread_t?>(nil)
            let released = Noted<pthread_t?>(nil)
            // Its first piece runs on this thread, and there is no second one.
            Task.immediate {
                let thread = try await lane.run(until: .now.advanced(by: .seconds(-1))) { pthread_self() }
                inner.withLock { $0 = thread }
            }
            lane.release { released.withLock { $0 = pthread_self() } }
            return (outer: pthread_self(), inner: inner.value, released: released.value)
        }
        #expect(places.outer == places.inner)
        #expect(places.outer == places.released)
    }

    @Test("what a body holds that never began is not let go by the thread of the deadlines")
    func dropsElsewhere() async throws {
        final class Held: Sendable {
            let ended: Noted<[pthread_t]>
            init(_ ended: Noted<[pthread_t]>) { self.ended = ended }
            deinit { ended.withLock { $0.append(pthread_self()) } }
        }
        let deadlines = WorkerThreads(name: "deadlines", limit: 1)
        defer { deadlines.close() }
        let bench = LaneBench(threads: 1)
        let door = Door()
        let first = try await bench.stop(at: door, for: .seconds(3600))
        let ended = Noted<[pthread_t]>([])
        let timer = await deadlines.run { pthread_self() }
        for round in 1...200 {
            let deadline = bench.after(.seconds(1))
            let call = Task { [lane = bench.lane] in
                let held = Held(ended)
                _ = try? await lane.run(until: deadline, late: { _ in _ = held }) { _ = held }
            }
            try await eventually("the call is queued") { bench.lane.snapshot.queued == 1 }
            await deadlines.run { [clock = bench.clock] in clock.advance(by: .seconds(1)) }
            await call.value
            try await eventually("it has ended") { ended.value.count == round }
        }
        #expect(!ended.value.contains(timer))
        door.open()
        #expect(await first.value == .success(1))
    }
}
