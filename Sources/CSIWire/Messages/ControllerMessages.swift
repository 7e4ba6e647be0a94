package import StorageModel

extension CreateVolumeRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.CreateVolumeRequest")

    init(_ message: DecodedMessage) throws(WireRefusal) {
        self.init(
            name: message.string("name"),
            capacityRange: try message.value("capacity_range", CapacityRange.init),
            volumeCapabilities: try message.values("volume_capabilities", VolumeCapability.init),
            parameters: message.map("parameters"),
            contentSource: try message.value("volume_content_source", VolumeContentSource.init),
            accessibilityRequirements: try message.value("accessibility_requirements", TopologyRequirement.init),
            mutableParameters: message.map("mutable_parameters"), mountOptions: message.mountOptionsOfSecrets)
    }
}

extension DecodedMessage {
    /// The one secret that is a setting: how the storage has to be mounted.
    fileprivate var mountOptionsOfSecrets: SensitiveText? {
        map("secrets")["mountOptions"].map { SensitiveText([$0]) }
    }
}

extension CreateVolumeResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.CreateVolumeResponse")

    func fill(_ message: MessageBuilder) {
        volume.fill(message.message("volume"))
    }
}

extension DeleteVolumeRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.DeleteVolumeRequest")

    init(_ message: DecodedMessage) {
        self.init(
            volumeID: VolumeID(message.string("volume_id")), mountOptions: message.mountOptionsOfSecrets)
    }
}

extension DeleteVolumeResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.DeleteVolumeResponse")

    func fill(_: MessageBuilder) {}
}

extension ValidateVolumeCapabilitiesRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.ValidateVolumeCapabilitiesRequest")

    init(_ message: DecodedMessage) throws(WireRefusal) {
        self.init(
            volumeID: VolumeID(message.string("volume_id")),
            volumeContext: message.map("volume_context"),
            volumeCapabilities: try message.values("volume_capabilities", VolumeCapability.init),
            parameters: message.map("parameters"),
            mutableParameters: message.map("mutable_parameters"))
    }
}

extension ValidateVolumeCapabilitiesResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.ValidateVolumeCapabilitiesResponse")

    func fill(_ message: MessageBuilder) {
        message.set("message", self.message)
        guard let confirmed else { return }
        let inner = message.message("confirmed")
        inner.set("volume_context", confirmed.volumeContext)
        let entries = inner.messages("volume_capabilities", count: confirmed.volumeCapabilities.count)
        for (entry, capability) in zip(entries, confirmed.volumeCapabilities) { capability.fill(entry) }
        inner.set("parameters", confirmed.parameters)
        inner.set("mutable_parameters", confirmed.mutableParameters)
    }
}

extension ListVolumesRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.ListVolumesRequest")

    init(_ message: DecodedMessage) {
        self.init(maxEntries: message.int32("max_entries"), startingToken: message.string("starting_token"))
    }
}

extension ListVolumesResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.ListVolumesResponse")

    func fill(_ message: MessageBuilder) {
        for (entry, volume) in zip(message.messages("entries", count: entries.count), entries) {
            volume.fill(entry.message("volume"))
        }
        message.set("next_token", nextToken)
    }
}

extension ControllerGetVolumeRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.ControllerGetVolumeRequest")

    init(_ message: DecodedMessage) {
        self.init(volumeID: VolumeID(message.string("volume_id")))
    }
}

extension ControllerGetVolumeResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.ControllerGetVolumeResponse")

    func fill(_ message: MessageBuilder) {
        volume.fill(message.message("volume"))
        // The specification requires it, and has nothing to put in it without further capabilities.
        _ = message.message("status")
    }
}

extension ControllerExpandVolumeRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.ControllerExpandVolumeRequest")

    init(_ message: DecodedMessage) throws(WireRefusal) {
        self.init(
            volumeID: VolumeID(message.string("volume_id")),
            capacityRange: try message.value("capacity_range", CapacityRange.init),
            volumeCapability: try message.value("volume_capability", VolumeCapability.init),
            mountOptions: message.mountOptionsOfSecrets)
    }
}

extension ControllerExpandVolumeResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.ControllerExpandVolumeResponse")

    func fill(_ message: MessageBuilder) {
        message.set("capacity_bytes", capacityBytes)
        message.set("node_expansion_required", nodeExpansionRequired)
    }
}

extension GetCapacityRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.GetCapacityRequest")

    init(_ message: DecodedMessage) throws(WireRefusal) {
        self.init(
            volumeCapabilities: try message.values("volume_capabilities", VolumeCapability.init),
            parameters: message.map("parameters"),
            accessibleTopology: try message.value("accessible_topology", Topology.init))
    }
}

extension GetCapacityResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.GetCapacityResponse")

    func fill(_ message: MessageBuilder) {
        message.set("available_capacity", availableCapacity)
        if let maximumVolumeSize { message.message("maximum_volume_size").set("value", maximumVolumeSize) }
        if let minimumVolumeSize { message.message("minimum_volume_size").set("value", minimumVolumeSize) }
    }
}

extension ControllerGetCapabilitiesRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.ControllerGetCapabilitiesRequest")

    init(_: DecodedMessage) { self.init() }
}

extension ControllerGetCapabilitiesResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.ControllerGetCapabilitiesResponse")

    func fill(_ message: MessageBuilder) {
        for (entry, capability) in zip(message.messages("capabilities", count: capabilities.count), capabilities) {
            entry.message("rpc").set("type", enumerator: capability.rawValue)
        }
    }
}
