package import StorageModel

extension NodeStageVolumeRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.NodeStageVolumeRequest")

    init(_ message: DecodedMessage) throws(WireRefusal) {
        self.init(
            volumeID: VolumeID(message.string("volume_id")),
            stagingTargetPath: message.string("staging_target_path"),
            volumeCapability: try message.value("volume_capability", VolumeCapability.init),
            volumeContext: message.map("volume_context"))
    }
}

extension NodeStageVolumeResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.NodeStageVolumeResponse")

    func fill(_: MessageBuilder) {}
}

extension NodeUnstageVolumeRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.NodeUnstageVolumeRequest")

    init(_ message: DecodedMessage) {
        self.init(
            volumeID: VolumeID(message.string("volume_id")), stagingTargetPath: message.string("staging_target_path"))
    }
}

extension NodeUnstageVolumeResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.NodeUnstageVolumeResponse")

    func fill(_: MessageBuilder) {}
}

extension NodePublishVolumeRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.NodePublishVolumeRequest")

    init(_ message: DecodedMessage) throws(WireRefusal) {
        self.init(
            volumeID: VolumeID(message.string("volume_id")),
            stagingTargetPath: message.string("staging_target_path"),
            targetPath: message.string("target_path"),
            volumeCapability: try message.value("volume_capability", VolumeCapability.init),
            readonly: message.bool("readonly"),
            volumeContext: message.map("volume_context"))
    }
}

extension NodePublishVolumeResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.NodePublishVolumeResponse")

    func fill(_: MessageBuilder) {}
}

extension NodeUnpublishVolumeRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.NodeUnpublishVolumeRequest")

    init(_ message: DecodedMessage) {
        self.init(volumeID: VolumeID(message.string("volume_id")), targetPath: message.string("target_path"))
    }
}

extension NodeUnpublishVolumeResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.NodeUnpublishVolumeResponse")

    func fill(_: MessageBuilder) {}
}

extension NodeGetVolumeStatsRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.NodeGetVolumeStatsRequest")

    init(_ message: DecodedMessage) {
        self.init(
            volumeID: VolumeID(message.string("volume_id")), volumePath: message.string("volume_path"),
            stagingTargetPath: message.string("staging_target_path"))
    }
}

extension NodeGetVolumeStatsResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.NodeGetVolumeStatsResponse")

    func fill(_ message: MessageBuilder) {
        let usage = statistics.usage
        for (entry, usage) in zip(message.messages("usage", count: usage.count), usage) {
            entry.set("available", usage.available)
            entry.set("total", usage.total)
            entry.set("used", usage.used)
            entry.set("unit", enumerator: usage.unit.rawValue)
        }
        let condition = message.message("volume_condition")
        condition.set("abnormal", statistics.condition.isAbnormal)
        condition.set("message", statistics.condition.message)
    }
}

extension NodeGetCapabilitiesRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.NodeGetCapabilitiesRequest")

    init(_: DecodedMessage) { self.init() }
}

extension NodeGetCapabilitiesResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.NodeGetCapabilitiesResponse")

    func fill(_ message: MessageBuilder) {
        for (entry, capability) in zip(message.messages("capabilities", count: capabilities.count), capabilities) {
            entry.message("rpc").set("type", enumerator: capability.rawValue)
        }
    }
}

extension NodeGetInfoRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.NodeGetInfoRequest")

    init(_: DecodedMessage) { self.init() }
}

extension NodeGetInfoResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.NodeGetInfoResponse")

    func fill(_ message: MessageBuilder) {
        message.set("node_id", nodeID)
        message.set("max_volumes_per_node", maxVolumesPerNode)
        accessibleTopology?.fill(message.message("accessible_topology"))
    }
}
