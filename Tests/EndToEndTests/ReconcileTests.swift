import GRPCServing
import Glibc
import JSONText
import Testing

/// The driver dies, the node goes on without it, and what it finds when it is back is not what it left.
@Suite("After a restart", .privateMountNamespace, .serialized, .timeLimit(.minutes(3)))
struct ReconcileTests {
    private static let mode = "SINGLE_NODE_MULTI_WRITER"

    /// A driver with one volume, staged and published, that was killed.
    private static func withDeadDriver(_ body: (Driver, Volume) async throws -> Void) async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v1", on: driver)
            try await volume.stage()
            try await volume.publish()
            guard writeFile(volume.target("a") + "/file", "precious") == nil else { throw Failure("not writable") }
            #expect(try await driver.stop(SIGKILL) == .signal(SIGKILL))
            try await body(driver, volume)
            try await volume.unpublish()
            try await volume.unstage()
            #expect(readFile("\(driver.pool)/volumes/\(volume.id)/file") == "precious")
            try await volume.delete()
            #expect(mounts(below: driver.directory).isEmpty)
            let ledger = "\(driver.directory)/state/ledger"
            for boot in try entries(ledger) { #expect(try entries("\(ledger)/\(boot)").isEmpty) }
        }
    }

    private static func expectPublishedOnce(_ volume: Volume) throws {
        #expect(mounts(below: volume.pod) == [volume.target("a")])
        #expect(readFile(volume.target("a") + "/file") == "precious")
    }

    @Test("1,000 volumes and 500 mounts are as they were, and listed page by page")
    func many() async throws {
        try await Driver.with { driver in
            var volumes: [Volume] = []
            for number in 0..<1000 {
                let volume = try await Volume.make("v\(number)", on: driver)
                volumes.append(volume)
                guard number < 250 else { continue }
                try await volume.stage()
                try await volume.publish()
            }
            let before = Set(mounts(below: driver.directory))
            #expect(before.count == 500)
            #expect(try await driver.stop(SIGKILL) == .signal(SIGKILL))
            try await driver.start()
            try await eventually("the log says what was found") { driver.log.contains(#"found="500 mounted""#) }

            var found: [String] = []
            var token = ""
            repeat {
                let page = try await driver.call(
                    "Controller/ListVolumes", #"{"maxEntries": 300, "startingToken": "\#(token)"}"#)
                found += page["entries"].elements.compactMap { $0["volume"]["volumeId"].string }
                token = page["nextToken"].string ?? ""
            } while !token.isEmpty
            #expect(found == volumes.map(\.id).sorted())

            for volume in volumes[..<250] {
                // A repetition changes nothing.
                try await volume.stage()
                try await volume.publish()
            }
            #expect(Set(mounts(below: driver.directory)) == before)
            for volume in volumes {
                try await volume.unpublish()
                try await volume.unstage()
                try await volume.delete()
            }
            #expect(mounts(below: driver.directory).isEmpty)
            #expect(try entries(driver.pool + "/.moorage/volumes").isEmpty)
        }
    }

    @Test("with the ledger of this boot lost, mounts are taken over")
    func ledgerLost() async throws {
        try await Self.withDeadDriver { driver, volume in
            _ = try await Finished.run(["/bin/rm", "-rf", "\(driver.directory)/state/ledger"], in: driver.directory)
            try await driver.start()
            try await volume.stage()
            try await volume.publish()
            try Self.expectPublishedOnce(volume)
        }
    }

    @Test("with nothing but another boot's ledger, it goes and mounts are taken over")
    func otherBoot() async throws {
        try await Self.withDeadDriver { driver, volume in
            let ledger = "\(driver.directory)/state/ledger"
            let boot = try entries(ledger).first.required("no ledger")
            #expect(rename("\(ledger)/\(boot)", "\(ledger)/00000000-0000-0000-0000-000000000000") == 0)
            try await driver.start()
            #expect(try entries(ledger) == [boot])
            try await volume.publish()
            try Self.expectPublishedOnce(volume)
        }
    }

    @Test("with the whole state directory lost, the pool is found again, and its mounts are taken over")
    func stateLost() async throws {
        try await Disk.with(.ext4) { disk in
            let pool = disk.mountPoint + "/pool"
            try makeDirectory(pool)
            try await Driver.with(["--pool", "disk=\(pool)"]) { driver in
                let volume = try await Volume.make("v1", on: driver)
                try await volume.stage()
                try await volume.publish()
                #expect(try await driver.stop(SIGKILL) == .signal(SIGKILL))
                _ = try await Finished.run(["/bin/rm", "-rf", "\(driver.directory)/state"], in: driver.directory)
                try await driver.start()
                // Deleted it must not be, though nobody remembers the mounts.
                try await volume.publish()
                #expect(
                    try await driver.failure("Controller/DeleteVolume", #"{"volumeId": "\#(volume.id)"}"#).code
                        == .failedPrecondition)
                #expect(mounts(below: volume.pod) == [volume.target("a")])
                try await volume.unpublish()
                try await volume.unstage()
                try await volume.delete()
                #expect(mounts(below: driver.directory).isEmpty)
            }
        }
    }

    @Test("a mount that went meanwhile is made again, the volume's data in it")
    func mountGone() async throws {
        try await Self.withDeadDriver { driver, volume in
            #expect(umount2(volume.target("a"), 0) == 0)
            #expect(umount2(volume.staging, 0) == 0)
            try await driver.start()
            // As an orchestrator that has no reason to stage again.
            try await volume.publish()
            try Self.expectPublishedOnce(volume)
            #expect(mounts(below: driver.directory).contains(volume.staging))
        }
    }

    @Test("over a foreign mount nothing is mounted; unpublish takes both away")
    func foreignMount() async throws {
        try await Self.withDeadDriver { driver, volume in
            #expect(mount("tmpfs", volume.target("a"), "tmpfs", 0, nil) == 0)
            try await driver.start()
            let refused = try await driver.failure(
                "Node/NodePublishVolume", volume.publishRequest(capability(Self.mode)))
            #expect(refused.code == .failedPrecondition)
            #expect(mounts(below: volume.pod).count == 2)
        }
    }

    @Test("files in a target that is no mount any more are moved aside, never deleted")
    func targetNotEmpty() async throws {
        try await Self.withDeadDriver { driver, volume in
            #expect(umount2(volume.target("a"), 0) == 0)
            #expect(writeFile(volume.target("a") + "/stray", "somebody's") == nil)
            try await driver.start()
            let refused = try await driver.failure(
                "Node/NodePublishVolume", volume.publishRequest(capability(Self.mode)))
            #expect(refused.code == .failedPrecondition)
            try await volume.unpublish()
            #expect(!exists(volume.target("a")))
            let strays = "\(driver.directory)/state/strays"
            let shelf = try entries(strays).first.required("nothing was moved aside")
            let kept = try await Finished.run(["/usr/bin/find", "\(strays)/\(shelf)", "-name", "stray"], in: strays)
            #expect(readFile(String(kept.output.dropLast())) == "somebody's")
        }
    }

    @Test("a file in the place of the target is left alone by publish and moved aside by unpublish")
    func targetIsFile() async throws {
        try await Self.withDeadDriver { driver, volume in
            #expect(umount2(volume.target("a"), 0) == 0)
            #expect(rmdir(volume.target("a")) == 0)
            #expect(writeFile(volume.target("a"), "somebody's") == nil)
            try await driver.start()
            let refused = try await driver.failure(
                "Node/NodePublishVolume", volume.publishRequest(capability(Self.mode)))
            #expect(refused.code == .failedPrecondition)
            #expect(readFile(volume.target("a")) == "somebody's")
        }
    }

    @Test("a pool whose disk is missing is absent, and served as soon as the disk is back")
    func diskMissing() async throws {
        try await Disk.with(.ext4) { disk in
            try await Driver.with(["--pool", "disk=\(disk.mountPoint)"]) { driver in
                let volume = try await Volume.make("v1", on: driver)
                #expect(try await driver.stop() == .exit(0))
                try await disk.away {
                    try await driver.start()
                    #expect(try await driver.call("Identity/Probe")["ready"] == .bool(true))
                    #expect(try await driver.call("Controller/GetCapacity")["availableCapacity"].integer == 0)
                    for (method, request) in [
                        ("Controller/CreateVolume", #"{"name": "v2", "volumeCapabilities": [\#(capability())]}"#),
                        ("Controller/DeleteVolume", #"{"volumeId": "\#(volume.id)"}"#),
                        ("Controller/ControllerGetVolume", #"{"volumeId": "\#(volume.id)"}"#),
                        ("Node/NodeStageVolume", volume.stageRequest(capability(Self.mode))),
                    ] {
                        #expect(try await driver.failure(method, request).code == .unavailable, "\(method)")
                    }
                    #expect(try entries(disk.mountPoint).isEmpty)
                }
                // Nobody tells the driver.
                try await volume.stage()
                try await volume.unstage()
                try await volume.delete()
                #expect(try entries(disk.mountPoint + "/volumes").isEmpty)
            }
        }
    }
}
