import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import SystemPackage
import Testing

/// The node of a block device, bound to a file.
@Suite("Block devices", .privateMountNamespace, .timeLimit(.minutes(1)))
struct BlockTests {
    @Test("a staged device is not mounted; a published one is written through its target, and all may be repeated")
    func life() async throws {
        try await TestNode.with(parent: .shared) { node in
            let device = try TestDevice(node, "d1")
            for _ in 0..<2 { try await device.stage() }
            #expect(!exists(device.staging))
            #expect(node.ledgerFiles.isEmpty)
            for _ in 0..<2 { try await device.publish() }
            #expect(try device.isSeen(at: device.target))
            #expect(try mountInfo(device.target).count == 1)
            #expect(node.ledgerFiles == [Ledger.fileName(for: device.target)])
            for _ in 0..<2 { try await device.unpublish() }
            #expect(!exists(device.target))
            for _ in 0..<2 { try await node.mounts.unstage(device.id, path: device.staging) }
            #expect(node.ledgerFiles.isEmpty)
            #expect(try OwnedDescriptor.status(ofPath: "\(node.pool)/d1").kind == .blockDevice)
            #expect(node.events.all.isEmpty)
        }
    }

    @Test("a device has any number of targets, and each goes by itself")
    func twoTargets() async throws {
        try await TestNode.with { node in
            let device = try TestDevice(node, "d1")
            try await device.publish()
            try await device.publish(at: device.target + "-2")
            try await device.unpublish()
            #expect(!exists(device.target))
            #expect(try device.isSeen(at: device.target + "-2"))
        }
    }

    @Test(
        "a device is used whatever the attributes of the mount that its node lies in",
        arguments: [MS_NODEV, MS_RDONLY, MS_NODEV | MS_RDONLY])
    func attributes(flags: Int) async throws {
        try await TestNode.with { node in
            try mountTmpfs(node.pool)
            let device = try TestDevice(node, "d1")
            try #require(mount(nil, node.pool, nil, UInt(MS_REMOUNT | flags), nil) == 0)
            for _ in 0..<2 { try await device.publish() }
            #expect(try device.isSeen(at: device.target))
            let mounts = try await node.restartedAndReconciled()
            try await device.publish(by: mounts)
        }
    }

    /// How far a publication came, in the order of its steps; and its opposite.
    enum Moment: CaseIterable {
        case entry, entryAndFile, published, onlyEntryRemoved
    }

    private static func make(_ moment: Moment, _ device: TestDevice) async throws {
        try await device.publish()
        switch moment {
        case .entry:
            try #require(umount2(device.target, 0) == 0)
            try #require(unlink(device.target) == 0)
        case .entryAndFile:
            try #require(umount2(device.target, 0) == 0)
        case .published: break
        case .onlyEntryRemoved: try device.node.forget(device.target)
        }
    }

    @Test(
        "after a crash between two steps the same call goes on and its opposite cleans up", arguments: Moment.allCases,
        [true, false])
    func crash(moment: Moment, restarts: Bool) async throws {
        try await TestNode.with { node in
            let device = try TestDevice(node, "d1")
            for publishesFirst in [true, false] {
                try await Self.make(moment, device)
                let mounts = restarts ? try await node.restartedAndReconciled() : node.mounts
                if publishesFirst {
                    for _ in 0..<2 { try await device.publish(by: mounts) }
                    #expect(try device.isSeen(at: device.target))
                    #expect(try mountInfo(device.target).count == 1)
                    #expect(node.ledgerFiles.count == (moment == .onlyEntryRemoved && !restarts ? 0 : 1))
                    #expect(try await mounts.isInUse(device.id))
                }
                for _ in 0..<2 { try await device.unpublish(by: mounts) }
                #expect(!exists(device.target))
                #expect(node.ledgerFiles.isEmpty)
                #expect(try await !mounts.isInUse(device.id))
                // What the first driver remembers of the path is out of date when a second one did the work.
                try await device.unpublish()
            }
        }
    }

    enum Obstacle: CaseIterable {
        case directory, emptyDirectory, content, link, danglingLink, fifo, foreignMount, foreignFile, otherDevice
        case noParent

