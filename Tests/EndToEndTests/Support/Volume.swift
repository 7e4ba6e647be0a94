import CSIWire
import GRPCServing

/// A volume with the paths that an orchestrator would use for it.
struct Volume: Sendable {
    let driver: Driver
    let name: String
    let id: String

    /// Makes the volume, its staging directory and the parent of its targets.
    static func make(
        _ name: String, on driver: Driver, mode: String = "SINGLE_NODE_MULTI_WRITER"
    ) async throws -> Volume {
        let answer = try await driver.call(
            "Controller/CreateVolume", #"{"name": "\#(name)", "volumeCapabilities": [\#(capability(mode))]}"#)
        let id = try answer["volume"]["volumeId"].string.required("CreateVolume gives no id")
        let volume = Volume(driver: driver, name: name, id: id)
        try makeDirectory(volume.staging)
        try makeDirectory(volume.pod)
        return volume
    }

    var staging: String { "\(driver.directory)/kubelet/plugins/\(name)/globalmount" }

    /// The directory that the targets are made in.
    var pod: String { "\(driver.directory)/kubelet/pods/\(name)" }

    func target(_ name: String) -> String { "\(pod)/\(name)" }

    func stage(_ capability: String = capability("SINGLE_NODE_MULTI_WRITER")) async throws {
        _ = try await driver.call("Node/NodeStageVolume", stageRequest(capability))
    }

    func publish(
        at name: String = "a", _ capability: String = capability("SINGLE_NODE_MULTI_WRITER"), readonly: Bool = false
    ) async throws {
        _ = try await driver.call("Node/NodePublishVolume", publishRequest(at: name, capability, readonly: readonly))
    }

    func unpublish(at name: String = "a") async throws {
        _ = try await driver.call(
            "Node/NodeUnpublishVolume", #"{"volumeId": "\#(id)", "targetPath": "\#(target(name))"}"#)
    }

    func unstage() async throws {
        _ = try await driver.call(
            "Node/NodeUnstageVolume", #"{"volumeId": "\#(id)", "stagingTargetPath": "\#(staging)"}"#)
    }

    func delete() async throws {
        _ = try await driver.call("Controller/DeleteVolume", #"{"volumeId": "\#(id)"}"#)
    }

    func stageRequest(_ capability: String) -> String {
        #"{"volumeId": "\#(id)", "stagingTargetPath": "\#(staging)", "volumeCapability": \#(capability)}"#
    }

    func publishRequest(at name: String = "a", _ capability: String, readonly: Bool = false) -> String {
        """
        {"volumeId": "\(id)", "stagingTargetPath": "\(staging)", "targetPath": "\(target(name))",
         "volumeCapability": \(capability), "readonly": \(readonly)}
        """
    }

    /// Everything in the order of an orchestrator, with a file that is written and read back.
    static func live(_ name: String, on driver: Driver) async throws {
        let volume = try await make(name, on: driver)
        try await volume.stage()
        try await volume.publish()
        if let error = writeFile(volume.target("a") + "/file", name) { throw Failure("write: errno \(error)") }
        guard readFile(volume.target("a") + "/file") == name else { throw Failure("\(name) lost its file") }
        try await volume.unpublish()
        try await volume.unstage()
        try await volume.delete()
    }
}
