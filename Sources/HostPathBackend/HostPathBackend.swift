package import BlockingWork
import PoolStore
package import StorageModel

/// Volumes that are directories on this node's own disks.
package final class HostPathBackend: VolumeBackend {
    package let name = "hostPath"
    package let topology: Topology?
    package let listsVolumes = true

    let nodeID: String
    let workers: WorkerThreads
    let prefixes: [HostPathPrefix]
    let pools: [ConfiguredPool]
    let space: PromisedSpace
    private let reaper: TrashReaper
    let report: @Sendable (PoolEvent) -> Void

    /// Reads what the driver remembers of its pools; opens none of them.
    ///
    /// - Parameters:
    ///   - stateDirectory: absolute; `pools/` in it keeps which disk is which pool, and must outlive a reboot.
    ///   - prefixes: below which existing paths may be volumes.
    ///   - nodeID: for the text of errors.
    ///   - report: called on any thread.
    /// - Throws: INVALID_ARGUMENT when the pools cannot be served side by side.
    package init(
        pools: [PoolConfiguration], prefixes: [HostPathPrefix] = [], stateDirectory: String, nodeID: String,
        topology: Topology, workers: WorkerThreads, report: @escaping @Sendable (PoolEvent) -> Void
    ) throws(DriverError) {
        try PoolConfiguration.check(pools)
        guard stateDirectory.hasPrefix("/") else {
            throw .invalid("the state directory \(stateDirectory.prefix(200).debugDescription) is not an absolute path")
        }
        let memory = PoolMemory(stateDirectory: stateDirectory)
        self.topology = topology
        self.nodeID = nodeID
        self.workers = workers
        self.prefixes = prefixes
        self.pools = pools.map { ConfiguredPool($0, memory: memory, report: report) }
        let space = PromisedSpace()
        self.space = space
        reaper = TrashReaper(
            removed: { space.release($0.capacityBytes, in: $1) }, report: report)
        self.report = report
    }

    /// Opens the pools, which is a matter of milliseconds, and starts the reaper, which reads the records of each pool
    /// that is opened, now or later, before it empties the trash. An absent pool is reported and no error.
    package func start() {
        _ = openPools()
        reaper.start(settling: { [self] pool in
            do throws(DriverError) {
                try settle(pool)
            } catch {
                report(.remark(pool: pool.name, text: error.message))
            }
        })
    }

    /// Stops the reaper and gives the pools up. What is left in the trash is removed after the next start.
    package func stop() {
        reaper.stop()
        for pool in pools { pool.close() }
    }

    package func recognises(_ id: VolumeID) -> Bool {
        HostPathVolumeID(id) != nil
    }

    package func hasPool(named name: String) -> Bool {
        pools.contains { $0.name == name }
    }

    package func checkSupport(of capability: VolumeCapability) throws(DriverError) {
        guard case .mount(let mount) = capability.accessType else {
            throw .invalid(
                "a hostPath volume that the driver makes is a directory and cannot be a block device; ask for a mount "
                    + "volume")
        }
        try checkSupport(of: mount, capability.accessMode)
    }

    /// What a directory can honour, whoever made it.
    func checkSupport(of mount: MountCapability, _ mode: AccessMode) throws(DriverError) {
        try checkIsSingleNode(mode)
        guard mount.volumeMountGroup.isEmpty else {
            throw .invalid(
                "volume_mount_group is not supported; use the StorageClass parameter gid, or leave the group to "
                    + "the orchestrator"
            )
        }
        _ = try MountAttributes(flags: mount.mountFlags)
    }

    func checkIsSingleNode(_ mode: AccessMode) throws(DriverError) {
        guard !mode.isMultiNode else {
            throw .invalid(
                "access mode \(mode.rawValue) is not supported: a hostPath volume is on the disk of one node; ask for "
                    + "a SINGLE_NODE mode")
        }
    }

    func attributes(of mount: MountCapability, _ mode: AccessMode) throws(DriverError) -> MountAttributes {
        var attributes = try MountAttributes(flags: mount.mountFlags)
        if mode.isReaderOnly { attributes.readOnly = true }
        return attributes
    }
}

// MARK: - Create

extension HostPathBackend {
    package func place(_ request: CreateVolumeRequest) throws(DriverError) -> VolumePlacement {
        try request.checkIsPlain(for: "hostPath")
        let parameters = try HostPathParameters(request.parameters, backend: name)
        let pool = try chosenPool(parameters)
        guard let poolID = pool.knownID else {
            // Nobody can say yet which id the volume would have. The next attempt finds the pool, if it is there by
            // then.
            workers.submit { [self] in _ = try? self.open(pool) }
            throw pool.absence
        }
        return VolumePlacement(
            id: HostPathVolumeID(pool: poolID, name: request.name).key.id, name: request.name, pool: pool.name,
            capacityBytes: request.wantedBytes,
            parameters: described(parameters.normalised, pool.name))
    }

