import CGRPCShims
import Glibc

/// A listening Unix socket and the name it has in the file system.
///
/// Two drivers that start at the same moment on the same path must not both find the old socket dead and remove each
/// other's. Whoever examines, replaces or removes the socket holds a lock while it does so. CSI forbids a file beside
/// the socket, so the lock is on the directory itself, flock(2).
struct UnixListener: ~Copyable {
    let descriptor: Descriptor
    private let directory: Descriptor
    private let name: String
    private let identity: FileIdentity

    /// How long another process may hold the directory before we give up.
    private static let patience = Duration.seconds(5)

    /// Makes the socket, mode 0600 from its first moment, and listens. A dead socket at the path is replaced.
    ///
    /// - Throws: when somebody listens there, something else is there, or the kernel refuses.
    init(on endpoint: UnixEndpoint) throws(EndpointError) {
        let failure = ListenFailure(endpoint: endpoint)
        guard let directory = Descriptor.directory(endpoint.directory) else { throw failure.directory(errno) }
        let lock = try DirectoryLock(directory, patience: Self.patience, failure: failure)
        let address = SocketAddress(endpoint, in: directory)

        try Self.clear(endpoint.name, at: address, in: directory, failure: failure)
        let number = CGRPCShims_unixSocket()
        guard number >= 0 else { throw failure.system("socket", errno) }
        let descriptor = Descriptor(takingOwnership: number)
        // bind(2) gives the file the mode of the socket's own inode, less the umask: the umask, which belongs to the
        // whole process, is left alone, and there is no moment at which others may connect.
        guard fchmod(descriptor.number, mode_t(S_IRUSR | S_IWUSR)) == 0 else { throw failure.system("fchmod", errno) }
        guard address.bind(descriptor) == 0 else { throw failure.system("bind", errno) }
        guard let status = FileStatus(of: endpoint.name, in: directory) else { throw failure.system("stat", errno) }
        guard status.permissions == mode_t(S_IRUSR | S_IWUSR), listen(descriptor.number, SOMAXCONN) == 0 else {
            let error = errno
            directory.unlink(endpoint.name)
            guard status.permissions == mode_t(S_IRUSR | S_IWUSR) else { throw failure.mode(status.permissions) }
            throw failure.system("listen", error)
        }
        lock.release()
        self.descriptor = descriptor
        self.directory = directory
        self.name = endpoint.name
        self.identity = status.identity
    }

    /// Removes the socket from the file system if the one found there is still ours. Connections can go on.
    func unlink() {
        guard let lock = DirectoryLock(directory, patience: .seconds(1)) else { return }
        if let status = FileStatus(of: name, in: directory), status.identity == identity {
            directory.unlink(name)
        }
        lock.release()
    }

    /// Leaves the name free, or throws because of what has it.
    private static func clear(
        _ name: String, at address: borrowing SocketAddress, in directory: borrowing Descriptor, failure: ListenFailure
    ) throws(EndpointError) {
        guard let status = FileStatus(of: name, in: directory) else {
            guard errno == ENOENT else { throw failure.system("stat", errno) }
            return
        }
        guard status.isSocket else { throw failure.notASocket(status) }
        let number = CGRPCShims_unixSocket()
        guard number >= 0 else { throw failure.system("socket", errno) }
        let probe = Descriptor(takingOwnership: number)
        if address.connect(probe) == 0 { throw failure.live() }
        switch errno {
        case ECONNREFUSED: break
        case EAGAIN: throw failure.live()  // its backlog is full
        case EPROTOTYPE: throw failure.live()  // of another kind, and in use
        case let error: throw failure.system("connect", error)
        }
        guard directory.unlink(name) == 0 else { throw failure.system("unlink", errno) }
    }
}

/// What bind(2) and connect(2) are given: an address has room for 107 bytes only, so a longer path goes through the
/// descriptor of its directory. A short one is given as it is, since `ss` shows it to operators.
struct SocketAddress: ~Copyable {
    let path: String

