import StorageModel

/// Whether a volume that exists is the one a repeated request means (CSI spec, CreateVolume: "compatible").
enum Compatibility {
    /// - Throws: ALREADY_EXISTS with what differs.
    static func check(
        _ volume: StoredVolume, satisfies placement: VolumePlacement, range: CapacityRange?
    ) throws(DriverError) {
        guard volume.name == placement.name else {
            throw refusal(placement.name, "its id belongs to a volume of another name")
        }
        let required = range?.requiredBytes ?? 0
        let limit = range?.limitBytes ?? 0
        let size = volume.capacityBytes
        guard size >= required, limit == 0 || (1...limit).contains(size) else {
            throw refusal(
                placement.name,
                "it has \(size) bytes, asked for are at least \(required)" + (limit > 0 ? " and at most \(limit)" : ""))
        }
        let different = differingKeys(volume.parameters, placement.parameters)
        guard different.isEmpty else {
            throw refusal(placement.name, "it was made with other values of \(different.joined(separator: ", "))")
        }
    }

    /// - Throws: INVALID_ARGUMENT with what was not confirmed.
    static func check(
        _ volume: StoredVolume, of backend: any VolumeBackend,
        hasParametersOf request: ValidateVolumeCapabilitiesRequest
    ) throws(DriverError) {
        guard request.mutableParameters.isEmpty else {
            throw .invalid("mutable_parameters are not supported")
        }
        let different = differingKeys(volume.context, request.volumeContext.filter { !isOrchestratorKey($0.key) })
        guard request.volumeContext.isEmpty || different.isEmpty else {
            throw .invalid("the volume has other values of volume_context: \(different.joined(separator: ", "))")
        }
        guard !request.parameters.isEmpty else { return }
        // Placing a request with these parameters normalises them as creating the volume did.
        let placement = try backend.place(
            CreateVolumeRequest(
                name: volume.name, capacityRange: CapacityRange(requiredBytes: volume.capacityBytes),
                volumeCapabilities: request.volumeCapabilities, parameters: request.parameters))
        let others = differingKeys(volume.parameters, placement.parameters)
        guard others.isEmpty else {
            throw .invalid("the volume was made with other values of \(others.joined(separator: ", "))")
        }
    }

    private static func refusal(_ name: String, _ difference: String) -> DriverError {
        DriverError(
            .alreadyExists,
            "a volume named \(name) exists and is not the one asked for: \(difference); use another name, "
                + "or ask for it as it is"
        )
    }

    private static func differingKeys(_ one: [String: String], _ other: [String: String]) -> [String] {
        Set(one.keys).union(other.keys).filter { one[$0] != other[$0] }.sorted()
    }

    /// Keys that an orchestrator's sidecars add: they say who asks, not what is asked for.
    private static func isOrchestratorKey(_ key: String) -> Bool {
        key.hasPrefix("csi.storage.k8s.io/")
    }
}
