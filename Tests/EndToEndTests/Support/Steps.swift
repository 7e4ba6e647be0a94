import GRPCServing
import JSONText

/// The calls of a volume's life, in the order of an orchestrator.
enum Step: String, CaseIterable, Sendable {
    case create, stage, publish, unpublish, unstage, delete

    /// What undoes it, or does again what it undoes.
    var opposite: Step {
        switch self {
        case .create: .delete
        case .stage: .unstage
        case .publish: .unpublish
        case .unpublish: .publish
        case .unstage: .stage
        case .delete: .create
        }
    }

    var before: ArraySlice<Step> { Self.allCases.prefix { $0 != self } }
    var after: ArraySlice<Step> { Self.allCases.drop { $0 != self }.dropFirst() }
}

/// One volume that is led through its life call by call, in a pool of its own.
struct StepwiseVolume: Sendable {
    static let name = "stepwise"
    static let data = "precious"

    let driver: Driver
    /// The pool's directory; the only pool of the driver.
    let pool: String
    /// The value of the parameter `onDelete`.
    var deletePolicy = "delete"

    var staging: String { "\(driver.directory)/kubelet/staging" }
    var target: String { "\(driver.directory)/kubelet/target" }

    /// Ids are a pure function of pool and name.
    var id: String {
        get throws {
            let format = try readFile("\(pool)/.moorage/format").required("the pool has no format")
            let pool = try JSONValue(parsing: format)["id"].string.required("the pool has no id")
            return "h.\(pool).\(Self.name)"
        }
    }

    var file: String { get throws { "\(pool)/volumes/\(try id)/data" } }
    var record: String { get throws { "\(pool)/.moorage/volumes/\(try id).json" } }

    /// - Throws: `GRPCStatus` when the answer is an error.
    func take(_ step: Step) async throws {
        let capability = capability("SINGLE_NODE_WRITER")
        let id = try id
        switch step {
        case .create:
            let answer = try await driver.call(
                "Controller/CreateVolume",
                """
                {"name": "\(Self.name)", "capacityRange": {"requiredBytes": "1048576"},
                 "parameters": {"onDelete": "\(deletePolicy)"}, "volumeCapabilities": [\(capability)]}
                """)
            guard answer["volume"]["volumeId"].string == id else { throw Failure("CreateVolume gives another id") }
        case .stage:
            try makeDirectory(staging)
            _ = try await driver.call(
                "Node/NodeStageVolume",
                #"{"volumeId": "\#(id)", "stagingTargetPath": "\#(staging)", "volumeCapability": \#(capability)}"#)
        case .publish:
            _ = try await driver.call(
                "Node/NodePublishVolume",
                """
                {"volumeId": "\(id)", "stagingTargetPath": "\(staging)", "targetPath": "\(target)",
                 "volumeCapability": \(capability)}
                """)
            // The workload writes once, and finds it again whenever it comes back.
            if readFile("\(target)/data") != Self.data {
                guard writeFile("\(target)/data", Self.data) == nil else { throw Failure("the target is not writable") }
            }
        case .unpublish:
            _ = try await driver.call(
                "Node/NodeUnpublishVolume", #"{"volumeId": "\#(id)", "targetPath": "\#(target)"}"#)
        case .unstage:
            _ = try await driver.call(
                "Node/NodeUnstageVolume", #"{"volumeId": "\#(id)", "stagingTargetPath": "\#(staging)"}"#)
        case .delete:
            _ = try await driver.call("Controller/DeleteVolume", #"{"volumeId": "\#(id)"}"#)
        }
    }
}
