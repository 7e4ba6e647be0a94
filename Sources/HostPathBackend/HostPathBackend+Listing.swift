import BlockingWork
import LinuxSystem
import PoolStore
package import StorageModel

/// For people: what is there, whatever state it is in.
extension HostPathBackend {
    package func listing(after position: ListingPosition?, limit: Int) async throws(DriverError) -> [ListedVolume] {
        try await workers.run { [self] () throws(DriverError) in
            var found: [(position: ListingPosition, item: Item, pool: Pool)] = []
            for pool in openPools() {
                found += try pool.keys().map { (ListingPosition(id: $0.id), .record($0), pool) }
                found += try pool.trashedVolumes().map {
                    (ListingPosition(id: $0.key.id, deletion: $0.nonce), .deletion($0), pool)
                }
            }
            if let position { found.removeAll { $0.position <= position } }
            found.sort { $0.position < $1.position }
            var volumes: [ListedVolume] = []
            for (_, item, pool) in found where volumes.count < limit {
                // Nil: gone since the directory was read.
                let volume =
                    switch item {
                    case .record(let key): listed(key, in: pool)
                    case .deletion(let deletion): listed(deletion, in: pool)
                    }
                if let volume { volumes.append(volume) }
            }
            return volumes
        }
    }

    package func poolListing() async throws(DriverError) -> [ListedPool] {
        await workers.run { [self] in pools.map(listed) }
    }

    /// What stands behind an entry; it is read only when the entry is on the page.
    private enum Item {
        case record(VolumeKey)
        case deletion(TrashedVolume)
    }

    private func listed(_ key: VolumeKey, in pool: Pool) -> ListedVolume? {
        let position = ListingPosition(id: key.id)
        do throws(DriverError) {
            guard let record = try pool.record(of: key) else { return nil }
            return ListedVolume(
                position: position, name: record.name, pool: pool.name, capacityBytes: record.capacityBytes,
                state: record.state == .ready ? .ready : .retained, created: Timestamp(record.created),
                path: pool.path(of: key))
        } catch {
            report(.remark(pool: pool.name, text: error.message))
            return ListedVolume(
                position: position, name: name(of: key), pool: pool.name, state: .unreadable, path: pool.path(of: key))
        }
    }

    private func listed(_ deletion: TrashedVolume, in pool: Pool) -> ListedVolume? {
        // Without a record: it goes before the data does, and what an unfinished create left never had one.
        let record = pool.record(of: deletion)
        guard record != nil || pool.isInTrash(deletion) else { return nil }
        return ListedVolume(
            position: ListingPosition(id: deletion.key.id, deletion: deletion.nonce),
            name: record?.name ?? name(of: deletion.key), pool: pool.name,
            capacityBytes: record?.capacityBytes ?? 0, state: .deleting,
            created: record.flatMap { Timestamp($0.created) }, path: pool.path(of: deletion))
    }

    /// As far as the id tells it.
    private func name(of key: VolumeKey) -> String {
        HostPathVolumeID(key.id)?.name ?? ""
    }

    private func listed(_ configured: ConfiguredPool) -> ListedPool {
        func entry(_ condition: ListedPool.Condition) -> ListedPool {
            ListedPool(
                name: configured.name, id: configured.knownID?.text ?? "", path: configured.configuration.path,
                condition: condition)
        }
        do throws(DriverError) {
            let pool = try open(configured)
            try settle(pool)
            let status = try pool.fileSystemStatus()
            let figures = PoolFigures(
                fileSystemType: status.typeName, total: Int64(clamping: status.total),
                available: try space.available(in: pool), promised: space.promised(in: pool),
                volumes: try pool.keys().count, trash: try pool.trashedVolumes().count)
            return entry(.served(figures))
        } catch {
            return entry(.absent(error.message))
        }
    }
}
