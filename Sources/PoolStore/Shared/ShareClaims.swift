import LinuxSystem
import StorageModel
import SystemPackage

/// Whose directory is whose. A volume that is alone on its directory puts `owner.<key>` into `claims/<hash of path>/`,
/// one that shares it `shared.<key>`, and each of them an entry into `below/<hash>/` for every directory around.
///
/// Two controllers that claim at once both write first and look afterwards, so at least one of them sees the other.
struct ShareClaims {
    let pool: SharedPool
    let metadata: SharedMetadata

    private enum Kind: String, CaseIterable {
        case owner
        case shared

        func entry(of key: VolumeKey) -> String { "\(rawValue).\(key)" }
    }

    /// What stands on a directory.
    struct Claim: Hashable {
        var key: VolumeKey
        var isShared: Bool
    }

    // MARK: Questions

    func claims(on path: SharePath) throws(DriverError) -> [Claim] {
        try claims(onHash: path.hash)
    }

    /// - Parameter hash: of the path.
    func claims(onHash hash: String) throws(DriverError) -> [Claim] {
        try entries(of: hash, in: metadata.claims).compactMap { name in
            for kind in Kind.allCases where name.hasPrefix("\(kind.rawValue).") {
                guard let key = VolumeKey(name.dropFirst(kind.rawValue.utf8.count + 1)) else { return nil }
                return Claim(key: key, isShared: kind == .shared)
            }
            return nil
        }
    }

    /// A volume inside the directory, if there is one.
    func volumeInside(_ path: SharePath) throws(DriverError) -> VolumeKey? {
        try entries(of: path.hash, in: metadata.below, limit: 1).first
            .flatMap { $0.split(separator: ".", maxSplits: 1).last }.flatMap { VolumeKey($0) }
    }

    /// A volume around the directory, if there is one.
    func volumeAround(_ path: SharePath) throws(DriverError) -> VolumeKey? {
        for ancestor in path.ancestors {
            if let claim = try claims(on: ancestor).first { return claim.key }
        }
        return nil
    }

    // MARK: Changes

    /// Claims the directory for the volume, or finds it claimed.
    ///
    /// - Returns: whether this call or an earlier one of the same volume did: false when it is new.
    /// - Throws: ALREADY_EXISTS when it belongs to another volume, or overlaps one; ABORTED while another call is at
    ///   it.
    func take(_ path: SharePath, for key: VolumeKey, isShared: Bool) throws(DriverError) -> Bool {
        let isNew = try confirm(path, for: key, isShared: isShared)
        do throws(DriverError) {
            try checkAlone(path, key, isShared: isShared)
        } catch {
            if isNew { try? release(path, of: key) }
            throw error
        }
        return !isNew
    }

    private func checkAlone(_ path: SharePath, _ key: VolumeKey, isShared: Bool) throws(DriverError) {
        for other in try claims(on: path) where other.key != key {
            guard isShared, other.isShared else { throw try conflict(path, with: other.key, "belongs to") }
        }
        if let other = try volumeAround(path) { throw try conflict(path, with: other, "is inside the directory of") }
        if let other = try volumeInside(path) { throw try conflict(path, with: other, "is around that of") }
    }

    func conflict(
        _ path: SharePath, with other: VolumeKey, _ relation: String
    ) throws(DriverError) -> DriverError {
        guard try pool.record(of: other, in: metadata) != nil else {
            return DriverError(
                .aborted,
                "\(pool.shown(path)) \(relation) \(other), which is being created or deleted; repeat the call, and if "
                    + "nobody is at it, delete that volume again or remove its entries in "
                    + "\(pool.shown(Pool.metadataName))/claims")
        }
        return DriverError(
            .alreadyExists,
            "\(pool.shown(path)) \(relation) the volume \(other); choose another subDir, or, if both are meant to have "
                + "the same directory, create both with subDirShared \"true\"")
    }

    /// Takes the volume's entries away. What is not there is no error.
    func release(_ path: SharePath, of key: VolumeKey) throws(DriverError) {
        for kind in Kind.allCases { try unmark(kind.entry(of: key), in: path.hash, of: metadata.claims) }
        for ancestor in path.ancestors {
            try unmark(Self.entryBelow(path, key), in: ancestor.hash, of: metadata.below)
        }
    }

