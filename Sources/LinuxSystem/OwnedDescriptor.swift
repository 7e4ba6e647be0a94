import CLinuxShims
import Glibc
package import SystemPackage

/// A file descriptor with one owner, closed at the end of its life. Always close-on-exec.
package struct OwnedDescriptor: ~Copyable, Sendable {
    package let rawValue: Int32

    package init(takingOwnership rawValue: Int32) {
        self.rawValue = rawValue
    }

    deinit {
        // Not repeated on EINTR: on Linux the descriptor is gone either way (close(2)).
        _ = Glibc.close(rawValue)
    }
}

/// How to open, in the words of open(2). O_CLOEXEC is always added.
package struct OpenFlags: OptionSet, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    private init(_ flag: Int32) {
        self.init(rawValue: UInt64(flag))
    }

    package static let readOnly = OpenFlags(O_RDONLY)
    package static let writeOnly = OpenFlags(O_WRONLY)
    package static let readWrite = OpenFlags(O_RDWR)
    package static let create = OpenFlags(O_CREAT)
    package static let exclusive = OpenFlags(O_EXCL)
    package static let truncate = OpenFlags(O_TRUNC)
    package static let noFollow = OpenFlags(O_NOFOLLOW)
    package static let nonBlocking = OpenFlags(O_NONBLOCK)
    package static let directory = OpenFlags(O_DIRECTORY)
    /// A place in the tree, not its content: fit for status, mounts and as a base (open(2), O_PATH).
    package static let pathOnly = OpenFlags(rawValue: CLinuxShims_O_PATH)
}

extension OwnedDescriptor {
    /// Opens a path that the administrator or the orchestrator named; links in it are followed unless `flags` forbid
    /// it.
    ///
    /// - Throws: what openat2(2) reports.
    package static func open(_ path: String, _ flags: OpenFlags, mode: UInt32 = 0) throws(Errno) -> OwnedDescriptor {
        // The string lives for the call; openat2 keeps no pointer to it.
        let descriptor = try systemCall {
            unsafe CLinuxShims_openat2(CLinuxShims_AT_FDCWD, path, flags.rawValue | cloexec, UInt64(mode), 0)
        }
        return OwnedDescriptor(takingOwnership: descriptor)
    }

    /// Opens a name relative to this directory, following nothing that leads out of it and no symbolic link at all.
    ///
    /// - Throws: what openat2(2) reports: ELOOP for a link, EXDEV for a way out.
    package func open(beneath path: String, _ flags: OpenFlags, mode: UInt32 = 0) throws(Errno) -> OwnedDescriptor {
        let descriptor = try systemCall {
            unsafe CLinuxShims_openat2(rawValue, path, flags.rawValue | cloexec, UInt64(mode), beneath)
        }
        return OwnedDescriptor(takingOwnership: descriptor)
    }

    /// As `open(beneath:)` for a name that a directory listing gave, which need not be UTF-8.
    package func open(beneath name: FileName, _ flags: OpenFlags) throws(Errno) -> OwnedDescriptor {
        let descriptor = try unsafe name.withPointer { name throws(Errno) in
            try systemCall { unsafe CLinuxShims_openat2(rawValue, name, flags.rawValue | cloexec, 0, beneath) }
        }
        return OwnedDescriptor(takingOwnership: descriptor)
    }

    /// Opens the directory `name` when it lies on the same mount as this one; follows nothing.
    ///
    /// - Throws: EXDEV when something is mounted there, bind mounts of the same file system included; ELOOP or ENOTDIR
    ///   when it is no directory.
    package func openDirectory(onSameMount name: FileName) throws(Errno) -> OwnedDescriptor {
        let flags = OpenFlags([.readOnly, .directory]).rawValue | cloexec
        let descriptor = try unsafe name.withPointer { name throws(Errno) in
            try systemCall {
                unsafe CLinuxShims_openat2(rawValue, name, flags, 0, beneath | CLinuxShims_RESOLVE_NO_XDEV)
            }
        }
        return OwnedDescriptor(takingOwnership: descriptor)
    }

    /// Opens the directory that this one lies in now, which need not be the one it was opened from.
    ///
    /// - Throws: EXDEV when it is on another mount.
    package func openParent() throws(Errno) -> OwnedDescriptor {
        let flags = OpenFlags([.readOnly, .directory]).rawValue | cloexec
        let descriptor = try systemCall {
            unsafe CLinuxShims_openat2(rawValue, "..", flags, 0, CLinuxShims_RESOLVE_NO_XDEV)
        }
        return OwnedDescriptor(takingOwnership: descriptor)
    }

    /// The path that leads here now, without links (proc(5), `/proc/self/fd`); nil when it is not UTF-8.
    package func currentPath() throws(Errno) -> String? {
        // PATH_MAX, and the kernel writes at most as many bytes as it is told.
        var path = [UInt8](repeating: 0, count: 4096)
        let capacity = path.count
        let count = try systemCall { unsafe readlink("/proc/self/fd/\(rawValue)", &path, capacity) }
        return String(validating: path[..<count], as: UTF8.self)
    }

    /// The same open file under a second number.
    package func duplicate() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(takingOwnership: try systemCall { fcntl(rawValue, F_DUPFD_CLOEXEC, 0) })
    }
}

private let cloexec = UInt64(O_CLOEXEC)
private let beneath =
    CLinuxShims_RESOLVE_BENEATH | CLinuxShims_RESOLVE_NO_SYMLINKS | CLinuxShims_RESOLVE_NO_MAGICLINKS
