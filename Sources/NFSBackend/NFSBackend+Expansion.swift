import PoolStore
package import StorageModel

extension NFSBackend {
    /// With project quota the server gives the volume more at once; without, its size is a number in its record, and
    /// that is all that grows. A volume of csi-driver-nfs has no record and no size: any size is what it has.
    package func expand(
        _ id: VolumeID, mountOptions: SensitiveText?,
        to size: @escaping @Sendable (StoredVolume) throws(DriverError) -> Int64
    ) async throws(DriverError) -> Int64 {
        let parsed = try known(id)
        let share = try pools.share(of: parsed.location)
        let path = try Self.path(of: parsed)
        let unrecorded = StoredVolume(id: id, name: parsed.subdirectory.text, capacityBytes: 0, parameters: [:])
        let stored: @Sendable (SharedVolumeRecord) -> StoredVolume = { record in
            StoredVolume(
                id: id, name: record.name, capacityBytes: record.capacityBytes, parameters: record.parameters)
        }
        let options = try controllerOptions(of: share, mountOptions)
        let expansion = try await withPool(of: share, options, "expand volume \(id)") {
            [work] pool throws(DriverError) in
            try work.alone(at: path, on: share, for: id) { () throws(DriverError) in
                try pool.expand(
                    id, at: path, isRequired: { NFSVolumePolicy.requiresQuota($0.parameters) }
                ) { record throws(DriverError) in
                    try size(record.map(stored) ?? unrecorded)
                }
            }
        }
        switch expansion {
        case .recorded(let record):
            if record.project == nil {
                let reason = "the server does not hold it to a size"
                report(.sizeNotEnforced(share: share.source, volume: record.name, reason: reason))
            }
            return record.capacityBytes
        case .unrecorded(let bytes):
            let reason = "another driver made it, and there is no record of it"
            report(.sizeNotEnforced(share: share.source, volume: parsed.subdirectory.text, reason: reason))
            return bytes
        }
    }
}
