/// The id of a volume as the orchestrator knows it: opaque to it, parsed only by the backend that made it.
package struct VolumeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }

    package static func < (left: VolumeID, right: VolumeID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Turns a name of any form into one that is safe as a path component, as part of an id and in a log line.
package enum PlainName {
    /// The longest name that is kept as it is. With it a hostPath id stays below the 128 bytes of the CSI
    /// specification.
    package static let longestKept = 96

    /// Marks a hashed name. A name that begins like this is itself hashed, so no two names meet.
    package static let hashedPrefix = "sha-"

    /// `name` itself when it is short and plain, else `sha-` and the first 32 hex digits of its SHA-256.
    ///
    /// Plain means: letters, digits, `-`, `_` and `.`, beginning with a letter or a digit.
    package static func of(_ name: String) -> String {
        isPlain(name) ? name : hashedPrefix + SHA256.hexDigest(of: name.utf8, digits: 32)
    }

    package static func isPlain(_ name: String) -> Bool {
        let bytes = name.utf8
        guard let first = bytes.first, bytes.count <= longestKept, isLetterOrDigit(first) else { return false }
        guard !name.hasPrefix(hashedPrefix) else { return false }
        return bytes.allSatisfy {
            isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
        }
    }

    /// Whether `component` can be one that `of(_:)` made: what an id from outside must pass before it becomes a path
    /// component.
    package static func isComponent(_ component: some StringProtocol) -> Bool {
        guard component.hasPrefix(hashedPrefix) else { return isPlain(String(component)) }
        let digits = component.utf8.dropFirst(hashedPrefix.utf8.count)
        return digits.count == 32
            && digits.allSatisfy { (0x30...0x39).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            false
        }
    }
}