    init(_ endpoint: UnixEndpoint, in directory: borrowing Descriptor) {
        if endpoint.path.utf8.count <= CGRPCShims_unixPathLimit {
            path = endpoint.path
        } else {
            path = "/proc/self/fd/\(directory.number)/\(endpoint.name)"
        }
    }

    // The C functions copy the path into an address of their own.

    /// bind(2): 0, or -1 and `errno`.
    func bind(_ socket: borrowing Descriptor) -> CInt {
        unsafe CGRPCShims_unixBind(socket.number, path)
    }

    /// connect(2): 0, or -1 and `errno`.
    func connect(_ socket: borrowing Descriptor) -> CInt {
        unsafe CGRPCShims_unixConnect(socket.number, path)
    }
}

/// flock(2) on a directory. Not waited for in the kernel: whoever holds it may hold it for ever.
private struct DirectoryLock: ~Copyable {
    private let directory: CInt

    init?(_ directory: borrowing Descriptor, patience: Duration) {
        let end = ContinuousClock.now + patience
        while retryingInterrupts({ [number = directory.number] in flock(number, LOCK_EX | LOCK_NB) }) != 0 {
            guard errno == EWOULDBLOCK, ContinuousClock.now < end else { return nil }
            usleep(10_000)
        }
        self.directory = directory.number
    }

    init(
        _ directory: borrowing Descriptor, patience: Duration, failure: ListenFailure
    ) throws(EndpointError) {
        guard let lock = DirectoryLock(directory, patience: patience) else { throw failure.locked(errno) }
        self = lock
    }

    consuming func release() {}

    deinit {
        _ = flock(directory, LOCK_UN)
    }
}

private struct FileIdentity: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64
}

private struct FileStatus {
    let identity: FileIdentity
    private let mode: mode_t

    /// nil with the error in `errno`.
    init?(of name: String, in directory: borrowing Descriptor) {
        var status = stat()
        // fstatat(2) fills `status`, which outlives the call, and keeps nothing.
        guard unsafe fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        mode = status.st_mode
    }

    var permissions: mode_t { mode & 0o7777 }
    var isSocket: Bool { mode & S_IFMT == S_IFSOCK }

    var kind: String {
        switch mode & S_IFMT {
        case S_IFREG: "a regular file"
        case S_IFDIR: "a directory"
        case S_IFLNK: "a symbolic link"
        case S_IFIFO: "a FIFO"
        default: "a device"
        }
    }
}

/// From what happened to what the operator reads; bind(2), connect(2), flock(2).
private struct ListenFailure {
    let endpoint: UnixEndpoint

    func callAsFunction(_ found: String, _ remedy: String) -> EndpointError {
        EndpointError(asked: "listen on \(endpoint.path)", found: found, remedy: remedy)
    }

    func live() -> EndpointError {
        self("another process is listening there", "stop it, or choose another path")
    }

    func notASocket(_ status: FileStatus) -> EndpointError {
        self("the path is \(status.kind), not a socket", "remove it, or choose another path")
    }

    func locked(_ error: CInt) -> EndpointError {
        error == EWOULDBLOCK
            ? self("another process keeps its directory locked", "see which one with lslocks, and stop it")
            : system("flock", error)
    }

    func mode(_ permissions: mode_t) -> EndpointError {
        self(
            "the file system gave the socket mode \(String(permissions, radix: 8)) in place of 600",
            "choose a path on a local file system, and a umask that leaves the owner's bits")
    }

    func directory(_ error: CInt) -> EndpointError {
        switch error {
        case ENOENT: self("its directory does not exist", "create \(endpoint.directory), or choose another path")
        case ENOTDIR: self("\(endpoint.directory) is not a directory", "choose another path")
        default: system("open of its directory", error)
        }
    }

    func system(_ call: String, _ error: CInt) -> EndpointError {
        let remedy =
            switch error {
            case EACCES, EPERM: "run as a user who may write there, or choose another path"
            case ENAMETOOLONG: "choose a shorter name"
            case EROFS: "choose a path on a writable file system"
            case EMFILE, ENFILE: "raise the limit of open files"
            default: "choose another path"
            }
        return self("\(call) failed: \(errorText(error))", remedy)
    }
}
