import CSIWire
import GRPCServing
import JSONText

/// A volume on a share of the test machine, with the paths that an orchestrator would use for it.
struct NFSVolume: Sendable {
    let driver: Driver
    var id = ""
    var context: [String: String] = [:]
    let name: String
    var parameters: [String: String]
    var flags: [String]
    var mode = "MULTI_NODE_MULTI_WRITER"
    var secrets: [String: String] = [:]
    /// Bytes to be asked for.
    var size = 1 << 20

    init(
        _ name: String, on driver: Driver, _ server: NFSServer, share: String = NFSServer.files, flags: [String] = [],
        _ parameters: [String: String] = [:]
    ) throws {
        self.driver = driver
        self.name = name
        self.flags = flags
        self.parameters = ["server": server.address, "share": share].merging(parameters) { $1 }
        try makeDirectory(staging)
        try makeDirectory(pod)
    }

    /// Makes the volume; id and context are what the driver said.
    static func make(
        _ name: String, on driver: Driver, _ server: NFSServer, share: String = NFSServer.files, flags: [String] = [],
        _ parameters: [String: String] = [:]
    ) async throws -> NFSVolume {
        var volume = try NFSVolume(name, on: driver, server, share: share, flags: flags, parameters)
        try await volume.create()
        return volume
    }

    private var directory: String { "\(driver.directory)/kubelet/\(name)" }
    var staging: String { "\(directory)/globalmount" }
    private var pod: String { "\(directory)/pods" }
    func target(_ name: String = "a") -> String { "\(pod)/\(name)" }
    var use: String { capability(mode, flags: flags) }

    private static func text(_ map: [String: String]) -> String {
        JSONValue.object(map.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string($0.value)) }).text(.compact)
    }

    var createRequest: String {
        """
        {"name": "\(name)", "capacityRange": {"requiredBytes": "\(size)"}, "parameters": \(Self.text(parameters)),
         "volumeCapabilities": [\(use)], "secrets": \(Self.text(secrets))}
        """
    }

    var stageRequest: String {
        """
        {"volumeId": "\(id)", "stagingTargetPath": "\(staging)", "volumeContext": \(Self.text(context)),
         "volumeCapability": \(use)}
        """
    }

    func publishRequest(at name: String = "a", readonly: Bool = false) -> String {
        """
        {"volumeId": "\(id)", "stagingTargetPath": "\(staging)", "targetPath": "\(target(name))",
         "volumeContext": \(Self.text(context)), "volumeCapability": \(use), "readonly": \(readonly)}
        """
    }

    func unpublishRequest(at name: String = "a") -> String {
        #"{"volumeId": "\#(id)", "targetPath": "\#(target(name))"}"#
    }

    var unstageRequest: String { #"{"volumeId": "\#(id)", "stagingTargetPath": "\#(staging)"}"# }
    var lookRequest: String { #"{"volumeId": "\#(id)"}"# }
    var deleteRequest: String { #"{"volumeId": "\#(id)", "secrets": \#(Self.text(secrets))}"# }
    func expandRequest(_ mebibytes: Int) -> String {
        """
        {"volumeId": "\(id)", "capacityRange": {"requiredBytes": "\(mebibytes << 20)"}, "volumeCapability": \(use)}
        """
    }
    func statsRequest(at name: String = "a") -> String {
        #"{"volumeId": "\#(id)", "volumePath": "\#(target(name))"}"#
    }

    mutating func create() async throws {
        let made = try await driver.call("Controller/CreateVolume", createRequest)["volume"]
        id = try made["volumeId"].string.required("CreateVolume gives no id")
        context = [:]
        for key in ["server", "share", "subDir", "pool", "mountPermissions"] {
            context[key] = made["volumeContext"][key].string
        }
    }

    func stage() async throws { _ = try await driver.call("Node/NodeStageVolume", stageRequest) }

    func publish(at name: String = "a", readonly: Bool = false) async throws {
        _ = try await driver.call("Node/NodePublishVolume", publishRequest(at: name, readonly: readonly))
    }

    func unpublish(at name: String = "a") async throws {
        _ = try await driver.call("Node/NodeUnpublishVolume", unpublishRequest(at: name))
    }

    func unstage() async throws { _ = try await driver.call("Node/NodeUnstageVolume", unstageRequest) }
    func delete() async throws { _ = try await driver.call("Controller/DeleteVolume", deleteRequest) }
    func stats() async throws -> JSONValue { try await driver.call("Node/NodeGetVolumeStats", statsRequest()) }
}

extension NFSVolume {
    /// Everything in the order of an orchestrator, with a file that is written and read back.
    static func live(_ name: String, on driver: Driver, _ server: NFSServer, flags: [String] = []) async throws {
        let volume = try await make(name, on: driver, server, flags: flags)
        try await volume.stage()
        try await volume.publish()
        if let error = writeFile(volume.target() + "/file", name) { throw Failure("write: errno \(error)") }
        guard readFile(volume.target() + "/file") == name else { throw Failure("\(name) lost its file") }
        try await volume.unpublish()
        try await volume.unstage()
        try await volume.delete()
    }
}

/// The options of the mount at a path, as the kernel tells them.
func mountOptions(at path: String) -> [String] {
    let line = (readFile("/proc/self/mounts") ?? "").split(separator: "\n").last { $0.split(separator: " ")[1] == path }
    return line?.split(separator: " ")[3].split(separator: ",").map(String.init) ?? []
}
