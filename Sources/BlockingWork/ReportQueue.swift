import LinuxSystem
import Synchronization

/// Hands on what happened to somebody slow, such as a log: on a thread of its own, in order, and keeping only so much.
/// Whoever reports never waits. The thread starts with the first report.
package final class ReportQueue: Sendable {
    private struct State {
        /// The oldest first.
        var waiting: [@Sendable () -> Void] = []
        /// Reports that found no room since the last one that did.
        var dropped = 0
        var isStarted = false
    }

    private let name: String
    private let limit: Int
    private let onDropped: @Sendable (Int) -> Void
    private let state = Mutex(State())
    private let signal = ThreadSignal()

    /// - Parameters:
    ///   - name: what ps(1) shows for the thread, at most 15 bytes.
    ///   - limit: how many reports may wait; what comes when so many do is dropped.
    ///   - onDropped: told how many were dropped, in the place where they are missing.
    package init(name: String, limit: Int = 256, onDropped: @escaping @Sendable (Int) -> Void) {
        precondition(limit > 0)
        self.name = name
        self.limit = limit
        self.onDropped = onDropped
    }

    /// Has `report` run some time, after all that were submitted before.
    package func submit(_ report: @escaping @Sendable () -> Void) {
        let isFirst = state.withLock { state in
            guard state.waiting.count < limit else {
                state.dropped += 1
                return false
            }
            if let notice = takeNotice(&state) { state.waiting.append(notice) }
            state.waiting.append(report)
            defer { state.isStarted = true }
            return !state.isStarted
        }
        if isFirst { start() }
        signal.signal()
    }

    /// Waits until all that was submitted has been handed on, for about `time` at most.
    package func finish(within time: Duration) {
        guard state.withLock({ $0.isStarted }) else { return }
        let isDone = ThreadSignal()
        submit { isDone.signal() }
        isDone.wait(atMost: time)
    }

    private func takeNotice(_ state: inout State) -> (@Sendable () -> Void)? {
        guard state.dropped > 0 else { return nil }
        defer { state.dropped = 0 }
        return { [onDropped, dropped = state.dropped] in onDropped(dropped) }
    }

    private func start() {
        DetachedThread.start(name: name) { [self] in
            while true {
                signal.wait()
                while let report = next() { report() }
            }
        }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            state.waiting.isEmpty ? takeNotice(&state) : state.waiting.removeFirst()
        }
    }
}
