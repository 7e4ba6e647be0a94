/// Reads the messages of google/protobuf/descriptor.proto as far as a catalog needs them. Numbers in patterns are that
/// file's field numbers.
struct DescriptorParser {
    let bytes: [UInt8]
    private(set) var files: [FileSchema] = []
    private(set) var services: [ServiceSchema] = []
    private(set) var extensions: [ExtensionSchema] = []
    private(set) var messages: [String: MessageSchema] = [:]
    private(set) var enums: [String: EnumSchema] = [:]
    private(set) var fileBySymbol: [String: String] = [:]
    private var file = ""
    private var isProto3 = false

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// FileDescriptorSet
    mutating func parseSet() throws(WireFault) {
        for record in try records(bytes.indices) {
            if case (1, .bytes(let range)) = (record.number, record.payload) { try parseFile(range) }
        }
    }

    /// FileDescriptorProto. Name, package and syntax come first, as what they say is needed to read the rest.
    private mutating func parseFile(_ range: Range<Int>) throws(WireFault) {
        let records = try records(range)
        var scope = ""
        var imports: [String] = []
        (file, isProto3) = ("", false)
        for record in records {
            guard case .bytes(let part) = record.payload else { continue }
            switch record.number {
            case 1: file = text(part)
            case 2: scope = text(part)
            case 3: imports.append(text(part))
            case 12: isProto3 = text(part) == "proto3"
            default: break
            }
        }
        files.append(FileSchema(name: file, imports: imports, range: range))
        for record in records {
            guard case .bytes(let part) = record.payload else { continue }
            switch record.number {
            case 4: try parseMessage(part, in: scope)
            case 5: try parseEnum(part, in: scope)
            case 6: try parseService(part, in: scope)
            case 7: try parseExtension(part, in: scope)
            default: break
            }
        }
    }

    /// DescriptorProto
    private mutating func parseMessage(_ range: Range<Int>, in scope: String) throws(WireFault) {
        let records = try records(range)
        let name = declare(string(1, of: records), in: scope)
        var fields: [FieldSchema] = []
        var oneofs: [String] = []
        var isMapEntry = false
        for record in records {
            guard case .bytes(let part) = record.payload else { continue }
            switch record.number {
            case 2:
                let field = try parseField(part)
                _ = declare(field.name, in: name)
                fields.append(field)
            case 3: try parseMessage(part, in: name)
            case 4: try parseEnum(part, in: name)
            case 6: try parseExtension(part, in: name)
            case 7: isMapEntry = try number(7, of: self.records(part)) == 1
            case 8:
                let oneof = try string(1, of: self.records(part))
                _ = declare(oneof, in: name)
                oneofs.append(oneof)
            default: break
            }
        }
        messages[name] = MessageSchema(name: name, fields: fields, oneofs: oneofs, isMapEntry: isMapEntry)
    }

    /// FieldDescriptorProto
    private func parseField(_ range: Range<Int>) throws(WireFault) -> FieldSchema {
        let records = try records(range)
        let type = try fieldType(number(5, of: records) ?? 0, named: typeName(6, of: records))
        let isRepeated = number(4, of: records) == 3
        let isOptional = number(17, of: records) == 1
        var packed: UInt64?
        var isSecret = false
        for record in records where record.number == 8 {
            guard case .bytes(let part) = record.payload else { continue }
            let options = try self.records(part)
            packed = number(2, of: options)
            isSecret = number(Self.secretOption, of: options) == 1
        }
        var isMessage = false
        if case .message = type { isMessage = true }
        // protoc wraps a proto3 `optional` field in a oneof of its own.
        let oneof = isOptional ? nil : number(9, of: records).map { Int($0) }
        return FieldSchema(
            name: string(1, of: records), jsonName: string(10, of: records),
            number: Int(number(3, of: records) ?? 0), type: type, isRepeated: isRepeated,
            isPacked: isRepeated && type.canBePacked && (packed.map { $0 == 1 } ?? isProto3),
            hasPresence: !isRepeated && (isMessage || oneof != nil || isOptional || !isProto3),
            oneof: oneof, isSecret: isSecret)
    }

