import PoolStore
package import StorageModel

extension NFSBackend {
    /// How long records are read for one page, so that a slow server gives short pages and no timeouts.
    private static let pageTime = Duration.seconds(2)

    /// Of the pools, in the order of their flags, and in each in the order of its records. The position is
    /// `<pool>/<key of the last record>`, without a key at the beginning of the pool.
    ///
    /// - Throws: UNAVAILABLE when one of the pools does not answer: without it the list would lack volumes.
    package func volumes(after position: String?, limit: Int) async throws(DriverError) -> VolumePage {
        var (remaining, key) = try place(position)
        var volumes: [StoredVolume] = []
        let end = ContinuousClock.now.advanced(by: Self.pageTime)
        while let name = remaining.first {
            guard volumes.count < limit, volumes.isEmpty || .now < end else {
                return VolumePage(volumes, next: "\(name)/")
            }
            let page = try await records(of: name, after: key, limit: limit - volumes.count, until: end)
            volumes += page.records.compactMap { listed($0, in: name) }
            if let last = page.last { return VolumePage(volumes, next: "\(name)/\(last)") }
            remaining.removeFirst()
            key = nil
        }
        return VolumePage(volumes)
    }

    private func place(_ position: String?) throws(DriverError) -> (pools: ArraySlice<String>, key: VolumeKey?) {
        guard let position else { return (pools.names[...], nil) }
        let parts = position.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let index = pools.names.firstIndex(of: String(parts[0])) else { throw .unknownToken }
        let key = VolumeKey(parts[1])
        guard key != nil || parts[1].isEmpty else { throw .unknownToken }
        return (pools.names[index...], key)
    }

    private func records(
        of pool: String, after key: VolumeKey?, limit: Int, until end: ContinuousClock.Instant
    ) async throws(DriverError) -> SharedPool.RecordPage {
        let share = try pools.share(of: .pool(pool))
        let report = report
        return try await withPool(of: share, try rememberedOptions(of: share), "list the volumes of pool \(pool)") {
            pool throws(DriverError) in
            try pool.recordPage(after: key, limit: limit, until: end) { error in
                report(.notListed(share: share.source, reason: error.message))
            }
        }
    }

    private func listed(_ record: SharedVolumeRecord, in pool: String) -> StoredVolume? {
        guard let id = NFSVolumeID(record.id) else {
            report(.notListed(share: pool, reason: "the record of \(record.name) has an id that no driver gives"))
            return nil
        }
        return stored(record, context: id.volumeContext)
    }
}
