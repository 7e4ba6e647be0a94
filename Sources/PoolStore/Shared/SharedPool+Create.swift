import JSONText
import LinuxSystem
import NetworkShares
package import StorageModel
import SystemPackage

extension SharedPool {
    package enum Creation: Hashable, Sendable {
        case made(SharedVolumeRecord)
        case existing(SharedVolumeRecord)
    }

    /// The record of the volume of this name, nil when there is none.
    ///
    /// - Throws: INTERNAL for a record that cannot be read, which is never the same as none.
    package func record(ofName name: String) throws(DriverError) -> SharedVolumeRecord? {
        guard let metadata = try metadata() else { return nil }
        let key = SharedVolumeRecord.key(ofName: name)
        guard let record = try record(of: key, in: metadata) else { return nil }
        guard record.name == name else {
            throw DriverError(
                .alreadyExists,
                "the record \(key) on \(self.name) belongs to a volume of another name; create the volume with another "
                    + "name")
        }
        return record
    }

    /// What there is of a volume that has this id and path.
    package enum Found: Hashable, Sendable {
        case recorded(SharedVolumeRecord)
        /// A directory that another driver made: nobody here has it.
        case directory
        case nothing
    }

    package func find(_ id: VolumeID, at path: SharePath) throws(DriverError) -> Found {
        if let metadata = try metadata() {
            let claimed = try ShareClaims(pool: self, metadata: metadata).claims(on: path)
            for claim in claimed {
                if let record = try record(of: claim.key, in: metadata), record.id == id, record.path == path {
                    return .recorded(record)
                }
            }
            guard claimed.isEmpty else { return .nothing }
        }
        return try hasDirectory(path) ? .directory : .nothing
    }

    func record(of key: VolumeKey, in metadata: SharedMetadata) throws(DriverError) -> SharedVolumeRecord? {
        let file = SharedVolumeRecord.fileName(of: key)
        do {
            guard let content = try metadata.records.readFile(file, limit: SharedVolumeRecord.longestFile) else {
                return nil
            }
            return try SharedVolumeRecord(decoding: content, for: key)
        } catch let error as Errno {
            throw .share("read the record \(shown("\(Pool.metadataName)/volumes/\(file)"))", error)
        } catch {
            throw DriverError(
                .internalError,
                "the record \(shown("\(Pool.metadataName)/volumes/\(file)")) cannot be used: \(error); repair it, or "
                    + "remove the file and the entries of \(key) in claims, and delete the volume, which removes its "
                    + "data as well")
        }
    }

    /// Makes the volume's directory and record, or returns what has the name already. When it returns, both are on the
    /// server's stable storage as far as the export is `sync` (exports(5)).
    ///
    /// - Parameters:
    ///   - adoptsData: whether a directory that is nobody's and has files in it may become the volume.
    ///   - enforcement: what is wanted of its size.
    /// - Throws: ALREADY_EXISTS when the directory belongs to another volume or overlaps one, FAILED_PRECONDITION when
    ///   it has files in it and may not be adopted, or its size must be enforced and cannot be.
    package func make(
        _ record: SharedVolumeRecord, _ access: Pool.Access, adoptsData: Bool, _ enforcement: SizeEnforcement = .none
    ) throws(DriverError) -> Creation {
        let metadata = try metadataMakingIt()
        if let existing = try self.record(ofName: record.name) {
            try checkDirectory(of: existing)
            try settle(existing, taken: nil, enforcement, metadata)
            return .existing(existing)
        }
        let isLimited = try canEnforce(record, enforcement, metadata)
        var record = record
        let claims = ShareClaims(pool: self, metadata: metadata)
        let wasClaimed = try claims.take(record.path, for: record.key, isShared: record.isShared)
        CrashPoint.shareClaimed.pass()
        do throws(DriverError) {
            // A deletion that did not get to its end holds the claim until then.
            if wasClaimed {
                try removeTemporaries(of: record, metadata)
                if try finishDeletions(of: record.key, at: record.path, metadata, releasingFinished: false) != nil {
                    _ = try claims.take(record.path, for: record.key, isShared: record.isShared)
                }
            }
            try makeDirectory(record.path, access, adoptsData: adoptsData || record.isShared)
            CrashPoint.shareDirectoryMade.pass()
            if isLimited { record.project = try limit(record, enforcement, metadata) }
            let creation = try publish(record, metadata)
            switch creation {
            case .made(let made):
                try claims.confirm(made.path, for: made.key, isShared: made.isShared)
                try settle(made, taken: nil, enforcement, metadata)
            case .existing(let other):
                try settle(other, taken: record.project, enforcement, metadata)
            }
            return creation
        } catch {
            // After an error that says nothing of what was done, the repeated call goes on from here. ABORTED says that
            // another controller makes this volume: the claim is its as well.
            if error.code != .unavailable, error.code != .aborted, isWithoutRecord(record.key, metadata) {
                if let project = record.project { try? giveUp(project, of: record, metadata) }
                try? claims.releaseUnlessRecorded(record.path, of: record.key)
            }
            throw error
        }
    }

    /// Whether the volume surely has no record: one that cannot be read may be there.
    private func isWithoutRecord(_ key: VolumeKey, _ metadata: SharedMetadata) -> Bool {
        do throws(DriverError) {
            return try record(of: key, in: metadata) == nil
        } catch {
            return false
        }
    }

