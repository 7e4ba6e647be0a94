import LinuxSystem
package import StorageModel
import SystemPackage

/// A directory in `.moorage/trash` whose deletion was answered: what is in it may go.
package struct TrashEntry: Hashable, Sendable {
    package var name: String
    /// What the volume was promised, which is given back when the entry is gone.
    package var capacityBytes: Int64
}

/// Deletion in steps that each leave a state which a retry, the opposite call or the next start brings to its end:
///
/// 1. `trash/<id>.<nonce>/` is made: empty, it means nothing.
/// 2. The record is renamed into it: from here on the volume is deleted.
/// 3. The data directory is renamed to where `onDelete` says; both are durable before the answer.
/// 4. The reaper removes the entry.
extension Pool {
    static let trashedRecord = "record.json"
    static let trashedData = "data"

    /// Deletes a volume as its record says.
    ///
    /// - Returns: what the reaper has to remove, nil when nothing was left of the volume or its policy keeps
    ///   everything.
    package func delete(_ key: VolumeKey) throws(DriverError) -> TrashEntry? {
        guard let record = try record(of: key) else {
            guard try hasDirectory(key) else { return nil }
            if let entry = try finishDeletion(of: key) { return entry }
            return try discardDirectoryWithoutRecord(key)
        }
        switch (record.state, record.deletePolicy) {
        case (.retained, _):
            return nil
        case (.ready, .retain):
            try retain(record)
            return nil
        case (.ready, .delete), (.ready, .archive):
            try checkNotMounted(record)
            let entry = "\(key).\(record.nonce)"
            try attempt("move the record of \(key) to the trash of \(path)") { () throws(Errno) in
                let directory = try openTrash(making: entry)
                CrashPoint.trashEntryMade.pass()
                try records.rename(VolumeRecord.fileName(of: key), to: directory, as: Self.trashedRecord)
                CrashPoint.recordTrashed.pass()
                try synchronizeUnlessLogged(records)
                try synchronizeUnlessLogged(directory)
                try synchronizeUnlessLogged(trash)
            }
            try moveData(of: record, to: entry)
            CrashPoint.deleted.pass()
            return TrashEntry(name: entry, capacityBytes: record.capacityBytes)
        }
    }

    /// A directory that something is mounted on cannot be renamed: better known before the record is moved.
    private func checkNotMounted(_ record: VolumeRecord) throws(DriverError) {
        do throws(Errno) {
            guard try volumes.status(of: record.id).isMountRoot else { return }
        } catch {
            guard error != .noSuchFileOrDirectory else { return }
            throw .storage("look at \(path)/\(record.path)", error)
        }
        throw DriverError(
            .failedPrecondition,
            "volume \(record.id) cannot be deleted: something is mounted on \(path)/\(record.path); unmount it first")
    }

    private func retain(_ record: VolumeRecord) throws(DriverError) {
        var retained = record
        retained.state = .retained
        let content = retained.encoded
        try attempt("rewrite the record of \(record.id) in \(path)") { () throws(Errno) in
            let nonce = Nonce.random()
            try records.writeTemporary(content, nonce: nonce)
            CrashPoint.retentionWritten.pass()
            try records.replaceWithTemporary(nonce: nonce, "\(record.id).json")
            CrashPoint.retained.pass()
        }
    }

    /// Step 3, durably. A data directory that is not there is no error: a person may have removed it.
    private func moveData(of record: VolumeRecord, to entry: String) throws(DriverError) {
        try attempt("move \(path)/\(record.path) away") { () throws(Errno) in
            switch record.deletePolicy {
            case .archive:
                try archive(record.id)
            case .delete, .retain:
                let directory = try trash.open(beneath: entry, [.readOnly, .directory])
                try ignoringMissing { () throws(Errno) in
                    try volumes.rename(record.id, to: directory, as: Self.trashedData)
                }
                try synchronizeUnlessLogged(directory)
            }
            CrashPoint.dataMoved.pass()
            // With one log this makes step 2 durable as well.
            try volumes.synchronize()
        }
    }

