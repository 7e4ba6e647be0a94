package import LinuxSystem
package import StorageModel
import SystemPackage

/// Deletion in steps that each leave a state which a retry brings to its end:
///
/// 1. `trash/<key>.<nonce>/` is made: empty, it means nothing.
/// 2. The record is renamed into it: from here on the volume is deleted.
/// 3. The directory is renamed to where `onDelete` says, and its project is given up.
/// 4. The record gets another name in the entry: all is where it should be.
/// 5. The claim is given up, and the deletion answered.
/// 6. The reaper removes the entry.
///
/// Until step 5 nobody else can claim the directory, so a retry never takes what somebody else made there since.
extension SharedPool {
    private static let archivePrefix = "archived-"

    /// Deletes the volume that has this id and path. One that is not there is a success.
    ///
    /// A volume that was made by another driver has no record; its directory is handled as `policy` says.
    ///
    /// - Parameters:
    ///   - policy: what the id says of `onDelete`.
    /// - Returns: what the reaper has to remove; nil when there is nothing.
    package func delete(
        _ id: VolumeID, at path: SharePath, policy: DeletePolicy
    ) throws(DriverError) -> TrashEntry? {
        guard let metadata = try metadata() else { return try deleteWithoutRecord(path, policy) }
        let claims = ShareClaims(pool: self, metadata: metadata)
        var isElsewhere = false
        for claim in try claims.claims(on: path) where claim.key != Self.keyWithoutRecord(path) {
            guard let record = try record(of: claim.key, in: metadata) else {
                if let entry = try finishDeletions(of: claim.key, at: path, metadata, releasingFinished: true) {
                    return entry
                }
                throw try claims.conflict(path, with: claim.key, "belongs to")
            }
            if record.id == id, record.path == path { return try delete(record, metadata) }
            isElsewhere = true
        }
        // The directory is another volume's by now: the one with this id is gone.
        return isElsewhere ? nil : try deleteWithoutRecord(path, policy)
    }

    /// Stands for the volume while a directory without a record is taken away.
    private static func keyWithoutRecord(_ path: SharePath) -> VolumeKey {
        guard let key = VolumeKey("\(PlainName.hashedPrefix)\(path.hash)") else {
            preconditionFailure("a hash that is no key")
        }
        return key
    }

    /// Of the path for which such a key stands; nil for any other key.
    private static func hash(ofKeyWithoutRecord key: VolumeKey) -> String? {
        "\(key)".hasPrefix(PlainName.hashedPrefix)
            ? String("\(key)".dropFirst(PlainName.hashedPrefix.utf8.count)) : nil
    }

    private func delete(_ record: SharedVolumeRecord, _ metadata: SharedMetadata) throws(DriverError) -> TrashEntry? {
        let entry = "\(record.key).\(record.nonce)"
        try onShare("move the record of \(record.key) to the trash of \(name)") { () throws(Errno) in
            let directory = try openTrash(metadata, making: entry)
            CrashPoint.shareTrashEntryMade.pass()
            do throws(Errno) {
                let file = SharedVolumeRecord.fileName(of: record.key)
                try metadata.records.rename(file, to: directory, as: Pool.trashedRecord)
            } catch .noSuchFileOrDirectory {
                // Another controller did it, or this one, and its reply was lost; or the entry was removed just now.
                guard try metadata.records.kind(of: SharedVolumeRecord.fileName(of: record.key)) == nil else {
                    throw .resourceBusy
                }
            }
        }
        CrashPoint.shareRecordTrashed.pass()
        return try finish(record, entry, metadata)
    }

    /// Steps 3 to 5.
    private func finish(
        _ record: SharedVolumeRecord, _ entry: String, hasData: Bool = false, _ metadata: SharedMetadata
    ) throws(DriverError) -> TrashEntry {
        let claims = ShareClaims(pool: self, metadata: metadata)
        let trashed = TrashEntry(name: entry, capacityBytes: record.capacityBytes)
        try endExpansions(of: record, metadata)
        // The last one to leave takes the data along. Should it die in between, the data stays.
        let isLast = record.isShared ? try claims.leave(record.path, record.key) : true
        if isLast, !hasData {
            try keepWithoutLimit(record, metadata)
            try move(record.path, record.deletePolicy, to: entry, metadata)
        }
        CrashPoint.shareDataMoved.pass()
        try releaseProject(of: record, metadata)
        try onShare("finish the deletion of \(record.key) on \(name)") { () throws(Errno) in
            do throws(Errno) {
                let directory = try metadata.trash.open(beneath: entry, [.readOnly, .directory])
                try directory.rename(Pool.trashedRecord, to: directory, as: Self.finishedRecord)
            } catch .noSuchFileOrDirectory {}
        }
        CrashPoint.shareFinished.pass()
        try claims.releaseUnlessRecorded(record.path, of: record.key)
        CrashPoint.shareReleased.pass()
        return trashed
    }