    private func publish(
        _ record: SharedVolumeRecord, _ metadata: SharedMetadata
    ) throws(DriverError) -> Creation {
        let file = SharedVolumeRecord.fileName(of: record.key)
        // With the key, so that whoever repeats a create that was cut off finds what it left.
        let temporary = "\(record.key).\(record.nonce)"
        let folder = try temporaries(record, metadata)
        do throws(Errno) {
            try folder.writeTemporary(record.encoded, nonce: temporary)
            CrashPoint.shareRecordWritten.pass()
            try folder.publishTemporary(nonce: temporary, in: metadata.records, as: file)
            CrashPoint.shareRecordNamed.pass()
            return .made(record)
        } catch {
            if error == .noSuchFileOrDirectory { throw .createdElsewhere(record) }
            // The server may have done it and the reply was lost: the nonce tells.
            if error == .fileExists, let found = try self.record(of: record.key, in: metadata) {
                return found.nonce == record.nonce ? .made(found) : .existing(found)
            }
            throw .share("write the record \(shown("\(Pool.metadataName)/volumes/\(file)"))", error)
        }
    }

    /// Where files of a volume are written before they get their names: its folder of claims. There a request that was
    /// given up and reaches the server late leaves them where whoever makes or deletes the volume finds them.
    func temporaries(
        _ record: SharedVolumeRecord, _ metadata: SharedMetadata
    ) throws(DriverError) -> OwnedDescriptor {
        let folder = try onShare("open the claims on \(shown(record.path))") { () throws(Errno) -> OwnedDescriptor? in
            do throws(Errno) {
                return try metadata.claims.open(beneath: record.path.hash, [.readOnly, .directory])
            } catch .noSuchFileOrDirectory {
                return nil
            }
        }
        guard let folder else { throw .createdElsewhere(record) }
        return folder
    }

    /// Removes what creates of this volume left that did not get to its end.
    private func removeTemporaries(of record: SharedVolumeRecord, _ metadata: SharedMetadata) throws(DriverError) {
        let folder = try temporaries(record, metadata)
        try onShare("remove what an earlier create of \(record.key) left on \(name)") { () throws(Errno) in
            try removeTemporaries(of: record.key, but: nil, in: folder)
        }
    }

    /// Checks that the directory of a volume with a record is there.
    ///
    /// - Throws: FAILED_PRECONDITION when it is not: NOT_FOUND would say that the volume is gone.
    package func checkDirectory(of record: SharedVolumeRecord) throws(DriverError) {
        guard try hasDirectory(record.path) else {
            throw DriverError(
                .failedPrecondition,
                "the directory \(shown(record.path)) is missing, though the volume was never deleted; restore it, or "
                    + "delete the volume")
        }
    }

    /// Whether there is a directory; what else may be there is none.
    package func hasDirectory(_ path: SharePath) throws(DriverError) -> Bool {
        try onShare("look at \(shown(path))") { () throws(Errno) in
            do throws(Errno) {
                _ = try root.open(beneath: path.text, [.pathOnly, .directory])
                return true
            } catch
                where error == .noSuchFileOrDirectory || error == .notDirectory
                || error == .tooManySymbolicLinkLevels
            {
                return false
            }
        }
    }

    private func makeDirectory(_ path: SharePath, _ access: Pool.Access, adoptsData: Bool) throws(DriverError) {
        let directory = try openMaking(path)
        let isEmpty = try onShare("look into \(shown(path))") { () throws(Errno) in
            try directory.isEmptyDirectory()
        }
        guard isEmpty || adoptsData else {
            throw DriverError(
                .failedPrecondition,
                "\(shown(path)) exists, has files in it and is no volume of this driver; move it away, choose another "
                    + "subDir, or, to use what is there, create the volume with onDelete \"retain\" and its subDir "
                    + "named"
            )
        }
        try onShare("set owner and permissions of \(shown(path))") { () throws(Errno) in
            if access.user != nil || access.group != nil {
                try directory.setOwner(user: access.user, group: access.group)
            }
            if try directory.status().permissions != access.permissions {
                try directory.setPermissions(access.permissions)
            }
        }
    }

    /// Opens the directory, and makes each component that is missing; no link on the way is followed.
    private func openMaking(_ path: SharePath) throws(DriverError) -> OwnedDescriptor {
        do throws(Errno) {
            var directory = try root.open(beneath: ".", [.readOnly, .directory])
            for component in path.components {
                try directory.ensureDirectory(component, permissions: 0o755)
                directory = try directory.open(beneath: component, [.readOnly, .directory])
            }
            return directory
        } catch {
            switch error {
            case .notDirectory, .tooManySymbolicLinkLevels:
                throw DriverError(
                    .failedPrecondition,
                    "\(shown(path)) cannot be made: a file or a symbolic link is in its way; remove it, or choose "
                        + "another subDir", cause: "\(error)")
            case .fileNameTooLong:
                throw .invalid("\(shown(path)) has a component that is longer than the server allows")
            default:
                throw .share("make the directory \(shown(path))", error)
            }
        }
    }
}

extension DriverError {
    fileprivate static func createdElsewhere(_ record: SharedVolumeRecord) -> DriverError {
        DriverError(.aborted, "another controller creates volume \(record.name) as well; repeat the call")
    }
}

extension CrashPoint {
    fileprivate static let shareClaimed = CrashPoint("create-share.claimed")
    fileprivate static let shareDirectoryMade = CrashPoint("create-share.directory-made")
    fileprivate static let shareRecordWritten = CrashPoint("create-share.record-written")
    fileprivate static let shareRecordNamed = CrashPoint("create-share.record-named")
}
