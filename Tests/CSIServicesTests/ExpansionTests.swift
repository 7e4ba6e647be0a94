import StorageModel
import Testing

@testable import CSIServices

@Suite("Expansion and listing by the controller")
struct ExpansionTests {
    @Test(
        "a range that no volume can have is refused",
        arguments: [
            (nil, .invalidArgument), (CapacityRange(), .invalidArgument),
            (CapacityRange(requiredBytes: -1), .outOfRange), (CapacityRange(limitBytes: -1), .outOfRange),
            (CapacityRange(requiredBytes: 2, limitBytes: 1), .outOfRange),
        ] as [(CapacityRange?, DriverError.Code)])
    func refused(range: CapacityRange?, code: DriverError.Code) {
        let error = #expect(throws: DriverError.self) { try Expansion.checked(range) }
        #expect(error?.code == code)
    }

    @Test(
        "a volume gets what is required, keeps what it has, and never shrinks",
        arguments: [
            (5, 10, 0, 10), (5, 10, 20, 10), (10, 10, 0, 10), (10, 5, 0, 10), (10, 5, 10, 10), (10, 0, 20, 10),
            (0, 10, 0, 10), (0, 0, 20, 20), (0, 5, 20, 5), (10, 5, 9, nil), (10, 0, 9, nil),
        ] as [(Int64, Int64, Int64, Int64?)])
    func size(has: Int64, required: Int64, limit: Int64, gets: Int64?) throws {
        let volume = StoredVolume(id: VolumeID("v"), name: "v", capacityBytes: has, parameters: [:])
        let range = try Expansion.checked(CapacityRange(requiredBytes: required, limitBytes: limit))
        if let gets {
            #expect(try Expansion.size(of: volume, within: range) == gets)
        } else {
            let error = #expect(throws: DriverError.self) { try Expansion.size(of: volume, within: range) }
            #expect(error?.code == .outOfRange)
        }
    }

    // MARK: Listing

    private static func pages(of backends: Backends, size: Int) async throws -> [[String]] {
        var pages: [[String]] = []
        var position = try PagePosition(token: "", backends: backends)
        while pages.count < 100 {
            let page = try await ControllerService.page(from: position, limit: size)
            pages.append(page.entries.map(\.id.rawValue))
            guard !page.nextToken.isEmpty else { return pages }
            position = try PagePosition(token: page.nextToken, backends: backends)
        }
        return pages
    }

    private static let backends = Backends([
        PagingBackend("one", ["a", "b", "c"]), PagingBackend("none", []), PagingBackend("two", ["a", "d/e"]),
    ])

    @Test("pages of any size have each volume once, also where one ends with a backend", arguments: 1...7)
    func paging(size: Int) async throws {
        let pages = try await Self.pages(of: Self.backends, size: size)
        #expect(pages.flatMap { $0 } == ["a", "b", "c", "a", "d/e"])
        #expect(pages.allSatisfy { $0.count <= size })
    }

    @Test("a page that is shorter than it might be is not the end")
    func shortPages() async throws {
        let backends = Backends([PagingBackend("slow", ["a", "b", "c"], most: 1)])
        #expect(try await Self.pages(of: backends, size: 9) == [["a"], ["b"], ["c"]])
    }

    @Test("a token that this driver never gave is ABORTED", arguments: ["x", "/", "/a", "one", "other/", "one/never"])
    func tokens(token: String) async throws {
        let error = await #expect(throws: DriverError.self) {
            let position = try PagePosition(token: token, backends: Self.backends)
            _ = try await ControllerService.page(from: position, limit: 1)
        }
        #expect(error?.code == .aborted)
    }
}

/// A backend that lists what it was given; the position is an index.
private struct PagingBackend: VolumeBackend {
    let name: String
    private let ids: [String]
    private let most: Int
    private let other = KnownBackend(name: "other")

    init(_ name: String, _ ids: [String], most: Int = .max) {
        self.name = name
        self.ids = ids
        self.most = most
    }

    func volumes(after position: String?, limit: Int) async throws(DriverError) -> VolumePage {
        guard let start = position.map({ Int($0) }) ?? 0 else { throw .unknownToken }
        let end = min(ids.count, start + min(limit, most))
        let volumes = ids[start..<end].map {
            StoredVolume(id: VolumeID($0), name: $0, capacityBytes: 0, parameters: [:])
        }
        return VolumePage(volumes, next: end < ids.count ? String(end) : nil)
    }

    var topology: Topology? { nil }
    let listsVolumes = true
    func recognises(_ id: VolumeID) -> Bool { other.recognises(id) }
    func describesStaticVolume(_: VolumeID, _: [String: String]) -> Bool { false }
    func listing(after _: ListingPosition?, limit _: Int) -> [ListedVolume] { [] }
    func poolListing() -> [ListedPool] { [] }
    func checkSupport(of _: VolumeCapability) throws(DriverError) { throw unused }
    func checkSupport(of _: VolumeCapability, context _: [String: String]) throws(DriverError) { throw unused }
    func place(_: CreateVolumeRequest) throws(DriverError) -> VolumePlacement { throw unused }
    func create(_: VolumePlacement) async throws(DriverError) -> CreatedVolume { throw unused }
    func volume(_: VolumeID) async throws(DriverError) -> StoredVolume { throw unused }
    func delete(_: VolumeID, mountOptions _: SensitiveText?) async throws(DriverError) { throw unused }
    func capacity(parameters _: [String: String]) async throws(DriverError) -> BackendCapacity { throw unused }
    func mountPlan(
        for _: VolumeID, capability _: VolumeCapability, context _: [String: String]
    ) async throws(DriverError) -> MountPlan { throw unused }
    func makeMissing(for _: VolumeID, context _: [String: String]) async throws(DriverError) { throw unused }
}
