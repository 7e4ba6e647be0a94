package import StorageModel

/// The Identity service. It touches no storage, so a registrar that waits one second is always answered.
package struct IdentityService: Sendable {
    package let driverName: String
    package let version: String
    private let capabilities: [PluginCapability]

    /// - Parameter driverName: at most 63 characters, as the specification asks; checked where it is configured.
    package init(driverName: String, version: String, backends: Backends) {
        self.driverName = driverName
        self.version = version
        let isBoundToPlaces = backends.all.contains { $0.topology != nil }
        let expands = backends.all.contains(where: \.expandsVolumes)
        capabilities =
            [.controllerService] + (isBoundToPlaces ? [.volumeAccessibilityConstraints] : [])
            + (expands ? [.expansionOnline] : [])
    }

    package func pluginInfo(_: GetPluginInfoRequest) -> GetPluginInfoResponse {
        GetPluginInfoResponse(name: driverName, vendorVersion: version)
    }

    /// The same from every instance of a version with the same backends, whatever its mode (CSI spec,
    /// GetPluginCapabilities).
    package func capabilities(_: GetPluginCapabilitiesRequest) -> GetPluginCapabilitiesResponse {
        GetPluginCapabilitiesResponse(capabilities: capabilities)
    }

    package func probe(_: ProbeRequest) -> ProbeResponse {
        ProbeResponse(ready: true)
    }
}
