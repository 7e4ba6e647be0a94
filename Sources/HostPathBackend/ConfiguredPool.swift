import PoolStore
import StorageModel
import Synchronization

/// A pool of the configuration, whether it is there or not: it is looked at again by each call that needs it.
final class ConfiguredPool: Sendable {
    private struct State {
        var open: Pool?
        /// The id it has or had; nil for a pool that was never there.
        var id: PoolID?
        var absence: DriverError?
        var isClosed = false
    }

    let configuration: PoolConfiguration
    private let memory: PoolMemory
    private let report: @Sendable (PoolEvent) -> Void
    /// Held for moments only: calls that must not wait for a disk ask it.
    private let state: Mutex<State>
    /// Held while the pool is opened.
    private let opening = Mutex(())

    init(_ configuration: PoolConfiguration, memory: PoolMemory, report: @escaping @Sendable (PoolEvent) -> Void) {
        self.configuration = configuration
        self.memory = memory
        self.report = report
        state = Mutex(State(id: try? memory.id(of: configuration.name)))
    }

    var name: String { configuration.name }

    /// Without a look at the disk.
    var knownID: PoolID? { state.withLock { $0.id } }

    /// Why it was absent when it was last looked at.
    var absence: DriverError {
        state.withLock { $0.absence }
            ?? DriverError(.unavailable, "pool \"\(name)\" was not looked at yet; repeat the call")
    }

    /// The open pool, opened now if it was not.
    ///
    /// - Parameters:
    ///   - isTaken: whether another pool has the id.
    ///   - opened: called with a pool that is newly open.
    ///   - left: called with a pool that is no longer where it was.
    /// - Throws: UNAVAILABLE while it is absent.
    func pool(
        isTaken: (PoolID) -> Bool, opened: (Pool) -> Void, left: (Pool) -> Void
    ) throws(DriverError) -> Pool {
        if let open = state.withLock({ $0.open }), open.isStillThere { return open }
        return try opening.withLock { _ throws(DriverError) in
            try openIfNeeded(isTaken: isTaken, opened: opened, left: left)
        }
    }

    private func openIfNeeded(
        isTaken: (PoolID) -> Bool, opened: (Pool) -> Void, left: (Pool) -> Void
    ) throws(DriverError) -> Pool {
        if let open = state.withLock({ $0.open }) {
            if open.isStillThere { return open }
            // Given up before the next look, and its lock with it.
            state.withLock { $0.open = nil }
            left(open)
        }
        guard !state.withLock({ $0.isClosed }) else {
            throw DriverError(.unavailable, "the driver is stopping; repeat the call")
        }
        do throws(DriverError) {
            let pool = try Pool.open(
                name: name, path: configuration.path, makesDirectory: configuration.isDefault, memory: memory,
                isTaken: isTaken)
            state.withLock { state in
                state.open = pool
                state.id = pool.id
                state.absence = nil
            }
            report(.opened(pool: name, id: pool.id.text, path: configuration.path))
            opened(pool)
            return pool
        } catch {
            let isNew = state.withLock { state in
                defer { state.absence = error }
                return state.absence != error
            }
            if isNew { report(.absent(pool: name, reason: error.message)) }
            throw error
        }
    }

    /// Gives the pool up, for another process to serve.
    func close() {
        opening.withLock { _ in
            state.withLock { state in
                state.open = nil
                state.isClosed = true
            }
        }
    }
}
