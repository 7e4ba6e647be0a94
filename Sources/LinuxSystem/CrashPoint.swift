import Glibc

/// A named place between two steps of a call, where a test lets the process die as by SIGKILL, or stand still.
///
/// Each room declares its own, as `<call>.<what is done by now>`. A process dies at the one that the environment
/// variable `MOORAGE_CRASH_AT` names when it starts; otherwise passing one is a comparison. With `MOORAGE_PAUSE_IN` in
/// its environment it stands still at each place of whose name there is a FIFO in that directory, until somebody has
/// opened the FIFO for writing and closed it again.
package struct CrashPoint: Sendable {
    private let name: StaticString

    package init(_ name: StaticString) {
        self.name = name
    }

    package func pass() {
        if let directory = Self.pauses { pause(in: directory) }
        guard let armed = Self.armed, armed == name.description else { return }
        // Dies before it returns: the signal cannot be blocked (signal(7)).
        kill(getpid(), SIGKILL)
    }

    /// Opening a FIFO waits for its writer, and reading from it for his end (fifo(7)).
    private func pause(in directory: String) {
        guard let fifo = try? OwnedDescriptor.open("\(directory)/\(name)", .readOnly) else { return }
        _ = try? fifo.readAll(limit: 1)
    }

    private static let armed = environmentValue("MOORAGE_CRASH_AT")
    private static let pauses = environmentValue("MOORAGE_PAUSE_IN")
}
