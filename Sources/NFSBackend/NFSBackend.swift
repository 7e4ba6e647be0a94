import LinuxSystem
package import NetworkShares
import PoolStore
package import StorageModel
import Synchronization
import SystemPackage

/// Volumes that are directories on NFS shares.
///
/// A volume's id says where it is; the share says, in its own records, what it is. As a controller the driver mounts a
/// share for itself once and works in it; as a node it is asked what to mount, which it answers from id and context
/// alone, without the share.
package final class NFSBackend: VolumeBackend {
    package let name = NFSParameters.backendName
    package let topology: Topology? = nil
    /// Unless a class may name any share: nobody has a list of those.
    package var listsVolumes: Bool { pools.isExclusive }
    package let expandsVolumes = true

    let pools: NFSPools
    let shares: NetworkShares
    private let defaultDeletePolicy: DeletePolicy
    private let options: ShareOptions
    private let reaper: ShareReaper
    private let exportRoots: [NFSShare: ExportRoot]
    let report: @Sendable (NFSEvent) -> Void
    let work = DirectoryWork()
    /// The shares on which this process did something.
    private let seen = Mutex<Set<NFSShare>>([])

    /// - Parameters:
    ///   - poolsOnly: whether no share is used that is not one of `pools`.
    ///   - exportRoots: of the shares whose server is this machine.
    ///   - defaultDeletePolicy: for StorageClasses, and ids of csi-driver-nfs, that do not say.
    ///   - stateDirectory: where is kept how each share was mounted last.
    ///   - report: called on any thread; must not block.
    package init(
        pools: [NFSPool], poolsOnly: Bool = false, exportRoots: [NFSExportRoot] = [],
        defaultDeletePolicy: DeletePolicy, shares: NetworkShares, stateDirectory: String,
        report: @escaping @Sendable (NFSEvent) -> Void
    ) throws(DriverError) {
        self.pools = try NFSPools(pools, isExclusive: poolsOnly)
        var roots: [NFSShare: ExportRoot] = [:]
        for root in exportRoots {
            guard roots.updateValue(ExportRoot(path: root.path), forKey: root.share) == nil else {
                throw .invalid("--export-root: \(root.share.source) is given twice; name one directory for it")
            }
        }
        self.exportRoots = roots
        self.defaultDeletePolicy = defaultDeletePolicy
        self.shares = shares
        self.report = report
        options = ShareOptions(stateDirectory: stateDirectory, report: report)
        reaper = ShareReaper(shares: shares, report: report)
    }

    package func recognises(_ id: VolumeID) -> Bool {
        NFSVolumeID(id) != nil
    }

    package func hasPool(named name: String) -> Bool {
        pools.names.contains(name)
    }

    package func describesStaticVolume(_ id: VolumeID, _ context: [String: String]) -> Bool {
        NFSVolumeID(id) == nil && NFSVolumeContext.isDescribed(by: context)
    }

    package func checkSupport(of capability: VolumeCapability) throws(DriverError) {
        _ = try mountOptions(of: capability, context: nil)
    }

    package func checkSupport(of capability: VolumeCapability, context: [String: String]) throws(DriverError) {
        let described = try self.context(context)
        _ = try mountOptions(of: capability, context: described)
    }

    private func mountOptions(
        of capability: VolumeCapability, context: NFSVolumeContext?
    ) throws(DriverError) -> NFSMountOptions {
        guard case .mount(let mount) = capability.accessType else {
            throw .invalid("an NFS volume is a directory and cannot be a block device; ask for a mount volume")
        }
        guard mount.volumeMountGroup.isEmpty else {
            throw .invalid(
                "volume_mount_group is not supported; use the StorageClass parameter gid, or leave the group to the "
                    + "orchestrator")
        }
        return try NFSMountOptions(capability: mount.mountFlags, context: context?.mountOptions)
    }

    /// Nil for one that names no place.
    private func context(_ context: [String: String]) throws(DriverError) -> NFSVolumeContext? {
        NFSVolumeContext.isDescribed(by: context) ? try NFSVolumeContext(context) : nil
    }
}

// MARK: - On the node

