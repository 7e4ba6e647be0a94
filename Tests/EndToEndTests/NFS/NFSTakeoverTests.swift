import GRPCServing
import Glibc
import JSONText
import Testing

/// Mounts that the driver finds and of which its ledger knows nothing: it was lost, or csi-driver-nfs made them.
@Suite("NFS mounts without a ledger", .privateMountNamespace, .serialized, .timeLimit(.minutes(4)))
struct NFSTakeoverTests {
    /// More than the driver has threads for calls.
    private static let many = 20

    /// Ends the driver, takes its state from it, and starts it again.
    private func loseState(of driver: Driver) async throws {
        #expect(try await driver.stop(SIGKILL) == .signal(SIGKILL))
        let state = "\(driver.directory)/state"
        for mount in mounts(below: state).reversed() { umount2(mount, Int32(MNT_DETACH)) }
        let removed = try await Finished.run(["/bin/rm", "-rf", "--one-file-system", state], in: "/tmp")
        try #require(removed.ending == .exit(0), "\(removed.output)")
        try await driver.start()
    }

    /// As mount.nfs asks the kernel for it, and a superblock of its own, so that each one ends by itself.
    private func mountByAnother(_ server: NFSServer, _ path: String, at target: String, _ flags: Int = 0) throws {
        try makeDirectory(target)
        let options = "vers=4.2,addr=\(server.address),clientaddr=0.0.0.0,hard,nosharecache"
        try #require(
            mount("\(server.address):\(path)", target, "nfs4", UInt(flags | Int(MS_RELATIME)), options) == 0,
            "errno \(errno)")
    }

    private func volume(_ name: String, on driver: Driver, _ server: NFSServer) throws -> NFSVolume {
        var volume = try NFSVolume(name, on: driver, server)
        volume.id = "\(server.address)#srv/x#\(name)##"
        volume.context = ["server": server.address, "share": NFSServer.files, "subDir": name]
        return volume
    }

    @Test("what the driver had mounted is its own again, and nothing is mounted twice")
    func lostLedger() async throws {
        try await NFSLifeTests.with { driver, server in
            let volume = try await NFSVolume.make("lost", on: driver, server, flags: ["vers=4.2", "noexec"])
            try await volume.stage()
            try await volume.publish(readonly: true)
            let before = mounts(below: driver.directory + "/kubelet")
            try await loseState(of: driver)
            let stats = try await volume.stats()
            #expect(stats["usage"].elements.count == 2)
            for _ in 0..<2 { try await volume.stage() }
            for _ in 0..<2 { try await volume.publish(readonly: true) }
            #expect(mounts(below: driver.directory + "/kubelet") == before)
            let status = try await driver.failure("Node/NodePublishVolume", volume.publishRequest())
            #expect(status.code == .alreadyExists, "\(status)")
            // Restarted with a ledger, it still is.
            #expect(try await driver.stop() == .exit(0))
            try await driver.start()
            try await volume.publish(readonly: true)
            try await volume.unpublish()
            try await volume.unstage()
            try await volume.delete()
            try await NFSLifeTests.expectNoVolumes()
        }
    }

    @Test("what csi-driver-nfs mounted at a target goes on being the volume, and anything else is foreign")
    func anotherDriver() async throws {
        try await NFSLifeTests.with(["--driver-name", "nfs.csi.k8s.io"]) { driver, server in
            let volume = try volume("theirs", on: driver, server)
            for name in ["theirs", "other"] { try makeDirectory("\(NFSServer.files)/\(name)") }
            try mountByAnother(server, "/srv/x/theirs", at: volume.target())
            #expect(writeFile(volume.target() + "/file", "theirs") == nil)
            try await volume.stage()
            try await volume.publish()
            #expect(
                mounts(below: driver.directory + "/kubelet").sorted() == [volume.staging, volume.target()].sorted())
            #expect(mountOptions(at: volume.target()).contains("hard"))
            try mountByAnother(server, "/srv/x/other", at: volume.target("b"))
            let status = try await driver.failure("Node/NodePublishVolume", volume.publishRequest(at: "b"))
            #expect(status.code == .failedPrecondition && status.message.contains("foreign"), "\(status)")
            try await volume.unpublish()
            try await volume.unpublish(at: "b")
            #expect(!exists(volume.target()) && !exists(volume.target("b")))
            #expect(readFile("\(NFSServer.files)/theirs/file") == "theirs")
            try await volume.unstage()
            try await volume.delete()
        }
    }

    @Test("while the server is silent they are unmounted in time, more of them than there are threads")
    func silence() async throws {
        let other = try await NFSServer.started("other")
        try await NFSLifeTests.with(["--nfs-timeout", "2"]) { driver, server in
            let own = try await NFSVolume.make("own", on: driver, server)
            try await own.stage()
            try await own.publish()
            var theirs: [NFSVolume] = []
            for number in 0..<Self.many {
                let volume = try volume("theirs-\(number)", on: driver, server)
                try makeDirectory("\(NFSServer.files)/\(volume.name)")
                #expect(writeFile("\(NFSServer.files)/\(volume.name)/file", "text") == nil)
                try mountByAnother(server, "/srv/x/\(volume.name)", at: volume.target())
                // Whoever reads a file of NFS 4 gets a delegation, and the end of the mount waits until it is returned.
                #expect(readFile(volume.target() + "/file") == "text")
                theirs.append(volume)
            }
            try await loseState(of: driver)
            try await server.run("silence")
            do {
                // A stranger to this driver so far, and the server says nothing: taken over, and then waited for.
                let status = try await driver.failure("Node/NodeStageVolume", own.stageRequest)
                #expect(status.code == .unavailable, "\(status)")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for volume in theirs { group.addTask { try await volume.unpublish() } }
                    group.addTask {
                        for _ in 0..<2 { try await own.unpublish() }
                        for _ in 0..<2 { try await own.unstage() }
                    }
                    try await group.waitForAll()
                }
                #expect(mounts(below: driver.directory + "/kubelet").isEmpty)
                for volume in theirs { #expect(!exists(volume.target())) }
                // Nobody waits with them.
                try await NFSVolume.live("elsewhere", on: driver, other)
            } catch {
                Issue.record(error)
            }
            try await server.run("speak")
            try await eventually("the volume is deleted", within: 60) {
                do {
                    try await own.delete()
                    return true
                } catch let status as GRPCStatus where status.code == .unavailable {
                    return false
                }
            }
        }
    }
}
