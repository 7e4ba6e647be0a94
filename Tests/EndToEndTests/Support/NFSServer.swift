import Glibc
import JSONText
import Testing

/// The NFS servers of the test machine (hack/vm-nfs). One is made for the whole run; what a test does to it, it undoes.
struct NFSServer: Sendable {
    let name: String
    let address: String

    /// Where the files of the first server are, for whoever wants to look behind the driver.
    static let files = "/srv/x"

    /// Where a directory that it exports is on this machine.
    func files(_ directory: String = NFSServer.files) -> String { "/exports/\(name)\(directory)" }

    static func started(_ name: String = "server") async throws -> NFSServer {
        try await run(name, "start")
        let addresses = try await run(name, "address")
        return NFSServer(name: name, address: String(try addresses.split(separator: " ").first.required("no address")))
    }

    @discardableResult
    func run(_ verb: String, _ arguments: String...) async throws -> String {
        try await Self.run(name, [verb] + arguments)
    }

    @discardableResult
    private static func run(_ name: String, _ verb: String) async throws -> String {
        try await run(name, [verb])
    }

    @discardableResult
    private static func run(_ name: String, _ words: [String]) async throws -> String {
        let finished = try await Finished.run(
            ["\(packageRoot)/hack/vm-nfs", "--server", name] + words, in: packageRoot, within: 100)
        guard finished.ending == .exit(0) else {
            throw Failure("hack/vm-nfs \(words.joined(separator: " ")): \(finished.ending)\n\(finished.output)")
        }
        return finished.output.trimmed
    }
}

extension NFSServer {
    /// What a driver tells of its lane to this server's files.
    func lane(of driver: Driver) async throws -> JSONValue {
        let share = "\(address):\(Self.files)"
        return try await driver.call("/moorage.inspect.v1.Inspect/ListShares")["entries"].elements
            .first { $0["name"].string == share }.required("\(share) is not listed")
    }

    /// What a driver keeps on a share when there are no volumes on it.
    func expectNoVolumes(on share: String = NFSServer.files) async throws {
        for folder in ["claims", "below", "volumes"] {
            let left = try entries("\(files(share))/.moorage/\(folder)")
            #expect(left == [], "\(folder) on \(name)")
        }
        try await eventually("the trash of \(name) is empty") {
            try entries("\(files(share))/.moorage/trash").isEmpty
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\n" }.reversed().drop { $0 == " " || $0 == "\n" }.reversed())
    }
}
