import Glibc
import LinuxSystem
import StorageModel
import Testing

@testable import HostPathBackend

@Suite("Existing paths as volumes", .timeLimit(.minutes(1)))
struct StaticVolumeTests {
    static let id = VolumeID("an administrator's choice / 1")
    static let mount = Fixture.mount
    static let block = VolumeCapability(.block, .singleNodeWriter)

    // MARK: What a context says

    @Test("a context with a path is that of a static volume, whatever else it says")
    func described() throws {
        let fixture = try Fixture(Scratch())
        defer { withExtendedLifetime(fixture) {} }
        let backend = fixture.backend
        for context in [["path": ""], ["path": "/x"], ["Path": "/x", "server": "y"]] {
            #expect(backend.describesStaticVolume(Self.id, context))
        }
        for context in [[:], ["type": "Directory"], ["csi.storage.k8s.io/path": "/x"], ["server": "y"]] {
            #expect(!backend.describesStaticVolume(Self.id, context))
        }
    }

    @Test(
        "a context that cannot be honoured is refused with its key and without its value",
        arguments: [
            (["path": ""], "path"), (["path": "s3cret"], "path"), (["path": "./s3cret"], "path"),
            (["path": "/"], "path"), (["path": "//s3cret"], "path"), (["path": "/s3cret/"], "path"),
            (["path": "/a//s3cret"], "path"), (["path": "/../s3cret"], "path"), (["path": "/s3cret/.."], "path"),
            (["path": "/s3cret/./b"], "path"), (["path": "/." + String(repeating: "/s3cret", count: 600)], "path"),
            (["path": "/a", "PATH": "/s3cret"], "path"),
            (["path": "/a", "type": "s3cret"], "type"), (["path": "/a", "type": "directory"], "type"),
            (["path": "/a", "type": " Directory"], "type"), (["path": "/a", "type": "File"], "type"),
            (["path": "/a", "type": "FileOrCreate"], "type"), (["path": "/a", "type": "Socket"], "type"),
            (["path": "/a", "type": "CharDevice"], "type"), (["path": "/a", "type": "", "Type": ""], "type"),
            (["path": "/a", "server": "s3cret"], "server"), (["path": "/a", "password": "s3cret"], "password"),
        ] as [([String: String], String)])
    func refused(context: [String: String], key: String) async throws {
        let error = #expect(throws: DriverError.self) { try StaticVolume(context) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(key) == true)
        #expect(error?.message.contains("s3cret") == false)
        // By each way in, and before anything else is looked at.
        let fixture = try Fixture(Scratch(), prefixes: ["/a"])
        defer { withExtendedLifetime(fixture) {} }
        let backend = fixture.backend
        #expect(await code { try backend.checkSupport(of: Self.mount, context: context) } == .invalidArgument)
        #expect(
            await code { _ = try await backend.mountPlan(for: Self.id, capability: Self.mount, context: context) }
                == .invalidArgument)
        #expect(await code { try await backend.makeMissing(for: Self.id, context: context) } == .invalidArgument)
    }

    /// Not among the arguments above, which are shown in the log.
    @Test("a path with a NUL in it is refused")
    func nul() {
        let error = #expect(throws: DriverError.self) { try StaticVolume(["path": "/a/b\0"]) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("the refusal of a type that Kubernetes has and CSI cannot have says why")
    func refusedTypes() {
        for type in ["File", "FileOrCreate", "Socket", "CharDevice"] {
            let error = #expect(throws: DriverError.self) { try StaticVolume(["path": "/a", "type": type]) }
            #expect(error?.message.contains("CSI mounts directories") == true)
            #expect(error?.message.contains(type) == true)
        }
    }

    @Test(
        "types are read, keys in any case, and what the orchestrator adds is ignored",
        arguments: [
            (["path": "/a"], .directory), (["path": "/a", "type": ""], .directory),
            (["PATH": "/a", "Type": "Directory"], .directory),
            (["path": "/a", "type": "DirectoryOrCreate"], .directoryOrCreate),
            (["path": "/a", "type": "BlockDevice", "csi.storage.k8s.io/pod.name": "p"], .blockDevice),
        ] as [([String: String], StaticVolume.Kind)])
    func types(context: [String: String], kind: StaticVolume.Kind) throws {
        let volume = try StaticVolume(context)
        #expect(volume.kind == kind)
        #expect(volume.components == [Array("a".utf8)])
    }

    // MARK: Where it may be

    @Test(
        "only what is strictly below a prefix is allowed, by whole components and byte for byte",
        arguments: [
            ([], "/srv/data/a", nil),
            (["/srv/data"], "/srv/data", nil), (["/srv/data"], "/srv", nil), (["/srv/data"], "/srv/database/a", nil),
            (["/srv/data"], "/other/a", nil),
            (["/srv/data"], "/srv/data/a/b", ["/srv/data", "a", "b"]),
            // The longest prefix wins, whichever comes first.
            (["/srv", "/srv/data"], "/srv/data/a", ["/srv/data", "a"]),
            (["/srv/data", "/srv"], "/srv/data/a", ["/srv/data", "a"]),
            (["/srv/data", "/srv"], "/srv/data", ["/srv", "data"]),
            // One e with an accent, and an e and an accent: two names to the kernel, one to Unicode.
            (["/srv/\u{e9}"], "/srv/e\u{301}/a", nil),
            (["/srv/\u{e9}"], "/srv/\u{e9}/a", ["/srv/\u{e9}", "a"]),
            // A combining mark after a slash belongs to the next component.
            (["/srv"], "/srv/a/\u{301}b", ["/srv", "a", "\u{301}b"]),
        ] as [([String], String, [String]?)])
    func prefixes(prefixes: [String], path: String, place: [String]?) async throws {
        let fixture = try Fixture(Scratch(), prefixes: prefixes)
        defer { withExtendedLifetime(fixture) {} }
        let backend = fixture.backend
        var refusal: DriverError?
        do throws(DriverError) {
            try backend.checkSupport(of: Self.mount, context: ["path": path])
            let found = try backend.place(of: StaticVolume(["path": path]))
            #expect([found.prefix] + found.components == place)
        } catch {
            refusal = error
        }
        #expect(refusal?.code == (place == nil ? .permissionDenied : nil))
        if let refusal {
            #expect(refusal.message.contains("--host-path-prefix DIR"))
            #expect(!refusal.message.contains("database"))
        }
    }

    @Test(
        "a prefix that is, lies in or holds a directory overlaps it",
        arguments: [
            ("/srv/pool", "/srv/pool", true), ("/srv/pool/a", "/srv/pool", true), ("/srv", "/srv/pool", true),
            ("/srv/pool-2", "/srv/pool", false), ("/other", "/srv/pool", false),
        ])
    func overlaps(prefix: String, directory: String, expected: Bool) {
        #expect(HostPathPrefix(prefix).overlaps(directory) == expected)
    }

    @Test("links to a directory overlap it, and so does what is yet to be made below one")
    func overlapsThroughLinks() throws {
        let scratch = try Scratch()
        let (pool, other) = (scratch.directory("pool"), scratch.directory("other"))
        #expect(symlink(pool, scratch.path + "/link") == 0)
        for prefix in ["link", "link/a", "link/not/yet"] {
            #expect(HostPathPrefix("\(scratch.path)/\(prefix)").overlaps(pool))
            #expect(!HostPathPrefix("\(scratch.path)/\(prefix)").overlaps(other))
        }
        #expect(HostPathPrefix(pool).overlaps("\(scratch.path)/link/state"))
    }

    // MARK: How it may be used

    @Test(
        "directories are for mount volumes, devices for block volumes, both on one node",
        arguments: [
            ("", mount, true), ("DirectoryOrCreate", mount, true), ("BlockDevice", block, true),
            ("Directory", block, false), ("DirectoryOrCreate", block, false), ("BlockDevice", mount, false),
            ("BlockDevice", VolumeCapability(.block, .singleNodeMultiWriter), true),
            ("BlockDevice", VolumeCapability(.block, .singleNodeReaderOnly), false),
            ("BlockDevice", VolumeCapability(.block, .multiNodeMultiWriter), false),
            ("", VolumeCapability(.mount(MountCapability()), .multiNodeReaderOnly), false),
            ("", VolumeCapability(.mount(MountCapability()), .singleNodeReaderOnly), true),
            ("", VolumeCapability(.mount(MountCapability(mountFlags: ["noexec"])), .singleNodeWriter), true),
            ("", VolumeCapability(.mount(MountCapability(mountFlags: ["vers=4"])), .singleNodeWriter), false),
            ("", VolumeCapability(.mount(MountCapability(volumeMountGroup: "1")), .singleNodeWriter), false),
        ])
    func capabilities(type: String, capability: VolumeCapability, isSupported: Bool) async throws {
        let fixture = try Fixture(Scratch(), prefixes: ["/srv"])
        defer { withExtendedLifetime(fixture) {} }
        let backend = fixture.backend
        let context = ["path": "/srv/a", "type": type]
        let check = await code { try backend.checkSupport(of: capability, context: context) }
        #expect(check == (isSupported ? nil : .invalidArgument))
        if !isSupported {
            let plan = await code {
                _ = try await backend.mountPlan(for: Self.id, capability: capability, context: context)
            }
            #expect(plan == .invalidArgument)
        }
    }

    // MARK: What is there

    @Test("an existing directory becomes a plan with the flags that were asked for")
    func plan() async throws {
        let scratch = try Scratch()
        let fixture = try Fixture(scratch, prefixes: [scratch.directory("data")])
        _ = scratch.directory("data/a")
        _ = scratch.directory("data/a/b")
        for type in ["", "Directory", "DirectoryOrCreate"] {
            let plan = try await fixture.backend.mountPlan(
                for: Self.id,
                capability: VolumeCapability(
                    .mount(MountCapability(mountFlags: ["noexec"])), .singleNodeReaderOnly),
                context: ["path": "\(scratch.path)/data/a/b", "type": type])
            #expect(plan.source == .directory(root: "\(scratch.path)/data", components: ["a", "b"]))
            #expect(plan.attributes.canonicalFlags == ["ro", "noexec", "relatime"])
        }
    }

    @Test("a plan makes nothing, and only a directory that may be made may be missing")
    func missing() async throws {
        let scratch = try Scratch()
        let fixture = try Fixture(scratch, prefixes: [scratch.directory("data"), scratch.path + "/gone"])
        func plan(_ path: String, _ type: String) async -> DriverError.Code? {
            let capability = type == "BlockDevice" ? Self.block : Self.mount
            return await code {
                _ = try await fixture.backend.mountPlan(
                    for: Self.id, capability: capability,
                    context: ["path": "\(scratch.path)/\(path)", "type": type])
            }
        }
        for type in ["", "Directory", "BlockDevice"] {
            #expect(await plan("data/a/b", type) == .notFound)
            #expect(
                await code {
                    try await fixture.backend.makeMissing(
                        for: Self.id, context: ["path": "\(scratch.path)/data/a/b", "type": type])
                } == nil)
        }
        #expect(await plan("data/a/b", "DirectoryOrCreate") == nil)
        #expect(names(in: "\(scratch.path)/data") == [])
        for type in ["", "DirectoryOrCreate"] { #expect(await plan("gone/a", type) == .unavailable) }
        #expect(!exists("\(scratch.path)/gone"))
    }

    @Test("what is of another kind is refused")
    func otherKind() async throws {
        let scratch = try Scratch()
        let fixture = try Fixture(scratch, prefixes: [scratch.directory("data")])
        try write("text", to: "\(scratch.path)/data/file")
        _ = scratch.directory("data/directory")
        for (name, type) in [
            ("file", "Directory"), ("file", "DirectoryOrCreate"), ("file/a", "DirectoryOrCreate"),
            ("file", "BlockDevice"), ("directory", "BlockDevice"),
        ] {
            let context = ["path": "\(scratch.path)/data/\(name)", "type": type]
            let capability = type == "BlockDevice" ? Self.block : Self.mount
            let plan = await code {
                _ = try await fixture.backend.mountPlan(for: Self.id, capability: capability, context: context)
            }
            #expect(plan == .failedPrecondition, "\(context)")
        }
        #expect(try read("\(scratch.path)/data/file") == "text")
    }

    @Test("missing directories are made with 0755, whatever the umask, and again nothing is changed")
    func make() async throws {
        let scratch = try Scratch()
        let fixture = try Fixture(scratch, prefixes: [scratch.directory("data")])
        let before = umask(0o077)
        defer { umask(before) }
        _ = scratch.directory("data/private")
        let path = "\(scratch.path)/data/private/a/b"
        let context = ["path": path, "type": "DirectoryOrCreate"]
        for _ in 0..<2 {
            try await fixture.backend.makeMissing(for: Self.id, context: context)
            try write("kept", to: "\(path)/file")
        }
        #expect(try OwnedDescriptor.status(ofPath: path).permissions == 0o755)
        #expect(try OwnedDescriptor.status(ofPath: "\(scratch.path)/data/private/a").permissions == 0o755)
        // Only what is made gets permissions.
        #expect(try OwnedDescriptor.status(ofPath: "\(scratch.path)/data/private").permissions == 0o700)
        #expect(try read("\(path)/file") == "kept")
    }

    @Test(
        "a link in the place of any component is not followed, and nothing is made behind it", arguments: 0..<3,
        ["", "Directory", "DirectoryOrCreate", "BlockDevice"])
    func links(position: Int, type: String) async throws {
        // A relative one stays beneath the prefix.
        for isRelative in [false, true] {
            let scratch = try Scratch()
            let fixture = try Fixture(scratch, prefixes: [scratch.directory("data")])
            let victim = scratch.directory("data/victim")
            let components = ["a", "b", "c"]
            var path = "\(scratch.path)/data"
            for (index, component) in components.enumerated() {
                path += "/" + component
                if index == position {
                    let wayUp = String(repeating: "../", count: position)
                    #expect(symlink(isRelative ? wayUp + "victim" : victim, path) == 0)
                    break
                }
                mkdir(path, 0o755)
            }
            let context = ["path": "\(scratch.path)/data/a/b/c", "type": type]
            let capability = type == "BlockDevice" ? Self.block : Self.mount
            let plan = await code {
                _ = try await fixture.backend.mountPlan(for: Self.id, capability: capability, context: context)
            }
            #expect(plan == .failedPrecondition)
            let made = await code { try await fixture.backend.makeMissing(for: Self.id, context: context) }
            #expect(made == (type == "DirectoryOrCreate" ? .failedPrecondition : nil))
            #expect(names(in: victim) == [])
        }
    }

    @Test("a component that is too long for the file system is INVALID_ARGUMENT")
    func longName() async throws {
        let scratch = try Scratch()
        let fixture = try Fixture(scratch, prefixes: [scratch.directory("data")])
        let context = [
            "path": "\(scratch.path)/data/" + String(repeating: "n", count: 256), "type": "DirectoryOrCreate",
        ]
        #expect(
            await code { try await fixture.backend.makeMissing(for: Self.id, context: context) } == .invalidArgument)
        #expect(names(in: "\(scratch.path)/data") == [])
    }
}
