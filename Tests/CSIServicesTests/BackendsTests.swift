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

    private static let kinds = Backends([
        KnownBackend(name: "hostPath", poolNames: ["disk", "both"]),
        KnownBackend(name: "nfs", poolNames: ["home", "both"]),
    ])

    @Test(
        "a class says which backend it is for: by backend, by server, by a pool of one of them",
        arguments: [
            ([:], "hostPath"), (["server": "s", "share": "/x"], "nfs"), (["backend": "NFS"], "nfs"),
            (["pool": "disk"], "hostPath"), (["pool": "home"], "nfs"), (["POOL": "home"], "nfs"),
            (["pool": "nobody's"], "hostPath"), (["pool": "both", "backend": "nfs"], "nfs"),
            (["pool": "home", "backend": "hostPath"], "hostPath"), (["pool": "disk", "server": "s"], "nfs"),
        ] as [([String: String], String)])
    func chosen(parameters: [String: String], name: String) throws {
        #expect(try Self.kinds.chosen(by: parameters).name == name)
    }

    @Test("a pool that two backends have, and a backend that is not there, are refused")
    func notChosen() {
        for parameters in [["pool": "both"], ["backend": "x"]] {
            let error = #expect(throws: DriverError.self) { try Self.kinds.chosen(by: parameters) }
            #expect(error?.code == .invalidArgument)
        }
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
