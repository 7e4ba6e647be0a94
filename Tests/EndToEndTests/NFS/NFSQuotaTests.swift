import GRPCServing
import Glibc
import JSONText
import LinuxSystem
import SystemPackage
import Testing

/// In the test machine (hack/vm), whose kernel has project quota: the driver runs on the server. More of this suite in
/// `NFSExpansionTests.swift`.
@Suite("Sizes of NFS volumes", .privateMountNamespace, .serialized, .timeLimit(.minutes(4)))
struct NFSQuotaTests {
    static let mebibyte = 1 << 20
    /// Where the server's file systems are, which are its shares as well.
    static let xfs = "/srv/x", ext4 = "/srv/e"

    /// A driver that knows that it runs on the server.
    static func with(_ flags: [String] = [], _ body: (Driver, NFSServer) async throws -> Void) async throws {
        let server = try await NFSServer.started()
        let roots = [xfs, ext4].flatMap { ["--export-root", "\(server.address):\($0)=\($0)"] }
        try await NFSLifeTests.with(roots + flags) { driver, server in
            try await body(driver, server)
            for share in [xfs, ext4] { try expectNothingLeft(on: share) }
        }
    }

    static func expectNothingLeft(on share: String) throws {
        #expect(try projectLimits(share) == [:])
        if exists("\(share)/.moorage/quota") { #expect(try entries("\(share)/.moorage/quota") == []) }
    }

    static func make(
        _ name: String, of mebibytes: Int, on driver: Driver, _ server: NFSServer, share: String = xfs,
        flags: [String] = [], _ parameters: [String: String] = [:]
    ) async throws -> NFSVolume {
        var volume = try NFSVolume(name, on: driver, server, share: share, flags: flags, parameters)
        volume.size = mebibytes * mebibyte
        try await volume.create()
        return volume
    }

    static func expand(_ volume: NFSVolume, to mebibytes: Int) async throws -> Int {
        let answer = try await volume.driver.call("Controller/ControllerExpandVolume", volume.expandRequest(mebibytes))
        #expect(answer["nodeExpansionRequired"] == .null)
        return answer["capacityBytes"].integer / mebibyte
    }

    // MARK: The kernel's part

    @Test(
        "a file system says that it enforces, keeps limits in whole blocks, and counts",
        arguments: [(xfs, UInt64(1_003_520)), (ext4, UInt64(1_000_448))])
    func kernel(path: String, rounded: UInt64) async throws {
        _ = try await NFSServer.started()
        let root = try OwnedDescriptor.open(path, [.readOnly, .directory])
        #expect(try root.projectQuotaState() == ProjectQuotaState(isAccounted: true, isEnforced: true))
        try root.makeDirectory("kernel", permissions: 0o755)
        let directory = try root.open(beneath: "kernel", [.readOnly, .directory])
        #expect(try directory.projectMembership() == .none)
        let project: UInt32 = 1_500_000_000
        #expect(
            (try root.projectUsage(of: project) ?? ProjectUsage(project: project)) == ProjectUsage(project: project))
        try root.setProjectLimit(1_000_000, of: project)
        #expect(try root.projectUsage(of: project)?.byteLimit == rounded)
        let membership = ProjectMembership(project: project, isInherited: true)
        try directory.setProjectMembership(membership)
        #expect(try directory.projectMembership() == membership)
        try directory.makeDirectory("below", permissions: 0o755)
        #expect(try directory.open(beneath: "below", [.readOnly, .directory]).projectMembership() == membership)
        #expect(append(100_000, to: "\(path)/kernel/below/file") == nil)
        // Linux 6.1 skips projects of ext4 when asked from the middle of a block of them.
        let next = try root.nextProjectUsage(from: 1 << 30)
        let usage = try next.required("the project is not found")
        #expect(usage.project == project && usage.files == 3)
        #expect((100_000..<200_000).contains(usage.bytes))
        // Whoever is not of the project moves nothing in.
        #expect(writeFile("\(path)/outside", "text") == nil)
        #expect(rename("\(path)/outside", "\(path)/kernel/inside") == -1 && errno == EXDEV)
        try root.setProjectLimit(0, of: project)
        #expect(try root.projectUsage(of: project)?.byteLimit == 0)
        _ = try await Finished.run(["/bin/rm", "-rf", "\(path)/kernel", "\(path)/outside"], in: "/tmp")
        try Self.expectNothingLeft(on: path)
    }

    @Test("a file system without quota says so", arguments: ["/dev/shm", "/proc"])
    func noQuota(path: String) throws {
        let directory = try OwnedDescriptor.open(path, [.readOnly, .directory])
        #expect(throws: Errno.self) { try directory.projectQuotaState() }
        #expect(throws: Errno.self) { try directory.setProjectLimit(4096, of: 1_500_000_000) }
    }

    // MARK: Volumes