        func make(at path: String, in node: TestNode) async throws {
            switch self {
            case .directory:
                try makeDirectory(path)
                try writeFile(path + "/precious", "x")
            case .emptyDirectory: try makeDirectory(path)
            case .content: try writeFile(path, "precious")
            case .link:
                try writeFile(node.root + "/elsewhere", "")
                try #require(symlink(node.root + "/elsewhere", path) == 0)
            case .danglingLink: try #require(symlink(node.root + "/nowhere", path) == 0)
            case .fifo: try #require(mkfifo(path, 0o600) == 0)
            case .foreignMount:
                try makeDirectory(path)
                try mountTmpfs(path)
            case .foreignFile:
                try writeFile(path, "")
                try writeFile(node.root + "/elsewhere", "")
                try #require(mount(node.root + "/elsewhere", path, nil, UInt(MS_BIND), nil) == 0)
            case .otherDevice:
                // A node of the same device which is not the volume's.
                try writeFile(path, "")
                try makeLoopNode(node.root + "/elsewhere", 0)
                try #require(mount(node.root + "/elsewhere", path, nil, UInt(MS_BIND), nil) == 0)
            case .noParent: break
            }
        }
    }

    @Test("an obstacle at the target is refused and left as it is", arguments: Obstacle.allCases)
    func obstacle(obstacle: Obstacle) async throws {
        try await TestNode.with { node in
            let device = try TestDevice(node, "d1")
            let path = node.kubelet + (obstacle == .noParent ? "/missing/target" : "/target")
            try await obstacle.make(at: path, in: node)
            let (before, mounted) = (listing(path), try mountInfo(path).count)
            let status = try? OwnedDescriptor.status(ofPath: path)
            let message = await expectFailure(.failedPrecondition) { try await device.publish(at: path) }
            #expect(message.hasPrefix("target_path "))
            #expect((try? OwnedDescriptor.status(ofPath: path)) == status)
            #expect(listing(path) == before)
            #expect(try mountInfo(path).count == mounted)
            #expect(node.ledgerFiles.isEmpty)
            #expect(!exists(node.root + "/nowhere"))
        }
    }

    @Test("an empty file that is there already becomes the target")
    func emptyFile() async throws {
        try await TestNode.with { node in
            let device = try TestDevice(node, "d1")
            try writeFile(device.target, "")
            try await device.publish()
            #expect(try device.isSeen(at: device.target))
            try await device.unpublish()
            #expect(!exists(device.target))
        }
    }

    enum Place: CaseIterable {
        case noRoot, nothing, directory, file, characterDevice, link, linkOnTheWay, wayOut, root
    }

    @Test("a plan that leads to no block device binds nothing, by no call", arguments: Place.allCases)
    func brokenPlan(place: Place) async throws {
        try await TestNode.with { node in
            let device = try TestDevice(node, "d1")
            var (root, components) = (node.pool, ["other"])
            let path = node.pool + "/other"
            var code = DriverError.Code.failedPrecondition
            switch place {
            case .noRoot: (root, code) = (node.root + "/missing", .unavailable)
            case .nothing: code = .notFound
            case .directory: try makeDirectory(path)
            case .file: try writeFile(path, "x")
            case .characterDevice: try #require(mknod(path, S_IFCHR | 0o600, 1 << 8 | 3) == 0)
            case .link: try #require(symlink("d1", path) == 0)
            case .linkOnTheWay:
                try #require(symlink(".", path) == 0)
                components = ["other", "d1"]
            case .wayOut: components = ["..", "pool", "d1"]
            case .root: components = []
            }
            let plan = MountPlan(
                source: .blockDevice(root: root, components: components), attributes: MountAttributes())
            await expectFailure(code) { try await node.mounts.stage(device.intent(.stage), plan: plan) }
            await expectFailure(code) {
                try await node.mounts.publish(device.intent(.publish), plan: plan, stagingPath: device.staging)
            }
            #expect(!exists(device.target))
            #expect(node.ledgerFiles.isEmpty)
        }
    }

