import GRPCServing
import Glibc
import JSONText
import Testing

/// What users of NFS drivers complain about, each as a test whose name says the complaint. Those that other suites have
/// already are:
///
/// | complaint | test |
/// |---|---|
/// | a mount given up leaves its process behind, and every later mount from that server hangs | `NFSKillTests` |
/// | a dead server wedges stats and unmounts | `NFSEveryCallTests`, and here with many volumes |
/// | after a restart of the server workloads never recover | `NFSRecoveryTests.restartUnderLoad` |
/// | a stale mount that is replaced lets a container write to the local disk | `NFSRecoveryTests.stale` |
/// | `onDelete: archive` fails with a nested subDir | `NFSLifeTests.onDelete`, and here with a retry |
/// | the driver dies while it mounts, and the mount is nobody's | `NFSCrashTests` |
/// | a subDir of a template is neither deleted nor archived | `NFSLifeTests.onDelete`, `.templates` |
@Suite("Complaints of users", .privateMountNamespace, .serialized, .timeLimit(.minutes(5)))
struct NFSComplaintTests {
    private func site(
        _ flags: [String] = NFSSite.flags, _ body: (Driver, NFSServer) async throws -> Void
    ) async throws {
        try await NFSLifeTests.with(flags) { driver, server in
            try await body(driver, server)
            try await server.expectNoVolumes()
        }
    }

    // MARK: Dead servers

