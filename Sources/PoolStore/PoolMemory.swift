import JSONText
import LinuxSystem
package import StorageModel
import SystemPackage

/// What this driver remembers of its pools outside of them, so that an empty mount point is not taken for a new pool:
/// `<state>/pools/<name>.json`.
package struct PoolMemory: Sendable {
    struct Entry: Hashable, Sendable {
        var name: String
        var id: PoolID
        var path: String

        init(name: String, id: PoolID, path: String) {
            self.name = name
            self.id = id
            self.path = path
        }
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
        try entry(for: name)?.id
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
        do throws(JSONObject.Mismatch) {
            return try Entry(decoding: content)
        } catch {
            throw DriverError(
                .unavailable,
                "\(file(for: name)), where the driver remembers which disk is pool \"\(name)\", cannot be used: "
                    + "\(error); make sure that the right disk is mounted at the pool's directory and "
                    + "remove the file"
            )
        }
    }

    /// Remembers a pool, durably.
    func remember(_ id: PoolID, name: String, path: String) throws(DriverError) {
        let entry = Entry(name: name, id: id, path: path)
        if try self.entry(for: name) == entry { return }
        try attempt("write \(file(for: name))") { () throws(Errno) in
            let directory = try OwnedDescriptor.openMaking(directory, permissions: 0o700)
            let nonce = Nonce.random()
            try directory.writeTemporary(entry.encoded, nonce: nonce)
            try directory.replaceWithTemporary(nonce: nonce, "\(name).json")
        }
    }
}

extension PoolMemory.Entry {
    fileprivate var encoded: [UInt8] {
        PoolFile.bytes([
            "id": .string(id.text), "layout": .number(VolumeRecord.layout), "name": .string(name),
            "path": .string(path),
        ])
    }

    fileprivate init(decoding bytes: [UInt8]) throws(JSONObject.Mismatch) {
        let file = try JSONObject(parsing: bytes)
        let layout = try file.integer("layout", Int.self)
        guard layout == VolumeRecord.layout else { throw JSONObject.Mismatch("it has layout \(layout)") }
        name = try file.string("name")
        path = try file.string("path")
        guard let id = PoolID(try file.string("id")) else {
            throw JSONObject.Mismatch("id is not \(PoolID.length) hex digits")
        }
        self.id = id
    }
}
