import StorageModel

/// The parameters of a StorageClass that mean something here, for one volume. They are those of csi-driver-nfs, so that
/// its StorageClasses work unchanged, and `backend`, `pool` and `subDirShared`.
struct NFSParameters: Hashable {
    static let backendName = "nfs"

    let location: NFSLocation
    /// With templates expanded; without `subDir` named as the volume.
    let subdirectory: NFSSubdirectory
    let policy: NFSVolumePolicy
    /// Whether the class names the directory; else it is the volume's name.
    let hasSubdirectory: Bool

    private static let field = "parameters"
    private static let known =
        ["backend", "pool", "server", "share", "subDir"] + NFSVolumePolicy.keys + ClaimMetadata.keys

    /// - Parameters:
    ///   - name: of the volume.
    ///   - defaultDeletePolicy: when `onDelete` is not given.
    /// - Throws: INVALID_ARGUMENT with the key, never with the value.
    init(
        _ parameters: [String: String], name: String, defaultDeletePolicy: DeletePolicy = .delete
    ) throws(DriverError) {
        let values = try KeyedValues(parameters, field: Self.field, known: Self.known)
        if let backend = values["backend"], backend.asciiLowercased != Self.backendName {
            throw .invalid("parameters: backend is not \(Self.backendName); ask the driver that serves it")
        }
        location = try NFSLocation(values, field: Self.field)
        hasSubdirectory = values["subDir"] != nil
        subdirectory = try Self.subdirectory(values, name: name)
        policy = try NFSVolumePolicy(values, defaultDeletePolicy: defaultDeletePolicy)
        guard !policy.isShared || values["subDir"] != nil else {
            throw .invalid(
                "parameters: subDirShared is for a subDir that several volumes name; without subDir each has a "
                    + "directory of its own: give subDir, or leave subDirShared out")
        }
        guard !policy.isShared || !policy.requiresQuota else {
            throw .invalid(
                "parameters: requireQuota asks for a size that is enforced, and volumes that share a directory "
                    + "(subDirShared) have none of their own; leave one of them out")
        }
    }

    /// Where a class with these parameters makes its volumes.
    ///
    /// - Throws: INVALID_ARGUMENT with the key, never with the value.
    static func location(_ parameters: [String: String]) throws(DriverError) -> NFSLocation {
        try NFSLocation(try KeyedValues(parameters, field: field, known: known), field: field)
    }

    private static func subdirectory(_ values: KeyedValues, name: String) throws(DriverError) -> NFSSubdirectory {
        do throws(Refusal) {
            guard let template = values["subDir"] else { return try directory(named: name) }
            return try unarchived(try NFSSubdirectory(try ClaimMetadata(values).expand(template, unknown: .refused)))
        } catch {
            throw .invalid(
                values["subDir"] == nil
                    ? "name: the volume's name, which is its directory as no subDir is given, \(error.reason)"
                    : "parameters: subDir \(error.reason)")
        }
    }

    private static func unarchived(_ subdirectory: NFSSubdirectory) throws(Refusal) -> NFSSubdirectory {
        guard !subdirectory.isArchived else {
            throw Refusal(
                "begins with \(NFSSubdirectory.archivePrefix), as the data of archived volumes does; name another "
                    + "directory")
        }
        return subdirectory
    }

    /// A name is one component as it is: nothing is trimmed from it, or two names could be one directory.
    private static func directory(named name: String) throws(Refusal) -> NFSSubdirectory {
        guard !name.utf8.contains(UInt8(ascii: "/")) else {
            throw Refusal("has a \"/\" in it; give another name, or a subDir")
        }
        return try unarchived(try NFSSubdirectory(name))
    }

    /// What the orchestrator hands back with the volume: where it is, for a node that knows nothing else. It is what
    /// csi-driver-nfs can mount, too, unless the share is that of a pool, whose place may change.
    var volumeContext: [String: String] {
        var context = ["subDir": subdirectory.text]
        switch location {
        case .share(let share):
            context["server"] = share.server.text
            context["share"] = share.path
        case .pool(let name):
            context["pool"] = name
        }
        context["mountPermissions"] = policy.permissions.map(KeyedValues.octal)
        return context
    }
}

extension NFSLocation {
    /// By `pool`, or by `server` and `share`.
    ///
    /// - Throws: INVALID_ARGUMENT with the key, never with the value.
    init(_ values: KeyedValues, field: String) throws(DriverError) {
        if let pool = values["pool"] {
            guard values["server"] == nil, values["share"] == nil else {
                throw .invalid("\(field): pool names a server and a share already; leave server and share out")
            }
            guard NFSPool.isName(pool) else {
                throw .invalid("\(field): pool is not the name of an NFS pool; give a name from --nfs-pool")
            }
            self = .pool(pool)
            return
        }
        guard let server = values["server"] else {
            throw .invalid("\(field): server is required; give the NFS server's name or address, or a pool")
        }
        guard let share = values["share"] else {
            throw .invalid("\(field): share is required; give the path that the server exports, such as /export")
        }
        let named: NFSServer
        do throws(Refusal) {
            named = try NFSServer(server)
        } catch {
            throw .invalid("\(field): server \(error.reason)")
        }
        do throws(Refusal) {
            self = .share(try NFSShare(server: named, path: share))
        } catch {
            throw .invalid("\(field): share \(error.reason)")
        }
    }
}
