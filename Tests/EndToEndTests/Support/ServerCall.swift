import GRPCServing
import Glibc
import JSONText
import Testing

/// The calls for which a server may have to be asked.
enum ServerCall: String, CaseIterable, Sendable {
    case create = "CreateVolume"
    case delete = "DeleteVolume"
    case stage = "NodeStageVolume"
    case publish = "NodePublishVolume"
    case stats = "NodeGetVolumeStats"
    case unpublish = "NodeUnpublishVolume"
    case unstage = "NodeUnstageVolume"

    var method: String { rawValue.hasPrefix("Node") ? "Node/\(rawValue)" : "Controller/\(rawValue)" }
}

struct Answer: Sendable, CustomStringConvertible {
    let code: GRPCCode
    let message: String
    let seconds: Double
    /// The volume condition, of `NodeGetVolumeStats`.
    let isAbnormal: Bool

    var description: String {
        "\(code.name)\(isAbnormal ? " (abnormal)" : "") \(Double(Int(seconds * 10 + 0.5)) / 10) s"
    }
}

/// One call with a volume of its own in the state that the call wants, so that many can be made at once.
struct PreparedCall: Sendable {
    let call: ServerCall
    let site: NFSSite
    private(set) var volume: NFSVolume

    static let data = "precious"

    static func all(at site: NFSSite) async throws -> [PreparedCall] {
        var prepared: [PreparedCall] = []
        for call in ServerCall.allCases { prepared.append(try await PreparedCall(call, "of-\(call)", at: site)) }
        return prepared
    }

    /// - Parameter setsPermissions: whether the volume to be staged has some of its own.
    init(_ call: ServerCall, _ name: String, at site: NFSSite, setsPermissions: Bool = false) async throws {
        self.call = call
        self.site = site
        switch call {
        case .create:
            volume = try site.volume(name)
        case .stage:
            // What the driver made itself it may find without asking.
            volume = try site.foreignVolume(name)
            if setsPermissions { volume.context["mountPermissions"] = "0750" }
        case .delete:
            volume = try await site.makeVolume(name)
        case .publish, .stats, .unpublish, .unstage:
            volume = try await site.makeVolume(name)
            try await volume.stage()
            try await volume.publish()
            guard writeFile(volume.target() + "/data", Self.data) == nil else { throw Failure("\(name): no file") }
            if call == .stats { _ = try await volume.stats() }
            if call == .unstage { try await volume.unpublish() }
        }
    }

    private var request: String {
        switch call {
        case .create: volume.createRequest
        case .delete: volume.deleteRequest
        case .stage: volume.stageRequest
        case .publish: volume.publishRequest(at: "b")
        case .stats: volume.statsRequest()
        case .unpublish: volume.unpublishRequest()
        case .unstage: volume.unstageRequest
        }
    }

    func answer() async throws -> Answer {
        let began = ContinuousClock.now
        var (code, message, isAbnormal) = (GRPCCode.ok, "", false)
        do {
            let answer = try await site.driver.call(call.method, request, timeout: .seconds(60))
            isAbnormal = answer["volumeCondition"]["abnormal"] == .bool(true)
        } catch let status as GRPCStatus {
            (code, message) = (status.code, status.message)
        }
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        return Answer(code: code, message: message, seconds: seconds, isAbnormal: isAbnormal)
    }

    static func answers(to calls: [PreparedCall]) async throws -> [ServerCall: Answer] {
        try await withThrowingTaskGroup(of: (ServerCall, Answer).self) { group in
            for call in calls { group.addTask { (call.call, try await call.answer()) } }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    /// Repeats the call until it succeeds, looks at what it is to bring about, and takes everything away.
    func finish() async throws {
        var volume = volume
        let directory = site.file(volume.name)
        switch call {
        case .create:
            try await insist("\(volume.name) is created") { try await volume.create() }
        case .delete:
            try await insist("\(volume.name) is deleted") { try await volume.delete() }
            #expect(!exists(directory))
        case .stage:
            try await insist("\(volume.name) is staged") { try await volume.stage() }
            #expect(mounts(below: site.driver.directory).contains(volume.staging))
            #expect(mountOptions(at: volume.staging).contains("vers=\(site.version)"))
        case .publish:
            try await insist("\(volume.name) is published") { try await volume.publish(at: "b") }
            #expect(readFile(volume.target("b") + "/data") == Self.data)
        case .stats:
            try await eventually("the condition is normal", within: 90) {
                try await volume.stats()["volumeCondition"]["abnormal"] == .null
            }
            #expect(readFile(volume.target() + "/data") == Self.data)
        case .unpublish:
            try await insist("\(volume.name) is unpublished") { try await volume.unpublish() }
            #expect(!exists(volume.target()))
        case .unstage:
            try await insist("\(volume.name) is unstaged") { try await volume.unstage() }
            #expect(!mounts(below: site.driver.directory).contains(volume.staging))
        }
        if [.publish, .stats, .unpublish, .unstage].contains(call) {
            #expect(readFile(directory + "/data") == Self.data)
        }
        // By the id that the volume has, which an orchestrator that never heard it gets from another create.
        for target in ["a", "b"] {
            try await insist("\(target) is unpublished") { try await volume.unpublish(at: target) }
        }
        try await insist("\(volume.name) is unstaged") { try await volume.unstage() }
        try await insist("\(volume.name) is deleted") { try await volume.delete() }
        #expect(!exists(directory), "\(volume.name) is still on \(site.server.name)")
    }
}
