import ArgumentParser
import LinuxSystem

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve CSI on a Unix socket until SIGTERM or SIGINT.",
        discussion: """
            Each option can also come from the environment, as MOORAGE_ and its name (MOORAGE_STATE_DIR); the \
            endpoint comes from CSI_ENDPOINT. Lists have commas there. A first signal lets calls finish, a second one \
            ends at once.

            Example:
              moorage serve --endpoint unix:///run/moorage/csi.sock --node-id worker-1 --pool fast=/mnt/nvme/moorage
            """)

    @Option(help: "Where to listen: unix:///path, unix:path or a path. (default: unix:///run/moorage/csi.sock)")
    var endpoint: String?

    @Option(name: .customLong("node-id"), help: "The name of this node. (default: the host name)")
    var nodeID: String?

    @Option(help: "The name orchestrators know the driver by. (default: csi.moorage.dev)")
    var driverName: String?

    @Option(help: "The kinds of storage to serve: hostPath, nfs, or both with a comma. (default: hostPath)")
    var backends: String?

    @Option(help: "The services to offer: all, controller or node. (default: all)")
    var mode: String?

    @Option(name: .customLong("state-dir"), help: "What this node remembers. (default: /var/lib/moorage)")
    var stateDirectory: String?

    @Option(help: "NAME=DIR: a directory for volumes; repeatable. (default: one, default, in the state directory)")
    var pool: [String] = []

    @Option(
        name: .customLong("host-path-prefix"),
        help: "A directory below which existing paths may be volumes; repeatable. (default: none)")
    var hostPathPrefix: [String] = []

    @Option(help: "NAME=SERVER:/SHARE: a name for an NFS share, which keeps ids short; repeatable.")
    var nfsPool: [String] = []

    @Flag(name: .customLong("nfs-pools-only"), help: "Use no NFS share but those of --nfs-pool, which can be listed.")
    var nfsPoolsOnly = false

    @Option(
        name: .customLong("export-root"),
        help: "SERVER:/SHARE=DIR: what this machine exports as a share, so that sizes can be enforced; repeatable.")
    var exportRoot: [String] = []

    @Option(help: "Seconds that a call waits for a network share. (default: 10)")
    var nfsTimeout: String?

    @Option(
        name: .customLong("default-on-delete"),
        help: "What becomes of an NFS volume when its class does not say: delete, retain, archive. (default: delete)")
    var defaultOnDelete: String?

    @Option(help: "The path of moorage-mount. (default: beside this program)")
    var mountProgram: String?

    @Option(
        name: .customLong("kubelet-dir"), help: "Below it, targets are the orchestrator's. (default: /var/lib/kubelet)")
    var kubeletDirectory: String?

    @Option(help: "One more directory like --kubelet-dir; repeatable.")
    var targetPrefix: [String] = []

    @Option(help: "Whether SINGLE_NODE_WRITER allows one publication or many: exclusive, shared. (default: exclusive)")
    var singleNodeWriter: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (default: info)")
    var logLevel: String?

    @Option(help: "text or json, on standard error. (default: text)")
    var logFormat: String?

    @Option(help: "Seconds that calls may take to finish when stopping. (default: 10)")
    var drainTimeout: String?

    func run() throws {
        Heap.bound()
        // Before any thread exists: a signal that comes while starting is kept for later.
        let signals = TerminationSignals()
        do {
            let driver = try Driver(ServeSettings(self))
            try driver.start()
            driver.stop(at: signals)
        } catch let error as SettingError {
            throw ValidationError(error.description)
        }
    }
}
