import Glibc
import LinuxSystem
import Synchronization
import Testing

/// The moorage-mount that is tested: the one beside this program, or MOORAGE_MOUNT_PROGRAM.
func mounterProgram() throws -> String {
    try getenv("MOORAGE_MOUNT_PROGRAM").map { String(cString: $0) } ?? FileSystemMounter.programBesideOwn()
}

func makeMounter() throws -> FileSystemMounter {
    FileSystemMounter(program: try mounterProgram())
}

/// Far more than anything here needs.
func soon() -> ContinuousClock.Instant { .now + .seconds(60) }

/// A shell script in the place of moorage-mount; the socket is its descriptor 3.
func withStandIn(_ script: String, _ body: (FileSystemMounter) throws -> Void) throws {
    let path = "/tmp/moorage-stand-in.\(getpid())"
    try writeFile(path, "#!/bin/sh\n\(script)\n", mode: 0o755)
    defer { unlink(path) }
    try body(FileSystemMounter(program: path))
}

/// The processes that this one has started and not reaped.
func children(of parent: pid_t = getpid()) -> [pid_t] {
    listing("/proc").compactMap { pid_t($0) }.filter { parentProcess(of: $0) == parent }
}

func parentProcess(of process: pid_t) -> pid_t? {
    statusLine("PPid", of: process).flatMap { pid_t($0) }
}

/// A line of /proc/PID/status, without its name.
func statusLine(_ name: String, of process: pid_t) -> String? {
    readFile("/proc/\(process)/status")?.split(separator: "\n").first { $0.hasPrefix(name + ":") }?
        .split(separator: "\t").last.map(String.init)
}

/// What each open descriptor of a process is.
func descriptors(of process: pid_t = getpid()) -> [Int: String] {
    var found: [Int: String] = [:]
    for name in listing("/proc/\(process)/fd") {
        var target = [UInt8](repeating: 0, count: 4096)
        let count = readlink("/proc/\(process)/fd/\(name)", &target, target.count)
        if count > 0, let number = Int(name) { found[number] = String(decoding: target.prefix(count), as: UTF8.self) }
    }
    return found
}

/// Whether a process is there and no zombie.
func isAlive(_ process: pid_t) -> Bool {
    guard let state = statusLine("State", of: process) else { return false }
    return !state.hasPrefix("Z")
}

func waitUntil(_ what: String, _ isSo: () throws -> Bool) throws {
    let end = ContinuousClock.now + .seconds(30)
    while try !isSo() {
        try #require(ContinuousClock.now < end, "not within 30 s: \(what)")
        usleep(2000)
    }
}

/// A value that a thread of its own finds. Not a task: on a machine with one core a test that waits would keep it from
/// running.
final class Finding<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let isFound = ThreadSignal()

    init(_ find: @escaping @Sendable () -> Value) {
        DetachedThread.start(name: "test") { [self] in
            let found = find()
            value.withLock { $0 = found }
            isFound.signal()
        }
    }

    /// To be called once.
    func wait() -> Value? {
        isFound.wait()
        return value.withLock { $0 }
    }
}

/// Calls `mount` on a thread of its own, `meanwhile` on this one, and returns what `mount` threw.
func mounting(
    _ request: MountRequest, by mounter: FileSystemMounter, until deadline: ContinuousClock.Instant = soon(),
    meanwhile: () throws -> Void
) throws -> MountFailure? {
    let failure = Finding { () -> MountFailure? in
        do throws(MountFailure) {
            _ = try mounter.mount(request, until: deadline)
            return nil
        } catch {
            return error
        }
    }
    let result = Result { try meanwhile() }
    let found = failure.wait() ?? nil
    try result.get()
    return found
}
