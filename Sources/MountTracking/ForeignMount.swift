package import LinuxSystem
package import StorageModel
import SystemPackage

/// Mounts of shares of which the ledger knows nothing: it was lost, or another driver made them. What they are the
/// kernel tells without asking a server.
extension MountDescription {
    /// Whether exactly this directory of this share is mounted there. A server under another name than it was mounted
    /// by may be the same one, but nobody can know that.
    package func isMount(of share: NetworkShare, _ components: [String]) -> Bool {
        guard let wanted = Place(share.name, "/" + components.joined(separator: "/")),
            let found = Place(source, root)
        else { return false }
        return found == wanted && share.attempts.contains { Self.family(of: $0.type) == Self.family(of: type) }
    }

    /// The client for version 4 calls itself another file system, in one direction or the other.
    private static func family(of type: String) -> String {
        type == "nfs4" ? "nfs" : type
    }

    /// A directory on a server.
    private struct Place: Hashable {
        let server: String
        /// Names as bytes, which is what a server compares.
        let names: [[UInt8]]

        /// - Parameters:
        ///   - source: `server:/path`.
        ///   - rest: a path below that.
        init?(_ source: String, _ rest: String) {
            guard let server = MountDescription.server(of: source) else { return nil }
            self.server = server.asciiLowercased
            names = [source.utf8.dropFirst(server.utf8.count + 1), rest.utf8[...]].flatMap {
                $0.split(separator: UInt8(ascii: "/")).map(Array.init)
            }
        }
    }

    /// What stands before the path of a source; nil when it names no server.
    package static func server(of source: String) -> String? {
        var before: UInt8?
        for index in source.utf8.indices {
            if source.utf8[index] == UInt8(ascii: "/") {
                guard before == UInt8(ascii: ":") else { return nil }
                return String(decoding: source.utf8[..<index].dropLast(), as: UTF8.self)
            }
            before = source.utf8[index]
        }
        return nil
    }

    /// Those of the mount, and read-only also when the file system itself is; nil when the kernel names one that is
    /// unknown here.
    package var mountAttributes: MountAttributes? {
        guard var found = try? MountAttributes(flags: attributes) else { return nil }
        if options.contains("ro") { found.readOnly = true }
        if !attributes.contains("relatime"), !attributes.contains("noatime") { found.accessTime = .strict }
        return found
    }

    /// Whether it has the SELinux labels that are asked for.
    package func isLabelled(as share: NetworkShare) -> Bool {
        (share.attempts.first?.options ?? []).allSatisfy { option in
            guard case .value(let key, let label) = option, NetworkShare.labelKeys.contains(key) else { return true }
            return self.option(key) == label
        }
    }

    /// Whether its end may wait for a server: everything that is not known to need none.
    package var mayWait: Bool {
        !["tmpfs", "ramfs", "devtmpfs", "overlay", "btrfs", "bcachefs", "zfs"].contains(type)
    }
}

extension NodeMounts {
    /// Takes over a mount that is the volume, as far as can be known without its server, and is mounted as asked.
    ///
    /// - Throws: FAILED_PRECONDITION when it is something else, ALREADY_EXISTS when its attributes or labels are other
    ///   ones.
    func adopt(
        _ occupant: borrowing MountPoint.Occupant, at path: MountPath, for intent: MountIntent, _ share: NetworkShare,
        _ components: [String]
    ) throws(DriverError) {
        let field = intent.role.pathField
        guard let found = try description(of: occupant.status, at: path), found.isMount(of: share, components) else {
            throw DriverError(
                .failedPrecondition,
                "\(field) \(path): a foreign mount is there, not volume \(intent.volume); find out whose it is, "
                    + "unmount it, and repeat the call")
        }
        guard found.mountAttributes == intent.attributes, found.isLabelled(as: share) else {
            throw DriverError(
                .alreadyExists,
                "\(field) \(path): volume \(intent.volume) was mounted there by somebody else, but read-only, its "
                    + "mount flags or its SELinux label are not as asked; unmount it by the opposite call, and repeat "
                    + "this one"
            )
        }
        try record(LedgerEntry(intent: intent, tree: occupant.status.identity, share: share.name))
        report(.mountAdopted(volume: intent.volume, path: path.text))
    }

    /// Nil for a mount that this process does not see, or no longer.
    func description(of status: FileStatus, at path: MountPath) throws(DriverError) -> MountDescription? {
        do {
            return try MountDescription.ofMount(status.mountID)
        } catch {
            throw DriverError(
                .internalError,
                "cannot see what is mounted at \(path): /proc/self/mountinfo: \(error); is /proc mounted?",
                cause: "read: \(error)")
        }
    }

    /// What the ledger would say of a volume at a path, if it is mounted there; nil when something else is, or nothing.
    func unrecorded(
        _ volume: VolumeID, at path: MountPath, _ share: NetworkShare, _ components: [String]
    ) throws(DriverError) -> LedgerEntry? {
        guard let place = try MountPoint.open(path), let status = try place.status(), status.isMountRoot,
            let found = try description(of: status, at: path), found.isMount(of: share, components)
        else { return nil }
        return LedgerEntry(
            intent: MountIntent(
                volume: volume, role: .publish, path: path.text, accessMode: .multiNodeMultiWriter, isBlock: false,
                attributes: MountAttributes()),
            tree: status.identity, share: share.name)
    }
}
