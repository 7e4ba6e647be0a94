import CSIWire
import GRPCServing
import Glibc
import JSONText
import Testing

@Suite("Existing block devices as volumes", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct StaticBlockTests {
    /// Runs `body` with a volume that is a loop device.
    static func withVolume(
        mode: String = "SINGLE_NODE_MULTI_WRITER",
        _ body: (StaticVolume, LoopDevice, ExistingData) async throws -> Void
    ) async throws {
        try await ExistingData.with { data, driver in
            try makeDirectory(data.allowed + "/devices")
            let path = data.allowed + "/devices/d1"
            let device = try LoopDevice(node: path, image: data.directory + "/image")
            let use = #"{"block": {}, "accessMode": {"mode": "\#(mode)"}}"#
            try await body(try StaticVolume(driver, path: path, type: "BlockDevice", use), device, data)
        }
    }

    @Test("what is written through the published node is read in the device, each step twice")
    func life() async throws {
        try await Self.withVolume { volume, device, data in
            let driver = volume.driver
            #expect(try await volume.validate()["confirmed"] != .null)
            for _ in 0..<2 { try await volume.stage() }
            #expect(mounts(below: driver.directory).isEmpty)
            #expect(try entries(volume.staging).isEmpty)
            for _ in 0..<2 { try await volume.publish() }
            #expect(mounts(below: driver.directory) == [volume.target()])
            #expect(writeDevice(volume.target(), "through the node") == nil)
            #expect(readFile(device.image)?.hasPrefix("through the node") == true)
            let usage = try await volume.usage()
            #expect(usage.count == 1 && usage[0]["unit"].string == "BYTES")
            #expect(usage.first?["total"].integer == LoopDevice.size)
            #expect(usage.first?["available"].integer == 0 && usage.first?["used"].integer == 0)
            try await volume.delete()
            for _ in 0..<2 { try await volume.unpublish() }
            #expect(!exists(volume.target()))
            for _ in 0..<2 { try await volume.unstage() }
            #expect(exists(volume.staging))
            for _ in 0..<2 { try await volume.delete() }
            #expect(mounts(below: driver.directory).isEmpty)
            #expect(writeDevice(data.allowed + "/devices/d1", "still there") == nil)
            #expect(readFile(device.image)?.hasPrefix("still there") == true)
        }
    }

    static let modes: [(String, Bool)] = [
        ("SINGLE_NODE_MULTI_WRITER", true), ("SINGLE_NODE_SINGLE_WRITER", false), ("SINGLE_NODE_WRITER", false),
    ]

    @Test("the access mode says whether there may be a second target", arguments: modes)
    func secondTarget(mode: String, isAllowed: Bool) async throws {
        try await Self.withVolume(mode: mode) { volume, device, _ in
            try await volume.stage()
            try await volume.publish()
            if isAllowed {
                try await volume.publish(at: "b")
                try await volume.unpublish()
                #expect(writeDevice(volume.target("b"), "by the other") == nil)
                #expect(readFile(device.image)?.hasPrefix("by the other") == true)
                try await volume.unpublish(at: "b")
            } else {
                let status = try await volume.driver.failure(
                    "Node/NodePublishVolume", volume.publishRequest(at: "b"))
                #expect(status.code == .failedPrecondition, "\(status)")
                #expect(!exists(volume.target("b")))
            }
        }
    }

    @Test("a device is not published read-only, because that would keep nobody from writing")
    func readOnly() async throws {
        try await Self.withVolume { volume, _, _ in
            let status = try await volume.driver.failure(
                "Node/NodePublishVolume", volume.publishRequest(readonly: true))
            #expect(status.code == .invalidArgument, "\(status)")
            #expect(!exists(volume.target()))
        }
    }

    @Test(
        "a mode for readers or for several nodes is refused",
        arguments: ["SINGLE_NODE_READER_ONLY", "MULTI_NODE_READER_ONLY", "MULTI_NODE_MULTI_WRITER"])
    func refusedModes(mode: String) async throws {
        try await Self.withVolume(mode: mode) { volume, _, _ in
            for (method, request) in [
                ("NodeStageVolume", volume.stageRequest), ("NodePublishVolume", volume.publishRequest()),
            ] {
                let status = try await volume.driver.failure("Node/\(method)", request)
                #expect(status.code == .invalidArgument, "\(status)")
            }
            #expect(try await volume.validate()["confirmed"] == .null)
            #expect(!exists(volume.target()))
        }
    }

    @Test("a device is no directory, a directory no device, and a file neither")
    func kinds() async throws {
        try await Self.withVolume { volume, _, data in
            for (name, type, use, code) in [
                ("devices/d1", "BlockDevice", capability(), .invalidArgument),
                ("devices/d1", "Directory", StaticVolume.block, .invalidArgument),
                ("devices/d1", "Directory", capability(), .failedPrecondition),
                ("devices", "BlockDevice", StaticVolume.block, .failedPrecondition),
                ("precious", "BlockDevice", StaticVolume.block, .failedPrecondition),
                ("nothing", "BlockDevice", StaticVolume.block, .notFound),
            ] as [(String, String, String, GRPCCode)] {
                let other = try StaticVolume(volume.driver, path: "\(data.allowed)/\(name)", type: type, use)
                for (method, request) in [
                    ("NodeStageVolume", other.stageRequest), ("NodePublishVolume", other.publishRequest()),
                ] {
                    let status = try await volume.driver.failure("Node/\(method)", request)
                    #expect(status.code == code, "\(name) \(type): \(status)")
                }
                #expect(!exists(volume.target()))
            }
            #expect(mounts(below: volume.driver.directory).isEmpty)
        }
    }

    @Test("a device that the driver would make is not asked for: volumes that it makes are directories")
    func dynamic() async throws {
        try await Driver.with { driver in
            let status = try await driver.failure(
                "Controller/CreateVolume", #"{"name": "v", "volumeCapabilities": [\#(StaticVolume.block)]}"#)
            #expect(status.code == .invalidArgument, "\(status)")
        }
    }

    @Test("a published device outlives the driver and is taken away by the next one")
    func restart() async throws {
        try await Self.withVolume { volume, device, _ in
            try await volume.publish()
            #expect(try await volume.driver.stop(SIGKILL) == .signal(SIGKILL))
            try await volume.driver.start()
            for _ in 0..<2 { try await volume.publish() }
            #expect(mounts(below: volume.driver.directory) == [volume.target()])
            #expect(writeDevice(volume.target(), "after the restart") == nil)
            #expect(readFile(device.image)?.hasPrefix("after the restart") == true)
            try await volume.unpublish()
            #expect(!exists(volume.target()))
        }
    }
}
