import LinuxSystem
import StorageModel
import Synchronization
import Testing

@testable import PoolStore

@Suite("Controllers that race on a share")
struct SharedPoolRaceTests {
    private final class Failures: Sendable {
        let all = Mutex<[String]>([])

        func add(_ failure: String) {
            all.withLock { $0.append(failure) }
        }
    }

    /// As an orchestrator does it: what was ABORTED is asked for again.
    private static func create(_ name: String, on pool: SharedPool, _ failures: Failures) {
        for _ in 0..<10_000 {
            do {
                try pool.create(name)
                return
            } catch let error as DriverError where error.code == .aborted {
                continue
            } catch {
                failures.add("\(name): \(error)")
                return
            }
        }
        failures.add("\(name) was ABORTED each time")
    }

    @Test("a volume that several make at once has its claim, whoever was ABORTED, and a deletion leaves nothing")
    func creations() throws {
        let share = try Share()
        let controllers = try (0..<3).map { _ in try share.controller() }
        let failures = Failures()
        for round in 0..<300 {
            let hasEnded = ThreadSignal()
            for controller in controllers {
                DetachedThread.start(name: "controller") {
                    Self.create("pvc-\(round)", on: controller, failures)
                    hasEnded.signal()
                }
            }
            for _ in controllers { hasEnded.wait() }
            let made = try #require(try controllers[0].record(ofName: "pvc-\(round)"))
            #expect(share.names(in: ".moorage/claims/\(made.path.hash)") == ["owner.\(made.key)"], "round \(round)")
            try controllers[0].delete(made)
        }
        #expect(failures.all.withLock { $0 } == [])
        try controllers[0].emptyTrash(share)
        #expect(share.isClean)
    }

    @Test(
        "who gives up a claim of a volume that another controller has made meanwhile puts it back",
        arguments: [false, true])
    func givenUp(isShared: Bool) throws {
        let share = try Share()
        let controller = try share.controller()
        let record = try controller.create("pvc", at: "a/b", isShared: isShared)
        let claims = ShareClaims(pool: controller, metadata: try #require(try controller.metadata()))
        let before = share.names(in: ".moorage/claims/\(record.path.hash)")
        let below = share.names(in: ".moorage/below")
        #expect(before.count == 1)
        #expect(below.count == 1)
        try claims.releaseUnlessRecorded(record.path, of: record.key)
        #expect(share.names(in: ".moorage/claims/\(record.path.hash)") == before)
        #expect(share.names(in: ".moorage/below") == below)
        try controller.delete(record)
        try controller.emptyTrash(share)
        #expect(share.isClean)
    }
}
