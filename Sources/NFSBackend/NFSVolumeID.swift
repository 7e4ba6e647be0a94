import StorageModel

/// Where a volume is, told by its id alone. The form is csi-driver-nfs's, so that a cluster can go over and back:
/// `server#share#subDir#uuid#onDelete`, of which the last two may be missing; before that it was
/// `server/share/subDir`. Instead of server and share there may be the name of a pool: `@name##subDir`.
struct NFSVolumeID: Hashable {
    /// Bytes of an id that is given, as the CSI specification bounds it (spec, "Size Limits").
    static let longestGiven = 128
    /// Bytes of an id that is understood: csi-driver-nfs gives longer ones.
    static let longestUnderstood = 1024
    private static let separator = UInt8(ascii: "#")
    private static let poolMark = UInt8(ascii: "@")

    /// Which driver's, and how old, an id is by its form.
    enum Form: String, Hashable {
        /// One that this driver gives; csi-driver-nfs may have given it as well.
        case own
        /// csi-driver-nfs's.
        case foreign
        /// That of csi-driver-nfs before 4.0. Any text with two slashes looks like it.
        case legacy
    }

    let location: NFSLocation
    let subdirectory: NFSSubdirectory
    /// Tells volumes on one directory from each other; empty where there is one. csi-driver-nfs puts the volume's name
    /// there whenever there is a `subDir`.
    let uuid: String
    /// Nil when the id does not say: the driver's default, unless the volume's record knows better.
    let deletePolicy: DeletePolicy?
    let form: Form
    private let text: String

    var id: VolumeID { VolumeID(text) }

    /// As far as the id tells it.
    var volumeContext: [String: String] {
        switch location {
        case .share(let share):
            ["server": share.server.text, "share": share.path, "subDir": subdirectory.text]
        case .pool(let name): ["pool": name, "subDir": subdirectory.text]
        }
    }

    /// The id that a new volume gets.
    ///
    /// - Parameter sharing: the volume's name when others may have the same directory (`subDirShared`), else nil.
    /// - Throws: INVALID_ARGUMENT when the id would be too long, or a part of it has the sign that separates parts.
    init(
        location: NFSLocation, subdirectory: NFSSubdirectory, sharing name: String?, deletePolicy: DeletePolicy
    ) throws(DriverError) {
        self.location = location
        self.subdirectory = subdirectory
        self.deletePolicy = deletePolicy == .delete ? nil : deletePolicy
        uuid = name ?? ""
        form = .own
        let parts = Self.parts(of: location) + [("subDir", subdirectory.text), ("name", uuid)]
        for (key, part) in parts where part.utf8.contains(Self.separator) {
            throw .invalid(
                "\(key) has a \"#\" in it, which separates the parts of a volume's id; choose one without it")
        }
        guard Self.isNameOrEmpty(uuid) else {
            throw .invalid(
                "name: with subDirShared the volume's name is a part of its id, and it has a character that cannot "
                    + "stand there; choose a name that could be a file's")
        }
        text = Self.text(location, subdirectory, uuid, self.deletePolicy)
        guard text.utf8.count <= Self.longestGiven else { throw Self.tooLong(text.utf8.count, location, parts) }
    }

    private static func parts(of location: NFSLocation) -> [(key: String, text: String)] {
        switch location {
        case .share(let share): [("server", share.server.text), ("share", share.idField)]
        case .pool(let name): [("pool", name)]
        }
    }

    private static func tooLong(
        _ length: Int, _ location: NFSLocation, _ parts: [(key: String, text: String)]
    ) -> DriverError {
        let longest = parts.max { $0.text.utf8.count < $1.text.utf8.count }
        let (key, bytes) = (longest?.key ?? "subDir", longest?.text.utf8.count ?? 0)
        let remedy =
            switch location {
            case .share:
                "shorten it, or name the share with --nfs-pool NAME=SERVER:/SHARE and give pool in place of server and "
                    + "share"
            case .pool: "shorten it"
            }
        return .invalid(
            "the volume's id would have \(length) bytes, and CSI allows \(longestGiven); its longest part is \(key) "
                + "with \(bytes) bytes: \(remedy)")
    }

