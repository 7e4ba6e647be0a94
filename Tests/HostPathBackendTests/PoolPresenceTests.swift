import BlockingWork
import Glibc
import HostPathBackend
import LinuxSystem
import StorageModel
import Testing

@Suite("Pools that are absent, return, or are not ours", .timeLimit(.minutes(1)))
struct PoolPresenceTests {
    /// What every call on an absent pool answers; nothing is made in its directory.
    static func expectAbsent(_ fixture: Fixture, _ id: VolumeID, saying text: String) async throws {
        let before = names(in: fixture.root())
        let error = await #expect(throws: DriverError.self) { _ = try await fixture.create("other") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("default") == true)
        #expect(await code { _ = try await fixture.backend.volume(id) } == .unavailable)
        #expect(await code { try await fixture.backend.delete(id) } == .unavailable)
        let mount = await code {
            _ = try await fixture.backend.mountPlan(for: id, capability: Fixture.mount, context: [:])
        }
        #expect(mount == .unavailable)
        #expect(try await fixture.backend.capacity(parameters: [:]).available == 0)
        #expect(try await fixture.backend.volumes(after: nil, limit: 10).volumes == [])
        #expect(names(in: fixture.root()) == before)
    }

    enum Disappearance: CaseIterable {
        case unmounted, directoryRemoved, otherDisk, formatRemoved
    }

