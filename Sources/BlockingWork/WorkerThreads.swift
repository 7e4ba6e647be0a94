import LinuxSystem
import Synchronization

/// A fixed set of threads for work that may block.
///
/// Threads start when work is waiting and all others are busy, and stay.
package final class WorkerThreads: Sendable {
    private struct State {
        /// Waiting work; `first` is the index of the oldest, so that taking one moves nothing.
        var queue: [@Sendable () -> Void] = []
        var first = 0
        var threads = 0
        var idle = 0
        var isClosed = false

        var waiting: Int { queue.count - first }

        mutating func takeOldest() -> (@Sendable () -> Void)? {
            guard first < queue.count else { return nil }
            let work = queue[first]
            first += 1
            if first == queue.count || first >= 256 {
                queue.removeFirst(first)
                first = 0
            }
            return work
        }
    }

    private let name: String
    private let limit: Int
    private let state = Mutex(State())
    private let wakeUp = ThreadSignal()

    /// - Parameters:
    ///   - name: what ps(1) shows for the threads, at most 15 bytes.
    ///   - limit: the number of threads, at least 1.
    package init(name: String, limit: Int) {
        precondition(limit > 0)
        self.name = name
        self.limit = limit
    }

    /// Runs `body` on one of the threads and returns what it returns. The order is first come, first served.
    ///
    /// Cancelling the calling task does not stop `body`; whoever needs that checks `Task.isCancelled` before he calls.
    package func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, Failure>, Never>) in
            submit { continuation.resume(returning: Result(catching: body)) }
        }
        return try result.get()
    }

    /// Runs `body` on one of the threads some time; nobody waits for it.
    package func submit(_ body: @escaping @Sendable () -> Void) {
        let needsThread = state.withLock { state in
            precondition(!state.isClosed, "work for threads that were closed")
            state.queue.append(body)
            guard state.idle < state.waiting, state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        if needsThread { startThread() }
        wakeUp.signal()
    }

    /// Lets the threads end when the queue is empty. No work may follow.
    package func close() {
        let threads = state.withLock { state in
            state.isClosed = true
            return state.threads
        }
        for _ in 0..<threads { wakeUp.signal() }
    }

    private func startThread() {
        DetachedThread.start(name: name) { [self] in
            while true {
                state.withLock { $0.idle += 1 }
                wakeUp.wait()
                let (work, isClosed) = state.withLock { state in
                    state.idle -= 1
                    return (state.takeOldest(), state.isClosed)
                }
                if let work {
                    work()
                } else if isClosed {
                    return
                }
            }
        }
    }
}
