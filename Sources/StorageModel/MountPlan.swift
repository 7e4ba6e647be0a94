/// What a backend wants mounted, as plain data: MountTracking opens it, beneath the root, when it mounts.
package struct MountPlan: Hashable, Sendable {
    package enum Source: Hashable, Sendable {
        /// A directory below a root that the administrator named. The components are resolved beneath the root without
        /// following any symbolic link.
        case directory(root: String, components: [String])
        /// A block device's node below such a root, found in the same way. The node is bound, never a copy made of it.
        case blockDevice(root: String, components: [String])
        /// A directory below the root of a share, found in the same way; without components the root itself.
        case share(NetworkShare, components: [String])

        package var isBlock: Bool {
            if case .blockDevice = self { true } else { false }
        }

        /// The share that it is on, if it is on one.
        package var share: NetworkShare? {
            if case .share(let share, _) = self { share } else { nil }
        }
    }

    package var source: Source
    package var attributes: MountAttributes
    /// Nil where the file system is mounted already, so that nothing is asked of it.
    package var options: MountOptionsDigest?
    /// The permission bits that the directory is to have; given to it when it is staged for writing. Nil: as they are.
    package var permissions: UInt32?

    package init(
        source: Source, attributes: MountAttributes, options: MountOptionsDigest? = nil, permissions: UInt32? = nil
    ) {
        self.source = source
        self.attributes = attributes
        self.options = options
        self.permissions = permissions
    }
}

/// The attributes of one mount, set with mount_setattr(2) before anyone can see it. They belong to the mount, not to
/// the file system below, so two publications of one volume may differ.
package struct MountAttributes: Hashable, Sendable {
    /// When reading a file updates its access time (mount_setattr(2), `MOUNT_ATTR__ATIME`).
    package enum AccessTime: String, Hashable, Sendable {
        case relative = "relatime"
        case never = "noatime"
        case strict = "strictatime"
    }

    package var readOnly = false
    package var noSetUserID = false
    package var noDevices = false
    package var noExecution = false
    package var noSymbolicLinks = false
    package var noDirectoryAccessTime = false
    package var accessTime = AccessTime.relative

    package init() {}
}

extension MountAttributes {
    /// The names that `init(flags:)` understands, for the text of a refusal.
    package static let knownFlags = [
        "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "relatime", "noatime", "strictatime",
        "diratime",
        "nodiratime", "symfollow", "nosymfollow",
    ]

    /// Reads the mount flags of a capability; where two contradict each other the later one counts, as with mount(8).
    ///
    /// The error names the position of a flag and never its text, which may be sensitive (CSI spec, `mount_flags`).
    package init(flags: [String]) throws(DriverError) {
        for (index, entry) in flags.enumerated() {
            // Orchestrators pass "a,b" as one flag as well as two.
            for flag in entry.split(separator: ",", omittingEmptySubsequences: false) {
                guard apply(flag) else {
                    throw .invalid(
                        "volume_capability.mount.mount_flags: flag \(index + 1) of \(flags.count) is not one that a "
                            + "mounted directory can honour; remove it, or use one of "
                            + Self.knownFlags.joined(separator: ", ")
                    )
                }
            }
        }
    }

    private mutating func apply(_ flag: Substring) -> Bool {
        switch flag {
        case "ro": readOnly = true
        case "rw": readOnly = false
        case "nosuid": noSetUserID = true
        case "suid": noSetUserID = false
        case "nodev": noDevices = true
        case "dev": noDevices = false
        case "noexec": noExecution = true
        case "exec": noExecution = false
        case "nosymfollow": noSymbolicLinks = true
        case "symfollow": noSymbolicLinks = false
        case "nodiratime": noDirectoryAccessTime = true
        case "diratime": noDirectoryAccessTime = false
        case "relatime": accessTime = .relative
        case "noatime": accessTime = .never
        case "strictatime": accessTime = .strict
        default: return false
        }
        return true
    }

    /// One canonical text for equal attributes: what the ledger stores.
    package var canonicalFlags: [String] {
        var flags = [readOnly ? "ro" : "rw"]
        if noSetUserID { flags.append("nosuid") }
        if noDevices { flags.append("nodev") }
        if noExecution { flags.append("noexec") }
        if noSymbolicLinks { flags.append("nosymfollow") }
        if noDirectoryAccessTime { flags.append("nodiratime") }
        flags.append(accessTime.rawValue)
        return flags
    }
}
