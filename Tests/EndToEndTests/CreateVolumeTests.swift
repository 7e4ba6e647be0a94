import CSIWire
import GRPCServing
import JSONText
import Testing

@Suite("CreateVolume", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct CreateVolumeTests {
    static let usable = #""volumeCapabilities": [\#(capability())]"#
    static let elsewhere = #"{"segments": {"topology.csi.moorage.dev/node": "another-node"}}"#

    static let refused: [(String, GRPCCode)] = [
        ("{\(usable)}", .invalidArgument),
        (#"{"name": "v"}"#, .invalidArgument),
        (#"{"name": "v", "volumeCapabilities": [{"mount": {}}]}"#, .invalidArgument),
        (#"{"name": "v", "capacityRange": {"requiredBytes": 2, "limitBytes": 1}, \#(usable)}"#, .invalidArgument),
        (#"{"name": "v", "capacityRange": {"requiredBytes": -1}, \#(usable)}"#, .invalidArgument),
        (#"{"name": "v", "capacityRange": {"limitBytes": -1}, \#(usable)}"#, .invalidArgument),
        (#"{"name": "v", "parameters": {"colour": "blue"}, \#(usable)}"#, .invalidArgument),
        (#"{"name": "v", "parameters": {"pool": "none-such"}, \#(usable)}"#, .invalidArgument),
        (
            #"{"name": "v", "volumeCapabilities": [\#(capability("MULTI_NODE_MULTI_WRITER"))]}"#, .invalidArgument
        ),
        (
            #"{"name": "v", "volumeCapabilities": [{"block": {}, "accessMode": {"mode": "SINGLE_NODE_WRITER"}}]}"#,
            .invalidArgument
        ),
        (
            #"{"name": "v", "accessibilityRequirements": {"requisite": [\#(elsewhere)]}, \#(usable)}"#,
            .resourceExhausted
        ),
        (
            #"{"name": "v", "volumeContentSource": {"snapshot": {"snapshotId": "s"}}, \#(usable)}"#, .invalidArgument
        ),
        (
            #"{"name": "v", "volumeContentSource": {"volume": {"volumeId": "w"}}, \#(usable)}"#, .invalidArgument
        ),
    ]

    @Test("a request that cannot be met is refused, and makes nothing", arguments: refused)
    func refusals(request: String, code: GRPCCode) async throws {
        try await Driver.with { driver in
            let status = try await driver.failure("Controller/CreateVolume", request)
            #expect(status.code == code, "\(status)")
            #expect(!status.message.isEmpty && status.message.utf8.count <= 1024)
            #expect(try await driver.call("Controller/ListVolumes")["entries"].elements.isEmpty)
            #expect(try entries(driver.pool + "/volumes").isEmpty)
        }
    }

    @Test("a name of 128 characters, in any script, makes a volume with an id of at most 128 bytes")
    func longNames() async throws {
        try await Driver.with { driver in
            for name in [String(repeating: "n", count: 128), String(repeating: "é", count: 128), "../../up", "."] {
                let volume = try await driver.call(
                    "Controller/CreateVolume", #"{"name": "\#(name)", \#(Self.usable)}"#)["volume"]
                let id = try volume["volumeId"].string.required("no id")
                #expect((1...128).contains(id.utf8.count))
                #expect(!id.contains("/"))
            }
            #expect(try entries(driver.pool + "/volumes").count == 4)
        }
    }

    @Test("the same request twice gives the same volume, which this node alone can reach")
    func twice() async throws {
        try await Driver.with { driver in
            let request = #"{"name": "v", "capacityRange": {"requiredBytes": 1048576}, \#(Self.usable)}"#
            let first = try await driver.call("Controller/CreateVolume", request)
            #expect(try await driver.call("Controller/CreateVolume", request) == first)
            #expect(first["volume"]["capacityBytes"].integer == 1 << 20)
            let place = try first["volume"]["accessibleTopology"].elements.first.required("no topology")
            #expect(place["segments"]["topology.csi.moorage.dev/node"].string == Driver.nodeID)
            #expect(try await driver.call("Controller/ListVolumes")["entries"].elements.count == 1)
        }
    }

    static let incompatible = [
        #""capacityRange": {"requiredBytes": 2097152}"#,
        #""capacityRange": {"limitBytes": 1024}"#,
        #""capacityRange": {"requiredBytes": 1048576}, "parameters": {"onDelete": "retain"}"#,
    ]

    @Test("a name that is taken by another size or other parameters is ALREADY_EXISTS", arguments: incompatible)
    func taken(difference: String) async throws {
        try await Driver.with { driver in
            _ = try await driver.call(
                "Controller/CreateVolume",
                #"{"name": "v", "capacityRange": {"requiredBytes": 1048576}, \#(Self.usable)}"#)
            let status = try await driver.failure(
                "Controller/CreateVolume", #"{"name": "v", \#(difference), \#(Self.usable)}"#)
            #expect(status.code == .alreadyExists, "\(status)")
        }
    }
}
