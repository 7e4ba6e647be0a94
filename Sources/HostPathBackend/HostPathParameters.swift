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

    /// What an orchestrator's sidecars add: it says who asks, not what is asked for.
    private static let orchestratorPrefix = "csi.storage.k8s.io/"
    private static let known = ["backend", "pool", "uid", "gid", "mountPermissions", DeletePolicy.parameter]

    /// - Throws: INVALID_ARGUMENT with the key, never with the value.
    init(_ parameters: [String: String], backend: String) throws(DriverError) {
        var values: [String: String] = [:]
        for (key, value) in parameters where !key.lowercased().hasPrefix(Self.orchestratorPrefix) {
            guard let name = Self.known.first(where: { $0.lowercased() == key.lowercased() }) else {
                throw .invalid(
                    "parameters: the key \(key.prefix(64).debugDescription) is not known; known are "
                        + Self.known.joined(separator: ", "))
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw .invalid("parameters: \(name) is given twice, in different case; give it once")
            }
        }
        if let given = values["backend"], given.lowercased() != backend.lowercased() {
            throw .invalid("parameters: backend is not \(backend); ask the driver that serves it")
        }
        pool = values["pool"].flatMap { $0.isEmpty ? nil : $0 }
        user = try Self.number(values, "uid")
        group = try Self.number(values, "gid")
        permissions = user == nil && group == nil ? Self.permissionsForAll : Self.permissionsForOwner
        if let given = try Self.permissions(values["mountPermissions"]) { permissions = given }
        if let given = values[DeletePolicy.parameter], !given.isEmpty {
            guard let policy = DeletePolicy(rawValue: given.lowercased()) else {
                throw .invalid("parameters: onDelete must be delete, retain or archive")
            }
            deletePolicy = policy
        }
    }

    /// One form for all that mean the same: what a record stores and a repeated request is compared with. The pool is
    /// no part of it: the id says which it is, and an administrator may rename it.
    var normalised: [String: String] {
        let octal = String(permissions, radix: 8)
        var parameters = [
            "mountPermissions": String(repeating: "0", count: max(0, 4 - octal.count)) + octal,
            DeletePolicy.parameter: deletePolicy.rawValue,
        ]
        parameters["uid"] = user.map { String($0) }
        parameters["gid"] = group.map { String($0) }
        return parameters
    }

    var access: Pool.Access { Pool.Access(user: user, group: group, permissions: permissions) }

    /// A user or group number; the largest value means "keep" to chown(2) and is nobody's.
    private static func number(_ values: [String: String], _ key: String) throws(DriverError) -> UInt32? {
        guard let text = values[key], !text.isEmpty else { return nil }
        guard isDigits(text), let number = UInt32(text), number != .max else {
            throw .invalid("parameters: \(key) must be a number from 0 to \(UInt32.max - 1)")
        }
        return number
    }

    /// Octal; 0 means the default, as csi-driver-nfs users write it.
    private static func permissions(_ text: String?) throws(DriverError) -> UInt32? {
        guard let text, !text.isEmpty else { return nil }
        guard isDigits(text), text.utf8.count <= 5, let bits = UInt32(text, radix: 8), bits <= 0o7777 else {
            throw .invalid("parameters: mountPermissions must be an octal number up to 07777, such as 0770")
        }
        return bits == 0 ? nil : bits
    }

    private static func isDigits(_ text: String) -> Bool {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
