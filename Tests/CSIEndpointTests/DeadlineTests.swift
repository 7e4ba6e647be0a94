import BlockingWork
import CSIEndpoint
import CSIServices
import GRPCServing
import Logging
import StorageModel
import Synchronization
import Testing

@Suite("The deadline of a call")
struct DeadlineTests {
    /// Notes until when the caller waits, and fails when it is told to.
    private final class Storage: VolumeBackend, MountTracker {
        let seen = Mutex<[ContinuousClock.Instant?]>([])
        let name = "storage"
        var topology: Topology? { nil }
        let listsVolumes = true

        private func note() { seen.withLock { $0.append(CallDeadline.current) } }

        func capacity(parameters _: [String: String]) async throws(DriverError) -> BackendCapacity {
            note()
            return BackendCapacity(available: 1)
        }

        func listing(after _: ListingPosition?, limit _: Int) async throws(DriverError) -> [ListedVolume] {
            note()
            throw DriverError(.unavailable, "the share is away")
        }

        func listing(after _: String?, of _: VolumeID?, limit _: Int) async throws(DriverError) -> [ListedMount] {
            note()
            return []
        }

        func recognises(_: VolumeID) -> Bool { false }
        func describesStaticVolume(_: VolumeID, _: [String: String]) -> Bool { false }
        func checkSupport(of _: VolumeCapability) throws(DriverError) { throw unused }
        func checkSupport(of _: VolumeCapability, context _: [String: String]) throws(DriverError) { throw unused }
        func place(_: CreateVolumeRequest) throws(DriverError) -> VolumePlacement { throw unused }
        func create(_: VolumePlacement) async throws(DriverError) -> CreatedVolume { throw unused }
        func volume(_: VolumeID) async throws(DriverError) -> StoredVolume { throw unused }
        func delete(_: VolumeID, mountOptions _: SensitiveText?) async throws(DriverError) { throw unused }
        func volumes(after _: String?, limit _: Int) async throws(DriverError) -> VolumePage { throw unused }
        func poolListing() async throws(DriverError) -> [ListedPool] { throw unused }
        func mountPlan(
            for _: VolumeID, capability _: VolumeCapability, context _: [String: String]
        ) async throws(DriverError) -> MountPlan { throw unused }
        func makeMissing(for _: VolumeID, context _: [String: String]) async throws(DriverError) { throw unused }
        func mounts(of _: VolumeID) async throws(DriverError) -> [TrackedMount] { throw unused }
        func counts(of _: [VolumeID]) async throws(DriverError) -> [Int] { throw unused }
        func isInUse(_: VolumeID) async throws(DriverError) -> Bool { throw unused }
        func stage(_: MountIntent, plan _: MountPlan) async throws(DriverError) { throw unused }
        func publish(_: MountIntent, plan _: MountPlan, stagingPath _: String) async throws(DriverError) {
            throw unused
        }
        func unstage(_: VolumeID, path _: String) async throws(DriverError) { throw unused }
        func unpublish(_: VolumeID, path _: String) async throws(DriverError) { throw unused }
        func statistics(ofTracked _: VolumeID, at _: String) async throws(DriverError) -> VolumeStatistics? {
            throw unused
        }
        func statistics(of _: MountPlan, volume _: VolumeID, at _: String) async throws(DriverError) -> VolumeStatistics
        {
            throw unused
        }
    }

    private let storage = Storage()

    /// Makes the call as the server does, and says until when its storage was told to have time.
    private func deadlines(
        seenBy method: String, calledUntil deadline: ContinuousClock.Instant?
    ) async throws -> (seen: [ContinuousClock.Instant?], failure: GRPCStatus?) {
        let threads = WorkerThreads(name: "test", limit: 1)
        defer { threads.close() }
        let backends = Backends([storage])
        let routes = Routes(
            identity: IdentityService(driverName: "test", version: "1", backends: backends),
            controller: ControllerService(backends: backends, tracker: storage, gates: Gates()), node: nil,
            inspect: InspectService(backends: backends, tracker: storage), health: Health(),
            log: RequestLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }), storage: threads)
        guard case .unary(let executor?, let handler)? = routes.methods[method] else {
            throw unused
        }
        let context = CallContext(method: method, id: 1, deadline: deadline, metadata: [])
        let failure = await Task(executorPreference: executor) { () async -> GRPCStatus? in
            do throws(GRPCStatus) {
                _ = try await handler([], context)
                return nil
            } catch {
                return error
            }
        }.value
        return (storage.seen.withLock { $0 }, failure)
    }

    @Test(
        "is known to backend and mounts",
        arguments: ["csi.v1.Controller/GetCapacity", "moorage.inspect.v1.Inspect/ListMounts"])
    func known(method: String) async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(3))
        let (seen, failure) = try await deadlines(seenBy: "/\(method)", calledUntil: deadline)
        #expect(seen == [deadline])
        #expect(failure == nil)
    }

    @Test("is none when the client waits for ever")
    func none() async throws {
        let (seen, failure) = try await deadlines(seenBy: "/csi.v1.Controller/GetCapacity", calledUntil: nil)
        #expect(seen == [nil])
        #expect(failure == nil)
    }

    @Test("changes nothing about an error")
    func errors() async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(3))
        let (seen, failure) = try await deadlines(
            seenBy: "/moorage.inspect.v1.Inspect/ListVolumes", calledUntil: deadline)
        #expect(seen == [deadline])
        #expect(failure == GRPCStatus(.unavailable, "the share is away"))
    }
}

private let unused = DriverError(.internalError, "nobody should ask for this")
