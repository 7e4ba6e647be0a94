package import LinuxSystem
package import StorageModel

extension MountAttributes {
    /// What mount_setattr(2) shall set. Everything else that these attributes speak of shall be cleared: `allBits`.
    package var bits: MountAttributeBits {
        var bits: MountAttributeBits = []
        if readOnly { bits.insert(.readOnly) }
        if noSetUserID { bits.insert(.noSetUserID) }
        if noDevices { bits.insert(.noDevices) }
        if noExecution { bits.insert(.noExecution) }
        if noSymbolicLinks { bits.insert(.noSymbolicLinks) }
        if noDirectoryAccessTime { bits.insert(.noDirectoryAccessTime) }
        switch accessTime {
        case .relative: break
        case .never: bits.insert(.noAccessTime)
        case .strict: bits.insert(.strictAccessTime)
        }
        return bits
    }

    package static let allBits: MountAttributeBits = [
        .readOnly, .noSetUserID, .noDevices, .noExecution, .noSymbolicLinks, .noDirectoryAccessTime, .accessTimeMask,
    ]

    /// What fstatfs(2) says of a mount with these attributes, among `allFlags`.
    package var flags: FileSystemStatus.MountFlags {
        var flags: FileSystemStatus.MountFlags = []
        if readOnly { flags.insert(.readOnly) }
        if noSetUserID { flags.insert(.noSetUserID) }
        if noDevices { flags.insert(.noDevices) }
        if noExecution { flags.insert(.noExecution) }
        if noSymbolicLinks { flags.insert(.noSymbolicLinks) }
        if noDirectoryAccessTime { flags.insert(.noDirectoryAccessTime) }
        switch accessTime {
        case .relative: flags.insert(.relativeAccessTime)
        case .never: flags.insert(.noAccessTime)
        case .strict: break
        }
        return flags
    }

    package static let allFlags: FileSystemStatus.MountFlags = [
        .readOnly, .noSetUserID, .noDevices, .noExecution, .noSymbolicLinks, .noDirectoryAccessTime, .noAccessTime,
        .relativeAccessTime,
    ]

    /// Whether a mount of which fstatfs(2) says this has exactly these attributes.
    ///
    /// - Parameter isBlock: of a device's node. Whether it can be written has nothing to do with its file system's or
    ///   its mount's being read-only, which is not looked at.
    package func match(_ status: FileSystemStatus, isBlock: Bool = false) -> Bool {
        let looked = isBlock ? Self.allFlags.subtracting(.readOnly) : Self.allFlags
        return status.mountFlags.intersection(looked) == flags.intersection(looked)
    }
}