    /// The number of csi.proto's field option `csi_secret`.
    private static let secretOption = 1059

    /// EnumDescriptorProto. Names of values belong to the scope around the enum.
    private mutating func parseEnum(_ range: Range<Int>, in scope: String) throws(WireFault) {
        let records = try records(range)
        let name = declare(string(1, of: records), in: scope)
        var values: [EnumSchema.Value] = []
        for record in records where record.number == 2 {
            guard case .bytes(let part) = record.payload else { continue }
            let value = try self.records(part)
            let valueName = string(1, of: value)
            _ = declare(valueName, in: scope)
            values.append(
                EnumSchema.Value(name: valueName, number: Int32(truncatingIfNeeded: number(2, of: value) ?? 0)))
        }
        enums[name] = EnumSchema(name: name, values: values)
    }

    /// ServiceDescriptorProto
    private mutating func parseService(_ range: Range<Int>, in scope: String) throws(WireFault) {
        let records = try records(range)
        let name = declare(string(1, of: records), in: scope)
        var methods: [MethodSchema] = []
        for record in records where record.number == 2 {
            guard case .bytes(let part) = record.payload else { continue }
            let method = try self.records(part)
            let methodName = string(1, of: method)
            _ = declare(methodName, in: name)
            methods.append(
                MethodSchema(
                    service: name, name: methodName, input: typeName(2, of: method),
                    output: typeName(3, of: method), isClientStreaming: number(5, of: method) == 1,
                    isServerStreaming: number(6, of: method) == 1))
        }
        services.append(ServiceSchema(name: name, methods: methods))
    }

    /// FieldDescriptorProto of an extension
    private mutating func parseExtension(_ range: Range<Int>, in scope: String) throws(WireFault) {
        let records = try records(range)
        extensions.append(
            ExtensionSchema(
                name: declare(string(1, of: records), in: scope), extendee: typeName(2, of: records),
                number: Int(number(3, of: records) ?? 0), file: file))
    }
}

extension DescriptorParser {
    private mutating func declare(_ name: String, in scope: String) -> String {
        let full = scope.isEmpty ? name : "\(scope).\(name)"
        fileBySymbol[full] = file
        return full
    }

    private func records(_ range: Range<Int>) throws(WireFault) -> [WireRecord] {
        var cursor = WireCursor(range)
        var found: [WireRecord] = []
        while let record = try cursor.next(in: bytes.span) { found.append(record) }
        return found
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private func string(_ number: Int, of records: [WireRecord]) -> String {
        for record in records where record.number == number {
            if case .bytes(let range) = record.payload { return text(range) }
        }
        return ""
    }

    private func number(_ number: Int, of records: [WireRecord]) -> UInt64? {
        for record in records where record.number == number {
            if case .varint(let value) = record.payload { return value }
        }
        return nil
    }

    /// protoc writes full names with a leading dot.
    private func typeName(_ number: Int, of records: [WireRecord]) -> String {
        String(string(number, of: records).drop { $0 == "." })
    }

    /// FieldDescriptorProto.Type
    private func fieldType(_ number: UInt64, named name: String) throws(WireFault) -> FieldType {
        switch number {
        case 1: .double
        case 2: .float
        case 3: .int64
        case 4: .uint64
        case 5: .int32
        case 6: .fixed64
        case 7: .fixed32
        case 8: .bool
        case 9: .string
        case 11: .message(name)
        case 12: .bytes
        case 13: .uint32
        case 14: .enumeration(name)
        case 15: .sfixed32
        case 16: .sfixed64
        case 17: .sint32
        case 18: .sint64
        default: throw .group
        }
    }
}

extension FieldType {
    /// Strings, bytes and messages are delimited already.
    var canBePacked: Bool {
        switch self {
        case .string, .bytes, .message: false
        default: true
        }
    }
}
