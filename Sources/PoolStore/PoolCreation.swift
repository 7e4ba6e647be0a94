import LinuxSystem
package import StorageModel
import SystemPackage

extension Pool {
    /// Owner and permissions of a new data directory; nil keeps the owner it is made with.
    package struct Access: Hashable, Sendable {
        package var user: UInt32?
        package var group: UInt32?
        /// The 12 permission bits.
        package var permissions: UInt32

        package init(user: UInt32?, group: UInt32?, permissions: UInt32) {
            self.user = user
            self.group = group
            self.permissions = permissions
        }
    }

    package enum Creation: Hashable, Sendable {
        case made(VolumeRecord)
        case existing(VolumeRecord)
    }

    /// The volume that has this key already: nil when the key is free to be used.
    ///
    /// A record of a retained volume whose data somebody took away is dropped here; its capacity goes to `releasing`.
    ///
    /// - Throws: ALREADY_EXISTS when the key belongs to a volume of another name, or to retained data.
    package func existingVolume(
        _ key: VolumeKey, named name: String, releasing: (Int64) -> Void
    ) throws(DriverError) -> VolumeRecord? {
        guard let record = try record(of: key) else { return nil }
        switch record.state {
        case .ready:
            guard record.name == name else {
                throw DriverError(
                    .alreadyExists,
                    "the id \(key) belongs to a volume of another name; create the volume with another name")
            }
            try checkDirectory(of: record)
            // The process that made it may have died before the last step; it is answered only when it is durable.
            try attempt("synchronise the record of \(key) in \(path)") { () throws(Errno) in
                try records.synchronizeFile(VolumeRecord.fileName(of: key))
                try synchronizeUnlessLogged(records)
            }
            return record
        case .retained:
            let kind = try attempt("look at \(path)/\(record.path)") { () throws(Errno) in
                try volumes.kind(of: key.text)
            }
            guard kind == nil else {
                throw DriverError(
                    .alreadyExists,
                    "a volume of this name was deleted with onDelete \"retain\", and its data is still in "
                        + "\(path)/\(record.path); move the data away or remove it, or create the volume with "
                        + "another name"
                )
            }
            try attempt("remove the record of \(key)") { () throws(Errno) in
                try records.removeFile(VolumeRecord.fileName(of: key))
                try records.synchronize()
            }
            releasing(record.capacityBytes)
            return nil
        }
    }

    /// Makes the data directory and the record of a new volume. When it returns, both are on stable storage; when it
    /// throws, what it made is gone.
    ///
    /// - Returns: `.existing` when somebody who holds no gate of ours was faster.
    package func make(_ record: VolumeRecord, _ access: Access) throws(DriverError) -> Creation {
        guard let key = VolumeKey(record.id) else { preconditionFailure("a record with an id that is no key") }
        let file = VolumeRecord.fileName(of: key)
        let content = record.encoded
        let isNew = try makeDirectory(key)
        CrashPoint.directoryMade.pass()
        do {
            try prepareDirectory(key, access)
            CrashPoint.directoryPrepared.pass()
            if !hasOneLog {
                try attempt("write the record of \(key) in \(path)") { () throws(Errno) in
                    try records.writeTemporary(content, nonce: record.nonce)
                    CrashPoint.recordSynchronised.pass()
                    // The directory before the record that vouches for it.
                    try volumes.synchronize()
                }
            }
            return try publish(record, content, key, as: file)
        } catch {
            // Only what is empty and has no record goes: nothing here can take away somebody else's volume.
            if isNew, isSurelyMissing(file) { try? volumes.removeDirectory(key.text) }
            throw error
        }
    }

    /// Whether there is no such record: where that cannot be seen one may be there.
    private func isSurelyMissing(_ file: String) -> Bool {
        do throws(Errno) {
            return try records.kind(of: file) == nil
        } catch {
            return false
        }
    }

    private func publish(
        _ record: VolumeRecord, _ content: [UInt8], _ key: VolumeKey, as file: String
    ) throws(DriverError) -> Creation {
        do throws(Errno) {
            if hasOneLog {
                try records.createLogged(file, content, nonce: record.nonce)
            } else {
                try records.publishTemporary(nonce: record.nonce, in: records, as: file)
            }
            CrashPoint.created.pass()
            return .made(record)
        } catch {
            // A network file system may have done it and lost the reply: the nonce tells.
            if error == .fileExists, let found = try self.record(of: key) {
                return found.nonce == record.nonce ? .made(found) : .existing(found)
            }
            let ours = try? self.record(of: key)?.nonce
            if ours == record.nonce { try? records.removeFile(file) }
            throw .storage("write the record \(file) in \(path)", error)
        }
    }

    /// - Returns: whether it was made; an empty one that a crashed create left is used again.
    private func makeDirectory(_ key: VolumeKey) throws(DriverError) -> Bool {
        for _ in 0..<2 {
            do throws(Errno) {
                try volumes.makeDirectory(key.text, permissions: 0o700)
                return true
            } catch {
                guard error == .fileExists else {
                    throw .storage("make the directory \(path)/\(VolumeRecord.path(of: key))", error)
                }
            }
            if try isEmptyDirectory(key) { return false }
            // A deletion that did not get to its end is brought there; anything else is nobody's to give away.
            guard try finishDeletion(of: key) != nil else { break }
        }
        throw DriverError(
            .failedPrecondition,
            "\(path)/\(VolumeRecord.path(of: key)) exists, is not empty and has no record, so it is no volume of "
                + "this driver; move it away or create the volume with another name")
    }

    private func isEmptyDirectory(_ key: VolumeKey) throws(DriverError) -> Bool {
        try attempt("look into \(path)/\(VolumeRecord.path(of: key))") { () throws(Errno) in
            guard try volumes.kind(of: key.text) == .directory else { return false }
            return try volumes.open(beneath: key.text, [.readOnly, .directory]).isEmptyDirectory()
        }
    }

    private func prepareDirectory(_ key: VolumeKey, _ access: Access) throws(DriverError) {
        try attempt("set owner and permissions of \(path)/\(VolumeRecord.path(of: key))") { () throws(Errno) in
            let directory = try volumes.open(beneath: key.text, [.readOnly, .directory])
            if access.user != nil || access.group != nil {
                try directory.setOwner(user: access.user, group: access.group)
            }
            try directory.setPermissions(access.permissions)
            try synchronizeUnlessLogged(directory)
        }
    }
}

extension CrashPoint {
    fileprivate static let directoryMade = CrashPoint("create.directory-made")
    fileprivate static let directoryPrepared = CrashPoint("create.directory-prepared")
    /// Where content is synchronised before it is named.
    fileprivate static let recordSynchronised = CrashPoint("create.record-synchronised")
    static let recordLinked = CrashPoint("create.record-linked")
    /// Where the file system keeps one log.
    static let recordWritten = CrashPoint("create.record-written")
    static let recordNamed = CrashPoint("create.record-named")
    fileprivate static let created = CrashPoint("create.durable")
}
