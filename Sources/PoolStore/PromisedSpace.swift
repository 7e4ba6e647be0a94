import LinuxSystem
package import StorageModel
import Synchronization

/// What the volumes of all pools of this process were promised, added up for each file system.
///
/// A promise lasts from the create until the data is gone, so room that is still being emptied is not given away twice.
///
/// No reserve of our own is kept back: what the file system keeps for root (`free` less `available` of statfs(2), 5 %
/// of an ext4 by default) is not given away, and it is there for exactly this purpose.
package final class PromisedSpace: Sendable {
    private struct Share {
        /// Which opening of the pool it belongs to: what an earlier one still gives back is in no sum any more.
        var opening: ObjectIdentifier
        var device: UInt64
        var bytes: Int64

        init(_ pool: Pool, _ bytes: Int64) {
            opening = ObjectIdentifier(pool)
            device = pool.device
            self.bytes = bytes
        }
    }

    private let shares = Mutex<[PoolID: Share]>([:])

    package init() {}

    /// Sets what a pool holds, when it is opened.
    package func set(_ bytes: Int64, for pool: Pool) {
        shares.withLock { $0[pool.id] = Share(pool, bytes) }
    }

    /// Forgets a pool that is gone.
    package func remove(_ pool: Pool) {
        shares.withLock { shares in
            if shares[pool.id]?.opening == ObjectIdentifier(pool) { shares[pool.id] = nil }
        }
    }

    /// Sets `bytes` aside for a new volume.
    ///
    /// - Throws: OUT_OF_RANGE when the file system could never hold it, RESOURCE_EXHAUSTED when it cannot now.
    package func reserve(_ bytes: Int64, in pool: Pool) throws(DriverError) {
        guard bytes > 0 else { return }
        let status = try pool.fileSystemStatus()
        try shares.withLock { shares throws(DriverError) in
            let usable = Self.usable(status)
            guard bytes <= usable else {
                throw DriverError(
                    .outOfRange,
                    "\(bytes) bytes were asked for, and the file system of pool \"\(pool.name)\" (\(pool.path)) "
                        + "has \(usable) in all; ask for less or use a pool on a larger disk")
            }
            let promised = Self.promised(on: pool.device, shares)
            let available = Self.available(status, promised: promised)
            guard bytes <= available else {
                throw DriverError(
                    .resourceExhausted,
                    "\(bytes) bytes were asked for, and pool \"\(pool.name)\" (\(pool.path)) has room for "
                        + "\(available): of \(usable) bytes \(promised) are promised to volumes and "
                        + "\(status.available) are free; delete volumes or other files, or use another pool")
            }
            shares[pool.id, default: Share(pool, 0)].bytes += bytes
        }
    }

    /// Gives back what a volume was promised.
    package func release(_ bytes: Int64, in pool: Pool) {
        shares.withLock { shares in
            guard let share = shares[pool.id], share.opening == ObjectIdentifier(pool) else { return }
            shares[pool.id]?.bytes = max(0, share.bytes - bytes)
        }
    }

    /// Bytes that a new volume in this pool could have.
    package func available(in pool: Pool) throws(DriverError) -> Int64 {
        let status = try pool.fileSystemStatus()
        return shares.withLock { Self.available(status, promised: Self.promised(on: pool.device, $0)) }
    }

    /// Bytes that all volumes on this pool's file system were promised.
    package func promised(onFileSystemOf pool: Pool) -> Int64 {
        shares.withLock { Self.promised(on: pool.device, $0) }
    }

    /// Bytes that the volumes of this pool were promised.
    package func promised(in pool: Pool) -> Int64 {
        shares.withLock { $0[pool.id]?.bytes ?? 0 }
    }

    private static func promised(on device: UInt64, _ shares: [PoolID: Share]) -> Int64 {
        shares.values.reduce(0) { $1.device == device ? $0.addingSaturating($1.bytes) : $0 }
    }

    private static func usable(_ status: FileSystemStatus) -> Int64 {
        let reserve = status.free - min(status.free, status.available)
        return Int64(clamping: status.total - min(status.total, reserve))
    }

    private static func available(_ status: FileSystemStatus, promised: Int64) -> Int64 {
        max(0, min(Int64(clamping: status.available), usable(status) - promised))
    }
}
