import CSIWire
import Glibc
import JSONText

/// A volume that an administrator declared, with the paths that an orchestrator would use for it.
struct StaticVolume: Sendable {
    let driver: Driver
    let id: String
    var context: [String: String]
    var use: String

    static let block = #"{"block": {}, "accessMode": {"mode": "SINGLE_NODE_MULTI_WRITER"}}"#

    /// Makes the staging directory and the parent of the targets, as an orchestrator does.
    init(
        _ driver: Driver, id: String = "a volume of ours", path: String, type: String? = nil,
        _ use: String = capability("SINGLE_NODE_MULTI_WRITER")
    ) throws {
        self.driver = driver
        self.id = id
        self.use = use
        context = ["path": path]
        context["type"] = type
        try makeDirectory(staging)
        try makeDirectory(pod)
    }

    private var directory: String { "\(driver.directory)/kubelet" }
    var staging: String { "\(directory)/staging" }
    private var pod: String { "\(directory)/pods" }
    func target(_ name: String = "a") -> String { "\(pod)/\(name)" }

    private var members: String {
        let list = context.map {
            "\(JSONValue.string($0.key).text(.compact)): \(JSONValue.string($0.value).text(.compact))"
        }
        return """
            "volumeId": "\(id)", "volumeContext": {\(list.sorted().joined(separator: ", "))}
            """
    }

    var stageRequest: String {
        #"{\#(members), "stagingTargetPath": "\#(staging)", "volumeCapability": \#(use)}"#
    }

    func publishRequest(at name: String = "a", readonly: Bool = false) -> String {
        """
        {\(members), "stagingTargetPath": "\(staging)", "targetPath": "\(target(name))", "volumeCapability": \(use),
         "readonly": \(readonly)}
        """
    }

    var validateRequest: String { #"{\#(members), "volumeCapabilities": [\#(use)]}"# }
    var idOnly: String { #"{"volumeId": "\#(id)"}"# }

    func stage() async throws { _ = try await driver.call("Node/NodeStageVolume", stageRequest) }

    func publish(at name: String = "a", readonly: Bool = false) async throws {
        _ = try await driver.call("Node/NodePublishVolume", publishRequest(at: name, readonly: readonly))
    }

    func unpublish(at name: String = "a") async throws {
        _ = try await driver.call(
            "Node/NodeUnpublishVolume", #"{"volumeId": "\#(id)", "targetPath": "\#(target(name))"}"#)
    }

    func unstage() async throws {
        _ = try await driver.call(
            "Node/NodeUnstageVolume", #"{"volumeId": "\#(id)", "stagingTargetPath": "\#(staging)"}"#)
    }

    func delete() async throws { _ = try await driver.call("Controller/DeleteVolume", idOnly) }

    func validate() async throws -> JSONValue {
        try await driver.call("Controller/ValidateVolumeCapabilities", validateRequest)
    }

    func usage(at name: String = "a") async throws -> [JSONValue] {
        try await driver.call(
            "Node/NodeGetVolumeStats", #"{"volumeId": "\#(id)", "volumePath": "\#(target(name))"}"#)["usage"].elements
    }
}

/// Directories that were there before the driver: one that it may use as volumes, and one beside it.
struct ExistingData: Sendable {
    let directory: String
    var allowed: String { directory + "/allowed" }
    var outside: String { directory + "/outside" }

    /// - Parameter flags: those of the driver; nil allows `allowed`.
    static func with(
        _ flags: [String]? = nil, _ body: (ExistingData, Driver) async throws -> Void
    ) async throws {
        var template = Array("/tmp/moorage-data-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("mkdtemp: errno \(errno)") }
        let data = ExistingData(
            directory: String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))
        for directory in [data.allowed, data.outside] {
            try makeDirectory(directory)
            guard writeFile(directory + "/precious", "precious") == nil else {
                throw Failure("no file in \(directory)")
            }
        }
        try await Driver.with(flags ?? ["--host-path-prefix", data.allowed]) { driver in try await body(data, driver) }
        _ = try await Finished.run(["/bin/rm", "-rf", "--one-file-system", data.directory], in: "/tmp")
    }

    /// Whether nothing was made, changed or removed in either directory, but for these names in `allowed`.
    func isUntouched(but names: [String] = []) throws -> Bool {
        try entries(outside) == ["precious"] && readFile(outside + "/precious") == "precious"
            && entries(allowed) == (names + ["precious"]).sorted() && readFile(allowed + "/precious") == "precious"
    }
}
