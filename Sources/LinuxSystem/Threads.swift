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

    /// As `wait()`, but for about that time at most: a signal of the process may end it early, and an hour is the
    /// longest.
    package func wait(atMost time: Duration) {
        let (seconds, attoseconds) = min(time, .seconds(3600)).components
        _ = unsafe CLinuxShims_wait_semaphore(semaphore, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
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

/// The calling thread.
package enum CurrentThread {
    /// Whose thread it is: set once, by the code that the thread runs for as long as it lives.
    package static var group: ObjectIdentifier.Number {
        get { ObjectIdentifier.Number(value: CLinuxShims_thread_group()) }
        set { CLinuxShims_set_thread_group(newValue.value) }
    }
}

extension ObjectIdentifier {
    /// An identity as plain bits, which C can keep.
    package struct Number: Hashable, Sendable {
        let value: UInt

        init(value: UInt) {
            self.value = value
        }

        package init(_ object: AnyObject) {
            value = UInt(bitPattern: ObjectIdentifier(object))
        }
    }
}

extension TaskExecutor {
    /// Runs one piece of a task on the calling thread, from `enqueue(_:)` or later.
    package func run(_ job: consuming UnownedJob) {
        // The executor lives for the call, and the runtime hands out each job once.
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    }
}
