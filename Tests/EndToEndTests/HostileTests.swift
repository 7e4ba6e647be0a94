import GRPCServing
import Glibc
import JSONText
import LinuxSystem
import Synchronization
import Testing

/// Requests and neighbours that mean harm (PEERS: ids and paths that lead elsewhere, links that are swapped, messages
/// that unpack to much more than they are, tokens that would end up in a log).
@Suite("Hostile input", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct HostileTests {
    /// A process of another user would do the same: the directory of the volume is a link at one moment and not at the
    /// next.
    @Test("a link that is swapped with a volume's directory leads nobody to what it points to")
    func swappedLink() async throws {
        try await Driver.with { driver in
            let victim = driver.directory + "/victim"
            try makeDirectory(victim)
            #expect(writeFile(victim + "/secret", "precious") == nil)
            let volume = try await Volume.make("v", on: driver)
            let directory = "\(driver.pool)/volumes/\(volume.id)"
            let link = driver.pool + "/link"
            #expect(symlink(victim, link) == 0)
            let swapper = Swapper(directory, link)

            var staged = 0
            for _ in 0..<300 {
                do {
                    try await volume.stage()
                } catch let status as GRPCStatus {
                    #expect([.failedPrecondition, .notFound, .aborted].contains(status.code), "\(status)")
                    continue
                }
                staged += 1
                #expect(!exists(volume.staging + "/secret"))
                try? await volume.publish()
                #expect(!exists(volume.target("a") + "/secret"))
                try await volume.unpublish()
                try await volume.unstage()
            }
            #expect(staged > 0, "the race was never won by the volume")
            try? await volume.delete()
            swapper.stop()
            try await eventually("the trash is empty") { try entries(driver.pool + "/.moorage/trash").isEmpty }
            #expect(readFile(victim + "/secret") == "precious")
            #expect(mounts(below: driver.directory).isEmpty)
        }
    }

    static let submessages: [(String, UInt8)] = [
        ("Controller/CreateVolume", 3), ("Controller/ValidateVolumeCapabilities", 3), ("Controller/GetCapacity", 1),
        ("Node/NodeStageVolume", 4), ("Node/NodePublishVolume", 5),
    ]

    @Test("4 MiB of empty submessages are refused, and take less than 8 MB")
    func emptySubmessages() async throws {
        try await Driver.with { driver in
            _ = try await driver.call("Identity/Probe")
            let before = try residentMemory(of: await driver.processID)
            for (method, field) in Self.submessages {
                let pairs = (4 << 20) / 2 - 8
                let bytes = [[UInt8]](repeating: [field << 3 | 2, 0], count: pairs).flatMap { $0 }
                for _ in 0..<3 {
                    let status = try await driver.failure(method, bytes: bytes)
                    #expect(status.code == .invalidArgument, "\(method): \(status)")
                }
            }
            // What a call was given is let go of a moment after its answer.
            try await eventually("resident memory is at most 8 MiB above \(before) KiB") {
                try residentMemory(of: await driver.processID) - before < 8 << 10
            }
        }
    }

    static let hostilePaths = [
        "relative", "/a/../b", "/a/./b", "/a//b", "/a/", "/", "/..", "/a\u{0}b",
        "/\(String(repeating: "x", count: 4096))",
    ]

    @Test("a path that is not one way to one place is refused, and nothing is made", arguments: hostilePaths)
    func path(_ path: String) async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            let text = JSONValue.string(path).text(.compact)
            for (method, request) in [
                (
                    "Node/NodeStageVolume",
                    """
                    {"volumeId": "\(volume.id)", "stagingTargetPath": \(text),
                     "volumeCapability": \(capability())}
                    """
                ),
                (
                    "Node/NodePublishVolume",
                    """
                    {"volumeId": "\(volume.id)", "stagingTargetPath": "\(volume.staging)", "targetPath": \(text),
                     "volumeCapability": \(capability())}
                    """
                ),
                ("Node/NodeUnpublishVolume", #"{"volumeId": "\#(volume.id)", "targetPath": \#(text)}"#),
                ("Node/NodeUnstageVolume", #"{"volumeId": "\#(volume.id)", "stagingTargetPath": \#(text)}"#),
            ] {
                let status = try await driver.failure(method, request)
                #expect(status.code == .invalidArgument, "\(method): \(status)")
            }
            // Publishing stages first; that is all there may be.
            #expect(mounts(below: driver.directory).filter { $0 != volume.staging }.isEmpty)
        }
    }

    @Test("a pod's token in the volume context is in no line of the log, whatever its level")
    func token() async throws {
        try await Driver.with(["--log-level", "trace"]) { driver in
            let volume = try await Volume.make("v", on: driver)
            let token = "eyJhbGciOiJSUzI1NiJ9"
            let rest = """
                "volumeId": "\(volume.id)", "stagingTargetPath": "\(volume.staging)", "secrets": {"s": "\(token)"},
                "volumeContext": {"csi.storage.k8s.io/serviceAccount.tokens": "\(token)"},
                "publishContext": {"p": "\(token)"}, "volumeCapability": \(capability())
                """
            _ = try await driver.call("Node/NodeStageVolume", "{\(rest)}")
            _ = try await driver.call(
                "Node/NodePublishVolume", #"{\#(rest), "targetPath": "\#(volume.target("a"))"}"#)
            try await eventually("the call is logged") { driver.log.contains("NodePublishVolume") }
            #expect(!driver.log.contains(token))
            let grep = try await Finished.run(["/bin/grep", "-r", token, driver.directory + "/state"], in: "/tmp")
            #expect(grep.ending == .exit(1), "the state holds the token: \(grep.output)")
            try await volume.unpublish()
            try await volume.unstage()
        }
    }

    private func residentMemory(of process: pid_t) throws -> Int {
        let status = try readFile("/proc/\(process)/status").required("no status of \(process)")
        let line = try status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }.required("no VmRSS")
        return try line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.required("\(line) has no number")
    }
}

/// Exchanges two names as fast as it can, on a thread of its own, until it is stopped.
private final class Swapper: Sendable {
    private let isStopping = Atomic(false)
    private let hasStopped = Atomic(false)

    init(_ one: String, _ other: String) {
        DetachedThread.start(name: "swapper") { [self] in
            while !isStopping.load(ordering: .acquiring) {
                rename(one, one + ".aside")
                rename(other, one)
                rename(one + ".aside", other)
            }
            hasStopped.store(true, ordering: .releasing)
        }
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        while !hasStopped.load(ordering: .acquiring) {}
    }
}
