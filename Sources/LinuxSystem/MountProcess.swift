import CLinuxShims
import Glibc
import Synchronization
import SystemPackage

/// A started moorage-mount. Whoever has it alone reaps it: it has to be asked until it has ended.
final class MountProcess: Sendable {
    enum Ending: Hashable {
        case exit(Int32)
        case signal(Int32)
    }

    /// Two sockets that are connected to each other, for whole messages (socketpair(2)).
    private struct SocketPair: ~Copyable {
        private let ours: OwnedDescriptor
        let theirs: OwnedDescriptor

        init() throws(Errno) {
            var pair: [Int32] = [-1, -1]
            let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
            // Writes the two.
            _ = try systemCall { unsafe socketpair(AF_UNIX, type, 0, &pair) }
            ours = OwnedDescriptor(takingOwnership: pair[0])
            theirs = OwnedDescriptor(takingOwnership: pair[1])
        }

        /// Closes theirs.
        consuming func takeOurs() -> OwnedDescriptor {
            ours
        }
    }

    /// Connected to descriptor 3 of the process, and to nothing else: its end is seen here.
    let socket: OwnedDescriptor
    /// A pidfd: readable when the process has ended.
    let handle: OwnedDescriptor
    private let id: pid_t
    private let ending = Mutex<Ending?>(nil)

    /// Starts `program` (posix_spawn(3)).
    ///
    /// The process dies with the calling *thread* (prctl(2), PR_SET_PDEATHSIG), which therefore must live as long as
    /// the process is needed.
    init(_ program: String) throws(Errno) {
        let pair = try SocketPair()
        var id: pid_t = 0
        // Program and id live for the call.
        let failure = unsafe CLinuxShims_spawn(
            program, pair.theirs.rawValue, Int32(CLinuxShims_MOUNT_SOCKET), &id)
        guard failure == 0 else { throw Errno(rawValue: failure) }
        do throws(Errno) {
            // Even of a process that has ended: its number is taken until it is reaped, which nobody else does.
            handle = OwnedDescriptor(takingOwnership: try systemCall { CLinuxShims_pidfd_open(id) })
        } catch {
            // It has no request yet, so nothing can hold it.
            Glibc.kill(id, SIGKILL)
            while waitpid(id, nil, 0) < 0 && errno == EINTR {}
            throw error
        }
        self.id = id
        socket = pair.takeOurs()
    }

    func kill() {
        // ESRCH: it has ended.
        _ = CLinuxShims_pidfd_kill(handle.rawValue)
    }

    /// How it has ended; nil while it has not.
    func reap() -> Ending? {
        ending.withLock { ending in
            if let ending { return ending }
            var status: Int32 = 0
            // Never waits, so nothing interrupts it.
            guard unsafe waitpid(id, &status, WNOHANG) == id else { return nil }
            let signal = status & 0x7F
            ending = signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
            return ending
        }
    }

    /// As `reap`, after waiting until it ends or `deadline` has passed.
    func ending(until deadline: ContinuousClock.Instant) -> Ending? {
        _ = waitUntilReadable([handle.rawValue], until: deadline)
        return reap()
    }
}

/// Waits until one of the descriptors has something to say or `deadline` has passed (poll(2)).
///
/// - Returns: for each, whether it has.
func waitUntilReadable(_ descriptors: [Int32], until deadline: ContinuousClock.Instant) -> [Bool] {
    var events = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    repeat {
        // In milliseconds, upwards: the last wait must not be a hundred short ones.
        let left = (deadline - .now) / .milliseconds(1)
        let timeout = Int32(clamping: Int64(max(0, min(left.rounded(.up), 1_000_000))))
        // As many as are counted; poll writes only into them.
        let count = unsafe poll(&events, nfds_t(events.count), timeout)
        precondition(count >= 0 || errno == EINTR || errno == ENOMEM, "poll: \(Errno(rawValue: errno))")
        if count > 0 { return events.map { $0.revents != 0 } }
    } while .now < deadline
    return descriptors.map { _ in false }
}
