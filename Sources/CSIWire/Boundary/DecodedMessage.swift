internal import CCSIProto
internal import StorageModel

/// A message that passed the check and that protobuf-c decoded, or one inside it. Fields are read by the names they
/// have in `proto/`; a name or type that does not fit is a mistake in this room and ends the program.
///
/// Safe because it keeps the arena alive, for the length of each access too, and every access goes by the descriptor
/// that the struct was made from.
@safe struct DecodedMessage {
    private let layout: MessageLayout
    private let base: UnsafeRawPointer
    private let arena: Arena

    /// Checks and decodes a message. Throws INVALID_ARGUMENT with the name of the field that is bad.
    init(_ bytes: [UInt8], as layout: MessageLayout) throws(DriverError) {
        var check = WireCheck()
        do {
            try check.check(bytes.span, as: layout)
        } catch {
            throw error.error(in: layout.name)
        }
        let arena = Arena(capacity: check.memory)
        var allocator = unsafe arena.allocator
        // The bytes outlive the call, and what it returns refers to the arena alone.
        let message = unsafe withExtendedLifetime(arena) {
            unsafe bytes.withUnsafeBufferPointer { bytes in
                unsafe protobuf_c_message_unpack(layout.descriptor, &allocator, bytes.count, bytes.baseAddress)
            }
        }
        guard let message = unsafe message else {
            throw WireRefusal("the bytes are no message of this type").error(in: layout.name)
        }
        unsafe self.init(layout, UnsafeRawPointer(message), arena)
    }

    private init(_ layout: MessageLayout, _ base: UnsafeRawPointer, _ arena: Arena) {
        self.layout = layout
        unsafe self.base = base
        self.arena = arena
    }

    func string(_ name: StaticString) -> String {
        let field = field(name, PROTOBUF_C_TYPE_STRING)
        return withExtendedLifetime(arena) {
            unsafe Self.string(value(of: field, as: UnsafePointer<CChar>?.self))
        }
    }

    func strings(_ name: StaticString) -> [String] {
        let field = field(name, PROTOBUF_C_TYPE_STRING, isRepeated: true)
        return withExtendedLifetime(arena) {
            unsafe elements(of: field, as: UnsafePointer<CChar>?.self).map { unsafe Self.string($0) }
        }
    }

    func bool(_ name: StaticString) -> Bool {
        unsafe value(of: field(name, PROTOBUF_C_TYPE_BOOL), as: protobuf_c_boolean.self) != 0
    }

    func int32(_ name: StaticString) -> Int32 {
        unsafe value(of: field(name, PROTOBUF_C_TYPE_INT32), as: Int32.self)
    }

    func int64(_ name: StaticString) -> Int64 {
        unsafe value(of: field(name, PROTOBUF_C_TYPE_INT64), as: Int64.self)
    }

    /// The name of an enum value as in `proto/`.
    func enumerator(_ name: StaticString) -> String {
        let field = field(name, PROTOBUF_C_TYPE_ENUM)
        // The check lets no other value pass.
        return unsafe field.enumerator(value(of: field, as: Int32.self)) ?? ""
    }

    /// Nil when the message is not there, or is not the member of its oneof that is set.
    func message(_ name: StaticString) -> DecodedMessage? {
        let field = field(name, PROTOBUF_C_TYPE_MESSAGE)
        guard isChosen(field) else { return nil }
        return unsafe message(field, value(of: field, as: UnsafeRawPointer?.self))
    }

    func messages(_ name: StaticString) -> [DecodedMessage] {
        let field = field(name, PROTOBUF_C_TYPE_MESSAGE, isRepeated: true)
        return withExtendedLifetime(arena) {
            unsafe elements(of: field, as: UnsafeRawPointer?.self).compactMap { unsafe message(field, $0) }
        }
    }

    /// The last of two entries with one key counts.
    func map(_ name: StaticString) -> [String: String] {
        let entries = messages(name).lazy.map { ($0.string("key"), $0.string("value")) }
        return Dictionary(entries) { _, last in last }
    }

    /// Whether this field is the member of its oneof that is set; of a field that is in none, true.
    func isChosen(_ name: StaticString) -> Bool {
        isChosen(layout.field(name))
    }

    private func isChosen(_ field: FieldLayout) -> Bool {
        guard field.isOneofMember else { return true }
        return withExtendedLifetime(arena) {
            unsafe base.load(fromByteOffset: field.quantifierOffset, as: UInt32.self) == field.number
        }
    }

    private func field(_ name: StaticString, _ type: ProtobufCType, isRepeated: Bool = false) -> FieldLayout {
        let field = layout.field(name)
        precondition(
            field.type == type && field.isRepeated == isRepeated, "\(layout.name).\(name) is read as another type")
        return field
    }

    /// `Value` has to be the type of the field in the C struct.
    @unsafe private func value<Value: BitwiseCopyable>(of field: FieldLayout, as type: Value.Type) -> Value {
        precondition(isChosen(field), "\(layout.name).\(field.name) is not set")
        return withExtendedLifetime(arena) {
            unsafe base.load(fromByteOffset: field.offset, as: type)
        }
    }

    /// `Element` has to be the type of the elements in the C struct.
    @unsafe private func elements<Element: BitwiseCopyable>(
        of field: FieldLayout, as type: Element.Type
    ) -> UnsafeBufferPointer<Element> {
        let count = unsafe base.load(fromByteOffset: field.quantifierOffset, as: Int.self)
        let start = unsafe base.load(fromByteOffset: field.offset, as: UnsafePointer<Element>?.self)
        return unsafe UnsafeBufferPointer(start: start, count: count)
    }

    private func message(_ field: FieldLayout, _ pointer: UnsafeRawPointer?) -> DecodedMessage? {
        guard let layout = field.message, let pointer = unsafe pointer else { return nil }
        return unsafe DecodedMessage(layout, pointer, arena)
    }

    /// protobuf-c ends strings with a NUL, and the check lets none inside.
    private static func string(_ pointer: UnsafePointer<CChar>?) -> String {
        guard let pointer = unsafe pointer else { return "" }
        return unsafe String(cString: pointer)
    }
}
