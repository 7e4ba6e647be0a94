package import StorageModel

/// A share under a name of the administrator's choice: `--nfs-pool NAME=SERVER:/SHARE`. Ids with the name are short,
/// and outlive a move of the share to another server.
package struct NFSPool: Hashable, Sendable {
    package let name: String
    package let share: NFSShare

    /// Bytes of a name.
    private static let longestName = 32

    /// - Parameter text: `NAME=SERVER:/SHARE`, with an IPv6 address in brackets.
    /// - Throws: INVALID_ARGUMENT. The text is an administrator's and no secret.
    package init(_ text: String) throws(DriverError) {
        func refuse(_ why: String) -> DriverError {
            .invalid("--nfs-pool \(text.prefix(200).debugDescription): \(why)")
        }
        guard let sign = text.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            throw refuse("there is no \"=\"; write NAME=SERVER:/SHARE")
        }
        let name = String(text[..<sign])
        guard Self.isName(name) else {
            throw refuse(
                "the name cannot be used; use at most \(Self.longestName) letters, digits, '-', '_' and '.', beginning "
                    + "with a letter or a digit")
        }
        do throws(DriverError) {
            share = try NFSShare(source: text[text.utf8.index(after: sign)...])
        } catch {
            throw refuse(error.message)
        }
        self.name = name
    }

    /// As the driver mounts it for itself when no volume says how.
    package var networkShare: NetworkShare { NFSMountOptions().controllerOptions.networkShare(share) }

    /// No server, and no other part of an id, can be taken for such a name with its sign before it.
    static func isName(_ name: some StringProtocol) -> Bool {
        name.utf8.count <= longestName && PlainName.isPlain(String(name))
    }
}

/// The named pools of this driver.
package struct NFSPools: Hashable, Sendable {
    private let shares: [String: NFSShare]
    /// In the order of the flags.
    package let names: [String]
    /// Whether the driver has to do with no other share.
    package let isExclusive: Bool

    /// - Throws: INVALID_ARGUMENT when a name is given twice, or one share two names: a volume would have two ids.
    package init(_ pools: [NFSPool], isExclusive: Bool = false) throws(DriverError) {
        self.isExclusive = isExclusive
        var shares: [String: NFSShare] = [:]
        for (index, pool) in pools.enumerated() {
            if let other = pools[..<index].first(where: { $0.name == pool.name || $0.share == pool.share }) {
                throw .invalid(
                    other.name == pool.name
                        ? "--nfs-pool: two pools are named \(pool.name); give each a name of its own"
                        : "--nfs-pool: the pools \(other.name) and \(pool.name) are the same share; name it once")
            }
            shares[pool.name] = pool.share
        }
        self.shares = shares
        names = pools.map(\.name)
    }

    /// - Throws: FAILED_PRECONDITION for a pool that this driver does not have: it may well exist elsewhere; and for a
    ///   share of no pool when it has to do with no other.
    func share(of location: NFSLocation) throws(DriverError) -> NFSShare {
        switch location {
        case .share(let share):
            guard !isExclusive || shares.values.contains(share) else {
                throw DriverError(
                    .failedPrecondition,
                    "this driver serves the shares of its pools alone (--nfs-pools-only), and this one is none of "
                        + "them; give pool with one of \(names.joined(separator: ", ")), or name the share with "
                        + "--nfs-pool")
            }
            return share
        case .pool(let name):
            if let share = shares[name] { return share }
            let known = names.isEmpty ? "it has none" : "it has \(names.joined(separator: ", "))"
            throw DriverError(
                .failedPrecondition,
                "this driver has no NFS pool \(name), \(known); start it with --nfs-pool \(name)=SERVER:/SHARE, the "
                    + "same on the controller and on each node")
        }
    }
}

/// How a volume names its share: by itself, or by the name of a pool.
enum NFSLocation: Hashable, Sendable {
    case share(NFSShare)
    /// `NFSPool.isName` holds.
    case pool(String)
}
