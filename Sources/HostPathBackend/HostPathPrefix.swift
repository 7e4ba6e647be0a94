import LinuxSystem

/// A directory below which the administrator allows existing paths as volumes: `--host-path-prefix DIR`.
package struct HostPathPrefix: Hashable, Sendable {
    /// Absolute, without empty components, `.` and `..`.
    package let path: String
    /// As bytes: two names are the same when the kernel says so, and Unicode has no say in it.
    private let components: [[UInt8]]

    /// - Parameter path: absolute, without empty components, `.` and `..`, and not the root directory.
    package init(_ path: String) {
        self.path = path
        components = Self.components(of: path)
    }

    private static func components(of path: String) -> [[UInt8]] {
        path.utf8.split(separator: UInt8(ascii: "/")).map(Array.init)
    }

    /// The components that lead from here to a path; nil unless the path is below, by name, and not the same.
    func way(to path: [[UInt8]]) -> [String]? {
        guard path.count > components.count, path.starts(with: components) else { return nil }
        return path[components.count...].map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether the directory is the same, inside or around, by name or by where links lead to as of now: static
    /// volumes could then be what the driver keeps there. A mount that shows a directory twice is not seen.
    package func overlaps(_ directory: String) -> Bool {
        for mine in [path, Self.resolved(path)] {
            for other in [directory, Self.resolved(directory)] {
                let (mine, other) = (Self.components(of: mine), Self.components(of: other))
                if mine.starts(with: other) || other.starts(with: mine) { return true }
            }
        }
        return false
    }

    /// The path without links, as far as it exists.
    private static func resolved(_ path: String) -> String {
        var existing = components(of: path)
        var rest: [[UInt8]] = []
        while let last = existing.popLast() {
            let whole = text(existing + [last])
            if let found = try? OwnedDescriptor.open(whole, .pathOnly).currentPath() { return found + text(rest) }
            rest.insert(last, at: 0)
        }
        return path
    }

    private static func text(_ components: [[UInt8]]) -> String {
        components.map { "/" + String(decoding: $0, as: UTF8.self) }.joined()
    }
}
