package import StorageModel

extension GetPluginInfoRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.GetPluginInfoRequest")

    init(_: DecodedMessage) { self.init() }
}

extension GetPluginInfoResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.GetPluginInfoResponse")

    func fill(_ message: MessageBuilder) {
        message.set("name", name)
        message.set("vendor_version", vendorVersion)
        message.set("manifest", manifest)
    }
}

extension GetPluginCapabilitiesRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.GetPluginCapabilitiesRequest")

    init(_: DecodedMessage) { self.init() }
}

extension GetPluginCapabilitiesResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.GetPluginCapabilitiesResponse")

    func fill(_ message: MessageBuilder) {
        let entries = message.messages("capabilities", count: capabilities.count)
        for (entry, capability) in zip(entries, capabilities) {
            switch capability {
            case .controllerService, .volumeAccessibilityConstraints, .groupControllerService,
                .snapshotMetadataService:
                entry.message("service").set("type", enumerator: capability.rawValue)
            case .expansionOnline, .expansionOffline:
                entry.message("volume_expansion").set("type", enumerator: capability.rawValue)
            }
        }
    }
}

extension ProbeRequest: DecodableRequest {
    static let layout = MessageLayout(of: "csi.v1.ProbeRequest")

    init(_: DecodedMessage) { self.init() }
}

extension ProbeResponse: EncodableResponse {
    static let layout = MessageLayout(of: "csi.v1.ProbeResponse")

    func fill(_ message: MessageBuilder) {
        message.message("ready").set("value", ready)
    }
}
