import StorageModel
import SystemPackage

/// From errno to meaning: one factory for each thing that is asked of the kernel.
extension DriverError {
    /// openat2(2) or statx(2) of a path on the node. That nothing is there is no failure and does not come here.
    static func cannotExamine(_ path: MountPath, _ errno: Errno) -> DriverError {
        let cause = "openat2 or statx: \(errno)"
        switch errno {
        case .fileNameTooLong:
            return DriverError(
                .invalidArgument, "\(path): a component is longer than the file system allows", cause: cause)
        case .tooManySymbolicLinkLevels:
            return DriverError(
                .failedPrecondition, "\(path): the links on the way to it lead in a circle; repair them", cause: cause)
        case .staleNFSFileHandle:
            return DriverError(
                .unavailable, "cannot look at \(path): what is mounted there is gone from its server; repeat the call",
                cause: cause)
        default:
            return DriverError(
                .internalError, "cannot look at \(path): \(errno); see whether the node's file system is healthy",
                cause: cause)
        }
    }

    /// openat2(2) of the directory that the administrator named, a pool or a `--host-path-prefix`.
    static func cannotOpenRoot(of volume: VolumeID, _ errno: Errno) -> DriverError {
        DriverError(
            .unavailable,
            "volume \(volume): the directory of its pool or host path prefix cannot be opened: \(errno); see whether "
                + "its disk is mounted",
            cause: "openat2: \(errno)")
    }

    /// openat2(2) of the volume's tree beneath its root.
    static func cannotOpenTree(of volume: VolumeID, _ errno: Errno) -> DriverError {
        let cause = "openat2: \(errno)"
        switch errno {
        case .noSuchFileOrDirectory:
            return DriverError(
                .notFound, "volume \(volume): its directory or device is not in its place", cause: cause)
        case .tooManySymbolicLinkLevels, .improperLink, .notDirectory:
            return DriverError(
                .failedPrecondition,
                "volume \(volume): the way to its directory leads through a symbolic link, out of its pool or host "
                    + "path prefix, or through a file; restore the directory", cause: cause)
        default:
            return DriverError(
                .unavailable, "volume \(volume): its directory cannot be opened: \(errno)", cause: cause)
        }
    }

    /// mkdirat(2) or openat2(2) of a target that is to be made.
    static func cannotMakeTarget(_ path: MountPath, _ errno: Errno) -> DriverError {
        let cause = "mkdirat or openat2: \(errno)"
        switch errno {
        case .fileExists:
            return DriverError(
                .aborted, "target_path \(path): somebody else made it just now; repeat the call", cause: cause)
        case .noSuchFileOrDirectory:
            return DriverError(
                .failedPrecondition, "target_path \(path): its parent was removed; the orchestrator must make it",
                cause: cause)
        default:
            return DriverError(
                .internalError, "target_path \(path): it cannot be made: \(errno)", cause: cause)
        }
    }

    /// open_tree(2), mount_setattr(2), move_mount(2).
    static func cannotMount(_ volume: VolumeID, _ path: MountPath, _ call: StaticString, _ errno: Errno) -> DriverError
    {
        let cause = "\(call): \(errno)"
        switch errno {
        case .notPermitted:
            return DriverError(
                .internalError,
                "volume \(volume) cannot be mounted at \(path): the driver may not mount; run it as root with "
                    + "CAP_SYS_ADMIN (on Kubernetes: privileged)", cause: cause)
        case .noSpace:
            return DriverError(
                .resourceExhausted,
                "volume \(volume) cannot be mounted at \(path): the node has too many mounts; raise the sysctl "
                    + "fs.mount-max",
                cause: cause)
        case .noSuchFileOrDirectory, .staleNFSFileHandle:
            return DriverError(
                .aborted,
                "volume \(volume) cannot be mounted at \(path): somebody removed the directory; repeat the call",
                cause: cause)
        default:
            return DriverError(
                .internalError,
                "volume \(volume) cannot be mounted at \(path): \(call) answers \(errno); Linux 5.14 is the oldest "
                    + "that does what the driver asks", cause: cause)
        }
    }

    /// umount2(2).
    static func cannotDetach(_ path: MountPath, _ errno: Errno) -> DriverError {
        let cause = "umount2: \(errno)"
        guard errno == .notPermitted else {
            return DriverError(.internalError, "\(path) cannot be unmounted: \(errno)", cause: cause)
        }
        return DriverError(
            .internalError,
            "\(path) cannot be unmounted: the driver may not; run it as root with CAP_SYS_ADMIN (on Kubernetes: "
                + "privileged)",
            cause: cause)
    }

    /// unlinkat(2) of a target on which nothing is mounted.
    static func cannotRemoveTarget(_ path: MountPath, _ errno: Errno) -> DriverError {
        let cause = "unlinkat: \(errno)"
        guard errno == .resourceBusy else {
            return DriverError(
                .internalError, "target_path \(path): it is unmounted but cannot be removed: \(errno)", cause: cause)
        }
        return DriverError(
            .aborted, "target_path \(path): somebody mounted something there just now; repeat the call", cause: cause)
    }

    /// mkdirat(2) or renameat2(2) into one of the directories for strays.
    static func cannotMoveAside(_ path: MountPath, _ errno: Errno) -> DriverError {
        DriverError(
            .failedPrecondition,
            "target_path \(path): nothing is mounted there, yet it is not an empty directory, and it cannot be moved "
                + "aside: \(errno); look at what it is, move it away, and repeat the call", cause: "renameat2: \(errno)"
        )
    }

    static func notMounted(_ volume: VolumeID, _ path: MountPath) -> DriverError {
        DriverError(.notFound, "volume_path \(path): volume \(volume) is not mounted at exactly this path")
    }

    /// fstatfs(2).
    static func cannotMeasure(_ path: MountPath, _ errno: Errno) -> DriverError {
        DriverError(
            .unavailable, "the file system at \(path) does not say how full it is: \(errno)", cause: "fstatfs: \(errno)"
        )
    }

    /// openat2(2) of a published block device, or ioctl(2) with BLKGETSIZE64.
    static func cannotMeasureDevice(_ path: MountPath, _ errno: Errno) -> DriverError {
        DriverError(
            .unavailable, "the block device at \(path) does not say how large it is: \(errno); see whether it is there",
            cause: "openat2 or BLKGETSIZE64: \(errno)")
    }

    /// Any call on the ledger's directory.
    static func ledger(_ what: String, _ errno: Errno) -> DriverError {
        let remedy =
            switch errno {
            case .noSpace: "make room in the state directory"
            case .readOnlyFileSystem: "the state directory must be writable"
            default: "see whether the state directory is healthy"
            }
        return DriverError(.internalError, "\(what): \(errno); \(remedy)", cause: "ledger: \(errno)")
    }
}
