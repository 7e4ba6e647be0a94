package import StorageModel

/// Who keeps the node's mounts: knows what was asked for, asks the kernel what is there, attaches and detaches.
///
/// Calls for one volume never overlap (``Gates``). The tracker judges no capability and no access mode.
package protocol MountTracker: Sendable {
    /// Every entry for the volume, each with what the kernel says of its path now.
    func mounts(of volume: VolumeID) async throws(DriverError) -> [TrackedMount]

    /// Up to `limit` entries with paths after `path`, in the order of their paths, each with what the kernel says of it
    /// now; of one volume, or of all.
    func listing(after path: String?, of volume: VolumeID?, limit: Int) async throws(DriverError) -> [ListedMount]

    /// How many entries each of these volumes has. The kernel is not asked.
    func counts(of volumes: [VolumeID]) async throws(DriverError) -> [Int]

    /// Whether the volume is mounted anywhere on this node.
    func isInUse(_ volume: VolumeID) async throws(DriverError) -> Bool

    /// Mounts the plan at the intent's path; does nothing when it is mounted there like that already. A block device
    /// needs no staging and is not mounted: it is only looked for.
    func stage(_ intent: MountIntent, plan: MountPlan) async throws(DriverError)

    /// Mounts what is staged at `stagingPath`, which must be what the plan says, at the intent's path; a block device
    /// is bound there from its own place.
    func publish(_ intent: MountIntent, plan: MountPlan, stagingPath: String) async throws(DriverError)

    /// Unmounts what is at the path and leaves the directory. Nothing there is a success.
    func unstage(_ volume: VolumeID, path: String) async throws(DriverError)

    /// Unmounts what is at the path and removes the directory. Nothing there is a success.
    func unpublish(_ volume: VolumeID, path: String) async throws(DriverError)

    /// Usage and condition of the file system behind the volume, without asking its backend; nil when nothing is known
    /// of the path, NOT_FOUND when the volume is not mounted there.
    func statistics(ofTracked volume: VolumeID, at path: String) async throws(DriverError) -> VolumeStatistics?

    /// The same; NOT_FOUND when the plan is not mounted at the path.
    func statistics(of plan: MountPlan, volume: VolumeID, at path: String) async throws(DriverError) -> VolumeStatistics
}
