import ArgumentParser
import CommandLineTools
import HostPathBackend
import LinuxSystem
import NFSBackend

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what this machine supports, and what stands in the way of a driver on it.",
        discussion: """
            It needs no driver and changes nothing. Run it where the driver runs, in the same container, as the same \
            user, with the same options or environment: what it sees is what the driver sees. The exit code is 0, \
            with warnings too, 1 when there is a problem, and 64 for wrong options.

            For a driver that serves NFS it mounts the share of each --nfs-pool for a moment, where nobody sees it, \
            and reads one file of it.

            Examples:
              moorage doctor
              moorage doctor --backends nfs --nfs-pool home=nas:/export/home
              moorage doctor --pool fast=/mnt/nvme/moorage --json | jq '.[] | select(.result != "ok")'
            """)

    @Option(help: "The driver's socket; also from CSI_ENDPOINT. (default: unix:///run/moorage/csi.sock)")
    var endpoint: String?

    @Option(name: .customLong("state-dir"), help: "As for serve. (default: /var/lib/moorage)")
    var stateDirectory: String?

    @Option(help: "NAME=DIR, as for serve; repeatable. (default: one, default, in the state directory)")
    var pool: [String] = []

    @Option(help: "As for serve: hostPath, nfs, or both with a comma. (default: hostPath)")
    var backends: String?

    @Option(help: "NAME=SERVER:/SHARE, as for serve; repeatable.")
    var nfsPool: [String] = []

    @Option(help: "As for serve. (default: beside this program)")
    var mountProgram: String?

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
            let backends = try ServeSettings.backends(flag: backends)
            let pools = try ServeSettings.pools(flags: pool, stateDirectory: state).map { pool in
                NodeSubject.Pool(name: pool.name, path: pool.path, isDefault: pool.isDefault)
            }
            let nfs = NodeSubject.NFS(
                mountProgram: try ServeSettings.mountProgram(flag: mountProgram),
                pools: try ServeSettings.nfsPools(flags: nfsPool).map { .init(name: $0.name, share: $0.networkShare) })
            return NodeSubject(
                endpoint: try ServeSettings.endpoint(flag: endpoint), stateDirectory: state,
                pools: backends.contains(.hostPath) ? pools : [],
                kubeletDirectory: try ServeSettings.kubeletDirectory(flag: kubeletDirectory),
                nfs: backends.contains(.nfs) ? nfs : nil)
        } catch {
            throw ValidationError(error.description)
        }
    }
}
