import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

@Suite("Life of a volume on a node", .privateMountNamespace, .timeLimit(.minutes(1)))
struct LifeTests {
    @Test(
        "a volume is staged, published, used, unpublished and unstaged, and nothing is left",
        arguments: TestNode.Parent.allCases)
    func wholeLife(parent: TestNode.Parent) async throws {
        try await TestNode.with(parent: parent) { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            #expect(volume.isSeen(at: volume.staging))
            #expect(try await volume.tracked() == [.stage: .mounted])

            try await volume.publish()
            #expect(volume.isSeen(at: volume.target))
            #expect(try await volume.tracked() == [.stage: .mounted, .publish: .mounted])
            #expect(try await node.mounts.isInUse(volume.id))
            try writeFile(volume.target + "/written", "by the workload")
            #expect(readFile(volume.directory + "/written") == "by the workload")

            try await volume.unpublish()
            #expect(!exists(volume.target))
            #expect(try await volume.tracked() == [.stage: .mounted])
            try await volume.unstage()
            #expect(!isMountPoint(volume.staging))
            #expect(listing(volume.staging).isEmpty)
            #expect(exists(volume.staging))
            #expect(try await volume.tracked().isEmpty)
            #expect(try await !node.mounts.isInUse(volume.id))
            #expect(listing(volume.directory) == ["name", "written"])
            #expect(node.ledgerFiles.isEmpty)
            #expect(node.events.all.isEmpty)
        }
    }

    @Test("every call may be repeated and changes nothing the second time")
    func repeats() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            for _ in 0..<2 { try await volume.stage() }
            for _ in 0..<2 { try await volume.publish() }
            #expect(try mountInfo(volume.staging).count == 1)
            #expect(try mountInfo(volume.target).count == 1)
            #expect(node.ledgerFiles.count == 2)
            for _ in 0..<2 { try await volume.unpublish() }
            for _ in 0..<2 { try await volume.unstage() }
            #expect(node.ledgerFiles.isEmpty)
            #expect(node.events.all.isEmpty)
        }
    }

    @Test("the tracked mounts are what was asked for, in the order of their paths, each with what is there now")
    func tracked() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            _ = try await node.makeVolume("v2").stage()
            try await volume.stage(["noexec"])
            let second = volume.target + "-2"
            try await volume.publish(at: second, ["ro"])
            try await volume.publish()
            try #require(umount2(volume.target, 0) == 0)
            try #require(umount2(second, 0) == 0)
            try mountTmpfs(second)
            #expect(
                try await node.mounts.mounts(of: volume.id) == [
                    TrackedMount(intent: try volume.intent(.stage, nil, ["noexec"]), presence: .mounted),
                    TrackedMount(intent: try volume.intent(.publish), presence: .absent),
                    TrackedMount(intent: try volume.intent(.publish, second, ["ro"]), presence: .foreign),
                ])
        }
    }

    @Test("a volume is in use while it is mounted, or may be hidden below a foreign mount")
    func inUse() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            #expect(try await !node.mounts.isInUse(volume.id))
            try await volume.stage()
            #expect(try await node.mounts.isInUse(volume.id))
            try mountTmpfs(volume.staging)
            #expect(try await node.mounts.isInUse(volume.id))
            for _ in 0..<2 { try #require(umount2(volume.staging, 0) == 0) }
            #expect(try await !node.mounts.isInUse(volume.id))
        }
    }

    @Test("a mount joins no peer group of the pool or of its parent, and carries no mount below the volume")
    func peerGroups() async throws {
        try await TestNode.with(parent: .shared) { node in
            let volume = try node.makeVolume("v1")
            try makeDirectory(volume.directory + "/sub")
            try mountTmpfs(volume.directory + "/sub")
            try await volume.stage()
            try await volume.publish()
            let groups = try [node.root, volume.staging, volume.target].map { path in
                try #require(mountInfo(path).first?.first { $0.hasPrefix("shared:") })
            }
            #expect(Set(groups).count == 3)
            #expect(try mountInfo(volume.target + "/sub").isEmpty)

            // What is mounted in the volume stays there.
            try makeDirectory(volume.directory + "/late")
            try mountTmpfs(volume.directory + "/late")
            #expect(!isMountPoint(volume.target + "/late"))
        }
    }

    @Test("what is open in a published volume stays usable when it is unpublished")
    func busy() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish()
            let file = try OwnedDescriptor.open(volume.target + "/name", .readOnly)
            try await volume.unpublish()
            try await volume.unstage()
            #expect(!exists(volume.target))
            #expect(try file.readAll(limit: 100) == Array("v1".utf8))
        }
    }

    @Test("the whole pool can be one volume")
    func poolItself() async throws {
        try await TestNode.with { node in
            let volume = TestVolume(node: node, id: VolumeID("all"))
            let plan = MountPlan(
                source: .directory(root: node.pool, components: []), attributes: MountAttributes())
            try writeFile(node.pool + "/name", "all")
            mkdir(volume.staging, 0o750)
            try await node.mounts.stage(volume.intent(.stage), plan: plan)
            #expect(volume.isSeen(at: volume.staging))
            try await volume.unstage()
        }
    }

    @Test("before the ledger was read no call is answered")
    func notReconciled() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            let fresh = try node.restarted()
            await expectFailure(.unavailable) { _ = try await fresh.isInUse(volume.id) }
            await expectFailure(.unavailable) { try await volume.stage(by: fresh) }
            await expectFailure(.unavailable) { try await volume.unpublish(by: fresh) }
            #expect(!isMountPoint(volume.staging))
            _ = try await fresh.reconcile()
            try await volume.stage(by: fresh)
        }
    }
}
