package import StorageModel

/// The Inspect service: what a person who looks after the node is shown. It changes nothing and takes no gate, so an
/// entry is what was there when it was looked at.
package struct InspectService: Sendable {
    /// More than this many entries never go into one answer.
    package static let largestPage = 1000

    /// Bytes of text after which an answer ends early. Long paths could bring a full page beyond the 4 MiB that a
    /// client takes.
    static let largestText = 2 << 20

    private let backends: Backends
    private let tracker: any MountTracker
    private let shares: @Sendable () -> [ListedShare]

    /// - Parameter shares: the network shares as they are now; touches no server.
    package init(
        backends: Backends, tracker: any MountTracker, shares: @escaping @Sendable () -> [ListedShare] = { [] }
    ) {
        self.backends = backends
        self.tracker = tracker
        self.shares = shares
    }

    package func listVolumes(_ request: InspectVolumesRequest) async throws(DriverError) -> InspectVolumesResponse {
        let limit = try Self.pageSize(request.maxEntries)
        var place = try ListingPlace(token: request.startingToken, backends: backends)
        var found: [(volume: ListedVolume, backend: String)] = []
        var nextToken = ""
        while let backend = place.backend, nextToken.isEmpty {
            // One more than fits says whether anything follows.
            let volumes = try await backend.listing(after: place.position, limit: limit - found.count + 1)
            let page = Self.fitting(volumes.prefix(limit - found.count), after: found.map(\.volume)) { volume in
                volume.id.rawValue.utf8.count + volume.name.utf8.count + volume.path.utf8.count
            }
            found += page.map { ($0, backend.name) }
            if volumes.count > page.count {
                // With room for none, this page ended where the backend before it did.
                nextToken = place.token(after: page.last?.position)
            } else {
                place.advance()
            }
        }
        let mounts = try await tracker.counts(of: found.map(\.volume.id))
        let entries = zip(found, mounts).map { entry, mounts in
            InspectVolumesResponse.Entry(volume: entry.volume, backend: entry.backend, mounts: mounts)
        }
        return InspectVolumesResponse(entries: entries, nextToken: nextToken)
    }

    package func listMounts(_ request: InspectMountsRequest) async throws(DriverError) -> InspectMountsResponse {
        let limit = try Self.pageSize(request.maxEntries)
        let isFirst = request.startingToken.isEmpty
        guard isFirst || request.startingToken.hasPrefix("/") else { throw Self.unknownToken }
        let mounts = try await tracker.listing(
            after: isFirst ? nil : request.startingToken,
            of: request.volumeID.rawValue.isEmpty ? nil : request.volumeID, limit: limit + 1)
        let page = Self.fitting(mounts.prefix(limit), after: []) { mount in
            mount.intent.volume.rawValue.utf8.count + mount.intent.path.utf8.count
        }
        let nextToken = mounts.count > page.count ? page.last?.intent.path ?? "" : ""
        return InspectMountsResponse(entries: Array(page), nextToken: nextToken)
    }

    package func listPools(_: InspectPoolsRequest) async throws(DriverError) -> InspectPoolsResponse {
        var entries: [InspectPoolsResponse.Entry] = []
        for backend in backends.all {
            entries += try await backend.poolListing().map { .init(pool: $0, backend: backend.name) }
        }
        return InspectPoolsResponse(entries: entries)
    }

    package func listShares(_: InspectSharesRequest) -> InspectSharesResponse {
        InspectSharesResponse(entries: shares())
    }

    private static func pageSize(_ maxEntries: Int32) throws(DriverError) -> Int {
        guard maxEntries >= 0 else { throw .invalid("max_entries must not be negative; it is \(maxEntries)") }
        return maxEntries == 0 ? largestPage : min(Int(maxEntries), largestPage)
    }

    /// As many of `entries` as stay below `largestText` together with those `before`; at least one in all.
    private static func fitting<Entry>(
        _ entries: ArraySlice<Entry>, after before: [Entry], _ size: (Entry) -> Int
    ) -> ArraySlice<Entry> {
        var sum = before.reduce(0) { $0 + size($1) }
        var count = 0
        for entry in entries {
            sum += size(entry)
            guard sum <= largestText || before.count + count == 0 else { break }
            count += 1
        }
        return entries.prefix(count)
    }

    fileprivate static let unknownToken = DriverError(
        .aborted, "starting_token is not one that this driver gave; list again from the start, without a token")
}

/// Where a listing of volumes goes on. The token is `<backend>/<deletion>/<id>`; with an empty id, at the beginning of
/// the backend.
private struct ListingPlace {
    private var remaining: ArraySlice<any VolumeBackend>
    private(set) var position: ListingPosition?

    var backend: (any VolumeBackend)? { remaining.first }

    /// - Throws: ABORTED for a token that this driver did not give, as ListVolumes of CSI does.
    init(token: String, backends: Backends) throws(DriverError) {
        remaining = backends.all[...]
        guard !token.isEmpty else { return }
        let parts = token.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let index = remaining.firstIndex(where: { $0.name == parts[0] }) else {
            throw InspectService.unknownToken
        }
        remaining = remaining[index...]
        guard parts[1...] != ["", ""] else { return }
        let id = VolumeID(parts[2])
        guard remaining[index].recognises(id) else { throw InspectService.unknownToken }
        position = ListingPosition(id: id, deletion: parts[1])
    }

    mutating func advance() {
        remaining.removeFirst()
        position = nil
    }

    func token(after last: ListingPosition?) -> String {
        let last = last ?? position
        return "\(backend?.name ?? "")/\(last?.deletion ?? "")/\(last?.id.rawValue ?? "")"
    }
}
