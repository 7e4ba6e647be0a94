import LinuxSystem
import StorageModel
import SystemPackage

/// Stage and Publish. The entry first, then the target, then the mount in one step: after a crash between any two of
/// them the same call goes on, and the opposite call cleans up.
extension NodeMounts {
    /// What is to be mounted where, checked.
    private struct Request {
        let entry: LedgerEntry
        let path: MountPath
        /// Where the tree is staged, for a publication.
        let staging: MountPath?

        var intent: MountIntent { entry.intent }
        var field: String { entry.intent.role.pathField }
    }

    /// - Parameter stagingPath: where the tree is staged, for a publication; else nil.
    func mount(_ intent: MountIntent, plan: MountPlan, stagingPath: String?) throws(DriverError) {
        let field = intent.role.pathField
        let path = try MountPath(intent.path, field: field)
        var staging: MountPath?
        if let stagingPath { staging = try MountPath(stagingPath, field: MountRole.stage.pathField) }
        guard path != staging else { throw .invalid("\(field) \(path): it is the staging_target_path as well") }
        guard intent.isBlock == plan.source.isBlock else {
            throw .invalid(
                intent.isBlock
                    ? "volume \(intent.volume) is a directory and cannot be used as a block device"
                    : "volume \(intent.volume) is a block device and cannot be mounted as a directory")
        }
        if intent.isBlock, intent.role == .stage {
            // A device needs nothing that publications share. That it is there is told now and not only by them.
            _ = try plan.openTree(of: intent.volume)
            return
        }
        guard let place = try MountPoint.open(path) else {
            throw DriverError(
                .failedPrecondition, "\(field) \(path): its parent does not exist; the orchestrator must make it")
        }
        let key = try busy.take(place)
        defer { busy.release(key) }

        let source = try plan.openTree(of: intent.volume)
        let tree: FileStatus.Identity
        do {
            tree = try source.status().identity
        } catch {
            throw .cannotOpenTree(of: intent.volume, error)
        }
        let request = Request(entry: LedgerEntry(intent: intent, tree: tree), path: path, staging: staging)
        if let occupant = try place.occupant() {
            if occupant.status.isMountRoot {
                try adopt(occupant, as: request)
            } else {
                try requireEmpty(occupant, isBlock: intent.isBlock, at: path, field)
                try mount(source, as: request, on: occupant)
            }
        } else {
            guard intent.role == .publish else {
                throw DriverError(
                    .failedPrecondition, "\(field) \(path): it does not exist; the orchestrator must make it")
            }
            try mountOnNewTarget(source, as: request, at: place)
        }
    }

    // MARK: Something is there

    /// Something is mounted at the path: it is what is asked for, or the call fails.
    private func adopt(_ occupant: borrowing MountPoint.Occupant, as request: Request) throws(DriverError) {
        let (intent, path) = (request.intent, request.path)
        let known = try ledger.entry(at: path)
        if let known, known.intent.volume != intent.volume, known.tree == occupant.status.identity {
            throw DriverError(
                .failedPrecondition,
                "\(request.field) \(path): volume \(known.intent.volume) is mounted there; "
                    + "unpublish or unstage it first")
        }
        if let known, known.intent.volume == intent.volume, known.tree == occupant.status.identity,
            known.tree != request.entry.tree
        {
            throw DriverError(
                .alreadyExists,
                "\(request.field) \(path): volume \(intent.volume) is mounted there from another directory or device "
                    + "than is asked for now; undo that call first, or repeat it with the same volume_context")
        }
        guard occupant.status.identity == request.entry.tree else {
            throw DriverError(
                .failedPrecondition,
                "\(request.field) \(path): a foreign mount is there, not volume \(intent.volume); "
                    + "find out whose it is, unmount it, and repeat the call")
        }
        if let known, known.intent.volume == intent.volume, known.intent.role != intent.role {
            throw DriverError(
                .failedPrecondition,
                "\(request.field) \(path): it is the \(known.intent.role.pathField) of this volume; "
                    + "give another path")
        }
        let status: FileSystemStatus
        do {
            status = try occupant.descriptor.fileSystemStatus()
        } catch {
            throw .cannotMeasure(path, error)
        }
        guard intent.attributes.match(status, isBlock: intent.isBlock) else {
            throw DriverError(
                .alreadyExists,
                "\(request.field) \(path): volume \(intent.volume) is mounted there, but read-only or its "
                    + "mount flags are not as asked; unmount it by the opposite call, and repeat this one")
        }
        if let known, known.tree == request.entry.tree { return }
        try record(request.entry)
        report(.mountAdopted(volume: intent.volume, path: path.text))
    }

    /// What a volume may cover: an empty directory, or an empty file for a block device.
    func requireEmpty(
        _ occupant: borrowing MountPoint.Occupant, isBlock: Bool, at path: MountPath, _ field: String
    ) throws(DriverError) {
        let wanted =
            isBlock ? "a block device is bound only to an empty file" : "a volume is mounted only on an empty directory"
        func refuse(_ what: String) -> DriverError {
            DriverError(
                .failedPrecondition,
                "\(field) \(path): \(what) is there, and \(wanted); look at what it is, and move it away")
        }
        switch occupant.status.kind {
        case .regular where isBlock:
            guard occupant.status.size == 0 else { throw refuse("a file with content") }
            return
        case .directory where isBlock: throw refuse("a directory")
        case .directory: break
        case .symbolicLink: throw refuse("a symbolic link")
        default: throw refuse("a file")
        }
        let isEmpty: Bool
        do {
            isEmpty = try occupant.descriptor.isEmptyDirectory()
        } catch {
            throw .cannotExamine(path, error)
        }
        guard isEmpty else { throw refuse("a directory with files in it") }
    }

