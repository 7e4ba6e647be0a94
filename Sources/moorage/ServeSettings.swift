import CSIEndpoint
import CSIServices
import GRPCServing
import HostPathBackend
import LinuxSystem
import Logging
import NFSBackend
import StorageModel

/// What `moorage serve` was told, checked as far as that is possible without starting anything.
struct ServeSettings {
    enum Mode: String, CaseIterable {
        case all
        case controller
        case node
    }

    enum Backend: String, CaseIterable {
        case hostPath
        case nfs
    }

    let endpoint: UnixEndpoint
    let nodeID: String
    let driverName: String
    let mode: Mode
    let backends: [Backend]
    let stateDirectory: String
    let pools: [PoolConfiguration]
    /// Below these existing paths may be volumes.
    let hostPathPrefixes: [HostPathPrefix]
    let nfsPools: [NFSPool]
    /// Whether these are all NFS shares that the driver has to do with.
    let nfsPoolsOnly: Bool
    /// What this machine exports, where it is the NFS server.
    let exportRoots: [NFSExportRoot]
    /// How long a call waits for a network share.
    let shareTimeout: Duration
    /// What DeleteVolume does when neither class nor id says.
    let defaultDeletePolicy: DeletePolicy
    /// moorage-mount.
    let mountProgram: String
    /// Below these a target may be unmounted although no ledger knows it.
    let targetPrefixes: [String]
    let singleNodeWriter: SingleNodeWriterPolicy
    let logLevel: Logger.Level
    let logFormat: LogFormat
    let drainTimeout: Duration

    init(_ flags: Serve) throws(SettingError) {
        endpoint = try Self.endpoint(flag: flags.endpoint)
        driverName = try Self.checkedDriverName(
            Setting.value("driver-name", flag: flags.driverName, default: "csi.moorage.dev"))
        nodeID = try Self.checkedNodeID(Setting.value("node-id", flag: flags.nodeID, default: Self.hostNameOrEmpty()))
        mode = try Setting.choice("mode", flag: flags.mode, default: .all)
        backends = try Self.backends(flag: flags.backends)
        stateDirectory = try Self.stateDirectory(flag: flags.stateDirectory)
        pools = try Self.pools(flags: flags.pool, stateDirectory: stateDirectory)
        hostPathPrefixes = try Self.hostPathPrefixes(
            Setting.values("host-path-prefix", flags: flags.hostPathPrefix), pools: pools,
            stateDirectory: stateDirectory)
        nfsPools = try Self.nfsPools(flags: flags.nfsPool)
        nfsPoolsOnly = try Setting.isOn("nfs-pools-only", flag: flags.nfsPoolsOnly)
        guard !nfsPoolsOnly || !nfsPools.isEmpty else {
            throw SettingError("nfs-pools-only", "there is no pool", "name one with --nfs-pool NAME=SERVER:/SHARE")
        }
        exportRoots = try Self.exportRoots(Setting.values("export-root", flags: flags.exportRoot))
        shareTimeout = try Self.seconds(
            "nfs-timeout", Setting.value("nfs-timeout", flag: flags.nfsTimeout, default: "10"), in: 1...600)
        defaultDeletePolicy = try Setting.choice("default-on-delete", flag: flags.defaultOnDelete, default: .delete)
        mountProgram = try Self.mountProgram(flag: flags.mountProgram)
        var prefixes = [try Self.kubeletDirectory(flag: flags.kubeletDirectory)]
        for prefix in Setting.values("target-prefix", flags: flags.targetPrefix) {
            prefixes.append(try Setting.directory("target-prefix", prefix))
        }
        targetPrefixes = prefixes
        singleNodeWriter = try Setting.choice(
            "single-node-writer", flag: flags.singleNodeWriter, default: .exclusive)
        logLevel = try Setting.choice("log-level", flag: flags.logLevel, default: .info)
        logFormat = try Setting.choice("log-format", flag: flags.logFormat, default: .text)
        drainTimeout = try Self.seconds(
            "drain-timeout", Setting.value("drain-timeout", flag: flags.drainTimeout, default: "10"), in: 0...3600)
    }

    static let defaultEndpoint = "unix:///run/moorage/csi.sock"

    static func endpoint(flag: String?) throws(SettingError) -> UnixEndpoint {
        do {
            return try UnixEndpoint(parsing: Setting.value("endpoint", flag: flag, default: defaultEndpoint))
        } catch {
            throw SettingError("endpoint", "\(error)", "for example unix:///run/moorage/csi.sock")
        }
    }

    static func stateDirectory(flag: String?) throws(SettingError) -> String {
        try Setting.directory("state-dir", Setting.value("state-dir", flag: flag, default: "/var/lib/moorage"))
    }

    static func kubeletDirectory(flag: String?) throws(SettingError) -> String {
        try Setting.directory("kubelet-dir", Setting.value("kubelet-dir", flag: flag, default: "/var/lib/kubelet"))
    }