    /// Writes the volume's entries again where somebody took them away: another controller, whose create of the same
    /// name failed, or whose deletion of it came to its end, gives up the claim that both have. It looks for a record
    /// after that, and who has made one confirms after that, so one of the two sees what the other did.
    ///
    /// - Returns: whether the claim itself was not there.
    @discardableResult
    func confirm(_ path: SharePath, for key: VolumeKey, isShared: Bool) throws(DriverError) -> Bool {
        for ancestor in path.ancestors {
            _ = try mark(Self.entryBelow(path, key), in: ancestor.hash, of: metadata.below)
        }
        let kind: Kind = isShared ? .shared : .owner
        return try mark(kind.entry(of: key), in: path.hash, of: metadata.claims)
    }

    /// Gives up a claim unless there is a record of the volume, which another controller may just have made.
    func releaseUnlessRecorded(_ path: SharePath, of key: VolumeKey) throws(DriverError) {
        try release(path, of: key)
        guard let record = try pool.record(of: key, in: metadata), record.path == path else { return }
        try confirm(path, for: key, isShared: record.isShared)
    }

    /// Gives up a claim on a directory that may be shared.
    ///
    /// - Returns: whether nobody else has the directory now. Of several that leave at once exactly one is told so: the
    ///   one that could remove the folder of claims.
    func leave(_ path: SharePath, _ key: VolumeKey) throws(DriverError) -> Bool {
        try onShare("give up \(pool.shown(path))") { () throws(Errno) in
            let folder: OwnedDescriptor
            do throws(Errno) {
                folder = try metadata.claims.open(beneath: path.hash, [.readOnly, .directory])
            } catch .noSuchFileOrDirectory {
                return false
            }
            for kind in Kind.allCases {
                do throws(Errno) { try folder.removeFile(kind.entry(of: key)) } catch .noSuchFileOrDirectory {}
            }
            do throws(Errno) {
                try metadata.claims.removeDirectory(path.hash)
                return true
            } catch  where error == .directoryNotEmpty || error == .fileExists || error == .noSuchFileOrDirectory {
                return false
            }
        }
    }

    // MARK: Entries

    private static func entryBelow(_ path: SharePath, _ key: VolumeKey) -> String { "\(path.hash).\(key)" }

    private func entries(
        of hash: String, in directory: borrowing OwnedDescriptor, limit: Int = .max
    ) throws(DriverError) -> [String] {
        try undisturbed("read the claims of \(pool.name)") { () throws(Errno) in
            var names: [String] = []
            do throws(Errno) {
                try directory.open(beneath: hash, [.readOnly, .directory]).forEachEntry { entry in
                    if let name = entry.name.string { names.append(name) }
                    return names.count < limit
                }
            } catch .noSuchFileOrDirectory {
                return []
            }
            return names
        }
    }

    /// Repeats what found that another controller had removed the folder it had just opened.
    private func undisturbed<Value>(
        _ attempt: String, _ body: () throws(Errno) -> Value
    ) throws(DriverError) -> Value {
        try onShare(attempt) { () throws(Errno) in
            for _ in 0..<8 {
                do throws(Errno) { return try body() } catch .staleNFSFileHandle { continue }
            }
            return try body()
        }
    }

    /// - Returns: whether the entry was made by this call.
    private func mark(
        _ entry: String, in hash: String, of directory: borrowing OwnedDescriptor
    ) throws(DriverError) -> Bool {
        try onShare("claim a directory on \(pool.name)") { () throws(Errno) in
            // Somebody may remove the folder, which is empty, between the two steps.
            for _ in 0..<8 {
                do throws(Errno) {
                    try directory.ensureDirectory(hash, permissions: 0o700)
                    let folder = try directory.open(beneath: hash, [.readOnly, .directory])
                    _ = try folder.open(beneath: entry, [.writeOnly, .create, .exclusive], mode: 0o600)
                    return true
                } catch .fileExists {
                    return false
                } catch  where error == .noSuchFileOrDirectory || error == .staleNFSFileHandle {
                    continue
                }
            }
            throw Errno.resourceBusy
        }
    }

    private func unmark(
        _ entry: String, in hash: String, of directory: borrowing OwnedDescriptor
    ) throws(DriverError) {
        try undisturbed("give up a directory on \(pool.name)") { () throws(Errno) in
            do throws(Errno) {
                try directory.open(beneath: hash, [.readOnly, .directory]).removeFile(entry)
                try directory.removeDirectory(hash)
            } catch  where error == .noSuchFileOrDirectory || error == .directoryNotEmpty || error == .fileExists {
                // Gone already, or others are in the folder.
            }
        }
    }
}
