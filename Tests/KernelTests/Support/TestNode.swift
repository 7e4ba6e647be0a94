import BlockingWork
import Glibc
import LinuxSystem
import MountTracking
import NetworkShares
import StorageModel
import Synchronization
import SystemPackage
import Testing

/// A node for one test: a tmpfs of its own with a pool, an orchestrator's directory and a state directory in it.
struct TestNode: Sendable {
    let root: String
    let workers: WorkerThreads
    let mounts: NodeMounts
    let shares: NetworkShares
    let events = Events()

    var pool: String { root + "/pool" }
    var kubelet: String { root + "/kubelet" }
    var state: String { root + "/state" }
    var ledger: String { state + "/ledger/" + Self.bootID }
    static let bootID = "boot-1"

    final class Events: Sendable {
        private let list = Mutex<[MountEvent]>([])
        func append(_ event: MountEvent) { list.withLock { $0.append(event) } }
        var all: [MountEvent] { list.withLock { $0 } }
    }

    enum Parent: CaseIterable {
        case `private`
        case shared
    }

    /// Runs `body` on a node whose ledger was reconciled; afterwards everything is unmounted and removed.
    static func with(
        parent: Parent = .private, stateOnFileSystemOfItsOwn: Bool = false, hasShares: Bool = false,
        _ body: (TestNode) async throws -> Void
    ) async throws {
        var template = Array("/tmp/moorage-kernel.XXXXXX".utf8CString)
        let root = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            // With everything mounted below it.
            umount2(root, Int32(MNT_DETACH))
            rmdir(root)
        }
        try mountTmpfs(root)
        if parent == .shared {
            try #require(mount(nil, root, nil, UInt(MS_SHARED), nil) == 0)
        }
        for name in ["pool", "kubelet", "state"] { try makeDirectory("\(root)/\(name)") }
        if stateOnFileSystemOfItsOwn { try mountTmpfs(root + "/state") }
        let node = try TestNode(root: root, hasShares: hasShares)
        defer {
            node.workers.close()
            if hasShares { node.shares.stop() }
        }
        _ = try await node.mounts.reconcile()
        try await body(node)
    }

    private init(root: String, hasShares: Bool) throws {
        self.root = root
        workers = WorkerThreads(name: "test", limit: 8)
        shares =
            hasShares
            ? NetworkShares(
                stateDirectory: root + "/state", mounter: try makeMounter(), timeout: .seconds(20), report: { _ in })
            : Self.noShares
        mounts = try Self.makeMounts(root: root, workers: workers, shares: shares, events: events)
    }

    /// What a driver has that starts anew on this node; it is not reconciled.
    func restarted() throws -> NodeMounts {
        try Self.makeMounts(root: root, workers: workers, shares: shares, events: events)
    }

    private static func makeMounts(
        root: String, workers: WorkerThreads, shares: NetworkShares, events: Events
    ) throws -> NodeMounts {
        try NodeMounts(
            stateDirectory: root + "/state", ledgerBootID: bootID, kubeletDirectories: [root + "/kubelet"],
            workers: workers, shares: shares, report: { events.append($0) })
    }

    /// Never asked: nothing here is on a share.
    static let noShares = NetworkShares(
        stateDirectory: "/nowhere", mounter: FileSystemMounter(program: "/nowhere"), timeout: .seconds(1),
        report: { _ in })

    func restartedAndReconciled() async throws -> NodeMounts {
        let mounts = try restarted()
        _ = try await mounts.reconcile()
        return mounts
    }

    // MARK: The ledger by hand

    /// Removes the entries of these paths from the disk; only a driver that starts anew notices.
    func forget(_ paths: String...) throws {
        for path in paths {
            try #require(unlink("\(ledger)/\(Ledger.fileName(for: path))") == 0)
        }
    }

    func writeEntry(_ entry: LedgerEntry) throws {
        let content = String(decoding: entry.encoded, as: UTF8.self)
        try writeFile("\(ledger)/\(Ledger.fileName(for: entry.intent.path))", content)
    }

    // MARK: Programs

    /// Runs a program and waits for it.
    ///
    /// - Returns: its exit code; nil when the kernel refuses to start it.
    func run(_ arguments: [String]) async throws -> Int32? {
        await workers.run { (try? spawn(arguments)).map(wait(for:)) }
    }

    /// Calls `body` with a process that lives in a mount namespace of its own, a copy of this one.
    func withNamespaceOfItsOwn(_ body: (pid_t) async throws -> Void) async throws {
        let process = try spawn(["unshare", "--mount", "sleep", "600"])
        defer {
            kill(process, SIGKILL)
            _ = wait(for: process)
        }
        while readFile("/proc/\(process)/comm") != "sleep\n" { sched_yield() }
        try await body(process)
    }

    private func spawn(_ arguments: [String]) throws(Errno) -> pid_t {
        var process = pid_t()
        var pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        let failure = posix_spawnp(&process, arguments[0], nil, nil, &pointers, environ)
        guard failure == 0 else { throw Errno(rawValue: failure) }
        return process
    }

    /// - Returns: its exit code, or -1 when a signal ended it.
    private func wait(for process: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) == -1 && errno == EINTR {}
        return status & 0x7f == 0 ? status >> 8 & 0xff : -1
    }

    // MARK: Volumes

    /// A volume with one file in it: `name`, which holds its name.
    func makeVolume(_ name: String) throws -> TestVolume {
        try makeDirectory("\(pool)/\(name)")
        try writeFile("\(pool)/\(name)/name", name)
        return TestVolume(node: self, id: VolumeID(name))
    }

    /// Everything in the ledger's directory.
    var ledgerFiles: [String] { listing(ledger) }
}

