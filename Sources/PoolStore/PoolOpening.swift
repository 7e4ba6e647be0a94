import JSONText
import LinuxSystem
package import StorageModel
import SystemPackage

extension Pool {
    /// Opens the pool at `path`, or makes it in an empty directory that is not known to be another pool's place.
    ///
    /// - Parameters:
    ///   - makesDirectory: whether `path` itself may be made, for a pool that was never there before.
    ///   - memory: what the driver knows of the pool that had this name.
    ///   - isTaken: whether another pool of this process has the id: a copy of it would answer for the same volumes.
    /// - Throws: UNAVAILABLE when the pool is absent, with what was found and what to do. Nothing was made then.
    package static func open(
        name: String, path: String, makesDirectory: Bool, memory: PoolMemory, isTaken: (PoolID) -> Bool = { _ in false }
    ) throws(DriverError) -> Pool {
        let remembered = try memory.entry(for: name)
        let opening = PoolOpening(name: name, path: path, remembered: remembered)
        let pool = try opening.open(makesDirectory: makesDirectory && remembered == nil, isTaken: isTaken)
        try memory.remember(pool.id, name: name, path: path)
        return pool
    }
}

private struct PoolOpening {
    let name: String
    let path: String
    let remembered: PoolMemory.Entry?

    func absent(_ found: String, _ remedy: String, _ errno: Errno? = nil) -> DriverError {
        DriverError(
            .unavailable, "pool \"\(name)\" is absent: \(found); \(remedy)",
            cause: errno.map { "errno \($0.rawValue)" } ?? "")
    }

    func open(makesDirectory: Bool, isTaken: (PoolID) -> Bool) throws(DriverError) -> Pool {
        let root = try openRoot(makesDirectory: makesDirectory)
        if try !hasFormat(root) {
            if let remembered {
                throw absent(
                    "\(path) does not hold the pool \(remembered.id) that this driver remembers",
                    "mount its disk there; or, if the pool is gone for good, remove \(name).json from the driver's "
                        + "pools directory")
            }
            try makeFormat(root)
        }
        let metadata = try openMetadata(root)
        let format = try openFormat(metadata)
        let id = try readFormat(format)
        if let remembered, remembered.id != id {
            throw absent(
                "\(path) holds the pool \(id), and this driver remembers \(remembered.id) under that name",
                "mount the right disk; or serve this pool under another name; or, if \(remembered.id) is gone for "
                    + "good, remove \(name).json from the driver's pools directory")
        }
        guard !isTaken(id) else {
            throw absent(
                "\(path) holds the pool \(id), which another pool of this driver holds as well",
                "one is a copy of the other: remove it, or give it an empty directory")
        }
        try lock(format)
        return try Pool(name: name, path: path, id: id, root: root, metadata: metadata, format: format)
    }

    private func openRoot(makesDirectory: Bool) throws(DriverError) -> OwnedDescriptor {
        do throws(Errno) {
            if makesDirectory { return try OwnedDescriptor.openMaking(path, permissions: 0o700) }
            return try OwnedDescriptor.open(path, [.readOnly, .directory])
        } catch {
            switch error {
            case .noSuchFileOrDirectory:
                throw absent("\(path) does not exist", "mount its disk, or make the directory for a new pool", error)
            case .notDirectory:
                throw absent("\(path) is no directory", "give the path of a directory", error)
            default:
                throw absent("\(path) cannot be opened: \(error)", "see its permissions and the kernel's log", error)
            }
        }
    }

    private func hasFormat(_ root: borrowing OwnedDescriptor) throws(DriverError) -> Bool {
        do throws(Errno) {
            guard try root.kind(of: Pool.metadataName) != nil else { return false }
            return try root.open(beneath: Pool.metadataName, .pathOnly).kind(of: Pool.formatName) != nil
        } catch {
            throw absent(
                "\(path)/\(Pool.metadataName) cannot be opened: \(error)", "it must be a directory of root's", error)
        }
    }

