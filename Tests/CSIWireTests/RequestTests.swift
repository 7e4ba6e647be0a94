import JSONText
import StorageModel
import Testing

@testable import CSIWire

/// Every request that is served, with the name of its message.
let servedRequests: [(name: String, type: any DecodableRequest.Type)] = [
    ("csi.v1.GetPluginInfoRequest", GetPluginInfoRequest.self),
    ("csi.v1.GetPluginCapabilitiesRequest", GetPluginCapabilitiesRequest.self),
    ("csi.v1.ProbeRequest", ProbeRequest.self),
    ("csi.v1.CreateVolumeRequest", CreateVolumeRequest.self),
    ("csi.v1.DeleteVolumeRequest", DeleteVolumeRequest.self),
    ("csi.v1.ValidateVolumeCapabilitiesRequest", ValidateVolumeCapabilitiesRequest.self),
    ("csi.v1.ListVolumesRequest", ListVolumesRequest.self),
    ("csi.v1.GetCapacityRequest", GetCapacityRequest.self),
    ("csi.v1.ControllerGetCapabilitiesRequest", ControllerGetCapabilitiesRequest.self),
    ("csi.v1.ControllerGetVolumeRequest", ControllerGetVolumeRequest.self),
    ("csi.v1.ControllerExpandVolumeRequest", ControllerExpandVolumeRequest.self),
    ("csi.v1.NodeStageVolumeRequest", NodeStageVolumeRequest.self),
    ("csi.v1.NodeUnstageVolumeRequest", NodeUnstageVolumeRequest.self),
    ("csi.v1.NodePublishVolumeRequest", NodePublishVolumeRequest.self),
    ("csi.v1.NodeUnpublishVolumeRequest", NodeUnpublishVolumeRequest.self),
    ("csi.v1.NodeGetVolumeStatsRequest", NodeGetVolumeStatsRequest.self),
    ("csi.v1.NodeGetCapabilitiesRequest", NodeGetCapabilitiesRequest.self),
    ("csi.v1.NodeGetInfoRequest", NodeGetInfoRequest.self),
    ("grpc.health.v1.HealthCheckRequest", HealthCheckRequest.self),
    ("grpc.reflection.v1.ServerReflectionRequest", ReflectionRequest.self),
    ("moorage.inspect.v1.ListVolumesRequest", InspectVolumesRequest.self),
    ("moorage.inspect.v1.ListMountsRequest", InspectMountsRequest.self),
    ("moorage.inspect.v1.ListPoolsRequest", InspectPoolsRequest.self),
    ("moorage.inspect.v1.ListSharesRequest", InspectSharesRequest.self),
]

@Suite("Requests from the wire")
struct RequestTests {
    private func decode<Request: DecodableRequest>(_ json: String, as _: Request.Type = Request.self) throws -> Request
    {
        try Request(wire: JSONTranscoder().bytes(of: Request.layout.name, json: JSONValue(parsing: json)))
    }

    @Test("each request type reads the message of its name", arguments: servedRequests.map(\.name))
    func names(name: String) throws {
        let request = try #require(servedRequests.first { $0.name == name })
        #expect(request.type.layout.name == name)
        let transcoder = JSONTranscoder()
        _ = try request.type.init(wire: transcoder.bytes(of: name, json: transcoder.exampleJSON(of: name)))
    }

