/// The values of a map from outside (parameters of a StorageClass, the context of a volume) under the keys that have a
/// meaning. Keys are compared without regard to case, as users of other drivers expect.
package struct KeyedValues: Hashable, Sendable {
    /// What an orchestrator's sidecars add: it says who asks, not what is asked for.
    package static let orchestratorPrefix = "csi.storage.k8s.io/"
    /// Bytes of a foreign key that an error shows.
    private static let longestShown = 64

    private let field: String
    private var values: [String: String] = [:]

    /// - Parameters:
    ///   - field: the name of the map, for the text of errors.
    ///   - known: the keys that have a meaning, as they are to be written.
    ///   - ignored: beginnings, in lower case, of keys that are passed over unless they are known.
    /// - Throws: INVALID_ARGUMENT for any other key and for one that is given twice: with the key, never with the
    ///   value.
    package init(
        _ given: [String: String], field: String, known: [String], ignored: [String] = [Self.orchestratorPrefix]
    ) throws(DriverError) {
        self.field = field
        for (key, value) in given {
            let lowercased = key.asciiLowercased
            guard let name = known.first(where: { $0.asciiLowercased == lowercased }) else {
                if ignored.contains(where: lowercased.hasPrefix) { continue }
                let shown = known.filter { name in !ignored.contains(where: name.hasPrefix) }
                throw .invalid(
                    "\(field): the key \(key.prefix(Self.longestShown).debugDescription) is not known; known are "
                        + shown.joined(separator: ", "))
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw .invalid("\(field): \(name) is given twice, in different case; give it once")
            }
        }
    }

    /// The value as given; nil when there is none or it is empty, which mean the same.
    package subscript(key: String) -> String? {
        values[key].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A user or group number; the largest value means "keep" to chown(2) and is nobody's.
    package func number(_ key: String) throws(DriverError) -> UInt32? {
        guard let text = self[key] else { return nil }
        guard text.isASCIIDigits, let number = UInt32(text), number != .max else {
            throw .invalid("\(field): \(key) must be a number from 0 to \(UInt32.max - 1)")
        }
        return number
    }

    /// Octal, at most 07777; nil for 0, which means the default, as csi-driver-nfs users write it.
    package func permissions(_ key: String) throws(DriverError) -> UInt32? {
        guard let text = self[key] else { return nil }
        guard text.isASCIIDigits, text.utf8.count <= 5, let bits = UInt32(text, radix: 8), bits <= 0o7777 else {
            throw .invalid("\(field): \(key) must be an octal number up to 07777, such as 0770")
        }
        return bits == 0 ? nil : bits
    }

    /// In any case.
    package func deletePolicy(_ key: String = DeletePolicy.parameter) throws(DriverError) -> DeletePolicy? {
        guard let text = self[key] else { return nil }
        guard let policy = DeletePolicy(anyCase: text) else {
            throw .invalid("\(field): \(key) must be delete, retain or archive")
        }
        return policy
    }

    /// `true` or `false`, in any case; nil when it is not given.
    package func flag(_ key: String) throws(DriverError) -> Bool? {
        guard let text = self[key] else { return nil }
        guard let flag = Bool(text.asciiLowercased) else {
            throw .invalid("\(field): \(key) must be true or false")
        }
        return flag
    }

    /// Permissions as text, the same for all that mean the same: four digits.
    package static func octal(_ permissions: UInt32) -> String {
        let digits = String(permissions, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}
