import Glibc
import LinuxSystem
import NetworkShares
import StorageModel
import Synchronization
import SystemPackage
import Testing

/// With a tmpfs in the place of a share: what is asked of the kernel is the same.
@Suite("Roots of shares", .privateMountNamespace, .serialized, .timeLimit(.minutes(1)))
struct NetworkSharesTests {
    static let share = NetworkShare(
        name: "nas:/share", host: "127.0.0.1",
        attempts: [NetworkShare.Attempt(type: "tmpfs", options: [.value("size", "1m")])])

    private func shares(_ node: TestNode, program: String? = nil) throws -> NetworkShares {
        NetworkShares(
            stateDirectory: node.state, mounter: FileSystemMounter(program: try program ?? mounterProgram()),
            timeout: .seconds(20), report: { _ in })
    }

    private func make(_ directory: String, on shares: NetworkShares) async throws {
        try await shares.withRoot(of: Self.share, "make \(directory)") { root throws(DriverError) in
            do throws(Errno) {
                try root.open().makeDirectory(directory, permissions: 0o755)
            } catch {
                throw .share("make \(directory)", error)
            }
        }
    }

    @Test("a root is made once, and what is in it is mounted from it")
    func tree() async throws {
        try await TestNode.with { node in
            let shares = try shares(node)
            try await make("a", on: shares)
            let tree = try await shares.tree(of: Self.share, ["a"], for: VolumeID("v"))
            let target = node.root + "/target"
            try makeDirectory(target)
            try tree.attachMount(at: try .open(target, [.pathOnly, .directory]))
            try writeFile(target + "/file", "text")
            // The same root, not another tmpfs.
            let again = try await shares.tree(of: Self.share, ["a"], for: VolumeID("v"))
            #expect(try again.open(beneath: "file", .readOnly).readAll(limit: 9) == Array("text".utf8))
            umount2(target, Int32(MNT_DETACH))
            shares.stop()
        }
    }

    @Test("a root is used on when what failed in it is not the root's")
    func goodRoot() async throws {
        try await TestNode.with { node in
            let shares = try shares(node)
            try await make("a", on: shares)
            let runs = Mutex(0)
            await expectFailure(.unavailable) {
                try await shares.withRoot(of: Self.share, "look") { _ throws(DriverError) in
                    runs.withLock { $0 += 1 }
                    throw DriverError(.unavailable, "not now")
                }
            }
            #expect(runs.withLock { $0 } == 1)
            // In another tmpfs it would be missing.
            _ = try await shares.tree(of: Self.share, ["a"], for: VolumeID("v"))
            shares.stop()
        }
    }

    @Test("what is not there is NOT_FOUND, and no link is followed")
    func missing() async throws {
        try await TestNode.with { node in
            let shares = try shares(node)
            try await make("a", on: shares)
            let root = try await shares.tree(of: Self.share, [], for: VolumeID("v"))
            #expect(symlinkat("a", root.rawValue, "link") == 0)
            for (components, code) in [(["b"], .notFound), (["link"], .failedPrecondition)]
                as [([String], DriverError.Code)]
            {
                await expectFailure(code) {
                    _ = try await shares.tree(of: Self.share, components, for: VolumeID("v"))
                }
            }
            shares.stop()
        }
    }

    @Test("a program that cannot be started, an unknown type and a refused option are told apart")
    func refusals() async throws {
        try await TestNode.with { node in
            let message = await expectFailure(.internalError) {
                _ = try await self.shares(node, program: "/nowhere/moorage-mount").tree(
                    of: Self.share, [], for: VolumeID("v"))
            }
            #expect(message.contains("/nowhere/moorage-mount"))
            var unknown = Self.share
            unknown.attempts = [NetworkShare.Attempt(type: "nosuchtype", options: [])]
            await expectFailure(.failedPrecondition) {
                _ = try await self.shares(node).tree(of: unknown, [], for: VolumeID("v"))
            }
            var refused = Self.share
            refused.attempts = [NetworkShare.Attempt(type: "tmpfs", options: [.value("size", "gehe1m")])]
            let told = await expectFailure(.invalidArgument) {
                _ = try await self.shares(node).tree(of: refused, [], for: VolumeID("v"))
            }
            #expect(!told.contains("gehe1m"))
        }
    }
}
