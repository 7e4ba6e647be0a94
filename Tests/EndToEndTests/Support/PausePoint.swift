import Glibc

/// A crash point of a running driver where the next call that comes by stands still until it may go on.
final class PausePoint {
    private let path: String
    private var writer: Int32 = -1

    /// - Parameter point: as in `CrashPointTests.allPoints`.
    init(_ point: String, of driver: Driver) throws {
        path = "\(driver.pauses)/\(point)"
        try makeDirectory(driver.pauses)
        guard mkfifo(path, 0o600) == 0 else { throw Failure("mkfifo \(path): errno \(errno)") }
    }

    deinit {
        goOn()
    }

    /// Waits until a call stands there. Those that come later pass.
    func isReached() async throws {
        // ENXIO: nobody has it open for reading (fifo(7)).
        try await eventually("a call stands at \(path)") {
            writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            return writer >= 0
        }
        unlink(path)
    }

    func goOn() {
        if writer >= 0 { close(writer) }
        writer = -1
    }
}
