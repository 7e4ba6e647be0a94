internal import CCSIProto

/// A message to be encoded, or one inside it. Fields are set by the names they have in `proto/`; a name or type that
/// does not fit is a mistake in this room and ends the program.
///
/// Safe because it keeps the arena alive, which holds the struct and all it points to, for the length of each access
/// too, and every access goes by the descriptor that the struct was made from.
@safe struct MessageBuilder {
    private let layout: MessageLayout
    private let base: UnsafeMutableRawPointer
    private let arena: Arena

    init(_ layout: MessageLayout) {
        self.init(layout, Arena())
    }

    private init(_ layout: MessageLayout, _ arena: Arena) {
        self.layout = layout
        self.arena = arena
        unsafe base = Self.memory(layout.size, in: arena)
        unsafe layout.descriptor.pointee.message_init(base.assumingMemoryBound(to: ProtobufCMessage.self))
    }

    /// The message and all inside it in wire format.
    func bytes() -> [UInt8] {
        withExtendedLifetime(arena) {
            let message = unsafe base.assumingMemoryBound(to: ProtobufCMessage.self)
            let size = unsafe protobuf_c_message_get_packed_size(message)
            guard size > 0 else { return [] }
            return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                unsafe count = protobuf_c_message_pack(message, buffer.baseAddress)
            }
        }
    }

    /// The text must not contain a NUL, which would end it.
    func set(_ name: StaticString, _ text: String) {
        unsafe store(copy(text), in: field(name, PROTOBUF_C_TYPE_STRING))
    }

    func set(_ name: StaticString, _ value: Bool) {
        unsafe store(protobuf_c_boolean(value ? 1 : 0), in: field(name, PROTOBUF_C_TYPE_BOOL))
    }

    func set(_ name: StaticString, _ value: Int32) {
        unsafe store(value, in: field(name, PROTOBUF_C_TYPE_INT32))
    }

    func set(_ name: StaticString, _ value: Int64) {
        unsafe store(value, in: field(name, PROTOBUF_C_TYPE_INT64))
    }

    /// Sets an enum by the name that the value has in `proto/`.
    func set(_ name: StaticString, enumerator: String) {
        let field = field(name, PROTOBUF_C_TYPE_ENUM)
        guard let value = field.enumerator(enumerator) else {
            preconditionFailure("\(layout.name).\(name) has no value \(enumerator)")
        }
        unsafe store(value, in: field)
    }

    func set(_ name: StaticString, _ texts: [String]) {
        unsafe store(elements: texts.map { unsafe copy($0) }, in: field(name, PROTOBUF_C_TYPE_STRING, isRepeated: true))
    }

    func set(_ name: StaticString, _ values: [Int32]) {
        unsafe store(elements: values, in: field(name, PROTOBUF_C_TYPE_INT32, isRepeated: true))
    }

    func set(_ name: StaticString, _ values: [[UInt8]]) {
        let copies = unsafe values.map { bytes in
            let copy = unsafe Self.memory(bytes.count, in: arena)
            unsafe copy.copyMemory(from: bytes, byteCount: bytes.count)
            return unsafe ProtobufCBinaryData(len: bytes.count, data: copy.assumingMemoryBound(to: UInt8.self))
        }
        unsafe store(elements: copies, in: field(name, PROTOBUF_C_TYPE_BYTES, isRepeated: true))
    }

    /// Entries come in the order of their keys' bytes, so one value has one encoding.
    func set(_ name: StaticString, _ map: [String: String]) {
        let sorted = map.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (builder, entry) in zip(messages(name, count: sorted.count), sorted) {
            builder.set("key", entry.key)
            builder.set("value", entry.value)
        }
    }

    /// An empty message in this field, to be filled in.
    func message(_ name: StaticString) -> MessageBuilder {
        let field = field(name, PROTOBUF_C_TYPE_MESSAGE)
        let inner = inner(of: field)
        unsafe store(inner.base, in: field)
        return inner
    }

    /// So many empty messages in this field, to be filled in.
    func messages(_ name: StaticString, count: Int) -> [MessageBuilder] {
        let field = field(name, PROTOBUF_C_TYPE_MESSAGE, isRepeated: true)
        let inner = (0..<count).map { _ in self.inner(of: field) }
        unsafe store(elements: inner.map { unsafe $0.base }, in: field)
        return inner
    }

    private func inner(of field: FieldLayout) -> MessageBuilder {
        guard let layout = field.message else { preconditionFailure("\(field.name) is no message") }
        return MessageBuilder(layout, arena)
    }

    private func field(_ name: StaticString, _ type: ProtobufCType, isRepeated: Bool = false) -> FieldLayout {
        let field = layout.field(name)
        precondition(
            field.type == type && field.isRepeated == isRepeated, "\(layout.name).\(name) is set as another type")
        return field
    }

    /// `Value` has to be the type of the field in the C struct.
    @unsafe private func store<Value: BitwiseCopyable>(_ value: Value, in field: FieldLayout) {
        withExtendedLifetime(arena) {
            unsafe base.storeBytes(of: value, toByteOffset: field.offset, as: Value.self)
            if field.isOneofMember {
                unsafe base.storeBytes(of: field.number, toByteOffset: field.quantifierOffset, as: UInt32.self)
            }
        }
    }

    /// `Element` has to be the type of the elements in the C struct.
    @unsafe private func store<Element: BitwiseCopyable>(elements: [Element], in field: FieldLayout) {
        withExtendedLifetime(arena) {
            let start = unsafe Self.memory(elements.count * MemoryLayout<Element>.stride, in: arena)
            unsafe start.bindMemory(to: Element.self, capacity: elements.count)
                .initialize(from: elements, count: elements.count)
            unsafe base.storeBytes(of: elements.count, toByteOffset: field.quantifierOffset, as: Int.self)
            unsafe base.storeBytes(of: start, toByteOffset: field.offset, as: UnsafeMutableRawPointer.self)
        }
    }

    /// A C string in the arena.
    private func copy(_ text: String) -> UnsafeMutablePointer<CChar> {
        var text = text
        return text.withUTF8 { utf8 in
            let copy = unsafe Self.memory(utf8.count + 1, in: arena)
            unsafe UnsafeMutableRawBufferPointer(start: copy, count: utf8.count).copyMemory(from: .init(utf8))
            unsafe copy.storeBytes(of: 0, toByteOffset: utf8.count, as: UInt8.self)
            return unsafe copy.assumingMemoryBound(to: CChar.self)
        }
    }

    private static func memory(_ count: Int, in arena: Arena) -> UnsafeMutableRawPointer {
        guard let memory = unsafe arena.allocate(count) else { preconditionFailure("a growing arena has no end") }
        return unsafe memory
    }
}
