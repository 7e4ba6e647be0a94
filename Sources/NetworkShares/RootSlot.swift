import LinuxSystem
import StorageModel
import Synchronization

/// Where the root of one share is kept. Used on the lane of its share, but for `dropIdleRoot`.
final class RootSlot: Sendable {
    private struct State {
        var root: ShareRoot?
        var lastUse: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    /// Held while a root is made, so that calls which come together make one.
    private let making = Mutex(())

    /// - Parameter make: called by one thread at a time, while others wait for its root.
    func root(_ make: () throws(DriverError) -> ShareRoot) throws(DriverError) -> ShareRoot {
        if let root = state.withLock({ $0.root }) { return root }
        return try making.withLock { _ throws(DriverError) in
            if let root = state.withLock({ $0.root }) { return root }
            let made = try make()
            state.withLock { $0.root = made }
            return made
        }
    }

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

    /// The root, if nobody used it since then: to be released on its lane.
    func dropIdleRoot(since limit: ContinuousClock.Instant) -> ShareRoot? {
        state.withLock { state in
            guard let lastUse = state.lastUse, lastUse <= limit else { return nil }
            defer { state.root = nil }
            return state.root
        }
    }
}
