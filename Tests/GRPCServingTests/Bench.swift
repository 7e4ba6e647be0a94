import GRPCServing
import Glibc
import Testing

/// A directory of its own for one test's socket; removed with what is in it.
final class Bench: Sendable {
    let directory: String

    init() throws {
        var template = Array("/tmp/moorage-grpc-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BenchError(errno: errno) }
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for name in names { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    var path: String { "\(directory)/csi.sock" }
    var endpoint: UnixEndpoint { get throws { try UnixEndpoint(parsing: path) } }

    /// What the directory holds.
    var names: [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Serves the methods while `body` runs, and checks that the end leaves nothing behind.
    func serving(
        _ methods: [String: MethodHandler], limits: ServerLimits = .init(),
        _ body: (GRPCServer, GRPCChannel) async throws -> Void
    ) async throws {
        let server = GRPCServer(methods: methods, limits: limits)
        try server.listen(on: endpoint)
        do {
            let channel = try GRPCChannel(to: endpoint)
            try await body(server, channel)
            channel.close()
        } catch {
            _ = await shutdown(server, grace: .zero)
            throw error
        }
        #expect(await shutdown(server, grace: .seconds(5)) == .drained)
        #expect(names == [])
    }
}

struct BenchError: Error {
    var errno: CInt
}

/// Shuts down on a plain thread, as `shutdown` demands.
func shutdown(_ server: GRPCServer, grace: Duration) async -> ShutdownOutcome {
    await onThread { server.shutdown(grace: grace) }
}

func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        let box = Unmanaged.passRetained(Work { continuation.resume(returning: body()) })
        var thread = pthread_t()
        let error = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        precondition(error == 0, "no thread can be started")
        pthread_detach(thread)
    }
}

private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// The status that `body` ends with.
func status(_ body: () async throws(GRPCStatus) -> some Any) async -> GRPCStatus {
    do throws(GRPCStatus) {
        _ = try await body()
        return GRPCStatus(.ok, "")
    } catch {
        return error
    }
}

/// Closed until it is opened, for any number of tasks. Cancellation does not open it.
actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func pass() async {
        guard !isOpen else { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    func open() {
        isOpen = true
        for continuation in waiting { continuation.resume() }
        waiting = []
    }
}

/// Returns when the task is cancelled.
func untilCancelled() async {
    // Not Task.sleep, whose timer stays until its time has come.
    let (events, source) = AsyncStream<Never>.makeStream()
    for await _ in events {}
    withExtendedLifetime(source) {}
}

/// Lets others run until the condition holds; the time limit of the suite ends it otherwise.
func until(_ condition: () -> Bool) async {
    while !condition(), !Task.isCancelled { await Task.yield() }
}

extension GRPCChannel {
    /// What the echo method sends back.
    func echo(_ message: [UInt8]) async throws -> [UInt8] {
        try await unary("/test.Test/Echo", message, timeout: .seconds(30))
    }
}