    /// Brings deletions of a volume that stopped after its record was moved to their end.
    ///
    /// - Parameter releasingFinished: whether the claim of one that lacks only that is given up as well; not by whoever
    ///   claims the directory himself.
    /// - Returns: the last such entry, nil when there was none.
    @discardableResult
    func finishDeletions(
        of key: VolumeKey, at path: SharePath, _ metadata: SharedMetadata, releasingFinished: Bool
    ) throws(DriverError) -> TrashEntry? {
        var last: TrashEntry?
        for name in try trashedNames(metadata) where Pool.key(ofTrash: name) == key {
            guard let trashed = try trashedVolume(name, key, metadata), trashed.record.path == path else { continue }
            if !trashed.isFinished {
                last = try finish(trashed.record, name, hasData: trashed.hasData, metadata)
            } else if releasingFinished {
                try ShareClaims(pool: self, metadata: metadata).release(path, of: key)
                last = TrashEntry(name: name, capacityBytes: trashed.record.capacityBytes)
            }
        }
        return last
    }

    private struct TrashedVolume {
        var record: SharedVolumeRecord
        var isFinished: Bool
        var hasData: Bool
    }

    private static let finishedRecord = "deleted.json"

    /// What an entry of the trash says of itself; nil without a record that can be read.
    private func trashedVolume(
        _ name: String, _ key: VolumeKey, _ metadata: SharedMetadata
    ) throws(DriverError) -> TrashedVolume? {
        try onShare("look into \(shown("\(Pool.metadataName)/trash/\(name)"))") { () throws(Errno) in
            do throws(Errno) {
                let directory = try metadata.trash.open(beneath: name, [.readOnly, .directory])
                for file in [Pool.trashedRecord, Self.finishedRecord] {
                    guard let content = try directory.readFile(file, limit: SharedVolumeRecord.longestFile),
                        let record = try? SharedVolumeRecord(decoding: content, for: key)
                    else { continue }
                    return TrashedVolume(
                        record: record, isFinished: file == Self.finishedRecord,
                        hasData: try directory.kind(of: Pool.trashedData) != nil)
                }
                return nil
            } catch .noSuchFileOrDirectory {
                return nil
            }
        }
    }

    private func deleteWithoutRecord(_ path: SharePath, _ policy: DeletePolicy) throws(DriverError) -> TrashEntry? {
        guard try hasDirectory(path) else {
            // The claim of an attempt that was cut off when it had moved the directory.
            if let metadata = try metadata() {
                try ShareClaims(pool: self, metadata: metadata).release(path, of: Self.keyWithoutRecord(path))
            }
            return nil
        }
        guard policy != .retain else { return nil }
        let metadata = try metadataMakingIt()
        let claims = ShareClaims(pool: self, metadata: metadata)
        let key = Self.keyWithoutRecord(path)
        if let other = try claims.volumeInside(path) { throw overlap(path, other, "is inside it") }
        if let other = try claims.volumeAround(path) { throw overlap(path, other, "is around it") }
        // A claim keeps others away meanwhile.
        _ = try claims.take(path, for: key, isShared: false)
        let entry = "\(key).\(Nonce.random())"
        do throws(DriverError) {
            _ = try onShare("make room in the trash of \(name)") { () throws(Errno) in
                try openTrash(metadata, making: entry)
            }
            try move(path, policy, to: entry, metadata)
        } catch {
            if error.code != .unavailable { try? claims.release(path, of: key) }
            throw error
        }
        try claims.release(path, of: key)
        return TrashEntry(name: entry, capacityBytes: 0)
    }

    private func overlap(_ path: SharePath, _ other: VolumeKey, _ relation: String) -> DriverError {
        DriverError(
            .failedPrecondition,
            "\(shown(path)) cannot be deleted: the volume \(other) \(relation); see whether the id is right, or delete "
                + "that one first")
    }

