import BlockingWork
import StorageModel
import Synchronization

/// Where the root of one share is kept. A root is made on the lane of its share, and let go of there.
final class RootSlot: Sendable {
    private struct State {
        var root: ShareRoot?
        /// Of the share: kept with the root, so that the lane knows how the server is as long as there is one, and can
        /// ask it.
        var lane: Lane?
        var lastUse: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    /// Held while a root is made, so that calls which come together make one.
    private let making = Mutex(())

    /// - Parameter make: called by one thread at a time, while others wait for its root.
    func root(on lane: Lane, _ make: () throws(DriverError) -> ShareRoot) throws(DriverError) -> ShareRoot {
        if let root = currentRoot { return root }
        return try making.withLock { _ throws(DriverError) in
            if let root = currentRoot { return root }
            let made = try make()
            state.withLock { state in
                state.root = made
                state.lane = lane
            }
            return made
        }
    }

    /// To be let go of on the lane.
    var currentRoot: ShareRoot? { state.withLock { $0.root } }

    var lane: Lane? { state.withLock { $0.lane } }

    func touch(at now: ContinuousClock.Instant) {
        state.withLock { $0.lastUse = now }
    }

    /// When a root was last asked for; nil when none is kept.
    var lastUseOfRoot: ContinuousClock.Instant? {
        state.withLock { $0.root == nil ? nil : $0.lastUse }
    }

    /// - Returns: whether the root is stale. It is no longer used then, by whoever finds that out first.
    func drop(ifStale root: ShareRoot) -> Bool {
        guard root.isStale else { return false }
        state.withLock { if $0.root === root { $0.root = nil } }
        return true
    }

    func isIdle(since limit: ContinuousClock.Instant) -> Bool {
        state.withLock { state in state.lastUse.map { $0 <= limit } ?? false }
    }

    /// What it keeps, which it then does no longer: the root, to end on the lane.
    func take() -> (Parting<ShareRoot>, Lane)? {
        state.withLock { state in
            guard let root = state.root.take(), let lane = state.lane.take() else { return nil }
            return (Parting(root), lane)
        }
    }
}
