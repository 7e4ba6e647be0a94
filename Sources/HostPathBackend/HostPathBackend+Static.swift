import BlockingWork
import LinuxSystem
package import StorageModel
import SystemPackage

/// Existing directories and block devices below the prefixes that the administrator allows. The driver has no record
/// of them and never deletes them; the way to one is walked beneath its prefix, and no link on it is followed.
extension HostPathBackend {
    package func describesStaticVolume(_: VolumeID, _ context: [String: String]) -> Bool {
        StaticVolume.isDescribed(by: context)
    }

    package func checkSupport(
        of capability: VolumeCapability, context: [String: String]
    ) throws(DriverError) {
        guard StaticVolume.isDescribed(by: context) else { return try checkSupport(of: capability) }
        let volume = try StaticVolume(context)
        try check(capability, for: volume)
        _ = try place(of: volume)
    }

    func staticPlan(
        for id: VolumeID, capability: VolumeCapability, context: [String: String]
    ) async throws(DriverError) -> MountPlan {
        let volume = try StaticVolume(context)
        try check(capability, for: volume)
        let place = try place(of: volume)
        try await workers.run { () throws(DriverError) in try place.checkIsThere(id) }
        switch capability.accessType {
        case .block:
            return MountPlan(
                source: .blockDevice(root: place.prefix, components: place.components), attributes: MountAttributes())
        case .mount(let mount):
            return MountPlan(
                source: .directory(root: place.prefix, components: place.components),
                attributes: try attributes(of: mount, capability.accessMode))
        }
    }

    package func makeMissing(for id: VolumeID, context: [String: String]) async throws(DriverError) {
        guard StaticVolume.isDescribed(by: context) else { return }
        let volume = try StaticVolume(context)
        guard volume.kind == .directoryOrCreate else { return }
        let place = try place(of: volume)
        try await workers.run { () throws(DriverError) in try place.makeMissing(id) }
    }

    private func check(_ capability: VolumeCapability, for volume: StaticVolume) throws(DriverError) {
        switch (capability.accessType, volume.kind) {
        case (.mount(let mount), .directory), (.mount(let mount), .directoryOrCreate):
            try checkSupport(of: mount, capability.accessMode)
        case (.block, .blockDevice):
            try checkIsSingleNode(capability.accessMode)
            guard !capability.accessMode.isReaderOnly else {
                throw .invalid(
                    "access mode \(capability.accessMode.rawValue) cannot be honoured for a block device: a read-only "
                        + "mount of a device's node does not keep anybody from writing to the device; ask for a "
                        + "writer's mode, and make the device read-only (blockdev --setro)")
            }
        case (.mount, .blockDevice):
            throw .invalid(
                "volume_context: type BlockDevice is for block volumes (volumeMode: Block), and a mount volume was "
                    + "asked for; ask for a block volume, or give the path of a directory with type Directory")
        case (.block, _):
            throw .invalid(
                "volume_context: type \(volume.kind.rawValue) is for mount volumes, and a block volume was asked for; "
                    + "ask for a mount volume, or give the path of a device's node with type BlockDevice")
        }
    }

    /// Below the longest prefix, so that the way that is walked without links is the shortest.
    func place(of volume: StaticVolume) throws(DriverError) -> StaticPlace {
        let places = prefixes.compactMap { prefix in
            prefix.way(to: volume.components).map {
                StaticPlace(kind: volume.kind, prefix: prefix.path, components: $0)
            }
        }
        if let place = places.min(by: { $0.components.count < $1.components.count }) { return place }
        let found =
            prefixes.isEmpty
            ? "node \(nodeID) allows no existing paths as volumes"
            : "volume_context: path is not below what node \(nodeID) allows as volumes, which is "
                + prefixes.map(\.path).joined(separator: ", ")
        throw DriverError(
            .permissionDenied,
            "\(found); start its driver with --host-path-prefix DIR, where DIR is a directory around the path")
    }
}

/// Where a static volume is.
struct StaticPlace: Hashable, Sendable {
    let kind: StaticVolume.Kind
    let prefix: String
    /// At least one.
    let components: [String]

