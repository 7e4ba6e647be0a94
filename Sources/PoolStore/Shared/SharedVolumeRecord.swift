import JSONText
package import StorageModel

/// The truth about one volume on a share: the file `.moorage/volumes/<key>.json`.
package struct SharedVolumeRecord: Hashable, Sendable {
    /// The file's name: a pure function of the volume's.
    package let key: VolumeKey
    package var name: String
    package var id: VolumeID
    package var path: SharePath
    /// Whether other volumes may have the same directory.
    package var isShared: Bool
    package var capacityBytes: Int64
    package var parameters: [String: String]
    /// By which the server's file system holds the volume to its size; nil when nothing does.
    package var project: ProjectID?
    /// Tells the call that made it.
    package var nonce: String
    /// For people only.
    package var created: String

    /// Bytes; a longer file is no record.
    static let longestFile = VolumeRecord.longestFile

    package init(
        name: String, id: VolumeID, path: SharePath, isShared: Bool, capacityBytes: Int64, parameters: [String: String]
    ) {
        key = Self.key(ofName: name)
        self.name = name
        self.id = id
        self.path = path
        self.isShared = isShared
        self.capacityBytes = capacityBytes
        self.parameters = parameters
        nonce = Nonce.random()
        created = PoolFile.timestamp()
    }

    package static func key(ofName name: String) -> VolumeKey {
        guard let key = VolumeKey(PlainName.of(name)) else { preconditionFailure("a plain name that is no key") }
        return key
    }

    static func fileName(of key: VolumeKey) -> String { "\(key).json" }

    static func key(ofFile name: String) -> VolumeKey? {
        name.hasSuffix(".json") ? VolumeKey(name.dropLast(5)) : nil
    }

    package var deletePolicy: DeletePolicy {
        parameters[DeletePolicy.parameter].flatMap(DeletePolicy.init(rawValue:)) ?? .delete
    }
}

extension SharedVolumeRecord {
    var encoded: [UInt8] {
        var members: [String: JSONValue] = [
            "capacityBytes": .number(capacityBytes), "created": .string(created), "id": .string(id.rawValue),
            "layout": .number(VolumeRecord.layout), "name": .string(name), "nonce": .string(nonce),
            "parameters": .dictionary(parameters), "path": .string(path.text), "shared": .bool(isShared),
        ]
        if let project { members["project"] = .number(project.number) }
        return PoolFile.bytes(members)
    }

    /// Decodes the file of `key`; whoever wrote it, its path is checked like one from outside.
    init(decoding bytes: [UInt8], for key: VolumeKey) throws(JSONObject.Mismatch) {
        let file = try JSONObject(parsing: bytes)
        // First: another layout is the better reason, whatever else it changed.
        let layout = try file.integer("layout", Int.self)
        guard layout == VolumeRecord.layout else {
            throw JSONObject.Mismatch("it has layout \(layout), and this version reads layout \(VolumeRecord.layout)")
        }
        self.key = key
        name = try file.string("name")
        id = VolumeID(try file.string("id"))
        guard let path = SharePath(text: try file.string("path")) else {
            throw JSONObject.Mismatch("path leads out of the share, or into \(Pool.metadataName)")
        }
        self.path = path
        isShared = try file.bool("shared")
        capacityBytes = try file.integer("capacityBytes")
        parameters = try file.dictionary("parameters")
        if file.has("project") {
            project = ProjectID(try file.integer("project", UInt32.self))
            guard project != nil else { throw JSONObject.Mismatch("project is not a number that a volume gets") }
        }
        nonce = try file.string("nonce")
        created = try file.string("created")
        guard key == Self.key(ofName: name) else { throw JSONObject.Mismatch("name is not the one of its file name") }
        guard capacityBytes >= 0 else { throw JSONObject.Mismatch("capacityBytes is negative") }
        guard Nonce.isNonce(nonce) else { throw JSONObject.Mismatch("nonce is not \(Nonce.length) hex digits") }
        if let policy = parameters[DeletePolicy.parameter], DeletePolicy(rawValue: policy) == nil {
            throw JSONObject.Mismatch("parameters.\(DeletePolicy.parameter) has a value that is not known")
        }
    }
}
