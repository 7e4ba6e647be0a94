package import StorageModel

/// Names a pool for as long as it exists: 12 random hex digits, in its `format`.
package struct PoolID: Hashable, Sendable, CustomStringConvertible {
    package static let length = 12

    package let text: String

    /// Nil when `text` is not what `random()` makes.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == Self.length, text.utf8.allSatisfy(\.isLowercaseHexDigit) else { return nil }
        self.text = String(text)
    }

    private init(unchecked text: String) {
        self.text = text
    }

    package static func random() -> PoolID {
        PoolID(unchecked: randomHexDigits(length))
    }

    package var description: String { text }
}

/// A volume's id that is safe as the name of a directory entry: what every function that makes a path out of an id asks
/// for.
package struct VolumeKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// As the CSI specification bounds an id, in bytes.
    package static let longest = 128

    package let text: String

    /// Nil unless `text` is letters, digits, `.`, `-` and `_`, begins with a letter or a digit, and is not too long.
    package init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard let first = bytes.first, first.isASCIILetterOrDigit, bytes.count <= Self.longest,
            bytes.allSatisfy(\.isPlain)
        else { return nil }
        self.text = String(text)
    }

    package init?(_ id: VolumeID) {
        self.init(id.rawValue)
    }

    package var id: VolumeID { VolumeID(text) }
    package var description: String { text }

    package static func < (left: VolumeKey, right: VolumeKey) -> Bool {
        left.text < right.text
    }
}

/// Tells what one call made from what another call made of the same name.
package enum Nonce {
    static let length = 16

    package static func random() -> String {
        randomHexDigits(length)
    }

    static func isNonce(_ text: some StringProtocol) -> Bool {
        text.utf8.count == length && text.utf8.allSatisfy(\.isLowercaseHexDigit)
    }
}

private func randomHexDigits(_ count: Int) -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String((String(repeating: "0", count: 16) + digits).suffix(count))
}

extension UInt8 {
    fileprivate var isLowercaseHexDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }

    /// Letters, digits, `-`, `.` and `_`.
    fileprivate var isPlain: Bool {
        isASCIILetterOrDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: ".") || self == UInt8(ascii: "_")
    }

    fileprivate var isASCIILetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default:
            false
        }
    }
}
