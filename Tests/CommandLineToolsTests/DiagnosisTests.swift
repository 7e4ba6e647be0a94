import CommandLineTools
import JSONText
import LinuxSystem
import Testing

@Suite("What doctor makes of facts")
struct DiagnosisTests {
    private typealias Change = @Sendable (inout NodeFacts) -> Void

    static let pool = NodeSubject.Pool(name: "fast", path: "/srv/fast", isDefault: false)
    static let missing = Refusal(.missing, "No such file or directory")
    static let denied = Refusal(.notPermitted, "Operation not permitted")
    static let unknown = Refusal(.unknownCall, "Function not implemented")

    /// A node on which everything is as it should be.
    static var healthy: NodeFacts {
        let shared = MountTableLine(id: 1, mountPoint: "/var/lib/kubelet", isShared: true)
        let directory = NodeFacts.Directory()
        return NodeFacts(
            kernelRelease: .success("6.1.0-13-amd64"), refusedCalls: [:],
            capabilities: .success(CapabilitySet(rawValue: .max)), kubeletDirectory: "/var/lib/kubelet",
            kubelet: .success(directory), kubeletMount: .success(shared), stateDirectory: "/var/lib/moorage",
            state: .success(directory), stateParent: .success(directory), pools: [servedPool],
            socket: .init(
                path: "/run/m/csi.sock", directory: .success(directory),
                entry: .success(.init(isSocket: true, permissions: 0o600)),
                answer: .driver(name: "csi.moorage.dev", version: "1", isReady: true)))
    }

    static var servedPool: NodeFacts.Pool {
        NodeFacts.Pool(
            subject: pool, directory: .success(NodeFacts.Directory()), format: .success(id("0123456789ab")),
            isUnused: .success(false), memory: .success(id("0123456789ab")))
    }

