import CLinuxShims
import Glibc
import SystemPackage

/// A counting semaphore (sem_post(3)): how a thread of ours sleeps until there is something to do.
@safe package final class ThreadSignal: @unchecked Sendable {
    // sem_t must not move: it lies in memory of its own, and its functions are thread-safe (sem_overview(7)).
    private let semaphore: UnsafeMutablePointer<sem_t>

    package init() {
        unsafe semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        unsafe semaphore.initialize(to: sem_t())
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    package func signal() {
        unsafe sem_post(semaphore)
    }

    package func wait() {
        // Only EINTR can fail here (sem_wait(3)).
        while unsafe sem_wait(semaphore) != 0 {}
    }
}

/// A thread that nobody joins.
package enum DetachedThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// Runs `body` on a new thread with all signals blocked.
    ///
    /// - Parameter name: what ps(1) shows; at most 15 bytes of it.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) {
        // Retained for the new thread, which releases it exactly once.
        let context = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
        let failure = unsafe CLinuxShims_start_thread(
            name, { unsafe Unmanaged<Body>.fromOpaque($0).takeRetainedValue().run() }, context)
        precondition(failure == 0, "cannot start a thread: \(Errno(rawValue: failure))")
    }
}
