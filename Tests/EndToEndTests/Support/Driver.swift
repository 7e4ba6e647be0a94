import CSIWire
import GRPCServing
import Glibc
import JSONText
import Testing

/// The built program, serving in a directory of its own, and a client of it.
actor Driver {
    /// What was built beside the tests, or what `MOORAGE_PROGRAM` names.
    static let program = getenv("MOORAGE_PROGRAM").map { String(cString: $0) } ?? "\(builtProducts)/moorage"
    static let nodeID = "test-node"

    /// Everything the driver has and makes is below.
    nonisolated let directory: String
    private let flags: [String]
    /// What starts the program: the words before its own.
    private let starter: [String]
    private var process: ChildProcess
    private var channel: GRPCChannel?
    private let transcoder = JSONTranscoder()

    private init(directory: String, flags: [String], starter: [String]) throws {
        self.directory = directory
        self.flags = flags
        self.starter = starter
        process = try Self.launch(directory, flags, starter)
    }

    /// Starts a driver that answers, and takes away all of it in the end. A failure is shown with the end of the log.
    ///
    /// - Parameter starter: a program and its arguments, which has to become the driver (execve(2)); told the driver's
    ///   directory.
    static func with(
        _ flags: [String] = [], startedBy starter: (String) -> [String] = { _ in [] },
        _ body: (Driver) async throws -> Void
    ) async throws {
        var template = Array("/tmp/moorage-e2e-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("mkdtemp: errno \(errno)") }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try makeDirectory(directory + "/kubelet")
        do {
            let driver = try Driver(directory: directory, flags: flags, starter: starter(directory))
            try await driver.becomeReady()
            try await body(driver)
            let ending = try await driver.stop()
            guard ending == .exit(0) else { throw Failure("the driver ended with \(ending)") }
        } catch {
            Issue.record(error, "the log ends with:\n\(logTail(directory))")
        }
        for mount in mounts(below: directory) { umount2(mount, Int32(MNT_DETACH)) }
        _ = try await Finished.run(["/bin/rm", "-rf", "--one-file-system", directory], in: "/tmp")
    }

    nonisolated var socket: String { directory + "/csi.sock" }
    nonisolated var endpoint: String { "unix://\(socket)" }
    nonisolated var pool: String { directory + "/state/pools-data/default" }
    /// See `PausePoint`.
    nonisolated var pauses: String { directory + "/pauses" }
    nonisolated var log: String { readFile(directory + "/log") ?? "" }
    var processID: pid_t { process.id }
    var isRunning: Bool { process.isRunning }

    private static func launch(
        _ directory: String, _ flags: [String], _ starter: [String], environment: [String] = []
    ) throws -> ChildProcess {
        try ChildProcess(
            starter + arguments(directory) + flags, output: directory + "/log",
            environment: ["MOORAGE_PAUSE_IN=\(directory)/pauses"] + environment)
    }

    static func arguments(_ directory: String) -> [String] {
        [
            program, "serve", "--endpoint", "unix://\(directory)/csi.sock", "--node-id", nodeID,
            "--state-dir", "\(directory)/state", "--kubelet-dir", "\(directory)/kubelet", "--log-level", "debug",
        ]
    }

    private static func logTail(_ directory: String) -> String {
        (readFile(directory + "/log") ?? "").split(separator: "\n").suffix(30).joined(separator: "\n")
    }

    /// Until mounts are compared with the kernel, calls that need them are UNAVAILABLE: a call that does is asked.
    private func becomeReady() async throws {
        channel?.close()
        channel = nil
        try await eventually("the driver answers") {
            guard process.isRunning else { throw Failure("the driver ended: \(try await process.ended())") }
            do {
                if channel == nil { channel = try GRPCChannel(to: UnixEndpoint(parsing: endpoint)) }
                _ = try await call("Identity/Probe")
                _ = try await call("Node/NodeGetVolumeStats", #"{"volumeId": "nothing", "volumePath": "/nothing"}"#)
                return false
            } catch is EndpointError {
                return false
            } catch let status as GRPCStatus where status.code == .notFound {
                return true
            } catch let status as GRPCStatus where status.code == .unavailable {
                channel = nil
                return false
            }
        }
    }

    func stop(_ signal: Int32 = SIGTERM) async throws -> ChildProcess.Ending {
        channel?.close()
        channel = nil
        process.send(signal)
        return try await process.ended()
    }

    /// Starts it again where it was stopped.
    func start(environment: [String] = []) async throws {
        process = try Self.launch(directory, flags, starter, environment: environment)
        try await becomeReady()
    }

    /// Starts it again, and waits until it answers a Probe.
    ///
    /// - Returns: how long that took.
    func startAndListen(within seconds: Int) async throws -> Duration {
        let began = ContinuousClock.now
        process = try Self.launch(directory, flags, starter)
        try await eventually("the driver listens", within: seconds) {
            do {
                if channel == nil { channel = try GRPCChannel(to: UnixEndpoint(parsing: endpoint)) }
                _ = try await call("Identity/Probe")
                return true
            } catch is EndpointError {
                return false
            } catch let status as GRPCStatus where status.code == .unavailable {
                channel = nil
                return false
            }
        }
        let took = ContinuousClock.now - began
        try await becomeReady()
        return took
    }

    /// Waits until it has ended by itself.
    func ended() async throws -> ChildProcess.Ending {
        let ending = try await process.ended()
        channel?.close()
        channel = nil
        return ending
    }

    /// - Parameters:
    ///   - method: its service and name, without the package of CSI; of another package with a slash before all.
    ///   - json: the request.
    /// - Throws: `GRPCStatus` when the answer is an error.
    func call(_ method: String, _ json: String = "{}", timeout: Duration = .seconds(20)) async throws -> JSONValue {
        let path = method.hasPrefix("/") ? method : "/csi.v1.\(method)"
        let schema = try DescriptorCatalog.compiledIn.method(path: path).required("there is no method \(path)")
        let request = try transcoder.bytes(of: schema.input, json: JSONValue(parsing: json))
        let answer = try await channel.required("no channel").unary(path, request, timeout: timeout)
        return try transcoder.json(of: schema.output, bytes: answer)
    }

    /// The status of a call with these bytes, which must not succeed.
    func failure(_ method: String, bytes: [UInt8]) async throws -> GRPCStatus {
        do {
            _ = try await channel.required("no channel").unary("/csi.v1.\(method)", bytes, timeout: .seconds(20))
        } catch let status as GRPCStatus {
            return status
        }
        throw Failure("\(method) should fail")
    }

    /// The status of a call that must not succeed.
    func failure(_ method: String, _ json: String = "{}") async throws -> GRPCStatus {
        let answer: JSONValue
        do {
            answer = try await call(method, json)
        } catch let status as GRPCStatus {
            return status
        }
        throw Failure("\(method) \(json) should fail and answered \(answer.text(.indented))")
    }
}
