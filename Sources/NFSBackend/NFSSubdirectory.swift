import StorageModel

/// A directory below a share: what a volume is there. Its names are bytes, for that is what a server compares.
struct NFSSubdirectory: Hashable, Sendable {
    /// At least one.
    let components: [[UInt8]]

    /// The driver's own directory in a share.
    static let driverDirectory = ".moorage"
    /// Begins the name of the directory to which csi-driver-nfs, and Moorage after it, moves the data of a deleted
    /// volume (`onDelete: archive`).
    static let archivePrefix = "archived-"

    /// - Parameter path: relative, or with slashes around it, as csi-driver-nfs takes it.
    init(_ path: some StringProtocol) throws(Refusal) {
        let components = try PathComponents.of(path)
        guard let first = components.first else { throw Refusal("is empty; name a directory below the share") }
        guard !PathComponents.isDriverDirectory(first) else {
            throw Refusal("is in \(Self.driverDirectory), where the driver keeps its own files; name another directory")
        }
        self.components = components
    }

    /// - Precondition: `components` are those of a subdirectory, changed so that each is still a name.
    private init(unchecked components: [[UInt8]]) {
        self.components = components
    }

    var text: String { names.joined(separator: "/") }
    var names: [String] { components.map { String(decoding: $0, as: UTF8.self) } }

    /// Whether this is, or is below, a directory of archived data. It may be mounted and deleted as what it is, but
    /// never be given to a new volume, which would find what another tenant left.
    var isArchived: Bool { components[0].starts(with: Self.archivePrefix.utf8) }

    /// Where the data of this volume goes when it is archived, as csi-driver-nfs has it: `archived-a/b` for `a/b`. Nil
    /// when the name would be too long for a file system.
    var archived: NFSSubdirectory? {
        let first = Array(Self.archivePrefix.utf8) + components[0]
        guard first.count <= PathComponents.longestName else { return nil }
        return NFSSubdirectory(unchecked: [first] + components[1...])
    }
}

/// A path from outside as names that lead only downwards.
enum PathComponents {
    /// Bytes of one name (limits.h, NAME_MAX).
    static let longestName = 255
    /// Bytes of a whole path, without its NUL (limits.h, PATH_MAX).
    static let longestPath = 4095

    /// The components between the slashes; none when there is nothing but slashes. Slashes at both ends do not count.
    static func of(_ path: some StringProtocol) throws(Refusal) -> [[UInt8]] {
        guard path.utf8.count <= longestPath else { throw Refusal("is longer than \(longestPath) bytes; shorten it") }
        guard !hasControlCharacter(path) else { throw Refusal("has a control character in it; give a printable path") }
        let path = String(path)
        let slash = UInt8(ascii: "/")
        guard let first = path.utf8.firstIndex(where: { $0 != slash }),
            let last = path.utf8.lastIndex(where: { $0 != slash })
        else { return [] }
        let components = path.utf8[first...last].split(separator: slash, omittingEmptySubsequences: false)
            .map(Array.init)
        guard !components.contains([]) else { throw Refusal("has an empty component (\"//\"); leave it out") }
        guard !components.contains(where: isUpOrSelf) else {
            throw Refusal("has \".\" or \"..\" for a component; write the path without them")
        }
        guard components.allSatisfy({ $0.count <= longestName }) else {
            throw Refusal("has a component of more than \(longestName) bytes; shorten it")
        }
        return components
    }

    /// Also between backslashes, which are slashes to some servers.
    private static func isUpOrSelf(_ component: [UInt8]) -> Bool {
        component.split(separator: UInt8(ascii: "\\"), omittingEmptySubsequences: false)
            .contains { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }
    }

    static func hasControlCharacter(_ text: some StringProtocol) -> Bool {
        text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    }

    /// In any case, because there are servers to which that makes no difference.
    static func isDriverDirectory(_ component: [UInt8]) -> Bool {
        // What a server with other path separators would see of it.
        let first = component.split(separator: UInt8(ascii: "\\")).first ?? component[...]
        return String(decoding: first, as: UTF8.self).asciiLowercased == NFSSubdirectory.driverDirectory
    }
}

/// How two directories of one share lie to each other, by name alone.
enum DirectoryRelation: String, Hashable, Sendable {
    case equal
    /// The first is in the second.
    case inside
    /// The second is in the first.
    case around
    /// Neither is in the other.
    case apart

    /// - Parameters: components of two paths that begin in the same directory; none: that directory itself.
    init(of first: [[UInt8]], to second: [[UInt8]]) {
        switch (first.starts(with: second), second.starts(with: first)) {
        case (true, true): self = .equal
        case (true, false): self = .inside
        case (false, true): self = .around
        case (false, false): self = .apart
        }
    }
}

extension NFSSubdirectory {
    /// Of this one to another one in the same share.
    func relation(to other: NFSSubdirectory) -> DirectoryRelation {
        DirectoryRelation(of: components, to: other.components)
    }
}
