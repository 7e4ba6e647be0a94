import LinuxSystem
import NetworkShares
import StorageModel
import SystemPackage

/// Stage and Publish of a directory on a network share. What the server has to answer for happens on the share's lane;
/// everything else is asked of the kernel, which answers at once whatever the server does.
extension NodeMounts {
    private enum Found: Sendable {
        case nothing
        /// An empty directory.
        case emptyDirectory
        /// The volume itself, mounted like that.
        case mounted
    }

    /// The volume's directory as a detached mount, on its way from a lane to a place.
    private final class Tree: Sendable {
        let descriptor: OwnedDescriptor

        init(_ descriptor: consuming OwnedDescriptor) {
            self.descriptor = descriptor
        }
    }

    /// - Parameters:
    ///   - permissions: what the directory is to have when it is staged for writing.
    ///   - stagingPath: where the volume is staged, for a publication; else nil.
    func mount(
        _ intent: MountIntent, share: NetworkShare, _ components: [String], permissions: UInt32?, stagingPath: String?
    ) async throws(DriverError) {
        let path = try MountPath(intent.path, field: intent.role.pathField)
        var staging: MountPath?
        if let stagingPath { staging = try MountPath(stagingPath, field: MountRole.stage.pathField) }
        guard path != staging else {
            throw .invalid("\(intent.role.pathField) \(path): it is the staging_target_path as well")
        }
        guard !intent.isBlock else {
            throw .invalid("volume \(intent.volume) is a directory and cannot be used as a block device")
        }
        let key = try await work { node throws(DriverError) in
            guard let place = try MountPoint.open(path) else {
                throw DriverError(
                    .failedPrecondition,
                    "\(intent.role.pathField) \(path): its parent does not exist; the orchestrator must make it")
            }
            return try node.busy.take(place)
        }
        defer { busy.release(key) }

        let found = try await work { node throws(DriverError) in
            try node.look(at: path, for: intent, share, components)
        }
        if case .mounted = found, try await !isStale(path, intent.volume, share) { return }
        let tree = try await tree(of: intent, share, components, staging: staging)
        if case .mounted = found { try await checkFresh(tree, intent.volume, share) }
        if let permissions, intent.role == .stage, !intent.attributes.readOnly {
            try await setPermissions(permissions, of: tree, intent.volume, share)
        }
        try await work { node throws(DriverError) in
            try node.attach(tree.descriptor, as: intent, at: path, share: share.name)
        }
    }

    // MARK: What is there

    private func look(
        at path: MountPath, for intent: MountIntent, _ share: NetworkShare, _ components: [String]
    ) throws(DriverError) -> Found {
        let field = intent.role.pathField
        let place = try MountPoint.open(path)
        if try place?.isStale() == true {
            guard let known = try ledger.entry(at: path) else {
                throw DriverError(
                    .failedPrecondition,
                    "\(field) \(path): a foreign mount is there whose directory is gone from its server; find out "
                        + "whose it is, unmount it, and repeat the call")
            }
            try check(known, against: intent, at: path)
            return .mounted
        }
        guard let place, let occupant = try place.occupant() else {
            guard intent.role == .publish else {
                throw DriverError(
                    .failedPrecondition, "\(field) \(path): it does not exist; the orchestrator must make it")
            }
            return .nothing
        }
        guard occupant.status.isMountRoot else {
            try requireEmpty(occupant, isBlock: false, at: path, field)
            return .emptyDirectory
        }
        guard let known = try ledger.entry(at: path), known.tree == occupant.status.identity else {
            try adopt(occupant, at: path, for: intent, share, components)
            return .mounted
        }
        try check(known, against: intent, at: path)
        return .mounted
    }

    /// That what is mounted there, by us, is what is asked for.
    private func check(_ known: LedgerEntry, against intent: MountIntent, at path: MountPath) throws(DriverError) {
        let field = intent.role.pathField
        guard known.intent.volume == intent.volume, known.intent.role == intent.role else {
            throw DriverError(
                .failedPrecondition,
                "\(field) \(path): it is the \(known.intent.role.pathField) of volume \(known.intent.volume); "
                    + "unpublish "
                    + "or unstage that first, or give another path")
        }
        guard known.intent.attributes == intent.attributes else {
            throw DriverError(
                .alreadyExists,
                "\(field) \(path): volume \(intent.volume) is mounted there, but read-only or its mount flags are not "
                    + "as asked; unmount it by the opposite call, and repeat this one")
        }
    }

