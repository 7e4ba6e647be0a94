package import StorageModel

/// For people: all that the ledger holds, page by page.
extension NodeMounts {
    /// Up to `limit` entries with paths after `path`, in the order of their paths; of one volume, or of all.
    ///
    /// Only the paths on the page are shown to the kernel. One that it says nothing about is listed all the same.
    package func listing(
        after path: String?, of volume: VolumeID?, limit: Int
    ) async throws(DriverError) -> [ListedMount] {
        try await work { node throws(DriverError) in
            try node.ledger.entries(after: path, of: volume, limit: limit).map { entry in
                ListedMount(intent: entry.intent, presence: try? entry.presence(), share: entry.share ?? "")
            }
        }
    }

    /// How many entries the ledger has for each of these volumes.
    package func counts(of volumes: [VolumeID]) async throws(DriverError) -> [Int] {
        try ledger.counts(of: volumes)
    }
}
