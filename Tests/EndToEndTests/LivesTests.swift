import CSIWire
import GRPCServing
import JSONText
import Synchronization
import Testing

/// Thousands of volumes live and go; what the driver keeps of them is counted from outside.
@Suite("Thousands of lives", .privateMountNamespace, .serialized, .timeLimit(.minutes(5)))
struct LivesTests {
    private static let callers = 8

    @Test("4,000 lives leave nothing, and memory stays where it was after 2,000")
    func memory() async throws {
        try await Driver.with(["--log-level", "warning"]) { driver in
            let times = CallTimes()
            try await live(0..<2000, on: driver, times)
            let before = try anonymousMemory(of: await driver.processID)
            let start = ContinuousClock.now
            try await live(2000..<4000, on: driver, times)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let after = try anonymousMemory(of: await driver.processID)
            print(
                "2,000 lives with \(Self.callers) callers in \(seconds) s; anonymous memory \(before) -> \(after) KiB")
            print(times.summary)
            #expect(after - before <= 512, "anonymous memory grew from \(before) to \(after) KiB")
            #expect(mounts(below: driver.directory).isEmpty)
            #expect(try entries(driver.pool + "/volumes").isEmpty)
            #expect(try entries(driver.pool + "/.moorage/volumes").isEmpty)
            try await eventually("the trash is empty") { try entries(driver.pool + "/.moorage/trash").isEmpty }
        }
    }

    private func live(_ lives: Range<Int>, on driver: Driver, _ times: CallTimes) async throws {
        let channel = try GRPCChannel(to: UnixEndpoint(parsing: driver.endpoint))
        defer { channel.close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<Self.callers {
                group.addTask {
                    let client = LifeClient(directory: driver.directory, channel: channel, times: times)
                    for life in stride(from: lives.lowerBound + caller, to: lives.upperBound, by: Self.callers) {
                        try await client.live("life-\(life)", caller: caller)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func anonymousMemory(of process: Int32) throws -> Int {
        let status = try readFile("/proc/\(process)/status").required("no status of \(process)")
        let line = try status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }.required("no RssAnon")
        return try line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
            .required("RssAnon is no number: \(line)")
    }
}

/// One caller, with paths of its own that it uses again and again.
private struct LifeClient {
    let directory: String
    let channel: GRPCChannel
    let times: CallTimes
    private let transcoder = JSONTranscoder()

    init(directory: String, channel: GRPCChannel, times: CallTimes) {
        self.directory = directory
        self.channel = channel
        self.times = times
    }

    func live(_ name: String, caller: Int) async throws {
        let staging = "\(directory)/kubelet/staging-\(caller)"
        let target = "\(directory)/kubelet/target-\(caller)"
        try makeDirectory(staging)
        let answer = try await call(
            "Controller", "CreateVolume",
            """
            {"name": "\(name)", "capacityRange": {"requiredBytes": 1048576},
             "volumeCapabilities": [\(capability())]}
            """)
        let id = try answer["volume"]["volumeId"].string.required("CreateVolume gives no id")
        let paths = #""volumeId": "\#(id)", "stagingTargetPath": "\#(staging)""#
        _ = try await call("Node", "NodeStageVolume", #"{\#(paths), "volumeCapability": \#(capability())}"#)
        _ = try await call(
            "Node", "NodePublishVolume",
            #"{\#(paths), "targetPath": "\#(target)", "volumeCapability": \#(capability())}"#)
        _ = try await call(
            "Node", "NodeGetVolumeStats", #"{"volumeId": "\#(id)", "volumePath": "\#(target)"}"#)
        _ = try await call("Node", "NodeUnpublishVolume", #"{"volumeId": "\#(id)", "targetPath": "\#(target)"}"#)
        _ = try await call("Node", "NodeUnstageVolume", "{\(paths)}")
        _ = try await call("Controller", "DeleteVolume", #"{"volumeId": "\#(id)"}"#)
    }

    private func call(_ service: String, _ method: String, _ json: String) async throws -> JSONValue {
        let request = try transcoder.bytes(of: "csi.v1.\(method)Request", json: JSONValue(parsing: json))
        let start = ContinuousClock.now
        let answer = try await channel.unary("/csi.v1.\(service)/\(method)", request, timeout: .seconds(20))
        times.add(method, ContinuousClock.now - start)
        return try transcoder.json(of: "csi.v1.\(method)Response", bytes: answer)
    }
}

/// How long calls took, for the reader of the test's output: nothing is asserted about it.
private final class CallTimes: Sendable {
    private let times = Mutex<[String: [Duration]]>([:])

    func add(_ method: String, _ time: Duration) {
        times.withLock { $0[method, default: []].append(time) }
    }

    var summary: String {
        times.withLock { times in
            times.sorted { $0.key < $1.key }.map { method, all in
                let sorted = all.sorted()
                return "\(method): p50 \(sorted[sorted.count / 2] / .milliseconds(1)) ms"
            }.joined(separator: "\n")
        }
    }
}
