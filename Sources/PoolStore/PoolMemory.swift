import LinuxSystem
package import StorageModel
import SystemPackage

/// What this driver remembers of its pools outside of them, so that an empty mount point is not taken for a new pool:
/// `<state>/pools/<name>.json`.
package struct PoolMemory: Sendable {
    package struct Entry: Codable, Hashable, Sendable {
        package var layout: Int
        package var name: String
        package var id: String
        package var path: String
    }

    /// Absolute.
    package let stateDirectory: String

    package init(stateDirectory: String) {
        self.stateDirectory = stateDirectory
    }

    private var directory: String { stateDirectory + "/pools" }

    func file(for name: String) -> String { "\(directory)/\(name).json" }

    /// The id of the pool that had this name; nil when there was none.
    package func id(of name: String) throws(DriverError) -> PoolID? {
        try entry(for: name).flatMap { PoolID($0.id) }
    }

    func entry(for name: String) throws(DriverError) -> Entry? {
        let content = try attempt("read \(file(for: name))") { () throws(Errno) in
            do throws(Errno) {
                return try OwnedDescriptor.open(directory, [.readOnly, .directory])
                    .readFile("\(name).json", limit: VolumeRecord.longestFile)
            } catch .noSuchFileOrDirectory {
                return nil
            }
        }
        guard let content else { return nil }
        do throws(JSONText.Unreadable) {
            let entry = try JSONText.decode(Entry.self, from: content)
            guard entry.layout == VolumeRecord.layout else {
                throw JSONText.Unreadable("it has layout \(entry.layout)")
            }
            guard PoolID(entry.id) != nil else { throw JSONText.Unreadable("id is not \(PoolID.length) hex digits") }
            return entry
        } catch {
            throw DriverError(
                .unavailable,
                "\(file(for: name)), where the driver remembers which disk is pool \"\(name)\", cannot be used: "
                    + "\(error.reason); make sure that the right disk is mounted at the pool's directory and "
                    + "remove the file"
            )
        }
    }

    /// Remembers a pool, durably.
    func remember(_ id: PoolID, name: String, path: String) throws(DriverError) {
        let entry = Entry(layout: VolumeRecord.layout, name: name, id: id.text, path: path)
        if try self.entry(for: name) == entry { return }
        let content: [UInt8]
        do {
            content = try JSONText.encode(entry)
        } catch {
            throw DriverError(.internalError, "cannot encode \(file(for: name)): \(error.reason)")
        }
        try attempt("write \(file(for: name))") { () throws(Errno) in
            let directory = try OwnedDescriptor.openMaking(directory, permissions: 0o700)
            let nonce = Nonce.random()
            try directory.writeTemporary(content, nonce: nonce)
            try directory.replaceWithTemporary(nonce: nonce, "\(name).json")
        }
    }
}

extension OwnedDescriptor {
    /// Opens a directory by its absolute path, making what is missing of it, durably.
    static func openMaking(_ path: String, permissions: UInt32) throws(Errno) -> OwnedDescriptor {
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