    package func create(_ placement: VolumePlacement) async throws(DriverError) -> CreatedVolume {
        try await workers.run { [self] () throws(DriverError) in try createNow(placement) }
    }

    private func createNow(_ placement: VolumePlacement) throws(DriverError) -> CreatedVolume {
        let parameters = try HostPathParameters(placement.parameters, backend: name)
        let configured = try chosenPool(parameters)
        let pool = try open(configured)
        let id = HostPathVolumeID(pool: pool.id, name: placement.name)
        guard id.key.id == placement.id else {
            throw DriverError(
                .unavailable, "pool \"\(pool.name)\" was replaced by another while it was used; repeat the call")
        }
        let others = pools.filter { $0.name != configured.name }.compactMap { try? open($0) }
        try settle(pool)
        if let record = try pool.existingVolume(
            id.key, named: placement.name, releasing: { space.release($0, in: pool) })
        {
            return .existing(stored(record, in: pool))
        }
        for other in others {
            try checkName(placement.name, isFreeIn: other)
            // Pools on one disk share its room.
            if other.device == pool.device { try settle(other) }
        }
        let record = VolumeRecord(
            name: placement.name, key: id.key, capacityBytes: placement.capacityBytes, parameters: parameters.normalised
        )
        try space.reserve(record.capacityBytes, in: pool)
        do throws(DriverError) {
            switch try pool.make(record, parameters.access) {
            case .made(let record):
                return .made(stored(record, in: pool))
            case .existing(let record):
                space.release(placement.capacityBytes, in: pool)
                return .existing(stored(record, in: pool))
            }
        } catch {
            space.release(placement.capacityBytes, in: pool)
            throw error
        }
    }

    private func checkName(_ volumeName: String, isFreeIn pool: Pool) throws(DriverError) {
        let key = HostPathVolumeID(pool: pool.id, name: volumeName).key
        guard let record = try pool.record(of: key), record.state == .ready else { return }
        throw DriverError(
            .alreadyExists,
            "a volume of this name exists in pool \"\(pool.name)\" (\(key)); delete it there, ask for it there, or "
                + "use another name")
    }

    /// The pool that the parameters mean: the one they name, else the one named `default`, else the only one.
    private func chosenPool(_ parameters: HostPathParameters) throws(DriverError) -> ConfiguredPool {
        if let name = parameters.pool {
            guard let pool = pools.first(where: { $0.name == name }) else {
                throw .invalid("parameters: there is no such pool on node \(nodeID); its pools are \(poolNames)")
            }
            return pool
        }
        guard let pool = defaultPool else {
            throw .invalid(
                "parameters: pool is required, because there are several and none is the default: \(poolNames)")
        }
        return pool
    }

    private var defaultPool: ConfiguredPool? {
        pools.count == 1 ? pools.first : pools.first { $0.name == PoolConfiguration.defaultName }
    }

    private var poolNames: String { pools.map(\.name).joined(separator: ", ") }
}

// MARK: - Existing volumes

extension HostPathBackend {
    package func volume(_ id: VolumeID) async throws(DriverError) -> StoredVolume {
        try await workers.run { [self] () throws(DriverError) in
            let (record, pool) = try readyVolume(id)
            return stored(record, in: pool)
        }
    }

    package func mountPlan(
        for id: VolumeID, capability: VolumeCapability, context: [String: String]
    ) async throws(DriverError) -> MountPlan {
        if StaticVolume.isDescribed(by: context) {
            return try await staticPlan(for: id, capability: capability, context: context)
        }
        try checkSupport(of: capability)
        guard case .mount(let mount) = capability.accessType else { throw .invalid("a hostPath volume is a directory") }
        let attributes = try attributes(of: mount, capability.accessMode)
        let (record, pool) = try await workers.run { [self] () throws(DriverError) in
            let (record, pool) = try readyVolume(id)
            try pool.checkDirectory(of: record)
            return (record, pool)
        }
        return MountPlan(
            source: .directory(root: pool.path, components: Pool.components(of: record)), attributes: attributes)
    }

    package func delete(_ id: VolumeID, mountOptions _: SensitiveText? = nil) async throws(DriverError) {
        // An id that this backend never gave belongs to nothing that could be there.
        guard let id = HostPathVolumeID(id) else { return }
        try await workers.run { [self] () throws(DriverError) in
            let pool = try poolHolding(id)
            try settle(pool)
            if let entry = try pool.delete(id.key) {
                reaper.enqueue([.remove(entry, pool)])
            }
        }
    }