    @Test("what is to be expanded, to which size, and which secret is a setting")
    func expansion() throws {
        #expect(
            try decode(
                """
                {"volumeId": "v", "capacityRange": {"requiredBytes": "5", "limitBytes": "7"},
                 "secrets": {"mountOptions": "vers=3", "password": "x"},
                 "volumeCapability": {"block": {}, "accessMode": {"mode": "SINGLE_NODE_WRITER"}}}
                """)
                == ControllerExpandVolumeRequest(
                    volumeID: VolumeID("v"), capacityRange: CapacityRange(requiredBytes: 5, limitBytes: 7),
                    volumeCapability: VolumeCapability(.block, .singleNodeWriter),
                    mountOptions: SensitiveText(["vers=3"])))
        #expect(try decode(#"{"volumeId": "v"}"#) == ControllerExpandVolumeRequest(volumeID: VolumeID("v")))
    }

    @Test("the requests of Inspect")
    func inspect() throws {
        #expect(
            try decode(#"{"maxEntries": 3, "startingToken": "hostPath//h.0.a"}"#)
                == InspectVolumesRequest(maxEntries: 3, startingToken: "hostPath//h.0.a"))
        #expect(
            try decode(#"{"maxEntries": -1, "startingToken": "/t", "volumeId": "v"}"#)
                == InspectMountsRequest(maxEntries: -1, startingToken: "/t", volumeID: VolumeID("v")))
    }

    @Test("the token of a listing may be as long as a path, and no longer")
    func longToken() throws {
        let token = String(repeating: "t", count: 4096)
        let request: InspectMountsRequest = try decode(#"{"startingToken": "\#(token)"}"#)
        #expect(request.startingToken == token)
        #expect(throws: DriverError.self) {
            let _: InspectMountsRequest = try decode(#"{"startingToken": "\#(token)t"}"#)
        }
    }

    @Test("CreateVolume")
    func createVolume() throws {
        let request: CreateVolumeRequest = try decode(
            """
            {
              "name": "pvc-ü",
              "capacityRange": {"requiredBytes": 1073741824, "limitBytes": "9223372036854775807"},
              "volumeCapabilities": [
                {"mount": {"fsType": "ext4", "mountFlags": ["ro", "noatime"], "volumeMountGroup": "7"},
                 "accessMode": {"mode": "SINGLE_NODE_MULTI_WRITER"}},
                {"block": {}, "accessMode": {"mode": 2}}
              ],
              "parameters": {"pool": "fast", "": ""},
              "secrets": {"password": "hush"},
              "volumeContentSource": {"volume": {"volumeId": "h.0.a"}},
              "accessibilityRequirements": {
                "requisite": [{"segments": {"a": "1"}}, {"segments": {"a": "2", "b": "3"}}],
                "preferred": [{"segments": {"a": "2"}}]
              },
              "mutableParameters": {"iops": "9"}
            }
            """)
        let mount = MountCapability(fsType: "ext4", mountFlags: ["ro", "noatime"], volumeMountGroup: "7")
        #expect(
            request
                == CreateVolumeRequest(
                    name: "pvc-ü", capacityRange: CapacityRange(requiredBytes: 1 << 30, limitBytes: .max),
                    volumeCapabilities: [
                        VolumeCapability(.mount(mount), .singleNodeMultiWriter),
                        VolumeCapability(.block, .singleNodeReaderOnly),
                    ],
                    parameters: ["pool": "fast", "": ""], contentSource: .volume(id: VolumeID("h.0.a")),
                    accessibilityRequirements: TopologyRequirement(
                        requisite: [Topology(["a": "1"]), Topology(["a": "2", "b": "3"])],
                        preferred: [Topology(["a": "2"])]),
                    mutableParameters: ["iops": "9"]))
    }

    @Test("an empty message is a request with nothing in it")
    func empty() throws {
        #expect(try CreateVolumeRequest(wire: []) == CreateVolumeRequest())
        #expect(
            try NodePublishVolumeRequest(wire: [])
                == NodePublishVolumeRequest(
                    volumeID: VolumeID(""), stagingTargetPath: "", targetPath: "", volumeCapability: nil))
    }

    @Test("the other controller requests")
    func controller() throws {
        #expect(
            try decode(#"{"volumeContentSource": {"snapshot": {"snapshotId": "s"}}}"#)
                == CreateVolumeRequest(contentSource: .snapshot(id: "s")))
        #expect(
            try decode(#"{"volumeId": "v", "secrets": {"a": "b"}}"#) == DeleteVolumeRequest(volumeID: VolumeID("v")))
        #expect(
            try decode(
                """
                {"volumeId": "v", "volumeContext": {"c": "d"}, "parameters": {"p": "q"},
                 "mutableParameters": {"m": "n"},
                 "volumeCapabilities": [{"block": {}, "accessMode": {"mode": "MULTI_NODE_MULTI_WRITER"}}]}
                """)
                == ValidateVolumeCapabilitiesRequest(
                    volumeID: VolumeID("v"), volumeContext: ["c": "d"],
                    volumeCapabilities: [VolumeCapability(.block, .multiNodeMultiWriter)], parameters: ["p": "q"],
                    mutableParameters: ["m": "n"]))
        #expect(
            try decode(#"{"maxEntries": -3, "startingToken": "t"}"#)
                == ListVolumesRequest(maxEntries: -3, startingToken: "t"))
        #expect(
            try decode(
                """
                {"volumeCapabilities": [{"block": {}, "accessMode": {"mode": "SINGLE_NODE_SINGLE_WRITER"}}],
                 "parameters": {"p": "q"}, "accessibleTopology": {"segments": {"a": "b"}}}
                """)
                == GetCapacityRequest(
                    volumeCapabilities: [VolumeCapability(.block, .singleNodeSingleWriter)], parameters: ["p": "q"],
                    accessibleTopology: Topology(["a": "b"])))
        #expect(try decode(#"{"volumeId": "v"}"#) == ControllerGetVolumeRequest(volumeID: VolumeID("v")))
    }

    @Test("the node requests")
    func node() throws {
        let capability = #"{"mount": {}, "accessMode": {"mode": "SINGLE_NODE_WRITER"}}"#
        let decoded = VolumeCapability(.mount(MountCapability()), .singleNodeWriter)
        #expect(
            try decode(
                """
                {"volumeId": "v", "stagingTargetPath": "/s", "volumeCapability": \(capability),
                 "publishContext": {"x": "y"}, "secrets": {"a": "b"}, "volumeContext": {"c": "d"}}
                """)
                == NodeStageVolumeRequest(
                    volumeID: VolumeID("v"), stagingTargetPath: "/s", volumeCapability: decoded,
                    volumeContext: ["c": "d"]))
        #expect(
            try decode(
                """
                {"volumeId": "v", "stagingTargetPath": "/s", "targetPath": "/t", "volumeCapability": \(capability),
                 "readonly": true, "volumeContext": {"c": "d"}}
                """)
                == NodePublishVolumeRequest(
                    volumeID: VolumeID("v"), stagingTargetPath: "/s", targetPath: "/t", volumeCapability: decoded,
                    readonly: true, volumeContext: ["c": "d"]))
        #expect(
            try decode(#"{"volumeId": "v", "stagingTargetPath": "/s"}"#)
                == NodeUnstageVolumeRequest(volumeID: VolumeID("v"), stagingTargetPath: "/s"))
        #expect(
            try decode(#"{"volumeId": "v", "targetPath": "/t"}"#)
                == NodeUnpublishVolumeRequest(volumeID: VolumeID("v"), targetPath: "/t"))
        #expect(
            try decode(#"{"volumeId": "v", "volumePath": "/p", "stagingTargetPath": "/s"}"#)
                == NodeGetVolumeStatsRequest(volumeID: VolumeID("v"), volumePath: "/p", stagingTargetPath: "/s"))
    }

    @Test("the last of two map entries with one key counts")
    func duplicateKeys() throws {
        let first: [UInt8] = [0x22, 6, 0x0a, 1, 0x61, 0x12, 1, 0x31]
        let second: [UInt8] = [0x22, 6, 0x12, 1, 0x32, 0x0a, 1, 0x61]
        #expect(try CreateVolumeRequest(wire: first + second).parameters == ["a": "2"])
    }

    static let reflection: [(String, ReflectionRequest.Kind)] = [
        (#"{"host": "h", "fileByFilename": "f"}"#, .file(name: "f")),
        (#"{"host": "h", "fileContainingSymbol": "s"}"#, .fileDeclaring(symbol: "s")),
        (
            #"{"host": "h", "fileContainingExtension": {"containingType": "t", "extensionNumber": 7}}"#,
            .fileDeclaringExtension(of: "t", number: 7)
        ),
        (#"{"host": "h", "allExtensionNumbersOfType": "t"}"#, .extensionNumbers(of: "t")),
        (#"{"host": "h", "listServices": ""}"#, .services("")),
        (#"{"host": "h"}"#, .unknown),
    ]

    @Test("health and reflection", arguments: reflection)
    func readsReflection(json: String, kind: ReflectionRequest.Kind) throws {
        #expect(try decode(json) == ReflectionRequest(host: "h", kind: kind))
        #expect(try decode(#"{"service": "s"}"#) == HealthCheckRequest(service: "s"))
    }
}
