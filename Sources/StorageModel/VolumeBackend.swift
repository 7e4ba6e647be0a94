/// Where volumes are and how they are made: one kind of storage.
///
/// CSIServices decides what CSI says must happen and holds the gates; a backend does it, durably, and never answers
/// before it is done. Every method may be called twice and after a crash of the method before it.
package protocol VolumeBackend: Sendable {
    /// The value of the StorageClass parameter `backend` that chooses it.
    var name: String { get }

    /// From where its volumes can be reached, or nil from everywhere.
    var topology: Topology? { get }

    /// Whether it knows all of its volumes.
    var listsVolumes: Bool { get }

    /// Whether `expand` is for it.
    var expandsVolumes: Bool { get }

    /// Whether a pool of its configuration has this name.
    func hasPool(named name: String) -> Bool

    /// Whether the id has the form that this backend gives. It says nothing about existence.
    func recognises(_ id: VolumeID) -> Bool

    /// Whether id and context are those of a static volume of this backend: storage that was there before, which an
    /// administrator gave an id of his own. It says nothing about existence.
    func describesStaticVolume(_ id: VolumeID, _ context: [String: String]) -> Bool

    /// Throws INVALID_ARGUMENT with the reason when no volume that this backend makes can be used like that.
    func checkSupport(of capability: VolumeCapability) throws(DriverError)

    /// As `checkSupport(of:)` for a volume with this context, which may be a static one. Touches no storage.
    ///
    /// - Throws: INVALID_ARGUMENT also for a context that no volume can have, PERMISSION_DENIED for a static volume
    ///   where the administrator of the node allows none.
    func checkSupport(of capability: VolumeCapability, context: [String: String]) throws(DriverError)

    /// Where the volume of this request belongs: parameters checked, pool chosen, id computed. Touches no storage.
    func place(_ request: CreateVolumeRequest) throws(DriverError) -> VolumePlacement

    /// Makes the volume, or returns the one that has its place already, which may be an incompatible one.
    ///
    /// Errors: RESOURCE_EXHAUSTED when there is no room, OUT_OF_RANGE when there can never be, UNAVAILABLE when the
    /// pool is absent, ALREADY_EXISTS when another pool holds the name.
    func create(_ placement: VolumePlacement) async throws(DriverError) -> CreatedVolume

    /// What the record says. NOT_FOUND without one; FAILED_PRECONDITION when it belongs to another node.
    func volume(_ id: VolumeID) async throws(DriverError) -> StoredVolume

    /// Removes the volume as its `onDelete` says. A volume that does not exist is a success.
    ///
    /// - Parameter mountOptions: how its storage has to be mounted for that; nil when the caller does not say.
    func delete(_ id: VolumeID, mountOptions: SensitiveText?) async throws(DriverError)

    /// Gives a volume another size, which its users have at once, without a step on their nodes.
    ///
    /// - Parameters:
    ///   - size: called with the volume as it is; what it gives is not less than it has.
    ///   - mountOptions: how its storage has to be mounted for that; nil when the caller does not say.
    /// - Returns: the bytes that it has afterwards.
    /// - Throws: what `size` throws; NOT_FOUND when there is no such volume; FAILED_PRECONDITION when it is held to its
    ///   size and that cannot be changed.
    func expand(
        _ id: VolumeID, mountOptions: SensitiveText?,
        to size: @escaping @Sendable (StoredVolume) throws(DriverError) -> Int64
    ) async throws(DriverError) -> Int64

    /// Volumes after a position, in an order of the backend's own, at most `limit`. It may be fewer, and more follow.
    ///
    /// - Parameter position: one that an earlier page gave; nil: from the start.
    /// - Throws: ABORTED for a position that it never gave; UNAVAILABLE when some of them cannot be known now.
    func volumes(after position: String?, limit: Int) async throws(DriverError) -> VolumePage

    /// Up to `limit` entries after `position`, in their order: volumes that there are, and what a person
    /// should see beside them: retained ones, those in the trash, and records that cannot be read.
    func listing(after position: ListingPosition?, limit: Int) async throws(DriverError) -> [ListedVolume]

    /// Its pools as they are now, in the order of the configuration. One that is absent is an entry, and no error.
    func poolListing() async throws(DriverError) -> [ListedPool]

    /// Room for further volumes with these parameters.
    func capacity(parameters: [String: String]) async throws(DriverError) -> BackendCapacity

    /// What to mount for a volume that exists. Makes nothing. Errors as `volume(_:)` and
    /// `checkSupport(of:context:)`; for a static volume NOT_FOUND when it is not there and is not to be made.
    func mountPlan(for id: VolumeID, capability: VolumeCapability, context: [String: String]) async throws(DriverError)
        -> MountPlan

    /// Makes, durably, what the context of a static volume says shall be made when it is missing; called when the
    /// volume is staged.
    func makeMissing(for id: VolumeID, context: [String: String]) async throws(DriverError)
}