    /// In the order of their ids; the position is an id.
    package func volumes(after position: String?, limit: Int) async throws(DriverError) -> VolumePage {
        let after = position.flatMap { HostPathVolumeID(VolumeID($0)) }?.key
        guard position == nil || after != nil else { throw .unknownToken }
        return try await workers.run { [self] () throws(DriverError) in
            // A volume on an absent disk cannot be read and is not listed; that its pool is absent was reported.
            var found: [(key: VolumeKey, pool: Pool)] = []
            for pool in openPools() {
                found += try pool.keys(after: after).map { ($0, pool) }
            }
            found.sort { $0.key < $1.key }
            var volumes: [StoredVolume] = []
            for (key, pool) in found {
                do throws(DriverError) {
                    // Nil: deleted since the directory was read.
                    guard let record = try pool.record(of: key), record.state == .ready else { continue }
                    // One more than fits says that something follows.
                    guard volumes.count < limit else { return VolumePage(volumes, next: volumes.last?.id.rawValue) }
                    volumes.append(stored(record, in: pool))
                } catch {
                    report(.remark(pool: pool.name, text: error.message))
                }
            }
            return VolumePage(volumes)
        }
    }

    package func capacity(parameters: [String: String]) async throws(DriverError) -> BackendCapacity {
        let parameters = try HostPathParameters(parameters, backend: name)
        // Without a pool in the parameters, and none that is the default: the sum over all disks.
        let asked = parameters.pool == nil && defaultPool == nil ? pools : [try chosenPool(parameters)]
        return try await workers.run { [self] () throws(DriverError) in
            let open = openPools()
            var devices: Set<UInt64> = []
            var capacity = BackendCapacity(available: 0, maximumVolumeSize: 0)
            for pool in open
            where asked.contains(where: { $0.name == pool.name }) && devices.insert(pool.device).inserted {
                for other in open where other.device == pool.device { try settle(other) }
                let available = try space.available(in: pool)
                capacity.available += available
                capacity.maximumVolumeSize = max(capacity.maximumVolumeSize ?? 0, available)
            }
            return capacity
        }
    }

    private func readyVolume(_ id: VolumeID) throws(DriverError) -> (VolumeRecord, Pool) {
        guard let parsed = HostPathVolumeID(id) else { throw notFound(id) }
        let pool = try poolHolding(parsed)
        guard let record = try pool.record(of: parsed.key), record.state == .ready else { throw notFound(id) }
        return (record, pool)
    }

    private func notFound(_ id: VolumeID) -> DriverError {
        DriverError(
            .notFound, "there is no volume \(id.rawValue.prefix(128).debugDescription); it may have been deleted")
    }

    private func stored(_ record: VolumeRecord, in pool: Pool) -> StoredVolume {
        StoredVolume(
            id: VolumeID(record.id), name: record.name, capacityBytes: record.capacityBytes,
            parameters: described(record.parameters, pool.name), topology: topology)
    }

    /// The pool's name as it is configured now, beside what a record keeps.
    private func described(_ parameters: [String: String], _ pool: String) -> [String: String] {
        parameters.merging(["pool": pool]) { $1 }
    }
}

// MARK: - Pools

extension HostPathBackend {
    func open(_ configured: ConfiguredPool) throws(DriverError) -> Pool {
        try configured.pool(
            isTaken: { id in pools.contains { $0.name != configured.name && $0.knownID == id } },
            opened: { reaper.enqueue([.settle($0)]) }, left: space.remove)
    }

    /// Those that are there.
    func openPools() -> [Pool] {
        pools.compactMap { try? open($0) }
    }

    /// - Throws: FAILED_PRECONDITION for an id of another node, which is never "does not exist"; UNAVAILABLE while the
    ///   pool is absent.
    private func poolHolding(_ id: HostPathVolumeID) throws(DriverError) -> Pool {
        if let pool = pools.first(where: { $0.knownID == id.pool }) { return try open(pool) }
        // One that was never there may have come by now.
        for pool in pools where pool.knownID == nil {
            if let open = try? open(pool), open.id == id.pool { return open }
        }
        throw DriverError(
            .failedPrecondition,
            "volume \(id.key) is in pool \(id.pool), which is not a pool of node \(nodeID): it belongs to another "
                + "node, or to a pool that is not configured here; ask the node that has it, or configure the pool "
                + "(--pool NAME=DIR)")
    }

    func settle(_ pool: Pool) throws(DriverError) {
        try pool.settle { settlement in
            space.set(settlement.promisedBytes, for: pool)
            for remark in settlement.remarks { report(.remark(pool: pool.name, text: remark)) }
            reaper.enqueue(settlement.trash.map { .remove($0, pool) })
        }
    }
}
