import JSONText
import StorageModel

/// From JSON to wire format.
struct JSONEncoding {
    let catalog: DescriptorCatalog

    func message(_ json: JSONValue, _ schema: MessageSchema, depth: Int) throws(TranscodingError) -> [UInt8] {
        guard depth > 0 else { throw TranscodingError("messages are nested too deeply") }
        switch WellKnownMessage(schema.name) {
        case .timestamp: return try timestamp(json)
        case .wrapper: return try wrapper(json, schema)
        case nil: break
        }
        guard case .object(let members) = json else { throw .expected("an object", found: json) }
        var encoded = [[UInt8]?](repeating: nil, count: schema.fields.count)
        // The names under which fields, and members of oneofs, have been set.
        var names = [String?](repeating: nil, count: schema.fields.count)
        var choices = [String?](repeating: nil, count: schema.oneofs.count)
        for member in members {
            guard let index = schema.index(ofName: member.name) else {
                throw unknownField(in: schema).inside(member.name)
            }
            let field = schema.fields[index]
            if let other = names[index] {
                throw TranscodingError("the same field as \(other); give one of the two").inside(member.name)
            }
            names[index] = member.name
            if member.value == .null { continue }
            if let oneof = field.oneof {
                if let other = choices[oneof] {
                    throw TranscodingError(
                        "conflicts with \(other): only one of \(schema.oneofs[oneof]) can be set"
                    ).inside(member.name)
                }
                choices[oneof] = member.name
            }
            do {
                encoded[index] = try self.field(member.value, field, depth: depth)
            } catch {
                throw error.inside(member.name)
            }
        }
        let present = zip(schema.fields, encoded).sorted { $0.0.number < $1.0.number }
        return present.flatMap { $0.1 ?? [] }
    }

    /// The field with its tag; empty when a default value has nothing to be written.
    private func field(_ json: JSONValue, _ field: FieldSchema, depth: Int) throws(TranscodingError) -> [UInt8] {
        var writer = WireWriter()
        if field.isRepeated {
            if case .message(let name) = field.type, let entry = catalog.message(name), entry.isMapEntry {
                try map(json, field, entry, depth: depth, to: &writer)
            } else {
                try array(json, field, depth: depth, to: &writer)
            }
        } else {
            try element(json, field.type, depth: depth, to: &writer)
            let value = writer.bytes
            // Zero in every scalar encoding, and the length of nothing. The sign of -0.0 is a bit that is set.
            let isDefault = value.allSatisfy { $0 == 0 }
            guard field.hasPresence || !isDefault else { return [] }
            writer = WireWriter()
            writer.tag(field.number, field.type.wireType)
            writer.raw(value)
        }
        return writer.bytes
    }

    private func array(
        _ json: JSONValue, _ field: FieldSchema, depth: Int, to writer: inout WireWriter
    ) throws(TranscodingError) {
        guard case .array(let elements) = json else { throw .expected("an array", found: json) }
        var packed = WireWriter()
        for (index, element) in elements.enumerated() {
            do {
                if field.isPacked {
                    try self.element(element, field.type, depth: depth, to: &packed)
                } else {
                    writer.tag(field.number, field.type.wireType)
                    try self.element(element, field.type, depth: depth, to: &writer)
                }
            } catch {
                throw error.inside("[\(index)]")
            }
        }
        if !packed.bytes.isEmpty {
            writer.tag(field.number, .delimited)
            writer.delimited(packed.bytes)
        }
    }

    /// Entries are written in the order of their keys' bytes, so one value has one encoding.
    private func map(
        _ json: JSONValue, _ field: FieldSchema, _ entry: MessageSchema, depth: Int, to writer: inout WireWriter
    ) throws(TranscodingError) {
        guard case .object(let members) = json else { throw .expected("an object", found: json) }
        let (keyField, valueField) = (entry.fields[0], entry.fields[1])
        for member in members.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            do {
                var pair = WireWriter()
                pair.tag(1, keyField.type.wireType)
                try element(mapKey(member.name, keyField.type), keyField.type, depth: depth - 1, to: &pair)
                pair.tag(2, valueField.type.wireType)
                try element(member.value, valueField.type, depth: depth - 1, to: &pair)
                writer.tag(field.number, .delimited)
                writer.delimited(pair.bytes)
            } catch {
                throw error.inside("[\(member.name.debugDescription)]")
            }
        }
    }

    /// JSON's names are strings, whatever a map's keys are.
    private func mapKey(_ name: String, _ type: FieldType) -> JSONValue {
        guard type == .bool else { return .string(name) }
        return name == "true" ? .bool(true) : name == "false" ? .bool(false) : .string(name)
    }

    /// A value without its tag.
    private func element(
        _ json: JSONValue, _ type: FieldType, depth: Int, to writer: inout WireWriter
    ) throws(TranscodingError) {
        guard case .message(let name) = type else { return try scalar(json, type, to: &writer) }
        guard let schema = catalog.message(name) else { throw TranscodingError("there is no message \(name)") }
        writer.delimited(try message(json, schema, depth: depth - 1))
    }

    private func wrapper(_ json: JSONValue, _ schema: MessageSchema) throws(TranscodingError) -> [UInt8] {
        try field(json, schema.fields[0], depth: 1)
    }

    private func timestamp(_ json: JSONValue) throws(TranscodingError) -> [UInt8] {
        guard case .string(let text) = json else {
            throw .expected("a time such as \"2025-01-31T12:00:00Z\"", found: json)
        }
        guard let timestamp = Timestamp(text) else {
            throw TranscodingError(
                "not a time of RFC 3339 in the years 1 to 9999; write it as \"2025-01-31T12:00:00Z\"")
        }
        var writer = WireWriter()
        if timestamp.seconds != 0 {
            writer.tag(1, .varint)
            writer.varint(UInt64(bitPattern: timestamp.seconds))
        }
        if timestamp.nanoseconds != 0 {
            writer.tag(2, .varint)
            writer.varint(UInt64(timestamp.nanoseconds))
        }
        return writer.bytes
    }

    private func unknownField(in schema: MessageSchema) -> TranscodingError {
        let known = schema.fields.map(\.jsonName).joined(separator: ", ")
        return TranscodingError(
            known.isEmpty
                ? "unknown field: \(schema.name) has no fields"
                : "unknown field: \(schema.name) has \(known)")
    }
}

extension TranscodingError {
    static func expected(_ what: String, found: JSONValue) -> TranscodingError {
        TranscodingError("expected \(what), found \(found.kind)")
    }
}

extension FieldType {
    var wireType: WireType {
        switch self {
        case .double, .fixed64, .sfixed64: .fixed64
        case .float, .fixed32, .sfixed32: .fixed32
        case .string, .bytes, .message: .delimited
        default: .varint
        }
    }
}