    private func openMetadata(_ root: borrowing OwnedDescriptor) throws(DriverError) -> OwnedDescriptor {
        do throws(Errno) {
            return try root.open(beneath: Pool.metadataName, [.readOnly, .directory])
        } catch {
            throw absent(
                "\(path)/\(Pool.metadataName) cannot be opened: \(error)", "it must be a directory of root's", error)
        }
    }

    private func openFormat(_ metadata: borrowing OwnedDescriptor) throws(DriverError) -> OwnedDescriptor {
        do throws(Errno) {
            return try metadata.open(beneath: Pool.formatName, [.readWrite, .nonBlocking, .noFollow])
        } catch {
            throw absent("\(formatPath) cannot be opened: \(error)", "it must be a file, and writable", error)
        }
    }

    private var formatPath: String { "\(path)/\(Pool.metadataName)/\(Pool.formatName)" }

    private func lock(_ format: borrowing OwnedDescriptor) throws(DriverError) {
        let isLocked: Bool
        do throws(Errno) {
            isLocked = try format.lockExclusively()
        } catch {
            throw absent("\(formatPath) cannot be locked: \(error)", "use a local file system", error)
        }
        guard isLocked else {
            throw absent(
                "\(path) is in use by another process, or by another pool of this one",
                "stop the other one; one serves a pool")
        }
    }

    private func readFormat(_ file: borrowing OwnedDescriptor) throws(DriverError) -> PoolID {
        do {
            guard try file.status().kind == .regular else { throw JSONObject.Mismatch("it is no file") }
            return try PoolFormat(decoding: try file.readAll(limit: PoolFormat.longestFile)).id
        } catch {
            throw absent("\(formatPath) cannot be used: \(error)", "use a driver that knows it, or restore the file")
        }
    }

    /// Makes `.moorage/format` with a new id. It is the first thing that is made: a directory without it holds no
    /// volumes.
    private func makeFormat(_ root: borrowing OwnedDescriptor) throws(DriverError) {
        let content = PoolFormat(id: .random()).encoded
        let wasUnused: Bool
        do throws(Errno) {
            wasUnused = try isUnused(root)
            if wasUnused { try writeFormat(content, root) }
        } catch {
            throw absent(
                "a new pool cannot be made in \(path): \(error)", "see its permissions and its file system", error)
        }
        guard wasUnused else {
            throw absent(
                "\(path) is not empty and has no \(Pool.metadataName)/\(Pool.formatName)", "give an empty directory")
        }
    }

    private func writeFormat(_ content: [UInt8], _ root: borrowing OwnedDescriptor) throws(Errno) {
        try root.ensureDirectory(Pool.metadataName, permissions: 0o700)
        let metadata = try root.open(beneath: Pool.metadataName, [.readOnly, .directory])
        let nonce = Nonce.random()
        try metadata.writeTemporary(content, nonce: nonce)
        try root.synchronize()
        do throws(Errno) {
            try metadata.publishTemporary(nonce: nonce, in: metadata, as: Pool.formatName)
        } catch {
            // Another process was faster; the lock decides who serves.
            guard error == .fileExists else { throw error }
        }
    }

    /// Whether the directory holds nothing but what a crash in `makeFormat` can leave.
    private func isUnused(_ root: borrowing OwnedDescriptor) throws(Errno) -> Bool {
        guard try root.isEmptyDirectory(ignoring: Pool.ignoredNames.union([Pool.metadataName])) else { return false }
        guard try root.kind(of: Pool.metadataName) != nil else { return true }
        let metadata = try root.open(beneath: Pool.metadataName, [.readOnly, .directory])
        var isUnused = true
        try metadata.forEachEntry { entry in
            isUnused = entry.name.string?.hasPrefix(OwnedDescriptor.temporaryPrefix) ?? false
            return isUnused
        }
        return isUnused
    }
}
