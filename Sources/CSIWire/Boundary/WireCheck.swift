internal import CCSIProto

/// The check of raw bytes that comes before protobuf-c, for what protobuf-c lets pass or gets wrong: it accepts
/// invalid UTF-8 and cuts a string at a NUL, merges the pieces of a message wrongly, keeps any enum value, and
/// allocates without bound.
struct WireCheck {
    /// What decoding the bytes seen so far may allocate, in bytes; never less than what it does.
    private(set) var memory = 0
    private let deepest: Int

    init(deepest: Int = WireLimits.depth) {
        self.deepest = deepest
    }

    /// Checks the bytes as a message of that type.
    mutating func check(_ bytes: Span<UInt8>, as layout: MessageLayout) throws(WireRefusal) {
        try message(bytes, 0..<bytes.count, layout, depth: 1)
    }

    private mutating func message(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ layout: MessageLayout, depth: Int
    ) throws(WireRefusal) {
        guard depth <= deepest else { throw WireRefusal("messages are nested more than \(deepest) deep") }
        // The struct, an array for each repeated field, the slabs of records; each rounded up by the arena.
        try spend(layout.size + (layout.fieldCount + 12) * 16)
        let textLimit = layout.isMapEntry ? WireLimits.map : nil
        var seen = SeenFields(layout)
        var records = 0
        var cursor = WireCursor(range)
        while let record = try next(&cursor, in: bytes) {
            records += 1
            guard records <= WireLimits.fields else {
                throw WireRefusal("more than \(WireLimits.fields) fields in one message")
            }
            // Two slots in a slab, the struct of an unknown field, an element, rounding. Copies of bytes come on top.
            try spend(128)
            guard let index = layout.index(of: record.number) else {
                try spend(record.payload.length)
                continue
            }
            let field = layout.field(index)
            do {
                try seen.note(record.payload, field, index)
            } catch {
                throw error.inside(field.name)
            }
            do {
                try value(record.payload, field, bytes, textLimit: textLimit, depth: depth)
            } catch {
                throw error.inside(field.isRepeated ? "\(field.name)[\(seen.count(index) - 1)]" : field.name)
            }
        }
    }

    private mutating func value(
        _ payload: WireRecord.Payload, _ field: FieldLayout, _ bytes: Span<UInt8>, textLimit: Int?, depth: Int
    ) throws(WireRefusal) {
        switch (payload, field.wireType) {
        case (.bytes(let range), .delimited):
            if let layout = field.message {
                try message(bytes, range, layout, depth: depth + 1)
            } else {
                let limit = textLimit ?? WireLimits.text(of: field, range.count)
                guard range.count <= limit else { throw WireRefusal("longer than \(limit) bytes") }
                try spend(range.count)
                if field.type == PROTOBUF_C_TYPE_STRING { try text(bytes.extracting(range)) }
            }
        case (.bytes(let range), let packed) where field.isRepeated:
            try self.packed(bytes, range, packed, field)
        case (.varint(let value), .varint): try enumerator(value, field)
        case (.fixed32, .fixed32), (.fixed64, .fixed64): break
        default: throw WireRefusal("has the wire type of another kind of field")
        }
    }

    private func text(_ bytes: Span<UInt8>) throws(WireRefusal) {
        do {
            _ = try UTF8Span(validating: bytes)
        } catch {
            throw WireRefusal("not valid UTF-8")
        }
        for index in bytes.indices where bytes[index] == 0 {
            throw WireRefusal("contains a NUL")
        }
    }

    /// Varints that are packed fill the memory of as many elements, which are at most eight times as long.
    private mutating func packed(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ type: WireType, _ field: FieldLayout
    ) throws(WireRefusal) {
        try spend(range.count * 8)
        var cursor = WireCursor(range)
        var count = 0
        while cursor.position < cursor.end {
            count += 1
            guard count <= WireLimits.elements else { throw SeenFields.tooMany }
            let value: UInt64
            do {
                switch type {
                case .fixed32: value = try cursor.littleEndian(4, in: bytes)
                case .fixed64: value = try cursor.littleEndian(8, in: bytes)
                default: value = try cursor.varint(in: bytes)
                }
            } catch {
                throw WireRefusal(error.description)
            }
            try enumerator(value, field)
        }
    }

    private func enumerator(_ value: UInt64, _ field: FieldLayout) throws(WireRefusal) {
        guard field.type == PROTOBUF_C_TYPE_ENUM else { return }
        guard field.hasEnumerator(Int32(truncatingIfNeeded: value)) else {
            throw WireRefusal("not a value that CSI 1.12 knows")
        }
    }

    private func next(_ cursor: inout WireCursor, in bytes: Span<UInt8>) throws(WireRefusal) -> WireRecord? {
        do {
            return try cursor.next(in: bytes)
        } catch {
            throw WireRefusal(error.description)
        }
    }

    private mutating func spend(_ count: Int) throws(WireRefusal) {
        memory += count
        guard memory <= WireLimits.memory else {
            throw WireRefusal("the request needs more than \(WireLimits.memory >> 20) MiB of memory to be read")
        }
    }
}
