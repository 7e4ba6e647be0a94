import Glibc

/// A driver that is started to see how long that takes.
struct StartedDriver {
    let name: String
    private let socket: String
    private let words: [String]

    /// - Parameter definition: NAME=SOCKET,PROGRAM ARGUMENT...
    init(_ definition: String) throws {
        let words = definition.split(separator: " ").map(String.init)
        let parts = words.first?.split(whereSeparator: { $0 == "=" || $0 == "," }).map(String.init) ?? []
        guard parts.count == 3 else { throw BenchError("--start \(definition) is not NAME=SOCKET,PROGRAM ARGUMENT...") }
        (name, socket) = (parts[0], parts[1])
        self.words = [parts[2]] + words.dropFirst()
    }

    /// From the start of the process to the answer of its first Probe.
    func timeToFirstProbe() throws -> Duration {
        _ = unsafe unlink(socket)
        let start = ContinuousClock.now
        let process = try spawn()
        defer {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        while ContinuousClock.now < start + .seconds(10) {
            if let connection = try? RawConnection(path: socket) {
                _ = try connection.unary("/csi.v1.Identity/Probe", [])
                return ContinuousClock.now - start
            }
            usleep(100)
        }
        throw BenchError("\(name) does not answer within 10 s")
    }

    private func spawn() throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for stream in [STDOUT_FILENO, STDERR_FILENO] {
            unsafe posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0)
        }
        // posix_spawn copies what it is given before it returns.
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var process: pid_t = 0
        let failure = unsafe posix_spawn(&process, words[0], &actions, nil, &arguments, environ)
        guard failure == 0 else { throw BenchError("\(words[0]) cannot be started: error \(failure)") }
        return process
    }
}
