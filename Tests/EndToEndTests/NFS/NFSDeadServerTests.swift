import CSIWire
import GRPCServing
import Glibc
import JSONText
import Testing

/// What a server does that is stopped or silent, and what the driver answers then. Times are not asserted: each call
/// has a deadline of its client's that is longer than the driver's own, and an answer of the driver is not
/// DEADLINE_EXCEEDED.
@Suite("NFS servers that do not answer", .privateMountNamespace, .serialized, .timeLimit(.minutes(5)))
struct NFSDeadServerTests {
    enum Death: String, CaseIterable {
        /// Connections are refused.
        case stop
        /// Packets are lost.
        case silence

        var end: String { self == .stop ? "start" : "speak" }
    }

    private static let timeout = ["--nfs-timeout", "2"]

    /// Runs `body` with a volume that is staged and published, and the server dead; brings the server back.
    private func withDeadServer(
        _ death: Death, _ name: String, _ body: (NFSVolume, Driver, NFSServer) async throws -> Void,
        then after: (NFSVolume, Driver, NFSServer) async throws -> Void
    ) async throws {
        try await NFSLifeTests.with(Self.timeout) { driver, server in
            let volume = try await NFSVolume.make(name, on: driver, server)
            try await volume.stage()
            try await volume.publish()
            #expect(writeFile(volume.target() + "/file", "text") == nil)
            _ = try await volume.stats()
            try await server.run(death.rawValue)
            do {
                try await body(volume, driver, server)
            } catch {
                Issue.record(error)
            }
            try await server.run(death.end)
            if death == .stop { try await server.run("grace") }
            try await after(volume, driver, server)
        }
    }

    /// Repeats a call until the server has come back for the driver.
    private func again(_ what: String, _ body: () async throws -> Void) async throws {
        try await eventually(what, within: 60) {
            do {
                try await body()
                return true
            } catch let status as GRPCStatus where status.code == .unavailable || status.code == .aborted {
                return false
            }
        }
    }

    private func cleanUp(_ volume: NFSVolume) async throws {
        try await volume.unpublish()
        try await volume.unstage()
        try await again("the volume is deleted") { try await volume.delete() }
        try await again("nothing is left") { try await NFSLifeTests.expectNoVolumes() }
    }

    @Test(
        "every call that needs the server is UNAVAILABLE in time, and ends well when it is back",
        arguments: Death.allCases)
    func unavailable(death: Death) async throws {
        try await withDeadServer(death, "dead") { volume, driver, server in
            let new = try NFSVolume("new", on: driver, server)
            var unstaged = volume
            unstaged.id = "\(server.address)#srv/x#other"
            for (method, request) in [
                ("Controller/CreateVolume", new.createRequest),
                ("Controller/ControllerGetVolume", volume.lookRequest),
                ("Node/NodePublishVolume", volume.publishRequest(at: "b")),
                ("Controller/GetCapacity", #"{"parameters": {"server": "\#(server.address)", "share": "/srv/x"}}"#),
            ] {
                let status = try await driver.failure(method, request)
                #expect(status.code == .unavailable, "\(method): \(status)")
            }
            let stats = try await volume.stats()
            #expect(stats["volumeCondition"]["abnormal"] == .bool(true))
            #expect(stats["usage"].elements.count == 2, "what the server said last")
            _ = try await driver.call("Identity/Probe")
        } then: { volume, driver, server in
            var new = try NFSVolume("new", on: driver, server)
            try await again("the volume is created") { try await new.create() }
            try await again("the volume is deleted") { try await new.delete() }
            try await again("the condition is normal") {
                guard try await volume.stats()["volumeCondition"]["abnormal"] == .null else {
                    throw GRPCStatus(.unavailable, "not yet")
                }
            }
            #expect(readFile(volume.target() + "/file") == "text")
            try await cleanUp(volume)
        }
    }

    @Test("unpublish and unstage succeed while the server is dead, twice each", arguments: Death.allCases)
    func unmount(death: Death) async throws {
        try await withDeadServer(death, "unmounted") { volume, driver, _ in
            for _ in 0..<2 { try await volume.unpublish() }
            #expect(!exists(volume.target()))
            for _ in 0..<2 { try await volume.unstage() }
            #expect(mounts(below: driver.directory + "/kubelet").isEmpty)
            let status = try await driver.failure("Controller/DeleteVolume", volume.deleteRequest)
            #expect(status.code == .unavailable, "\(status)")
        } then: { volume, _, _ in
            try await again("the volume is deleted") { try await volume.delete() }
            try await again("nothing is left") { try await NFSLifeTests.expectNoVolumes() }
        }
    }

    @Test("while one share is dead another one is as good as ever", arguments: Death.allCases)
    func otherShare(death: Death) async throws {
        let other = try await NFSServer.started("other")
        try await withDeadServer(death, "wedged") { volume, driver, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        let status = try await driver.failure(
                            "Node/NodePublishVolume", volume.publishRequest(at: "b-\(number)"))
                        #expect(status.code == .unavailable || status.code == .aborted, "\(status)")
                    }
                }
                for number in 0..<8 {
                    group.addTask { try await NFSVolume.live("other-\(number)", on: driver, other) }
                }
                try await group.waitForAll()
            }
        } then: { volume, _, _ in
            try await cleanUp(volume)
        }
    }

    @Test("a driver that is killed while the server is dead starts at once, and goes on", arguments: Death.allCases)
    func restart(death: Death) async throws {
        try await withDeadServer(death, "restarted") { volume, driver, server in
            let new = try NFSVolume("hanging", on: driver, server)
            async let hanging = driver.failure("Controller/CreateVolume", new.createRequest)
            #expect(try await hanging.code == .unavailable)
            #expect(try await driver.stop(SIGKILL) == .signal(SIGKILL))
            try await driver.start()
            try await volume.unpublish()
            try await volume.unstage()
            #expect(mounts(below: driver.directory + "/kubelet").isEmpty)
        } then: { volume, _, _ in
            try await again("the volume is deleted") { try await volume.delete() }
        }
    }

    @Test("a directory that was removed and made again is mounted anew, on top of what is stale")
    func stale() async throws {
        try await NFSLifeTests.with(Self.timeout) { driver, server in
            try await server.run("export", "/srv/stale")
            var volume = try NFSVolume("stale", on: driver, server, share: "/srv/stale")
            try await volume.create()
            try await volume.stage()
            try await volume.publish()
            #expect(writeFile(volume.target() + "/file", "before") == nil)
            try await server.run("remove", "/srv/stale/stale")
            try await server.run("export", "/srv/stale")
            try makeDirectory("/exports/server/srv/stale/stale")
            try await again("the mount is replaced") { try await volume.stage() }
            try await again("the publication is replaced") { try await volume.publish() }
            #expect(writeFile(volume.target() + "/file", "after") == nil)
            #expect(readFile("/exports/server/srv/stale/stale/file") == "after")
            try await volume.unpublish()
            try await volume.unstage()
            #expect(mounts(below: driver.directory + "/kubelet").isEmpty)
        }
    }
}
