package import StorageModel

/// The Controller service: volumes are made, removed, described and counted.
package struct ControllerService: Sendable {
    /// More than this many entries never go into one answer, so that it stays below the 4 MiB a client takes.
    package static let largestPage = 5000

    private let backends: Backends
    private let tracker: any MountTracker
    private let gates: Gates

    package init(backends: Backends, tracker: any MountTracker, gates: Gates) {
        self.backends = backends
        self.tracker = tracker
        self.gates = gates
    }

    package func capabilities(_: ControllerGetCapabilitiesRequest) -> ControllerGetCapabilitiesResponse {
        let listing: [ControllerCapability] = canList ? [.listVolumes] : []
        return ControllerGetCapabilitiesResponse(
            capabilities: [.createDeleteVolume] + listing + [.getCapacity, .getVolume, .singleNodeMultiWriter])
    }

    /// A list that lacks volumes would make an orchestrator believe that they are gone.
    private var canList: Bool { backends.all.allSatisfy(\.listsVolumes) }

    package func createVolume(_ request: CreateVolumeRequest) async throws(DriverError) -> CreateVolumeResponse {
        try RequestChecks.volumeName(request.name)
        try RequestChecks.required(request.volumeCapabilities)
        try RequestChecks.capacityRange(request.capacityRange)
        let backend = try backends.chosen(by: request.parameters)
        for capability in request.volumeCapabilities {
            try backend.checkSupport(of: capability)
        }
        try checkReach(of: backend, under: request.accessibilityRequirements)
        let placement = try backend.place(request)
        let stored = try await gates.holding(
            .volumeName(request.name, backend: backend.name), .volume(placement.id)
        ) { () async throws(DriverError) in
            switch try await backend.create(placement) {
            case .made(let volume):
                return volume
            case .existing(let volume):
                try Compatibility.check(volume, satisfies: placement, range: request.capacityRange)
                return volume
            }
        }
        return CreateVolumeResponse(volume: described(stored))
    }

    package func deleteVolume(_ request: DeleteVolumeRequest) async throws(DriverError) -> DeleteVolumeResponse {
        let id = request.volumeID
        try RequestChecks.required(id)
        // An id that no backend gives belongs to no volume, and the absence of a volume is what was asked for.
        guard let backend = backends.recognising(id) else { return DeleteVolumeResponse() }
        try await gates.holding(.volume(id)) { () async throws(DriverError) in
            guard try await !tracker.isInUse(id) else {
                throw DriverError(
                    .failedPrecondition,
                    "volume \(id) cannot be deleted: it is staged or published on this node; "
                        + "unpublish and unstage it first"
                )
            }
            try await backend.delete(id, mountOptions: request.mountOptions)
        }
        return DeleteVolumeResponse()
    }

    package func validateCapabilities(
        _ request: ValidateVolumeCapabilitiesRequest
    ) async throws(DriverError) -> ValidateVolumeCapabilitiesResponse {
        try RequestChecks.required(request.volumeID)
        try RequestChecks.required(request.volumeCapabilities)
        let backend = try backends.existing(request.volumeID, context: request.volumeContext)
        do {
            if backend.describesStaticVolume(request.volumeID, request.volumeContext) {
                try await validate(staticVolumeOf: request, on: backend)
            } else {
                let volume = try await backend.volume(request.volumeID)
                for capability in request.volumeCapabilities {
                    try backend.checkSupport(of: capability)
                }
                try Compatibility.check(volume, of: backend, hasParametersOf: request)
            }
        } catch  where error.code == .invalidArgument || error.code == .permissionDenied {
            return ValidateVolumeCapabilitiesResponse(confirmed: nil, message: error.message)
        }
        return ValidateVolumeCapabilitiesResponse(
            confirmed: .init(
                volumeContext: request.volumeContext, volumeCapabilities: request.volumeCapabilities,
                parameters: request.parameters, mutableParameters: request.mutableParameters))
    }

    /// - Throws: INVALID_ARGUMENT or PERMISSION_DENIED with what is not confirmed; NOT_FOUND and others when it is not
    ///   there to be used.
    private func validate(
        staticVolumeOf request: ValidateVolumeCapabilitiesRequest, on backend: any VolumeBackend
    ) async throws(DriverError) {
        guard request.parameters.isEmpty, request.mutableParameters.isEmpty else {
            throw .invalid("parameters and mutable_parameters are of volumes that this driver made; this one has none")
        }
        for capability in request.volumeCapabilities {
            _ = try await backend.mountPlan(
                for: request.volumeID, capability: capability, context: request.volumeContext)
        }
    }

    package func getVolume(_ request: ControllerGetVolumeRequest) async throws(DriverError)
        -> ControllerGetVolumeResponse
    {
        try RequestChecks.required(request.volumeID)
        let backend = try backends.existing(request.volumeID)
        return ControllerGetVolumeResponse(volume: described(try await backend.volume(request.volumeID)))
    }

    package func listVolumes(_ request: ListVolumesRequest) async throws(DriverError) -> ListVolumesResponse {
        guard canList else {
            throw DriverError(
                .unimplemented,
                "volumes on network shares cannot be listed, for a StorageClass may name any share; its capabilities "
                    + "say what this driver can do")
        }
        guard request.maxEntries >= 0 else {
            throw .invalid("max_entries must not be negative; it is \(request.maxEntries)")
        }
        let limit = request.maxEntries == 0 ? Self.largestPage : min(Int(request.maxEntries), Self.largestPage)
        var position = try PagePosition(token: request.startingToken, backends: backends)
        var entries: [Volume] = []
        while let backend = position.backend {
            // One more than fits says whether anything follows.
            let found = try await backend.volumes(after: position.id, limit: limit - entries.count + 1)
            let page = found.prefix(limit - entries.count)
            entries += page.map(described)
            if found.count > page.count {
                let last = page.last?.id ?? position.id
                return ListVolumesResponse(entries: entries, nextToken: position.token(after: last))
            }
            position.advance()
        }
        return ListVolumesResponse(entries: entries)
    }

    package func getCapacity(_ request: GetCapacityRequest) async throws(DriverError) -> GetCapacityResponse {
        let backend = try backends.chosen(by: request.parameters)
        if let asked = request.accessibleTopology, let place = backend.topology, !asked.isSatisfied(by: place) {
            return GetCapacityResponse(availableCapacity: 0)
        }
        do {
            for capability in request.volumeCapabilities {
                try backend.checkSupport(of: capability)
            }
        } catch {
            return GetCapacityResponse(availableCapacity: 0)
        }
        let capacity = try await backend.capacity(parameters: request.parameters)
        return GetCapacityResponse(
            availableCapacity: max(0, capacity.available), maximumVolumeSize: capacity.maximumVolumeSize)
    }

    private func checkReach(
        of backend: any VolumeBackend, under requirement: TopologyRequirement?
    ) throws(DriverError) {
        guard let requirement, !requirement.requisite.isEmpty, let place = backend.topology else { return }
        guard requirement.requisite.contains(where: { $0.isSatisfied(by: place) }) else {
            throw DriverError(
                .resourceExhausted,
                "the volume must be reachable from a topology that this node is not part of; this node can only make "
                    + "volumes for itself: let the driver on a node of that topology make it")
        }
    }

    private func described(_ volume: StoredVolume) -> Volume {
        Volume(
            id: volume.id, capacityBytes: volume.capacityBytes, context: volume.context,
            accessibleTopology: volume.topology.map { [$0] } ?? [])
    }
}

/// Where a listing goes on: in which backend, after which id. The token is `<backend>/<id>`.
private struct PagePosition {
    private var remaining: ArraySlice<any VolumeBackend>
    private(set) var id: VolumeID?

    var backend: (any VolumeBackend)? { remaining.first }

    /// - Throws: ABORTED for a token that this driver did not give (CSI spec, ListVolumes errors).
    init(token: String, backends: Backends) throws(DriverError) {
        remaining = backends.all[...]
        guard !token.isEmpty else { return }
        let parts = token.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let index = remaining.firstIndex(where: { $0.name == parts[0] }),
            remaining[index].recognises(VolumeID(String(parts[1])))
        else {
            throw DriverError(
                .aborted, "starting_token is not one that this driver gave; list again from the start, without a token")
        }
        remaining = remaining[index...]
        id = VolumeID(String(parts[1]))
    }

    mutating func advance() {
        remaining.removeFirst()
        id = nil
    }

    func token(after id: VolumeID?) -> String {
        "\(backend?.name ?? "")/\(id?.rawValue ?? "")"
    }
}
