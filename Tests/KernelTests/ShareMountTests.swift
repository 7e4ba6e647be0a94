import Glibc
import LinuxSystem
import MountTracking
import NetworkShares
import StorageModel
import SystemPackage
import Testing

/// A directory on a share, with the paths that an orchestrator would choose for it. The share is a tmpfs: what the
/// kernel tells of mounts is the same.
struct ShareVolume: Sendable {
    static let share = NetworkShare(
        name: "nas:/share", host: "127.0.0.1",
        attempts: [
            NetworkShare.Attempt(
                type: "tmpfs", options: [.value("source", "nas:/share"), .value("size", "1m"), .value("mode", "0755")])
        ])

    let node: TestNode
    let id: VolumeID
    var permissions: UInt32?
    var components: [String] { [id.rawValue] }

    /// With a file `name` in it.
    static func make(_ name: String, on node: TestNode, permissions: UInt32? = nil) async throws -> ShareVolume {
        try await node.shares.withRoot(of: share, "make \(name)") { root throws(DriverError) in
            do throws(Errno) {
                let directory = try root.open()
                try directory.ensureDirectory(name, permissions: 0o755)
                try directory.open(beneath: "\(name)/name", [.writeOnly, .create, .truncate], mode: 0o644)
                    .write(Array(name.utf8))
            } catch {
                throw .share("make \(name)", error)
            }
        }
        return ShareVolume(node: node, id: VolumeID(name), permissions: permissions)
    }

    var staging: String { "\(node.kubelet)/\(id)-staging" }
    var target: String { "\(node.kubelet)/\(id)-target" }
    var plan: MountPlan {
        MountPlan(
            source: .share(Self.share, components: components), attributes: MountAttributes(), permissions: permissions)
    }

    func intent(_ role: MountRole, _ path: String? = nil, _ flags: [String] = []) throws -> MountIntent {
        MountIntent(
            volume: id, role: role, path: path ?? (role == .stage ? staging : target),
            accessMode: .multiNodeMultiWriter, isBlock: false, attributes: try MountAttributes(flags: flags))
    }

    func stage(_ flags: [String] = [], at path: String? = nil, by mounts: NodeMounts? = nil) async throws {
        mkdir(path ?? staging, 0o750)
        try await (mounts ?? node.mounts).stage(intent(.stage, path, flags), plan: plan)
    }

    func publish(_ flags: [String] = [], at path: String? = nil, by mounts: NodeMounts? = nil) async throws {
        try await (mounts ?? node.mounts).publish(intent(.publish, path, flags), plan: plan, stagingPath: staging)
    }

    func unpublish(by mounts: NodeMounts? = nil) async throws {
        try await (mounts ?? node.mounts).unpublish(id, path: target)
    }

    func unstage(by mounts: NodeMounts? = nil) async throws {
        try await (mounts ?? node.mounts).unstage(id, path: staging)
    }

    func isSeen(at path: String) -> Bool {
        isMountPoint(path) && readFile(path + "/name") == id.rawValue
    }

    /// The volume's mount at a path, as another driver makes it: with the whole place as its source.
    func mountByAnother(at path: String, _ flags: Int = Int(MS_RELATIME), source: String? = nil) throws {
        mkdir(path, 0o750)
        let source = source ?? "nas:/share/\(id)"
        try #require(mount(source, path, "tmpfs", UInt(flags), "size=1m") == 0, "errno \(errno)")
        if flags & Int(MS_RDONLY) == 0 { try writeFile(path + "/name", id.rawValue) }
    }
}

@Suite("Mounts of shares", .privateMountNamespace, .serialized, .timeLimit(.minutes(1)))
struct ShareMountTests {
    private func with(_ body: (TestNode) async throws -> Void) async throws {
        try await TestNode.with(hasShares: true) { node in try await body(node) }
    }

    // MARK: Without the ledger

