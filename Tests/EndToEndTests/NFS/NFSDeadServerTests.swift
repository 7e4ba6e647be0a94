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

    private static let timeout = ["--nfs-timeout", "4"]

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

    private func cleanUp(_ volume: NFSVolume) async throws {
        try await volume.unpublish()
        try await volume.unstage()
        try await insist("the volume is deleted") { try await volume.delete() }
        try await insist("nothing is left") { try await NFSLifeTests.expectNoVolumes() }
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
            try await insist("the volume is created") { try await new.create() }
            try await insist("the volume is deleted") { try await new.delete() }
            try await insist("the condition is normal") {
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
            try await insist("the volume is deleted") { try await volume.delete() }
            try await insist("nothing is left") { try await NFSLifeTests.expectNoVolumes() }
        }
    }

    @Test(
        "while one share is dead 200 calls on another one succeed, and none has to do with the dead one's lane",
        arguments: Death.allCases)
    func otherShare(death: Death) async throws {
        let other = try await NFSServer.started("other")
        try await withDeadServer(death, "wedged") { volume, driver, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        let status = try await driver.failure(
                            "Node/NodePublishVolume", volume.publishRequest(at: "b-\(number)"))
                        #expect(status.code == .unavailable || status.code == .aborted, "\(status)")
                    }
                }
                try await group.waitForAll()
            }
            let dead = try await server.lane(of: driver)
            #expect(dead["circuit"].string != "CLOSED", "\(dead.text())")
            #expect(dead["stuck"].integer > 0, "\(dead.text())")
            #expect(dead["threads"].integer <= 4, "\(dead.text())")

            let capacity = #"{"parameters": {"server": "\#(other.address)", "share": "\#(NFSServer.files)"}}"#
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        // And six more, of which not every one has to ask the server.
                        try await NFSVolume.live("other-\(number)", on: driver, other)
                        for _ in 0..<25 { _ = try await driver.call("Controller/GetCapacity", capacity) }
                    }
                }
                try await group.waitForAll()
            }
            let alive = try await other.lane(of: driver)
            #expect(alive["admitted"].integer >= 200, "\(alive.text())")
            for name in ["queueFull", "silent", "stuck", "deadline"] {
                #expect(alive["refused"][name].integer == 0, "\(alive.text())")
            }
            #expect(alive["timedOut"].integer == 0, "\(alive.text())")
            let after = try await server.lane(of: driver)
            for name in ["admitted", "largestQueue", "queued", "timedOut"] {
                #expect(after[name].integer == dead[name].integer, "\(dead.text()) then \(after.text())")
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
            try await insist("the volume is deleted") { try await volume.delete() }
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
            try await insist("the mount is replaced") { try await volume.stage() }
            try await insist("the publication is replaced") { try await volume.publish() }
            #expect(writeFile(volume.target() + "/file", "after") == nil)
            #expect(readFile("/exports/server/srv/stale/stale/file") == "after")
            try await volume.unpublish()
            try await volume.unstage()
            #expect(mounts(below: driver.directory + "/kubelet").isEmpty)
        }
    }
}
