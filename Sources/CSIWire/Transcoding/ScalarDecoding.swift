import JSONText

// Scalars from wire format to JSON.

extension JSONDecoding {
    func scalar(_ payload: WireRecord.Payload, _ type: FieldType) throws(TranscodingError) -> JSONValue {
        switch (payload, type) {
        // A 32-bit value is cut from the varint, as every parser does.
        case (.varint(let value), .int32): number(Int32(truncatingIfNeeded: value))
        case (.varint(let value), .uint32): number(UInt32(truncatingIfNeeded: value))
        case (.varint(let value), .sint32): number(Int32(truncatingIfNeeded: unzigzagged(value & 0xffff_ffff)))
        case (.varint(let value), .int64): .string(String(Int64(bitPattern: value)))
        case (.varint(let value), .uint64): .string(String(value))
        case (.varint(let value), .sint64): .string(String(unzigzagged(value)))
        case (.varint(let value), .bool): .bool(value != 0)
        case (.varint(let value), .enumeration(let name)):
            enumeration(Int32(truncatingIfNeeded: value), catalog.enumeration(name))
        case (.fixed32(let value), .fixed32): number(value)
        case (.fixed32(let value), .sfixed32): number(Int32(bitPattern: value))
        case (.fixed32(let value), .float): float(Float(bitPattern: value))
        case (.fixed64(let value), .fixed64): .string(String(value))
        case (.fixed64(let value), .sfixed64): .string(String(Int64(bitPattern: value)))
        case (.fixed64(let value), .double): floatingPoint(Double(bitPattern: value))
        case (.bytes(let range), .string): .string(try string(range))
        case (.bytes(let range), .bytes): .string(Base64.text(of: bytes[range]))
        default: throw .wireType
        }
    }

    /// The elements of a packed field.
    func unpacked(_ range: Range<Int>, _ type: FieldType) throws(TranscodingError) -> [WireRecord.Payload] {
        var cursor = WireCursor(range)
        var elements: [WireRecord.Payload] = []
        do {
            while cursor.position < cursor.end {
                switch type {
                case .fixed32, .sfixed32, .float:
                    let value = try cursor.littleEndian(4, in: bytes.span)
                    elements.append(.fixed32(UInt32(truncatingIfNeeded: value)))
                case .fixed64, .sfixed64, .double:
                    elements.append(.fixed64(try cursor.littleEndian(8, in: bytes.span)))
                default:
                    elements.append(.varint(try cursor.varint(in: bytes.span)))
                }
            }
        } catch {
            throw error.asTranscodingError
        }
        return elements
    }

    /// What a field has when the wire says nothing of it.
    func zero(of type: FieldType) throws(TranscodingError) -> JSONValue {
        switch type {
        case .double, .float: .number("0.0")
        case .int32, .uint32, .sint32, .fixed32, .sfixed32: .number("0")
        case .int64, .uint64, .sint64, .fixed64, .sfixed64: .string("0")
        case .bool: .bool(false)
        case .string, .bytes: .string("")
        case .enumeration(let name): enumeration(0, catalog.enumeration(name))
        case .message: .object([])
        }
    }

    func isZero(_ payload: WireRecord.Payload) -> Bool {
        switch payload {
        case .varint(let value), .fixed64(let value): value == 0
        case .fixed32(let value): value == 0
        case .bytes(let range): range.isEmpty
        }
    }

    private func number(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }

    private func enumeration(_ number: Int32, _ schema: EnumSchema?) -> JSONValue {
        schema?.name(of: number).map { .string($0) } ?? .number(String(number))
    }

    /// Swift prints the shortest digits that read back as the same value, in a form that JSON allows.
    private func floatingPoint<Value: BinaryFloatingPoint & CustomStringConvertible>(_ value: Value) -> JSONValue {
        if value.isNaN { return .string("NaN") }
        if value.isInfinite { return .string(value < 0 ? "-Infinity" : "Infinity") }
        return .number(value.description)
    }

    /// The shortest digits of the largest float are a little above it, and Python's protobuf calls that too large.
    private func float(_ value: Float) -> JSONValue {
        value.magnitude == .greatestFiniteMagnitude ? floatingPoint(Double(value)) : floatingPoint(value)
    }

    private func string(_ range: Range<Int>) throws(TranscodingError) -> String {
        guard let string = String(validating: bytes[range], as: UTF8.self) else {
            throw TranscodingError("the string is not valid UTF-8")
        }
        return string
    }
}
