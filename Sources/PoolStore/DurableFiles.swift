import LinuxSystem
import SystemPackage

/// Small files that are there completely or not at all, whenever the power goes.
extension OwnedDescriptor {
    /// What the names of files begin with that are not finished; nothing else in a pool begins with a dot.
    static let temporaryPrefix = ".new-"

    /// The content of the regular file `name` in this directory, or nil when there is no such entry.
    ///
    /// - Throws: ELOOP for a link, EINVAL for anything else that is no regular file, EFBIG beyond `limit` bytes.
    func readFile(_ name: String, limit: Int) throws(Errno) -> [UInt8]? {
        do throws(Errno) {
            // Non-blocking: a fifo that somebody put there must not hold the thread.
            let file = try open(beneath: name, [.readOnly, .nonBlocking, .noFollow])
            let status = try file.status()
            guard status.kind == .regular else { throw Errno.invalidArgument }
            return try file.readAll(limit: limit, size: status.size)
        } catch .noSuchFileOrDirectory {
            return nil
        }
    }

    /// Writes a file that only `publishTemporary` or `replaceWithTemporary` gives its name; its content is on stable
    /// storage.
    func writeTemporary(_ content: [UInt8], nonce: String) throws(Errno) {
        let name = Self.temporaryPrefix + nonce
        let file = try open(beneath: name, [.writeOnly, .create, .exclusive], mode: 0o600)
        do {
            try file.write(content)
            try file.synchronize()
        } catch {
            try? removeFile(name)
            throw error
        }
    }

    /// Gives the temporary file of `nonce` its name in a directory, durably.
    ///
    /// By linkat(2), because it works on every file system and refuses a name that is taken (NFS has no
    /// RENAME_NOREPLACE).
    ///
    /// - Throws: EEXIST when the name is taken. The temporary file is gone either way.
    func publishTemporary(
        nonce: String, in directory: borrowing OwnedDescriptor, as name: String
    ) throws(Errno) {
        let temporary = Self.temporaryPrefix + nonce
        do {
            try link(temporary, to: directory, as: name)
        } catch {
            try? removeFile(temporary)
            throw error
        }
        CrashPoint.recordLinked.pass()
        // On a share another controller may have removed it.
        do { try removeFile(temporary) } catch .noSuchFileOrDirectory {}
        try directory.synchronize()
    }

    /// Makes the file `name` with one flush of the disk in place of two, where the file system keeps one log.
    ///
    /// The name is given first and everything synchronised afterwards through the file: whatever was logged before the
    /// last change of the file, its name and this directory's entries included, is durable with it. A power cut in
    /// between can leave the name without content, never with half of it.
    ///
    /// - Throws: EEXIST when the name is taken. Nothing is left then.
    func createLogged(_ name: String, _ content: [UInt8], nonce: String) throws(Errno) {
        let temporary = Self.temporaryPrefix + nonce
        let file = try open(beneath: temporary, [.writeOnly, .create, .exclusive], mode: 0o600)
        do {
            try file.write(content)
            CrashPoint.recordWritten.pass()
            try renameWithoutReplacing(temporary, to: self, as: name)
            CrashPoint.recordNamed.pass()
        } catch {
            try? removeFile(temporary)
            throw error
        }
        do {
            try file.synchronize()
        } catch {
            // Room is often found missing only now.
            try? removeFile(name)
            throw error
        }
    }

    /// Makes what an earlier process wrote into the file `name` durable, and its name.
    func synchronizeFile(_ name: String) throws(Errno) {
        try open(beneath: name, [.readOnly, .nonBlocking, .noFollow]).synchronize()
    }

    /// Puts the temporary file of `nonce` in the place of `name`, durably.
    func replaceWithTemporary(nonce: String, _ name: String) throws(Errno) {
        let temporary = Self.temporaryPrefix + nonce
        do {
            try rename(temporary, to: self, as: name)
        } catch {
            try? removeFile(temporary)
            throw error
        }
        try synchronize()
    }

    /// The kind of the entry `name`, itself and not what a link points to; nil when there is none.
    func kind(of name: String) throws(Errno) -> FileStatus.Kind? {
        do {
            return try status(of: name).kind
        } catch .noSuchFileOrDirectory {
            return nil
        }
    }
}