    /// Where this node's volumes can be reached from. The value is the node id where that fits a label, else its hash.
    var topology: Topology {
        let key = "topology.\(driverName)/node"
        guard nodeID.utf8.count > 63 || !Self.isLabel(nodeID) else { return Topology([key: nodeID]) }
        return Topology([key: "node-" + SHA256.hexDigest(of: nodeID.utf8, digits: 32)])
    }

    private static func isLabel(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// CSI spec, GetPluginInfo: at most 63 characters, letters and digits at both ends, dots and dashes between.
    private static func checkedDriverName(_ name: String) throws(SettingError) -> String {
        guard name.utf8.count <= 63, isLabel(name), !name.contains("_") else {
            throw SettingError(
                "driver-name", "\(name) is no name that CSI allows",
                "use at most 63 letters, digits, dots and dashes, with a letter or digit at both ends")
        }
        return name
    }

    /// CSI spec, NodeGetInfo: at most 256 bytes.
    private static func checkedNodeID(_ id: String) throws(SettingError) -> String {
        guard !id.isEmpty, id.utf8.count <= 256, id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw SettingError(
                "node-id", "it is empty, longer than 256 bytes or not plain ASCII", "give the name of this node")
        }
        return id
    }

    static func backends(flag: String?) throws(SettingError) -> [Backend] {
        let list = Setting.value("backends", flag: flag, default: "hostPath")
        var backends: [Backend] = []
        for name in list.split(separator: ",") {
            guard let backend = Backend.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }),
                !backends.contains(backend)
            else {
                throw SettingError(
                    "backends", "\(list) is no list of backends, each once", "use hostPath, nfs, or hostPath,nfs")
            }
            backends.append(backend)
        }
        guard !backends.isEmpty else { throw SettingError("backends", "it is empty", "use hostPath, nfs, or both") }
        return backends
    }

    static func nfsPools(flags: [String]) throws(SettingError) -> [NFSPool] {
        var pools: [NFSPool] = []
        for definition in Setting.values("nfs-pool", flags: flags) {
            do {
                pools.append(try NFSPool(definition))
            } catch {
                throw SettingError("nfs-pool", error.message, "for example --nfs-pool home=nas:/export/home")
            }
        }
        return pools
    }

    private static func exportRoots(_ definitions: [String]) throws(SettingError) -> [NFSExportRoot] {
        var roots: [NFSExportRoot] = []
        for definition in definitions {
            do {
                roots.append(try NFSExportRoot(definition))
            } catch {
                throw SettingError(
                    "export-root", error.message, "for example --export-root nas:/export/home=/srv/home")
            }
        }
        return roots
    }

    static func mountProgram(flag: String?) throws(SettingError) -> String {
        let path = Setting.value("mount-program", flag: flag, default: "")
        guard path.isEmpty else { return try Setting.directory("mount-program", path) }
        return (try? FileSystemMounter.programBesideOwn()) ?? "/usr/libexec/moorage/moorage-mount"
    }

    static func pools(flags: [String], stateDirectory: String) throws(SettingError) -> [PoolConfiguration] {
        let definitions = Setting.values("pool", flags: flags)
        guard !definitions.isEmpty else { return [.embedded(stateDirectory: stateDirectory)] }
        var pools: [PoolConfiguration] = []
        for definition in definitions {
            let parts = definition.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, PlainName.isPlain(String(parts[0])) else {
                throw SettingError(
                    "pool", "\(definition) is not NAME=DIR", "for example --pool fast=/mnt/nvme/moorage")
            }
            pools.append(
                PoolConfiguration(name: String(parts[0]), path: try Setting.directory("pool", String(parts[1]))))
        }
        return pools
    }

    /// Static volumes must not be able to be other volumes, nor what the driver remembers.
    private static func hostPathPrefixes(
        _ directories: [String], pools: [PoolConfiguration], stateDirectory: String
    ) throws(SettingError) -> [HostPathPrefix] {
        let (name, remedy) = ("host-path-prefix", "give a directory that has nothing to do with what the driver keeps")
        var prefixes: [HostPathPrefix] = []
        for directory in directories {
            let prefix = HostPathPrefix(try Setting.directory(name, directory))
            if let pool = pools.first(where: { prefix.overlaps($0.path) }) {
                throw SettingError(
                    name, "\(prefix.path) is, lies in or holds the directory of pool \(pool.name), \(pool.path)", remedy
                )
            }
            guard !prefix.overlaps(stateDirectory) else {
                throw SettingError(
                    name, "\(prefix.path) is, lies in or holds the state directory, \(stateDirectory)", remedy)
            }
            prefixes.append(prefix)
        }
        return prefixes
    }

    private static func seconds(
        _ name: String, _ text: String, in range: ClosedRange<Int>
    ) throws(SettingError) -> Duration {
        let digits = text.hasSuffix("s") ? String(text.dropLast()) : text
        guard let seconds = Int(digits), range.contains(seconds) else {
            throw SettingError(
                name, "\(text) is no number of seconds",
                "use \(range.lowerBound) to \(range.upperBound), for example 10")
        }
        return .seconds(seconds)
    }

    private static func hostNameOrEmpty() -> String {
        (try? hostName()) ?? ""
    }
}
