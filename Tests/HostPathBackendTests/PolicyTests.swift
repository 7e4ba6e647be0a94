import Glibc
import LinuxSystem
import StorageModel
import Testing

@testable import HostPathBackend

@Suite("Parameters and what deleting means", .timeLimit(.minutes(1)))
struct PolicyTests {
    @Test(
        "parameters are normalised",
        arguments: [
            ([:], ["mountPermissions": "0777", "onDelete": "delete"]),
            (["MOUNTPERMISSIONS": "750", "ondelete": "Retain"], ["mountPermissions": "0750", "onDelete": "retain"]),
            (["mountPermissions": "02770"], ["mountPermissions": "2770", "onDelete": "delete"]),
            (["mountPermissions": "0"], ["mountPermissions": "0777", "onDelete": "delete"]),
            (["uid": "1000"], ["mountPermissions": "0770", "onDelete": "delete", "uid": "1000"]),
            (
                ["gid": "00", "Uid": "4294967294", "mountPermissions": "0711"],
                ["mountPermissions": "0711", "onDelete": "delete", "uid": "4294967294", "gid": "0"]
            ),
            (["backend": "HOSTPATH", "pool": "x", "uid": ""], ["mountPermissions": "0777", "onDelete": "delete"]),
            (["csi.storage.k8s.io/pvc/name": "claim"], ["mountPermissions": "0777", "onDelete": "delete"]),
        ])
    func normalised(given: [String: String], expected: [String: String]) throws {
        let parameters = try HostPathParameters(given, backend: "hostPath")
        #expect(parameters.normalised == expected)
        // What a record keeps means the same as what was asked for.
        let again = try HostPathParameters(parameters.normalised, backend: "hostPath")
        #expect(again.normalised == expected)
    }

    @Test(
        "a parameter that cannot be honoured is refused with its key and without its value",
        arguments: [
            ("server", "s3cret"), ("uid", "s3cret"), ("uid", "-1"), ("uid", "4294967295"), ("gid", "1 "), ("gid", "+1"),
            ("mountPermissions", "s3cret"), ("mountPermissions", "08"), ("mountPermissions", "10000"),
            ("mountPermissions", "-7"), ("mountPermissions", "0o7"), ("onDelete", "s3cret"), ("backend", "s3cret"),
        ])
    func refused(key: String, value: String) throws {
        let error = #expect(throws: DriverError.self) { try HostPathParameters([key: value], backend: "hostPath") }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(key) == true)
        #expect(error?.message.contains("s3cret") == false)
    }

    @Test("a key that is given in two cases is refused")
    func twice() {
        #expect(throws: DriverError.self) { try HostPathParameters(["uid": "1", "UID": "1"], backend: "hostPath") }
    }

    @Test("a pool that is not configured is refused, and so is no pool where there are several without a default")
    func unknownPool() async throws {
        let fixture = try Fixture(Scratch(), pools: ["a", "b"])
        #expect(await code { _ = try await fixture.create("pvc-1", ["pool": "c"]) } == .invalidArgument)
        #expect(await code { _ = try await fixture.create("pvc-1") } == .invalidArgument)
        #expect(try await fixture.backend.capacity(parameters: [:]).available > 0)
        #expect(try await fixture.create("pvc-1", ["pool": "b"]).volume.parameters["pool"] == "b")
        let withDefault = try Fixture(Scratch(), pools: ["a", "default"])
        #expect(try await withDefault.create("pvc-1").volume.parameters["pool"] == "default")
    }

    @Test("a source and mutable parameters are refused")
    func unsupported() throws {
        let fixture = try Fixture(Scratch())
        var request = CreateVolumeRequest(name: "pvc-1", volumeCapabilities: [Fixture.mount])
        request.contentSource = .volume(id: VolumeID("x"))
        #expect(throws: DriverError.self) { try fixture.backend.place(request) }
        request.contentSource = nil
        request.mutableParameters = ["a": "b"]
        #expect(throws: DriverError.self) { try fixture.backend.place(request) }
    }

    @Test(
        "the size is what is required, else the limit, else nothing",
        arguments: [(10, 20, 10), (10, 0, 10), (0, 20, 20), (0, 0, 0)])
    func size(required: Int64, limit: Int64, expected: Int64) throws {
        let fixture = try Fixture(Scratch())
        let range = CapacityRange(requiredBytes: required, limitBytes: limit)
        let request = CreateVolumeRequest(name: "pvc-1", capacityRange: range, volumeCapabilities: [Fixture.mount])
        #expect(try fixture.backend.place(request).capacityBytes == expected)
    }

    @Test(
        "a capability is supported when one node's directory can honour it",
        arguments: [
            (VolumeCapability(.mount(MountCapability()), .singleNodeWriter), true),
            (VolumeCapability(.mount(MountCapability(fsType: "ext4")), .singleNodeReaderOnly), true),
            (VolumeCapability(.mount(MountCapability(mountFlags: ["noatime,nodev"])), .singleNodeSingleWriter), true),
            (VolumeCapability(.mount(MountCapability()), .singleNodeMultiWriter), true),
            (VolumeCapability(.mount(MountCapability()), .multiNodeMultiWriter), false),
            (VolumeCapability(.mount(MountCapability()), .multiNodeReaderOnly), false),
            (VolumeCapability(.mount(MountCapability()), .multiNodeSingleWriter), false),
            (VolumeCapability(.block, .singleNodeWriter), false),
            (VolumeCapability(.mount(MountCapability(volumeMountGroup: "1000")), .singleNodeWriter), false),
            (VolumeCapability(.mount(MountCapability(mountFlags: ["vers=4"])), .singleNodeWriter), false),
        ])
    func capabilities(capability: VolumeCapability, isSupported: Bool) async throws {
        let fixture = try Fixture(Scratch())
        let id = try await fixture.create("pvc-1").volume.id
        let check = await code { try fixture.backend.checkSupport(of: capability) }
        let plan = await code { _ = try await fixture.backend.mountPlan(for: id, capability: capability, context: [:]) }
        #expect(check == (isSupported ? nil : .invalidArgument))
        #expect(plan == check)
    }

