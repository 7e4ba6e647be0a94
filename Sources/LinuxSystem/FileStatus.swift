import CLinuxShims
import Glibc
package import SystemPackage

/// What statx(2) says of a file, as cached: a silent server cannot hold up the question.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case regular, directory, symbolicLink, blockDevice, characterDevice, fifo, socket, unknown
    }

    /// Which file it is, as long as it exists.
    package struct Identity: Hashable, Sendable {
        package var device: UInt64
        package var inode: UInt64

        package init(device: UInt64, inode: UInt64) {
            self.device = device
            self.inode = inode
        }
    }

    package let kind: Kind
    /// The 12 permission bits.
    package let permissions: UInt32
    package let user: UInt32
    package let group: UInt32
    /// Bytes.
    package let size: UInt64
    package let linkCount: UInt32
    package let identity: Identity
    /// Whether it is the root of a mount (Linux 5.8).
    package let isMountRoot: Bool
    /// The id of the mount it lies in; it may be used again after an unmount.
    package let mountID: UInt64

    fileprivate init(_ status: CLinuxShims_status) {
        kind = Kind(mode: status.mode)
        permissions = status.mode & 0o7777
        user = status.user
        group = status.group
        size = status.size
        linkCount = status.link_count
        identity = Identity(device: status.device, inode: status.inode)
        isMountRoot = status.is_mount_root
        mountID = status.mount_id
    }
}

extension FileStatus.Kind {
    fileprivate init(mode: UInt32) {
        switch mode & S_IFMT {
        case S_IFREG: self = .regular
        case S_IFDIR: self = .directory
        case S_IFLNK: self = .symbolicLink
        case S_IFBLK: self = .blockDevice
        case S_IFCHR: self = .characterDevice
        case S_IFIFO: self = .fifo
        case S_IFSOCK: self = .socket
        default: self = .unknown
        }
    }
}

/// What fstatfs(2) says of the file system and of the mount a descriptor lies in.
package struct FileSystemStatus: Hashable, Sendable {
    /// Bytes.
    package let total: UInt64
    /// Bytes that nobody uses.
    package let free: UInt64
    /// Bytes that the unprivileged can have.
    package let available: UInt64
    package let files: UInt64
    package let filesFree: UInt64
    /// The magic number (statfs(2)).
    package let type: UInt64
    package let mountFlags: MountFlags
}

extension FileSystemStatus {
    /// The attributes of the mount itself, not of the file system (statfs(2), `f_flags`).
    package struct MountFlags: OptionSet, Sendable, Hashable {
        package let rawValue: UInt64

        package init(rawValue: UInt64) {
            self.rawValue = rawValue
        }

        package static let readOnly = MountFlags(rawValue: CLinuxShims_ST_RDONLY)
        package static let noSetUserID = MountFlags(rawValue: CLinuxShims_ST_NOSUID)
        package static let noDevices = MountFlags(rawValue: CLinuxShims_ST_NODEV)
        package static let noExecution = MountFlags(rawValue: CLinuxShims_ST_NOEXEC)
        package static let noAccessTime = MountFlags(rawValue: CLinuxShims_ST_NOATIME)
        package static let noDirectoryAccessTime = MountFlags(rawValue: CLinuxShims_ST_NODIRATIME)
        package static let relativeAccessTime = MountFlags(rawValue: CLinuxShims_ST_RELATIME)
        package static let noSymbolicLinks = MountFlags(rawValue: CLinuxShims_ST_NOSYMFOLLOW)
    }
}

extension FileSystemStatus {
    /// The name of the kind of file system, as mount(8) writes it; the magic number in hexadecimal where it has none
    /// here. ext2, ext3 and ext4 share one number.
    package var typeName: String {
        switch type {
        case 0xef53: "ext4"
        case 0x5846_5342: "xfs"
        case 0x9123_683e: "btrfs"
        case 0xca45_1a4e: "bcachefs"
        case 0x2fc1_2fc1: "zfs"
        case 0xf2f5_2010: "f2fs"
        case 0x0102_1994: "tmpfs"
        case 0x8584_58f6: "ramfs"
        case 0x794c_7630: "overlay"
        case 0x7371_7368: "squashfs"
        case 0x4d44: "vfat"
        case 0x6969: "nfs"
        case 0xff53_4d42, 0xfe53_4d42: "cifs"
        case 0x00c3_6400: "ceph"
        case 0x0102_1997: "9p"
        case 0x6573_5546: "fuse"
        default: "0x" + String(type, radix: 16)
        }
    }
}

extension OwnedDescriptor {
    package func status() throws(Errno) -> FileStatus {
        try Self.status(directory: rawValue, path: "", flags: CLinuxShims_AT_EMPTY_PATH)
    }

    /// As the server of a network file system says it now (statx(2), AT_STATX_FORCE_SYNC). Waits for it.
    package func statusFromServer() throws(Errno) -> FileStatus {
        let flags = CLinuxShims_AT_EMPTY_PATH | CLinuxShims_AT_STATX_FORCE_SYNC
        return try Self.status(directory: rawValue, path: "", flags: flags)
    }

    /// Of a name in this directory; the last component is not followed.
    package func status(of name: String) throws(Errno) -> FileStatus {
        try Self.status(directory: rawValue, path: name, flags: CLinuxShims_AT_SYMLINK_NOFOLLOW)
    }

    /// Of a path; the last component is not followed.
    package static func status(ofPath path: String) throws(Errno) -> FileStatus {
        try status(directory: CLinuxShims_AT_FDCWD, path: path, flags: CLinuxShims_AT_SYMLINK_NOFOLLOW)
    }

    private static func status(directory: Int32, path: String, flags: Int32) throws(Errno) -> FileStatus {
        // The struct is ours and is written completely before the shim returns 0.
        var status = CLinuxShims_status()
        _ = try systemCall { unsafe CLinuxShims_statx(directory, path, flags, &status) }
        return FileStatus(status)
    }

    package func fileSystemStatus() throws(Errno) -> FileSystemStatus {
        var status = CLinuxShims_file_system()
        _ = try systemCall { unsafe CLinuxShims_fstatfs(rawValue, &status) }
        return FileSystemStatus(
            total: status.blocks.multipliedSaturating(by: status.block_size),
            free: status.blocks_free.multipliedSaturating(by: status.block_size),
            available: status.blocks_available.multipliedSaturating(by: status.block_size),
            files: status.files, filesFree: status.files_free, type: status.type,
            mountFlags: FileSystemStatus.MountFlags(rawValue: status.mount_flags))
    }
}

extension OwnedDescriptor {
    /// Bytes of this open block device (ioctl(2), BLKGETSIZE64).
    ///
    /// - Throws: ENOTTY (`.inappropriateIOCTLForDevice`) for anything else.
    package func blockDeviceSize() throws(Errno) -> UInt64 {
        var size: UInt64 = 0
        // The kernel writes these 8 bytes and keeps no pointer to them.
        _ = try systemCall { unsafe CLinuxShims_block_device_size(rawValue, &size) }
        return size
    }
}

extension UInt64 {
    fileprivate func multipliedSaturating(by other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
