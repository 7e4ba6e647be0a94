import CSIWire
import GRPCServing
import Glibc
import JSONText
import Testing

@Suite("The program", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct ProgramTests {
    @Test("a second driver on a live socket is refused, and the first one goes on")
    func secondDriver() async throws {
        try await Driver.with { driver in
            let other = driver.directory + "/other"
            try makeDirectory(other)
            let second = try await Finished.run(
                [
                    Driver.program, "serve", "--endpoint", driver.endpoint, "--node-id", "n", "--state-dir",
                    other + "/state",
                ],
                in: driver.directory)
            #expect(second.ending != .exit(0))
            #expect(second.errors.contains(driver.socket), "\(second.errors)")
            #expect(try await driver.call("Identity/Probe")["ready"] == .bool(true))
        }
    }

    @Test("a second driver on the same state is refused")
    func sameState() async throws {
        try await Driver.with { driver in
            let second = try await Finished.run(
                [
                    Driver.program, "serve", "--endpoint", driver.directory + "/other.sock", "--node-id", "n",
                    "--state-dir", driver.directory + "/state",
                ], in: driver.directory)
            #expect(second.ending == .exit(64))
            #expect(second.errors.contains("is used by another driver"), "\(second.errors)")
        }
    }

    static let wrongFlags: [([String], String)] = [
        (["--endpoint", "tcp://127.0.0.1:9000"], "unix:///"),
        (["--log-level", "loud"], "trace, debug, info"),
        (["--log-format", "xml"], "text, json"),
        (["--mode", "some"], "all, controller, node"),
        (["--single-node-writer", "maybe"], "exclusive, shared"),
        (["--state-dir", "relative"], "begins with /"),
        (["--kubelet-dir", "/a/../b"], "without . and .."),
        (["--pool", "nodir"], "NAME=DIR"),
        (["--backends", "zfs"], "hostPath"),
        (["--driver-name", "a_b"], "63 letters"),
        (["--node-id", "a b"], "name of this node"),
        (["--drain-timeout", "soon"], "0 to 3600"),
        (["--no-such-flag"], "--no-such-flag"),
    ]

    @Test("a wrong flag is exit code 64 and a text that says what would be right", arguments: wrongFlags)
    func flags(words: [String], told: String) async throws {
        let run = try await Finished.run([Driver.program, "serve"] + words, in: "/tmp")
        #expect(run.ending == .exit(64))
        #expect(run.errors.contains(told), "\(run.errors)")
    }

    @Test("SIGTERM and SIGINT end it with 0 and without its socket", arguments: [SIGTERM, SIGINT])
    func stop(signal: Int32) async throws {
        try await Driver.with { driver in
            #expect(exists(driver.socket))
            let ending = try await driver.stop(signal)
            #expect(ending == .exit(0))
            #expect(!exists(driver.socket))
        }
    }

    @Test("volumes and mounts outlive the driver, however it ends", arguments: [SIGTERM, SIGKILL])
    func restart(signal: Int32) async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            try await volume.stage()
            try await volume.publish()
            #expect(writeFile(volume.target("a") + "/file", "text") == nil)
            #expect(try await driver.stop(signal) == (signal == SIGKILL ? .signal(SIGKILL) : .exit(0)))
            // After SIGKILL a socket is left that nobody listens on.
            #expect(exists(driver.socket) == (signal == SIGKILL))
            try await driver.start()
            _ = try await driver.call("Controller/ControllerGetVolume", #"{"volumeId": "\#(volume.id)"}"#)
            let status = try await driver.failure("Controller/DeleteVolume", #"{"volumeId": "\#(volume.id)"}"#)
            #expect(status.code == .failedPrecondition, "\(status)")
            #expect(readFile(volume.target("a") + "/file") == "text")
            try await volume.unpublish()
            try await volume.unstage()
            #expect(mounts(below: driver.directory).isEmpty)
            try await volume.delete()
        }
    }

    @Test("of calls that succeed only those are in the log, by default, that change something")
    func quietLog() async throws {
        try await Driver.with(["--log-level", "info"]) { driver in
            _ = try await driver.call("Identity/Probe")
            let volume = try await Volume.make("v", on: driver)
            try await eventually("the change is in the log") { driver.log.contains("CreateVolume") }
            #expect(!driver.log.contains("Probe"))
            try await volume.delete()
        }
    }

    @Test("the log has a line for each call, and nothing that could be secret")
    func log() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            let secret = "gehe1m"
            _ = try await driver.failure(
                "Node/NodeStageVolume",
                """
                {"volumeId": "\(volume.id)", "stagingTargetPath": "\(volume.staging)",
                 "secrets": {"key": "\(secret)"}, "volumeContext": {"key": "\(secret)"},
                 "volumeCapability": \(capability(flags: ["key=\(secret)"]))}
                """)
            _ = try await driver.failure(
                "Controller/CreateVolume",
                """
                {"name": "w", "parameters": {"uid": "\(secret)"}, "secrets": {"key": "\(secret)"},
                 "volumeCapabilities": [\(capability())]}
                """)
            try await eventually("both calls are in the log") {
                let lines = driver.log.split(separator: "\n").filter { $0.contains("INVALID_ARGUMENT") }
                return lines.contains { $0.contains("csi.v1.Node/NodeStageVolume") && $0.contains(volume.id) }
                    && lines.contains { $0.contains("csi.v1.Controller/CreateVolume") }
            }
            #expect(
                driver.log.split(separator: "\n").contains { $0.contains("CreateVolume") && $0.contains("code=OK") })
            #expect(!driver.log.contains(secret))
        }
    }
}
