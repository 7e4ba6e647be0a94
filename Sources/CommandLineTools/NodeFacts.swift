import CSIWire
package import GRPCServing
package import LinuxSystem

/// What `moorage doctor` is to look at: the settings of a driver that runs here, or shall.
package struct NodeSubject: Sendable {
    package struct Pool: Hashable, Sendable {
        package var name: String
        package var path: String
        /// The driver's own, which it makes itself.
        package var isDefault: Bool

        package init(name: String, path: String, isDefault: Bool) {
            self.name = name
            self.path = path
            self.isDefault = isDefault
        }
    }

    package var endpoint: UnixEndpoint
    package var stateDirectory: String
    package var pools: [Pool]
    package var kubeletDirectory: String
    /// Nil for a driver that does not serve NFS.
    package var nfs: NFS?

    package init(
        endpoint: UnixEndpoint, stateDirectory: String, pools: [Pool], kubeletDirectory: String, nfs: NFS? = nil
    ) {
        self.endpoint = endpoint
        self.stateDirectory = stateDirectory
        self.pools = pools
        self.kubeletDirectory = kubeletDirectory
        self.nfs = nfs
    }
}

/// What was found on a machine, not yet judged.
package struct NodeFacts: Sendable {
    package struct Directory: Hashable, Sendable {
        package var isWritable = true
        /// Whether the mount it lies on is read-only.
        package var isReadOnly = false
        package var fileSystemType = "ext4"
        /// Bytes that the unprivileged can have.
        package var available: UInt64 = 1 << 40
        /// Of inodes; 0 where the file system has no such number.
        package var files: UInt64 = 0
        package var filesFree: UInt64 = 0
        package var mountID: UInt64 = 0

        package init() {}

        init(_ probed: ProbedDirectory) {
            isWritable = probed.isWritable
            isReadOnly = probed.fileSystem.mountFlags.contains(.readOnly)
            fileSystemType = probed.fileSystem.typeName
            available = probed.fileSystem.available
            files = probed.fileSystem.files
            filesFree = probed.fileSystem.filesFree
            mountID = probed.mountID
        }
    }

    package struct Pool: Sendable {
        package var subject: NodeSubject.Pool
        package var directory: Result<Directory, Refusal>
        /// `.moorage/format`
        package var format: Result<[UInt8], Refusal>
        /// Whether a new pool can be made in the directory.
        package var isUnused: Result<Bool, Refusal>
        /// `<state>/pools/<name>.json`
        package var memory: Result<[UInt8], Refusal>

        package init(
            subject: NodeSubject.Pool, directory: Result<Directory, Refusal>, format: Result<[UInt8], Refusal>,
            isUnused: Result<Bool, Refusal>, memory: Result<[UInt8], Refusal>
        ) {
            self.subject = subject
            self.directory = directory
            self.format = format
            self.isUnused = isUnused
            self.memory = memory
        }
    }

    package struct Socket: Sendable {
        package struct Entry: Hashable, Sendable {
            package var isSocket: Bool
            /// The 12 permission bits.
            package var permissions: UInt32

            package init(isSocket: Bool, permissions: UInt32) {
                self.isSocket = isSocket
                self.permissions = permissions
            }
        }

        package enum Answer: Hashable, Sendable {
            /// Nobody listens, or nobody could be reached; with what to do.
            case nobody(found: String, remedy: String)
            /// Connected, and Probe or GetPluginInfo failed.
            case failed(String)
            case driver(name: String, version: String, isReady: Bool)
        }

        package var path: String
        package var directory: Result<Directory, Refusal>
        package var entry: Result<Entry, Refusal>
        package var answer: Answer

        package init(
            path: String, directory: Result<Directory, Refusal>, entry: Result<Entry, Refusal>, answer: Answer
        ) {
            self.path = path
            self.directory = directory
            self.entry = entry
            self.answer = answer
        }
    }

    package var kernelRelease: Result<String, Refusal>
    /// Those that do not work.
    package var refusedCalls: [KernelCall: Refusal]
    package var capabilities: Result<CapabilitySet, Refusal>
    package var kubeletDirectory: String
    package var kubelet: Result<Directory, Refusal>
    /// The mount that the kubelet directory lies on.
    package var kubeletMount: Result<MountTableLine?, Refusal>
    package var stateDirectory: String
    package var state: Result<Directory, Refusal>
    /// The directory above the state directory, in which the driver would make it.
    package var stateParent: Result<Directory, Refusal>
    package var pools: [Pool]
    package var nfs: NFSFacts?
    package var socket: Socket

    package init(
        kernelRelease: Result<String, Refusal>, refusedCalls: [KernelCall: Refusal],
        capabilities: Result<CapabilitySet, Refusal>, kubeletDirectory: String, kubelet: Result<Directory, Refusal>,
        kubeletMount: Result<MountTableLine?, Refusal>, stateDirectory: String, state: Result<Directory, Refusal>,
        stateParent: Result<Directory, Refusal>, pools: [Pool], nfs: NFSFacts? = nil, socket: Socket
    ) {
        self.kernelRelease = kernelRelease
        self.refusedCalls = refusedCalls
        self.capabilities = capabilities
        self.kubeletDirectory = kubeletDirectory
        self.kubelet = kubelet
        self.kubeletMount = kubeletMount
        self.stateDirectory = stateDirectory
        self.state = state
        self.stateParent = stateParent
        self.pools = pools
        self.nfs = nfs
        self.socket = socket
    }
}

