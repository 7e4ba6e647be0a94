import JSONText

/// The file `.moorage/format`.
struct PoolFormat {
    var id: PoolID

    /// Bytes.
    static let longestFile = 4096

    init(id: PoolID) {
        self.id = id
    }

    init(decoding bytes: [UInt8]) throws(JSONObject.Mismatch) {
        let file = try JSONObject(parsing: bytes)
        let layout = try file.integer("layout", Int.self)
        guard layout == VolumeRecord.layout else {
            throw JSONObject.Mismatch("it has layout \(layout), and this version serves layout \(VolumeRecord.layout)")
        }
        guard let id = PoolID(try file.string("id")) else {
            throw JSONObject.Mismatch("id is not \(PoolID.length) hex digits")
        }
        self.id = id
    }

    var encoded: [UInt8] {
        PoolFile.bytes(["id": .string(id.text), "layout": .number(VolumeRecord.layout)])
    }
}
