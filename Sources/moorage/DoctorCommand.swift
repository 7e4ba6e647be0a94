import ArgumentParser
import CommandLineTools
import HostPathBackend
import LinuxSystem

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what this machine supports, and what stands in the way of a driver on it.",
        discussion: """
            It needs no driver and changes nothing. Run it where the driver runs, in the same container, as the same \
            user, with the same options or environment: what it sees is what the driver sees. The exit code is 0, \
            with warnings too, 1 when there is a problem, and 64 for wrong options.

            Examples:
              moorage doctor
              moorage doctor --pool fast=/mnt/nvme/moorage --json | jq '.[] | select(.result != "ok")'
            """)

    @Option(help: "The driver's socket; also from CSI_ENDPOINT. (default: unix:///run/moorage/csi.sock)")
    var endpoint: String?

    @Option(name: .customLong("state-dir"), help: "As for serve. (default: /var/lib/moorage)")
    var stateDirectory: String?

    @Option(help: "NAME=DIR, as for serve; repeatable. (default: one, default, in the state directory)")
    var pool: [String] = []

    @Option(name: .customLong("kubelet-dir"), help: "As for serve. (default: /var/lib/kubelet)")
    var kubeletDirectory: String?

    @Flag(help: "Show the findings as one array of JSON.")
    var json = false

    func run() throws {
        let subject = try subject()
        let findings = try waitFor { Diagnosis.findings(await NodeFacts.gather(about: subject)) }
        StandardStream.output.write(json ? Finding.json(findings) : Finding.text(findings))
        if findings.contains(where: { $0.verdict == .problem }) { throw ExitCode(1) }
    }

    private func subject() throws -> NodeSubject {
        do {
            let state = try ServeSettings.stateDirectory(flag: stateDirectory)
            return NodeSubject(
                endpoint: try ServeSettings.endpoint(flag: endpoint), stateDirectory: state,
                pools: try ServeSettings.pools(flags: pool, stateDirectory: state).map { pool in
                    NodeSubject.Pool(name: pool.name, path: pool.path, isDefault: pool.isDefault)
                },
                kubeletDirectory: try ServeSettings.kubeletDirectory(flag: kubeletDirectory))
        } catch {
            throw ValidationError(error.description)
        }
    }
}
