package import SystemPackage

/// What the kernel tells of a mount without asking its file system, so that no silent server can hold up the question
/// (proc(5), /proc/PID/mountinfo).
package struct MountDescription: Hashable, Sendable {
    package var id: UInt64
    /// As fsopen(2) knows it: `nfs4`.
    package var type: String
    /// What is mounted. Of NFS with the path of what is the root of this mount (`nas:/share/a`), of others without.
    package var source: String
    /// Which directory of the file system is the root of this mount; of NFS always `/`.
    package var root: String
    /// Of the mount: `rw`, `noexec`.
    package var attributes: [String]
    /// Of the file system: `vers=4.2`. They may be sensitive.
    package var options: [String]

    package init(
        id: UInt64, type: String, source: String, root: String, attributes: [String], options: [String]
    ) {
        self.id = id
        self.type = type
        self.source = source
        self.root = root
        self.attributes = attributes
        self.options = options
    }
}

extension MountDescription {
    /// The mount with this id, as this process sees it; nil when there is none. Reads the table of all mounts: for what
    /// happens seldom.
    package static func ofMount(_ id: UInt64) throws(Errno) -> MountDescription? {
        // As many bytes as tens of thousands of mounts have.
        find(id, in: try OwnedDescriptor.open("/proc/self/mountinfo", .readOnly).readAll(limit: 64 << 20))
    }

    package static func find(_ id: UInt64, in table: [UInt8]) -> MountDescription? {
        let start = Array("\(id) ".utf8)
        for line in table.split(separator: UInt8(ascii: "\n")) where line.starts(with: start) {
            return MountDescription(String(decoding: line, as: UTF8.self))
        }
        return nil
    }

    /// Nil for a line of another form.
    package init?(_ line: some StringProtocol) {
        guard let fields = MountTableFields(line), fields.rest.count > 2 else { return nil }
        self.init(
            id: fields.id, type: MountTableFields.unescaped(fields.rest[0]),
            source: MountTableFields.unescaped(fields.rest[1]), root: fields.root,
            attributes: fields.attributes.split(separator: ",").map(String.init),
            options: Self.options(in: MountTableFields.unescaped(fields.rest[2])))
    }

    /// At commas, but not at those between quotation marks, which labels of SELinux have around them.
    private static func options(in text: String) -> [String] {
        var options: [String] = []
        var option = ""
        var isQuoted = false
        for character in text {
            switch character {
            case "\"": isQuoted.toggle()
            case "," where !isQuoted:
                options.append(option)
                option = ""
            default: option.append(character)
            }
        }
        options.append(option)
        return options
    }

    /// The value of one of the file system's options; nil when it is not among them, or a flag.
    package func option(_ key: String) -> String? {
        for option in options where option.utf8.starts(with: "\(key)=".utf8) {
            return String(option.dropFirst(key.count + 1))
        }
        return nil
    }
}