    /// Renames a data directory to `archived/<id>`, or `<id>-2`, `<id>-3` and so on when that is taken.
    private func archive(_ id: String) throws(Errno) {
        if try root.ensureDirectory(Self.archiveName, permissions: 0o700) { try root.synchronize() }
        let archive = try root.open(beneath: Self.archiveName, [.readOnly, .directory])
        var name = id
        var number = 1
        while true {
            do throws(Errno) {
                try volumes.renameWithoutReplacing(id, to: archive, as: name)
                CrashPoint.dataArchived.pass()
                break
            } catch .noSuchFileOrDirectory {
                return
            } catch .fileExists {
                number += 1
                name = "\(id)-\(number)"
            }
        }
        try synchronizeUnlessLogged(archive)
    }

    /// A data directory without a record: a create or a deletion that did not get to its end.
    private func discardDirectoryWithoutRecord(_ key: VolumeKey) throws(DriverError) -> TrashEntry {
        let entry = "\(key).\(Nonce.random())"
        return try attempt("move \(path)/\(VolumeRecord.path(of: key)) to the trash") { () throws(Errno) in
            let directory = try openTrash(making: entry)
            try ignoringMissing { () throws(Errno) in
                try volumes.rename(key.text, to: directory, as: Self.trashedData)
            }
            try synchronizeUnlessLogged(directory)
            try synchronizeUnlessLogged(trash)
            try volumes.synchronize()
            return TrashEntry(name: entry, capacityBytes: 0)
        }
    }

    /// Brings a deletion of `key` that stopped after its record was moved to its end.
    ///
    /// - Returns: its entry, nil when there is no such deletion, or nothing of it left to move.
    func finishDeletion(of key: VolumeKey) throws(DriverError) -> TrashEntry? {
        guard try hasDirectory(key) else { return nil }
        var names: [String] = []
        try attempt("list the trash of \(path)") { () throws(Errno) in
            try trash.forEachEntry { entry in
                if let name = entry.name.string, Self.key(ofTrash: name) == key { names.append(name) }
                return true
            }
        }
        for name in names.sorted() {
            let found = try inspectTrash(name, of: key)
            guard let record = found.record, !found.hasData else { continue }
            try moveData(of: record, to: name)
            return TrashEntry(name: name, capacityBytes: record.capacityBytes)
        }
        return nil
    }

    private func hasDirectory(_ key: VolumeKey) throws(DriverError) -> Bool {
        try attempt("look at \(path)/\(VolumeRecord.path(of: key))") { () throws(Errno) in
            try volumes.kind(of: key.text) != nil
        }
    }

    /// What an entry of the trash holds. A record in it that cannot be read counts as none.
    func inspectTrash(_ name: String, of key: VolumeKey) throws(DriverError) -> (record: VolumeRecord?, hasData: Bool) {
        try attempt("look into \(path)/\(Self.metadataName)/trash/\(name)") { () throws(Errno) in
            let directory = try trash.open(beneath: name, [.readOnly, .directory])
            let content = try? directory.readFile(Self.trashedRecord, limit: VolumeRecord.longestFile)
            let record = content.flatMap { try? VolumeRecord(decoding: $0, for: key) }
            return (record, try directory.kind(of: Self.trashedData) != nil)
        }
    }

    private func openTrash(making entry: String) throws(Errno) -> OwnedDescriptor {
        // There already: the same deletion, begun before.
        try trash.ensureDirectory(entry, permissions: 0o700)
        return try trash.open(beneath: entry, [.readOnly, .directory])
    }

    /// The volume of an entry `<id>.<nonce>`, nil for any other name.
    static func key(ofTrash name: String) -> VolumeKey? {
        guard let dot = name.lastIndex(of: "."), Nonce.isNonce(name[name.index(after: dot)...]) else { return nil }
        return VolumeKey(name[..<dot])
    }
}

private func ignoringMissing(_ body: () throws(Errno) -> Void) throws(Errno) {
    do {
        try body()
    } catch .noSuchFileOrDirectory {
        return
    }
}

extension CrashPoint {
    fileprivate static let trashEntryMade = CrashPoint("delete.trash-entry-made")
    fileprivate static let recordTrashed = CrashPoint("delete.record-trashed")
    fileprivate static let dataMoved = CrashPoint("delete.data-moved")
    fileprivate static let deleted = CrashPoint("delete.durable")
    fileprivate static let dataArchived = CrashPoint("delete-archive.data-moved")
    fileprivate static let retentionWritten = CrashPoint("delete-retain.record-written")
    fileprivate static let retained = CrashPoint("delete-retain.durable")
}
