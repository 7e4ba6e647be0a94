// What a catalog knows about files, messages, enums and services. Names of types are full names without a leading dot.

/// The type of a field, or of each element of a repeated one.
package enum FieldType: Hashable, Sendable {
    case double, float
    case int32, int64, uint32, uint64, sint32, sint64
    case fixed32, fixed64, sfixed32, sfixed64
    case bool, string, bytes
    case message(String)
    case enumeration(String)
}

package struct FieldSchema: Sendable {
    /// As in the .proto file.
    package let name: String
    /// The lowerCamelCase name of proto3 JSON.
    package let jsonName: String
    package let number: Int
    package let type: FieldType
    package let isRepeated: Bool
    package let isPacked: Bool
    /// Whether a value that is absent differs from one that is zero or empty.
    package let hasPresence: Bool
    /// The index of its oneof in `MessageSchema.oneofs`.
    package let oneof: Int?
    /// Marked `csi_secret`: the value must not be shown.
    package let isSecret: Bool
}

package struct MessageSchema: Sendable {
    package let name: String
    /// In the order in which the .proto file declares them.
    package let fields: [FieldSchema]
    package let oneofs: [String]
    /// Made by protoc for a map field: field 1 is the key, field 2 the value.
    package let isMapEntry: Bool
    private let indexByNumber: [Int: Int]
    private let indexByName: [String: Int]

    init(name: String, fields: [FieldSchema], oneofs: [String], isMapEntry: Bool) {
        self.name = name
        self.fields = fields
        self.oneofs = oneofs
        self.isMapEntry = isMapEntry
        var byNumber: [Int: Int] = [:]
        var byName: [String: Int] = [:]
        for (index, field) in fields.enumerated() {
            byNumber[field.number] = index
            byName[field.jsonName] = index
        }
        // A field's own name wins over the JSON name of another.
        for (index, field) in fields.enumerated() {
            byName[field.name] = index
        }
        indexByNumber = byNumber
        indexByName = byName
    }

    /// The index in `fields` of the field with this number.
    package func index(ofNumber number: Int) -> Int? { indexByNumber[number] }

    /// The index in `fields` of the field with this name, in either style.
    package func index(ofName name: String) -> Int? { indexByName[name] }
}

package struct EnumSchema: Sendable {
    package struct Value: Sendable {
        package let name: String
        package let number: Int32
    }

    package let name: String
    package let values: [Value]

    /// The first name of a number, as several may share one.
    package func name(of number: Int32) -> String? {
        values.first { $0.number == number }?.name
    }

    package func number(of name: String) -> Int32? {
        values.first { $0.name == name }?.number
    }
}

package struct MethodSchema: Sendable {
    package let service: String
    package let name: String
    /// The full name of the request message.
    package let input: String
    /// The full name of the response message.
    package let output: String
    package let isClientStreaming: Bool
    package let isServerStreaming: Bool

    /// The path of the method in gRPC, such as `/csi.v1.Identity/Probe`.
    package var path: String { "/\(service)/\(name)" }
}

package struct ServiceSchema: Sendable {
    package let name: String
    package let methods: [MethodSchema]
}

package struct ExtensionSchema: Sendable {
    package let name: String
    /// The message type that it extends.
    package let extendee: String
    package let number: Int
    /// The file that declares it.
    package let file: String
}

package struct FileSchema: Sendable {
    package let name: String
    /// The names of the files it imports.
    package let imports: [String]
    /// Where its FileDescriptorProto is in the descriptor set.
    let range: Range<Int>
}
