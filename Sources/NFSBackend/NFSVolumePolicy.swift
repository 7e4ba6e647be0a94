import StorageModel

/// What a StorageClass asks of a volume beside its place.
struct NFSVolumePolicy: Hashable {
    /// Of the volume's directory; nil: the default.
    var permissions: UInt32?
    var user: UInt32?
    var group: UInt32?
    var deletePolicy = DeletePolicy.delete
    /// Several volumes may be the same directory: `subDirShared`.
    var isShared = false
    /// The volume is refused where nothing holds it to its size: `requireQuota`.
    var requiresQuota = false

    private static let permissionsKey = "mountPermissions"
    private static let userKey = "uid"
    private static let groupKey = "gid"
    private static let sharedKey = "subDirShared"
    private static let quotaKey = "requireQuota"
    static let keys = [DeletePolicy.parameter, permissionsKey, userKey, groupKey, sharedKey, quotaKey]

    /// - Parameter values: with `keys` among the known ones.
    /// - Throws: INVALID_ARGUMENT with the key, never with the value.
    init(_ values: KeyedValues, defaultDeletePolicy: DeletePolicy) throws(DriverError) {
        permissions = try values.permissions(Self.permissionsKey)
        user = try values.number(Self.userKey)
        group = try values.number(Self.groupKey)
        deletePolicy = try values.deletePolicy() ?? defaultDeletePolicy
        isShared = try values.flag(Self.sharedKey) ?? false
        requiresQuota = try values.flag(Self.quotaKey) ?? false
    }

    /// What a record says, which may be anybody's who can write to the share.
    ///
    /// - Throws: INVALID_ARGUMENT with the key, never with the value.
    init(record: [String: String]) throws(DriverError) {
        let values = try KeyedValues(record, field: "the record's parameters", known: Self.keys, ignored: [])
        try self.init(values, defaultDeletePolicy: .delete)
    }

    static func requiresQuota(_ record: [String: String]) -> Bool {
        record[quotaKey] == "true"
    }

    /// One form for all that mean the same: what a record stores and a repeated request is compared with. Where the
    /// volume is is no part of it: the id says that.
    var normalised: [String: String] {
        var parameters = [DeletePolicy.parameter: deletePolicy.rawValue]
        parameters[Self.permissionsKey] = permissions.map(KeyedValues.octal)
        parameters[Self.userKey] = user.map { String($0) }
        parameters[Self.groupKey] = group.map { String($0) }
        if isShared { parameters[Self.sharedKey] = "true" }
        if requiresQuota { parameters[Self.quotaKey] = "true" }
        return parameters
    }
}
