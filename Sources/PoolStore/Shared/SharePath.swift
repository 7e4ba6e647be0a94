import StorageModel

/// A directory on a share, told by its components from the share's root: at least one, none that leads elsewhere, and
/// not within `.moorage`.
package struct SharePath: Hashable, Sendable {
    package let components: [String]

    /// Bytes; the longest name that Linux file systems take (limits.h, NAME_MAX).
    private static let longestComponent = 255
    /// Bytes of all components with the slashes between them; enough for what an id can hold.
    private static let longest = 1024

    /// Nil when the components are no such path.
    package init?(_ components: [String]) {
        guard let first = components.first, first != Pool.metadataName,
            components.reduce(components.count - 1, { $0 + $1.utf8.count }) <= Self.longest
        else { return nil }
        guard components.allSatisfy(Self.isPlain) else { return nil }
        self.components = components
    }

    /// As `init(_:)` for components with a slash between them.
    package init?(text: String) {
        self.init(text.split(separator: "/", omittingEmptySubsequences: false).map(String.init))
    }

    private static func isPlain(_ component: String) -> Bool {
        (1...longestComponent).contains(component.utf8.count) && component != "." && component != ".."
            && component.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }
    }

    package var text: String { components.joined(separator: "/") }

    var last: String { components[components.count - 1] }

    /// The directory that holds it; nil for one in the share's root.
    var parent: SharePath? { SharePath(Array(components.dropLast())) }

    /// All directories around it but the share's root, the outermost first.
    var ancestors: [SharePath] {
        (1..<components.count).compactMap { SharePath(Array(components.prefix($0))) }
    }

    /// Its name in `claims` and `below`, which is short and plain whatever the path is.
    var hash: String { SHA256.hexDigest(of: text.utf8, digits: 32) }
}
