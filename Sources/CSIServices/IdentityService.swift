package import StorageModel

/// The Identity service. It touches no storage, so a registrar that waits one second is always answered.
package struct IdentityService: Sendable {
    package let driverName: String
    package let version: String

    /// - Parameter driverName: at most 63 characters, as the specification asks; checked where it is configured.
    package init(driverName: String, version: String) {
        self.driverName = driverName
        self.version = version
    }

    package func pluginInfo(_: GetPluginInfoRequest) -> GetPluginInfoResponse {
        GetPluginInfoResponse(name: driverName, vendorVersion: version)
    }

    /// The same from every instance of a version, whatever its mode (CSI spec, GetPluginCapabilities).
    package func capabilities(_: GetPluginCapabilitiesRequest) -> GetPluginCapabilitiesResponse {
        GetPluginCapabilitiesResponse(capabilities: [.controllerService, .volumeAccessibilityConstraints])
    }

    package func probe(_: ProbeRequest) -> ProbeResponse {
        ProbeResponse(ready: true)
    }
}
