import GRPCServing
import Glibc
import Testing

@Suite("The socket of a server", .timeLimit(.minutes(1)))
struct SocketTests {
    private static let methods: [String: MethodHandler] = ["/test.Test/Echo": .unary { request, _ in request }]

    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode : nil
    }

    /// A socket in the file system; nobody listens on it once it has been closed.
    private func boundSocket(at path: String) -> CInt {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        precondition(result == 0)
        return descriptor
    }

    private func refusal(at bench: Bench) throws -> String? {
        let endpoint = try bench.endpoint
        let error = #expect(throws: EndpointError.self) { try GRPCServer(methods: Self.methods).listen(on: endpoint) }
        return error?.description
    }

    @Test("has mode 0600 and is alone in its directory")
    func permissions() async throws {
        let bench = try Bench()
        try await bench.serving(Self.methods) { _, _ in
            #expect(mode(bench.path) == S_IFSOCK | 0o600)
            #expect(bench.names == ["csi.sock"])
        }
    }

    @Test("takes the place of a dead one")
    func stale() async throws {
        let bench = try Bench()
        close(boundSocket(at: bench.path))
        try await bench.serving(Self.methods) { _, channel in
            let reply = try await channel.echo([1])
            #expect(reply == [1])
        }
    }

    @Test("that is dead goes to exactly one of two servers that start at once")
    func race() async throws {
        for _ in 0..<20 {
            let bench = try Bench()
            close(boundSocket(at: bench.path))
            let endpoint = try bench.endpoint
            let servers = [GRPCServer(methods: Self.methods), GRPCServer(methods: Self.methods)]
            async let first = onThread { Result { () throws(EndpointError) in try servers[0].listen(on: endpoint) } }
            async let second = onThread { Result { () throws(EndpointError) in try servers[1].listen(on: endpoint) } }
            let results = await [first, second]
            #expect(results.filter { (try? $0.get()) != nil }.count == 1)
            let channel = try GRPCChannel(to: endpoint)
            let reply = try await channel.echo([1])
            #expect(reply == [1])
            channel.close()
            for server in servers { #expect(await shutdown(server, grace: .seconds(10)) == .drained) }
            #expect(bench.names == [])
        }
    }

    @Test("does not take the place of a living one, which goes on")
    func live() async throws {
        let bench = try Bench()
        try await bench.serving(Self.methods) { _, channel in
            #expect(try refusal(at: bench)?.contains("another process is listening there") == true)
            let reply = try await channel.echo([1])
            #expect(reply == [1])
            _ = try GRPCChannel(to: bench.endpoint)
        }
    }

    @Test("does not take the place of a file")
    func plainFile() throws {
        let bench = try Bench()
        close(open(bench.path, O_CREAT | O_WRONLY, 0o644))
        #expect(try refusal(at: bench)?.contains("a regular file, not a socket") == true)
        #expect(bench.names == ["csi.sock"])
    }

    @Test("needs its directory")
    func noDirectory() throws {
        let bench = try Bench()
        let endpoint = try UnixEndpoint(parsing: "\(bench.directory)/none/csi.sock")
        let error = #expect(throws: EndpointError.self) { try GRPCServer(methods: [:]).listen(on: endpoint) }
        #expect(error?.found == "its directory does not exist")
    }

    @Test("may have a path longer than an address holds")
    func longPath() async throws {
        let bench = try Bench()
        let directory = "\(bench.directory)/\(String(repeating: "d", count: 200 - bench.directory.utf8.count))"
        #expect(mkdir(directory, 0o700) == 0)
        let endpoint = try UnixEndpoint(parsing: "unix://\(directory)/csi.sock")
        let server = GRPCServer(methods: Self.methods)
        try server.listen(on: endpoint)
        let channel = try GRPCChannel(to: endpoint)
        let reply = try await channel.echo([1])
        #expect(reply == [1])
        channel.close()
        #expect(await shutdown(server, grace: .seconds(10)) == .drained)
        #expect(rmdir(directory) == 0)
    }

    @Test("is left where it is when another one has taken its place")
    func replaced() async throws {
        let bench = try Bench()
        let server = GRPCServer(methods: Self.methods)
        try server.listen(on: bench.endpoint)
        unlink(bench.path)
        let other = boundSocket(at: bench.path)
        defer { close(other) }
        #expect(await shutdown(server, grace: .seconds(10)) == .drained)
        #expect(bench.names == ["csi.sock"])
    }

    @Test("may be made again by the next server")
    func restart() async throws {
        let bench = try Bench()
        for _ in 0..<3 {
            try await bench.serving(Self.methods) { _, channel in
                let reply = try await channel.echo([1])
                #expect(reply == [1])
            }
        }
    }

    @Test("is made once by one server")
    func secondListen() async throws {
        let bench = try Bench()
        try await bench.serving(Self.methods) { server, _ in
            let other = try UnixEndpoint(parsing: bench.directory + "/other.sock")
            #expect(throws: EndpointError.self) { try server.listen(on: other) }
        }
    }

    @Test("that is not there, or that nobody serves, is an error of the client", arguments: [true, false])
    func noServer(dead: Bool) throws {
        let bench = try Bench()
        if dead { close(boundSocket(at: bench.path)) }
        let error = #expect(throws: EndpointError.self) { try GRPCChannel(to: bench.endpoint) }
        #expect(error?.found == (dead ? "nobody listens there" : "there is no socket there"))
    }
}
