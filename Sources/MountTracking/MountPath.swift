package import StorageModel

/// A path on the node that the orchestrator named: absolute, normalised, with a parent and a name.
package struct MountPath: Hashable, Sendable {
    package let text: String

    /// The longest path that the kernel takes, without its NUL (limits.h, PATH_MAX).
    package static let longest = 4095

    /// - Parameter field: what the path is called in the request, for the error.
    /// - Throws: INVALID_ARGUMENT when two strings could name the same path, or the path has no parent.
    package init(_ text: String, field: String) throws(DriverError) {
        func refuse(_ why: String) -> DriverError {
            .invalid("\(field): \(why); give an absolute path without empty components, \".\" and \"..\"")
        }
        guard text.utf8.first == UInt8(ascii: "/") else { throw refuse("the path does not begin with \"/\"") }
        guard text.utf8.count <= Self.longest else { throw refuse("the path is longer than \(Self.longest) bytes") }
        guard text.utf8.count > 1 else { throw refuse("\"/\" itself cannot be a target") }
        guard !text.utf8.contains(0) else { throw refuse("the path has a NUL in it") }
        for component in text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            switch String(component) {
            case "": throw refuse("the path has an empty component")
            case ".", "..": throw refuse("the path is not normalised")
            default: break
            }
        }
        self.text = text
    }

    /// Everything before the last component.
    package var parent: String {
        let end = text.utf8.lastIndex(of: UInt8(ascii: "/")) ?? text.startIndex
        return end == text.startIndex ? "/" : String(text[..<end])
    }

    /// The last component.
    package var name: String {
        let end = text.utf8.lastIndex(of: UInt8(ascii: "/")) ?? text.startIndex
        return String(text[text.utf8.index(after: end)...])
    }

    /// Whether it lies inside `directory`, by name; a path is not below itself.
    package func isBelow(_ directory: MountPath) -> Bool {
        text.utf8.starts(with: directory.text.utf8)
            && text.utf8.dropFirst(directory.text.utf8.count).first == UInt8(ascii: "/")
    }
}

extension MountPath: CustomStringConvertible {
    /// For messages, which are cut at 1 KiB: of a long path the beginning and, more telling, the end.
    package var description: String {
        guard text.utf8.count > 300 else { return text }
        return "\(text.prefix(100))...\(text.suffix(180))"
    }
}