    @Test("complaint: unmounts of a dead server hang and threads pile up until only a reboot helps")
    func threadsPileUp() async throws {
        try await site { driver, server in
            var volumes: [NFSVolume] = []
            for number in 0..<12 {
                let volume = try await NFSVolume.make("piled-\(number)", on: driver, server)
                try await volume.stage()
                try await volume.publish()
                volumes.append(volume)
            }
            try await server.run("silence")
            let list = volumes
            do {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for volume in list {
                        group.addTask {
                            for _ in 0..<3 { _ = try await volume.stats() }
                            try await volume.unpublish()
                            try await volume.unstage()
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(mounts(below: driver.directory + "/kubelet").isEmpty)
                // Workers (16), a lane (4), and some that are always there.
                let status = try readFile("/proc/\(await driver.processID)/status").required("no status")
                let threads = try status.split(separator: "\n").first { $0.hasPrefix("Threads:") }
                    .flatMap { Int($0.split(separator: "\t")[1]) }.required("no number")
                #expect(threads < 40)
            } catch {
                Issue.record(error)
            }
            try await server.run("speak")
            for volume in volumes { try await insist("\(volume.name) is deleted") { try await volume.delete() } }
        }
    }

    @Test("complaint: after one timeout every call on the volume is refused as already going on, for good")
    func abortedForever() async throws {
        try await site { driver, server in
            let volume = try await NFSVolume.make("wedged", on: driver, server)
            try await volume.stage()
            try await server.run("silence")
            var codes: Set<GRPCCode> = []
            do {
                for _ in 0..<4 {
                    codes.insert(try await driver.failure("Node/NodePublishVolume", volume.publishRequest()).code)
                }
            } catch {
                Issue.record(error)
            }
            #expect(codes == [.unavailable])
            try await server.run("speak")
            try await insist("it is published by the same driver") { try await volume.publish() }
            #expect(writeFile(volume.target() + "/file", "text") == nil)
            try await volume.unpublish()
            try await volume.unstage()
            try await insist("it is deleted") { try await volume.delete() }
        }
    }

    // MARK: Data

    @Test("complaint: deleting one volume of a nested subDir takes the volumes beside it along")
    func siblings() async throws {
        try await site { driver, server in
            let one = try await NFSVolume.make("one", on: driver, server, ["subDir": "team/one"])
            let two = try await NFSVolume.make("two", on: driver, server, ["subDir": "team/two"])
            #expect(writeFile(server.files() + "/team/two/file", "precious") == nil)
            #expect(writeFile(server.files() + "/team/note", "precious") == nil)
            try await one.delete()
            #expect(!exists(server.files() + "/team/one"))
            #expect(readFile(server.files() + "/team/two/file") == "precious")
            try await two.delete()
            #expect(readFile(server.files() + "/team/note") == "precious")
        }
    }

    @Test("complaint: the unmount of a terminating pod takes the mount of the next pod away")
    func nextPod() async throws {
        try await site { driver, server in
            let volume = try await NFSVolume.make("handed-on", on: driver, server)
            try await volume.stage()
            try await volume.publish(at: "old")
            try await volume.publish(at: "new")
            for _ in 0..<2 { try await volume.unpublish(at: "old") }
            #expect(writeFile(volume.target("new") + "/file", "text") == nil)
            #expect(readFile(server.files() + "/handed-on/file") == "text")
            try await volume.unpublish(at: "new")
            try await volume.unstage()
            try await volume.delete()
        }
    }

    @Test("complaint: the directory of a volume vanished, and the volume is there again, empty, without a word")
    func vanished() async throws {
        try await site { driver, server in
            let volume = try await NFSVolume.make("vanished", on: driver, server)
            try await server.run("remove", "/srv/x/vanished")
            // The kernel remembers for half a minute what it has seen; a driver that starts mounts anew.
            #expect(try await driver.stop() == .exit(0))
            try await driver.start()
            #expect(try await driver.failure("Node/NodeStageVolume", volume.stageRequest).code == .notFound)
            let status = try await driver.failure("Controller/CreateVolume", volume.createRequest)
            #expect(status.code == .failedPrecondition, "\(status)")
            #expect(status.message.contains("vanished"))
            #expect(!exists(server.files() + "/vanished"))
            try await volume.delete()
        }
    }

    @Test("complaint: an archive of a nested subDir that was interrupted fails for ever")
    func archiveRetried() async throws {
        for point in ["delete-share.record-trashed", "delete-share.data-moved", "delete-share.finished"] {
            try await site { driver, server in
                let name = String(point.drop { $0 != "." }.dropFirst())
                let volume = try await NFSVolume.make(
                    name, on: driver, server, ["onDelete": "archive", "subDir": "deep/er/\(name)"])
                #expect(writeFile("\(server.files())/deep/er/\(name)/file", "text") == nil)
                #expect(try await driver.stop() == .exit(0))
                try await driver.start(environment: ["MOORAGE_CRASH_AT=\(point)"])
                #expect(try await driver.failure("Controller/DeleteVolume", volume.deleteRequest).code == .unavailable)
                #expect(try await driver.ended() == .signal(SIGKILL))
                try await driver.start()
                for _ in 0..<2 { try await volume.delete() }
                #expect(readFile("\(server.files())/archived-deep/er/\(name)/file") == "text")
                #expect(!exists("\(server.files())/deep/er/\(name)"))
            }
        }
    }

    @Test("complaint: after a reboot a pod is published before its volume is staged, and writes to the local disk")
    func publishBeforeStage() async throws {
        try await site { driver, server in
            let volume = try await NFSVolume.make("rebooted", on: driver, server)
            try await volume.stage()
            try await volume.publish()
            #expect(writeFile(volume.target() + "/file", "before") == nil)
            // What a reboot leaves: the directories, and nothing mounted on them.
            #expect(try await driver.stop() == .exit(0))
            for mount in mounts(below: driver.directory) { umount2(mount, Int32(MNT_DETACH)) }
            _ = try await Finished.run(["/bin/rm", "-rf", "\(driver.directory)/state/ledger"], in: driver.directory)
            try await driver.start()
            try await volume.publish()
            #expect(readFile(volume.target() + "/file") == "before")
            #expect(writeFile(volume.target() + "/file", "after") == nil)
            #expect(readFile(server.files() + "/rebooted/file") == "after")
            #expect(mounts(below: driver.directory + "/kubelet").contains(volume.staging))
            try await volume.unpublish()
            #expect(!exists("\(driver.directory)/state/strays"))
            try await volume.unstage()
            try await volume.delete()
        }
    }

    // MARK: Owners and options

    @Test("complaint: a pod that is not root cannot write to a new volume")
    func notRoot() async throws {
        try await site { driver, server in
            let volume = try await NFSVolume.make(
                "theirs", on: driver, server, ["uid": "1234", "gid": "5678", "mountPermissions": "0770"])
            try await volume.stage()
            try await volume.publish()
            // The way to the target is not the pod's business.
            for path in [driver.directory, driver.directory + "/kubelet"] { #expect(chmod(path, 0o755) == 0) }
            func write(as user: String) async throws -> ChildProcess.Ending {
                try await Finished.run(
                    [
                        "/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups", "/bin/sh", "-c",
                        "echo text > \(volume.target())/by-\(user)",
                    ], in: driver.directory
                ).ending
            }
            #expect(try await write(as: "1234") == .exit(0))
            #expect(try await write(as: "4321") != .exit(0))
            #expect(readFile(server.files() + "/theirs/by-1234") == "text\n")
            try await volume.unpublish()
            try await volume.unstage()
            try await volume.delete()
        }
    }

    @Test("complaint: on an export that squashes root an owner is lost, and the call reports success all the same")
    func squashedRoot() async throws {
        try await site { driver, server in
            try await server.run("export", "/srv/squashed", "squash")
            #expect(chmod(server.files("/srv/squashed"), 0o777) == 0)
            var volume = try NFSVolume("owned", on: driver, server, share: "/srv/squashed", ["uid": "1234"])
            let status = try await driver.failure("Controller/CreateVolume", volume.createRequest)
            #expect(status.code == .failedPrecondition, "\(status)")
            #expect(status.message.contains("no_root_squash"))
            #expect(!exists(server.files("/srv/squashed") + "/.moorage/volumes/owned.json"))
            try await server.run("export", "/srv/squashed")
            try await insist("it is created") { try await volume.create() }
            var found = stat()
            #expect(stat(server.files("/srv/squashed") + "/owned", &found) == 0)
            #expect(found.st_uid == 1234)
            try await volume.delete()
            try await server.run("unexport", "/srv/squashed")
            try await server.run("remove", "/srv/squashed")
        }
    }

    @Test("complaint: DeleteVolume is not told the mount options without which the server cannot be mounted")
    func optionsOfDelete() async throws {
        try await site { driver, server in
            let made = try await NFSVolume.make("optional", on: driver, server, flags: ["vers=3", "nolock"])
            #expect(try mountedVersions() == ["v3"])
            #expect(try await driver.stop() == .exit(0))
            #expect(try mountedVersions() == [])
            try await driver.start()
            try await made.delete()
            #expect(try mountedVersions() == ["v3"])
            #expect(!exists(server.files() + "/optional"))
        }
    }

    /// Of all the kernel has mounted, in whatever namespace.
    private func mountedVersions() throws -> Set<String> {
        Set(
            (readFile("/proc/fs/nfsfs/volumes") ?? "").split(separator: "\n").dropFirst()
                .compactMap { $0.split(separator: " ").first.map(String.init) })
    }

    @Test("complaint: NFS 3 needs rpc.statd, a root that can be written, and /tmp")
    func readOnlyRoot() async throws {
        let server = try await NFSServer.started()
        // All is read-only but the driver's own directory.
        let seal = """
            mount -o remount,bind,ro / && mount -o remount,bind,ro /run && mount --bind "$0" "$0" \
              && mount -o remount,bind,rw "$0" && exec "$@"
            """
        try await Driver.with(
            ["--backends", "nfs"],
            startedBy: { ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", seal, $0] }
        ) { driver in
            for version in ["3", "4.2"] {
                let volume = try await NFSVolume.make(
                    "sealed", on: driver, server, flags: ["vers=\(version)", "nolock"])
                try await volume.stage()
                try await volume.publish()
                // Where the driver has it mounted.
                let root = "/proc/\(await driver.processID)/root"
                #expect(writeFile(root + volume.target() + "/file", "text") == nil)
                #expect(writeFile(root + "/tmp/file", "text") == EROFS)
                #expect(readFile(server.files() + "/sealed/file") == "text")
                try await volume.unpublish()
                try await volume.unstage()
                try await volume.delete()
            }
        }
        #expect(try processes(named: "rpc.statd").count <= 1, "the server's own")
        try await server.expectNoVolumes()
    }

    // MARK: Sizes and numbers

    @Test("complaint: the usage of a volume with a quota is told as that of the whole share")
    func usage() async throws {
        try await site { driver, server in
            let volume = try await NFSVolume.make("limited", on: driver, server)
            try await server.run("quota", "/srv/x/limited", "8m")
            try await volume.stage()
            try await volume.publish()
            let usage = try await volume.stats()["usage"].elements.first { $0["unit"].string == "BYTES" }
            #expect(usage?["total"].integer == 8 << 20)
            try await volume.unpublish()
            try await volume.unstage()
            try await server.run("quota", "/srv/x/limited", "none")
            try await volume.delete()
        }
    }

    @Test("complaint: a mount and a process for every volume use up the controller's memory")
    func mountsForEach() async throws {
        let server = try await NFSServer.started()
        var template = Array("/tmp/moorage-count-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("mkdtemp: errno \(errno)") }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let program = directory + "/mount"
        #expect(
            writeFile(
                program, "#!/bin/sh\necho mount >>\(directory)/log\nexec \(builtProducts)/moorage-mount\n") == nil)
        #expect(chmod(program, 0o755) == 0)
        try await Driver.with(["--backends", "nfs", "--mount-program", program]) { driver in
            for number in 0..<8 { try await NFSVolume.live("counted-\(number)", on: driver, server) }
            // One for the controller and one for the node, whose mounts wait longer for the server.
            #expect(readFile(directory + "/log") == "mount\nmount\n")
            // While there is a driver that empties the trash.
            try await server.expectNoVolumes()
        }
        _ = try await Finished.run(["/bin/rm", "-rf", directory], in: "/tmp")
    }

    @Test("complaint: mounting takes longer the more files a volume has")
    func manyFiles() async throws {
        try await site { driver, server in
            var requests: [Int] = []
            for (name, files) in [("few", 1), ("many", 400)] {
                let volume = try await NFSVolume.make(
                    name, on: driver, server, flags: ["vers=3", "nolock"], ["mountPermissions": "0755"])
                for number in 0..<files { #expect(writeFile("\(server.files())/\(name)/\(number)", "text") == nil) }
                // The first use of a share asks more.
                try await volume.stage()
                try await volume.unstage()
                let before = try requestsSent()
                try await volume.stage()
                try await volume.publish()
                requests.append(try requestsSent() - before)
                try await volume.unpublish()
                try await volume.unstage()
                try await volume.delete()
            }
            #expect(requests[1] <= requests[0] + 10, "\(requests)")
        }
    }

    /// By this namespace's client, since it started (`/proc/net/rpc/nfs`).
    private func requestsSent() throws -> Int {
        let line = try readFile("/proc/net/rpc/nfs").required("no numbers").split(separator: "\n")
            .first { $0.hasPrefix("rpc ") }
        return try (line?.split(separator: " ")[1]).flatMap { Int($0) }.required("no number")
    }
}
