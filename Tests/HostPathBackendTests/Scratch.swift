import BlockingWork
import FoundationEssentials
import Glibc
import HostPathBackend
import LinuxSystem
import StorageModel
import Synchronization
import Testing

/// A directory of its own for one test, on the disk that /tmp is on; removed when the test lets go of it.
final class Scratch: Sendable {
    let path: String

    init(on base: String = "/tmp") throws {
        var template = Array("\(base)/moorage-pool.XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func directory(_ name: String) -> String {
        let full = "\(path)/\(name)"
        mkdir(full, 0o755)
        return full
    }
}

/// A backend with what a test needs to look behind it.
final class Fixture: Sendable {
    let scratch: Scratch
    let workers = WorkerThreads(name: "test", limit: 8)
    let backend: HostPathBackend
    let events: Events

    final class Events: Sendable {
        private let all = Mutex<[PoolEvent]>([])
        private let arrived = ThreadSignal()

        func add(_ event: PoolEvent) {
            all.withLock { $0.append(event) }
            arrived.signal()
        }

        var list: [PoolEvent] { all.withLock { $0 } }

        /// Waits until an event fits; the suite's time limit ends it when none comes.
        func wait(for fits: (PoolEvent) -> Bool) {
            while !list.contains(where: fits) { arrived.wait() }
        }

        /// Waits until the condition holds, which is looked at after each event.
        func wait(until condition: () -> Bool) {
            while !condition() { arrived.wait() }
        }
    }

    static let topology = Topology(["topology.csi.moorage.dev/node": "node-1"])

    /// - Parameters:
    ///   - pools: names; each is a directory of that name in the scratch directory.
    ///   - emptiesTrash: false leaves what is deleted in the trash.
    convenience init(
        _ scratch: Scratch, pools: [String] = ["default"], prefixes: [String] = [], emptiesTrash: Bool = true
    ) throws {
        for pool in pools { _ = scratch.directory(pool) }
        try self.init(serving: pools, prefixes: prefixes, in: scratch, emptiesTrash: emptiesTrash)
    }

    private init(
        serving pools: [String], prefixes: [String] = [], in scratch: Scratch, emptiesTrash: Bool = true
    ) throws {
        self.scratch = scratch
        let events = Events()
        self.events = events
        backend = try HostPathBackend(
            pools: pools.map { PoolConfiguration(name: $0, path: "\(scratch.path)/\($0)") },
            prefixes: prefixes.map { HostPathPrefix($0) },
            stateDirectory: scratch.directory("state"), nodeID: "node-1", topology: Self.topology, workers: workers,
            report: { events.add($0) })
        if emptiesTrash { backend.start() }
    }

    deinit {
        backend.stop()
        workers.close()
    }

    /// The same pools in a process that starts after this one ended.
    func restarted(pools: [String] = ["default"]) throws -> Fixture {
        backend.stop()
        return try Fixture(serving: pools, in: scratch)
    }

    func root(_ pool: String = "default") -> String { "\(scratch.path)/\(pool)" }

    /// Waits until the reaper has removed everything.
    func emptyTrash(_ pool: String = "default") {
        events.wait(until: { names(in: "\(root(pool))/.moorage/trash").isEmpty })
    }

    /// The id of the pool that is open under this name.
    func poolID(_ name: String = "default") throws -> String {
        try #require(
            events.list.compactMap { event in
                if case .opened(name, let id, _) = event { id } else { nil }
            }.last)
    }

    func create(
        _ name: String, bytes: Int64 = 0, _ parameters: [String: String] = [:]
    ) async throws -> CreatedVolume {
        let placement = try backend.place(
            CreateVolumeRequest(
                name: name, capacityRange: CapacityRange(requiredBytes: bytes), volumeCapabilities: [Self.mount],
                parameters: parameters))
        return try await backend.create(placement)
    }

    static let mount = VolumeCapability(.mount(MountCapability()), .singleNodeWriter)
}

extension CreatedVolume {
    var volume: StoredVolume {
        switch self {
        case .made(let volume), .existing(let volume): volume
        }
    }

    var isMade: Bool {
        if case .made = self { true } else { false }
    }
}

/// The code of the DriverError that `body` throws.
func code(_ body: () async throws -> Void) async -> DriverError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? DriverError)?.code
    }
}

/// Names in a directory, sorted.
func names(in path: String) -> [String] {
    var names: [String] = []
    guard let directory = try? OwnedDescriptor.open(path, [.readOnly, .directory]) else { return [] }
    try? directory.forEachEntry {
        names.append($0.name.description)
        return true
    }
    return names.sorted()
}

func exists(_ path: String) -> Bool {
    (try? OwnedDescriptor.status(ofPath: path)) != nil
}

func write(_ text: String, to path: String) throws {
    try OwnedDescriptor.open(path, [.writeOnly, .create, .truncate], mode: 0o600).write(Array(text.utf8))
}

func read(_ path: String) throws -> String {
    String(decoding: try OwnedDescriptor.open(path, .readOnly).readAll(limit: 1 << 20), as: UTF8.self)
}
