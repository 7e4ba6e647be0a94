import Glibc

/// Runs hack/python/protobuf_peer.py, which has Google's protobuf.
struct PythonPeer {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// A folder of its own for the files that both sides read.
    let folder: String
    private let root: String
    private let python: String

    init() throws {
        root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
        python = root + "/.build/python/bin/python"
        guard access(python, X_OK) == 0 else {
            throw Failure(description: "there is no \(python); run hack/python-env")
        }
        var template = Array("/tmp/moorage-wire-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure(description: "mkdtemp: errno \(errno)") }
        folder = String(cString: made)
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func remove() {
        for name in ["set", "cases", "answers", "output"] { unlink(path(name)) }
        rmdir(folder)
    }

    /// Waits for the end of the process. What it printed is the result, or the error when it failed.
    func run(_ arguments: [String]) throws -> String {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, path("output"), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let words = [python, root + "/hack/python/protobuf_peer.py"] + arguments
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { pointers.forEach { free($0) } }
        var child: pid_t = 0
        let error = posix_spawn(&child, python, &actions, nil, &pointers, environ)
        guard error == 0 else { throw Failure(description: "posix_spawn of \(python): errno \(error)") }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        let output = String(decoding: try read("output"), as: UTF8.self)
        guard status == 0 else { throw Failure(description: "\(words) ended with status \(status):\n\(output)") }
        return output
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        guard let file = fopen(path(name), "w") else { throw Failure(description: "\(name): errno \(errno)") }
        defer { fclose(file) }
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count else {
            throw Failure(description: "\(name): errno \(errno)")
        }
    }

    func read(_ name: String) throws -> [UInt8] {
        guard let file = fopen(path(name), "r") else { throw Failure(description: "\(name): errno \(errno)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }
}