    /// Whether the server no longer knows what is mounted there. That alone is a reason to mount it anew: of a server
    /// that is silent nobody knows, and its mounts come back with it.
    private func isStale(_ path: MountPath, _ volume: VolumeID, _ share: NetworkShare) async throws(DriverError) -> Bool
    {
        try await shares.onLane(of: share.name, "see whether volume \(volume) is still there") {
            () throws(DriverError) in
            guard let place = try MountPoint.open(path) else { return false }
            if try place.isStale() { return true }
            guard let occupant = try place.occupant() else { return false }
            do throws(Errno) {
                return try occupant.descriptor.isStale()
            } catch {
                throw .share("look at \(path)", error)
            }
        }
    }

    // MARK: The tree

    /// For a publication the tree that is staged, as long as the server knows it; else the volume's directory.
    private func tree(
        of intent: MountIntent, _ share: NetworkShare, _ components: [String], staging: MountPath?
    ) async throws(DriverError) -> Tree {
        guard let staging else {
            return Tree(try await shares.tree(of: share, components, for: intent.volume))
        }
        let isStaged = try await work { node throws(DriverError) in
            guard let entry = try node.ledger.entry(at: staging), let place = try MountPoint.open(staging),
                entry.intent.volume == intent.volume, entry.intent.role == .stage
            else { return false }
            if try place.isStale() { return true }
            guard let status = try place.status() else { return false }
            return status.isMountRoot && status.identity == entry.tree
        }
        guard isStaged else {
            throw DriverError(
                .failedPrecondition,
                "\(MountRole.stage.pathField) \(staging): volume \(intent.volume) is not mounted there; stage it there "
                    + "first")
        }
        if try await isStale(staging, intent.volume, share) {
            let fresh = Tree(try await shares.tree(of: share, components, for: intent.volume))
            try await checkFresh(fresh, intent.volume, share)
            try await work { node throws(DriverError) in try node.replaceStaged(at: staging, by: fresh.descriptor) }
        }
        return try await work { node throws(DriverError) in
            try node.cloneStagedShare(at: staging, for: intent)
        }
    }

    /// That what is to take the place of a stale mount is not the same directory again, found where the kernel still
    /// remembers it.
    private func checkFresh(_ tree: Tree, _ volume: VolumeID, _ share: NetworkShare) async throws(DriverError) {
        let attempt = "see whether the directory of volume \(volume) is there again"
        try await shares.onLane(of: share.name, attempt) { () throws(DriverError) in
            let isStale: Bool
            do throws(Errno) { isStale = try tree.descriptor.isStale() } catch { throw .share(attempt, error) }
            guard !isStale else { throw .share(attempt, .staleNFSFileHandle) }
        }
    }

    private func cloneStagedShare(at staging: MountPath, for intent: MountIntent) throws(DriverError) -> Tree {
        guard let entry = try ledger.entry(at: staging), let place = try MountPoint.open(staging),
            let occupant = try place.occupant(), occupant.status.isMountRoot, occupant.status.identity == entry.tree
        else {
            throw DriverError(
                .aborted, "\(MountRole.stage.pathField) \(staging): it was unmounted just now; repeat the call")
        }
        guard intent.attributes.readOnly || !entry.intent.attributes.readOnly else {
            throw DriverError(
                .failedPrecondition,
                "volume \(intent.volume) is staged read-only at \(staging) and cannot be published for writing; "
                    + "publish "
                    + "it read-only, or unstage it and stage it for writing")
        }
        do {
            return Tree(try occupant.descriptor.cloneMount())
        } catch {
            throw .cannotMount(intent.volume, staging, "open_tree", error)
        }
    }

