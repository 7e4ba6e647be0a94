import LinuxSystem
import StorageModel
import SystemPackage

/// Unstage and Unpublish. The mount first, then the target, and the entry last: it is what a repeated call still needs.
extension NodeMounts {
    /// More mounts on one place than anybody stacks by mistake.
    static let mostLayers = 64

    /// - Parameter layers: gets each mount that was detached and whose end may wait.
    func unmount(
        _ volume: VolumeID, at text: String, _ role: MountRole, _ layers: DetachedLayers
    ) throws(DriverError) {
        let path = try MountPath(text, field: role.pathField)
        guard let place = try MountPoint.open(path) else {
            _ = try ownEntry(of: volume, at: path, role)
            return try ledger.remove(path)
        }
        let key = try busy.take(place)
        defer { busy.release(key) }

        let entry = try ownEntry(of: volume, at: path, role)
        let around = kubeletDirectories.first { path.isBelow($0) }
        try detachAll(at: place, entry: entry, isOurs: around != nil, role, layers)
        CrashPoint.detached(role).pass()
        if role == .publish {
            try removeTarget(place, around: around, isKnown: entry != nil)
            CrashPoint.targetRemoved.pass()
        }
        try ledger.remove(path)
        CrashPoint.forgotten(role).pass()
    }

    private func ownEntry(of volume: VolumeID, at path: MountPath, _ role: MountRole) throws(DriverError)
        -> LedgerEntry?
    {
        guard let entry = try ledger.entry(at: path) else { return nil }
        guard entry.intent.volume == volume else {
            throw DriverError(
                .failedPrecondition,
                "\(role.pathField) \(path): it is in use by volume \(entry.intent.volume), not by "
                    + "volume \(volume); give the path of this volume")
        }
        guard entry.intent.role == role else {
            throw DriverError(
                .failedPrecondition,
                "\(role.pathField) \(path): it is the \(entry.intent.role.pathField) of volume \(volume); "
                    + "give the right path, or make the other call")
        }
        return entry
    }

    /// - Parameter isOurs: whether the place is in a directory where the driver may unmount what it does not know.
    private func detachAll(
        at place: borrowing MountPoint, entry: LedgerEntry?, isOurs: Bool, _ role: MountRole, _ layers: DetachedLayers
    ) throws(DriverError) {
        let path = place.path
        var unknown = 0
        defer {
            if unknown > 0 { report(.unknownMountsRemoved(path: path.text, count: unknown)) }
        }
        for _ in 0..<Self.mostLayers {
            let isKnown: Bool
            if try place.isStale() {
                // Which one it is nobody can see. Its end waits for nobody either: the server answers, and nothing of
                // it can be stored.
                isKnown = entry?.share != nil
                guard isKnown || isOurs else { throw refusal(toUnmount: path, entry: entry, role) }
            } else {
                guard let status = try place.status(), status.isMountRoot else { return }
                isKnown = status.identity == entry?.tree
                guard isKnown || isOurs else { throw refusal(toUnmount: path, entry: entry, role) }
                // Held before it is detached, or its end could come with that.
                if let owner = owner(of: status, entry: isKnown ? entry : nil, at: path),
                    let occupant = try place.occupant()
                {
                    layers.hold(occupant.takeDescriptor(), of: owner)
                }
            }
            do {
                try place.parent.detachMount(place.name)
                if !isKnown { unknown += 1 }
            } catch  where error == .invalidArgument || error == .noSuchFileOrDirectory {
                // Somebody else unmounted it since: look again.
            } catch {
                throw .cannotDetach(path, error)
            }
        }
        if let status = try place.status(), status.isMountRoot {
            throw DriverError(
                .internalError,
                "\(role.pathField) \(path): \(Self.mostLayers) mounts were removed and there is still one; see "
                    + "what keeps mounting there (findmnt), stop it, and repeat the call")
        }
    }

    /// Whose a mount is; nil when its end waits for nobody.
    ///
    /// - Parameter entry: that of this very mount.
    private func owner(of status: FileStatus, entry: LedgerEntry?, at path: MountPath) -> DetachedLayers.Owner? {
        if let entry { return entry.share.map { .share($0) } }
        guard !status.identity.isOnDisk else { return nil }
        let found = try? description(of: status, at: path)
        if let found, !found.mayWait { return nil }
        return .unknown(source: found?.source)
    }

    private func refusal(toUnmount path: MountPath, entry: LedgerEntry?, _ role: MountRole) -> DriverError {
        let what = entry == nil ? "a mount is there of which this driver knows nothing" : "a foreign mount is there"
        return DriverError(
            .failedPrecondition,
            "\(role.pathField) \(path): \(what), and the path is not below a directory where it may "
                + "unmount such; unmount it by hand, or start the driver with --target-prefix and the directory around"
        )
    }

    /// - Parameter isKnown: whether the ledger says that the target was ours.
    private func removeTarget(
        _ place: borrowing MountPoint, around: MountPath?, isKnown: Bool
    ) throws(DriverError) {
        guard let status = try place.status() else { return }
        do {
            switch status.kind {
            case .directory:
                try place.parent.removeDirectory(place.name)
                return
            case .regular where status.size == 0 && (isKnown || around != nil):
                try place.parent.removeFile(place.name)
                return
            default:
                break
            }
        } catch  where error == .noSuchFileOrDirectory {
            return
        } catch  where error == .directoryNotEmpty || error == .fileExists {
            // Somebody's files.
        } catch {
            throw .cannotRemoveTarget(place.path, error)
        }
        guard isKnown || around != nil else {
            throw DriverError(
                .failedPrecondition,
                "target_path \(place.path): nothing is mounted there, it is not an empty directory, and "
                    + "this driver never had anything to do with it; see whether the path is right")
        }
        let newPlace = try strays.takeIn(place, around: around)
        report(.strayMoved(path: place.path.text, to: newPlace))
    }
}
