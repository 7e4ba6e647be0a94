import CSIWire
import Synchronization

/// Whether this server takes calls: it does until it begins to stop.
package final class Health: Sendable {
    private struct State {
        var isStopping = false
        var nextID: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    var status: HealthCheckResponse.Status {
        state.withLock { $0.isStopping } ? .notServing : .serving
    }

    /// Tells everyone who watches.
    package func beginStopping() {
        let waiting = state.withLock { state in
            state.isStopping = true
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns when the server begins to stop or the task is cancelled.
    func untilStopping() async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isStopping || Task.isCancelled { return true }
                    state.waiting[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            // Either this finds the continuation, or the check above finds the cancellation.
            state.withLock { $0.waiting.removeValue(forKey: id) }?.resume()
        }
    }
}
