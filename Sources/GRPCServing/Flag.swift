import CGRPCShims

/// A flag a plain thread can wait for.
final class Flag: Sendable {
    private let handle = Handle()

    func raise() {
        handle.raise()
    }

    /// Blocks the calling thread until the flag is raised, at most for that time.
    func wait(atMost time: Duration) -> Bool {
        handle.wait(nanoseconds: time.clampedNanoseconds)
    }

    /// The C flag may be raised and waited for from any thread, and is destroyed when nobody holds it any more.
    @safe private struct Handle: ~Copyable, @unchecked Sendable {
        private let raw = unsafe CGRPCShims_Flag_create()

        func raise() { unsafe CGRPCShims_Flag_raise(raw) }
        func wait(nanoseconds: Int64) -> Bool { unsafe CGRPCShims_Flag_wait(raw, nanoseconds) }
        deinit { unsafe CGRPCShims_Flag_destroy(raw) }
    }
}

extension Duration {
    /// Nanoseconds; the greatest or smallest 64-bit number for a duration beyond it (292 years).
    var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflowed) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed || carried ? (seconds < 0 ? .min : .max) : sum
    }
}