    @Test("a driver whose ledger is lost takes over what it mounted")
    func lostLedger() async throws {
        try await with { node in
            let volume = try await ShareVolume.make("v1", on: node)
            try await volume.stage(["noexec"])
            try await volume.publish(["noexec", "ro"])
            let ids = try [volume.staging, volume.target].map { try mountInfo($0)[0][0] }
            try node.forget(volume.staging, volume.target)
            let mounts = try await node.restartedAndReconciled()
            try await volume.stage(["noexec"], by: mounts)
            try await volume.publish(["noexec", "ro"], by: mounts)
            #expect(try [volume.staging, volume.target].map { try mountInfo($0)[0][0] } == ids, "mounted anew")
            #expect(
                node.events.all == [volume.staging, volume.target].map { .mountAdopted(volume: volume.id, path: $0) })
            // As good as if it had never been lost.
            try await volume.stage(["noexec"], by: mounts)
            #expect(node.events.all.count == 2)
            #expect(node.ledgerFiles.count == 2)
            try await volume.unpublish(by: mounts)
            try await volume.unstage(by: mounts)
            #expect(try mountInfo(volume.staging).isEmpty && mountInfo(volume.target).isEmpty)
            #expect(node.ledgerFiles.isEmpty)
        }
    }

    @Test("what another driver mounted at a target is taken over")
    func anotherDriver() async throws {
        try await with { node in
            let volume = try await ShareVolume.make("v1", on: node)
            try await volume.stage()
            try volume.mountByAnother(at: volume.target)
            try await volume.publish()
            #expect(try mountInfo(volume.target).count == 1)
            #expect(node.events.all == [.mountAdopted(volume: volume.id, path: volume.target)])
            try await volume.unpublish()
            #expect(!exists(volume.target))
        }
    }

    @Test("another directory, server or share is foreign, and is not touched")
    func foreign() async throws {
        try await with { node in
            let volume = try await ShareVolume.make("v1", on: node)
            let other = try await ShareVolume.make("v2", on: node)
            try await volume.stage()
            for source in ["nas:/share/v2", "nas:/share", "nas2:/share/v1", "tmpfs"] {
                try volume.mountByAnother(at: volume.target, source: source)
                let message = await expectFailure(.failedPrecondition) { try await volume.publish() }
                #expect(message.contains("foreign"), "\(message)")
                #expect(try mountInfo(volume.target).count == 1)
                umount2(volume.target, Int32(MNT_DETACH))
            }
            // Of the same share, and even the driver's own.
            try await other.stage()
            try node.forget(other.staging)
            let mounts = try await node.restartedAndReconciled()
            await expectFailure(.failedPrecondition) {
                try await mounts.stage(volume.intent(.stage, other.staging), plan: volume.plan)
            }
            #expect(other.isSeen(at: other.staging))
        }
    }

    @Test("other attributes are ALREADY_EXISTS", arguments: [MS_RDONLY, MS_NOEXEC, MS_NOATIME])
    func attributes(flag: Int) async throws {
        try await with { node in
            let volume = try await ShareVolume.make("v1", on: node)
            try await volume.stage()
            try volume.mountByAnother(at: volume.target, flag == MS_NOATIME ? flag : flag | Int(MS_RELATIME))
            await expectFailure(.alreadyExists) { try await volume.publish() }
            #expect(node.ledgerFiles.count == 1)
            #expect(try mountInfo(volume.target).count == 1)
        }
    }

    @Test("unpublish and unstage take away what the ledger does not know, all layers of it")
    func unmount() async throws {
        try await with { node in
            let volume = try await ShareVolume.make("v1", on: node)
            try await volume.stage()
            try await volume.publish()
            try volume.mountByAnother(at: volume.target)
            try node.forget(volume.staging, volume.target)
            let mounts = try await node.restartedAndReconciled()
            for _ in 0..<2 { try await volume.unpublish(by: mounts) }
            for _ in 0..<2 { try await volume.unstage(by: mounts) }
            #expect(!exists(volume.target))
            #expect(exists(volume.staging) && !isMountPoint(volume.staging))
            #expect(
                node.events.all == [
                    .unknownMountsRemoved(path: volume.target, count: 2),
                    .unknownMountsRemoved(path: volume.staging, count: 1),
                ])
        }
    }

    @Test("a volume is measured without the ledger, and only where it is")
    func statistics() async throws {
        try await with { node in
            let volume = try await ShareVolume.make("v1", on: node)
            try await volume.stage()
            try node.forget(volume.staging)
            let mounts = try await node.restartedAndReconciled()
            #expect(try await mounts.statistics(ofTracked: volume.id, at: volume.staging) == nil)
            let found = try await mounts.statistics(of: volume.plan, volume: volume.id, at: volume.staging)
            #expect(found.usage.count == 2)
            #expect(node.ledgerFiles.isEmpty)
            let other = try await ShareVolume.make("v2", on: node)
            await expectFailure(.notFound) {
                _ = try await mounts.statistics(of: other.plan, volume: other.id, at: volume.staging)
            }
        }
    }

    // MARK: Permissions

    private func permissions(_ volume: ShareVolume) throws -> UInt32 {
        try OwnedDescriptor.status(ofPath: volume.staging).permissions
    }

    @Test("the directory gets the permissions that are asked for when it is staged for writing, and then alone")
    func permissions() async throws {
        try await with { node in
            let volume = try await ShareVolume.make("v1", on: node, permissions: 0o2770)
            try await volume.stage()
            #expect(try permissions(volume) == 0o2770)
            #expect(chmod(volume.staging, 0o700) == 0)
            try await volume.stage()
            try await volume.publish()
            #expect(try permissions(volume) == 0o700, "what is staged is left as it is")
            try await volume.unpublish()
            try await volume.unstage()
            try await volume.stage(["ro"])
            #expect(try permissions(volume) == 0o700, "staged read-only")
            try await volume.publish(["ro"])
            try await volume.unpublish()
            try await volume.unstage()
            try await volume.stage()
            #expect(try permissions(volume) == 0o2770)
        }
    }

    @Test("a directory that has the permissions is not changed at all")
    func samePermissions() async throws {
        try await with { node in
            let volume = try await ShareVolume.make("v1", on: node, permissions: 0o755)
            try await volume.stage()
            func changed() throws -> [Int] {
                var status = stat()
                try #require(stat(volume.staging, &status) == 0)
                return [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
            }
            let before = try changed()
            try await volume.unstage()
            usleep(20_000)
            try await volume.stage()
            #expect(try changed() == before)
        }
    }

    @Test("a link in the place of the directory is not followed")
    func link() async throws {
        try await with { node in
            let volume = try await ShareVolume.make("v1", on: node)
            try await volume.stage()
            let whole = "\(node.root)/whole"
            try makeDirectory(whole)
            try await node.shares.tree(of: ShareVolume.share, [], for: volume.id)
                .attachMount(at: try .open(whole, [.pathOnly, .directory]))
            try #require(symlink("v1", whole + "/link") == 0)
            let linked = ShareVolume(node: node, id: VolumeID("link"), permissions: 0o777)
            await expectFailure(.failedPrecondition) { try await linked.stage() }
            #expect(try OwnedDescriptor.status(ofPath: whole + "/v1").permissions == 0o755)
        }
    }
}
