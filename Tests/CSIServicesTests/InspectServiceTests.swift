import CSIServices
import StorageModel
import Testing

@Suite("Inspect")
struct InspectServiceTests {
    private static func volume(_ id: String, _ deletion: String = "", path: String = "/p") -> ListedVolume {
        ListedVolume(
            position: ListingPosition(id: VolumeID(id), deletion: deletion), pool: "p",
            state: deletion.isEmpty ? .ready : .deleting, path: path)
    }

    private static func mount(_ path: String, of volume: String = "a") -> ListedMount {
        ListedMount(
            intent: MountIntent(
                volume: VolumeID(volume), role: .publish, path: path, accessMode: .singleNodeWriter, isBlock: false,
                attributes: MountAttributes()), presence: .mounted)
    }

    private static let backends = [
        KnownBackend(name: "one", volumes: [volume("a/1"), volume("a/1", "d1"), volume("a/1", "d2"), volume("b")]),
        KnownBackend(name: "none", volumes: []),
        KnownBackend(name: "two", volumes: [volume("a"), volume("c")]),
    ]

    private static func service(_ mounts: [ListedMount] = [], _ backends: [KnownBackend] = backends) -> InspectService {
        InspectService(backends: Backends(backends), tracker: KnownMounts(mounts: mounts))
    }

    private static func pages(
        _ service: InspectService, size: Int32
    ) async throws -> [[InspectVolumesResponse.Entry]] {
        var pages: [[InspectVolumesResponse.Entry]] = []
        var token = ""
        repeat {
            let page = try await service.listVolumes(InspectVolumesRequest(maxEntries: size, startingToken: token))
            pages.append(page.entries)
            token = page.nextToken
        } while !token.isEmpty && pages.count < 100
        return pages
    }

    @Test(
        "pages of any size have each volume once, across backends and deletions", arguments: 0...7 as ClosedRange<Int32>
    )
    func volumes(size: Int32) async throws {
        let pages = try await Self.pages(Self.service(), size: size)
        #expect(pages.flatMap { $0 }.map(\.volume) == Self.backends.flatMap(\.volumes))
        #expect(pages.flatMap { $0 }.map(\.backend) == ["one", "one", "one", "one", "two", "two"])
        #expect(pages.allSatisfy { size == 0 || $0.count <= Int(size) })
    }

    @Test("a page never has more than 1,000 entries, whatever is asked for", arguments: [0, 5000] as [Int32])
    func largest(size: Int32) async throws {
        let many = (1000...2999).map { Self.volume("v\($0)") }
        let service = Self.service(
            (1000...2999).map { Self.mount("/m\($0)") }, [KnownBackend(name: "one", volumes: many)])
        #expect(try await Self.pages(service, size: size).map(\.count) == [1000, 1000])
        let mounts = try await service.listMounts(InspectMountsRequest(maxEntries: size))
        #expect(mounts.entries.count == 1000)
        #expect(mounts.nextToken == "/m1999")
    }

    @Test("a page ends early where its text would be more than a client takes")
    func longPaths() async throws {
        let path = "/" + String(repeating: "p", count: 4000)
        let many = (1000...1999).map { Self.volume("v\($0)", path: path) }
        let service = Self.service(
            (1000...1999).map { Self.mount("\(path)\($0)") }, [KnownBackend(name: "one", volumes: many)])
        let pages = try await Self.pages(service, size: 0)
        #expect(pages.flatMap { $0 }.map(\.volume) == many)
        #expect(pages.allSatisfy { $0.count < 600 })
        let mounts = try await service.listMounts(InspectMountsRequest())
        #expect(mounts.entries.count < 600)
        #expect(mounts.nextToken == mounts.entries.last?.intent.path)
    }

    @Test("each volume has the number of its entries in the ledger")
    func counts() async throws {
        let service = Self.service([Self.mount("/1", of: "b"), Self.mount("/2", of: "b"), Self.mount("/3", of: "c")])
        let entries = try await service.listVolumes(InspectVolumesRequest()).entries
        #expect(entries.map(\.mounts) == [0, 0, 0, 2, 0, 1])
    }

    @Test(
        "a token that this driver never gave is ABORTED",
        arguments: ["x", "/", "one", "one/a", "other//a", "one//nobody's", "one/d1/"])
    func tokens(token: String) async throws {
        let error = await #expect(throws: DriverError.self) {
            try await Self.service().listVolumes(InspectVolumesRequest(startingToken: token))
        }
        #expect(error?.code == .aborted)
    }

    @Test("the token of a listing of mounts is a path")
    func mountTokens() async throws {
        let service = Self.service([Self.mount("/1"), Self.mount("/2", of: "b"), Self.mount("/3")])
        let first = try await service.listMounts(InspectMountsRequest(maxEntries: 1, volumeID: VolumeID("a")))
        #expect(first == InspectMountsResponse(entries: [Self.mount("/1")], nextToken: "/1"))
        let second = try await service.listMounts(
            InspectMountsRequest(maxEntries: 1, startingToken: "/1", volumeID: VolumeID("a")))
        #expect(second == InspectMountsResponse(entries: [Self.mount("/3")]))
        let error = await #expect(throws: DriverError.self) {
            try await service.listMounts(InspectMountsRequest(startingToken: "1"))
        }
        #expect(error?.code == .aborted)
    }

    @Test("shares are listed as they are told")
    func shares() {
        let known = [ListedShare(name: "nas:/x", circuit: .open(since: nil, .reported))]
        let service = InspectService(
            backends: Backends(Self.backends), tracker: KnownMounts(mounts: []), shares: { known })
        #expect(service.listShares(InspectSharesRequest()).entries == known)
    }

    @Test("a negative number of entries is INVALID_ARGUMENT")
    func negative() async throws {
        let volumes = await #expect(throws: DriverError.self) {
            try await Self.service().listVolumes(InspectVolumesRequest(maxEntries: -1))
        }
        let mounts = await #expect(throws: DriverError.self) {
            try await Self.service().listMounts(InspectMountsRequest(maxEntries: -1))
        }
        #expect(volumes?.code == .invalidArgument && mounts?.code == .invalidArgument)
    }
}

/// A tracker that lists what it was given and does nothing else.
private struct KnownMounts: MountTracker {
    let mounts: [ListedMount]

    func listing(after path: String?, of volume: VolumeID?, limit: Int) -> [ListedMount] {
        let found = mounts.filter { mount in
            mount.intent.path > path ?? "" && (volume == nil || mount.intent.volume == volume)
        }
        return Array(found.prefix(limit))
    }

    func counts(of volumes: [VolumeID]) -> [Int] {
        volumes.map { volume in mounts.count { $0.intent.volume == volume } }
    }

    func mounts(of volume: VolumeID) async throws(DriverError) -> [TrackedMount] { throw unused }
    func isInUse(_ volume: VolumeID) async throws(DriverError) -> Bool { throw unused }
    func stage(_ intent: MountIntent, plan: MountPlan) async throws(DriverError) { throw unused }
    func publish(_ intent: MountIntent, plan: MountPlan, stagingPath: String) async throws(DriverError) {
        throw unused
    }
    func unstage(_ volume: VolumeID, path: String) async throws(DriverError) { throw unused }
    func unpublish(_ volume: VolumeID, path: String) async throws(DriverError) { throw unused }
    func statistics(ofTracked volume: VolumeID, at path: String) async throws(DriverError) -> VolumeStatistics? {
        throw unused
    }
    func statistics(of plan: MountPlan, volume: VolumeID, at path: String) async throws(DriverError) -> VolumeStatistics
    {
        throw unused
    }
}
