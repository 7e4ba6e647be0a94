import LinuxSystem
import NetworkShares
import PoolStore
package import StorageModel

/// The named pools as they are now.
extension NFSBackend {
    /// All are asked at once, each on its own lane, so one that is silent costs the others no time. Asking mounts what
    /// is not mounted and changes nothing on a share.
    package func poolListing() async throws(DriverError) -> [ListedPool] {
        let names = pools.names
        return await withTaskGroup(of: (Int, ListedPool).self) { group in
            for (index, name) in names.enumerated() {
                group.addTask { (index, await self.listed(name)) }
            }
            var found: [(Int, ListedPool)] = []
            for await pool in group { found.append(pool) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func listed(_ name: String) async -> ListedPool {
        var entry = ListedPool(name: name, id: "", path: "", condition: .absent(""))
        do throws(DriverError) {
            let share = try pools.share(of: .pool(name))
            entry.path = share.source
            let network = try rememberedOptions(of: share).networkShare(share)
            let open = opener(of: share)
            let figures = try await shares.withRoot(of: network, "look at pool \(name)") { root throws(DriverError) in
                try open(root).figures()
            }
            entry.id = figures.id
            entry.condition = .served(
                PoolFigures(
                    fileSystemType: figures.fileSystem.typeName, total: Int64(clamping: figures.fileSystem.total),
                    available: Int64(clamping: figures.fileSystem.available), promised: 0, volumes: figures.volumes,
                    trash: figures.trash))
        } catch {
            entry.condition = .absent(error.message)
        }
        return entry
    }
}
