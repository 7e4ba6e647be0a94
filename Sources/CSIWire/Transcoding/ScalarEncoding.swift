import JSONText

// Scalars from JSON to wire format, without their tags.

extension JSONEncoding {
    func scalar(_ json: JSONValue, _ type: FieldType, to writer: inout WireWriter) throws(TranscodingError) {
        switch type {
        case .int32: writer.varint(UInt64(bitPattern: Int64(try integer(json, Int32.self))))
        case .int64: writer.varint(UInt64(bitPattern: try integer(json, Int64.self)))
        case .uint32: writer.varint(UInt64(try integer(json, UInt32.self)))
        case .uint64: writer.varint(try integer(json, UInt64.self))
        case .sint32: writer.varint(zigzagged(Int64(try integer(json, Int32.self))))
        case .sint64: writer.varint(zigzagged(try integer(json, Int64.self)))
        case .fixed32: writer.fixed32(try integer(json, UInt32.self))
        case .sfixed32: writer.fixed32(UInt32(bitPattern: try integer(json, Int32.self)))
        case .fixed64: writer.fixed64(try integer(json, UInt64.self))
        case .sfixed64: writer.fixed64(UInt64(bitPattern: try integer(json, Int64.self)))
        case .float: writer.fixed32(try floatingPoint(json, Float.self).bitPattern)
        case .double: writer.fixed64(try floatingPoint(json, Double.self).bitPattern)
        case .bool:
            guard case .bool(let value) = json else { throw .expected("true or false", found: json) }
            writer.varint(value ? 1 : 0)
        case .string:
            guard case .string(let text) = json else { throw .expected("a string", found: json) }
            writer.delimited(text.utf8)
        case .bytes:
            guard case .string(let text) = json else { throw .expected("a string of base64", found: json) }
            guard let bytes = Base64.bytes(of: text) else { throw TranscodingError("the string is not base64") }
            writer.delimited(bytes)
        case .enumeration(let name):
            writer.varint(UInt64(bitPattern: Int64(try enumeration(json, name))))
        case .message(let name):
            throw TranscodingError("\(name) is not a scalar")
        }
    }

    /// A number or a string of one; `1.0` and `1e3` are integers too.
    private func integer<Integer: FixedWidthInteger>(
        _ json: JSONValue, _: Integer.Type
    ) throws(TranscodingError) -> Integer {
        let text: String
        switch json {
        case .number(let digits), .string(let digits): text = digits
        default: throw .expected("an integer", found: json)
        }
        guard let number = DecimalNumber(text) else { throw TranscodingError("expected an integer") }
        guard number.isIntegral else { throw TranscodingError("expected an integer, found a fraction") }
        guard let integer = number.integer(Integer.self) else {
            throw TranscodingError("the number is outside \(Integer.min) to \(Integer.max)")
        }
        return integer
    }

    private func floatingPoint<Value: BinaryFloatingPoint & LosslessStringConvertible>(
        _ json: JSONValue, _: Value.Type
    ) throws(TranscodingError) -> Value {
        switch json {
        case .string("NaN"): return .nan
        case .string("Infinity"): return .infinity
        case .string("-Infinity"): return -.infinity
        case .number(let digits), .string(let digits):
            guard DecimalNumber(digits) != nil, let value = Value(digits) else {
                throw TranscodingError("expected a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
            }
            guard value.isFinite else { throw TranscodingError("the number is too large for \(Value.self)") }
            return value
        default: throw .expected("a number", found: json)
        }
    }

    private func enumeration(_ json: JSONValue, _ name: String) throws(TranscodingError) -> Int32 {
        switch json {
        case .number: return try integer(json, Int32.self)
        case .string(let value):
            guard let schema = catalog.enumeration(name) else { throw TranscodingError("there is no enum \(name)") }
            guard let number = schema.number(of: value) else {
                let known = schema.values.map(\.name).joined(separator: ", ")
                throw TranscodingError("\(name) has no value \(value.debugDescription); it has \(known)")
            }
            return number
        default: throw .expected("the name or number of an enum value", found: json)
        }
    }
}
