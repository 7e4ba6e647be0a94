import BlockingWork
import Glibc
import LinuxSystem
import Synchronization
import Testing

/// A time that stands still until the test moves it.
final class ManualClock: LaneClock {
    private struct State {
        var now = ContinuousClock.now
        var alarms: [ObjectIdentifier.Number: (instant: ContinuousClock.Instant, action: @Sendable () -> Void)] = [:]
    }

    private let state = Mutex(State())

    var now: ContinuousClock.Instant { state.withLock { $0.now } }
    var alarms: Int { state.withLock { $0.alarms.count } }

    func setAlarm(
        of owner: ObjectIdentifier.Number, at instant: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void
    ) {
        let isDue = state.withLock { state in
            // The test was quicker than the lane.
            if instant <= state.now { return true }
            if let before = state.alarms[owner], before.instant <= instant { return false }
            state.alarms[owner] = (instant, action)
            return false
        }
        if isDue { action() }
    }

    func removeAlarm(of owner: ObjectIdentifier.Number) {
        state.withLock { $0.alarms[owner] = nil }
    }

    /// Lets time pass, and the alarms ring that it brings, in their order, on the calling thread.
    func advance(by time: Duration) {
        let end = now.advanced(by: time)
        while true {
            let action = state.withLock { state -> (@Sendable () -> Void)? in
                guard let (owner, alarm) = state.alarms.min(by: { $0.value.instant < $1.value.instant }),
                    alarm.instant <= end
                else {
                    state.now = end
                    return nil
                }
                state.now = max(state.now, alarm.instant)
                state.alarms[owner] = nil
                return alarm.action
            }
            guard let action else { return }
            action()
        }
    }

    /// Lets time pass without an alarm, as when the thread of the alarms is late.
    func passSilently(_ time: Duration) {
        state.withLock { $0.now = $0.now.advanced(by: time) }
    }
}

/// Where work waits until the test lets it go on, as a system call waits for a server.
final class Door: Sendable {
    private let signal = ThreadSignal()
    private let counts = Mutex((came: 0, passed: 0))

    /// How many have come here so far, and how many went on.
    var came: Int { counts.withLock { $0.came } }
    var passed: Int { counts.withLock { $0.passed } }

    func pass() {
        counts.withLock { $0.came += 1 }
        signal.wait()
        counts.withLock { $0.passed += 1 }
    }

    func open(for count: Int = 1) {
        for _ in 0..<count { signal.signal() }
    }
}

/// A value that several closures share.
final class Noted<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) {
        mutex = Mutex(value)
    }

    var value: Value { mutex.withLock { $0 } }

    func withLock<Result: Sendable>(_ body: (inout sending Value) -> sending Result) -> Result {
        mutex.withLock(body)
    }
}

/// One lane on a clock of its own, and all it reports.
struct LaneBench {
    let clock = ManualClock()
    let lane: Lane
    private let noted = Noted<[LaneEvent]>([])

    init(
        threads: Int = 4, queue: Int = 64, isSilence: @escaping @Sendable (any Error) -> Bool = { _ in false },
        probe: (@Sendable () -> Bool)? = nil, canProbe: @escaping @Sendable () -> Bool = { true }
    ) {
        var limits = LaneLimits()
        limits.threads = threads
        limits.queue = queue
        lane = Lane(
            "server:/share", limits: limits, clock: clock, isSilence: isSilence,
            probe: probe.map { LaneProbe(isPossible: canProbe, ask: $0) },
            report: { [noted] event in noted.withLock { $0.append(event) } })
    }

    var events: [LaneEvent] { noted.value }
    var changes: [LaneEvent.Change] { events.map(\.change) }

    /// A deadline that far from now.
    func after(_ time: Duration) -> ContinuousClock.Instant { clock.now.advanced(by: time) }

    /// Starts a call that waits at the door; returns when it is there.
    func stop(
        at door: Door, for time: Duration = .seconds(5)
    ) async throws -> LaneBenchCall<Never> {
        let before = door.came
        let task = begin(for: time) {
            door.pass()
            return 1
        }
        try await eventually("the work is at the door") { door.came == before + 1 }
        return task
    }

    /// Starts a call.
    func begin<Failure: Error>(
        for time: Duration = .seconds(5), _ body: @escaping @Sendable () throws(Failure) -> Int
    ) -> LaneBenchCall<Failure> {
        let deadline = after(time)
        return LaneBenchCall { [lane] in
            do throws(LaneError<Failure>) {
                return .success(try await lane.run(until: deadline, body))
            } catch {
                return .failure(error)
            }
        }
    }

    /// Opens the circuit: one call passes its deadline, and its thread stays at the door.
    func silence(at door: Door, for time: Duration = .seconds(5)) async throws {
        let call = try await stop(at: door, for: time)
        clock.advance(by: time)
        #expect(await call.value == .failure(.unfinished(.deadline)))
    }

    /// Why a call is refused now; nil when it is not.
    func refusal() async -> LaneRefusal? {
        guard case .failure(.refused(let refusal)) = await begin({ 0 }).value else { return nil }
        return refusal
    }
}

/// A call that was begun.
struct LaneBenchCall<Failure: Error>: Sendable {
    private let result = Noted<Result<Int, LaneError<Failure>>?>(nil)
    private let task: Task<Void, Never>

    init(_ body: @escaping @Sendable () async -> Result<Int, LaneError<Failure>>) {
        task = Task { [result] in
            let found = await body()
            result.withLock { $0 = found }
        }
    }

    func cancel() { task.cancel() }

    /// What came of it; nil, and the test has failed, when it does not end: then its work may block for ever.
    var value: Result<Int, LaneError<Failure>>? {
        get async {
            try? await eventually("the call ends") { result.value != nil }
            return result.value
        }
    }
}

/// Waits, at most a quarter of a minute, until it is so.
func eventually(
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ isSo: () -> Bool
) async throws {
    let end = ContinuousClock.now.advanced(by: .seconds(15))
    while !isSo() {
        guard ContinuousClock.now < end else {
            Issue.record("it never came to be that \(what)", sourceLocation: sourceLocation)
            throw NeverCame()
        }
        usleep(200)
        await Task.yield()
    }
}

struct NeverCame: Error {}