    private static func text(
        _ location: NFSLocation, _ subdirectory: NFSSubdirectory, _ uuid: String, _ policy: DeletePolicy?
    ) -> String {
        var fields: [String] =
            switch location {
            case .share(let share): [share.server.text, share.idField]
            case .pool(let name): ["@\(name)", ""]
            }
        fields.append(subdirectory.text)
        if !uuid.isEmpty || policy != nil { fields.append(uuid) }
        if let policy { fields.append(policy.rawValue) }
        return fields.joined(separator: "#")
    }

    /// Nil when neither this driver nor csi-driver-nfs gave the id, or what it says leads out of the share or into the
    /// driver's own directory: no volume can have it.
    init?(_ id: VolumeID) {
        let text = id.rawValue
        guard text.utf8.count <= Self.longestUnderstood else { return nil }
        let fields = text.utf8.split(separator: Self.separator, omittingEmptySubsequences: false).map { Substring($0) }
        if fields.count == 1 {
            self.init(legacy: text)
        } else {
            self.init(fields: fields, of: text)
        }
    }

    private init?(fields: [Substring], of text: String) {
        guard (3...5).contains(fields.count),
            let location = NFSLocation(serverField: fields[0], shareField: fields[1]),
            let subdirectory = Self.subdirectory(fields[2])
        else { return nil }
        uuid = fields.count > 3 ? String(fields[3]) : ""
        let policy = fields.count > 4 ? fields[4] : ""
        deletePolicy = DeletePolicy(anyCase: policy)
        guard Self.isNameOrEmpty(uuid), deletePolicy != nil || policy.isEmpty else { return nil }
        self.location = location
        self.subdirectory = subdirectory
        self.text = text
        let given = Self.text(location, subdirectory, uuid, deletePolicy == .delete ? nil : deletePolicy)
        form = given.utf8.elementsEqual(text.utf8) && given.utf8.count <= Self.longestGiven ? .own : .foreign
    }

    private init?(legacy text: String) {
        let slash = UInt8(ascii: "/")
        guard let first = text.utf8.firstIndex(of: slash), let last = text.utf8.lastIndex(of: slash), first < last,
            let location = NFSLocation(
                serverField: text[..<first], shareField: text[text.utf8.index(after: first)..<last]),
            case .share = location,
            let subdirectory = Self.subdirectory(text[text.utf8.index(after: last)...])
        else { return nil }
        self.location = location
        self.subdirectory = subdirectory
        self.text = text
        uuid = ""
        deletePolicy = nil
        form = .legacy
    }

    /// Written as this driver writes it, without slashes around it.
    private static func subdirectory(_ field: Substring) -> NFSSubdirectory? {
        guard let subdirectory = try? NFSSubdirectory(field), subdirectory.text.utf8.elementsEqual(field.utf8) else {
            return nil
        }
        return subdirectory
    }

    /// One component, or nothing.
    private static func isNameOrEmpty(_ text: String) -> Bool {
        text.isEmpty || NFSVolumeID.subdirectory(text[...])?.components.count == 1
    }
}

extension NFSLocation {
    /// The first two fields of an id; nil unless they are written as no driver but these writes them.
    init?(serverField: Substring, shareField: Substring) {
        if serverField.utf8.first == UInt8(ascii: "@") {
            let name = serverField.dropFirst()
            guard NFSPool.isName(name), shareField.isEmpty else { return nil }
            self = .pool(String(name))
        } else {
            guard let server = try? NFSServer(serverField),
                let share = try? NFSShare(server: server, idField: shareField)
            else { return nil }
            self = .share(share)
        }
    }
}
