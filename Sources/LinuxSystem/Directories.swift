package import SystemPackage

extension OwnedDescriptor {
    /// Makes the directory `name` unless it is there.
    ///
    /// - Returns: whether it was made.
    @discardableResult
    package func ensureDirectory(_ name: String, permissions: UInt32) throws(Errno) -> Bool {
        do {
            try makeDirectory(name, permissions: permissions)
            return true
        } catch .fileExists {
            return false
        }
    }

    /// Opens a directory by its absolute path, making what is missing of it, durably.
    package static func openMaking(_ path: String, permissions: UInt32) throws(Errno) -> OwnedDescriptor {
        do {
            return try open(path, [.readOnly, .directory])
        } catch .noSuchFileOrDirectory {
            let parts = path.split(separator: "/")
            guard let last = parts.last else { throw Errno.noSuchFileOrDirectory }
            let above = "/" + parts.dropLast().joined(separator: "/")
            let parent = try openMaking(above, permissions: permissions)
            if try parent.ensureDirectory(String(last), permissions: permissions) { try parent.synchronize() }
            return try open(path, [.readOnly, .directory])
        }
    }
}
