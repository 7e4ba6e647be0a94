internal import CCSIProto

/// What protobuf-c knows of a message type: its fields, and where its C struct keeps them.
///
/// Safe because the descriptor is a constant of the program that only `hack/update-proto` writes, and everything it
/// points to is one as well.
@safe struct MessageLayout: Sendable {
    nonisolated(unsafe) let descriptor: UnsafePointer<ProtobufCMessageDescriptor>

    /// The layout of a message of `proto/`. There is one for every name that this room knows, or the program is built
    /// from a `proto/` that does not belong to it.
    init(of name: String) {
        guard let found = unsafe CCSIProto_messageNamed(name) else {
            preconditionFailure("CCSIProto has no message \(name); run hack/update-proto")
        }
        unsafe descriptor = found
    }

    fileprivate init(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) {
        unsafe self.descriptor = descriptor
    }

    var name: String { unsafe String(cString: descriptor.pointee.name) }

    /// The size of the C struct in bytes.
    var size: Int { unsafe descriptor.pointee.sizeof_message }

    var fieldCount: Int { unsafe Int(descriptor.pointee.n_fields) }

    /// Whether it is an entry of a map, which protobuf-c does not say.
    var isMapEntry: Bool {
        fieldCount == 2 && find("key") != nil && find("value") != nil
    }

    /// The index of the field with this number, from 0 to `fieldCount`.
    func index(of number: Int) -> Int? {
        guard let field = unsafe protobuf_c_message_descriptor_get_field(descriptor, UInt32(number)) else { return nil }
        return unsafe field - descriptor.pointee.fields
    }

    func field(_ index: Int) -> FieldLayout {
        precondition(index < fieldCount)
        return unsafe FieldLayout(descriptor.pointee.fields + index)
    }

    /// The field with this name, which its message has: names are written in this room only.
    func field(_ name: StaticString) -> FieldLayout {
        guard let field = find(name) else { preconditionFailure("\(self.name) has no field \(name)") }
        return field
    }

    private func find(_ name: StaticString) -> FieldLayout? {
        // A static string ends with a NUL.
        let text = unsafe UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        return unsafe protobuf_c_message_descriptor_get_field_by_name(descriptor, text).map { unsafe FieldLayout($0) }
    }
}

/// What protobuf-c knows of a field. Safe for the same reason.
@safe struct FieldLayout {
    private let descriptor: UnsafePointer<ProtobufCFieldDescriptor>

    fileprivate init(_ descriptor: UnsafePointer<ProtobufCFieldDescriptor>) {
        unsafe self.descriptor = descriptor
    }

    var name: String { unsafe String(cString: descriptor.pointee.name) }

    var number: UInt32 { unsafe descriptor.pointee.id }

    var type: ProtobufCType { unsafe descriptor.pointee.type }

    var isRepeated: Bool { unsafe descriptor.pointee.label == PROTOBUF_C_LABEL_REPEATED }

    /// Where the C struct of its message keeps the value, or the pointer to the elements.
    var offset: Int { unsafe Int(descriptor.pointee.offset) }

    /// Where the C struct keeps the number of elements, or which member of the oneof is set.
    var quantifierOffset: Int { unsafe Int(descriptor.pointee.quantifier_offset) }

    var isOneofMember: Bool { unsafe descriptor.pointee.flags & PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue != 0 }

    /// The type of a message field.
    var message: MessageLayout? {
        guard type == PROTOBUF_C_TYPE_MESSAGE, let pointer = unsafe descriptor.pointee.descriptor else { return nil }
        return unsafe MessageLayout(pointer.assumingMemoryBound(to: ProtobufCMessageDescriptor.self))
    }

    /// The name of a value of an enum field; nil when the enum has no such value.
    func enumerator(_ value: Int32) -> String? {
        guard let values = unsafe enumeration, let found = unsafe protobuf_c_enum_descriptor_get_value(values, value)
        else { return nil }
        return unsafe String(cString: found.pointee.name)
    }

    /// Whether an enum field has this value.
    func hasEnumerator(_ value: Int32) -> Bool {
        guard let values = unsafe enumeration else { return false }
        return unsafe protobuf_c_enum_descriptor_get_value(values, value) != nil
    }

    /// The value of an enum field that has this name.
    func enumerator(_ name: String) -> Int32? {
        guard let values = unsafe enumeration,
            let found = unsafe protobuf_c_enum_descriptor_get_value_by_name(values, name)
        else { return nil }
        return unsafe found.pointee.value
    }

    private var enumeration: UnsafePointer<ProtobufCEnumDescriptor>? {
        guard type == PROTOBUF_C_TYPE_ENUM else { return nil }
        return unsafe descriptor.pointee.descriptor?.assumingMemoryBound(to: ProtobufCEnumDescriptor.self)
    }

    /// How a value of the field stands on the wire.
    var wireType: WireType {
        switch type {
        case PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_TYPE_MESSAGE: .delimited
        case PROTOBUF_C_TYPE_DOUBLE, PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64: .fixed64
        case PROTOBUF_C_TYPE_FLOAT, PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32: .fixed32
        default: .varint
        }
    }
}