    @Test(
        "a pool whose disk goes away is absent and comes back by itself, noticed at once or after a restart",
        arguments: Disappearance.allCases, [false, true])
    func returns(how: Disappearance, afterRestart: Bool) async throws {
        var fixture = try Fixture(Scratch())
        let volume = try await fixture.create("pvc-1", bytes: 4096).volume
        let root = fixture.root()
        let aside = "\(fixture.scratch.path)/aside"
        let text: String
        switch how {
        case .unmounted:
            // What an empty mount point looks like.
            #expect(rename(root, aside) == 0)
            mkdir(root, 0o755)
            text = "does not hold the pool"
        case .directoryRemoved:
            #expect(rename(root, aside) == 0)
            text = "does not exist"
        case .otherDisk:
            let other = try Fixture(Scratch())
            other.backend.stop()
            #expect(rename(root, aside) == 0)
            #expect(rename(other.root(), root) == 0)
            text = "holds the pool"
        case .formatRemoved:
            #expect(rename("\(root)/.moorage/format", aside) == 0)
            text = "does not hold the pool"
        }
        if afterRestart { fixture = try fixture.restarted() }
        try await Self.expectAbsent(fixture, volume.id, saying: text)
        #expect(fixture.events.list.filter { if case .absent = $0 { true } else { false } }.count == 1)

        if how == .formatRemoved {
            #expect(rename(aside, "\(root)/.moorage/format") == 0)
        } else {
            if how != .directoryRemoved { #expect(rename(root, root + ".old") == 0) }
            #expect(rename(aside, root) == 0)
        }
        #expect(try await fixture.backend.volume(volume.id) == volume)
        #expect(try await fixture.create("pvc-2").isMade)
        try await fixture.backend.delete(volume.id)
    }

    @Test("a pool that was never there is used once it is")
    func comesLater() async throws {
        let scratch = try Scratch()
        try write("not a directory", to: "\(scratch.path)/default")
        let fixture = try Fixture(scratch)
        #expect(await code { _ = try await fixture.create("pvc-1") } == .unavailable)
        unlink("\(scratch.path)/default")
        #expect(await code { _ = try await fixture.create("pvc-1") } == .unavailable)
        #expect(!exists("\(scratch.path)/default"))
        _ = scratch.directory("default")
        // This one looks and answers before it has seen it.
        #expect(await code { _ = try await fixture.create("pvc-1") } == .unavailable)
        fixture.events.wait { if case .opened = $0 { true } else { false } }
        #expect(try await fixture.create("pvc-1").isMade)
    }

    @Test("a directory with something in it is not taken for a pool", arguments: ["file", ".hidden", "volumes"])
    func notEmpty(name: String) async throws {
        let scratch = try Scratch()
        mkdir("\(scratch.directory("default"))/\(name)", 0o700)
        let fixture = try Fixture(scratch)
        let error = await #expect(throws: DriverError.self) { _ = try await fixture.create("pvc-1") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("not empty") == true)
        #expect(names(in: fixture.root()) == [name])
    }

    @Test(
        "a format that this version does not know makes the pool absent, with the reason",
        arguments: [
            ("{\"layout\": 2, \"id\": \"0123456789ab\"}", "layout 2"), ("{\"layout\": 1, \"id\": \"../x\"}", "hex"),
            ("{\"layout\": 1}", "id is missing"), ("", "no JSON"),
            (String(repeating: " ", count: 5000), "File too large"),
        ])
    func unknownFormat(content: String, reason: String) async throws {
        let scratch = try Scratch()
        mkdir("\(scratch.directory("default"))/.moorage", 0o700)
        try write(content, to: "\(scratch.path)/default/.moorage/format")
        let fixture = try Fixture(scratch)
        let error = await #expect(throws: DriverError.self) { _ = try await fixture.create("pvc-1") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        #expect(try read("\(scratch.path)/default/.moorage/format") == content)
    }

    @Test("a format of the first layout is served, whoever wrote it")
    func literalFormat() async throws {
        let scratch = try Scratch()
        mkdir("\(scratch.directory("default"))/.moorage", 0o700)
        try write("{\"layout\":1,\"id\":\"0123456789ab\"}", to: "\(scratch.path)/default/.moorage/format")
        let fixture = try Fixture(scratch)
        #expect(try await fixture.create("pvc-1").volume.id.rawValue == "h.0123456789ab.pvc-1")
    }

    @Test("one process serves a pool, and the next one as soon as the first has stopped")
    func lock() async throws {
        let first = try Fixture(Scratch())
        let second = try Fixture(first.scratch)
        let error = await #expect(throws: DriverError.self) { _ = try await second.create("pvc-1") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("in use by another process") == true)
        #expect(try await first.create("pvc-1").isMade)
        first.backend.stop()
        #expect(await code { _ = try await first.create("pvc-2") } == .unavailable)
        #expect(try await !second.create("pvc-1").isMade)
    }

    @Test("a copy of a pool is not served beside it")
    func copy() async throws {
        let scratch = try Scratch()
        let first = try Fixture(scratch, pools: ["a"])
        first.backend.stop()
        mkdir("\(scratch.directory("b"))/.moorage", 0o700)
        let format = try read("\(scratch.path)/a/.moorage/format")
        try write(format, to: "\(scratch.path)/b/.moorage/format")
        let second = try Fixture(scratch, pools: ["a", "b"])
        #expect(try await second.create("pvc-1", ["pool": "a"]).isMade)
        let error = await #expect(throws: DriverError.self) { _ = try await second.create("pvc-1", ["pool": "b"]) }
        #expect(error?.code == .unavailable)
    }

    @Test("the default pool is made, once")
    func embedded() async throws {
        let scratch = try Scratch()
        let state = "\(scratch.path)/state"
        let configuration = PoolConfiguration.embedded(stateDirectory: state)
        func backend() throws -> (HostPathBackend, WorkerThreads) {
            let workers = WorkerThreads(name: "test", limit: 1)
            let backend = try HostPathBackend(
                pools: [configuration], stateDirectory: state, nodeID: "node-1", topology: Fixture.topology,
                workers: workers, report: { _ in })
            backend.start()
            return (backend, workers)
        }
        let request = CreateVolumeRequest(name: "pvc-1", volumeCapabilities: [Fixture.mount])
        do {
            let (backend, workers) = try backend()
            #expect(try await backend.create(backend.place(request)).isMade)
            backend.stop()
            workers.close()
        }
        #expect(try OwnedDescriptor.status(ofPath: configuration.path).permissions == 0o700)
        // Gone with everything in it: a new one would hide that.
        #expect(rename(configuration.path, "\(scratch.path)/aside") == 0)
        let (second, workers) = try backend()
        #expect(await code { _ = try await second.create(second.place(request)) } == .unavailable)
        #expect(!exists(configuration.path))
        second.stop()
        workers.close()
    }

    @Test("what is remembered of a pool is on literal bytes, and what cannot be read makes the pool absent")
    func memory() async throws {
        let fixture = try Fixture(Scratch())
        let file = "\(fixture.scratch.path)/state/pools/default.json"
        #expect(
            try read(file) == """
                {
                  "id": "\(fixture.poolID())",
                  "layout": 1,
                  "name": "default",
                  "path": "\(fixture.root())"
                }

                """)
        fixture.backend.stop()
        try write("{\"layout\": 7}", to: file)
        let second = try Fixture(fixture.scratch)
        let error = await #expect(throws: DriverError.self) { _ = try await second.create("pvc-1") }
        #expect(error?.code == .unavailable)
        #expect(second.events.list.contains { $0.description.contains(file) })
    }

    @Test(
        "pools that cannot be served side by side are refused at once",
        arguments: [
            [("a", "/srv/a"), ("a", "/srv/b")], [("a", "/srv/a"), ("b", "/srv/a")],
            [("a", "/srv/a"), ("b", "/srv/a/")],
            [("a", "/srv/a"), ("b", "/srv//a/b")], [("a", "/srv/a/b"), ("b", "/srv/a")], [("a", "srv")], [("a", "/")],
            [("a", "/srv/../x")], [("a", "/srv/./x")], [("", "/srv")], [("a/b", "/srv")], [("../a", "/srv")],
            [("ä", "/srv")],
            [(String(repeating: "a", count: 64), "/srv")], [],
        ])
    func refused(pools: [(String, String)]) async {
        let workers = WorkerThreads(name: "test", limit: 1)
        defer { workers.close() }
        let error = await code {
            _ = try HostPathBackend(
                pools: pools.map { PoolConfiguration(name: $0.0, path: $0.1) }, stateDirectory: "/tmp/state",
                nodeID: "node-1", topology: Fixture.topology, workers: workers, report: { _ in })
        }
        #expect(error == .invalidArgument)
    }
}