    @Test("flags and a reader-only mode become attributes of the mount")
    func attributes() async throws {
        let fixture = try Fixture(Scratch())
        let id = try await fixture.create("pvc-1").volume.id
        let mount = MountCapability(mountFlags: ["noexec", "rw"])
        let reader = try await fixture.backend.mountPlan(
            for: id, capability: VolumeCapability(.mount(mount), .singleNodeReaderOnly), context: [:])
        #expect(reader.attributes.canonicalFlags == ["ro", "noexec", "relatime"])
        let writer = try await fixture.backend.mountPlan(
            for: id, capability: VolumeCapability(.mount(mount), .singleNodeWriter), context: [:])
        #expect(writer.attributes.canonicalFlags == ["rw", "noexec", "relatime"])
    }

    @Test(
        "owner and permissions are as asked, whatever the umask", .enabled(if: geteuid() == 0, "chown needs root"),
        arguments: [
            ([:], 0, 0, 0o777), (["uid": "1000", "gid": "2000"], 1000, 2000, 0o770),
            (["gid": "2000", "mountPermissions": "2775"], 0, 2000, 0o2775),
            (["mountPermissions": "1700"], 0, 0, 0o1700),
        ] as [([String: String], UInt32, UInt32, UInt32)])
    func access(parameters: [String: String], user: UInt32, group: UInt32, permissions: UInt32) async throws {
        let fixture = try Fixture(Scratch())
        let id = try await fixture.create("pvc-1", parameters).volume.id
        let status = try OwnedDescriptor.status(ofPath: "\(fixture.root())/volumes/\(id)")
        #expect(status.user == user)
        #expect(status.group == group)
        #expect(status.permissions == permissions)
        #expect(try OwnedDescriptor.status(ofPath: "\(fixture.root())/volumes").permissions == 0o700)
        #expect(try OwnedDescriptor.status(ofPath: "\(fixture.root())/.moorage").permissions == 0o700)
    }

    @Test(
        "what is retained stays with its record, is no volume any more, and keeps its name", arguments: [false, true])
    func retain(afterRestart: Bool) async throws {
        var fixture = try Fixture(Scratch())
        let parameters = ["onDelete": "retain"]
        let id = try await fixture.create("pvc-1", bytes: 4096, parameters).volume.id
        let directory = "\(fixture.root())/volumes/\(id)"
        try write("kept", to: "\(directory)/file")
        for _ in 0..<3 { try await fixture.backend.delete(id) }
        if afterRestart { fixture = try fixture.restarted() }
        #expect(try read("\(directory)/file") == "kept")
        #expect(await code { _ = try await fixture.backend.volume(id) } == .notFound)
        #expect(try await fixture.backend.volumes(after: nil, limit: 10).volumes == [])
        try await fixture.backend.delete(id)

        let error = await #expect(throws: DriverError.self) { _ = try await fixture.create("pvc-1", parameters) }
        #expect(error?.code == .alreadyExists)
        #expect(error?.message.contains(directory) == true)

        // A person took the data: the name is free.
        #expect(rename(directory, "\(fixture.scratch.path)/taken") == 0)
        #expect(try await fixture.create("pvc-1").isMade)
        #expect(names(in: directory) == [])
    }

    @Test("what is archived moves aside under names that are free")
    func archive() async throws {
        let fixture = try Fixture(Scratch())
        var id = VolumeID("")
        for round in 1...3 {
            let created = try await fixture.create("pvc-1", bytes: 4096, ["onDelete": "archive"])
            #expect(created.isMade)
            id = created.volume.id
            try write("round \(round)", to: "\(fixture.root())/volumes/\(id)/file")
            for _ in 0..<2 { try await fixture.backend.delete(id) }
        }
        let archive = "\(fixture.root())/archived"
        #expect(names(in: archive) == [id.rawValue, "\(id)-2", "\(id)-3"])
        #expect(try read("\(archive)/\(id)/file") == "round 1")
        #expect(try read("\(archive)/\(id)-3/file") == "round 3")
        fixture.emptyTrash()
        #expect(names(in: "\(fixture.root())/.moorage/volumes") == [])
    }

    @Test("a volume whose directory is gone says so, and can be deleted")
    func lostDirectory() async throws {
        let fixture = try Fixture(Scratch())
        let id = try await fixture.create("pvc-1").volume.id
        rmdir("\(fixture.root())/volumes/\(id)")
        let mount = await code {
            _ = try await fixture.backend.mountPlan(for: id, capability: Fixture.mount, context: [:])
        }
        #expect(mount == .failedPrecondition)
        #expect(await code { _ = try await fixture.create("pvc-1") } == .failedPrecondition)
        try await fixture.backend.delete(id)
        #expect(try await fixture.create("pvc-1").isMade)
    }
}
