import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

/// What stage and publish refuse: nothing is mounted, made, hidden or written down.
@Suite("Places where nothing is mounted", .privateMountNamespace, .timeLimit(.minutes(1)))
struct RefusalTests {
    enum Obstacle: CaseIterable {
        case foreignMount, otherVolume, files, file, emptyFile, link, danglingLink, noParent, fileAsParent

        func make(at path: String, in node: TestNode) async throws {
            switch self {
            case .foreignMount:
                try makeDirectory(path)
                try mountTmpfs(path)
            case .otherVolume:
                try await node.makeVolume("other").stage(at: path)
            case .files:
                try makeDirectory(path)
                try writeFile(path + "/precious", "x")
            case .file: try writeFile(path, "precious")
            case .emptyFile: try writeFile(path, "")
            case .link:
                try makeDirectory(node.root + "/elsewhere")
                try #require(symlink(node.root + "/elsewhere", path) == 0)
            case .danglingLink: try #require(symlink(node.root + "/nowhere", path) == 0)
            case .noParent, .fileAsParent: break
            }
        }
    }

    @Test(
        "an obstacle at the path is refused and left as it is", arguments: [MountRole.stage, .publish],
        Obstacle.allCases)
    func obstacle(role: MountRole, obstacle: Obstacle) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            var path = node.kubelet + "/obstacle"
            if obstacle == .noParent { path = node.kubelet + "/missing/target" }
            if obstacle == .fileAsParent {
                try writeFile(node.kubelet + "/file", "precious")
                path = node.kubelet + "/file/target"
            }
            try await volume.stage()
            try await obstacle.make(at: path, in: node)
            let (before, entries) = (listing(path), node.ledgerFiles)
            let status = try? OwnedDescriptor.status(ofPath: path)
            if role == .stage { try await volume.unstage() }
            let message = await expectFailure(.failedPrecondition) {
                let intent = try volume.intent(role, path)
                switch role {
                case .stage: try await node.mounts.stage(intent, plan: volume.plan)
                case .publish: try await node.mounts.publish(intent, plan: volume.plan, stagingPath: volume.staging)
                }
            }
            #expect(message.hasPrefix(role == .stage ? "staging_target_path " : "target_path "))
            #expect((try? OwnedDescriptor.status(ofPath: path)) == status)
            #expect(listing(path) == before)
            #expect(node.ledgerFiles.count == entries.count - (role == .stage ? 1 : 0))
            #expect(try mountInfo(path).count == (status?.isMountRoot == true ? 1 : 0))
            #expect(!exists(node.root + "/nowhere"))
            if obstacle == .otherVolume { #expect(message.contains("volume other")) }
        }
    }

    @Test("an orchestrator makes the staging directory; the target may be missing or an empty directory")
    func missing() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            await expectFailure(.failedPrecondition) {
                try await node.mounts.stage(volume.intent(.stage), plan: volume.plan)
            }
            #expect(!exists(volume.staging))
            try await volume.stage()
            try await volume.publish()
            try makeDirectory(volume.target + "-2")
            try await volume.publish(at: volume.target + "-2")
            #expect(volume.isSeen(at: volume.target) && volume.isSeen(at: volume.target + "-2"))
        }
    }

    enum Staging: CaseIterable { case missing, empty, foreignMount, otherVolume, link }

    @Test("a volume that is not staged at the given path is not published", arguments: Staging.allCases)
    func notStaged(staging: Staging) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            let path = node.kubelet + "/given"
            switch staging {
            case .missing: break
            case .empty: try makeDirectory(path)
            case .foreignMount:
                try makeDirectory(path)
                try mountTmpfs(path)
            case .otherVolume: try await node.makeVolume("other").stage(at: path)
            case .link:
                try await volume.stage()
                try #require(symlink(volume.staging, path) == 0)
            }
            let entries = node.ledgerFiles
            let message = await expectFailure(.failedPrecondition) { try await volume.publish(from: path) }
            #expect(message.contains("stage volume v1 there first"))
            #expect(!exists(volume.target))
            #expect(node.ledgerFiles == entries)
        }
    }

    @Test("a publication that is already as asked needs no staging")
    func publishedAlready() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish()
            try await volume.unstage()
            try await volume.publish()
        }
    }

    @Test("the target is never the staging path, whether the ledger knows of it or not")
    func targetIsStaging() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            await expectFailure(.invalidArgument) { try await volume.publish(at: volume.staging) }
            await expectFailure(.failedPrecondition) {
                try await volume.publish(at: volume.staging, from: node.kubelet + "/other")
            }
        }
    }

    enum Pool: CaseIterable { case noRoot, noDirectory, link, file, wayOut }

    @Test("a plan that leads nowhere, or elsewhere, mounts nothing", arguments: Pool.allCases)
    func brokenPlan(pool: Pool) async throws {
        try await TestNode.with { node in
            let volume = TestVolume(node: node, id: VolumeID("v1"))
            var (root, components) = (node.pool, ["v1"])
            var code = DriverError.Code.failedPrecondition
            switch pool {
            case .noRoot: (root, code) = (node.root + "/missing", .unavailable)
            case .noDirectory: code = .notFound
            case .link: try #require(symlink(node.kubelet, node.pool + "/v1") == 0)
            case .file: try writeFile(node.pool + "/v1", "x")
            case .wayOut: components = ["..", "kubelet"]
            }
            try makeDirectory(volume.staging)
            let plan = MountPlan(source: .directory(root: root, components: components), attributes: MountAttributes())
            await expectFailure(code) { try await node.mounts.stage(volume.intent(.stage), plan: plan) }
            #expect(!isMountPoint(volume.staging))
            #expect(node.ledgerFiles.isEmpty)
        }
    }

    @Test("a path that is not normalised is refused by every call, with the name of its field")
    func badPaths() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            for path in ["", "relative", "/", node.kubelet + "/../kubelet/x", node.kubelet + "/x/"] {
                for (field, call) in [
                    (
                        "staging_target_path",
                        { try await node.mounts.stage(volume.intent(.stage, path), plan: volume.plan) }
                    ),
                    ("staging_target_path", { try await volume.publish(from: path) }),
                    ("staging_target_path", { try await volume.unstage(at: path) }),
                    ("target_path", { try await volume.publish(at: path) }),
                    ("target_path", { try await volume.unpublish(at: path) }),
                    (
                        "volume_path",
                        { _ = try await node.mounts.statistics(of: volume.plan, volume: volume.id, at: path) }
                    ),
                ] as [(String, () async throws -> Void)] {
                    let message = await expectFailure(.invalidArgument, call)
                    #expect(message.hasPrefix(field + ": "))
                }
            }
            let long = node.kubelet + "/" + String(repeating: "n", count: 256)
            await expectFailure(.invalidArgument) { try await volume.publish(at: long) }
            #expect(node.ledgerFiles.count == 1)
        }
    }

    @Test("a volume that is a directory is not used as a block device")
    func block() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try makeDirectory(volume.staging)
            var intent = try volume.intent(.stage)
            intent.isBlock = true
            await expectFailure(.invalidArgument) { try await node.mounts.stage(intent, plan: volume.plan) }
        }
    }
}