    static func id(_ id: String) -> [UInt8] { Array(#"{"id": "\#(id)", "layout": 1, "name": "fast"}"#.utf8) }

    @Test("on a healthy node everything is ok, and nothing is to be done")
    func allIsWell() {
        let findings = Diagnosis.findings(Self.healthy)
        #expect(findings.allSatisfy { $0.verdict == .ok && $0.remedy.isEmpty && !$0.found.isEmpty })
        #expect(Set(findings.map(\.check)).count == findings.count)
        for call in KernelCall.allCases { #expect(findings.contains { $0.check == call.rawValue }) }
    }

    private static func changed(_ verdict: Finding.Verdict, _ check: String, _ told: String, _ change: @escaping Change)
        -> Case
    {
        Case(verdict: verdict, check: check, told: told, change: change)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var verdict: Finding.Verdict
        var check: String
        var told: String
        var change: @Sendable (inout NodeFacts) -> Void
        var testDescription: String { "\(check): \(told)" }
    }

    static let machine: [Case] = [
        changed(.problem, "kernel", "5.14") { $0.kernelRelease = .success("5.13.19") },
        changed(.problem, "kernel", "5.14") { $0.kernelRelease = .success("4.18.0-553.el8") },
        changed(.ok, "kernel", "5.14.0") { $0.kernelRelease = .success("5.14.0-427.el9") },
        changed(.ok, "kernel", "10.0") { $0.kernelRelease = .success("10.0") },
        changed(.warning, "kernel", "strange") { $0.kernelRelease = .success("strange") },
        changed(.problem, "kernel", "/proc") { $0.kernelRelease = .failure(missing) },
        changed(.problem, "openat2", "5.14") { $0.refusedCalls[.openat2] = unknown },
        changed(.problem, "statx", "5.14") { $0.refusedCalls[.statx] = unknown },
        changed(.problem, "open_tree", "CAP_SYS_ADMIN") { $0.refusedCalls[.openTree] = denied },
        changed(.problem, "mount_setattr", "seccomp") { $0.refusedCalls[.mountSetattr] = unknown },
        changed(.problem, "move_mount", "CAP_SYS_ADMIN") { $0.refusedCalls[.moveMount] = denied },
        changed(.ok, "move_mount beneath", "in two steps") { $0.refusedCalls[.moveMountBeneath] = unknown },
        changed(.ok, "statmount", "nothing needs it") { $0.refusedCalls[.statmount] = unknown },
        changed(.ok, "listmount", "nothing needs it") { $0.refusedCalls[.listmount] = unknown },
        changed(.problem, "capabilities", "missing: CAP_SYS_ADMIN, CAP_CHOWN") {
            $0.capabilities = .success([.actAsOwner, .overrideAccess])
        },
        changed(.problem, "capabilities", "missing: CAP_FOWNER, CAP_DAC_OVERRIDE") {
            $0.capabilities = .success([.administer, .changeOwner])
        },
        changed(.problem, "capabilities", "/proc") { $0.capabilities = .failure(missing) },
        changed(.warning, "kubelet directory", "--kubelet-dir") { $0.kubelet = .failure(missing) },
        changed(.problem, "kubelet directory", "--kubelet-dir") {
            $0.kubelet = .failure(Refusal(.notDirectory, "Not a directory"))
        },
        changed(.problem, "mount propagation", "mountPropagation: Bidirectional") {
            $0.kubeletMount = .success(MountTableLine(id: 1, mountPoint: "/var", isShared: false))
        },
        changed(.problem, "mount propagation", "mount --make-rshared /var") {
            $0.kubeletMount = .success(MountTableLine(id: 1, mountPoint: "/var", isShared: false))
        },
        changed(.warning, "mount propagation", "/proc/self/mountinfo") { $0.kubeletMount = .success(nil) },
        changed(.warning, "mount propagation", "/proc") { $0.kubeletMount = .failure(denied) },
    ]

    static let directories: [Case] = [
        changed(.ok, "state directory", "is made when the driver starts") { $0.state = .failure(missing) },
        changed(.problem, "state directory", "--state-dir") { facts in
            facts.state = .failure(missing)
            facts.stateParent = .failure(missing)
        },
        changed(.problem, "state directory", "--state-dir") { facts in
            facts.state = .failure(missing)
            facts.stateParent = .success(directory { $0.isWritable = false })
        },
        changed(.problem, "state directory", "--state-dir") { $0.state = .failure(denied) },
        changed(.problem, "state directory", "cannot be written") {
            $0.state = .success(directory { $0.isWritable = false })
        },
        changed(.warning, "room of state directory", "64.0Mi") { $0.state = .success(room((64 << 20) - 1)) },
        changed(.ok, "room of state directory", "64.0Mi") { $0.state = .success(room(64 << 20)) },
        changed(.warning, "room of state directory", "9 of 1000 inodes") { $0.state = .success(inodes(9, of: 1000)) },
        changed(.ok, "room of state directory", "on ext4") { $0.state = .success(inodes(10, of: 1000)) },
        changed(.ok, "room of state directory", "on ext4") { $0.state = .success(inodes(0, of: 0)) },
        changed(.problem, "pool fast", "does not exist") { $0.pools[0].directory = .failure(missing) },
        changed(.problem, "pool fast", "no directory") {
            $0.pools[0].directory = .failure(Refusal(.notDirectory, "Not a directory"))
        },
        changed(.problem, "pool fast", "see its permissions") { $0.pools[0].directory = .failure(denied) },
        changed(.problem, "pool fast", "read-only") {
            $0.pools[0].directory = .success(directory { $0.isReadOnly = true })
        },
        changed(.problem, "pool fast", "cannot be written") {
            $0.pools[0].directory = .success(directory { $0.isWritable = false })
        },
        changed(.warning, "room of pool fast", "make room") { $0.pools[0].directory = .success(room(1)) },
        changed(.warning, "room of pool fast", "inodes") { $0.pools[0].directory = .success(inodes(0, of: 1000)) },
        changed(.ok, "pool fast", "0123456789ab") { $0.pools[0].memory = .failure(missing) },
        changed(.problem, "pool fast", "holds the pool ffffffffffff") {
            $0.pools[0].format = .success(id("ffffffffffff"))
        },
        changed(.problem, "pool fast", "does not hold the pool 0123456789ab") {
            $0.pools[0].format = .failure(missing)
        },
        changed(.problem, "pool fast", "cannot be read") { $0.pools[0].format = .failure(denied) },
        changed(.problem, "pool fast", "format cannot be used") { $0.pools[0].format = .success([0]) },
        changed(.problem, "pool fast", "it has layout 2") {
            $0.pools[0].format = .success(Array(#"{"id": "0123456789ab", "layout": 2}"#.utf8))
        },
        changed(.problem, "pool fast", "remove the file") { $0.pools[0].memory = .success(Array("{}".utf8)) },
        changed(.problem, "pool fast", "/var/lib/moorage/pools/fast.json") { $0.pools[0].memory = .failure(denied) },
        changed(.ok, "pool fast", "a new pool is made") { $0.pools[0] = unused(.success(true)) },
        changed(.problem, "pool fast", "not empty") { $0.pools[0] = unused(.success(false)) },
        changed(.problem, "pool fast", "cannot be listed") { $0.pools[0] = unused(.failure(denied)) },
        changed(.ok, "pool fast", "is made when the driver starts") { facts in
            facts.pools[0] = unused(.failure(missing))
            facts.pools[0].directory = .failure(missing)
            facts.pools[0].subject.isDefault = true
        },
        changed(.problem, "pool fast", "does not exist") { facts in
            facts.pools[0].directory = .failure(missing)
            facts.pools[0].subject.isDefault = true
        },
    ]

    static let sockets: [Case] = [
        changed(.problem, "socket", "the directory of /run/m/csi.sock does not exist") {
            $0.socket.directory = .failure(missing)
        },
        changed(.warning, "socket", "moorage serve") { $0.socket.entry = .failure(missing) },
        changed(.problem, "socket", "run as root") { $0.socket.entry = .failure(denied) },
        changed(.problem, "socket", "is no socket") {
            $0.socket.entry = .success(.init(isSocket: false, permissions: 0o600))
        },
        changed(.warning, "socket", "chmod 600") {
            $0.socket.entry = .success(.init(isSocket: true, permissions: 0o777))
        },
        changed(.ok, "driver", "csi.moorage.dev 1 answers") { _ in },
        changed(.warning, "driver", "start the driver") {
            $0.socket.answer = .nobody(found: "nobody listens there", remedy: "start the driver")
        },
        changed(.problem, "driver", "does not answer") { $0.socket.answer = .failed("DEADLINE_EXCEEDED: too slow") },
        changed(.warning, "driver", "not ready") {
            $0.socket.answer = .driver(name: "n", version: "1", isReady: false)
        },
    ]

    static func directory(_ change: (inout NodeFacts.Directory) -> Void) -> NodeFacts.Directory {
        var directory = NodeFacts.Directory()
        change(&directory)
        return directory
    }

    static func room(_ bytes: UInt64) -> NodeFacts.Directory { directory { $0.available = bytes } }

    static func inodes(_ free: UInt64, of files: UInt64) -> NodeFacts.Directory {
        directory {
            $0.filesFree = free
            $0.files = files
        }
    }

    /// A pool of which nothing is there but perhaps its directory.
    static func unused(_ isUnused: Result<Bool, Refusal>) -> NodeFacts.Pool {
        var pool = servedPool
        pool.format = .failure(missing)
        pool.memory = .failure(missing)
        pool.isUnused = isUnused
        return pool
    }

    @Test(
        "one thing that is not as it should be is one finding, with a remedy",
        arguments: machine + directories + sockets)
    func finding(of change: Case) throws {
        var facts = Self.healthy
        change.change(&facts)
        let findings = Diagnosis.findings(facts)
        let finding = try #require(findings.first { $0.check == change.check })
        #expect(finding.verdict == change.verdict)
        #expect("\(finding.found); \(finding.remedy)".contains(change.told), "\(finding)")
        #expect(finding.remedy.isEmpty == (finding.verdict == .ok))
        #expect(findings.filter { $0.verdict != .ok }.count == (change.verdict == .ok ? 0 : 1), "\(findings)")
    }

    @Test("the remedy stands under its line, and the sum at the end")
    func text() {
        let findings: [Finding] = [.ok("a", "good"), .problem("longer", "bad\n", "mend it")]
        #expect(
            Finding.text(findings) == """
                CHECK   RESULT   FOUND
                a       ok       good
                longer  problem  bad?
                    remedy: mend it
                1 problem, 0 warnings

                """)
        #expect(
            Finding.json(findings).split(separator: "\n").joined().replacing(" ", with: "") == """
                [{"check":"a","result":"ok","found":"good","remedy":""},\
                {"check":"longer","result":"problem","found":"bad\\n","remedy":"mendit"}]
                """)
    }
}
