package import LinuxSystem
import Synchronization

/// What a lane knows of time: what it is, and to be woken at some.
package protocol LaneClock: Sendable {
    var now: ContinuousClock.Instant { get }

    /// Calls `action` once, at `instant` or soon after it, on a thread that serves all lanes: it must not block. An
    /// owner has one alarm: an earlier one that is set already stays, a later one is replaced.
    func setAlarm(
        of owner: ObjectIdentifier.Number, at instant: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void
    )

    func removeAlarm(of owner: ObjectIdentifier.Number)
}

/// The real time, with one thread for the alarms of all lanes.
///
/// The thread starts with the first alarm and sleeps until the next one is due: a driver without lanes has none, and
/// lanes without calls cost nothing. `Task.sleep` would do the same on four threads of Dispatch's, which nobody here
/// names or counts.
package final class LaneTimer: LaneClock {
    private struct Alarm {
        let instant: ContinuousClock.Instant
        let action: @Sendable () -> Void
    }

    private enum Phase {
        case new
        case awake
        /// nil: until it is signalled.
        case asleep(until: ContinuousClock.Instant?)
        case closed
    }

    private struct State {
        var phase = Phase.new
        var alarms: [ObjectIdentifier.Number: Alarm] = [:]
    }

    private enum Next {
        case act([Alarm])
        case sleep(Duration?)
        case end
    }

    private let state = Mutex(State())
    private let signal = ThreadSignal()

    package init() {}

    package var now: ContinuousClock.Instant { .now }

    package func setAlarm(
        of owner: ObjectIdentifier.Number, at instant: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void
    ) {
        let (isFirst, isNext) = state.withLock { state in
            if let before = state.alarms[owner], before.instant <= instant { return (false, false) }
            state.alarms[owner] = Alarm(instant: instant, action: action)
            switch state.phase {
            case .new:
                state.phase = .awake
                return (true, false)
            case .asleep(let until):
                return (false, until.map { instant < $0 } ?? true)
            case .awake, .closed:
                return (false, false)
            }
        }
        if isFirst { start() }
        if isNext { signal.signal() }
    }

    package func removeAlarm(of owner: ObjectIdentifier.Number) {
        // Outside of the lock goes what the action holds.
        _ = state.withLock { $0.alarms.removeValue(forKey: owner) }
    }

    /// Ends the thread. No alarm is heard any more.
    package func close() {
        let alarms = state.withLock { state in
            state.phase = .closed
            defer { state.alarms = [:] }
            return state.alarms
        }
        _ = consume alarms
        signal.signal()
    }

    private func start() {
        DetachedThread.start(name: "lane-timer") { [self] in
            while true {
                switch next() {
                case .act(let alarms): for alarm in alarms { alarm.action() }
                case .sleep(let time?): signal.wait(atMost: time)
                case .sleep(nil): signal.wait()
                case .end: return
                }
            }
        }
    }

    private func next() -> Next {
        state.withLock { state in
            if case .closed = state.phase { return .end }
            let now = now
            state.phase = .awake
            let due = state.alarms.filter { $0.value.instant <= now }
            for owner in due.keys { state.alarms[owner] = nil }
            guard due.isEmpty else { return .act(Array(due.values)) }
            let earliest = state.alarms.values.lazy.map(\.instant).min()
            state.phase = .asleep(until: earliest)
            return .sleep(earliest.map { now.duration(to: $0) })
        }
    }
}
