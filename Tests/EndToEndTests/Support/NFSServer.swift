import Glibc
import Testing

/// The NFS servers of the test machine (hack/vm-nfs). One is made for the whole run; what a test does to it, it undoes.
struct NFSServer: Sendable {
    let name: String
    let address: String

    /// Where the files of the first server are, for whoever wants to look behind the driver.
    static let files = "/srv/x"

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
            ["\(packageRoot)/hack/vm-nfs", "--server", name] + words, in: packageRoot)
        guard finished.ending == .exit(0) else {
            throw Failure("hack/vm-nfs \(words.joined(separator: " ")): \(finished.ending)\n\(finished.output)")
        }
        return finished.output.trimmed
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\n" }.reversed().drop { $0 == " " || $0 == "\n" }.reversed())
    }
}
