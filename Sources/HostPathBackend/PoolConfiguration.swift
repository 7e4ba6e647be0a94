import StorageModel

/// A pool as the administrator names it: `--pool NAME=DIR`.
package struct PoolConfiguration: Hashable, Sendable {
    package var name: String
    /// Absolute, without `.` and `..`.
    package var path: String
    /// The pool that the driver makes for itself when none is named: only then may `path` be made.
    package var isDefault: Bool

    package init(name: String, path: String, isDefault: Bool = false) {
        self.name = name
        self.path = path
        self.isDefault = isDefault
    }

    /// The name of the pool that is used when a StorageClass names none and there are several.
    package static let defaultName = "default"

    /// The driver's own pool, below its state directory.
    package static func embedded(stateDirectory: String) -> PoolConfiguration {
        PoolConfiguration(name: defaultName, path: "\(stateDirectory)/pools-data/\(defaultName)", isDefault: true)
    }
}

extension PoolConfiguration {
    /// Bytes of a pool's name.
    private static let longestName = 63

    /// Checks that the pools can be served side by side. Looks at the text only: what mounts and links make of it is
    /// caught by the lock in each pool.
    static func check(_ pools: [PoolConfiguration]) throws(DriverError) {
        guard !pools.isEmpty else { throw .invalid("no pool is configured; name one with --pool NAME=DIR") }
        for (index, pool) in pools.enumerated() {
            guard PlainName.isPlain(pool.name), pool.name.utf8.count <= longestName else {
                throw .invalid(
                    "the pool name \(pool.name.prefix(100).debugDescription) cannot be used; use at most "
                        + "\(longestName) letters, digits, '-', '_' and '.', beginning with a letter or a digit")
            }
            let path = try pool.components()
            for other in pools[..<index] {
                guard other.name != pool.name else {
                    throw .invalid("two pools are named \(pool.name); give each a name of its own")
                }
                let otherPath = try other.components()
                guard !path.starts(with: otherPath), !otherPath.starts(with: path) else {
                    throw .invalid(
                        "the pools \(other.name) (\(other.path)) and \(pool.name) (\(pool.path)) share a directory "
                            + "or lie inside each other; give each a directory of its own")
                }
            }
        }
    }

    private func components() throws(DriverError) -> [Substring] {
        let components = path.split(separator: "/")
        guard path.hasPrefix("/"), !components.isEmpty, !components.contains("."), !components.contains(".."),
            !path.utf8.contains(0)
        else {
            throw .invalid(
                "the directory of pool \(name), \(path.prefix(200).debugDescription), cannot be used; give an "
                    + "absolute path without '.' and '..', and not the root directory")
        }
        return components
    }
}
