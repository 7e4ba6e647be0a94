import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

@Suite("All mounts of a node, for people", .privateMountNamespace, .timeLimit(.minutes(1)))
struct ListingTests {
    @Test("each entry is listed once, in the order of the paths, with what the kernel says", arguments: 1...5)
    func pages(size: Int) async throws {
        try await TestNode.with { node in
            let (first, second) = (try node.makeVolume("v1"), try node.makeVolume("v2"))
            for volume in [second, first] {
                try await volume.stage()
                try await volume.publish()
            }
            try #require(umount2(first.target, 0) == 0)
            try mountTmpfs(second.target)

            func list(_ volume: VolumeID? = nil) async throws -> [ListedMount] {
                var all: [ListedMount] = []
                while true {
                    let page = try await node.mounts.listing(
                        after: all.last?.intent.path, of: volume, limit: size)
                    if page.isEmpty { return all }
                    #expect(page.count <= size)
                    all += page
                }
            }
            let all = try await list()
            #expect(all.map(\.intent.path) == [first.staging, first.target, second.staging, second.target])
            #expect(all.map(\.presence) == [.mounted, .absent, .mounted, .foreign])
            #expect(
                try all.map(\.intent) == [
                    first.intent(.stage), first.intent(.publish), second.intent(.stage), second.intent(.publish),
                ])
            #expect(try await list(second.id) == Array(all.suffix(2)))
            #expect(try await list(VolumeID("v3")).isEmpty)
            #expect(try await node.mounts.counts(of: [second.id, VolumeID("v3"), first.id]) == [2, 0, 2])
            umount2(second.target, 0)
        }
    }

    @Test("before ledger and kernel were compared nothing is listed: UNAVAILABLE")
    func notReconciled() async throws {
        try await TestNode.with { node in
            let mounts = try node.restarted()
            await expectFailure(.unavailable) { _ = try await mounts.listing(after: nil, of: nil, limit: 10) }
            await expectFailure(.unavailable) { _ = try await mounts.counts(of: [VolumeID("v")]) }
        }
    }
}
