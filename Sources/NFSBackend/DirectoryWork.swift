import PoolStore
import StorageModel
import Synchronization

/// The directories of shares that a create or a delete of this process is at.
///
/// A call that was answered at its deadline goes on as soon as the server is back, and would do what it had left to do
/// to a volume that a repeated call made or deleted since. The gates of the answered call are open by then; so whoever
/// comes to the same directory is turned away until it has ended.
final class DirectoryWork: Sendable {
    private struct Place: Hashable {
        let share: NFSShare
        let path: SharePath
    }

    private let places = Mutex<Set<Place>>([])

    /// Runs `body`, on the lane of the share.
    ///
    /// - Throws: ABORTED while an earlier call is at the directory.
    func alone<Value>(
        at path: SharePath, on share: NFSShare, for volume: VolumeID, _ body: () throws(DriverError) -> Value
    ) throws(DriverError) -> Value {
        let place = Place(share: share, path: path)
        guard places.withLock({ $0.insert(place).inserted }) else {
            throw DriverError(
                .aborted,
                "volume \(volume): an earlier call on its directory was answered when its time was over and still "
                    + "waits for \(share.source); repeat the call")
        }
        defer { _ = places.withLock { $0.remove(place) } }
        return try body()
    }
}