    @Test("a client has no more room than its volume, and has it when the volume is expanded", arguments: ["4.2", "3"])
    func enforced(version: String) async throws {
        try await Self.with { driver, server in
            let volume = try await Self.make("full", of: 8, on: driver, server, flags: ["vers=\(version)", "nolock"])
            try await volume.stage()
            try await volume.publish()
            #expect(try await volume.stats()["usage"].elements[0]["total"].integer == 8 * Self.mebibyte)
            let file = volume.target() + "/file"
            #expect(append(6 * Self.mebibyte, to: file) == nil)
            #expect(noRoom.contains(append(6 * Self.mebibyte, to: file)))
            for _ in 0..<2 { #expect(try await Self.expand(volume, to: 24) == 24) }
            #expect(append(6 * Self.mebibyte, to: file) == nil)
            // What the client has of it is as old as its attributes may be (acdirmax); the server's word is at once.
            #expect(try projectLimits(Self.xfs).values.sorted() == [UInt64(24 * Self.mebibyte)])
            #expect(try await Self.expand(volume, to: 16) == 24)
            #expect(noRoom.contains(append(24 * Self.mebibyte, to: file)))
            try await volume.unpublish()
            try await volume.unstage()
            for _ in 0..<2 { try await volume.delete() }
            try await NFSLifeTests.expectNoVolumes()
        }
    }

    @Test("a writer that ran out of room goes on when the volume is expanded")
    func writer() async throws {
        try await Self.with { driver, server in
            let volume = try await Self.make("writer", of: 4, on: driver, server)
            try await volume.stage()
            try await volume.publish()
            let file = volume.target() + "/log"
            var stops = 0
            for size in [4, 8, 12] {
                if size > 4 { #expect(try await Self.expand(volume, to: size) == size) }
                var written = 0
                while written < 64 {
                    guard let error = append(256 << 10, to: file) else {
                        written += 1
                        continue
                    }
                    #expect(noRoom.contains(error))
                    stops += 1
                    break
                }
                #expect((4..<64).contains(written))
            }
            #expect(stops == 3)
            try await volume.unpublish()
            try await volume.unstage()
            try await volume.delete()
        }
    }

    @Test("on ext4 users are held to the size; root is not, which is why root_squash is told")
    func onExt4() async throws {
        try await Self.with { driver, server in
            let volume = try await Self.make("user", of: 4, on: driver, server, share: Self.ext4)
            #expect(try projectLimits(Self.ext4).values.sorted() == [UInt64(4 * Self.mebibyte)])
            try await volume.stage()
            try await volume.publish()
            // For somebody who is not root the way to it is closed.
            #expect(chmod(driver.directory, 0o755) == 0)
            for (count, isRoom) in [(2, true), (9, false)] {
                let written = try await Finished.run(
                    [
                        "/usr/bin/setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "/bin/dd",
                        "if=/dev/zero", "of=\(volume.target())/file-\(count)", "bs=1M", "count=\(count)", "conv=fsync",
                    ], in: "/tmp")
                #expect((written.ending == .exit(0)) == isRoom, "\(written.output) \(written.errors)")
            }
            #expect(try await Self.expand(volume, to: 8) == 8)
            #expect(try projectLimits(Self.ext4).values.sorted() == [UInt64(8 * Self.mebibyte)])
            try await volume.unpublish()
            try await volume.unstage()
            try await volume.delete()
            try await eventually("the trash is empty") { try entries("\(Self.ext4)/.moorage/trash").isEmpty }
        }
    }

    @Test("data that is kept has no limit any more", arguments: ["retain", "archive"])
    func kept(policy: String) async throws {
        try await Self.with { driver, server in
            let name = "kept-\(policy)"
            let volume = try await Self.make(name, of: 1, on: driver, server, ["onDelete": policy])
            #expect(append(512 << 10, to: "\(Self.xfs)/\(name)/file") == nil)
            try await volume.delete()
            let directory = "\(Self.xfs)/\(policy == "archive" ? "archived-" : "")\(name)"
            #expect(append(4 * Self.mebibyte, to: directory + "/more") == nil)
            try await NFSLifeTests.expectNoVolumes()
            _ = try await Finished.run(["/bin/rm", "-rf", directory], in: "/tmp")
        }
    }

    @Test("requireQuota is refused where nothing enforces, and nothing is made")
    func required() async throws {
        let parameters = ["requireQuota": "true"]
        try await NFSLifeTests.with { driver, server in
            let volume = try NFSVolume("required", on: driver, server, parameters)
            let status = try await driver.failure("Controller/CreateVolume", volume.createRequest)
            #expect(status.code == .failedPrecondition, "\(status)")
            #expect(status.message.contains("--export-root"))
            #expect(!exists("\(Self.xfs)/required"))
        }
        try await Self.with { driver, server in
            let volume = try await Self.make("required", of: 2, on: driver, server, parameters)
            #expect(try projectLimits(Self.xfs).count == 1)
            var other = try NFSVolume("required", on: driver, server)
            other.size = volume.size
            let status = try await driver.failure("Controller/CreateVolume", other.createRequest)
            #expect(status.code == .alreadyExists, "\(status)")
            try await volume.delete()
            var sizeless = try NFSVolume("sizeless", on: driver, server, parameters)
            sizeless.size = 0
            let refused = try await driver.failure("Controller/CreateVolume", sizeless.createRequest)
            #expect(refused.code == .invalidArgument, "\(refused)")
        }
    }

    @Test("an export root that is not the share is refused, and one without quota is said")
    func wrongRoots() async throws {
        let server = try await NFSServer.started()
        try makeDirectory("/dev/shm/elsewhere")
        try await NFSLifeTests.with(["--export-root", "\(server.address):/srv/x=/dev/shm/elsewhere"]) {
            driver, server in
            let volume = try NFSVolume("wrong", on: driver, server)
            let status = try await driver.failure("Controller/CreateVolume", volume.createRequest)
            #expect(status.code == .failedPrecondition, "\(status)")
            #expect(!exists("\(Self.xfs)/wrong"))
        }
        // The root file system of the servers, an ext4 without quota.
        try await server.run("export", "/srv/plain")
        try await NFSLifeTests.with(["--export-root", "\(server.address):/srv/plain=/srv/plain"]) { driver, server in
            let volume = try await NFSVolume.make("plain", on: driver, server, share: "/srv/plain")
            try await eventually("the log says so") { driver.log.contains("sizeNotEnforced") }
            try await volume.delete()
        }
        try await server.run("unexport", "/srv/plain")
        try await server.run("remove", "/srv/plain")
    }

    @Test("two controllers on the server make, expand and delete the same volumes, and lose no number")
    func twoControllers() async throws {
        try await Self.with { first, server in
            let roots = ["--export-root", "\(server.address):\(Self.xfs)=\(Self.xfs)"]
            try await NFSLifeTests.with(roots) { second, _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<4 {
                        for driver in [first, second] {
                            group.addTask {
                                try await insist("made") {
                                    _ = try await Self.make("two-\(number)", of: 2, on: driver, server)
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try projectLimits(Self.xfs).values.sorted() == Array(repeating: UInt64(2 << 20), count: 4))
                let volume = try await Self.make("two-0", of: 2, on: first, server)
                let same = try await Self.make("two-0", of: 2, on: second, server)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (volume, size) in [(volume, 5), (same, 7)] {
                        group.addTask {
                            try await insist("expanded") {
                                let grown = try await Self.expand(volume, to: size)
                                #expect(grown == 5 || grown == 7)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                for one in [volume, same] { #expect(try await Self.expand(one, to: 3) == 7) }
                #expect(try projectLimits(Self.xfs).values.max() == UInt64(7 << 20))
                for number in 0..<4 {
                    let volume = try await Self.make("two-\(number)", of: 2, on: second, server)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for driver in [first, second] {
                            group.addTask {
                                try await insist("deleted") {
                                    _ = try await driver.call("Controller/DeleteVolume", volume.deleteRequest)
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                try await NFSLifeTests.expectNoVolumes()
            }
        }
    }

    // MARK: Death

    static let points = CrashPointTests.allPoints.filter { $0.contains("-quota.") }

    @Test(
        "after a death at any step the call is repeated, and the volume deleted, with nothing left", arguments: points)
    func crash(point: String) async throws {
        let step = point.prefix { $0 != "-" }
        let policy = point.hasSuffix(".directory-left") ? "retain" : "delete"
        try await Self.with { driver, server in
            func call(_ name: Substring, _ volume: inout NFSVolume) async throws {
                switch name {
                case "create": try await volume.create()
                case "expand":
                    let grown = try await Self.expand(volume, to: 4)
                    #expect(grown == 4)
                default: try await volume.delete()
                }
            }
            var volume = try NFSVolume("crash", on: driver, server, ["onDelete": policy])
            volume.size = 2 * Self.mebibyte
            if step != "create" { try await call("create", &volume) }
            #expect(try await driver.stop() == .exit(0))
            try await driver.start(environment: ["MOORAGE_CRASH_AT=\(point)"])
            do {
                try await call(step, &volume)
                Issue.record("the point is never reached")
            } catch let status as GRPCStatus where status.code == .unavailable {
                // The connection broke off.
            }
            #expect(try await driver.ended() == .signal(SIGKILL))
            try await driver.start()
            for _ in 0..<2 { try await call(step, &volume) }
            if step != "delete" {
                let bytes = UInt64((step == "expand" ? 4 : 2) * Self.mebibyte)
                #expect(try projectLimits(Self.xfs).values.sorted() == [bytes])
                #expect(try entries("\(Self.xfs)/.moorage/quota").count == 1)
                try await volume.delete()
            }
            #expect(exists("\(Self.xfs)/crash") == (policy == "retain"))
            rmdir("\(Self.xfs)/crash")
            try await NFSLifeTests.expectNoVolumes()
        }
    }
}
