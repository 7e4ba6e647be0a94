import FoundationEssentials

/// The small JSON files of a pool: readable by people, with a stable order of keys, ending with a newline.
enum JSONText {
    /// Why a file cannot be used; for the end of a sentence.
    struct Unreadable: Error, Hashable {
        var reason: String

        init(_ reason: String) {
            self.reason = reason
        }
    }

    static func encode(_ value: some Encodable) throws(Unreadable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
        } catch {
            throw Unreadable("it cannot be written as JSON: \(error)")
        }
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws(Unreadable) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch DecodingError.keyNotFound(let key, _) {
            throw Unreadable("\(key.stringValue) is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw Unreadable(path.isEmpty ? "it is no JSON object" : "\(path) is of the wrong type")
        } catch DecodingError.dataCorrupted(let context) {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw Unreadable(path.isEmpty ? "it is no JSON" : "\(path) has a value that is not known")
        } catch {
            throw Unreadable("it cannot be decoded")
        }
    }

    /// The time now, for people: `2025-01-31T12:00:00Z`.
    static func timestamp() -> String {
        Date.now.ISO8601Format()
    }
}
