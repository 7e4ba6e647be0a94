import LinuxSystem
import Synchronization

/// A fixed set of threads for work that may block, and the executor of tasks that do nothing else.
///
/// Threads start when work is waiting and all others are busy, and stay.
package final class WorkerThreads: TaskExecutor {
    private struct State {
        /// Waiting work; `first` is the index of the oldest, so that taking one moves nothing.
        var queue: [@Sendable () -> Void] = []
        var first = 0
        var threads = 0
        /// The threads that sleep. The last to fall asleep is the first to be woken: what it used last is still in the
        /// caches.
        var idle: [ThreadSignal] = []
        var isClosed = false

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

    private enum Next {
        case work(@Sendable () -> Void)
        case sleep
        case end
    }

    private let name: String
    private let limit: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - name: what ps(1) shows for the threads, at most 15 bytes.
    ///   - limit: the number of threads, at least 1.
    package init(name: String, limit: Int) {
        precondition(limit > 0)
        self.name = name
        self.limit = limit
    }

    /// Runs `body` on one of the threads and returns what it returns. The order is first come, first served; a caller
    /// that is on one of the threads already, because its task runs on them, goes on at once.
    ///
    /// Cancelling the calling task does not stop `body`; whoever needs that checks `Task.isCancelled` before he calls.
    package func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        if CurrentThread.group == ObjectIdentifier.Number(self) { return try body() }
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, Failure>, Never>) in
            submit { continuation.resume(returning: Result(catching: body)) }
        }
        return try result.get()
    }

    /// Runs `body` on one of the threads some time; nobody waits for it.
    package func submit(_ body: @escaping @Sendable () -> Void) {
        let (sleeper, needsThread) = state.withLock { state -> (ThreadSignal?, Bool) in
            precondition(!state.isClosed, "work for threads that were closed")
            state.queue.append(body)
            if let sleeper = state.idle.popLast() { return (sleeper, false) }
            guard state.threads < limit else { return (nil, false) }
            state.threads += 1
            return (nil, true)
        }
        sleeper?.signal()
        if needsThread { startThread() }
    }

    /// Takes the next piece of a task that prefers these threads.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        submit { self.run(job) }
    }

    /// Lets the threads end when the queue is empty. No work may follow.
    package func close() {
        let sleepers = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return state.idle
        }
        for sleeper in sleepers { sleeper.signal() }
    }

    private func startThread() {
        DetachedThread.start(name: name) { [self] in
            CurrentThread.group = ObjectIdentifier.Number(self)
            let signal = ThreadSignal()
            while true {
                switch next(for: signal) {
                case .work(let work): work()
                case .sleep: signal.wait()
                case .end: return
                }
            }
        }
    }

    private func next(for signal: ThreadSignal) -> Next {
        state.withLock { state in
            if let work = state.takeOldest() { return .work(work) }
            if state.isClosed { return .end }
            state.idle.append(signal)
            return .sleep
        }
    }
}