    @Test("a device is not mounted as a directory, and its target is no other's")
    func otherUse() async throws {
        try await TestNode.with { node in
            let device = try TestDevice(node, "d1")
            var intent = device.intent(.publish)
            intent.isBlock = false
            await expectFailure(.invalidArgument) {
                try await node.mounts.publish(intent, plan: device.plan, stagingPath: device.staging)
            }
            try await device.publish()
            let second = try TestDevice(node, "d2")
            await expectFailure(.failedPrecondition) { try await second.publish(at: device.target) }
            await expectFailure(.failedPrecondition) { try await second.unpublish(at: device.target) }
            #expect(try device.isSeen(at: device.target))
        }
    }

    @Test("the same volume from another place is ALREADY_EXISTS where it is mounted, as a device and as a directory")
    func otherSource() async throws {
        try await TestNode.with { node in
            let (device, other) = (try TestDevice(node, "d1"), try TestDevice(node, "d2"))
            try await device.publish()
            await expectFailure(.alreadyExists) {
                try await node.mounts.publish(device.intent(.publish), plan: other.plan, stagingPath: device.staging)
            }
            #expect(try device.isSeen(at: device.target))
            let (volume, elsewhere) = (try node.makeVolume("v1"), try node.makeVolume("v2"))
            try await volume.stage()
            await expectFailure(.alreadyExists) {
                try await node.mounts.stage(volume.intent(.stage), plan: elsewhere.plan)
            }
            await expectFailure(.failedPrecondition) {
                try await node.mounts.publish(
                    volume.intent(.publish), plan: elsewhere.plan, stagingPath: volume.staging)
            }
            #expect(volume.isSeen(at: volume.staging) && !exists(volume.target))
        }
    }

    @Test("a publication that fails leaves no entry, no file that it made, and the file that was there")
    func failed() async throws {
        try await TestNode.with { node in
            let device = try TestDevice(node, "d1")
            for wasThere in [false, true] {
                if wasThere { try writeFile(device.target, "") }
                // The target is ours, but by this path it is seen in a namespace in which nothing may be attached.
                try await node.withNamespaceOfItsOwn { process in
                    await expectFailure(.internalError) {
                        try await device.publish(at: "/proc/\(process)/root\(device.target)")
                    }
                }
                #expect(exists(device.target) == wasThere)
                #expect(node.ledgerFiles.isEmpty)
            }
            try makeDirectory(node.kubelet + "/pod")
            try mountTmpfs(node.kubelet + "/pod", Int(MS_RDONLY))
            await expectFailure(.internalError) { try await device.publish(at: node.kubelet + "/pod/target") }
            #expect(node.ledgerFiles.isEmpty)
        }
    }

    @Test("content in the file under the device is somebody's and is moved aside")
    func stray() async throws {
        try await TestNode.with { node in
            let device = try TestDevice(node, "d1")
            try await device.publish()
            try #require(umount2(device.target, 0) == 0)
            try writeFile(device.target, "precious")
            try await device.unpublish()
            #expect(!exists(device.target))
            guard case .strayMoved(device.target, let place)? = node.events.all.first else {
                Issue.record("\(node.events.all)")
                return
            }
            #expect(readFile(place) == "precious")
        }
    }

    @Test("the usage of a device is its size", arguments: [true, false])
    func usage(hasEntry: Bool) async throws {
        try await TestNode.with { node in
            let device = try TestDevice(node, "d1")
            try await device.publish()
            let size = [VolumeUsage(unit: .bytes, available: 0, total: Int64(TestDevice.size), used: 0)]
            #expect(try await node.mounts.statistics(ofTracked: device.id, at: device.target)?.usage == size)
            if !hasEntry { try node.forget(device.target) }
            let mounts = try await node.restartedAndReconciled()
            #expect(
                try await mounts.statistics(ofTracked: device.id, at: device.target)?.usage == (hasEntry ? size : nil))
            #expect(try await mounts.statistics(of: device.plan, volume: device.id, at: device.target).usage == size)
            await expectFailure(.notFound) {
                _ = try await mounts.statistics(of: device.plan, volume: device.id, at: "\(node.pool)/d1")
            }
        }
    }

    @Test("only a block device has the size of one")
    func sizeOfOthers() async throws {
        try await TestNode.with { node in
            for path in [node.root, "/dev/null"] {
                #expect(throws: Errno.inappropriateIOCTLForDevice) {
                    try OwnedDescriptor.open(path, .readOnly).blockDeviceSize()
                }
            }
        }
    }
}
