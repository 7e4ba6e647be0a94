import CLinuxShims
import Glibc
package import SystemPackage

/// The wall clock (clock_gettime(2), CLOCK_REALTIME), for what people read.
package enum WallClock {
    /// Since 1970-01-01T00:00:00Z.
    package static func now() -> (seconds: Int64, nanoseconds: Int32) {
        var time = timespec()
        // Writes the struct it is given; CLOCK_REALTIME always exists.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return (Int64(time.tv_sec), Int32(time.tv_nsec))
    }
}

/// How memory that was freed is given back.
package enum Heap {
    /// Keeps the process as small after a large message as before it: Glibc's heap would grow to the largest block it
    /// has seen, in each of as many heaps as there are threads (mallopt(3)). To be called once, before the first
    /// thread.
    package static func bound() {
        _ = CLinuxShims_bound_heap(256 << 10, 2)
    }
}

/// SIGTERM and SIGINT as something that a thread waits for.
package struct TerminationSignals: Sendable {
    private let set: sigset_t

    /// Blocks both for the calling thread and every thread it starts from now on: to be called before the first, or a
    /// signal in between would end the process.
    package init() {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTERM)
        unsafe sigaddset(&set, SIGINT)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        self.set = set
    }

    /// Blocks the calling thread until one of them comes, now or before (sigwait(3)).
    package func wait() {
        var signal: Int32 = 0
        var set = set
        while unsafe sigwait(&set, &signal) != 0 {}
    }
}

/// Standard streams by their numbers, which this process never closes.
package enum StandardStream: Int32, Sendable {
    case output = 1
    case error = 2

    /// Writes all of it, as far as the other end takes it; there is nobody to tell about a failure.
    package func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var written = 0
            while written < bytes.count {
                // The slice stays alive and in bounds for the call.
                let rest = unsafe UnsafeBufferPointer(rebasing: bytes[written...])
                let count = unsafe Glibc.write(rawValue, rest.baseAddress, rest.count)
                if count < 0, errno != EINTR { return }
                written += max(0, count)
            }
        }
    }
}

/// Standard input up to its end, at most `limit` bytes.
package func readStandardInput(limit: Int) throws(Errno) -> [UInt8] {
    let copy = OwnedDescriptor(takingOwnership: try systemCall { fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) })
    return try copy.readAll(limit: limit)
}

/// The name of this host as the kernel knows it (uname(2), nodename).
package func hostName() throws(Errno) -> String {
    let text = try OwnedDescriptor.open("/proc/sys/kernel/hostname", .readOnly).readAll(limit: 256)
    return String(decoding: text.filter { $0 > 0x20 }, as: UTF8.self)
}

/// A variable of the environment (getenv(3)). The driver never changes its environment, so any thread may read it.
package func environmentValue(_ name: String) -> String? {
    // The string belongs to the environment and is copied at once.
    unsafe getenv(name).map { unsafe String(cString: $0) }
}
