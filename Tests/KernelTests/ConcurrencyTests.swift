import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

@Suite("Many calls at once", .privateMountNamespace, .timeLimit(.minutes(2)))
struct ConcurrencyTests {
    @Test("64 volumes live their lives at once, and nothing is left", arguments: TestNode.Parent.allCases)
    func manyVolumes(parent: TestNode.Parent) async throws {
        try await TestNode.with(parent: parent) { node in
            try await withThrowingTaskGroup { group in
                for number in 0..<64 {
                    let volume = try node.makeVolume("v\(number)")
                    group.addTask {
                        for _ in 0..<4 {
                            try await volume.stage()
                            try await volume.publish()
                            #expect(volume.isSeen(at: volume.target))
                            #expect(try await volume.tracked() == [.stage: .mounted, .publish: .mounted])
                            try await volume.unpublish()
                            try await volume.unstage()
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(node.ledgerFiles.isEmpty)
            #expect(listing(node.kubelet).allSatisfy { $0.hasSuffix("-staging") })
            let table = try OwnedDescriptor.open("/proc/self/mountinfo", .readOnly).readAll(limit: 16 << 20)
            #expect(!String(decoding: table, as: UTF8.self).contains(node.kubelet))
        }
    }

    @Test("of volumes that want one target exactly one gets it, and no mount hides another")
    func oneTarget() async throws {
        try await TestNode.with { node in
            let path = node.kubelet + "/wanted"
            var volumes: [TestVolume] = []
            for number in 0..<16 {
                volumes.append(try node.makeVolume("v\(number)"))
                try await volumes[number].stage()
            }
            let winners = try await withThrowingTaskGroup(of: TestVolume?.self) { group in
                for volume in volumes {
                    group.addTask {
                        do {
                            try await volume.publish(at: path)
                            return volume
                        } catch let error as DriverError {
                            #expect([.aborted, .failedPrecondition].contains(error.code), "\(error)")
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: [TestVolume]()) { winners, volume in
                    if let volume { winners.append(volume) }
                }
            }
            #expect(winners.count == 1)
            let winner = try #require(winners.first)
            #expect(winner.isSeen(at: path))
            #expect(try mountInfo(path).count == 1)
            #expect(node.ledgerFiles.count == 17)
            try await winner.unpublish(at: path)
            #expect(!exists(path))
        }
    }

    @Test("a place is busy by whichever path, until it is released")
    func busyPlace() async throws {
        try await TestNode.with { node in
            try #require(symlink(node.kubelet, node.root + "/link") == 0)
            let busy = BusyPlaces()
            let direct = try #require(try Place(node.kubelet + "/x"))
            let linked = try #require(try Place(node.root + "/link/x"))
            let other = try #require(try Place(node.kubelet + "/y"))
            let key = try busy.take(direct.point)
            await expectFailure(.aborted) { _ = try busy.take(linked.point) }
            busy.release(try busy.take(other.point))
            busy.release(key)
            busy.release(try busy.take(linked.point))
        }
    }

    /// A place that a macro can unwrap.
    private final class Place: Sendable {
        let point: MountPoint

        init?(_ path: String) throws {
            guard let point = try MountPoint.open(try MountPath(path, field: "path")) else { return nil }
            self.point = point
        }
    }
}
