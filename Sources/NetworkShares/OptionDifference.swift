package import LinuxSystem
package import StorageModel

/// A number that was asked for and that the kernel did not take. Mounts of one server share a client, and what that was
/// given when it was made is not changed by a later mount (nfs(5), `nconnect`, `sharecache`); sizes are bounded by what
/// the server takes.
package struct OptionDifference: Hashable, Sendable, CustomStringConvertible {
    package let name: String
    package let asked: UInt64
    package let taken: UInt64

    package init(name: String, asked: UInt64, taken: UInt64) {
        self.name = name
        self.asked = asked
        self.taken = taken
    }

    package var description: String { "\(name) \(taken) (asked for: \(asked))" }

    /// What the kernel tells back under the same name, and what it means when it does not. Numbers alone: nothing in
    /// them can be a secret.
    private static let known: [(name: String, unsaid: UInt64?)] = [
        ("nconnect", 1), ("max_connect", 1), ("timeo", nil), ("retrans", nil), ("rsize", nil), ("wsize", nil),
    ]

    /// The options among these that can be compared, with their numbers.
    package static func comparable(_ options: [NetworkShare.Option]) -> [String: UInt64] {
        var numbers: [String: UInt64] = [:]
        for case .value(let key, let value) in options where known.contains(where: { $0.name == key }) {
            numbers[key] = UInt64(value)
        }
        return numbers
    }

    package static func between(_ asked: [String: UInt64], _ found: MountDescription) -> [OptionDifference] {
        known.compactMap { name, unsaid in
            guard let wanted = asked[name], let taken = found.option(name).map({ UInt64($0) }) ?? unsaid,
                taken != wanted
            else { return nil }
            return OptionDifference(name: name, asked: wanted, taken: taken)
        }
    }
}

/// Something about a share that a person should know: for the log.
package enum ShareEvent: Hashable, Sendable {
    /// It was mounted, with other values than were asked for.
    case optionsDiffer(share: String, [OptionDifference])
}

extension ShareEvent: CustomStringConvertible {
    package var description: String {
        switch self {
        case .optionsDiffer(let share, let differences):
            "\(share) is mounted with \(differences.map(\.description).joined(separator: ", ")): the kernel keeps what "
                + "a mount of the same server has that was there before, and takes no more than server and kernel allow"
        }
    }
}
