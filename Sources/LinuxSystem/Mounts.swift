import CLinuxShims
import Glibc
package import SystemPackage

/// The file-descriptor mount API (open_tree(2), mount_setattr(2), move_mount(2)): a mount is complete before anyone
/// sees it.
extension OwnedDescriptor {
    /// A detached copy of the mount at this place, with this place as its root; without the mounts below it. It goes
    /// away with its last descriptor unless it is attached. (open_tree(2), OPEN_TREE_CLONE)
    package func cloneMount() throws(Errno) -> OwnedDescriptor {
        let flags =
            CLinuxShims_OPEN_TREE_CLONE | CLinuxShims_OPEN_TREE_CLOEXEC | UInt32(bitPattern: CLinuxShims_AT_EMPTY_PATH)
        // An empty path: the descriptor alone says what is meant.
        let clone = try systemCall { unsafe CLinuxShims_open_tree(rawValue, "", flags) }
        return OwnedDescriptor(takingOwnership: clone)
    }

    /// Sets and clears attributes of this mount and takes it out of every peer group, in one step (mount_setattr(2)).
    package func makePrivate(setting set: MountAttributeBits, clearing clear: MountAttributeBits) throws(Errno) {
        _ = try systemCall {
            unsafe CLinuxShims_mount_setattr(
                rawValue, "", UInt32(bitPattern: CLinuxShims_AT_EMPTY_PATH), set.rawValue, clear.rawValue,
                CLinuxShims_MS_PRIVATE)
        }
    }

    /// Attaches this detached mount at exactly the place that `target` stands for (move_mount(2)).
    package func attachMount(at target: borrowing OwnedDescriptor) throws(Errno) {
        let destination = target.rawValue
        let flags = CLinuxShims_MOVE_MOUNT_F_EMPTY_PATH | CLinuxShims_MOVE_MOUNT_T_EMPTY_PATH
        _ = try systemCall { unsafe CLinuxShims_move_mount(rawValue, "", destination, "", flags) }
    }

    /// Attaches this detached mount beneath the topmost one at the place that `target` stands for, which is the root of
    /// that (move_mount(2), MOVE_MOUNT_BENEATH, Linux 6.5).
    ///
    /// - Throws: EINVAL also where the kernel does not know it.
    package func attachMount(beneath target: borrowing OwnedDescriptor) throws(Errno) {
        let destination = target.rawValue
        let flags =
            CLinuxShims_MOVE_MOUNT_F_EMPTY_PATH | CLinuxShims_MOVE_MOUNT_T_EMPTY_PATH
            | CLinuxShims_MOVE_MOUNT_BENEATH
        _ = try systemCall { unsafe CLinuxShims_move_mount(rawValue, "", destination, "", flags) }
    }

    /// Detaches the topmost mount at a name in this directory: at once, whoever uses it, following no link
    /// (umount2(2), MNT_DETACH | UMOUNT_NOFOLLOW).
    ///
    /// - Throws: EINVAL when nothing is mounted exactly there.
    package func detachMount(_ name: String) throws(Errno) {
        let path = "/proc/self/fd/\(rawValue)/\(name)"
        _ = try systemCall {
            unsafe CLinuxShims_umount2(path, CLinuxShims_MNT_DETACH | CLinuxShims_UMOUNT_NOFOLLOW)
        }
    }
}

/// The bits of mount_setattr(2).
package struct MountAttributeBits: OptionSet, Sendable, Hashable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static let readOnly = MountAttributeBits(rawValue: CLinuxShims_MOUNT_ATTR_RDONLY)
    package static let noSetUserID = MountAttributeBits(rawValue: CLinuxShims_MOUNT_ATTR_NOSUID)
    package static let noDevices = MountAttributeBits(rawValue: CLinuxShims_MOUNT_ATTR_NODEV)
    package static let noExecution = MountAttributeBits(rawValue: CLinuxShims_MOUNT_ATTR_NOEXEC)
    package static let noSymbolicLinks = MountAttributeBits(rawValue: CLinuxShims_MOUNT_ATTR_NOSYMFOLLOW)
    package static let noDirectoryAccessTime = MountAttributeBits(rawValue: CLinuxShims_MOUNT_ATTR_NODIRATIME)
    package static let noAccessTime = MountAttributeBits(rawValue: CLinuxShims_MOUNT_ATTR_NOATIME)
    package static let strictAccessTime = MountAttributeBits(rawValue: CLinuxShims_MOUNT_ATTR_STRICTATIME)
    /// All bits of the access time: must be cleared when one of them is set, relatime being none of them.
    package static let accessTimeMask = MountAttributeBits(rawValue: CLinuxShims_MOUNT_ATTR_ATIME)
}