/// A volume on a test's node, with the paths that an orchestrator would choose for it.
struct TestVolume: Sendable {
    let node: TestNode
    let id: VolumeID

    var staging: String { "\(node.kubelet)/\(id)-staging" }
    var target: String { "\(node.kubelet)/\(id)-target" }
    var directory: String { "\(node.pool)/\(id)" }
    var plan: MountPlan {
        MountPlan(source: .directory(root: node.pool, components: [id.rawValue]), attributes: MountAttributes())
    }

    func intent(_ role: MountRole, _ path: String? = nil, _ flags: [String] = []) throws -> MountIntent {
        MountIntent(
            volume: id, role: role, path: path ?? (role == .stage ? staging : target),
            accessMode: .singleNodeMultiWriter,
            isBlock: false, attributes: try MountAttributes(flags: flags))
    }

    /// Stages as an orchestrator does, which makes the directory itself.
    func stage(at path: String? = nil, _ flags: [String] = [], by mounts: NodeMounts? = nil) async throws {
        mkdir(path ?? staging, 0o750)
        try await (mounts ?? node.mounts).stage(intent(.stage, path, flags), plan: plan)
    }

    func publish(
        at path: String? = nil, _ flags: [String] = [], from staging: String? = nil, by mounts: NodeMounts? = nil
    ) async throws {
        try await (mounts ?? node.mounts).publish(
            intent(.publish, path, flags), plan: plan, stagingPath: staging ?? self.staging)
    }

    func unpublish(at path: String? = nil, by mounts: NodeMounts? = nil) async throws {
        try await (mounts ?? node.mounts).unpublish(id, path: path ?? target)
    }

    func unstage(at path: String? = nil, by mounts: NodeMounts? = nil) async throws {
        try await (mounts ?? node.mounts).unstage(id, path: path ?? staging)
    }

    /// Role and presence of each entry.
    func tracked(by mounts: NodeMounts? = nil) async throws -> [MountRole: TrackedMount.Presence] {
        Dictionary(
            try await (mounts ?? node.mounts).mounts(of: id).map { ($0.intent.role, $0.presence) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Whether the volume's own tree is what one sees at a path.
    func isSeen(at path: String) -> Bool {
        isMountPoint(path) && readFile(path + "/name") == id.rawValue
    }
}

// MARK: Plain files and mounts

func mountTmpfs(_ path: String, _ flags: Int = 0) throws {
    try #require(
        mount("tmpfs", path, "tmpfs", UInt(flags), "size=16m,mode=0755") == 0, "tmpfs on \(path): errno \(errno)")
}

func makeDirectory(_ path: String) throws {
    try #require(mkdir(path, 0o755) == 0, "mkdir \(path): errno \(errno)")
}

func writeFile(_ path: String, _ content: String, mode: UInt32 = 0o644) throws {
    try OwnedDescriptor.open(path, [.writeOnly, .create, .truncate], mode: mode).write(Array(content.utf8))
}

func readFile(_ path: String) -> String? {
    guard let bytes = try? OwnedDescriptor.open(path, .readOnly).readAll(limit: 1 << 20) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
}

func exists(_ path: String) -> Bool {
    (try? OwnedDescriptor.status(ofPath: path)) != nil
}

func isMountPoint(_ path: String) -> Bool {
    (try? OwnedDescriptor.status(ofPath: path).isMountRoot) == true
}

func listing(_ path: String) -> [String] {
    var names: [String] = []
    guard let directory = try? OwnedDescriptor.open(path, [.readOnly, .directory]) else { return [] }
    try? directory.forEachEntry {
        names.append($0.name.description)
        return true
    }
    return names.sorted()
}

func flags(of path: String) throws -> FileSystemStatus.MountFlags {
    try OwnedDescriptor.open(path, .pathOnly).fileSystemStatus().mountFlags
}

/// The lines of mountinfo(5) for a mount point, the lowest mount first.
func mountInfo(_ path: String) throws -> [[String]] {
    let table = try OwnedDescriptor.open("/proc/self/mountinfo", .readOnly).readAll(limit: 16 << 20)
    return String(decoding: table, as: UTF8.self).split(separator: "\n").map {
        $0.split(separator: " ").map(String.init)
    }
    .filter { $0.count > 4 && $0[4] == path }
}

/// Calls `body` and expects a DriverError of this code; returns its message.
@discardableResult
func expectFailure(
    _ code: DriverError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> String {
    let error = await #expect(throws: DriverError.self, sourceLocation: sourceLocation) { try await body() }
    #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
    return error?.message ?? ""
}
