import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

@Suite("Unpublish and unstage", .privateMountNamespace, .timeLimit(.minutes(1)))
struct UnmountTests {
    @Test("links on the way to a path are followed, and what was done there is undone there")
    func linkedParent() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try makeDirectory(node.root + "/disk")
            try #require(symlink(node.root + "/disk", node.kubelet + "/pods") == 0)
            let (staging, target) = (node.kubelet + "/pods/staging", node.kubelet + "/pods/target")
            try await volume.stage(at: staging)
            try await volume.publish(at: target, from: staging)
            #expect(volume.isSeen(at: node.root + "/disk/target"))
            try await volume.unpublish(at: target)
            try await volume.unstage(at: staging)
            #expect(listing(node.root + "/disk") == ["staging"])
            #expect(node.ledgerFiles.isEmpty)
        }
    }

    @Test(
        "below an orchestrator's directory everything that is stacked on the path goes",
        arguments: [MountRole.stage, .publish])
    func stacked(role: MountRole) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish()
            let path = role == .stage ? volume.staging : volume.target
            for _ in 0..<3 { try mountTmpfs(path) }
            if role == .stage { try await volume.unstage() } else { try await volume.unpublish() }
            #expect(try mountInfo(path).isEmpty)
            #expect(exists(path) == (role == .stage))
            #expect(node.events.all == [.unknownMountsRemoved(path: path, count: 3)])
            #expect(try await volume.tracked()[role] == nil)
        }
    }

    @Test("the number of layers has a bound, and what was done stays done")
    func bound() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish()
            for _ in 0..<70 { try mountTmpfs(volume.target) }
            await expectFailure(.internalError) { try await volume.unpublish() }
            #expect(try mountInfo(volume.target).count == 7)
            try await volume.unpublish()
            #expect(!exists(volume.target))
            #expect(
                node.events.all == [64, 6].map { .unknownMountsRemoved(path: volume.target, count: $0) })
        }
    }

    @Test("a mount of which the ledger knows nothing goes below an orchestrator's directory, and stays elsewhere")
    func unknownMount() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            let (inside, outside) = (node.kubelet + "/x", node.root + "/x")
            for path in [inside, outside] {
                try makeDirectory(path)
                try mountTmpfs(path)
            }
            try await volume.unpublish(at: inside)
            #expect(!exists(inside))
            #expect(node.events.all == [.unknownMountsRemoved(path: inside, count: 1)])

            let message = await expectFailure(.failedPrecondition) { try await volume.unpublish(at: outside) }
            #expect(message.contains("--target-prefix"))
            await expectFailure(.failedPrecondition) { try await volume.unstage(at: outside) }
            #expect(isMountPoint(outside))
        }
    }

    @Test("a directory whose name only begins like an orchestrator's is elsewhere")
    func similarName() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            let path = node.root + "/kubelet-not/x"
            try makeDirectory(node.root + "/kubelet-not")
            try makeDirectory(path)
            try mountTmpfs(path)
            await expectFailure(.failedPrecondition) { try await volume.unpublish(at: path) }
            #expect(isMountPoint(path))
            // Nor is the directory below itself.
            try mountTmpfs(node.kubelet)
            await expectFailure(.failedPrecondition) { try await volume.unpublish(at: node.kubelet) }
            #expect(isMountPoint(node.kubelet))
        }
    }

    @Test("elsewhere the ledger's own mount goes, and a foreign one on top of it stays")
    func foreignOutside() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            let path = node.root + "/x"
            try await volume.stage()
            try await volume.publish(at: path)
            try mountTmpfs(path)
            await expectFailure(.failedPrecondition) { try await volume.unpublish(at: path) }
            #expect(try mountInfo(path).count == 2)
            try #require(umount2(path, 0) == 0)
            try await volume.unpublish(at: path)
            #expect(!exists(path))
        }
    }

    @Test("the path of another volume is refused and named, and so is a path of the other role")
    func othersPath() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            let other = try node.makeVolume("v2")
            try await volume.stage()
            try await volume.publish()
            for call in [
                { try await other.unpublish(at: volume.target) }, { try await other.unstage(at: volume.staging) },
            ] {
                #expect(await expectFailure(.failedPrecondition, call).contains("volume v1"))
            }
            await expectFailure(.failedPrecondition) { try await volume.unstage(at: volume.target) }
            await expectFailure(.failedPrecondition) { try await volume.unpublish(at: volume.staging) }
            #expect(volume.isSeen(at: volume.staging) && volume.isSeen(at: volume.target))
            #expect(node.ledgerFiles.count == 2)
        }
    }

    @Test(
        "nothing there is a success, wherever it is",
        arguments: ["/x", "/kubelet/x", "/missing/x", "/kubelet/missing/x"])
    func nothing(path: String) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.unpublish(at: node.root + path)
            try await volume.unstage(at: node.root + path)
            #expect(node.events.all.isEmpty)
        }
    }

    @Test("the parent of a published target is gone: the entry goes as well")
    func parentGone() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try makeDirectory(node.kubelet + "/pod")
            let path = node.kubelet + "/pod/target"
            try await volume.publish(at: path)
            try #require(umount2(path, 0) == 0)
            rmdir(path)
            rmdir(node.kubelet + "/pod")
            try await volume.unpublish(at: path)
            #expect(try await volume.tracked() == [.stage: .mounted])
        }
    }

    @Test("unstage leaves whatever is in the directory")
    func unstageLeaves() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try makeDirectory(volume.staging)
            try writeFile(volume.staging + "/precious", "x")
            try await volume.unstage()
            #expect(listing(volume.staging) == ["precious"])
            try #require(symlink(node.pool, node.kubelet + "/link") == 0)
            try await volume.unstage(at: node.kubelet + "/link")
            #expect(exists(node.kubelet + "/link"))
        }
    }
}
