/// Four numbers with dots between them, and nothing else that resolvers take for an address (`127.1`, `0x7f000001`,
/// `010.0.0.1`).
struct IPv4Address: Hashable, Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    init?(_ text: some StringProtocol) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            // A leading zero means octal to some readers.
            guard let first = part.first, part.count == 1 || first != UInt8(ascii: "0"),
                part.allSatisfy({ (0x30...0x39).contains($0) }),
                let byte = UInt8(String(decoding: part, as: UTF8.self))
            else { return nil }
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    /// 0.0.0.0, which no server has.
    var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    var description: String { bytes.map { String($0) }.joined(separator: ".") }
}

/// An address with its zone, which only a link-local one has. One address has many texts; equal is what has equal
/// bytes.
struct IPv6Address: Hashable, Sendable, CustomStringConvertible {
    /// Eight, in host order.
    let groups: [UInt16]
    /// The name of an interface, or empty.
    let zone: String

    /// As IFNAMSIZ bounds the name of an interface, without its NUL.
    private static let longestZone = 15

    /// - Parameter text: without brackets.
    init?(_ text: some StringProtocol) {
        let halves = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = halves.first, let groups = Self.groups(of: address) else { return nil }
        self.groups = groups
        guard halves.count == 2 else {
            zone = ""
            return
        }
        // The kernel takes a zone with no other address.
        guard groups[0] & 0xFFC0 == 0xFE80, Self.isZone(halves[1]) else { return nil }
        zone = String(halves[1])
    }

    /// The address ::, which no server has.
    var isUnspecified: Bool { groups.allSatisfy { $0 == 0 } }

    private static func isZone(_ text: some StringProtocol) -> Bool {
        (1...longestZone).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 0x30...0x39,
                    UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// RFC 4291, section 2.2.
    private static func groups(of text: some StringProtocol) -> [UInt16]? {
        guard text.utf8.count <= 45 else { return nil }
        guard let gap = text.range(of: "::") else {
            guard let groups = run(text), groups.count == 8 else { return nil }
            return groups
        }
        let before = text[..<gap.lower], after = text[gap.upper...]
        guard let head = before.isEmpty ? [] : run(before, mayEndInIPv4: false),
            let tail = after.isEmpty ? [] : run(after), head.count + tail.count < 8
        else { return nil }
        return head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    /// Groups with one colon between them, the last two of which may be written as an IPv4 address.
    private static func run(_ text: some StringProtocol, mayEndInIPv4: Bool = true) -> [UInt16]? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if mayEndInIPv4, index == parts.count - 1, let address = IPv4Address(part) {
                let bytes = address.bytes.map(UInt16.init)
                groups += [bytes[0] << 8 | bytes[1], bytes[2] << 8 | bytes[3]]
                continue
            }
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(\.isHexDigit),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }

    /// The text that RFC 5952 recommends: the longest run of at least two zero groups is left out, the first one of
    /// several.
    var description: String {
        let zone = zone.isEmpty ? "" : "%\(zone)"
        if groups[..<5].allSatisfy({ $0 == 0 }), groups[5] == 0xFFFF {
            let bytes = groups[6...].flatMap { [$0 >> 8, $0 & 0xFF] }
            return "::ffff:" + bytes.map { String($0) }.joined(separator: ".") + zone
        }
        var longest = 0..<0
        var start = 0
        while start < groups.count {
            let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
            if end - start > longest.count { longest = start..<end }
            start = max(end, start + 1)
        }
        func text(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard longest.count > 1 else { return text(groups[...]) + zone }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...]) + zone
    }
}

extension StringProtocol {
    /// Where the pattern, which is ASCII, first stands.
    fileprivate func range(of pattern: String) -> (lower: Index, upper: Index)? {
        var position = startIndex
        while position < endIndex {
            if self[position...].utf8.starts(with: pattern.utf8) {
                return (position, utf8.index(position, offsetBy: pattern.utf8.count))
            }
            position = utf8.index(after: position)
        }
        return nil
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        (0x30...0x39).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }
}
