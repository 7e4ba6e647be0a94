package import StorageModel
import Synchronization

/// Exclusive rights on keys: who asks for one that is held gets ABORTED and does not wait, because the orchestrator
/// repeats a call but never cancels one (CSI spec, "Concurrency").
package final class Gates: Sendable {
    package enum Key: Hashable, Sendable {
        case volume(VolumeID)
        case volumeName(String, backend: String)
    }

    private let held = Mutex<Set<Key>>([])

    package init() {}

    /// Runs `body` while holding `keys`, all of them or none.
    package func holding<Value>(
        _ keys: Key..., body: () async throws(DriverError) -> Value
    ) async throws(DriverError) -> Value {
        let wanted = Set(keys)
        let busy = held.withLock { held -> Key? in
            if let busy = wanted.first(where: held.contains) { return busy }
            held.formUnion(wanted)
            return nil
        }
        if let busy { throw Self.aborted(busy) }
        defer { held.withLock { $0.subtract(wanted) } }
        return try await body()
    }

    private static func aborted(_ key: Key) -> DriverError {
        switch key {
        case .volume(let id):
            DriverError(.aborted, "another call for volume \(id) is still being carried out; repeat this one later")
        case .volumeName(let name, _):
            DriverError(
                .aborted, "another call for the volume name \(name) is still being carried out; repeat this one later")
        }
    }
}
