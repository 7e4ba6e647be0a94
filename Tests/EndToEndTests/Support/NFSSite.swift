import GRPCServing
import Glibc
import Testing

/// A version of NFS with a server, a node and a driver of its own. Waiting is most of what tests of dead servers do:
/// the versions do it side by side.
struct NFSSite: Sendable {
    let version: String
    let server: NFSServer
    /// The network namespace that the driver is in, for `hack/vm-nfs link`.
    let node: String
    let driver: Driver

    static let versions = ["4.2", "4.1", "3"]

    /// Seconds that a driver waits for a share; long enough that the machine, which has one slow processor, does in it
    /// what takes a moment elsewhere.
    static let timeout = 4
    static let flags = ["--nfs-timeout", "\(timeout)"]

    /// Runs `body` for all versions at once. In the end no mount may be left, and no volume.
    static func each(
        _ flags: [String] = Self.flags, _ body: @escaping @Sendable (NFSSite) async throws -> Void
    ) async throws {
        var servers: [(String, NFSServer)] = []
        for version in versions {
            let name = version == versions[0] ? "server" : "server-\(suffix(version))"
            servers.append((version, try await NFSServer.started(name)))
            try await servers[0].1.run("node", "node-\(suffix(version))")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (version, server) in servers {
                group.addTask { try await with(version, server, flags, body) }
            }
            try await group.waitForAll()
        }
    }

    private static func suffix(_ version: String) -> String { version.replacing(".", with: "-") }

    private static func with(
        _ version: String, _ server: NFSServer, _ flags: [String], _ body: @Sendable (NFSSite) async throws -> Void
    ) async throws {
        let node = "node-\(suffix(version))"
        try await onNode(node, flags) { driver in
            do {
                try await body(NFSSite(version: version, server: server, node: node, driver: driver))
                try NFSLifeTests.expectNothingLeft(on: driver)
                try await server.expectNoVolumes()
            } catch {
                throw Failure("NFS \(version): \(error)")
            }
        }
    }

    /// A driver in the network namespace of a node.
    private static func onNode(
        _ node: String, _ flags: [String], _ body: (Driver) async throws -> Void
    ) async throws {
        try await Driver.with(
            ["--backends", "nfs"] + flags, startedBy: { _ in ["/usr/bin/nsenter", "--net=/run/netns/\(node)"] }, body)
    }

    /// A volume of this version on the server.
    func volume(_ name: String, share: String = NFSServer.files) throws -> NFSVolume {
        try NFSVolume(name, on: driver, server, share: share, flags: ["vers=\(version)", "nolock"])
    }

    func makeVolume(_ name: String, share: String = NFSServer.files) async throws -> NFSVolume {
        var volume = try volume(name, share: share)
        try await insist("\(name) is created") { try await volume.create() }
        return volume
    }

    /// A volume that is a directory which somebody else made on the server: no client has heard of it.
    func foreignVolume(_ name: String, share: String = NFSServer.files) throws -> NFSVolume {
        try makeDirectory("\(server.files(share))/\(name)")
        var volume = try volume(name, share: share)
        volume.id = "\(server.address)#\(share.dropFirst())#\(name)"
        volume.context = ["server": server.address, "share": share, "subDir": name]
        return volume
    }

    func file(_ path: String, share: String = NFSServer.files) -> String { "\(server.files(share))/\(path)" }
}

/// What becomes of a server, or of the way to it.
enum ServerState: String, CaseIterable, Sendable {
    case alive
    /// Connections are refused.
    case stopped
    /// Packets are lost: the server's.
    case silent
    /// Packets are lost: the node's.
    case partitioned
    /// NFS 4 opens no file until its grace is over.
    case restarted = "restarted, in grace"
    case exportRemoved = "export removed"

    /// Nothing is heard of it.
    var isDead: Bool { [.stopped, .silent, .partitioned].contains(self) }

    /// What is sent to it is lost.
    var isSilence: Bool { isDead && self != .stopped }

    static let troubles = allCases.filter { $0 != .alive }

    func begin(at site: NFSSite) async throws {
        switch self {
        case .alive: break
        case .stopped: try await site.server.run("stop")
        case .silent: try await site.server.run("silence")
        case .partitioned: try await site.server.run("link", site.node, "down")
        case .restarted: try await site.server.run("restart")
        case .exportRemoved: try await site.server.run("unexport", NFSServer.files)
        }
    }

    func end(at site: NFSSite) async throws {
        switch self {
        case .alive: break
        case .stopped:
            try await site.server.run("start")
            try await site.server.run("grace")
        case .silent: try await site.server.run("speak")
        case .partitioned: try await site.server.run("link", site.node, "up")
        case .restarted: try await site.server.run("grace")
        case .exportRemoved: try await site.server.run("export", NFSServer.files)
        }
    }

    /// Runs `body` in this state, and ends it in any case: what hangs could not even be killed.
    func during(at site: NFSSite, _ body: () async throws -> Void) async throws {
        try await begin(at: site)
        do {
            try await body()
        } catch {
            Issue.record(error, "NFS \(site.version), \(self)")
        }
        try await end(at: site)
    }
}

/// Repeats a call until the server has come back for the driver, as an orchestrator does.
func insist(_ what: String, _ body: () async throws -> Void) async throws {
    var last: GRPCStatus?
    do {
        try await eventually(what, within: 90) {
            do {
                try await body()
                return true
            } catch let status as GRPCStatus where status.code == .unavailable || status.code == .aborted {
                last = status
                return false
            }
        }
    } catch let failure as Failure {
        throw Failure("\(failure)\(last.map { "; the last answer: \($0)" } ?? "")")
    }
}

/// The processes of this name, of the whole machine.
func processes(named name: String) throws -> [pid_t] {
    try entries("/proc").compactMap { pid_t($0) }
        .filter { readFile("/proc/\($0)/comm") == name + "\n" }
}
