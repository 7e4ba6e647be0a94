import CommandLineTools
import LinuxSystem
import StorageModel
import Testing

@Suite("What doctor makes of facts about NFS")
struct NFSDiagnosisTests {
    typealias Change = @Sendable (inout NFSFacts) -> Void

    static let pool = NodeSubject.NFS.Pool(
        name: "home", share: NetworkShare(name: "nas:/home", host: "nas", attempts: []))
    static let absent = Refusal(.other, "No such device")
    static let denied = Refusal(.notPermitted, "Operation not permitted")

    static func healthy(_ change: Change = { _ in }) -> NodeFacts {
        var nfs = NFSFacts(
            versionFour: nil, versionThree: nil, mountProgram: "/usr/bin/moorage-mount", program: .success(true),
            running: .success(["rpc.gssd", "rpc.statd"]),
            pools: [.init(subject: pool, format: .success(DiagnosisTests.id("0123456789ab")))])
        change(&nfs)
        var facts = DiagnosisTests.healthy
        facts.nfs = nfs
        return facts
    }

    @Test("on a healthy node everything is ok, and without NFS nothing is said of it")
    func allIsWell() {
        let findings = Diagnosis.findings(Self.healthy())
        #expect(findings.allSatisfy { $0.verdict == .ok && $0.remedy.isEmpty && !$0.found.isEmpty })
        let checks = ["NFS client", "moorage-mount", "rpc.gssd", "rpc.statd", "NFS pool home"]
        #expect(findings.map(\.check).filter { checks.contains($0) } == checks)
        #expect(findings.last { $0.check == "NFS pool home" }?.found.contains("0123456789ab") == true)
        let others = Diagnosis.findings(DiagnosisTests.healthy)
        #expect(!others.contains { checks.contains($0.check) })
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var verdict: Finding.Verdict
        var check: String
        var told: String
        var change: Change
        var testDescription: String { "\(check): \(told)" }

        init(_ verdict: Finding.Verdict, _ check: String, _ told: String, _ change: @escaping Change) {
            self.verdict = verdict
            self.check = check
            self.told = told
            self.change = change
        }
    }

    static let cases: [Case] = [
        Case(.problem, "NFS client", "modprobe nfsv4") { ($0.versionFour, $0.versionThree) = (absent, absent) },
        Case(.problem, "NFS client", "CAP_SYS_ADMIN") { ($0.versionFour, $0.versionThree) = (denied, denied) },
        Case(.warning, "NFS client", "version 3 alone") { $0.versionFour = absent },
        Case(.warning, "NFS client", "version 4 alone") { $0.versionThree = absent },
        Case(.problem, "moorage-mount", "/usr/bin/moorage-mount is no program") { $0.program = .success(false) },
        Case(.problem, "moorage-mount", "does not exist") {
            $0.program = .failure(Refusal(.missing, "No such file or directory"))
        },
        Case(.problem, "moorage-mount", "--mount-program") { $0.program = .failure(denied) },
        Case(.ok, "rpc.gssd", "sec=krb5") { $0.running = .success(["rpc.statd"]) },
        Case(.ok, "rpc.statd", "nolock") { $0.running = .success(["rpc.gssd"]) },
        Case(.ok, "rpc.statd", "/proc cannot be read") { $0.running = .failure(denied) },
        Case(.ok, "NFS pool home", "no volume was ever made") { $0.pools[0].format = .success(nil) },
        Case(.problem, "NFS pool home", "nas:/home/.moorage/format cannot be used") {
            $0.pools[0].format = .success(Array("{".utf8))
        },
        Case(.problem, "NFS pool home", "restore the file") {
            $0.pools[0].format = .success(Array(#"{"layout": 2, "id": "x"}"#.utf8))
        },
    ]

    @Test("one thing that is not as it should be is one finding, with a remedy", arguments: cases)
    func finding(of change: Case) throws {
        let findings = Diagnosis.findings(Self.healthy(change.change))
        let finding = try #require(findings.first { $0.check == change.check })
        #expect(finding.verdict == change.verdict)
        #expect("\(finding.found); \(finding.remedy)".contains(change.told), "\(finding)")
        #expect(finding.remedy.isEmpty == (finding.verdict == .ok))
        #expect(findings.filter { $0.verdict != .ok }.count == (change.verdict == .ok ? 0 : 1), "\(findings)")
    }

    @Test("why a share cannot be mounted is said in the words of the error, and what it says to do is the remedy")
    func error() throws {
        func finding(_ message: String) throws -> Finding {
            let facts = Self.healthy { $0.pools[0].format = .failure(DriverError(.unavailable, message)) }
            return try #require(Diagnosis.findings(facts).first { $0.verdict != .ok })
        }
        #expect(
            try finding("cannot look at it: this; then that; do so")
                == .problem("NFS pool home", "cannot look at it: this; then that", "do so"))
        #expect(try finding("nothing to do").remedy == "see the driver's log")
    }
}