    /// - Throws: NOT_FOUND when it is missing and nobody makes it, FAILED_PRECONDITION when the way to it leads through
    ///   something that is no directory, a link included, or it is of another kind, UNAVAILABLE without the prefix.
    func checkIsThere(_ id: VolumeID) throws(DriverError) {
        let root = try openPrefix(.pathOnly, id)
        let found: FileStatus.Kind
        do {
            found = try root.open(beneath: components.joined(separator: "/"), .pathOnly).status().kind
        } catch  where error == .noSuchFileOrDirectory && kind == .directoryOrCreate {
            return
        } catch {
            throw failure(id, "openat2", error)
        }
        guard found == (kind == .blockDevice ? .blockDevice : .directory) else {
            throw DriverError(
                .failedPrecondition,
                "volume \(id): \(shownPath) below \(prefix) is not what its type says, \(kind.rawValue); give the "
                    + "right path or the right type")
        }
    }

    /// Makes each component that is missing. When it returns, all of them are on stable storage, also those that a call
    /// made which did not live to say so.
    func makeMissing(_ id: VolumeID) throws(DriverError) {
        var directory = try openPrefix(.readOnly, id)
        do {
            for component in components {
                let next = try Self.openOrMake(component, in: directory)
                try directory.synchronize()
                directory = next
            }
            try directory.synchronize()
        } catch {
            throw failure(id, "mkdirat, openat2 or fsync", error)
        }
    }

    private static func openOrMake(
        _ name: String, in directory: borrowing OwnedDescriptor
    ) throws(Errno) -> OwnedDescriptor {
        do {
            try directory.makeDirectory(name, permissions: 0o755)
        } catch .fileExists {
            return try directory.open(beneath: name, [.readOnly, .directory])
        }
        CrashPoint.directoryMade.pass()
        let made = try directory.open(beneath: name, [.readOnly, .directory])
        let permissions = try made.status().permissions
        // A group that is inherited stays.
        if permissions & 0o777 != 0o755 { try made.setPermissions(permissions & 0o7000 | 0o755) }
        return made
    }

    private func openPrefix(_ access: OpenFlags, _ id: VolumeID) throws(DriverError) -> OwnedDescriptor {
        do {
            return try .open(prefix, [access, .directory])
        } catch {
            throw DriverError(
                .unavailable,
                "volume \(id): the host path prefix \(prefix) cannot be opened: \(error); see whether its disk is "
                    + "mounted", cause: "openat2: \(error)")
        }
    }

    private func failure(_ id: VolumeID, _ call: String, _ errno: Errno) -> DriverError {
        let (code, found): (DriverError.Code, String) =
            switch errno {
            case .noSuchFileOrDirectory:
                (.notFound, "is not there; make it, correct the path, or use type DirectoryOrCreate for a directory")
            case .tooManySymbolicLinkLevels, .improperLink, .notDirectory:
                (
                    .failedPrecondition,
                    "has a symbolic link on its way, or something else that is no directory; give the path that it "
                        + "leads to, below a --host-path-prefix"
                )
            case .fileNameTooLong:
                (.invalidArgument, "has a component that is longer than the file system allows; correct the path")
            case .noSpace, .diskQuotaExceeded:
                (.resourceExhausted, "cannot be made, for there is no room; make room on the file system")
            case .readOnlyFileSystem:
                (.failedPrecondition, "cannot be made, for the file system is read-only; mount it writable, or make it")
            default:
                (.internalError, "cannot be opened or made: \(errno); see the directory and the kernel's log")
            }
        return DriverError(code, "volume \(id): \(shownPath) below \(prefix) \(found)", cause: "\(call): \(errno)")
    }

    /// For messages, which are cut at 1 KiB: of a long path the beginning and, more telling, the end.
    private var shownPath: String {
        let way = components.joined(separator: "/")
        guard way.utf8.count > 300 else { return way }
        return "\(way.prefix(100))...\(way.suffix(180))"
    }
}

extension CrashPoint {
    /// One component more is there; its name is not durable yet.
    fileprivate static let directoryMade = CrashPoint("stage-static.directory-made")
}
