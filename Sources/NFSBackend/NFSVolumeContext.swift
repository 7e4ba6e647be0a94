import StorageModel

/// What a volume context says: for a volume of this driver or of csi-driver-nfs what its CreateVolume returned, and for
/// a static one the `volumeAttributes` of its PersistentVolume.
struct NFSVolumeContext: Hashable {
    let location: NFSLocation
    /// Nil: the whole share.
    let subdirectory: NFSSubdirectory?
    /// Of the volume's directory; nil: as they are.
    let permissions: UInt32?
    let user: UInt32?
    let group: UInt32?
    /// Not yet known to be allowed, and sensitive: for `NFSMountOptions` alone.
    let mountOptions: String?

    private static let field = "volume_context"
    /// csi-driver-nfs returns every parameter of the StorageClass, so `onDelete` is known here too; the id has it.
    private static let known =
        ["backend", "pool", "server", "share", "subDir", "mountOptions"] + NFSVolumePolicy.keys + ClaimMetadata.keys
    /// external-provisioner adds its identity to each context, under the second of them.
    private static let ignored = [KeyedValues.orchestratorPrefix, "storage.kubernetes.io/"]

    /// Whether the context names a place of this backend at all.
    static func isDescribed(by context: [String: String]) -> Bool {
        context.keys.map(\.asciiLowercased).contains { $0 == "server" || $0 == "share" }
    }

    /// - Throws: INVALID_ARGUMENT with the key, never with the value.
    init(_ context: [String: String]) throws(DriverError) {
        let values = try KeyedValues(context, field: Self.field, known: Self.known, ignored: Self.ignored)
        if let backend = values["backend"], backend.asciiLowercased != NFSParameters.backendName {
            throw .invalid("volume_context: backend is not \(NFSParameters.backendName); ask the driver that serves it")
        }
        location = try NFSLocation(values, field: Self.field)
        subdirectory = try Self.subdirectory(values)
        let policy = try NFSVolumePolicy(values, defaultDeletePolicy: .delete)
        permissions = policy.permissions
        user = policy.user
        group = policy.group
        mountOptions = values["mountOptions"]
    }

    private static func subdirectory(_ values: KeyedValues) throws(DriverError) -> NFSSubdirectory? {
        guard let template = values["subDir"] else { return nil }
        do throws(Refusal) {
            let path = try ClaimMetadata(values).expand(template, unknown: .kept)
            guard path.utf8.contains(where: { $0 != UInt8(ascii: "/") }) else { return nil }
            return try NFSSubdirectory(path)
        } catch {
            throw .invalid("volume_context: subDir \(error.reason)")
        }
    }
}

/// Where a volume is, as id and context together say.
struct NFSPlace: Hashable {
    let share: NFSShare
    /// Nil: the whole share.
    let subdirectory: NFSSubdirectory?

    /// - Parameter context: nil when a call has none; then the id says it all.
    /// - Throws: INVALID_ARGUMENT when id and context name two places, NOT_FOUND when neither names one,
    ///   FAILED_PRECONDITION for a pool that this driver does not have.
    init(_ id: VolumeID, context: NFSVolumeContext?, pools: NFSPools) throws(DriverError) {
        let parsed = NFSVolumeID(id)
        let named = try parsed.map { (id) throws(DriverError) in
            NFSPlace(share: try pools.share(of: id.location), subdirectory: id.subdirectory)
        }
        guard let context else {
            guard let named else {
                throw DriverError(
                    .notFound,
                    "volume \(id) does not exist: its id is not one that this driver or csi-driver-nfs gives, and no "
                        + "volume_context says where it is")
            }
            self = named
            return
        }
        let described = NFSPlace(share: try pools.share(of: context.location), subdirectory: context.subdirectory)
        if let named, let parsed, !named.isSameDirectory(as: described) {
            // Only a text with two slashes in it, and not the name of a place, unless it begins with the server.
            guard parsed.form == .legacy, named.share.server != described.share.server else {
                throw .invalid(
                    "volume_id and volume_context name two places: the id \(id) is that of another directory than "
                        + "server, share and subDir say; correct them, or give a static volume an id of another form")
            }
        }
        self = described
    }

    private init(share: NFSShare, subdirectory: NFSSubdirectory?) {
        self.share = share
        self.subdirectory = subdirectory
    }

    /// By name; csi-driver-nfs before 4.0 returned share and subdirectory as one path.
    func isSameDirectory(as other: NFSPlace) -> Bool {
        relation(to: other) == .equal
    }

    /// Two servers' directories are apart, and so are those of one that only the server knows to be the same.
    func relation(to other: NFSPlace) -> DirectoryRelation {
        guard share.server == other.share.server else { return .apart }
        return DirectoryRelation(of: path, to: other.path)
    }

    private var path: [[UInt8]] { share.components + (subdirectory?.components ?? []) }
}
