import Glibc
import Synchronization

/// Stands between one client and the server, and can cut them off from each other as a killed process does.
final class Relay: Sendable {
    let path: String
    private let ends = Mutex<[CInt]>([])

    /// Listens at `path` and passes the first connection on to `server`.
    init(at path: String, to server: String) throws {
        self.path = path
        let listener = try Self.socket(at: path, bind)
        guard listen(listener, 1) == 0 else { throw BenchError(errno: errno) }
        Task {
            await onThread { [self] in
                defer { close(listener) }
                let client = accept(listener, nil, nil)
                guard client >= 0, let server = try? Self.socket(at: server, connect) else { return }
                ends.withLock { $0 = [client, server] }
                // The descriptors stay open for as long as anybody copies.
                Task { await onThread { withExtendedLifetime(self) { Self.copy(from: client, to: server) } } }
                Task { await onThread { withExtendedLifetime(self) { Self.copy(from: server, to: client) } } }
            }
        }
    }

    deinit {
        for end in ends.withLock({ $0 }) { close(end) }
        unlink(path)
    }

    func cut() {
        for end in ends.withLock({ $0 }) { shutdown(end, CInt(SHUT_RDWR)) }
    }

    private static func socket(
        at path: String, _ attach: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws -> CInt {
        let descriptor = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                attach(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw BenchError(errno: errno) }
        return descriptor
    }

    /// Until either side is gone.
    private static func copy(from source: CInt, to destination: CInt) {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = read(source, &bytes, bytes.count), count > 0 {
            guard write(destination, bytes, count) == count else { return }
        }
    }
}
