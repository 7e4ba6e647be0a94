import LinuxSystem
import NetworkShares
import StorageModel
import SystemPackage

/// Unstage and Unpublish of a directory on a network share. They succeed whatever the server does: the kernel detaches
/// at once, and what can wait for the server is let go of on the share's lane.
extension NodeMounts {
    /// Holds what is mounted, so that detaching it is not its end.
    private final class Held: Sendable {
        let descriptor: OwnedDescriptor

        init(_ descriptor: consuming OwnedDescriptor) {
            self.descriptor = descriptor
        }
    }

    func unmount(_ volume: VolumeID, at text: String, _ role: MountRole, share: String) async throws(DriverError) {
        let path = try MountPath(text, field: role.pathField)
        if role == .stage { await save(path, volume, share) }
        let held = try await work { node throws(DriverError) in
            var held: Held?
            if let place = try MountPoint.open(path), let occupant = try place.occupant() {
                held = Held(occupant.descriptor)
            }
            try node.unmount(volume, at: text, role)
            return held
        }
        if let held { shares.release(held, of: share) }
    }

    /// Has the server store what was written, for at most half of the time that there is. What is not stored by then is
    /// lost when the server never answers again; that is said, and no reason to keep the mount.
    private func save(_ path: MountPath, _ volume: VolumeID, _ share: String) async {
        let now = ContinuousClock.now
        let end = now.advanced(by: now.duration(to: shares.deadline()) / 2)
        do throws(DriverError) {
            try await shares.onLane(of: share, "store what was written to volume \(volume)", until: end) {
                () throws(DriverError) in
                guard let place = try MountPoint.open(path), let status = try place.status(), status.isMountRoot else {
                    return
                }
                do throws(Errno) {
                    try place.parent.open(beneath: place.name, [.readOnly, .directory, .noFollow])
                        .synchronizeFileSystem()
                } catch {
                    // There is nothing to be stored in what is no longer there.
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
