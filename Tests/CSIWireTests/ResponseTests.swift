import JSONText
import StorageModel
import Testing

@testable import CSIWire

@Suite("Responses to the wire")
struct ResponseTests {
    static let volume = Volume(
        id: VolumeID("h.0.ü"), capacityBytes: 1 << 40, context: ["b": "2", "a": "1"],
        contentSource: .volume(id: VolumeID("h.0.b")),
        accessibleTopology: [Topology(["n": "1"]), Topology(["n": "2"])])
    static let volumeJSON = """
        {"capacityBytes":"1099511627776","volumeId":"h.0.ü","volumeContext":{"a":"1","b":"2"},\
        "contentSource":{"volume":{"volumeId":"h.0.b"}},\
        "accessibleTopology":[{"segments":{"n":"1"}},{"segments":{"n":"2"}}]}
        """

    static let responses: [(any EncodableResponse, String)] = [
        (
            GetPluginInfoResponse(name: "csi.moorage.dev", vendorVersion: "1", manifest: ["k": "v"]),
            #"{"name":"csi.moorage.dev","vendorVersion":"1","manifest":{"k":"v"}}"#
        ),
        (
            GetPluginCapabilitiesResponse(capabilities: [.controllerService, .expansionOffline]),
            #"{"capabilities":[{"service":{"type":"CONTROLLER_SERVICE"}},{"volumeExpansion":{"type":"OFFLINE"}}]}"#
        ),
        (ProbeResponse(ready: true), #"{"ready":true}"#),
        (ProbeResponse(ready: false), #"{"ready":false}"#),
        (CreateVolumeResponse(volume: volume), #"{"volume":\#(volumeJSON)}"#),
        (
            CreateVolumeResponse(
                volume: Volume(id: VolumeID("v"), capacityBytes: 0, contentSource: .snapshot(id: "s"))),
            #"{"volume":{"volumeId":"v","contentSource":{"snapshot":{"snapshotId":"s"}}}}"#
        ),
        (DeleteVolumeResponse(), "{}"),
        (
            ValidateVolumeCapabilitiesResponse(
                confirmed: .init(
                    volumeContext: ["c": "d"],
                    volumeCapabilities: [
                        VolumeCapability(.block, .multiNodeReaderOnly),
                        VolumeCapability(
                            .mount(MountCapability(fsType: "x", mountFlags: ["a", "b"], volumeMountGroup: "g")),
                            .multiNodeSingleWriter),
                    ], parameters: ["p": "q"], mutableParameters: ["m": "n"])),
            """
            {"confirmed":{"volumeContext":{"c":"d"},"volumeCapabilities":[\
            {"block":{},"accessMode":{"mode":"MULTI_NODE_READER_ONLY"}},\
            {"mount":{"fsType":"x","mountFlags":["a","b"],"volumeMountGroup":"g"},\
            "accessMode":{"mode":"MULTI_NODE_SINGLE_WRITER"}}],"parameters":{"p":"q"},"mutableParameters":{"m":"n"}}}
            """
        ),
        (ValidateVolumeCapabilitiesResponse(confirmed: nil, message: "no"), #"{"message":"no"}"#),
        (
            ListVolumesResponse(entries: [volume], nextToken: "t"),
            #"{"entries":[{"volume":\#(volumeJSON)}],"nextToken":"t"}"#
        ),
        (ListVolumesResponse(entries: []), "{}"),
        (ControllerGetVolumeResponse(volume: volume), #"{"volume":\#(volumeJSON),"status":{}}"#),
        (
            ControllerExpandVolumeResponse(capacityBytes: 1 << 40, nodeExpansionRequired: true),
            #"{"capacityBytes":"1099511627776","nodeExpansionRequired":true}"#
        ),
        (ControllerExpandVolumeResponse(capacityBytes: 5, nodeExpansionRequired: false), #"{"capacityBytes":"5"}"#),
        (GetCapacityResponse(availableCapacity: 5), #"{"availableCapacity":"5"}"#),
        (
            GetCapacityResponse(availableCapacity: 0, maximumVolumeSize: 0, minimumVolumeSize: .max),
            #"{"maximumVolumeSize":"0","minimumVolumeSize":"9223372036854775807"}"#
        ),
        (NodeStageVolumeResponse(), "{}"),
        (NodeUnstageVolumeResponse(), "{}"),
        (NodePublishVolumeResponse(), "{}"),
        (NodeUnpublishVolumeResponse(), "{}"),
        (
            NodeGetVolumeStatsResponse(
                VolumeStatistics(
                    usage: [
                        VolumeUsage(unit: .bytes, available: 1, total: 3, used: 2),
                        VolumeUsage(unit: .inodes, available: 0, total: 9, used: 9),
                    ], condition: VolumeCondition(isAbnormal: true, message: "m"))),
            """
            {"usage":[{"available":"1","total":"3","used":"2","unit":"BYTES"},\
            {"total":"9","used":"9","unit":"INODES"}],"volumeCondition":{"abnormal":true,"message":"m"}}
            """
        ),
        (
            NodeGetInfoResponse(nodeID: "n", maxVolumesPerNode: 4, accessibleTopology: Topology(["a": "b"])),
            #"{"nodeId":"n","maxVolumesPerNode":"4","accessibleTopology":{"segments":{"a":"b"}}}"#
        ),
        (NodeGetInfoResponse(nodeID: "n"), #"{"nodeId":"n"}"#),
        (HealthCheckResponse(status: .notServing), #"{"status":"NOT_SERVING"}"#),
    ]

    static let inspections: [(any EncodableResponse, String)] = [
        (
            InspectVolumesResponse(
                entries: [
                    .init(
                        volume: ListedVolume(
                            position: ListingPosition(id: VolumeID("h.0.ü"), deletion: "d"), name: "ü", pool: "p",
                            capacityBytes: 1 << 40, state: .retained,
                            created: Timestamp(seconds: 1, nanoseconds: 500_000_000), path: "/p/volumes/h.0.ü"),
                        backend: "hostPath", mounts: 2)
                ], nextToken: "t"),
            """
            {"entries":[{"volumeId":"h.0.ü","name":"ü","backend":"hostPath","pool":"p",\
            "capacityBytes":"1099511627776","state":"RETAINED","created":"1970-01-01T00:00:01.500Z",\
            "path":"/p/volumes/h.0.ü","mounts":2}],"nextToken":"t"}
            """
        ),
        (InspectVolumesResponse(entries: []), "{}"),
        (
            InspectMountsResponse(
                entries: [
                    ListedMount(intent: intent(.stage, isBlock: true), presence: .foreign),
                    ListedMount(intent: intent(.publish), presence: nil, share: "nas:/x"),
                ], nextToken: "/t"),
            """
            {"entries":[{"volumeId":"v","role":"STAGE","path":"/t","accessMode":"SINGLE_NODE_MULTI_WRITER",\
            "block":true,"flags":["rw","relatime"],"presence":"FOREIGN"},\
            {"volumeId":"v","role":"PUBLISH","path":"/t","accessMode":"SINGLE_NODE_MULTI_WRITER",\
            "flags":["rw","relatime"],"share":"nas:/x"}],"nextToken":"/t"}
            """
        ),
        (
            InspectPoolsResponse(entries: [
                .init(
                    pool: ListedPool(name: "a", id: "", path: "/a", condition: .absent("gone")), backend: "hostPath"),
                .init(
                    pool: ListedPool(
                        name: "b", id: "0", path: "/b",
                        condition: .served(
                            PoolFigures(
                                fileSystemType: "xfs", total: 6, available: 5, promised: 4, volumes: 3, trash: 2))),
                    backend: "hostPath"),
            ]),
            """
            {"entries":[{"name":"a","path":"/a","backend":"hostPath","isAbsent":true,"absence":"gone"},\
            {"name":"b","id":"0","path":"/b","backend":"hostPath","fileSystemType":"xfs","totalBytes":"6",\
            "availableBytes":"5","promisedBytes":"4","volumes":"3","trash":"2"}]}
            """
        ),
        (
            InspectSharesResponse(entries: [
                ListedShare(name: "a:/x", circuit: .halfOpen(since: nil, .reported)), busyShare,
            ]),
            """
            {"entries":[{"name":"a:/x","circuit":"HALF_OPEN","cause":"REPORTED","refused":{}},\
            {"name":"b:/x","circuit":"OPEN","since":"1970-01-01T00:00:07Z","cause":"DEADLINE_PASSED","threads":1,\
            "idle":2,"stuck":3,"running":4,"queued":5,"largestQueue":6,"releases":7,"admitted":"8",\
            "refused":{"queueFull":"9","silent":"10","stuck":"11","deadline":"12","cancelled":"13","closed":"14"},\
            "timedOut":"15","late":"16","roots":17,"rootsUsed":"1970-01-01T00:00:18Z"}]}
            """
        ),
        (
            InspectSharesResponse(entries: [
                ListedShare(name: "c:/", circuit: .closed(since: Timestamp(seconds: 0, nanoseconds: 0)))
            ]),
            #"{"entries":[{"name":"c:/","circuit":"CLOSED","since":"1970-01-01T00:00:00Z","refused":{}}]}"#
        ),
    ]

    private static var busyShare: ListedShare {
        var share = ListedShare(
            name: "b:/x", circuit: .open(since: Timestamp(seconds: 7, nanoseconds: 0), .deadlinePassed))
        (share.threads, share.idle, share.stuck, share.running) = (1, 2, 3, 4)
        (share.queued, share.largestQueue, share.releases, share.admitted) = (5, 6, 7, 8)
        for (index, reason) in ListedShare.Refusal.allCases.enumerated() { share.refused[reason] = 9 + index }
        (share.timedOut, share.late, share.roots) = (15, 16, 17)
        share.rootsUsed = Timestamp(seconds: 18, nanoseconds: 0)
        return share
    }

    private static func intent(_ role: MountRole, isBlock: Bool = false) -> MountIntent {
        MountIntent(
            volume: VolumeID("v"), role: role, path: "/t", accessMode: .singleNodeMultiWriter, isBlock: isBlock,
            attributes: MountAttributes())
    }

    @Test("a response has the bytes of its JSON", arguments: (responses + inspections).indices)
    func bytes(index: Int) throws {
        let (response, json) = (Self.responses + Self.inspections)[index]
        let name = type(of: response).layout.name
        let transcoder = JSONTranscoder()
        #expect(try transcoder.json(of: name, bytes: response.wireBytes()).text(.compact) == json)
        #expect(try response.wireBytes() == transcoder.bytes(of: name, json: JSONValue(parsing: json)))
    }

    @Test("every capability of the model is a value in proto/, and the other way around")
    func capabilities() throws {
        func types(_ response: some EncodableResponse) throws -> [String] {
            let json = try JSONTranscoder().json(of: type(of: response).layout.name, bytes: response.wireBytes())
            // Each {"rpc": {"type": "NAME"}}
            guard case .object(let members) = json, case .array(let entries) = members[0].value else { return [] }
            return entries.map { entry in
                guard case .object(let kind) = entry, case .object(let type) = kind[0].value,
                    case .string(let name) = type[0].value
                else { return "" }
                return name
            }
        }
        func known(_ name: String) throws -> [String] {
            try #require(DescriptorCatalog.compiledIn.enumeration(name)).values.map(\.name).filter { $0 != "UNKNOWN" }
        }
        #expect(
            try types(ControllerGetCapabilitiesResponse(capabilities: ControllerCapability.allCases))
                == known("csi.v1.ControllerServiceCapability.RPC.Type"))
        #expect(
            try types(NodeGetCapabilitiesResponse(capabilities: NodeCapability.allCases))
                == known("csi.v1.NodeServiceCapability.RPC.Type"))
        #expect(
            try types(GetPluginCapabilitiesResponse(capabilities: PluginCapability.allCases))
                == known("csi.v1.PluginCapability.Service.Type") + known("csi.v1.PluginCapability.VolumeExpansion.Type")
        )
        #expect(AccessMode.allCases.map(\.rawValue) == (try known("csi.v1.VolumeCapability.AccessMode.Mode")))
    }

    @Test("every state of a volume and cause of an outage in the model is a value in proto/, and the other way around")
    func states() throws {
        let known = try #require(DescriptorCatalog.compiledIn.enumeration("moorage.inspect.v1.Volume.State"))
        #expect(["STATE_UNKNOWN"] + ListedVolume.State.allCases.map(\.rawValue) == known.values.map(\.name))
        let causes = try #require(DescriptorCatalog.compiledIn.enumeration("moorage.inspect.v1.Share.Cause"))
        #expect(["CAUSE_UNKNOWN"] + ListedShare.Cause.allCases.map(\.rawValue) == causes.values.map(\.name))
    }

    static let reflection: [(ReflectionRequest.Kind, ReflectionResponse.Answer, String)] = [
        (
            .file(name: "f"), .files([[1, 2], []]),
            #"{"host":"h","fileByFilename":"f"},"fileDescriptorResponse":{"fileDescriptorProto":["AQI=",""]}"#
        ),
        (
            .fileDeclaring(symbol: "s"), .error(code: 5, message: "no"),
            #"{"host":"h","fileContainingSymbol":"s"},"errorResponse":{"errorCode":5,"errorMessage":"no"}"#
        ),
        (
            .fileDeclaringExtension(of: "t", number: 7), .files([]),
            """
            {"host":"h","fileContainingExtension":{"containingType":"t","extensionNumber":7}},\
            "fileDescriptorResponse":{}
            """
        ),
        (
            .extensionNumbers(of: "t"), .extensionNumbers(of: "t", [1059, 1060]),
            """
            {"host":"h","allExtensionNumbersOfType":"t"},\
            "allExtensionNumbersResponse":{"baseTypeName":"t","extensionNumber":[1059,1060]}
            """
        ),
        (
            .services("*"), .services(["a", "b"]),
            #"{"host":"h","listServices":"*"},"listServicesResponse":{"service":[{"name":"a"},{"name":"b"}]}"#
        ),
        (
            .unknown, .error(code: 12, message: ""),
            #"{"host":"h"},"errorResponse":{"errorCode":12}"#
        ),
    ]

    @Test("a reflection response repeats the request, in v1 and in v1alpha", arguments: reflection)
    func writesReflection(kind: ReflectionRequest.Kind, answer: ReflectionResponse.Answer, json: String) throws {
        let bytes = ReflectionResponse(to: ReflectionRequest(host: "h", kind: kind), answer).wireBytes()
        for version in ["v1", "v1alpha"] {
            let name = "grpc.reflection.\(version).ServerReflectionResponse"
            #expect(
                try JSONTranscoder().json(of: name, bytes: bytes).text(.compact)
                    == #"{"validHost":"h","originalRequest":\#(json)}"#)
        }
    }
}
