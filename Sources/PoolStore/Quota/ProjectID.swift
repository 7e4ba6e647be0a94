import StorageModel

/// The number of a project that a volume's directory belongs to, so that the file system can hold it to its size.
///
/// The numbers of a volume are a pure function of its pool and itself: an attempt that is repeated finds what an
/// earlier one left, and nobody can have a record name the project of somebody else. They lie where people put none of
/// their own (/etc/projid).
package struct ProjectID: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt32

    private static let range: Range<UInt32> = 1 << 30..<1 << 31
    /// How many numbers a volume may try.
    static let attempts = 64

    /// Nil for a number that no volume gets.
    package init?(_ number: UInt32) {
        guard Self.range.contains(number) else { return nil }
        self.number = number
    }

    /// Nil when `name` is not the decimal number of one.
    init?(fileName name: String) {
        guard let number = UInt32(name), String(number) == name else { return nil }
        self.init(number)
    }

    private init(hash: some StringProtocol) {
        number = (UInt32(hash, radix: 16) ?? 0) & (Self.range.lowerBound - 1) | Self.range.lowerBound
    }

    package var description: String { String(number) }

    /// The numbers that the volume may have, in the order in which they are tried.
    static func candidates(for owner: ProjectOwner, in pool: PoolID) -> [ProjectID] {
        (0..<attempts).map { attempt in
            ProjectID(
                hash: SHA256.hexDigest(of: "\(pool)/\(owner.key)/\(owner.path)/\(attempt)".utf8, digits: 8))
        }
    }
}

/// Whose a project is.
package struct ProjectOwner: Hashable, Sendable {
    package var key: VolumeKey
    /// Of the volume's directory, relative to the pool.
    package var path: String

    package init(key: VolumeKey, path: String) {
        self.key = key
        self.path = path
    }
}
