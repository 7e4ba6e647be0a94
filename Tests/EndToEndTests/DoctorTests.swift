import CSIWire
import Glibc
import JSONText
import Testing

@Suite("moorage doctor", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct DoctorTests {
    /// By the name of the check.
    private typealias Findings = [String: JSONValue]

    /// With the flags of the driver in this directory; a flag that is given once more wins.
    private func words(_ driver: Driver, _ flags: [String]) -> [String] {
        let own = [
            ("--endpoint", driver.endpoint), ("--state-dir", driver.directory + "/state"),
            ("--kubelet-dir", driver.directory + "/kubelet"),
        ]
        return [Driver.program, "doctor"] + own.filter { !flags.contains($0.0) }.flatMap { [$0.0, $0.1] } + flags
    }

    private func examine(
        _ driver: Driver, _ flags: String..., ending: ChildProcess.Ending
    ) async throws -> Findings {
        let doctor = try await Finished.run(words(driver, flags + ["--json"]), in: driver.directory)
        #expect(doctor.ending == ending, "\(doctor.output)\(doctor.errors)")
        let findings = try JSONValue(parsing: doctor.output).elements
        return try Dictionary(
            uniqueKeysWithValues: findings.map { (try $0["check"].string.required("a finding without a name"), $0) })
    }

    private func result(_ findings: Findings, _ check: String) -> String? { findings[check]?["result"].string }

    /// What a node's own kubelet directory is: on a mount that is shared with containers.
    private func shareKubelet(of driver: Driver) throws {
        let path = driver.directory + "/kubelet"
        try #require(mount(path, path, nil, UInt(MS_BIND), nil) == 0)
        try #require(mount(nil, path, nil, UInt(MS_SHARED), nil) == 0)
    }

    @Test("beside a healthy driver everything is ok, and nothing is changed")
    func healthy() async throws {
        try await Driver.with { driver in
            try shareKubelet(of: driver)
            let table = readFile("/proc/self/mountinfo")
            let state = try entries(driver.directory + "/state")
            let findings = try await examine(driver, ending: .exit(0))
            for (check, finding) in findings {
                #expect(finding["result"].string == "ok", "\(check): \(finding.text())")
                #expect(finding["remedy"].string == "")
            }
            #expect(
                Set(findings.keys) == [
                    "kernel", "openat2", "statx", "open_tree", "mount_setattr", "move_mount", "move_mount beneath",
                    "statmount", "listmount",
                    "capabilities", "kubelet directory", "mount propagation", "state directory",
                    "room of state directory", "pool default", "room of pool default", "socket", "driver",
                ])
            #expect(findings["driver"]?["found"].string?.hasPrefix("csi.moorage.dev ") == true)
            #expect(readFile("/proc/self/mountinfo") == table)
            #expect(try entries(driver.directory + "/state") == state)

            let text = try await Finished.run(words(driver, []), in: driver.directory)
            #expect(text.ending == .exit(0))
            #expect(text.output.hasSuffix("\n0 problems, 0 warnings\n"), "\(text.output)")
        }
    }

    @Test("a kubelet directory on a private mount is a problem")
    func privateMount() async throws {
        try await Driver.with { driver in
            let findings = try await examine(driver, ending: .exit(1))
            let finding = try findings["mount propagation"].required("no finding")
            #expect(finding["result"].string == "problem")
            #expect(finding["remedy"].string?.contains("mountPropagation: Bidirectional") == true)
            let text = try await Finished.run(words(driver, []), in: driver.directory)
            #expect(text.ending == .exit(1))
            #expect(text.output.contains("\n    remedy: in a container mount "), "\(text.output)")
        }
    }

    @Test("for NFS: what mounts shares is looked for, and a share that nobody exports is a problem")
    func nfs() async throws {
        try await Driver.with { driver in
            try shareKubelet(of: driver)
            var findings = try await examine(
                driver, "--backends", "nfs", "--nfs-pool", "home=127.0.0.1:/nobody/exports/this", ending: .exit(1))
            #expect(findings["pool default"] == nil)
            #expect(result(findings, "moorage-mount") == "ok")
            #expect(["rpc.gssd", "rpc.statd"].allSatisfy { result(findings, $0) == "ok" })
            #expect(findings["NFS client"] != nil)
            let pool = try findings["NFS pool home"].required("no finding")
            #expect(pool["result"].string == "problem")
            #expect(pool["found"].string?.contains("127.0.0.1:/nobody/exports/this") == true, "\(pool.text())")
            #expect(pool["remedy"].string?.isEmpty == false)

            findings = try await examine(
                driver, "--backends", "hostPath,nfs", "--nfs-pool", "home=name.invalid:/x", "--mount-program",
                "/nowhere/moorage-mount", ending: .exit(1))
            #expect(result(findings, "pool default") == "ok")
            #expect(result(findings, "moorage-mount") == "problem")
            #expect(findings["NFS pool home"]?["found"].string?.contains("/nowhere/moorage-mount") == true)
        }
    }

    @Test("for NFS: whoever mounts and never ends is not waited for")
    func hangingMount() async throws {
        try await Driver.with { driver in
            try shareKubelet(of: driver)
            let program = driver.directory + "/moorage-mount"
            #expect(writeFile(program, "#!/bin/sh\nexec /bin/sleep 600\n") == nil)
            try #require(chmod(program, 0o755) == 0)
            let findings = try await examine(
                driver, "--backends", "nfs", "--nfs-pool", "a=127.0.0.1:/a", "--nfs-pool", "b=127.0.0.1:/b",
                "--mount-program", program, ending: .exit(1))
            for name in ["a", "b"] { #expect(result(findings, "NFS pool \(name)") == "problem") }
        }
    }

    @Test("pools that the driver could not serve are problems, each with its name")
    func pools() async throws {
        try await Driver.with { driver in
            try shareKubelet(of: driver)
            let (full, empty) = (driver.directory + "/full", driver.directory + "/empty")
            let damaged = driver.directory + "/damaged"
            for path in [full, empty, damaged + "/.moorage/volumes"] { try makeDirectory(path) }
            #expect(writeFile(full + "/file", "text") == nil)
            let findings = try await examine(
                driver, "--pool", "default=\(driver.pool)", "--pool", "away=/nowhere/at/all", "--pool", "full=\(full)",
                "--pool", "empty=\(empty)", "--pool", "damaged=\(damaged)", ending: .exit(1))
            #expect(result(findings, "pool default") == "ok")
            #expect(result(findings, "pool empty") == "ok")
            #expect(result(findings, "pool away") == "problem")
            #expect(result(findings, "pool full") == "problem")
            #expect(result(findings, "pool damaged") == "problem")
            #expect(try entries(empty).isEmpty)
        }
    }

    @Test("a file system that is read-only is a problem, and one that is nearly full a warning")
    func fileSystems() async throws {
        try await Driver.with { driver in
            try shareKubelet(of: driver)
            let (small, readOnly) = (driver.directory + "/small", driver.directory + "/read-only")
            for path in [small, readOnly] { try makeDirectory(path) }
            try #require(mount("tmpfs", small, "tmpfs", 0, "size=1m") == 0)
            try #require(mount("tmpfs", readOnly, "tmpfs", UInt(MS_RDONLY), nil) == 0)
            var findings = try await examine(
                driver, "--pool", "small=\(small)", "--state-dir", small + "/state", ending: .exit(0))
            for check in ["room of pool small", "room of state directory"] {
                #expect(result(findings, check) == "warning")
                #expect(findings[check]?["found"].string == "1.0Mi on tmpfs, which is little")
            }
            findings = try await examine(driver, "--pool", "rom=\(readOnly)", ending: .exit(1))
            #expect(findings["pool rom"]?["found"].string == "\(readOnly) is mounted read-only")
            findings = try await examine(driver, "--state-dir", readOnly, ending: .exit(1))
            #expect(findings["state directory"]?["found"].string == "\(readOnly) cannot be written")
        }
    }

    @Test("a disk that is not mounted, or another in its place, is a problem")
    func otherDisk() async throws {
        try await Driver.with { driver in
            try shareKubelet(of: driver)
            let (metadata, aside) = (driver.pool + "/.moorage", driver.directory + "/aside")
            let format = try readFile(metadata + "/format").required("no format")
            try #require(rename(metadata, aside) == 0)
            var findings = try await examine(driver, ending: .exit(1))
            #expect(findings["pool default"]?["found"].string?.contains("does not hold the pool") == true)
            try makeDirectory(metadata)
            let id = try JSONValue(parsing: format)["id"].string.required("no id")
            #expect(writeFile(metadata + "/format", format.replacing(id, with: "000000000000")) == nil)
            findings = try await examine(driver, ending: .exit(1))
            #expect(findings["pool default"]?["found"].string?.contains("holds the pool 000000000000") == true)
            unlink(metadata + "/format")
            rmdir(metadata)
            try #require(rename(aside, metadata) == 0)
            findings = try await examine(driver, ending: .exit(0))
            #expect(result(findings, "pool default") == "ok")
        }
    }

    @Test("without a driver the socket is a warning, before the first start and after the last")
    func noDriver() async throws {
        try await Driver.with { driver in
            try shareKubelet(of: driver)
            _ = try await driver.stop()
            var findings = try await examine(driver, ending: .exit(0))
            #expect(result(findings, "socket") == "warning")
            #expect(findings["driver"] == nil)
            findings = try await examine(driver, "--state-dir", driver.directory + "/new", ending: .exit(0))
            #expect(findings["state directory"]?["found"].string?.contains("is made when the driver starts") == true)
            #expect(result(findings, "pool default") == "ok")
            #expect(!exists(driver.directory + "/new"))
            findings = try await examine(driver, "--state-dir", "/nowhere/at/all", ending: .exit(1))
            #expect(result(findings, "state directory") == "problem")
            // A driver that was killed leaves its socket.
            try await driver.start()
            _ = try await driver.stop(SIGKILL)
            findings = try await examine(driver, ending: .exit(0))
            #expect(result(findings, "socket") == "ok")
            #expect(result(findings, "driver") == "warning")
            try await driver.start()
        }
    }

    @Test("what is no socket, and who listens without answering, is a problem; a socket for all is a warning")
    func sockets() async throws {
        try await Driver.with { driver in
            try shareKubelet(of: driver)
            let file = driver.directory + "/file"
            #expect(writeFile(file, "") == nil)
            var findings = try await examine(driver, "--endpoint", file, ending: .exit(1))
            #expect(result(findings, "socket") == "problem")
            findings = try await examine(driver, "--endpoint", "/nowhere/at/all/csi.sock", ending: .exit(1))
            #expect(result(findings, "socket") == "problem")

            chmod(driver.socket, 0o666)
            findings = try await examine(driver, ending: .exit(0))
            #expect(result(findings, "socket") == "warning")
            #expect(result(findings, "driver") == "ok")

            let silent = driver.directory + "/silent.sock"
            let listener = try listen(at: silent)
            defer { close(listener) }
            findings = try await examine(driver, "--endpoint", silent, ending: .exit(1))
            #expect(findings["driver"]?["found"].string?.contains("DEADLINE_EXCEEDED") == true, "\(findings)")
        }
    }

    /// A socket that takes connections into its backlog, and never more.
    private func listen(at path: String) throws -> Int32 {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, chmod(path, 0o600) == 0, Glibc.listen(listener, 8) == 0 else {
            throw Failure("no socket at \(path): errno \(errno)")
        }
        return listener
    }

    @Test(
        "a wrong flag is exit code 64",
        arguments: [
            ["--endpoint", "tcp://127.0.0.1:9000"], ["--state-dir", "relative"], ["--kubelet-dir", "/a/../b"],
            ["--pool", "nodir"], ["--no-such-flag"], ["--backends", "cifs"], ["--nfs-pool", "nas:/x"],
            ["--mount-program", "relative"],
        ])
    func usage(words: [String]) async throws {
        let doctor = try await Finished.run([Driver.program, "doctor"] + words, in: "/tmp")
        #expect(doctor.ending == .exit(64))
        #expect(doctor.errors.contains("--"), "\(doctor.errors)")
        #expect(doctor.output.isEmpty)
    }
}
