/// Tells mount options of a file system from each other without saying what they are, for they may be sensitive. Equal
/// options have equal digests in whatever order and form they were given.
package struct MountOptionsDigest: Hashable, Sendable {
    /// Of all of them.
    package let all: String
    /// Of the labels among them that SELinux shall see on every file; empty without any.
    package let labels: String

    /// Hexadecimal digits of each SHA-256.
    private static let digits = 16

    /// - Parameters:
    ///   - options: in their canonical form and order, labels among them.
    ///   - labels: the same of the labels.
    package init(options: [String], labels: [String]) {
        all = Self.digest(options)
        self.labels = labels.isEmpty ? "" : Self.digest(labels)
    }

    /// As it was stored.
    package init(all: String, labels: String) {
        self.all = all
        self.labels = labels
    }

    private static func digest(_ options: [String]) -> String {
        // No option has a NUL in it.
        SHA256.hexDigest(of: options.joined(separator: "\0").utf8, digits: digits)
    }
}
