import LinuxSystem
import NetworkShares
package import StorageModel
import SystemPackage

extension SharedPool {
    package enum Expansion: Hashable, Sendable {
        /// What the record says now; whether its size is enforced is its `project`.
        case recorded(SharedVolumeRecord)
        /// Another driver's volume: it has no record, and gets none.
        case unrecorded(Int64)
    }

    /// Gives a volume the size that `size` wants, durably: first its limit, if it is held to one, then its record. So a
    /// volume never has less than its record says.
    ///
    /// - Parameter size: called with what the record says, 0 without one or without a size. What it gives is not less,
    ///   unless it throws.
    /// - Throws: NOT_FOUND when there is no such volume, FAILED_PRECONDITION when the volume's limit cannot be raised
    ///   from here, or is required and there is none.
    package func expand(
        _ id: VolumeID, at path: SharePath, isRequired: (SharedVolumeRecord) -> Bool,
        to size: (SharedVolumeRecord?) throws(DriverError) -> Int64
    ) throws(DriverError) -> Expansion {
        let missing = DriverError(.notFound, "there is no volume \(id); it may have been deleted")
        let found: SharedVolumeRecord
        switch try find(id, at: path) {
        case .nothing: throw missing
        case .directory: return .unrecorded(try size(nil))
        case .recorded(let record): found = record
        }
        guard let metadata = try metadata() else { throw missing }
        try checkDirectory(of: found)
        let bytes = max(found.capacityBytes, try size(found))
        guard bytes > found.capacityBytes else {
            // Quota may have been off when it should have been raised.
            _ = try raise(found, to: bytes, isRequired, metadata)
            return .recorded(found)
        }
        let growth = try beginExpansion(of: found, metadata)
        do throws(DriverError) {
            // Read again: whoever expanded it before is done by now, or will find that he cannot.
            guard var record = try record(of: found.key, in: metadata), record.id == id else { throw missing }
            let bytes = max(record.capacityBytes, try size(record))
            let isEnforced = try raise(record, to: bytes, isRequired, metadata)
            if bytes > record.capacityBytes {
                record.capacityBytes = bytes
                try replaceRecord(with: record, growth, metadata)
                // A create that was repeated meanwhile may have set what the old record says.
                if isEnforced { _ = try raiseLimit(of: record, to: bytes, metadata) }
            }
            try endExpansion(growth)
            return .recorded(record)
        } catch {
            try? endExpansion(growth)
            try? mendLimit(of: found, metadata)
            throw error
        }
    }

    /// - Returns: whether the volume is held to the size.
    private func raise(
        _ record: SharedVolumeRecord, to bytes: Int64, _ isRequired: (SharedVolumeRecord) -> Bool,
        _ metadata: SharedMetadata
    ) throws(DriverError) -> Bool {
        let isEnforced = try raiseLimit(of: record, to: bytes, metadata)
        guard isEnforced || !isRequired(record) else {
            throw DriverError(
                .failedPrecondition,
                "cannot expand volume \(record.id): it was created with requireQuota, and has no project that could "
                    + "be held to a size")
        }
        CrashPoint.expandLimitRaised.pass()
        return isEnforced
    }

    // MARK: One at a time

    /// The file in the volume's folder of claims that becomes its record: as long as it is there, no other expansion
    /// has begun since, and the volume was not deleted.
    private struct Growth: ~Copyable {
        let folder: OwnedDescriptor
        let marker: String
    }

    private static func markers(of key: VolumeKey) -> String { "\(OwnedDescriptor.temporaryPrefix)\(key)." }

    /// Makes a marker, then removes all others: of two that expand at once at least one finds his own gone.
    private func beginExpansion(
        of record: SharedVolumeRecord, _ metadata: SharedMetadata
    ) throws(DriverError) -> Growth {
        try onShare("begin to expand \(record.key) on \(name)") { () throws(Errno) in
            let folder = try metadata.claims.open(beneath: record.path.hash, [.readOnly, .directory])
            let marker = Self.markers(of: record.key) + Nonce.random()
            _ = try folder.open(beneath: marker, [.writeOnly, .create, .exclusive], mode: 0o600)
            try removeTemporaries(of: record.key, but: marker, in: folder)
            return Growth(folder: folder, marker: marker)
        }
    }

    /// Files of the volume in its folder of claims that have no other name yet.
    func removeTemporaries(
        of key: VolumeKey, but kept: String?, in folder: borrowing OwnedDescriptor
    ) throws(Errno) {
        var others: [String] = []
        try folder.forEachEntry { entry in
            if let name = entry.name.string, name != kept, name.hasPrefix(Self.markers(of: key)) { others.append(name) }
            return true
        }
        for name in others {
            do throws(Errno) { try folder.removeFile(name) } catch .noSuchFileOrDirectory {}
        }
    }

    /// - Throws: ABORTED when another controller expands or deletes the volume.
    private func replaceRecord(
        with record: SharedVolumeRecord, _ growth: borrowing Growth, _ metadata: SharedMetadata
    ) throws(DriverError) {
        let file = SharedVolumeRecord.fileName(of: record.key)
        do throws(Errno) {
            let marker = try growth.folder.open(beneath: growth.marker, [.writeOnly])
            try marker.write(record.encoded)
            try marker.synchronize()
            CrashPoint.expandRecordWritten.pass()
            try growth.folder.rename(growth.marker, to: metadata.records, as: file)
            CrashPoint.expandRecordReplaced.pass()
            try metadata.records.synchronize()
        } catch .noSuchFileOrDirectory {
            throw DriverError(
                .aborted, "another controller expands or deletes volume \(record.id) as well; repeat the call")
        } catch {
            throw .share("write the record \(shown("\(Pool.metadataName)/volumes/\(file)"))", error)
        }
    }

    private func endExpansion(_ growth: borrowing Growth) throws(DriverError) {
        try onShare("end an expansion on \(name)") { () throws(Errno) in
            do throws(Errno) { try growth.folder.removeFile(growth.marker) } catch .noSuchFileOrDirectory {}
        }
    }

    /// When the record of a volume is in the trash: none of its expansions gets to its end any more, and what one that
    /// was faster wrote is removed.
    func endExpansions(of record: SharedVolumeRecord, _ metadata: SharedMetadata) throws(DriverError) {
        try onShare("end expansions of \(record.key) on \(name)") { () throws(Errno) in
            do throws(Errno) {
                let folder = try metadata.claims.open(beneath: record.path.hash, [.readOnly, .directory])
                try removeTemporaries(of: record.key, but: nil, in: folder)
            } catch .noSuchFileOrDirectory {}
        }
        guard let revived = try self.record(of: record.key, in: metadata), revived.nonce == record.nonce else { return }
        try onShare("remove the record of \(record.key) once more") { () throws(Errno) in
            do throws(Errno) {
                try metadata.records.removeFile(SharedVolumeRecord.fileName(of: record.key))
            } catch .noSuchFileOrDirectory {}
        }
    }
}

extension CrashPoint {
    fileprivate static let expandLimitRaised = CrashPoint("expand-quota.limit-raised")
    fileprivate static let expandRecordWritten = CrashPoint("expand-quota.record-written")
    fileprivate static let expandRecordReplaced = CrashPoint("expand-quota.record-replaced")
}
