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
            capabilities: [.createDeleteVolume] + listing
                + [.getCapacity, .getVolume, .singleNodeMultiWriter]
                + (backends.all.contains(where: \.expandsVolumes) ? [.expandVolume] : []))
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
        return CreateVolumeResponse(volume: Self.described(stored))
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
        return ControllerGetVolumeResponse(volume: Self.described(try await backend.volume(request.volumeID)))
    }

    package func expandVolume(
        _ request: ControllerExpandVolumeRequest
    ) async throws(DriverError) -> ControllerExpandVolumeResponse {
        let id = request.volumeID
        try RequestChecks.required(id)
        let range = try Expansion.checked(request.capacityRange)
        let backend = try backends.existing(id)
        guard backend.expandsVolumes else {
            throw DriverError(
                .unimplemented,
                "volume \(id) cannot be expanded: this version of Moorage does not expand \(backend.name) volumes")
        }
        if let capability = request.volumeCapability { try backend.checkSupport(of: capability) }
        let bytes = try await gates.holding(.volume(id)) { () async throws(DriverError) in
            try await backend.expand(id, mountOptions: request.mountOptions) { volume throws(DriverError) in
                try Expansion.size(of: volume, within: range)
            }
        }
        return ControllerExpandVolumeResponse(capacityBytes: bytes, nodeExpansionRequired: false)
    }

    package func listVolumes(_ request: ListVolumesRequest) async throws(DriverError) -> ListVolumesResponse {
        guard canList else {
            throw DriverError(
                .unimplemented,
                "volumes on network shares cannot be listed as long as a StorageClass may name any share; start the "
                    + "driver with --nfs-pools-only when it may not")
        }
        guard request.maxEntries >= 0 else {
            throw .invalid("max_entries must not be negative; it is \(request.maxEntries)")
        }
        let limit = request.maxEntries == 0 ? Self.largestPage : min(Int(request.maxEntries), Self.largestPage)
        return try await Self.page(
            from: try PagePosition(token: request.startingToken, backends: backends), limit: limit)
    }

    /// - Parameter limit: of the entries; at least 1.
    static func page(from start: PagePosition, limit: Int) async throws(DriverError) -> ListVolumesResponse {
        var position = start
        var entries: [Volume] = []
        while let backend = position.backend {
            // With a page that ended where a backend did, whether anything follows is for the next call to find out.
            guard entries.count < limit else {
                return ListVolumesResponse(entries: entries, nextToken: position.token)
            }
            let page = try await backend.volumes(after: position.inside, limit: limit - entries.count)
            entries += page.volumes.map(Self.described)
            if let next = page.next {
                position.inside = next
                return ListVolumesResponse(entries: entries, nextToken: position.token)
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

    private static func described(_ volume: StoredVolume) -> Volume {
        Volume(
            id: volume.id, capacityBytes: volume.capacityBytes, context: volume.context,
            accessibleTopology: volume.topology.map { [$0] } ?? [])
    }
}
