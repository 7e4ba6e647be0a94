import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

@Suite("Usage of a volume", .privateMountNamespace, .timeLimit(.minutes(1)))
struct UsageTests {
    @Test(
        "the numbers are those of statfs, whichever path of the volume is asked, entry or not",
        arguments: [true, false])
    func numbers(hasEntry: Bool) async throws {
        try await TestNode.with { node in
            try mountTmpfs(node.pool)
            let volume = try node.makeVolume("v1")
            try writeFile(volume.directory + "/data", String(repeating: "x", count: 1 << 20))
            try await volume.stage()
            try await volume.publish()
            if !hasEntry { try node.forget(volume.staging, volume.target) }
            let mounts = try await node.restartedAndReconciled()
            let status = try OwnedDescriptor.open(node.pool, .pathOnly).fileSystemStatus()
            #expect(status.total == 16 << 20)
            for path in [volume.staging, volume.target] {
                #expect(
                    try await mounts.statistics(of: volume.plan, volume: volume.id, at: path).usage == [
                        VolumeUsage(
                            unit: .bytes, available: Int64(status.available), total: 16 << 20,
                            used: Int64(status.total - status.free)),
                        VolumeUsage(
                            unit: .inodes, available: Int64(status.filesFree), total: Int64(status.files),
                            used: Int64(status.files - status.filesFree)),
                    ])
            }
            #expect(status.total - status.free >= 1 << 20)
        }
    }

    @Test("a path at which the volume itself is not mounted is NOT_FOUND")
    func wrongPaths() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            let other = try node.makeVolume("v2")
            try await volume.stage()
            try await volume.publish()
            try await other.stage()
            try makeDirectory(volume.directory + "/sub")
            try makeDirectory(node.kubelet + "/foreign")
            try mountTmpfs(node.kubelet + "/foreign")
            try #require(symlink(volume.target, node.kubelet + "/link") == 0)
            for path in [
                volume.target + "/sub", volume.target + "/name", volume.target + "/name/x", node.kubelet,
                node.kubelet + "/missing", node.kubelet + "/missing/x", other.staging, node.kubelet + "/foreign",
                node.kubelet + "/link", volume.directory,
            ] {
                let message = await expectFailure(.notFound) {
                    _ = try await node.mounts.statistics(of: volume.plan, volume: volume.id, at: path)
                }
                #expect(message.contains("not mounted at exactly this path"))
            }
            try await volume.unpublish()
            await expectFailure(.notFound) {
                _ = try await node.mounts.statistics(of: volume.plan, volume: volume.id, at: volume.target)
            }
        }
    }
}
