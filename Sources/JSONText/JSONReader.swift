/// Where JSON text is wrong, and how. Lines and columns count from 1; columns are bytes.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package let line: Int
    package let column: Int
    package let problem: String

    package var description: String { "line \(line), column \(column): \(problem)" }
}

extension JSONValue {
    /// Reads one JSON text (RFC 8259), strictly: UTF-8 without a byte order mark, no comments, no trailing commas,
    /// nothing after the value, no name twice in one object, at most `depth` arrays and objects inside each other.
    package init(parsing text: [UInt8], depth: Int = 100) throws(JSONError) {
        var reader = JSONReader(text: text, depthLeft: depth)
        self = try reader.document()
    }

    package init(parsing text: String) throws(JSONError) {
        try self.init(parsing: Array(text.utf8))
    }
}

private struct JSONReader {
    let text: [UInt8]
    var depthLeft: Int
    var position = 0

    init(text: [UInt8], depthLeft: Int) {
        self.text = text
        self.depthLeft = depthLeft
    }

    mutating func document() throws(JSONError) -> JSONValue {
        skipSpace()
        let value = try value()
        skipSpace()
        guard position == text.count else { throw error("something follows the end of the value") }
        return value
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        guard let byte = peek else { throw error("the text ends where a value has to follow") }
        switch byte {
        case UInt8(ascii: "{"): return try nested { reader throws(JSONError) in try reader.object() }
        case UInt8(ascii: "["): return try nested { reader throws(JSONError) in try reader.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: throw error("expected a value: an object, array, string, number, true, false or null")
        }
    }

    private mutating func nested(
        _ body: (inout JSONReader) throws(JSONError) -> JSONValue
    ) throws(JSONError) -> JSONValue {
        guard depthLeft > 0 else { throw error("arrays and objects are nested too deeply") }
        depthLeft -= 1
        defer { depthLeft += 1 }
        return try body(&self)
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        var members: [JSONMember] = []
        // Bytes, because String calls two spellings of one accented letter equal and JSON does not.
        var names: Set<[UInt8]> = []
        position += 1
        skipSpace()
        if take("}") { return .object([]) }
        repeat {
            skipSpace()
            let start = position
            guard peek == UInt8(ascii: "\"") else { throw error("expected a name in double quotes") }
            let name = try string()
            guard names.insert(Array(name.utf8)).inserted else {
                throw error("the name \(name.debugDescription) stands twice in one object", at: start)
            }
            skipSpace()
            guard take(":") else { throw error("expected a colon after the name \(name.debugDescription)") }
            skipSpace()
            members.append(JSONMember(name, try value()))
            skipSpace()
        } while take(",")
        guard take("}") else { throw error("expected a comma or the end of the object") }
        return .object(members)
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        position += 1
        skipSpace()
        if take("]") { return .array([]) }
        repeat {
            skipSpace()
            elements.append(try value())
            skipSpace()
        } while take(",")
        guard take("]") else { throw error("expected a comma or the end of the array") }
        return .array(elements)
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        guard text[position...].starts(with: word.utf8) else { throw error("expected \(word)") }
        position += word.utf8.count
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        while let byte = peek, DecimalNumber.bytes.contains(byte) { position += 1 }
        let digits = String(decoding: text[start..<position], as: UTF8.self)
        guard DecimalNumber(digits) != nil else { throw error("not a number as JSON writes them", at: start) }
        return .number(digits)
    }

    private mutating func string() throws(JSONError) -> String {
        let start = position
        position += 1
        var bytes: [UInt8] = []
        while true {
            let plain = position
            while let byte = peek, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                position += 1
            }
            bytes += text[plain..<position]
            switch peek {
            case UInt8(ascii: "\""):
                position += 1
                guard let string = String(validating: bytes, as: UTF8.self) else {
                    throw error("the string is not valid UTF-8", at: start)
                }
                return string
            case UInt8(ascii: "\\"): bytes.append(contentsOf: String(try escape()).utf8)
            case nil: throw error("the string has no end", at: start)
            default: throw error("a control character in a string has to be escaped")
            }
        }
    }

    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let start = position
        position += 1
        guard let byte = peek else { throw error("the text ends inside a string") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw error("an unknown escape in a string", at: start)
        }
        let first = try hexUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xd800..<0xdc00).contains(first), take("\\"), take("u") else {
            throw error("half of a surrogate pair stands alone", at: start)
        }
        let second = try hexUnit()
        guard (0xdc00..<0xe000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        else {
            throw error("half of a surrogate pair stands alone", at: start)
        }
        return scalar
    }

    private mutating func hexUnit() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = hexDigit(byte) else {
                throw error("expected four hexadecimal digits after \\u")
            }
            value = value << 4 | digit
            position += 1
        }
        return value
    }

    private func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private var peek: UInt8? {
        position < text.count ? text[position] : nil
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { position += 1 }
    }

    private func error(_ problem: String, at place: Int? = nil) -> JSONError {
        let before = text[..<(place ?? position)]
        let lineStart = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        return JSONError(
            line: before.count { $0 == 0x0a } + 1, column: before.count - lineStart + 1, problem: problem)
    }
}
