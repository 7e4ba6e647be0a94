package struct GetPluginInfoRequest: Hashable, Sendable {
    package init() {}
}

package struct GetPluginInfoResponse: Hashable, Sendable {
    package var name: String
    package var vendorVersion: String
    package var manifest: [String: String]

    package init(name: String, vendorVersion: String, manifest: [String: String] = [:]) {
        self.name = name
        self.vendorVersion = vendorVersion
        self.manifest = manifest
    }
}

package struct GetPluginCapabilitiesRequest: Hashable, Sendable {
    package init() {}
}

/// The values of `PluginCapability.Service.Type` and `PluginCapability.VolumeExpansion.Type`.
package enum PluginCapability: String, Hashable, Sendable, CaseIterable {
    case controllerService = "CONTROLLER_SERVICE"
    case volumeAccessibilityConstraints = "VOLUME_ACCESSIBILITY_CONSTRAINTS"
    case groupControllerService = "GROUP_CONTROLLER_SERVICE"
    case snapshotMetadataService = "SNAPSHOT_METADATA_SERVICE"
    case expansionOnline = "ONLINE"
    case expansionOffline = "OFFLINE"
}

package struct GetPluginCapabilitiesResponse: Hashable, Sendable {
    package var capabilities: [PluginCapability]

    package init(capabilities: [PluginCapability]) {
        self.capabilities = capabilities
    }
}

package struct ProbeRequest: Hashable, Sendable {
    package init() {}
}

package struct ProbeResponse: Hashable, Sendable {
    package var ready: Bool

    package init(ready: Bool) {
        self.ready = ready
    }
}
