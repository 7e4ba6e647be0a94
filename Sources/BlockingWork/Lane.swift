import LinuxSystem
import Synchronization

/// The few threads on which everything that touches one network share runs.
///
/// A system call on a share whose server is gone cannot be interrupted. So a caller waits until its deadline and no
/// longer, the thread stays behind, and after the first that did the lane refuses further calls at once until there is
/// an answer again. Whatever happens to a share, it costs the threads of its lane, and nobody else's.
///
/// A lane lives as long as somebody holds it, one of its threads runs, or something waits to be released. One that
/// nobody holds any more is forgotten after that, even when its circuit is open.
package final class Lane: Sendable {
    /// What it leads to, for errors and logs.
    package let name: String

    private let clock: any LaneClock
    private let isSilence: @Sendable (any Error) -> Bool
    private let report: @Sendable (LaneEvent) -> Void
    private let state: Mutex<LaneState>

    /// - Parameters:
    ///   - name: what it leads to, for errors and logs: no secret, no mount option.
    ///   - isSilence: whether an error that work threw says that there was no answer, as ETIMEDOUT on a soft mount
    ///     does. It opens the circuit like a deadline that passed, and work that throws it proves nothing.
    ///   - probe: run on the lane after each pause. Without it, the next call after the pause finds out.
    ///   - report: told each change of the circuit, in order, one at a time, on whatever thread brought it about, the
    ///     one of all deadlines included: it must not block.
    package init(
        _ name: String, limits: LaneLimits = .init(), clock: any LaneClock,
        isSilence: @escaping @Sendable (any Error) -> Bool = { _ in false },
        probe: LaneProbe? = nil,
        report: @escaping @Sendable (LaneEvent) -> Void = { _ in }
    ) {
        self.name = name
        self.clock = clock
        self.isSilence = isSilence
        self.report = report
        state = Mutex(LaneState(lane: name, limits: limits, ownProbe: probe, now: clock.now))
    }

    deinit {
        clock.removeAlarm(of: identity)
    }

    private var identity: ObjectIdentifier.Number { ObjectIdentifier.Number(self) }

    package var snapshot: LaneSnapshot {
        state.withLock { $0.snapshot(now: clock.now) }
    }

    /// Runs `body` on the lane and returns what it returns; at the deadline, or when the calling task is cancelled,
    /// only that it goes on. No thread is held meanwhile but the lane's. A caller that is on a thread of the lane
    /// already goes on at once.
    ///
    /// Only a result that came in time is returned. One that came later is given to `late`, or simply destroyed, on the
    /// thread of the lane that made it: so what it owns is given back there, where it may wait for the server. `late`
    /// is not called for an error, nor for a body that never began.
    ///
    /// What `body` and `late` capture is released on the lane or on the thread of the caller. Neither may be the last
    /// to hold something whose end can wait for the server: that goes to `release`.
    package func run<Value: ~Copyable & Sendable, Failure: Error>(
        until deadline: ContinuousClock.Instant,
        late: (@Sendable (consuming Value) -> Void)? = nil,
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(LaneError<Failure>) -> Value {
        if CurrentThread.group == identity {
            do throws(Failure) { return try body() } catch { throw .failed(error) }
        }
        let call = LaneCall(late: late, body)
        let id = ObjectIdentifier(call)
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                call.resume(waiter)
                act { $0.admit(call, until: deadline, isCancelled: Task.isCancelled, now: clock.now) }
                // A handler that came just before the call was let in found nothing to cancel.
                if Task.isCancelled { act { $0.cancel(id, now: clock.now) } }
            }
        } onCancel: {
            act { $0.cancel(id, now: clock.now) }
        }
        // Until here, so that whoever dropped them was never the last to hold them.
        withExtendedLifetime((body, late)) {}
        return try call.answer()
    }

    /// Runs `body`, which gives something back, on the lane some time; nobody waits for it. It is never refused, but
    /// waits while the circuit is open. A caller that is on a thread of the lane runs it at once.
    package func release(_ body: @escaping @Sendable () -> Void) {
        if CurrentThread.group == identity { return body() }
        let chore = LaneChore {
            body()
            return true
        }
        act { $0.admitRelease(chore, now: clock.now) }
    }

    /// Ends the life of a value, which may wait for the server, on the lane: as `release`.
    package func release<Value: ~Copyable & Sendable>(_ value: consuming Value) {
        let box = LaneBox(value)
        release { box.empty() }
    }

    /// Refuses all calls from now on, those that wait for a thread included. Idle threads end, the others after the
    /// work they are at and what is left to release; one that is stuck is abandoned and ends when the kernel lets it
    /// go.
    package func close() {
        act { $0.close(now: clock.now) }
    }

    // MARK: The state's wishes

    private func act(_ step: (inout LaneState) -> LaneState.Actions) {
        perform(state.withLock { step(&$0) })
    }

    private func perform(_ actions: LaneState.Actions) {
        for signal in actions.signals { signal.signal() }
        for _ in 0..<actions.threadsToStart { startThread() }
        if let alarm = actions.alarm {
            clock.setAlarm(of: identity, at: alarm) { [weak self] in
                guard let self else { return }
                act { $0.wake(now: clock.now) }
            }
        }
        for (work, end) in actions.ended { work.leave(end) }
        while let event = state.withLock({ $0.takeEvent() }) {
            report(event)
            state.withLock { $0.isReporting = false }
        }
    }

    // MARK: Threads

    private func startThread() {
        DetachedThread.start(name: "moorage-lane") { [self] in
            CurrentThread.group = identity
            let signal = ThreadSignal()
            while true {
                let (next, actions) = state.withLock { $0.next(for: signal, now: clock.now) }
                perform(actions)
                switch next {
                case .work(let entry): perform(entry.work)
                case .sleep: signal.wait()
                case .end: return
                }
            }
        }
    }

    private func perform(_ work: any LaneWork) {
        let id = ObjectIdentifier(work)
        let silent = work.perform(isSilence: isSilence)
        let (settlement, actions) = state.withLock { $0.returned(id, isSilence: silent, now: clock.now) }
        perform(actions)
        switch settlement {
        case .deliver:
            work.deliver()
        case .discard:
            work.discard()
            act { $0.discarded(id, isSilence: silent, now: clock.now) }
        }
    }
}

/// Holds a value that cannot be copied until it is to end.
private final class LaneBox<Value: ~Copyable & Sendable>: Sendable {
    private let value: Mutex<Value?>

    init(_ value: consuming Value) {
        self.value = Mutex(value)
    }

    func empty() {
        _ = value.withLock { $0.take() }
    }
}