    // MARK: Nothing is there

    private func mount(
        _ source: borrowing OwnedDescriptor, as request: Request, on target: borrowing MountPoint.Occupant
    ) throws(DriverError) {
        let clone = try preparedClone(of: source, for: request)
        try record(request.entry)
        do {
            try clone.attachMount(at: target.descriptor)
            CrashPoint.attached(request.intent.role).pass()
        } catch {
            try? ledger.remove(request.path)
            throw .cannotMount(request.intent.volume, request.path, "move_mount", error)
        }
    }

    private func mountOnNewTarget(
        _ source: borrowing OwnedDescriptor, as request: Request, at place: borrowing MountPoint
    ) throws(DriverError) {
        let clone = try preparedClone(of: source, for: request)
        try record(request.entry)
        if request.intent.isBlock { return try attach(clone, toNewFileAt: place, for: request) }
        do {
            try place.parent.makeDirectory(place.name, permissions: 0o750)
        } catch {
            try? ledger.remove(request.path)
            throw .cannotMakeTarget(request.path, error)
        }
        CrashPoint.targetMade.pass()
        do {
            let target = try place.parent.open(beneath: place.name, [.pathOnly, .directory])
            try clone.attachMount(at: target)
            CrashPoint.attached(request.intent.role).pass()
        } catch {
            try? place.parent.removeDirectory(place.name)
            try? ledger.remove(request.path)
            throw .cannotMount(request.intent.volume, request.path, "move_mount", error)
        }
    }

    /// The target of a block device is a file, which the plugin makes (CSI spec, NodePublishVolume, `target_path`).
    private func attach(
        _ clone: borrowing OwnedDescriptor, toNewFileAt place: borrowing MountPoint, for request: Request
    ) throws(DriverError) {
        let target: OwnedDescriptor
        do {
            target = try place.parent.open(beneath: place.name, [.writeOnly, .create, .exclusive], mode: 0o600)
        } catch {
            try? ledger.remove(request.path)
            throw .cannotMakeTarget(request.path, error)
        }
        CrashPoint.targetMade.pass()
        do {
            try clone.attachMount(at: target)
            CrashPoint.attached(request.intent.role).pass()
        } catch {
            // Only the file that was just made is removed, not one that took its name since.
            if let made = try? target.status(), made == (try? place.parent.status(of: place.name)) {
                try? place.parent.removeFile(place.name)
            }
            try? ledger.remove(request.path)
            throw .cannotMount(request.intent.volume, request.path, "move_mount", error)
        }
    }

    func record(_ entry: LedgerEntry) throws(DriverError) {
        let path = try MountPath(entry.intent.path, field: entry.intent.role.pathField)
        if let old = try ledger.entry(at: path), old.intent.volume != entry.intent.volume {
            report(.entryReplaced(volume: old.intent.volume, path: path.text))
        }
        try ledger.record(entry)
        CrashPoint.recorded(entry.intent.role).pass()
    }

    /// A detached mount that is as asked in every respect. It is in no namespace, and goes with its descriptor unless
    /// it is attached.
    private func preparedClone(
        of source: borrowing OwnedDescriptor, for request: Request
    ) throws(DriverError) -> OwnedDescriptor {
        let clone: OwnedDescriptor
        if let staging = request.staging, !request.intent.isBlock {
            clone = try cloneStaged(staging, for: request)
        } else {
            do {
                clone = try source.cloneMount()
            } catch {
                throw .cannotMount(request.intent.volume, request.path, "open_tree", error)
            }
        }
        let attributes = request.intent.attributes
        let status: FileSystemStatus
        do {
            try clone.makePrivate(setting: attributes.bits, clearing: MountAttributes.allBits)
            status = try clone.fileSystemStatus()
        } catch {
            throw .cannotMount(request.intent.volume, request.path, "mount_setattr", error)
        }
        guard attributes.match(status, isBlock: request.intent.isBlock) else {
            // The one attribute that a mount also inherits from its file system (statfs(2), ST_RDONLY).
            throw DriverError(
                .failedPrecondition,
                "volume \(request.intent.volume) cannot be mounted at \(request.path) for writing: its file "
                    + "system is read-only; see whether the pool's disk is healthy, or use the volume read-only")
        }
        return clone
    }

    /// Clones what is mounted at the staging path, which must be the volume's own tree.
    private func cloneStaged(_ staging: MountPath, for request: Request) throws(DriverError) -> OwnedDescriptor {
        let volume = request.intent.volume
        func refuse(_ what: String) -> DriverError {
            DriverError(
                .failedPrecondition,
                "\(MountRole.stage.pathField) \(staging): \(what); stage volume \(volume) there first")
        }
        guard let place = try MountPoint.open(staging), let staged = try place.occupant(), staged.status.isMountRoot
        else {
            throw refuse("nothing is mounted there")
        }
        guard staged.status.identity == request.entry.tree else { throw refuse("something else is mounted there") }
        let isReadOnly: Bool
        let clone: OwnedDescriptor
        do {
            isReadOnly = try staged.descriptor.fileSystemStatus().mountFlags.contains(.readOnly)
            clone = try staged.descriptor.cloneMount()
        } catch {
            throw .cannotMount(volume, request.path, "open_tree", error)
        }
        guard request.intent.attributes.readOnly || !isReadOnly else {
            throw DriverError(
                .failedPrecondition,
                "volume \(volume) is staged read-only at \(staging) and cannot be published for "
                    + "writing; publish it read-only, or unstage it and stage it for writing")
        }
        return clone
    }
}