extension NFSBackend {
    package func mountPlan(
        for id: VolumeID, capability: VolumeCapability, context: [String: String]
    ) async throws(DriverError) -> MountPlan {
        let described = try self.context(context)
        let options = try mountOptions(of: capability, context: described)
        let place = try NFSPlace(id, context: described, pools: pools)
        try options.check(against: place.share.server)
        var attributes = options.attributes
        if capability.accessMode.isReaderOnly { attributes.readOnly = true }
        return MountPlan(
            source: .share(options.networkShare(place.share), components: place.subdirectory?.names ?? []),
            attributes: attributes, options: options.digest, permissions: described?.permissions)
    }

    /// Nothing is: a directory that is missing on a server is for its administrator, or a controller, to make.
    package func makeMissing(for _: VolumeID, context _: [String: String]) async throws(DriverError) {}
}

// MARK: - As a controller

extension NFSBackend {
    package func place(_ request: CreateVolumeRequest) throws(DriverError) -> VolumePlacement {
        try request.checkIsPlain(for: "NFS")
        let parameters = try NFSParameters(
            request.parameters, name: request.name, defaultDeletePolicy: defaultDeletePolicy)
        let id = try NFSVolumeID(
            location: parameters.location, subdirectory: parameters.subdirectory,
            sharing: parameters.policy.isShared ? request.name : nil, deletePolicy: parameters.policy.deletePolicy)
        let share = try pools.share(of: parameters.location)
        guard !parameters.policy.requiresQuota || request.wantedBytes > 0 else {
            throw .invalid("capacity_range is required with requireQuota: there is no size to enforce without it")
        }
        var flags: [String] = []
        for capability in request.volumeCapabilities {
            if case .mount(let mount) = capability.accessType { flags += mount.mountFlags }
        }
        let options = try NFSMountOptions(capability: flags, secret: request.mountOptions?.texts.first)
        try options.check(against: share.server)
        return VolumePlacement(
            id: id.id, name: request.name, pool: share.source,
            capacityBytes: request.wantedBytes,
            parameters: parameters.policy.normalised, context: parameters.volumeContext,
            adoptsData: parameters.policy.deletePolicy == .retain && parameters.hasSubdirectory,
            mountOptions: SensitiveText(options.controllerOptions.texts))
    }

    package func create(_ placement: VolumePlacement) async throws(DriverError) -> CreatedVolume {
        let parsed = try known(placement.id)
        let share = try pools.share(of: parsed.location)
        let policy = try NFSVolumePolicy(record: placement.parameters)
        let path = try Self.path(of: parsed)
        let options = try NFSMountOptions(capability: placement.mountOptions.texts).controllerOptions
        let record = SharedVolumeRecord(
            name: placement.name, id: placement.id, path: path, isShared: policy.isShared,
            capacityBytes: placement.capacityBytes, parameters: policy.normalised)
        let access = Pool.Access(
            user: policy.user, group: policy.group,
            permissions: policy.permissions ?? (policy.user == nil && policy.group == nil ? 0o777 : 0o770))
        let enforcement = SizeEnforcement(isRequired: policy.requiresQuota) { [report, exportRoots] reason in
            // Where nobody said that it should be, it is no news that it is not.
            guard exportRoots[share] != nil else { return }
            report(.sizeNotEnforced(share: share.source, volume: placement.name, reason: reason))
        }
        let creation = try await withPool(of: share, options, "create volume \(placement.name)") {
            [work] pool throws(DriverError) in
            try work.alone(at: path, on: share, for: placement.id) { () throws(DriverError) in
                try pool.make(record, access, adoptsData: placement.adoptsData, enforcement)
            }
        }
        self.options.remember(placement.mountOptions.texts, for: share)
        switch creation {
        case .made(let record): return .made(stored(record, context: placement.context))
        case .existing(let record):
            guard record.id == placement.id else {
                throw DriverError(
                    .alreadyExists,
                    "a volume named \(placement.name) exists on \(share.source) and is another directory, or is "
                        + "deleted "
                        + "in another way; use another name, or ask for it as it is")
            }
            return .existing(stored(record, context: placement.context))
        }
    }

    package func volume(_ id: VolumeID) async throws(DriverError) -> StoredVolume {
        let parsed = try known(id)
        let share = try pools.share(of: parsed.location)
        let path = try Self.path(of: parsed)
        let found = try await withPool(of: share, try rememberedOptions(of: share), "look at volume \(id)") {
            pool throws(DriverError) in
            try pool.find(id, at: path)
        }
        switch found {
        case .recorded(let record): return stored(record, context: parsed.volumeContext)
        case .directory:
            return StoredVolume(
                id: id, name: parsed.uuid.isEmpty ? parsed.subdirectory.text : parsed.uuid, capacityBytes: 0,
                parameters: [:], context: parsed.volumeContext)
        case .nothing:
            throw DriverError(.notFound, "there is no volume \(id); it may have been deleted")
        }
    }

