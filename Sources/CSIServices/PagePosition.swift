import StorageModel

/// Where a listing goes on: in which backend, and where in it. The token is `<backend>/<position>`; with nothing behind
/// the slash, at the beginning of the backend.
struct PagePosition {
    private var remaining: ArraySlice<any VolumeBackend>
    /// As the backend said; nil at its beginning.
    var inside: String?

    var backend: (any VolumeBackend)? { remaining.first }

    /// - Throws: ABORTED for a token that this driver did not give (CSI spec, ListVolumes errors). Whether a backend
    ///   gave what stands behind the slash is for it to say.
    init(token: String, backends: Backends) throws(DriverError) {
        remaining = backends.all[...]
        guard !token.isEmpty else { return }
        let parts = token.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let index = remaining.firstIndex(where: { $0.name == parts[0] }) else {
            throw .unknownToken
        }
        remaining = remaining[index...]
        inside = parts[1].isEmpty ? nil : String(parts[1])
    }

    mutating func advance() {
        remaining.removeFirst()
        inside = nil
    }

    var token: String { "\(backend?.name ?? "")/\(inside ?? "")" }
}
