import LinuxSystem
package import StorageModel
import Synchronization
import SystemPackage

/// What a pool held when this process came to it.
package struct Settlement: Sendable {
    /// The sum of the sizes of its volumes, retained ones and those in the trash included.
    package var promisedBytes: Int64 = 0
    package var trash: [TrashEntry] = []
    /// What was found that a person should know; each a sentence.
    package var remarks: [String] = []
}

extension Pool {
    /// Once in the life of an open pool: finishes interrupted deletions, removes what crashed creates left, and adds up
    /// the sizes of all volumes. Needed before the first create, delete or question for room; all later calls return at
    /// once.
    ///
    /// It reads every record, so its cost grows with the number of volumes: about 30 us for each.
    ///
    /// - Parameter settled: called once, before any caller that waits goes on.
    package func settle(_ settled: (Settlement) -> Void) throws(DriverError) {
        try isSettled.withLock { isSettled throws(DriverError) in
            guard !isSettled else { return }
            var settlement = Settlement()
            try synchronizeDirectories()
            try settleTrash(&settlement)
            let keys = try settleRecords(&settlement)
            try settleDirectories(keys, &settlement)
            settled(settlement)
            isSettled = true
        }
    }

    /// An earlier process may have died between a step and its synchronisation: what is found now must not be taken
    /// back by a power cut after it was relied on.
    private func synchronizeDirectories() throws(DriverError) {
        try attempt("synchronise the directories of \(path)") { () throws(Errno) in
            try trash.synchronize()
            try records.synchronize()
            try volumes.synchronize()
        }
    }

    private func settleTrash(_ settlement: inout Settlement) throws(DriverError) {
        for name in try names(in: trash, "trash") {
            guard let key = Self.key(ofTrash: name.description) else {
                settlement.remarks.append(
                    "\(Self.metadataName)/trash/\(name) was not put there by this driver: left alone")
                continue
            }
            let entry = name.description
            let found: (record: VolumeRecord?, hasData: Bool)
            do throws(DriverError) {
                found = try inspectTrash(entry, of: key)
                if !found.hasData, found.record != nil, try record(of: key) == nil,
                    let finished = try finishDeletion(of: key)
                {
                    settlement.remarks.append(
                        "the deletion of \(key) was interrupted and is now finished (\(finished.name))")
                }
            } catch {
                settlement.remarks.append("\(Self.metadataName)/trash/\(entry) is left alone: \(error.message)")
                continue
            }
            let capacity = found.record?.capacityBytes ?? 0
            settlement.promisedBytes = settlement.promisedBytes.addingSaturating(capacity)
            settlement.trash.append(TrashEntry(name: entry, capacityBytes: capacity))
        }
    }

    private func settleRecords(_ settlement: inout Settlement) throws(DriverError) -> Set<VolumeKey> {
        var keys: Set<VolumeKey> = []
        for name in try names(in: records, "volumes") {
            if let text = name.string, text.hasPrefix(OwnedDescriptor.temporaryPrefix) {
                try? records.removeFile(text)
                continue
            }
            guard let key = name.string.flatMap(VolumeRecord.key(ofFile:)) else {
                settlement.remarks.append("\(Self.metadataName)/volumes/\(name) is no record: left alone")
                continue
            }
            if let file = try? records.status(of: name.description), file.kind == .regular, file.size == 0 {
                // Named, and cut off before it was synchronised (PoolDurability).
                try? records.removeFile(name)
                settlement.remarks.append("the creation of \(key) was cut off by a power failure; it can be repeated")
                continue
            }
            keys.insert(key)
            do throws(DriverError) {
                let capacity = try record(of: key)?.capacityBytes ?? 0
                settlement.promisedBytes = settlement.promisedBytes.addingSaturating(capacity)
            } catch {
                settlement.remarks.append(error.message)
            }
        }
        return keys
    }

    /// Removes empty data directories that no record vouches for. One with content is left for a person, or for a
    /// delete.
    private func settleDirectories(_ keys: Set<VolumeKey>, _ settlement: inout Settlement) throws(DriverError) {
        for name in try names(in: volumes, nil) {
            if let key = name.string.flatMap({ VolumeKey($0) }), keys.contains(key) { continue }
            do throws(Errno) {
                try volumes.removeDirectory(name)
            } catch {
                settlement.remarks.append("volumes/\(name) has no record and is not empty: left alone")
            }
        }
    }

    private func names(in directory: borrowing OwnedDescriptor, _ metadata: String?) throws(DriverError) -> [FileName] {
        var names: [FileName] = []
        do throws(Errno) {
            try directory.forEachEntry { entry in
                names.append(entry.name)
                return true
            }
        } catch {
            throw .storage("list \(path)/" + (metadata.map { "\(Self.metadataName)/\($0)" } ?? "volumes"), error)
        }
        return names
    }
}

extension Int64 {
    func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
