/// What happens to the data of a volume that is deleted: the StorageClass parameter `onDelete`.
package enum DeletePolicy: String, Hashable, Sendable, CaseIterable {
    case delete
    /// The data and the record stay; the name stays taken.
    case retain
    /// The data moves to `archived/`, the record goes.
    case archive

    /// The key in a record's parameters.
    package static let parameter = "onDelete"
}

/// The truth about one volume: the file `.moorage/volumes/<id>.json` of its pool.
package struct VolumeRecord: Codable, Hashable, Sendable {
    package enum State: String, Codable, Hashable, Sendable {
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
        created = JSONText.timestamp()
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
    private struct Layout: Decodable {
        var layout: Int
    }

    private static func checkLayout(_ layout: Int) throws(JSONText.Unreadable) {
        guard layout == Self.layout else {
            throw JSONText.Unreadable("it has layout \(layout), and this version reads layout \(Self.layout)")
        }
    }

    func encoded() throws(JSONText.Unreadable) -> [UInt8] {
        try JSONText.encode(self)
    }

    /// Decodes the file of `key`; whoever wrote it, it describes exactly this volume.
    init(decoding bytes: [UInt8], for key: VolumeKey) throws(JSONText.Unreadable) {
        do {
            self = try JSONText.decode(VolumeRecord.self, from: bytes)
        } catch {
            // Another layout is the better reason, whatever else it changed.
            try Self.checkLayout(try JSONText.decode(Layout.self, from: bytes).layout)
            throw error
        }
        try Self.checkLayout(layout)
        guard id == key.text else { throw JSONText.Unreadable("id is not the one of its file name") }
        guard path == Self.path(of: key) else { throw JSONText.Unreadable("path is not \(Self.path(of: key))") }
        guard capacityBytes >= 0 else { throw JSONText.Unreadable("capacityBytes is negative") }
        guard Nonce.isNonce(nonce) else { throw JSONText.Unreadable("nonce is not \(Nonce.length) hex digits") }
        if let policy = parameters[DeletePolicy.parameter], DeletePolicy(rawValue: policy) == nil {
            throw JSONText.Unreadable("parameters.\(DeletePolicy.parameter) has a value that is not known")
        }
    }
}
