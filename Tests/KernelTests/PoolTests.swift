import BlockingWork
import Glibc
import HostPathBackend
import LinuxSystem
import StorageModel
import Synchronization
import Testing
import TreeCopy

/// What needs file systems of its own to be seen: mounts inside trees, disks that go away, disks that are full.
@Suite("Pools and trees on mounts", .privateMountNamespace, .timeLimit(.minutes(1)))
struct PoolTests {
    /// Runs `body` with a directory that has a tmpfs of its own; afterwards everything mounted below it is unmounted.
    static func withDirectory(options: String? = nil, _ body: (String) async throws -> Void) async throws {
        var template = Array("/tmp/moorage-kernel.XXXXXX".utf8CString)
        let root = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            umount2(root, Int32(MNT_DETACH))
            rmdir(root)
        }
        try #require(mount("tmpfs", root, "tmpfs", 0, options) == 0)
        try await body(root)
    }

    @Test(
        "a mount inside a tree is reported and left as it is, and the rest of the tree goes", arguments: [false, true])
    func mountInside(isBind: Bool) async throws {
        try await Self.withDirectory { root in
            for name in ["victim", "tree", "tree/sub", "tree/sub/mount", "tree/other"] {
                try makeDirectory("\(root)/\(name)")
            }
            for name in ["victim/file", "tree/file", "tree/sub/file", "tree/other/file"] {
                try writeFile("\(root)/\(name)", "precious")
            }
            if isBind {
                try #require(mount("\(root)/victim", "\(root)/tree/sub/mount", nil, UInt(MS_BIND), nil) == 0)
            } else {
                try #require(mount("tmpfs", "\(root)/tree/sub/mount", "tmpfs", 0, nil) == 0)
                try writeFile("\(root)/tree/sub/mount/file", "precious")
            }
            let directory = try OwnedDescriptor.open(root, [.readOnly, .directory])
            let failure = #expect(throws: TreeRemoval.Failure.self) { try TreeRemoval.remove("tree", in: directory) }
            #expect(failure?.reason == .mountPoint)
            #expect(failure?.path == "tree/sub/mount")
            #expect(failure?.count == 1)
            #expect(listing("\(root)/tree") == ["sub"])
            #expect(listing("\(root)/tree/sub") == ["mount"])
            #expect(readFile("\(root)/tree/sub/mount/file") == "precious")
            #expect(readFile("\(root)/victim/file") == "precious")

            try #require(umount2("\(root)/tree/sub/mount", 0) == 0)
            #expect(try TreeRemoval.remove("tree", in: directory) == .removed)
            #expect(listing(root) == ["victim"])
        }
    }

    @Test("a tree that is itself a mount is left alone")
    func mountAsTree() async throws {
        try await Self.withDirectory { root in
            try makeDirectory("\(root)/tree")
            try #require(mount("tmpfs", "\(root)/tree", "tmpfs", 0, nil) == 0)
            try writeFile("\(root)/tree/file", "precious")
            let directory = try OwnedDescriptor.open(root, [.readOnly, .directory])
            let failure = #expect(throws: TreeRemoval.Failure.self) { try TreeRemoval.remove("tree", in: directory) }
            #expect(failure?.reason == .mountPoint)
            #expect(readFile("\(root)/tree/file") == "precious")
        }
    }

    @Test(
        "a pool whose disk is unmounted is absent, nothing is made below its mount point, and it comes back by itself")
    func diskGoesAway() async throws {
        try await Self.withDirectory { root in
            for name in ["disk", "pool"] { try makeDirectory("\(root)/\(name)") }
            func attach() throws { try #require(mount("\(root)/disk", "\(root)/pool", nil, UInt(MS_BIND), nil) == 0) }
            try attach()
            let node = try PoolNode(root)
            let volume = try await node.create("v1").volume
            // The driver has the disk open: only a lazy unmount takes it away.
            try #require(umount2("\(root)/pool", Int32(MNT_DETACH)) == 0)
            #expect(await node.create("v2").refusal == .unavailable)
            #expect(await node.refusal { try await node.backend.delete(volume) } == .unavailable)
            #expect(await node.refusal { _ = try await node.plan(volume) } == .unavailable)
            #expect(listing("\(root)/pool") == [])
            try attach()
            _ = try await node.plan(volume)
            try await node.backend.delete(volume)
            #expect(try await node.create("v2").volume != volume)
        }
    }

    @Test("on a full disk a create fails and leaves nothing, and works when there is room", arguments: 24...27)
    func fullDisk(inodes: Int) async throws {
        try await Self.withDirectory(options: "size=1m,nr_inodes=\(inodes)") { root in
            try makeDirectory("\(root)/pool")
            let node = try PoolNode(root)
            var volumes: [VolumeID] = []
            var refusal: DriverError.Code?
            while refusal == nil {
                let created = await node.create("v\(volumes.count)")
                refusal = created.refusal
                if refusal == nil { volumes.append(try created.volume) }
            }
            #expect(refusal == .resourceExhausted)
            #expect(volumes.count > 2)
            #expect(listing("\(root)/pool/volumes") == volumes.map(\.rawValue).sorted())
            #expect(listing("\(root)/pool/.moorage/volumes") == volumes.map { "\($0).json" }.sorted())
            node.backend.stop()
            rmdir("\(root)/pool/volumes/\(volumes[0])")
            unlink("\(root)/pool/.moorage/volumes/\(volumes[0]).json")
            #expect(try await PoolNode(root).create("v0").volume == volumes[0])
        }
    }

    @Test("a volume that something is mounted on is not deleted, and nothing of it is touched")
    func mountedVolume() async throws {
        try await Self.withDirectory { root in
            try makeDirectory("\(root)/pool")
            let node = try PoolNode(root)
            let volume = try await node.create("v1").volume
            let directory = "\(root)/pool/volumes/\(volume)"
            try #require(mount("tmpfs", directory, "tmpfs", 0, nil) == 0)
            #expect(await node.refusal { try await node.backend.delete(volume) } == .failedPrecondition)
            _ = try await node.plan(volume)
            try #require(umount2(directory, 0) == 0)
            try await node.backend.delete(volume)
            #expect(!exists(directory))
        }
    }

    @Test("a mount inside a deleted volume is reported once, left alone, and its tree goes when it is unmounted")
    func mountInVolume() async throws {
        try await Self.withDirectory { root in
            try makeDirectory("\(root)/pool")
            let node = try PoolNode(root)
            let volume = try await node.create("v1").volume
            let inside = "\(root)/pool/volumes/\(volume)/inside"
            try makeDirectory(inside)
            try #require(mount("tmpfs", inside, "tmpfs", 0, nil) == 0)
            try writeFile(inside + "/file", "precious")
            try await node.backend.delete(volume)
            node.events.wait { if case .trashLeft = $0 { true } else { false } }
            let trash = "\(root)/pool/.moorage/trash"
            let left = "\(trash)/\(try #require(listing(trash).first))/data/inside"
            #expect(readFile(left + "/file") == "precious")

            for name in ["v2", "v3"] { try await node.backend.delete(node.create(name).volume) }
            try #require(umount2(left, 0) == 0)
            try await node.backend.delete(node.create("v4").volume)
            node.events.wait(until: { listing(trash).isEmpty })
            #expect(node.events.all.count { if case .trashLeft = $0 { true } else { false } } == 1)
        }
    }
}

