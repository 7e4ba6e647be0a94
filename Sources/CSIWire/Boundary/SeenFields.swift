internal import CCSIProto

/// Which fields of one message came so far, to see what came twice or too often.
struct SeenFields {
    private struct Field {
        var count = 0
        var bytes = 0
    }

    static let tooMany = WireRefusal("more than \(WireLimits.elements) elements")

    private let layout: MessageLayout
    private var fields: [Field]
    /// The members of oneofs that came, by index.
    private var chosen: [Int] = []

    init(_ layout: MessageLayout) {
        self.layout = layout
        fields = Array(repeating: Field(), count: layout.fieldCount)
    }

    /// How often a field came.
    func count(_ index: Int) -> Int { fields[index].count }

    mutating func note(_ payload: WireRecord.Payload, _ field: FieldLayout, _ index: Int) throws(WireRefusal) {
        fields[index].count += 1
        if field.isRepeated {
            guard fields[index].count <= WireLimits.elements else { throw Self.tooMany }
            guard let entry = field.message, entry.isMapEntry else { return }
            fields[index].bytes += payload.length
            guard fields[index].bytes <= WireLimits.map else {
                throw WireRefusal("more than \(WireLimits.map) bytes of keys and values")
            }
            return
        }
        if field.type == PROTOBUF_C_TYPE_MESSAGE, fields[index].count > 1 {
            throw WireRefusal("comes more than once")
        }
        guard field.isOneofMember, fields[index].count == 1 else { return }
        for other in chosen where layout.field(other).quantifierOffset == field.quantifierOffset {
            throw WireRefusal("set together with \(layout.field(other).name); only one of the two can be")
        }
        chosen.append(index)
    }
}
