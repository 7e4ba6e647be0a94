import CSIWire
import GRPCServing
import Glibc
import JSONText
import Testing

@Suite("Node", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct NodeTests {
    static let multiWriter = capability("SINGLE_NODE_MULTI_WRITER")
    static let use = #""volumeCapability": \#(capability())"#

    static let refused: [(String, String, GRPCCode)] = [
        ("NodeStageVolume", #"{"stagingTargetPath": "/s", \#(use)}"#, .invalidArgument),
        ("NodeStageVolume", #"{"volumeId": "v", \#(use)}"#, .invalidArgument),
        ("NodeStageVolume", #"{"volumeId": "v", "stagingTargetPath": "/s"}"#, .invalidArgument),
        ("NodeStageVolume", #"{"volumeId": "v", "stagingTargetPath": "s", \#(use)}"#, .invalidArgument),
        ("NodeStageVolume", #"{"volumeId": "fake-vol-id", "stagingTargetPath": "/s", \#(use)}"#, .notFound),
        ("NodeUnstageVolume", #"{"stagingTargetPath": "/s"}"#, .invalidArgument),
        ("NodeUnstageVolume", #"{"volumeId": "v"}"#, .invalidArgument),
        ("NodePublishVolume", #"{"stagingTargetPath": "/s", "targetPath": "/t", \#(use)}"#, .invalidArgument),
        ("NodePublishVolume", #"{"volumeId": "v", "stagingTargetPath": "/s", \#(use)}"#, .invalidArgument),
        (
            "NodePublishVolume", #"{"volumeId": "v", "stagingTargetPath": "/s", "targetPath": "/t"}"#,
            .invalidArgument
        ),
        ("NodePublishVolume", #"{"volumeId": "v", "targetPath": "/t", \#(use)}"#, .failedPrecondition),
        (
            "NodePublishVolume",
            #"{"volumeId": "fake-vol-id", "stagingTargetPath": "/s", "targetPath": "/t", \#(use)}"#, .notFound
        ),
        ("NodeUnpublishVolume", #"{"targetPath": "/t"}"#, .invalidArgument),
        ("NodeUnpublishVolume", #"{"volumeId": "v"}"#, .invalidArgument),
        ("NodeGetVolumeStats", #"{"volumePath": "/t"}"#, .invalidArgument),
        ("NodeGetVolumeStats", #"{"volumeId": "v"}"#, .invalidArgument),
        ("NodeGetVolumeStats", #"{"volumeId": "fake-vol-id", "volumePath": "/t"}"#, .notFound),
        ("NodeGetVolumeStats", #"{"volumeId": "v", "volumePath": "some/path"}"#, .notFound),
        ("NodeExpandVolume", "{}", .unimplemented),
    ]

    @Test("a wrong call ends with the code that the specification gives it, and mounts nothing", arguments: refused)
    func refusals(method: String, request: String, code: GRPCCode) async throws {
        try await Driver.with { driver in
            let status = try await driver.failure("Node/\(method)", request)
            #expect(status.code == code, "\(status)")
            #expect(mounts(below: driver.directory).isEmpty)
        }
    }

    @Test("the node says its name, its place and what it serves")
    func info() async throws {
        try await Driver.with { driver in
            let info = try await driver.call("Node/NodeGetInfo")
            #expect(info["nodeId"].string == Driver.nodeID)
            let place = info["accessibleTopology"]["segments"]["topology.csi.moorage.dev/node"]
            #expect(place.string == Driver.nodeID)
            let capabilities = try await driver.call("Node/NodeGetCapabilities")["capabilities"].elements
            #expect(
                Set(capabilities.compactMap { $0["rpc"]["type"].string }) == [
                    "STAGE_UNSTAGE_VOLUME", "GET_VOLUME_STATS", "VOLUME_CONDITION", "SINGLE_NODE_MULTI_WRITER",
                ])
        }
    }

    @Test("each step may be repeated, and one mount is made and taken away for each")
    func twice() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            for _ in 0..<2 { try await volume.stage() }
            #expect(mounts(below: driver.directory) == [volume.staging])
            for _ in 0..<2 { try await volume.publish() }
            #expect(Set(mounts(below: driver.directory)) == [volume.staging, volume.target("a")])
            #expect(mounts(below: driver.directory).count == 2)
            for _ in 0..<2 { try await volume.unpublish() }
            #expect(!exists(volume.target("a")))
            #expect(mounts(below: driver.directory) == [volume.staging])
            for _ in 0..<2 { try await volume.unstage() }
            #expect(mounts(below: driver.directory).isEmpty)
            #expect(exists(volume.staging))
        }
    }

    @Test("other arguments for a path that is mounted are ALREADY_EXISTS")
    func otherArguments() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            try await volume.stage()
            try await volume.publish()
            let noExecution = capability("SINGLE_NODE_MULTI_WRITER", flags: ["noexec"])
            for (method, request) in [
                ("NodeStageVolume", volume.stageRequest(noExecution)),
                ("NodePublishVolume", volume.publishRequest(Self.multiWriter, readonly: true)),
                ("NodePublishVolume", volume.publishRequest(noExecution)),
            ] {
                let status = try await driver.failure("Node/\(method)", request)
                #expect(status.code == .alreadyExists, "\(status)")
            }
            #expect(writeFile(volume.target("a") + "/file", "text") == nil)
        }
    }

    static let secondTargets: [(mode: String, flags: [String], isAllowed: Bool)] = [
        ("SINGLE_NODE_SINGLE_WRITER", [], false),
        ("SINGLE_NODE_SINGLE_WRITER", ["--single-node-writer", "shared"], false),
        ("SINGLE_NODE_WRITER", [], false),
        ("SINGLE_NODE_WRITER", ["--single-node-writer", "shared"], true),
        ("SINGLE_NODE_MULTI_WRITER", [], true),
    ]

    @Test("the access mode says whether there may be a second target", arguments: secondTargets)
    func secondTarget(mode: String, flags: [String], isAllowed: Bool) async throws {
        try await Driver.with(flags) { driver in
            let volume = try await Volume.make("v", on: driver, mode: mode)
            try await volume.stage(capability(mode))
            try await volume.publish(capability(mode))
            if isAllowed {
                try await volume.publish(at: "b", capability(mode))
                #expect(writeFile(volume.target("a") + "/file", "text") == nil)
                #expect(readFile(volume.target("b") + "/file") == "text")
            } else {
                let status = try await driver.failure(
                    "Node/NodePublishVolume", volume.publishRequest(at: "b", capability(mode)))
                #expect(status.code == .failedPrecondition, "\(status)")
                #expect(!exists(volume.target("b")))
            }
        }
    }

    @Test("a volume that is published read-only cannot be written there")
    func readOnly() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            try await volume.stage()
            try await volume.publish()
            try await volume.publish(at: "b", readonly: true)
            #expect(writeFile(volume.target("a") + "/file", "text") == nil)
            #expect(readFile(volume.target("b") + "/file") == "text")
            #expect(writeFile(volume.target("b") + "/file", "more") == EROFS)
            #expect(writeFile(volume.target("b") + "/other", "more") == EROFS)
        }
    }

    @Test("a volume that is published without being staged is staged first")
    func publishAlone() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            try await volume.publish()
            #expect(Set(mounts(below: driver.directory)) == [volume.staging, volume.target("a")])
            #expect(writeFile(volume.target("a") + "/file", "text") == nil)
            #expect(readFile(volume.staging + "/file") == "text")
        }
    }

    @Test("the figures of a volume are told for its own path only")
    func stats() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            try await volume.stage()
            try await volume.publish()
            func request(_ path: String) -> String { #"{"volumeId": "\#(volume.id)", "volumePath": "\#(path)"}"# }
            let usage = try await driver.call("Node/NodeGetVolumeStats", request(volume.target("a")))["usage"].elements
            let bytes = usage.filter { $0["unit"].string == "BYTES" }
            #expect(bytes.count == 1 && bytes.allSatisfy { $0["total"].integer > 0 })
            for path in [volume.target("b"), driver.directory] {
                let status = try await driver.failure("Node/NodeGetVolumeStats", request(path))
                #expect(status.code == .notFound, "\(status)")
            }
        }
    }

    @Test("mount flags are obeyed; one that is not known is refused without being repeated")
    func mountFlags() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            let unknown = capability("SINGLE_NODE_MULTI_WRITER", flags: ["passwort=geheim"])
            for (method, request) in [
                ("NodeStageVolume", volume.stageRequest(unknown)),
                ("NodePublishVolume", volume.publishRequest(unknown)),
            ] {
                let status = try await driver.failure("Node/\(method)", request)
                #expect(status.code == .invalidArgument, "\(status)")
                #expect(!status.message.contains("geheim"))
            }
            #expect(mounts(below: driver.directory).isEmpty)
            let noExecution = capability("SINGLE_NODE_MULTI_WRITER", flags: ["noexec"])
            try await volume.stage(noExecution)
            try await volume.publish(noExecution)
            var figures = statvfs()
            #expect(statvfs(volume.target("a"), &figures) == 0 && figures.f_flag & 8 != 0)
        }
    }
}
