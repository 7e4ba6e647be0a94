import JSONText
import StorageModel
import Testing

@testable import PoolStore

@Suite("Records on literal bytes")
struct VolumeRecordTests {
    static let key = VolumeKey("h.0123456789ab.pvc-1")

    /// A record of layout 1 as the first version wrote it.
    static let first = """
        {
          "capacityBytes": 1073741824,
          "created": "2025-01-31T12:00:00Z",
          "id": "h.0123456789ab.pvc-1",
          "layout": 1,
          "name": "pvc-1",
          "nonce": "00112233445566aa",
          "parameters": {
            "mountPermissions": "0777",
            "onDelete": "delete"
          },
          "path": "volumes/h.0123456789ab.pvc-1",
          "state": "ready"
        }

        """

    @Test("the first layout is read, whatever its white space, and written byte for byte", arguments: [" ", ""])
    func literal(space: String) throws {
        let first = Self.first.replacing("\":", with: "\"\(space):")
        let key = try #require(Self.key)
        let record = try VolumeRecord(decoding: Array(first.utf8), for: key)
        #expect(record.name == "pvc-1")
        #expect(record.capacityBytes == 1 << 30)
        #expect(record.state == .ready)
        #expect(record.deletePolicy == .delete)
        #expect(record.parameters == ["mountPermissions": "0777", "onDelete": "delete"])
        #expect(String(decoding: record.encoded, as: UTF8.self) == Self.first)
    }

    @Test("a key that this version does not know changes nothing")
    func unknownKey() throws {
        let key = try #require(Self.key)
        let text = Self.first.replacing("\"layout\": 1,", with: "\"layout\": 1, \"note\": [1, {}],")
        #expect(try VolumeRecord(decoding: Array(text.utf8), for: key).name == "pvc-1")
    }

    @Test(
        "what does not describe exactly this volume is refused with the reason",
        arguments: [
            ("\"layout\": 1", "\"layout\": 2", "layout 2"),
            ("\"layout\": 1", "\"layout\": 0", "layout 0"),
            ("\"layout\": 1,", "", "layout is missing"),
            ("\"id\": \"h.0123456789ab.pvc-1\"", "\"id\": \"h.0123456789ab.pvc-2\"", "id is not"),
            ("volumes/h.0123456789ab.pvc-1", "../victim", "path is not"),
            ("volumes/h.0123456789ab.pvc-1", "volumes/h.0123456789ab.pvc-1/..", "path is not"),
            ("1073741824", "-1", "negative"),
            ("1073741824", "\"1073741824\"", "capacityBytes is of the wrong type"),
            ("1073741824", "1e40", "capacityBytes is no whole number"),
            ("\"ready\"", "\"creating\"", "state has a value"),
            ("00112233445566aa", "00112233445566AA", "nonce"),
            ("\"onDelete\": \"delete\"", "\"onDelete\": \"shred\"", "parameters.onDelete"),
            ("\"name\": \"pvc-1\",", "", "name is missing"),
            ("{", "", "no JSON"),
        ])
    func refused(part: String, replacement: String, reason: String) throws {
        let key = try #require(Self.key)
        let text = Self.first.replacing(part, with: replacement, maxReplacements: 1)
        let error = #expect(throws: JSONObject.Mismatch.self) {
            try VolumeRecord(decoding: Array(text.utf8), for: key)
        }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test(
        "bytes that are no record never decode",
        arguments: [[], [0], [0xff, 0xfe], Array("[]".utf8), Array("null".utf8)])
    func noRecord(bytes: [UInt8]) throws {
        let key = try #require(Self.key)
        #expect(throws: JSONObject.Mismatch.self) { try VolumeRecord(decoding: bytes, for: key) }
    }

    @Test(
        "an id becomes a key only when it is one safe name",
        arguments: [
            "", ".", "..", "../x", "a/b", "/etc", ".hidden", "a\u{0}b", "a b", "ä", String(repeating: "a", count: 129),
        ])
    func unsafeKeys(text: String) {
        #expect(VolumeKey(text) == nil)
    }
}
