import LinuxSystem
import NetworkShares
package import StorageModel
import Synchronization
import SystemPackage

extension NodeMounts {
    /// - Parameter plan: nil when only the ledger is to be asked what is mounted there.
    /// - Returns: nil when there is no plan and the ledger knows nothing of the path.
    func measure(_ plan: MountPlan?, _ volume: VolumeID, at path: MountPath) throws(DriverError) -> [VolumeUsage]? {
        let entry = try ledger.entry(at: path)
        if plan == nil, entry == nil { return nil }
        let elsewhere = DriverError.notMounted(volume, path)
        guard let place = try MountPoint.open(path), let occupant = try place.occupant(), occupant.status.isMountRoot,
            entry == nil || entry?.intent.volume == volume
        else {
            throw elsewhere
        }
        var tree = entry?.tree
        if tree == nil, let plan { tree = try identity(of: plan, volume) }
        guard occupant.status.identity == tree else { throw elsewhere }
        if occupant.status.kind == .blockDevice {
            return try usageOfDevice(at: place, occupant.status.identity, otherwise: elsewhere)
        }
        do {
            return try occupant.descriptor.fileSystemStatus().usage
        } catch {
            throw .cannotMeasure(path, error)
        }
    }

    /// The size of a device is all that anybody but the workload knows of it.
    private func usageOfDevice(
        at place: borrowing MountPoint, _ identity: FileStatus.Identity, otherwise elsewhere: DriverError
    ) throws(DriverError) -> [VolumeUsage] {
        let (size, found): (UInt64, FileStatus.Identity)
        do {
            // Non-blocking: a drive without a medium is not waited for (open(2)).
            let device = try place.parent.open(beneath: place.name, [.readOnly, .nonBlocking, .noFollow])
            found = try device.status().identity
            size = try device.blockDeviceSize()
        } catch {
            throw .cannotMeasureDevice(place.path, error)
        }
        guard found == identity else { throw elsewhere }
        return [VolumeUsage(unit: .bytes, available: 0, total: Int64(clamping: size), used: 0)]
    }

    private func identity(of plan: MountPlan, _ volume: VolumeID) throws(DriverError) -> FileStatus.Identity {
        let tree = try plan.openTree(of: volume)
        do {
            return try tree.status().identity
        } catch {
            throw .cannotOpenTree(of: volume, error)
        }
    }
}

extension NodeMounts {
    /// Of a volume on a share. A server that is silent is no error: what it said last is told, and since when it says
    /// nothing.
    func measure(
        _ entry: LedgerEntry, of volume: VolumeID, on share: String, at path: MountPath
    ) async throws(DriverError) -> VolumeStatistics {
        let isMounted = try await work { _ throws(DriverError) in try entry.presence() == .mounted }
        guard entry.intent.volume == volume, isMounted else { throw .notMounted(volume, path) }
        do throws(DriverError) {
            let usage = try await shares.onLane(of: share, "measure volume \(volume)") { () throws(DriverError) in
                guard let place = try MountPoint.open(path), let occupant = try place.occupant() else {
                    throw DriverError.notMounted(volume, path)
                }
                do throws(Errno) {
                    let usage = try occupant.descriptor.fileSystemStatus().usage
                    // The file system is there, which says nothing of the directory.
                    guard try occupant.descriptor.statusFromServer().linkCount > 0 else {
                        throw .staleNFSFileHandle
                    }
                    return usage
                } catch {
                    throw .share("measure volume \(volume)", error)
                }
            }
            lastUsage.withLock { $0[path.text] = usage }
            return VolumeStatistics(usage: usage)
        } catch {
            guard error.code == .unavailable else { throw error }
            return VolumeStatistics(
                usage: lastUsage.withLock { $0[path.text] } ?? [],
                condition: VolumeCondition(isAbnormal: true, message: error.message))
        }
    }
}

extension FileSystemStatus {
    fileprivate var usage: [VolumeUsage] {
        [
            VolumeUsage(.bytes, total: total, free: free, available: available),
            VolumeUsage(.inodes, total: files, free: filesFree, available: filesFree),
        ]
    }
}

extension VolumeUsage {
    /// In the words of CSI: used is what is not free, available what the unprivileged can have. File systems count
    /// without a sign, and some report more free than there is; CSI allows nothing negative.
    package init(_ unit: Unit, total: UInt64, free: UInt64, available: UInt64) {
        self.init(
            unit: unit, available: Int64(clamping: available), total: Int64(clamping: total),
            used: Int64(clamping: total - min(free, total)))
    }
}