    /// Step 3. A directory that is not there is no error: a person may have removed it, or an earlier attempt moved it.
    private func move(
        _ path: SharePath, _ policy: DeletePolicy, to entry: String, _ metadata: SharedMetadata
    ) throws(DriverError) {
        try onShare("move \(shown(path)) away") { () throws(Errno) in
            do throws(Errno) {
                switch policy {
                case .retain: break
                case .archive: try archive(path)
                case .delete:
                    let directory = try openTrash(metadata, making: entry)
                    try parent(of: path).rename(path.last, to: directory, as: Pool.trashedData)
                }
            } catch .noSuchFileOrDirectory {}
        }
    }

    /// Renames a directory to `archived-` and its own path, or with `-2`, `-3` and so on behind it when that is taken.
    private func archive(_ path: SharePath) throws(Errno) {
        var components = path.components
        components[0] = Self.archivePrefix + components[0]
        let last = components.removeLast()
        let source = try parent(of: path)
        // Before anything is made: what is not there needs no place.
        _ = try source.open(beneath: path.last, [.pathOnly, .directory])
        var archive = try root.open(beneath: ".", [.readOnly, .directory])
        for component in components {
            try archive.ensureDirectory(component, permissions: 0o755)
            archive = try archive.open(beneath: component, [.readOnly, .directory])
        }
        var name = last
        var number = 1
        while try archive.kind(of: name) != nil {
            number += 1
            name = "\(last)-\(number)"
        }
        // NFS has no way to rename without replacing; what could be replaced here is an empty directory.
        try source.rename(path.last, to: archive, as: name)
    }

    private func parent(of path: SharePath) throws(Errno) -> OwnedDescriptor {
        try root.open(beneath: path.parent?.text ?? ".", [.readOnly, .directory])
    }

    private func openTrash(_ metadata: SharedMetadata, making entry: String) throws(Errno) -> OwnedDescriptor {
        // The reaper of another controller, which has deleted the same volume, may remove it between the two steps.
        for _ in 0..<8 {
            try metadata.trash.ensureDirectory(entry, permissions: 0o700)
            do throws(Errno) {
                return try metadata.trash.open(beneath: entry, [.readOnly, .directory])
            } catch  where error == .noSuchFileOrDirectory || error == .staleNFSFileHandle {
                continue
            }
        }
        throw Errno.resourceBusy
    }
}

// MARK: - Trash

extension SharedPool {
    /// What is in the trash, for the reaper: entries of deletions that came to their end.
    package func trashEntries() throws(DriverError) -> [String] {
        guard let metadata = try metadata() else { return [] }
        let claims = ShareClaims(pool: self, metadata: metadata)
        var finished: [String] = []
        for name in try trashedNames(metadata) {
            guard let key = Pool.key(ofTrash: name) else { continue }
            // The record first: while it is there, the entry of its nonce is one that a deletion has just made, and is
            // about to move it to.
            let current = try record(of: key, in: metadata)
            guard name != current.map({ "\(key).\($0.nonce)" }) else { continue }
            let hash = try trashedVolume(name, key, metadata)?.record.path.hash ?? Self.hash(ofKeyWithoutRecord: key)
            if current == nil, let hash, try claims.claims(onHash: hash).contains(where: { $0.key == key }) {
                // Interrupted, or going on: its retry still needs to know.
                continue
            }
            finished.append(name)
        }
        return finished
    }

    private func trashedNames(_ metadata: SharedMetadata) throws(DriverError) -> [String] {
        var names: [String] = []
        try onShare("list the trash of \(name)") { () throws(Errno) in
            try metadata.trash.forEachEntry { entry in
                if let name = entry.name.string { names.append(name) }
                return true
            }
        }
        return names.sorted()
    }

    /// Where the entries are; nil without any.
    package func withTrash<Value>(
        _ body: (borrowing OwnedDescriptor) throws(DriverError) -> Value
    ) throws(DriverError) -> Value? {
        guard let metadata = try metadata() else { return nil }
        return try body(metadata.trash)
    }
}

extension CrashPoint {
    fileprivate static let shareTrashEntryMade = CrashPoint("delete-share.trash-entry-made")
    fileprivate static let shareRecordTrashed = CrashPoint("delete-share.record-trashed")
    fileprivate static let shareDataMoved = CrashPoint("delete-share.data-moved")
    fileprivate static let shareFinished = CrashPoint("delete-share.finished")
    fileprivate static let shareReleased = CrashPoint("delete-share.released")
}
