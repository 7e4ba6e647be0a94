import StorageModel
import Testing

@testable import CSIServices

@Suite("Choosing a backend")
struct BackendsTests {
    /// Gives ids that begin with its name and knows static volumes by one key.
    private struct FakeBackend: VolumeBackend {
        let name: String
        let key: String
        var topology: Topology? { nil }

        func recognises(_ id: VolumeID) -> Bool { id.rawValue.hasPrefix(name + ".") }
        func describesStaticVolume(_ context: [String: String]) -> Bool { context[key] != nil }

        private static let unused = DriverError(.internalError, "not asked in these tests")
        func checkSupport(of _: VolumeCapability) throws(DriverError) { throw Self.unused }
        func checkSupport(of _: VolumeCapability, context _: [String: String]) throws(DriverError) { throw Self.unused }
        func place(_: CreateVolumeRequest) throws(DriverError) -> VolumePlacement { throw Self.unused }
        func create(_: VolumePlacement) async throws(DriverError) -> CreatedVolume { throw Self.unused }
        func volume(_: VolumeID) async throws(DriverError) -> StoredVolume { throw Self.unused }
        func delete(_: VolumeID) async throws(DriverError) { throw Self.unused }
        func volumes(after _: VolumeID?, limit _: Int) async throws(DriverError) -> [StoredVolume] { throw Self.unused }
        func capacity(parameters _: [String: String]) async throws(DriverError) -> BackendCapacity { throw Self.unused }
        func mountPlan(
            for _: VolumeID, capability _: VolumeCapability, context _: [String: String]
        ) async throws(DriverError) -> MountPlan { throw Self.unused }
        func makeMissing(for _: VolumeID, context _: [String: String]) async throws(DriverError) { throw Self.unused }
    }

    private let backends = Backends([FakeBackend(name: "a", key: "path"), FakeBackend(name: "b", key: "server")])

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
