/// Which of the two paths of a volume on a node a mount is for.
package enum MountRole: String, Hashable, Sendable {
    case stage
    case publish
}

/// What the node was asked to mount, where and how: one entry of the ledger.
///
/// Two calls have "the same arguments" (CSI spec, NodePublishVolume) when their intents are equal but for the access
/// mode, whose equivalences CSIServices knows. Secrets, publish context and `csi.storage.k8s.io/*` keys are no part of
/// it.
package struct MountIntent: Hashable, Sendable {
    package var volume: VolumeID
    package var role: MountRole
    /// Absolute, without `.` and `..`.
    package var path: String
    package var accessMode: AccessMode
    package var isBlock: Bool
    package var attributes: MountAttributes
    /// What is asked of the file system beside the mount's attributes. Nil, which is the same as any other: nothing is
    /// asked, or a driver wrote it that did not know.
    package var options: MountOptionsDigest?

    package init(
        volume: VolumeID, role: MountRole, path: String, accessMode: AccessMode, isBlock: Bool,
        attributes: MountAttributes, options: MountOptionsDigest? = nil
    ) {
        self.volume = volume
        self.role = role
        self.path = path
        self.accessMode = accessMode
        self.isBlock = isBlock
        self.attributes = attributes
        self.options = options
    }
}

/// An entry of the ledger with what the kernel says of its path.
package struct TrackedMount: Hashable, Sendable {
    package enum Presence: Hashable, Sendable {
        /// The volume's own tree is mounted exactly there.
        case mounted
        /// Nothing is mounted there: the process died before the mount, or somebody unmounted it.
        case absent
        /// Something else is mounted there.
        case foreign
    }

    package var intent: MountIntent
    package var presence: Presence

    package init(intent: MountIntent, presence: Presence) {
        self.intent = intent
        self.presence = presence
    }
}
