import JSONText
package import StorageModel

/// The truth about one volume: the file `.moorage/volumes/<id>.json` of its pool.
package struct VolumeRecord: Hashable, Sendable {
    package enum State: String, Hashable, Sendable {
        /// The volume can be used.
        case ready
        /// Deleted with `onDelete: retain`: only the data is still there.
        case retained
    }

    /// The layout of the pool and of its files that this code writes.
    package static let layout = 1
    /// Bytes; a longer file is no record.
    package static let longestFile = 64 << 10

    package var layout: Int
    package var name: String
    package var id: String
    /// Of the directory, relative to the pool.
    package var path: String
    package var capacityBytes: Int64
    package var parameters: [String: String]
    package var state: State
    /// Tells the call that made it.
    package var nonce: String
    /// For people only.
    package var created: String

    package init(name: String, key: VolumeKey, capacityBytes: Int64, parameters: [String: String]) {
        layout = Self.layout
        self.name = name
        id = key.text
        path = Self.path(of: key)
        self.capacityBytes = capacityBytes
        self.parameters = parameters
        state = .ready
        nonce = Nonce.random()
        created = PoolFile.timestamp()
    }

    static func path(of key: VolumeKey) -> String { "volumes/\(key)" }
    static func fileName(of key: VolumeKey) -> String { "\(key).json" }

    /// The key of a record's file name, or nil when it is no such name.
    static func key(ofFile name: String) -> VolumeKey? {
        name.hasSuffix(".json") ? VolumeKey(name.dropLast(5)) : nil
    }

    package var deletePolicy: DeletePolicy {
        parameters[DeletePolicy.parameter].flatMap(DeletePolicy.init(rawValue:)) ?? .delete
    }
}

extension VolumeRecord {
    var encoded: [UInt8] {
        PoolFile.bytes([
            "capacityBytes": .number(capacityBytes), "created": .string(created), "id": .string(id),
            "layout": .number(layout), "name": .string(name), "nonce": .string(nonce),
            "parameters": .dictionary(parameters), "path": .string(path), "state": .string(state.rawValue),
        ])
    }

    /// Decodes the file of `key`; whoever wrote it, it describes exactly this volume.
    init(decoding bytes: [UInt8], for key: VolumeKey) throws(JSONObject.Mismatch) {
        let file = try JSONObject(parsing: bytes)
        // First: another layout is the better reason, whatever else it changed.
        layout = try file.integer("layout")
        guard layout == Self.layout else {
            throw JSONObject.Mismatch("it has layout \(layout), and this version reads layout \(Self.layout)")
        }
        name = try file.string("name")
        id = try file.string("id")
        path = try file.string("path")
        capacityBytes = try file.integer("capacityBytes")
        parameters = try file.dictionary("parameters")
        state = try file.choice("state")
        nonce = try file.string("nonce")
        created = try file.string("created")
        guard id == key.text else { throw JSONObject.Mismatch("id is not the one of its file name") }
        guard path == Self.path(of: key) else { throw JSONObject.Mismatch("path is not \(Self.path(of: key))") }
        guard capacityBytes >= 0 else { throw JSONObject.Mismatch("capacityBytes is negative") }
        guard Nonce.isNonce(nonce) else { throw JSONObject.Mismatch("nonce is not \(Nonce.length) hex digits") }
        if let policy = parameters[DeletePolicy.parameter], DeletePolicy(rawValue: policy) == nil {
            throw JSONObject.Mismatch("parameters.\(DeletePolicy.parameter) has a value that is not known")
        }
    }
}
