import JSONText
import StorageModel

/// From wire format to JSON.
struct JSONDecoding {
    let catalog: DescriptorCatalog
    let options: JSONTranscoder.Options
    let bytes: [UInt8]

    func message(_ range: Range<Int>, _ schema: MessageSchema, depth: Int) throws(TranscodingError) -> JSONValue {
        guard depth > 0 else { throw TranscodingError("messages are nested too deeply") }
        let found = try occurrences(in: range, schema)
        switch WellKnownMessage(schema.name) {
        case .timestamp: return try timestamp(schema, found)
        case .wrapper: return try wrapped(schema, found)
        case nil: break
        }
        var members: [JSONMember] = []
        for (field, payloads) in zip(schema.fields, found) {
            do {
                guard let value = try value(of: field, payloads, depth: depth) else { continue }
                members.append(JSONMember(options.usesOriginalNames ? field.name : field.jsonName, value))
            } catch {
                throw error.inside(field.name)
            }
        }
        return .object(members)
    }

    /// What the bytes hold for each field, in the order of the schema. The last member of a oneof drops the others.
    private func occurrences(
        in range: Range<Int>, _ schema: MessageSchema
    ) throws(TranscodingError) -> [[WireRecord.Payload]] {
        var found = [[WireRecord.Payload]](repeating: [], count: schema.fields.count)
        var cursor = WireCursor(range)
        do {
            while let record = try cursor.next(in: bytes.span) {
                guard let index = schema.index(ofNumber: record.number) else { continue }
                if let oneof = schema.fields[index].oneof {
                    for (other, field) in schema.fields.enumerated() where other != index && field.oneof == oneof {
                        found[other] = []
                    }
                }
                found[index].append(record.payload)
            }
        } catch {
            throw error.asTranscodingError
        }
        return found
    }

    /// Nil when the field is not to be shown.
    private func value(
        of field: FieldSchema, _ payloads: [WireRecord.Payload], depth: Int
    ) throws(TranscodingError) -> JSONValue? {
        if field.isRepeated {
            guard !payloads.isEmpty || options.showsDefaults else { return nil }
            if case .message(let name) = field.type, let entry = catalog.message(name), entry.isMapEntry {
                return try map(payloads, entry, depth: depth)
            }
            return try array(payloads, field.type, depth: depth)
        }
        if case .message(let name) = field.type {
            return payloads.isEmpty ? nil : try message(merging: payloads, name, depth: depth)
        }
        guard let last = payloads.last else {
            return field.hasPresence || !options.showsDefaults ? nil : try zero(of: field.type)
        }
        let isShown = field.hasPresence || options.showsDefaults || !isZero(last)
        let value = try scalar(last, field.type)
        return isShown ? value : nil
    }

    private func array(
        _ payloads: [WireRecord.Payload], _ type: FieldType, depth: Int
    ) throws(TranscodingError) -> JSONValue {
        var elements: [JSONValue] = []
        for payload in payloads {
            do {
                if case .message(let name) = type {
                    elements.append(try message(merging: [payload], name, depth: depth))
                } else if type.canBePacked, case .bytes(let range) = payload {
                    for element in try unpacked(range, type) { elements.append(try scalar(element, type)) }
                } else {
                    elements.append(try scalar(payload, type))
                }
            } catch {
                throw error.inside("[\(elements.count)]")
            }
        }
        return .array(elements)
    }

    /// The last of two entries with one key counts. Keys come out sorted by their bytes.
    private func map(
        _ payloads: [WireRecord.Payload], _ entry: MessageSchema, depth: Int
    ) throws(TranscodingError) -> JSONValue {
        guard depth > 1 else { throw TranscodingError("messages are nested too deeply") }
        let (keyField, valueField) = (entry.fields[0], entry.fields[1])
        var values: [[UInt8]: JSONMember] = [:]
        for payload in payloads {
            let found = try occurrences(in: try delimited(payload), entry)
            let name = try scalar(last: found[0], keyField.type).mapKey
            do {
                let value: JSONValue
                if case .message(let message) = valueField.type {
                    value = try self.message(merging: found[1], message, depth: depth - 1)
                } else {
                    value = try scalar(last: found[1], valueField.type)
                }
                values[Array(name.utf8)] = JSONMember(name, value)
            } catch {
                throw error.inside("[\(name.debugDescription)]")
            }
        }
        return .object(values.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value))
    }

    /// A message that came in pieces is the message of all the pieces' bytes (protobuf "Encoding": last one wins).
    private func message(
        merging pieces: [WireRecord.Payload], _ name: String, depth: Int
    ) throws(TranscodingError) -> JSONValue {
        guard let schema = catalog.message(name) else { throw TranscodingError("there is no message \(name)") }
        if pieces.count == 1 { return try message(try delimited(pieces[0]), schema, depth: depth - 1) }
        var joined: [UInt8] = []
        for piece in pieces { joined += bytes[try delimited(piece)] }
        let inner = JSONDecoding(catalog: catalog, options: options, bytes: joined)
        return try inner.message(joined.indices, schema, depth: depth - 1)
    }

    private func delimited(_ payload: WireRecord.Payload) throws(TranscodingError) -> Range<Int> {
        guard case .bytes(let range) = payload else { throw .wireType }
        return range
    }

    private func scalar(
        last payloads: [WireRecord.Payload], _ type: FieldType
    ) throws(TranscodingError) -> JSONValue {
        guard let last = payloads.last else { return try zero(of: type) }
        return try scalar(last, type)
    }

    private func wrapped(
        _ schema: MessageSchema, _ found: [[WireRecord.Payload]]
    ) throws(TranscodingError) -> JSONValue {
        try scalar(last: found[0], schema.fields[0].type)
    }

    private func timestamp(
        _ schema: MessageSchema, _ found: [[WireRecord.Payload]]
    ) throws(TranscodingError) -> JSONValue {
        var numbers: [Int64] = []
        for payloads in found {
            switch payloads.last {
            case .varint(let value): numbers.append(Int64(bitPattern: value))
            case nil: numbers.append(0)
            default: throw .wireType
            }
        }
        let nanoseconds = Int32(truncatingIfNeeded: numbers[1])
        guard let text = Timestamp(seconds: numbers[0], nanoseconds: nanoseconds)?.text else {
            throw TranscodingError("the timestamp is outside the years 1 to 9999, or its nanoseconds outside a second")
        }
        return .string(text)
    }
}

extension JSONValue {
    /// What stands as the name of a map's member.
    fileprivate var mapKey: String {
        switch self {
        case .string(let text), .number(let text): text
        case .bool(let value): value ? "true" : "false"
        case .null, .array, .object: ""
        }
    }
}

extension TranscodingError {
    static let wireType = TranscodingError("the wire type is not the field's")
}