    package func delete(_ id: VolumeID, mountOptions: SensitiveText?) async throws(DriverError) {
        // An id that nobody gave belongs to nothing that could be there.
        guard let parsed = NFSVolumeID(id) else { return }
        let share = try pools.share(of: parsed.location)
        let path = try Self.path(of: parsed)
        let options = try controllerOptions(of: share, mountOptions)
        let policy = parsed.deletePolicy ?? defaultDeletePolicy
        let entry = try await withPool(of: share, options, "delete volume \(id)") { [work] pool throws(DriverError) in
            try work.alone(at: path, on: share, for: id) { () throws(DriverError) in
                try pool.delete(id, at: path, policy: policy)
            }
        }
        if entry != nil { reaper.empty(options.networkShare(share), opener(of: share)) }
    }

    package func capacity(parameters: [String: String]) async throws(DriverError) -> BackendCapacity {
        // Of a class, which has no volume's name yet.
        let share = try pools.share(of: try NFSParameters.location(parameters))
        let status = try await withPool(of: share, try rememberedOptions(of: share), "ask \(share.source) for its size")
        {
            pool throws(DriverError) in
            try pool.fileSystemStatus()
        }
        return BackendCapacity(available: Int64(clamping: status.available))
    }

    package func listing(after _: ListingPosition?, limit _: Int) async throws(DriverError) -> [ListedVolume] {
        []
    }

    // MARK: Parts

    func known(_ id: VolumeID) throws(DriverError) -> NFSVolumeID {
        guard let parsed = NFSVolumeID(id) else {
            throw DriverError(
                .notFound,
                "volume \(id.rawValue.prefix(128).debugDescription) does not exist: its id is not one that this "
                    + "driver or "
                    + "csi-driver-nfs gives")
        }
        return parsed
    }

    static func path(of id: NFSVolumeID) throws(DriverError) -> SharePath {
        guard let path = SharePath(id.subdirectory.names) else {
            throw .invalid("volume \(id.id): its directory has a name that is too long, or not one that can be used")
        }
        return path
    }

    func stored(_ record: SharedVolumeRecord, context: [String: String]) -> StoredVolume {
        StoredVolume(
            id: record.id, name: record.name, capacityBytes: record.capacityBytes, parameters: record.parameters,
            context: context)
    }

    /// Those of a secret, else those that the share was used with last.
    func controllerOptions(
        of share: NFSShare, _ secret: SensitiveText?
    ) throws(DriverError) -> NFSMountOptions {
        guard let secret else { return try rememberedOptions(of: share) }
        return try NFSMountOptions(capability: [], secret: secret.texts.first).controllerOptions
    }

    func rememberedOptions(of share: NFSShare) throws(DriverError) -> NFSMountOptions {
        try NFSMountOptions(capability: options.remembered(for: share)).controllerOptions
    }

    func withPool<Value: Sendable>(
        of share: NFSShare, _ options: NFSMountOptions, _ attempt: String,
        _ body: @escaping @Sendable (SharedPool) throws(DriverError) -> Value
    ) async throws(DriverError) -> Value {
        let network = options.networkShare(share)
        let open = opener(of: share)
        let value = try await shares.withRoot(of: network, attempt) { root throws(DriverError) in
            try body(try open(root))
        }
        // What a process left in the trash that ended too early is for the next one that comes by.
        if seen.withLock({ $0.insert(share).inserted }) { reaper.empty(network, open) }
        return value
    }

    /// Opens the pool on a root: once for as long as the root is kept.
    func opener(of share: NFSShare) -> @Sendable (ShareRoot) throws(DriverError) -> SharedPool {
        let exportRoot = exportRoots[share]
        return { root throws(DriverError) in
            try root.companion { () throws(DriverError) in
                do throws(Errno) {
                    return SharedPool(name: root.share.name, root: try root.open(), exportRoot: exportRoot)
                } catch {
                    throw .share("open \(root.share)", error)
                }
            }
        }
    }
}
