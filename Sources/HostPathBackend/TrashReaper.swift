import LinuxSystem
import PoolStore
import StorageModel
import Synchronization
import TreeCopy

/// Empties the trash on a thread of its own, one entry after the other, so that no caller waits for a large tree.
final class TrashReaper: Sendable {
    struct Job: Sendable {
        var pool: Pool
        var entry: TrashEntry
    }

    private struct State {
        var jobs: ArraySlice<Job> = []
        /// What could not be removed, with the reason that was reported.
        var left: [(job: Job, reason: String)] = []
        var isStarted = false
    }

    private let state = Mutex(State())
    private let isStopping = Atomic(false)
    private let wakeUp = ThreadSignal()
    private let ended = ThreadSignal()
    private let removed: @Sendable (Job) -> Void
    private let report: @Sendable (PoolEvent) -> Void

    /// - Parameter removed: called when an entry is gone and its room with it.
    init(removed: @escaping @Sendable (Job) -> Void, report: @escaping @Sendable (PoolEvent) -> Void) {
        self.removed = removed
        self.report = report
    }

    /// - Parameter prepare: runs on the thread before anything else.
    func start(_ prepare: @escaping @Sendable () -> Void) {
        state.withLock { $0.isStarted = true }
        DetachedThread.start(name: "trash-reaper") { [self] in
            prepare()
            while !isStopping.load(ordering: .acquiring) {
                wakeUp.wait()
                while let job = next() { remove(job) }
            }
            ended.signal()
        }
    }

    /// Adds work. What could not be removed before is tried again after it.
    func enqueue(_ jobs: [Job]) {
        guard !jobs.isEmpty else { return }
        state.withLock { $0.jobs += jobs }
        wakeUp.signal()
    }

    /// Returns when the thread has ended, which waits for one entry of a directory at most.
    func stop() {
        let wasStarted = state.withLock { state in
            defer { state.isStarted = false }
            return state.isStarted
        }
        guard wasStarted else { return }
        isStopping.store(true, ordering: .releasing)
        wakeUp.signal()
        ended.wait()
        // The jobs hold pools open.
        state.withLock { state in
            state.jobs = []
            state.left = []
        }
    }

    private func next() -> Job? {
        guard !isStopping.load(ordering: .acquiring) else { return nil }
        return state.withLock { $0.jobs.popFirst() }
    }

    private func remove(_ job: Job) {
        let failure = failure(of: job)
        guard !isStopping.load(ordering: .acquiring) else { return }
        var retry: [Job] = []
        let isNews = state.withLock { state in
            let before = state.left.first { $0.job.entry == job.entry }?.reason
            state.left.removeAll { $0.job.entry == job.entry }
            if let failure {
                state.left.append((job, failure))
            } else if state.jobs.isEmpty {
                retry = state.left.map(\.job)
            }
            return before != failure
        }
        if let failure {
            if isNews {
                report(.trashLeft(pool: job.pool.name, entry: job.entry.name, reason: failure))
            }
        } else {
            removed(job)
            report(.trashRemoved(pool: job.pool.name, entry: job.entry.name))
        }
        enqueue(retry)
    }

    private func failure(of job: Job) -> String? {
        do throws(TreeRemoval.Failure) {
            _ = try TreeRemoval.remove(job.entry.name, in: job.pool.trash) {
                isStopping.load(ordering: .acquiring)
            }
            return nil
        } catch {
            return error.description
        }
    }
}
