import StorageModel

/// A backend that knows what it was given and does nothing.
struct KnownBackend: VolumeBackend {
    let name: String
    var volumes: [ListedVolume] = []
    /// The key of a context that describes a static volume.
    var contextKey = "path"
    var poolNames: [String] = []
    var isOurs: @Sendable (VolumeID) -> Bool = { !$0.rawValue.isEmpty && $0.rawValue != "nobody's" }
    var topology: Topology? { nil }
    let listsVolumes = true

    func hasPool(named name: String) -> Bool { poolNames.contains(name) }
    func recognises(_ id: VolumeID) -> Bool { isOurs(id) }
    func describesStaticVolume(_: VolumeID, _ context: [String: String]) -> Bool { context[contextKey] != nil }

    func listing(after position: ListingPosition?, limit: Int) -> [ListedVolume] {
        Array(volumes.filter { volume in position.map { volume.position > $0 } ?? true }.prefix(limit))
    }

    func poolListing() -> [ListedPool] { [] }

    func checkSupport(of _: VolumeCapability) throws(DriverError) { throw unused }
    func checkSupport(of _: VolumeCapability, context _: [String: String]) throws(DriverError) { throw unused }
    func place(_: CreateVolumeRequest) throws(DriverError) -> VolumePlacement { throw unused }
    func create(_: VolumePlacement) async throws(DriverError) -> CreatedVolume { throw unused }
    func volume(_: VolumeID) async throws(DriverError) -> StoredVolume { throw unused }
    func delete(_: VolumeID, mountOptions _: SensitiveText?) async throws(DriverError) { throw unused }
    func volumes(after _: String?, limit _: Int) async throws(DriverError) -> VolumePage { throw unused }
    func capacity(parameters _: [String: String]) async throws(DriverError) -> BackendCapacity { throw unused }
    func mountPlan(
        for _: VolumeID, capability _: VolumeCapability, context _: [String: String]
    ) async throws(DriverError) -> MountPlan { throw unused }
    func makeMissing(for _: VolumeID, context _: [String: String]) async throws(DriverError) { throw unused }
}

let unused = DriverError(.internalError, "nobody should ask for this")
