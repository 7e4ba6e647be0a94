import StorageModel
import Testing

@testable import CSIServices

@Suite("Choosing a backend")
struct BackendsTests {
    private static func backend(_ name: String, key: String) -> KnownBackend {
        KnownBackend(name: name, contextKey: key, isOurs: { $0.rawValue.hasPrefix(name + ".") })
    }

    private let backends = Backends([Self.backend("a", key: "path"), Self.backend("b", key: "server")])

    @Test(
        "an id of ours says which backend it is of, and for any other id the context does",
        arguments: [
            ("a.1", [:], "a"), ("b.1", [:], "b"), ("b.1", ["type": "x"], "b"), ("any", ["path": "/x"], "a"),
            ("any", ["server": "x"], "b"),
        ] as [(String, [String: String], String)])
    func found(id: String, context: [String: String], name: String) throws {
        #expect(try backends.existing(VolumeID(id), context: context).name == name)
    }

    @Test(
        "an id of nobody without such a context does not exist, and an id of ours with one is ambiguous",
        arguments: [
            ("any", [:], .notFound), ("any", ["type": "x"], .notFound), ("a.1", ["path": "/x"], .invalidArgument),
            ("b.1", ["path": "/x"], .invalidArgument), ("a.1", ["server": "x"], .invalidArgument),
        ] as [(String, [String: String], DriverError.Code)])
    func refused(id: String, context: [String: String], code: DriverError.Code) {
        let error = #expect(throws: DriverError.self) {
            _ = try backends.existing(VolumeID(id), context: context)
        }
        #expect(error?.code == code)
    }
}
