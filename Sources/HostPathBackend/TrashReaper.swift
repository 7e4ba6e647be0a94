import LinuxSystem
import PoolStore
import StorageModel
import Synchronization
import TreeCopy

/// Empties the trash on a thread of its own, one entry after the other, so that no caller waits for a large tree.
final class TrashReaper: Sendable {
    enum Job: Sendable {
        /// Read what a pool that was opened holds, its trash included.
        case settle(Pool)
        case remove(TrashEntry, Pool)
    }

    /// What could not be removed, with the reason that was reported.
    private struct Leftover {
        var entry: TrashEntry
        var pool: Pool
        var reason: String
    }

    /// First in, first out. A job that was taken is kept nowhere: it would hold its pool, and the pool's lock.
    private struct Queue {
        private var added: [Job] = []
        /// The oldest last.
        private var next: [Job] = []

        var isEmpty: Bool { added.isEmpty && next.isEmpty }

        mutating func add(_ jobs: [Job]) {
            added += jobs
        }

        mutating func takeOldest() -> Job? {
            if next.isEmpty {
                next = added.reversed()
                added = []
            }
            return next.popLast()
        }
    }

    private struct State {
        var jobs = Queue()
        var left: [Leftover] = []
        var isStarted = false
    }

    private let state = Mutex(State())
    private let isStopping = Atomic(false)
    private let wakeUp = ThreadSignal()
    private let ended = ThreadSignal()
    private let removed: @Sendable (TrashEntry, Pool) -> Void
    private let report: @Sendable (PoolEvent) -> Void

    /// - Parameter removed: called when an entry is gone and its room with it.
    init(removed: @escaping @Sendable (TrashEntry, Pool) -> Void, report: @escaping @Sendable (PoolEvent) -> Void) {
        self.removed = removed
        self.report = report
    }

    /// - Parameter settle: what `Job.settle` means.
    func start(settling settle: @escaping @Sendable (Pool) -> Void) {
        state.withLock { $0.isStarted = true }
        DetachedThread.start(name: "trash-reaper") { [self] in
            while !isStopping.load(ordering: .acquiring) {
                wakeUp.wait()
                while let job = next() {
                    switch job {
                    case .settle(let pool): settle(pool)
                    case .remove(let entry, let pool): remove(entry, pool)
                    }
                }
            }
            ended.signal()
        }
    }

    /// Adds work. What could not be removed before is tried again after it.
    func enqueue(_ jobs: [Job]) {
        guard !jobs.isEmpty else { return }
        state.withLock { $0.jobs.add(jobs) }
        wakeUp.signal()
    }

    /// Returns when the thread has ended, which waits for one entry of a directory at most, or for the end of a settle.
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
            state.jobs = Queue()
            state.left = []
        }
    }

    private func next() -> Job? {
        guard !isStopping.load(ordering: .acquiring) else { return nil }
        return state.withLock { $0.jobs.takeOldest() }
    }

    private func remove(_ entry: TrashEntry, _ pool: Pool) {
        let failure = failureToRemove(entry, pool)
        guard !isStopping.load(ordering: .acquiring) else { return }
        var retry: [Job] = []
        let isNews = state.withLock { state in
            let before = state.left.first { $0.entry == entry }?.reason
            state.left.removeAll { $0.entry == entry }
            if let failure {
                state.left.append(Leftover(entry: entry, pool: pool, reason: failure))
            } else if state.jobs.isEmpty {
                retry = state.left.map { .remove($0.entry, $0.pool) }
            }
            return before != failure
        }
        if let failure {
            if isNews { report(.trashLeft(pool: pool.name, entry: entry.name, reason: failure)) }
        } else {
            removed(entry, pool)
            report(.trashRemoved(pool: pool.name, entry: entry.name))
        }
        enqueue(retry)
    }

    private func failureToRemove(_ entry: TrashEntry, _ pool: Pool) -> String? {
        CrashPoint.reaping.pass()
        do throws(TreeRemoval.Failure) {
            _ = try TreeRemoval.remove(entry.name, in: pool.trash) { isStopping.load(ordering: .acquiring) }
            return nil
        } catch {
            return error.description
        }
    }
}

extension CrashPoint {
    fileprivate static let reaping = CrashPoint("delete.reaping")
}