extension VolumeBackend {
    package var expandsVolumes: Bool { false }

    package func hasPool(named _: String) -> Bool { false }

    package func expand(
        _: VolumeID, mountOptions _: SensitiveText?,
        to _: @escaping @Sendable (StoredVolume) throws(DriverError) -> Int64
    ) async throws(DriverError) -> Int64 {
        throw DriverError(.unimplemented, "\(name) volumes cannot be expanded")
    }
}

/// A part of a list of volumes.
package struct VolumePage: Hashable, Sendable {
    package var volumes: [StoredVolume]
    /// Where the next page goes on; nil when nothing follows.
    package var next: String?

    package init(_ volumes: [StoredVolume], next: String? = nil) {
        self.volumes = volumes
        self.next = next
    }
}

/// A request that has found its place.
package struct VolumePlacement: Hashable, Sendable {
    package var id: VolumeID
    package var name: String
    package var pool: String
    /// 0 when no size was asked for.
    package var capacityBytes: Int64
    /// The parameters that have a meaning, normalised: what a second request is compared with.
    package var parameters: [String: String]
    /// What the orchestrator is to hand to the node.
    package var context: [String: String]
    /// Whether a directory that is there, with what is in it, may become the volume.
    package var adoptsData: Bool
    /// How the storage has to be mounted to make the volume.
    package var mountOptions: SensitiveText

    package init(
        id: VolumeID, name: String, pool: String, capacityBytes: Int64, parameters: [String: String],
        context: [String: String] = [:], adoptsData: Bool = false, mountOptions: SensitiveText = SensitiveText([])
    ) {
        self.id = id
        self.name = name
        self.pool = pool
        self.capacityBytes = capacityBytes
        self.parameters = parameters
        self.context = context
        self.adoptsData = adoptsData
        self.mountOptions = mountOptions
    }
}

/// A volume as its record describes it.
package struct StoredVolume: Hashable, Sendable {
    package var id: VolumeID
    package var name: String
    package var capacityBytes: Int64
    package var parameters: [String: String]
    package var context: [String: String]
    package var topology: Topology?

    package init(
        id: VolumeID, name: String, capacityBytes: Int64, parameters: [String: String], context: [String: String] = [:],
        topology: Topology? = nil
    ) {
        self.id = id
        self.name = name
        self.capacityBytes = capacityBytes
        self.parameters = parameters
        self.context = context
        self.topology = topology
    }
}

package enum CreatedVolume: Hashable, Sendable {
    case made(StoredVolume)
    /// It was there before; whether it is what was asked for is for the caller to judge.
    case existing(StoredVolume)
}

/// Sizes in bytes.
package struct BackendCapacity: Hashable, Sendable {
    package var available: Int64
    package var maximumVolumeSize: Int64?

    package init(available: Int64, maximumVolumeSize: Int64? = nil) {
        self.available = available
        self.maximumVolumeSize = maximumVolumeSize
    }
}

extension CreateVolumeRequest {
    /// Checks what holds for every kind of storage so far.
    ///
    /// - Parameter kind: the backend's, for errors.
    /// - Throws: INVALID_ARGUMENT for a content source, mutable parameters, or a name that is empty or too long.
    package func checkIsPlain(for kind: String) throws(DriverError) {
        guard contentSource == nil else {
            throw .invalid("volume_content_source is not supported: \(kind) volumes cannot be made from others yet")
        }
        guard mutableParameters.isEmpty else {
            throw .invalid("mutable_parameters are not supported: no \(kind) volume has any")
        }
        guard (1...1024).contains(name.utf8.count) else {
            throw .invalid("name must have 1 to 1024 bytes; it has \(name.utf8.count)")
        }
    }

    /// The size that a new volume gets, in bytes; 0 when none was asked for.
    package var wantedBytes: Int64 {
        let asked = capacityRange ?? CapacityRange()
        return max(0, asked.requiredBytes > 0 ? asked.requiredBytes : asked.limitBytes)
    }
}
