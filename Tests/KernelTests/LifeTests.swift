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
}
