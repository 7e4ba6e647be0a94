import Glibc

/// A named place between two steps of a change of state, where a test lets the process die as by SIGKILL.
///
/// Each room declares its own, as `<call>.<what is done by now>`. A process dies at the one that the environment
/// variable `MOORAGE_CRASH_AT` names when it starts; otherwise passing one is a comparison.
package struct CrashPoint: Sendable {
    private let name: StaticString

    package init(_ name: StaticString) {
        self.name = name
    }

    package func pass() {
        guard let armed = Self.armed, armed == name.description else { return }
        // Dies before it returns: the signal cannot be blocked (signal(7)).
        kill(getpid(), SIGKILL)
    }

    private static let armed = environmentValue("MOORAGE_CRASH_AT")
}
