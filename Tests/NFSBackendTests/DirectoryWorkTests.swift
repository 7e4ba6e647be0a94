import PoolStore
import StorageModel
import Testing

@testable import NFSBackend

@Suite("Work on the directory of a volume")
struct DirectoryWorkTests {
    private let share = try? NFSShare(server: NFSServer("nfs.example.com"), path: "/srv")

    @Test("one call at a time is at a directory, and any number elsewhere")
    func alone() throws {
        let work = DirectoryWork()
        let share = try #require(share)
        let other = try NFSShare(server: NFSServer("nfs.example.com"), path: "/other")
        let path = try #require(SharePath(text: "a/b"))
        let beside = try #require(SharePath(text: "a/c"))
        let volume = VolumeID("v")
        try work.alone(at: path, on: share, for: volume) { () throws(DriverError) in
            do throws(DriverError) {
                try work.alone(at: path, on: share, for: volume) { _ = Issue.record("two at once") }
            } catch {
                #expect(error.code == .aborted, "\(error)")
                #expect(error.message.contains("nfs.example.com:/srv"))
            }
            try work.alone(at: beside, on: share, for: volume) {}
            try work.alone(at: path, on: other, for: volume) {}
        }
        try work.alone(at: path, on: share, for: volume) {}
    }

    @Test("a call that fails is over as well")
    func failure() throws {
        let work = DirectoryWork()
        let share = try #require(share)
        let path = try #require(SharePath(text: "a"))
        for _ in 0..<2 {
            do throws(DriverError) {
                try work.alone(at: path, on: share, for: VolumeID("v")) { () throws(DriverError) in
                    throw DriverError(.unavailable, "as planned")
                }
            } catch {
                #expect(error.message == "as planned")
            }
        }
    }
}