    /// Puts a fresh mount in the place of one that is stale. The fresh one is beneath it before that goes, for what is
    /// there else is a directory of the node's own disk, to which a container that starts just then would write. Before
    /// Linux 6.5 nothing can be mounted beneath a mount, and on top of one whose directory is gone nothing can be
    /// mounted at all: there the stale one is detached first, and the fresh one, which is ready, attached right after.
    ///
    /// - Parameter stale: nil when it cannot be opened.
    private func replace(
        _ stale: consuming MountPoint.Occupant?, at place: borrowing MountPoint, by tree: borrowing OwnedDescriptor,
        for volume: VolumeID
    ) throws(DriverError) {
        do throws(Errno) {
            do throws(Errno) {
                guard let stale else { throw .invalidArgument }
                try tree.attachMount(beneath: stale.descriptor)
                try place.parent.detachMount(place.name)
            } catch .invalidArgument {
                try place.parent.detachMount(place.name)
                let bare = try place.parent.open(beneath: place.name, [.pathOnly, .directory, .noFollow])
                try tree.attachMount(at: bare)
            }
        } catch {
            throw .cannotMount(volume, place.path, "move_mount or umount2", error)
        }
        report(.staleMountReplaced(volume: volume, path: place.path.text))
    }

    private func replaceStaged(at staging: MountPath, by tree: borrowing OwnedDescriptor) throws(DriverError) {
        guard let entry = try ledger.entry(at: staging) else {
            throw DriverError(
                .aborted, "\(MountRole.stage.pathField) \(staging): it was unstaged just now; repeat the call")
        }
        try attach(tree, as: entry.intent, at: staging, share: entry.share)
    }

    // MARK: Mounting

    /// Of the directory itself, whose descriptor was reached without following a link.
    private func setPermissions(
        _ permissions: UInt32, of tree: Tree, _ volume: VolumeID, _ share: NetworkShare
    ) async throws(DriverError) {
        let attempt = "give the directory of volume \(volume) the mountPermissions asked for"
        try await shares.onLane(of: share.name, attempt) { () throws(DriverError) in
            do throws(Errno) {
                guard try tree.descriptor.status().permissions != permissions else { return }
                try tree.descriptor.open(beneath: ".", [.readOnly, .directory]).setPermissions(permissions)
            } catch {
                throw .share(attempt, error)
            }
            CrashPoint.permissionsSet.pass()
        }
    }

    private func attach(
        _ tree: borrowing OwnedDescriptor, as intent: MountIntent, at path: MountPath, share: String?
    ) throws(DriverError) {
        let identity: FileStatus.Identity
        do {
            try tree.makePrivate(setting: intent.attributes.bits, clearing: MountAttributes.allBits)
            identity = try tree.status().identity
        } catch {
            throw .cannotMount(intent.volume, path, "mount_setattr", error)
        }
        guard let place = try MountPoint.open(path) else {
            throw DriverError(
                .failedPrecondition,
                "\(intent.role.pathField) \(path): its parent was removed; the orchestrator must "
                    + "make it")
        }
        let before = try ledger.entry(at: path)
        try record(LedgerEntry(intent: intent, tree: identity, share: share))
        var isNew = false
        do throws(DriverError) {
            if try place.isStale() {
                try replace(nil, at: place, by: tree, for: intent.volume)
                return CrashPoint.attached(intent.role).pass()
            }
            if try place.status() == nil {
                try makeTarget(place)
                isNew = true
                CrashPoint.targetMade.pass()
            }
            guard let occupant = try place.occupant() else {
                throw DriverError(
                    .aborted, "\(intent.role.pathField) \(path): it was removed just now; repeat the call")
            }
            if occupant.status.isMountRoot {
                try replace(occupant, at: place, by: tree, for: intent.volume)
            } else {
                do throws(Errno) {
                    try tree.attachMount(at: occupant.descriptor)
                } catch {
                    throw .cannotMount(intent.volume, path, "move_mount", error)
                }
            }
            CrashPoint.attached(intent.role).pass()
        } catch {
            if isNew { try? place.parent.removeDirectory(place.name) }
            if let before { try? ledger.record(before) } else { try? ledger.remove(path) }
            throw error
        }
    }

    private func makeTarget(_ place: borrowing MountPoint) throws(DriverError) {
        do {
            try place.parent.makeDirectory(place.name, permissions: 0o750)
        } catch {
            throw .cannotMakeTarget(place.path, error)
        }
    }
}