extension NodeFacts {
    /// Looks at this machine, as this process sees it, and asks the driver, if one answers. Changes nothing, but that
    /// the kernel may load a module.
    package static func gather(about subject: NodeSubject) async -> NodeFacts {
        var refused: [KernelCall: Refusal] = [:]
        for call in KernelCall.allCases { refused[call] = SystemProbe.refusal(of: call) }
        let kubelet = directory(subject.kubeletDirectory)
        var nfs: NFSFacts?
        if let served = subject.nfs {
            nfs = await NFSFacts.gather(about: served, stateDirectory: subject.stateDirectory)
        }
        return NodeFacts(
            kernelRelease: SystemProbe.kernelRelease(), refusedCalls: refused,
            capabilities: SystemProbe.effectiveCapabilities(), kubeletDirectory: subject.kubeletDirectory,
            kubelet: kubelet, kubeletMount: kubelet.flatMap { SystemProbe.mount($0.mountID) },
            stateDirectory: subject.stateDirectory, state: directory(subject.stateDirectory),
            stateParent: directory(parent(of: subject.stateDirectory)),
            pools: subject.pools.map { pool($0, stateDirectory: subject.stateDirectory) },
            nfs: nfs, socket: await socket(subject.endpoint))
    }

    private static func directory(_ path: String) -> Result<Directory, Refusal> {
        SystemProbe.directory(path).map { Directory($0) }
    }

    private static func parent(of path: String) -> String {
        "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    }

    /// Bytes; a longer file is no format and no memory of a pool.
    private static let longestFile = 64 << 10

    private static func pool(_ subject: NodeSubject.Pool, stateDirectory: String) -> Pool {
        Pool(
            subject: subject, directory: directory(subject.path),
            format: SystemProbe.file("\(subject.path)/.moorage/format", limit: longestFile),
            isUnused: isUnused(subject.path),
            memory: SystemProbe.file("\(stateDirectory)/pools/\(subject.name).json", limit: longestFile))
    }

    /// As PoolStore sees it: nothing is there but what a file system puts into its root by itself, and what a pool that
    /// was never completed left.
    private static func isUnused(_ path: String) -> Result<Bool, Refusal> {
        SystemProbe.isEmpty(path, ignoring: { ["lost+found", ".moorage"].contains($0) }).flatMap { isEmpty in
            let metadata = SystemProbe.isEmpty("\(path)/.moorage", ignoring: { $0.hasPrefix(".new-") })
            if case .failure(let refusal) = metadata, refusal.kind == .missing { return .success(isEmpty) }
            return metadata.map { isEmpty && $0 }
        }
    }

    private static func socket(_ endpoint: UnixEndpoint) async -> Socket {
        Socket(
            path: endpoint.path, directory: directory(parent(of: endpoint.path)),
            entry: SystemProbe.status(ofPath: endpoint.path).map { status in
                Socket.Entry(isSocket: status.kind == .socket, permissions: status.permissions)
            },
            answer: await answer(at: endpoint))
    }

    /// For each of the two calls.
    private static let patience = Duration.seconds(3)

    private static func answer(at endpoint: UnixEndpoint) async -> Socket.Answer {
        let channel: GRPCChannel
        do throws(EndpointError) {
            channel = try GRPCChannel(to: endpoint)
        } catch {
            return .nobody(found: error.found, remedy: error.remedy)
        }
        defer { channel.close() }
        do {
            let probe = try await channel.unary("/csi.v1.Identity/Probe", [], timeout: patience)
            let info = try await channel.unary("/csi.v1.Identity/GetPluginInfo", [], timeout: patience)
            let transcoder = JSONTranscoder()
            let readiness = try transcoder.json(of: "csi.v1.ProbeResponse", bytes: probe)
            let plugin = try transcoder.json(of: "csi.v1.GetPluginInfoResponse", bytes: info)
            // Without a word a plugin is ready (CSI spec, ProbeResponse).
            return .driver(
                name: plugin.text("name"), version: plugin.text("vendorVersion"),
                isReady: readiness.text("ready") != "false")
        } catch {
            return .failed("\(error)")
        }
    }
}
