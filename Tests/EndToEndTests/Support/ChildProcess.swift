import Glibc
import Synchronization

/// A program that was started for a test. It does not outlive the last reference.
final class ChildProcess: Sendable {
    enum Ending: Hashable {
        case exit(Int32)
        case signal(Int32)
    }

    let id: pid_t
    private let ending = Mutex<Ending?>(nil)

    /// - Parameters:
    ///   - words: the path of the program and its arguments.
    ///   - output: the file that standard output is appended to, and standard error too when `errors` is nil.
    ///   - environment: settings beside those that every test has, as NAME=VALUE.
    init(_ words: [String], output: String, errors: String? = nil, environment extra: [String] = []) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        if let errors {
            posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        } else {
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
        // What the runner of the tests blocks would otherwise be blocked in the program as well.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var nothing = sigset_t()
        sigemptyset(&nothing)
        posix_spawnattr_setsigmask(&attributes, &nothing)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = (Self.environment + extra).map { strdup($0) } + [nil]
        defer { (arguments + environment).forEach { free($0) } }
        var child: pid_t = 0
        let error = posix_spawn(&child, words[0], &actions, &attributes, &arguments, &environment)
        guard error == 0 else { throw Failure("posix_spawn of \(words[0]): errno \(error)") }
        id = child
    }

    deinit {
        guard reap(WNOHANG) == nil else { return }
        kill(id, SIGKILL)
        _ = reap(0)
    }

    func send(_ signal: Int32) {
        ending.withLock { ending in
            // Once it is reaped, the number may be somebody else's.
            if ending == nil { kill(id, signal) }
        }
    }

    /// - Throws: when it still runs after `seconds`.
    func ended(within seconds: Int = 30) async throws -> Ending {
        try await eventually("process \(id) ends", within: seconds) { reap(WNOHANG) != nil }
        return try reap(WNOHANG).required("process \(id) has no ending")
    }

    var isRunning: Bool { reap(WNOHANG) == nil }

    private func reap(_ options: Int32) -> Ending? {
        ending.withLock { ending in
            if let ending { return ending }
            var status: Int32 = 0
            var found: pid_t
            repeat { found = waitpid(id, &status, options) } while found < 0 && errno == EINTR
            guard found == id else { return nil }
            let signal = status & 0x7F
            ending = signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
            return ending
        }
    }

    /// Without settings that would change what the driver does.
    private static let environment: [String] = {
        var found: [String] = []
        for name in ["PATH", "HOME", "LD_LIBRARY_PATH", "LANG", "TSAN_OPTIONS", "ASAN_OPTIONS", "LSAN_OPTIONS"] {
            if let value = getenv(name) { found.append("\(name)=\(String(cString: value))") }
        }
        return found
    }()
}

/// What a program that was waited for has left.
struct Finished {
    let ending: ChildProcess.Ending
    let output: String
    let errors: String

    /// Runs a program to its end; its output is kept in `directory` while it runs.
    static func run(_ words: [String], in directory: String, within seconds: Int = 30) async throws -> Finished {
        let name = "\(directory)/run-\(UInt64.random(in: .min ... .max))"
        let process = try ChildProcess(words, output: name + ".out", errors: name + ".err")
        defer {
            unlink(name + ".out")
            unlink(name + ".err")
        }
        let ending = try await process.ended(within: seconds)
        return Finished(
            ending: ending, output: readFile(name + ".out") ?? "", errors: readFile(name + ".err") ?? "")
    }
}
