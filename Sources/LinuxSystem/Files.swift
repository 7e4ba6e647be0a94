import CLinuxShims
import Glibc
package import SystemPackage

/// Files by name below a directory's descriptor. Names are single components unless a function says otherwise.
extension OwnedDescriptor {
    /// mkdirat(2); the process's umask applies, so a mode that matters is set with `setPermissions` afterwards.
    package func makeDirectory(_ name: String, permissions: UInt32) throws(Errno) {
        _ = try systemCall { unsafe mkdirat(rawValue, name, permissions) }
    }

    package func removeFile(_ name: String) throws(Errno) {
        _ = try systemCall { unsafe unlinkat(rawValue, name, 0) }
    }

    package func removeFile(_ name: FileName) throws(Errno) {
        try unsafe name.withPointer { name throws(Errno) in
            _ = try systemCall { unsafe unlinkat(rawValue, name, 0) }
        }
    }

    /// Removes an empty directory.
    package func removeDirectory(_ name: String) throws(Errno) {
        _ = try systemCall { unsafe unlinkat(rawValue, name, CLinuxShims_AT_REMOVEDIR) }
    }

    package func removeDirectory(_ name: FileName) throws(Errno) {
        try unsafe name.withPointer { name throws(Errno) in
            _ = try systemCall { unsafe unlinkat(rawValue, name, CLinuxShims_AT_REMOVEDIR) }
        }
    }

    /// rename(2): atomic; replaces what is there.
    package func rename(_ name: String, to directory: borrowing OwnedDescriptor, as newName: String) throws(Errno) {
        let destination = directory.rawValue
        _ = try systemCall { unsafe CLinuxShims_renameat2(rawValue, name, destination, newName, 0) }
    }

    /// renameat2(2) with RENAME_NOREPLACE: EEXIST when something is there; EINVAL where the file system cannot (NFS).
    package func renameWithoutReplacing(
        _ name: String, to directory: borrowing OwnedDescriptor, as newName: String
    ) throws(Errno) {
        let destination = directory.rawValue
        _ = try systemCall {
            unsafe CLinuxShims_renameat2(rawValue, name, destination, newName, CLinuxShims_RENAME_NOREPLACE)
        }
    }

    /// linkat(2): a second name, EEXIST when it is taken. Works on every file system that matters, NFS included.
    package func link(_ name: String, to directory: borrowing OwnedDescriptor, as newName: String) throws(Errno) {
        let destination = directory.rawValue
        _ = try systemCall { unsafe linkat(rawValue, name, destination, newName, 0) }
    }

    /// fchmod(2): all 12 bits, whatever the umask.
    package func setPermissions(_ permissions: UInt32) throws(Errno) {
        _ = try systemCall { fchmod(rawValue, permissions) }
    }

    /// fchown(2); nil keeps what is there.
    package func setOwner(user: UInt32?, group: UInt32?) throws(Errno) {
        _ = try systemCall { fchown(rawValue, user ?? .max, group ?? .max) }
    }

    /// fsync(2): data and metadata of this file, or the entries of this directory, are on stable storage.
    package func synchronize() throws(Errno) {
        _ = try systemCall { fsync(rawValue) }
    }

    /// syncfs(2): all that was written to the file system of this file is on stable storage.
    package func synchronizeFileSystem() throws(Errno) {
        _ = try systemCall { CLinuxShims_syncfs(rawValue) }
    }

    /// Takes an exclusive lock on the open file (fcntl(2), F_OFD_SETLK), held until its last descriptor closes.
    ///
    /// - Returns: false when another open file holds it.
    package func lockExclusively() throws(Errno) -> Bool {
        do {
            _ = try systemCall { CLinuxShims_lock_whole_file(rawValue) }
            return true
        } catch  where error == .resourceTemporarilyUnavailable || error == .permissionDenied {
            return false
        }
    }

    /// Writes all of `bytes` at the current position.
    package func write(_ bytes: [UInt8]) throws(Errno) {
        var written = 0
        while written < bytes.count {
            // The slice stays alive and in bounds for the call.
            let count = try unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[written...])
                return Result { () throws(Errno) in
                    try systemCall { unsafe Glibc.write(rawValue, rest.baseAddress, rest.count) }
                }
            }.get()
            written += count
        }
    }

    /// Reads from the current position to the end.
    ///
    /// - Parameter size: how many bytes a regular file has, if that is known; saves asking for more than there are.
    /// - Throws: EFBIG (`.fileTooLarge`) when there are more than `limit` bytes.
    package func readAll(limit: Int, size: UInt64? = nil) throws(Errno) -> [UInt8] {
        if let size {
            guard size <= limit else { throw .fileTooLarge }
            // One byte more than there should be tells when the file has grown since.
            let content = try readOnce(atMost: Int(size) + 1)
            if content.count == size { return content }
            return try readRest(after: content, limit: limit)
        }
        return try readRest(after: [], limit: limit)
    }

    private func readRest(after start: [UInt8], limit: Int) throws(Errno) -> [UInt8] {
        var content = start
        while true {
            guard content.count <= limit else { throw .fileTooLarge }
            // One byte more than is allowed tells a file at the limit from a longer one.
            let piece = try readOnce(atMost: min(limit + 1 - content.count, 16 << 10))
            guard !piece.isEmpty else { return content }
            content += piece
        }
    }

    /// One read(2); empty at the end.
    private func readOnce(atMost capacity: Int) throws(Errno) -> [UInt8] {
        var failure: Errno?
        // The kernel writes at most `capacity` bytes, and as many are initialized as it says.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, initialized in
            do throws(Errno) {
                initialized = try systemCall { unsafe read(rawValue, buffer.baseAddress, capacity) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