/// The pool `<root>/pool`, served with the state `<root>/state`.
private final class PoolNode: Sendable {
    let backend: HostPathBackend
    let events = Events()
    private let workers = WorkerThreads(name: "test", limit: 4)

    final class Events: Sendable {
        private let list = Mutex<[PoolEvent]>([])
        private let arrived = ThreadSignal()

        var all: [PoolEvent] { list.withLock { $0 } }

        func add(_ event: PoolEvent) {
            list.withLock { $0.append(event) }
            arrived.signal()
        }

        func wait(until condition: () -> Bool) {
            while !condition() { arrived.wait() }
        }

        func wait(for fits: (PoolEvent) -> Bool) {
            wait(until: { all.contains(where: fits) })
        }
    }

    /// What a create came to.
    struct Creation {
        let result: Result<VolumeID, DriverError>

        var volume: VolumeID {
            get throws { try result.get() }
        }

        var refusal: DriverError.Code? {
            if case .failure(let error) = result { error.code } else { nil }
        }
    }

    init(_ root: String) throws {
        let events = events
        backend = try HostPathBackend(
            pools: [PoolConfiguration(name: "disk", path: "\(root)/pool")], stateDirectory: "\(root)/state",
            nodeID: "node-1", topology: Topology([:]), workers: workers, report: { events.add($0) })
        backend.start()
    }

    deinit {
        backend.stop()
        workers.close()
    }

    func create(_ name: String) async -> Creation {
        do {
            let request = CreateVolumeRequest(name: name, volumeCapabilities: [Self.capability])
            switch try await backend.create(backend.place(request)) {
            case .made(let volume), .existing(let volume): return Creation(result: .success(volume.id))
            }
        } catch {
            return Creation(result: .failure(error))
        }
    }

    func plan(_ id: VolumeID) async throws -> MountPlan {
        try await backend.mountPlan(for: id, capability: Self.capability, context: [:])
    }

    func refusal(_ body: () async throws -> Void) async -> DriverError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? DriverError)?.code
        }
    }

    private static let capability = VolumeCapability(.mount(MountCapability()), .singleNodeWriter)
}
