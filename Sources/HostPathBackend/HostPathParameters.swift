import PoolStore
import StorageModel

/// The parameters of a StorageClass that mean something here. Keys are compared without regard to case, as users of
/// other drivers expect.
struct HostPathParameters: Hashable {
    /// Without owner and permissions a volume is open to every user of the pods that mount it, whatever user they run
    /// as; the directory above it is root's alone, so nobody else on the node reaches it.
    static let permissionsForAll: UInt32 = 0o777
    /// With an owner it is open to the owner and the group.
    static let permissionsForOwner: UInt32 = 0o770

    /// Nil: the default pool.
    var pool: String?
    var user: UInt32?
    var group: UInt32?
    var permissions: UInt32
    var deletePolicy = DeletePolicy.delete

    private static let known = ["backend", "pool", "uid", "gid", "mountPermissions", DeletePolicy.parameter]

    /// - Throws: INVALID_ARGUMENT with the key, never with the value.
    init(_ parameters: [String: String], backend: String) throws(DriverError) {
        let values = try KeyedValues(parameters, field: "parameters", known: Self.known)
        if let given = values["backend"], given.asciiLowercased != backend.asciiLowercased {
            throw .invalid("parameters: backend is not \(backend); ask the driver that serves it")
        }
        pool = values["pool"]
        user = try values.number("uid")
        group = try values.number("gid")
        permissions =
            try values.permissions("mountPermissions")
            ?? (user == nil && group == nil ? Self.permissionsForAll : Self.permissionsForOwner)
        deletePolicy = try values.deletePolicy() ?? .delete
    }

    /// One form for all that mean the same: what a record stores and a repeated request is compared with. The pool is
    /// no part of it: the id says which it is, and an administrator may rename it.
    var normalised: [String: String] {
        var parameters = [
            "mountPermissions": KeyedValues.octal(permissions),
            DeletePolicy.parameter: deletePolicy.rawValue,
        ]
        parameters["uid"] = user.map { String($0) }
        parameters["gid"] = group.map { String($0) }
        return parameters
    }

    var access: Pool.Access { Pool.Access(user: user, group: group, permissions: permissions) }
}
