import LinuxSystem
import NetworkShares
import StorageModel
import SystemPackage

/// Unstage of a directory on a network share. It succeeds whatever the server does, and so does Unpublish: the kernel
/// detaches at once, and what can wait for the server is let go of on the share's lane (`DetachedLayers`).
extension NodeMounts {
    /// Has the server store what was written, for at most half of the time that there is. What is not stored by then is
    /// lost when the server never answers again; that is said, and no reason to keep the mount.
    func save(_ path: MountPath, _ volume: VolumeID, _ share: String) async {
        let now = ContinuousClock.now
        let end = now.advanced(by: now.duration(to: shares.deadline()) / 2)
        do throws(DriverError) {
            try await shares.onLane(of: share, "store what was written to volume \(volume)", until: end) {
                () throws(DriverError) in
                // There is nothing to be stored in what is no longer there.
                guard let place = try MountPoint.open(path), try !place.isStale(), let status = try place.status(),
                    status.isMountRoot
                else { return }
                do throws(Errno) {
                    try place.parent.open(beneath: place.name, [.readOnly, .directory, .noFollow])
                        .synchronizeFileSystem()
                } catch {
                    guard error != .staleNFSFileHandle else { return }
                    var failure = DriverError.share("store what was written to volume \(volume)", error)
                    // What a server that answers refused earlier, for want of quota say, comes back as this.
                    if error == .ioError { failure.isSilence = false }
                    throw failure
                }
            }
        } catch {
            report(.leftUnsaved(volume: volume, path: path.text, cause: error.message))
        }
    }
}
