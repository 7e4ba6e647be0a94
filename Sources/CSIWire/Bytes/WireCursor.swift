/// What can be wrong with bytes that claim to be a protobuf message, before their meaning is looked at.
package enum WireFault: Error, Hashable, Sendable, CustomStringConvertible {
    case endsInsideField
    case varintTooLong
    case badFieldNumber
    case group
    case badWireType

    package var description: String {
        switch self {
        case .endsInsideField: "the bytes end inside a field"
        case .varintTooLong: "a varint is longer than its type allows"
        case .badFieldNumber: "a field number is outside 1...536870911"
        case .group: "groups are not supported"
        case .badWireType: "a wire type is unknown"
        }
    }
}

/// One field as it stands on the wire (protobuf "Encoding": a record).
struct WireRecord {
    enum Payload {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// Where the bytes of a length-delimited field are.
        case bytes(Range<Int>)

        /// The bytes of a length-delimited field; 0 for the others.
        var length: Int {
            if case .bytes(let range) = self { range.count } else { 0 }
        }
    }

    let number: Int
    let payload: Payload
}

/// A position in the wire format of one message. It holds no bytes: they are passed to each call, so a cursor can walk
/// a part of a larger buffer without a copy and without a lifetime of its own.
struct WireCursor {
    private(set) var position: Int
    let end: Int

    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next record, or nil at the end of the message.
    mutating func next(in bytes: Span<UInt8>) throws(WireFault) -> WireRecord? {
        guard position < end else { return nil }
        // Field numbers have 29 bits and lengths 31, so neither needs more than five bytes.
        let tag = try varint(in: bytes, atMost: 5)
        let number = Int(tag >> 3)
        guard (1...0x1fff_ffff).contains(number) else { throw .badFieldNumber }
        switch tag & 7 {
        case 0: return WireRecord(number: number, payload: .varint(try varint(in: bytes, atMost: 10)))
        case 1: return WireRecord(number: number, payload: .fixed64(try littleEndian(8, in: bytes)))
        case 2:
            let length = try varint(in: bytes, atMost: 5)
            guard length <= UInt64(end - position) else { throw .endsInsideField }
            let start = position
            position += Int(length)
            return WireRecord(number: number, payload: .bytes(start..<position))
        case 3, 4: throw .group
        case 5:
            let value = try littleEndian(4, in: bytes)
            return WireRecord(number: number, payload: .fixed32(UInt32(truncatingIfNeeded: value)))
        default: throw .badWireType
        }
    }

    mutating func varint(in bytes: Span<UInt8>, atMost limit: Int = 10) throws(WireFault) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<limit {
            guard position < end else { throw .endsInsideField }
            let byte = bytes[position]
            position += 1
            // The tenth byte has room for one bit.
            guard index < 9 || byte <= 1 else { throw .varintTooLong }
            value |= UInt64(byte & 0x7f) << (7 * UInt64(index))
            if byte < 0x80 { return value }
        }
        throw .varintTooLong
    }

    mutating func littleEndian(_ count: Int, in bytes: Span<UInt8>) throws(WireFault) -> UInt64 {
        guard end - position >= count else { throw .endsInsideField }
        var value: UInt64 = 0
        for index in 0..<count {
            value |= UInt64(bytes[position + index]) << (8 * UInt64(index))
        }
        position += count
        return value
    }
}

/// The signed meaning of a `sint32` or `sint64` varint (protobuf "Encoding": ZigZag).
func unzigzagged(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
}
