import Testing

@testable import CSIWire

@Suite("The catalog")
struct DescriptorCatalogTests {
    let catalog = DescriptorCatalog.compiledIn

    @Test("the services are those of CSI 1.12, health, reflection and ours")
    func services() {
        let methods = Dictionary(uniqueKeysWithValues: catalog.services.map { ($0.name, $0.methods.map(\.name)) })
        #expect(
            methods == [
                "csi.v1.Identity": ["GetPluginInfo", "GetPluginCapabilities", "Probe"],
                "csi.v1.Controller": [
                    "CreateVolume", "DeleteVolume", "ControllerPublishVolume", "ControllerUnpublishVolume",
                    "ValidateVolumeCapabilities", "ListVolumes", "GetCapacity", "ControllerGetCapabilities",
                    "CreateSnapshot", "DeleteSnapshot", "ListSnapshots", "GetSnapshot", "ControllerExpandVolume",
                    "ControllerGetVolume", "ControllerModifyVolume",
                ],
                "csi.v1.GroupController": [
                    "GroupControllerGetCapabilities", "CreateVolumeGroupSnapshot", "DeleteVolumeGroupSnapshot",
                    "GetVolumeGroupSnapshot",
                ],
                "csi.v1.SnapshotMetadata": ["GetMetadataAllocated", "GetMetadataDelta"],
                "csi.v1.Node": [
                    "NodeStageVolume", "NodeUnstageVolume", "NodePublishVolume", "NodeUnpublishVolume",
                    "NodeGetVolumeStats", "NodeExpandVolume", "NodeGetCapabilities", "NodeGetInfo",
                ],
                "grpc.health.v1.Health": ["Check", "Watch"],
                "grpc.reflection.v1.ServerReflection": ["ServerReflectionInfo"],
                "grpc.reflection.v1alpha.ServerReflection": ["ServerReflectionInfo"],
                "moorage.inspect.v1.Inspect": ["ListVolumes", "ListMounts", "ListPools", "ListShares"],
            ])
    }

    @Test("a method knows its messages and which side streams")
    func methods() throws {
        let probe = try #require(catalog.method(path: "/csi.v1.Identity/Probe"))
        #expect([probe.input, probe.output] == ["csi.v1.ProbeRequest", "csi.v1.ProbeResponse"])
        #expect(!probe.isClientStreaming && !probe.isServerStreaming)
        #expect(probe.path == "/csi.v1.Identity/Probe")
        let delta = try #require(catalog.method(path: "csi.v1.SnapshotMetadata/GetMetadataDelta"))
        #expect(!delta.isClientStreaming && delta.isServerStreaming)
        let info = try #require(catalog.method(path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"))
        #expect(info.isClientStreaming && info.isServerStreaming)
        #expect(catalog.method(path: "/csi.v1.Identity/Prob") == nil)
        #expect(catalog.method(path: "csi.v1.Identity") == nil)
    }

    @Test("the secret fields are the maps named secrets, all of them")
    func secrets() {
        var secret: Set<String> = []
        for name in catalog.messageNames {
            for field in catalog.message(name)?.fields ?? [] where field.isSecret || field.name == "secrets" {
                #expect(field.isSecret && field.name == "secrets" && field.isRepeated)
                secret.insert(name)
            }
        }
        #expect(secret.count == 19)
    }

    @Test(
        "a symbol leads to its file",
        arguments: [
            ("csi.v1.Node", "csi/v1/csi.proto"),
            ("csi.v1.Node.NodeGetInfo", "csi/v1/csi.proto"),
            ("csi.v1.VolumeCapability.MountVolume", "csi/v1/csi.proto"),
            ("csi.v1.VolumeCapability.MountVolume.fs_type", "csi/v1/csi.proto"),
            ("csi.v1.VolumeCapability.access_type", "csi/v1/csi.proto"),
            ("csi.v1.VolumeUsage.Unit", "csi/v1/csi.proto"),
            ("csi.v1.VolumeUsage.INODES", "csi/v1/csi.proto"),
            ("csi.v1.FIXED_LENGTH", "csi/v1/csi.proto"),
            ("csi.v1.csi_secret", "csi/v1/csi.proto"),
            ("google.protobuf.Timestamp", "google/protobuf/timestamp.proto"),
            ("grpc.health.v1.Health", "grpc/health/v1/health.proto"),
            ("moorage.inspect.v1.Mount.FOREIGN", "moorage/inspect/v1/inspect.proto"),
        ])
    func symbols(symbol: String, file: String) throws {
        #expect(catalog.fileName(declaring: symbol) == file)
        #expect(catalog.fileName(declaring: symbol + "x") == nil)
        // A FileDescriptorProto begins with its name.
        let bytes = try #require(catalog.fileBytes(named: file))
        #expect(bytes.starts(with: [0x0a, UInt8(file.utf8.count)] + file.utf8))
    }

    @Test("a file comes with what it imports")
    func imports() {
        #expect(
            catalog.withImports(fileNamed: "csi/v1/csi.proto") == [
                "csi/v1/csi.proto", "google/protobuf/descriptor.proto", "google/protobuf/timestamp.proto",
                "google/protobuf/wrappers.proto",
            ])
        #expect(catalog.withImports(fileNamed: "nothing.proto") == [])
    }

    @Test("extensions are found by message and number")
    func extensions() {
        #expect(catalog.extensionNumbers(of: "google.protobuf.FieldOptions") == [1059, 1060])
        #expect(catalog.extensionNumbers(of: "csi.v1.Volume") == [])
        #expect(catalog.extensionNumbers(of: "csi.v1.Nothing") == nil)
        #expect(catalog.fileName(declaringExtension: 1059, of: "google.protobuf.FieldOptions") == "csi/v1/csi.proto")
        #expect(catalog.fileName(declaringExtension: 7, of: "google.protobuf.FieldOptions") == nil)
    }

    @Test("bytes that are no descriptor set are refused", arguments: [[0x0a, 9], [0x0a, 2, 0x0b, 0]] as [[UInt8]])
    func broken(bytes: [UInt8]) {
        #expect(throws: WireFault.self) { try DescriptorCatalog(descriptorSet: bytes) }
    }
}
