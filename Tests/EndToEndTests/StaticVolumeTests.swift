import CSIWire
import GRPCServing
import Glibc
import JSONText
import Testing

@Suite("Existing directories as volumes", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct StaticVolumeTests {
    @Test("a directory with data is used and given back, each step twice, and never deleted")
    func life() async throws {
        try await ExistingData.with { data, driver in
            let path = data.allowed + "/project/a"
            try makeDirectory(path)
            #expect(writeFile(path + "/before", "old") == nil)
            let volume = try StaticVolume(driver, path: path)
            for _ in 0..<2 { #expect(try await volume.validate()["confirmed"] != .null) }
            for _ in 0..<2 { try await volume.stage() }
            for _ in 0..<2 { try await volume.publish() }
            #expect(Set(mounts(below: driver.directory)) == [volume.staging, volume.target()])
            #expect(mounts(below: driver.directory).count == 2)
            #expect(readFile(volume.target() + "/before") == "old")
            #expect(writeFile(volume.target() + "/during", "new") == nil)
            let usage = try await volume.usage()
            #expect(usage.contains { $0["unit"].string == "BYTES" && $0["total"].integer > 0 })
            #expect(usage.contains { $0["unit"].string == "INODES" })
            // It is in nobody's list, and no record can be asked for.
            #expect(try await driver.call("Controller/ListVolumes")["entries"].elements.isEmpty)
            #expect(try await driver.failure("Controller/ControllerGetVolume", volume.idOnly).code == .notFound)
            try await volume.delete()
            #expect(readFile(volume.target() + "/during") == "new")

            for _ in 0..<2 { try await volume.unpublish() }
            #expect(!exists(volume.target()))
            let gone = try await driver.failure(
                "Node/NodeGetVolumeStats", #"{"volumeId": "\#(volume.id)", "volumePath": "\#(volume.target())"}"#)
            #expect(gone.code == .notFound, "\(gone)")
            for _ in 0..<2 { try await volume.unstage() }
            #expect(mounts(below: driver.directory).isEmpty)
            for _ in 0..<2 { try await volume.delete() }
            #expect(readFile(path + "/before") == "old")
            #expect(readFile(path + "/during") == "new")
            #expect(try data.isUntouched(but: ["project"]))
        }
    }

    @Test("DeleteVolume with an id that looks like a path deletes nothing")
    func deleteByPath() async throws {
        try await ExistingData.with { data, driver in
            for id in [data.allowed, data.outside, data.outside + "/precious", "..", "../allowed"] {
                _ = try await driver.call("Controller/DeleteVolume", #"{"volumeId": "\#(id)"}"#)
            }
            #expect(try data.isUntouched())
        }
    }

    @Test("a volume outlives the driver, and is measured and taken away by the next one")
    func restart() async throws {
        try await ExistingData.with { data, driver in
            let path = data.allowed + "/a"
            try makeDirectory(path)
            let volume = try StaticVolume(driver, path: path)
            try await volume.publish()
            #expect(try await driver.stop(SIGKILL) == .signal(SIGKILL))
            try await driver.start()
            #expect(try await !volume.usage().isEmpty)
            try await volume.publish()
            #expect(mounts(below: driver.directory).count == 2)
            try await volume.unpublish()
            try await volume.unstage()
            #expect(mounts(below: driver.directory).isEmpty)
        }
    }

    @Test("read-only is one publication's, and mount flags are obeyed")
    func attributes() async throws {
        try await ExistingData.with { data, driver in
            let path = data.allowed + "/a"
            try makeDirectory(path)
            let volume = try StaticVolume(
                driver, path: path, capability("SINGLE_NODE_MULTI_WRITER", flags: ["noexec"]))
            try await volume.stage()
            try await volume.publish()
            try await volume.publish(at: "b", readonly: true)
            #expect(writeFile(volume.target() + "/file", "text") == nil)
            #expect(readFile(volume.target("b") + "/file") == "text")
            #expect(writeFile(volume.target("b") + "/file", "more") == EROFS)
            var figures = statvfs()
            #expect(statvfs(volume.target(), &figures) == 0 && figures.f_flag & 8 != 0)
        }
    }

    @Test("a directory that is missing is made by staging when its type says so, and by nothing else")
    func directoryOrCreate() async throws {
        try await ExistingData.with { data, driver in
            let path = data.allowed + "/x/y/z"
            for type in [nil, "", "Directory"] {
                let volume = try StaticVolume(driver, path: path, type: type)
                for (method, request) in [
                    ("Node/NodeStageVolume", volume.stageRequest), ("Node/NodePublishVolume", volume.publishRequest()),
                    ("Controller/ValidateVolumeCapabilities", volume.validateRequest),
                ] {
                    let status = try await driver.failure(method, request)
                    #expect(status.code == .notFound, "\(method): \(status)")
                    #expect(status.message.contains("DirectoryOrCreate"))
                }
            }
            let volume = try StaticVolume(driver, path: path, type: "DirectoryOrCreate")
            #expect(try await volume.validate()["confirmed"] != .null)
            #expect(try data.isUntouched())
            #expect(mounts(below: driver.directory).isEmpty)

            for _ in 0..<2 { try await volume.stage() }
            for made in ["/x", "/x/y", "/x/y/z"] { #expect(permissions(data.allowed + made) == 0o755) }
            for _ in 0..<2 { try await volume.publish() }
            #expect(writeFile(volume.target() + "/file", "text") == nil)
            try await volume.unpublish()
            try await volume.unstage()
            for _ in 0..<2 { try await volume.delete() }
            #expect(readFile(path + "/file") == "text")
            #expect(try data.isUntouched(but: ["x"]))
        }
    }

    @Test("a publication stages what is not staged, and makes the directory with it; what is staged it does not make")
    func publishAlone() async throws {
        try await ExistingData.with { data, driver in
            let path = data.allowed + "/x/y"
            let volume = try StaticVolume(driver, path: path, type: "DirectoryOrCreate")
            try await volume.publish()
            #expect(writeFile(volume.target() + "/file", "text") == nil)
            #expect(readFile(path + "/file") == "text")
            #expect(mounts(below: driver.directory).count == 2)
            #expect(rename(data.allowed + "/x", data.allowed + "/moved") == 0)
            let status = try await driver.failure("Node/NodePublishVolume", volume.publishRequest(at: "b"))
            #expect(status.code == .notFound, "\(status)")
            #expect(!exists(data.allowed + "/x"))
        }
    }

    @Test("what staging made survives a power cut", arguments: Disk.Kind.allCases)
    func durable(kind: Disk.Kind) async throws {
        try await Disk.with(kind) { disk in
            try makeDirectory(disk.mountPoint + "/allowed")
            sync()
            try await Driver.with(["--host-path-prefix", disk.mountPoint + "/allowed"]) { driver in
                let volume = try StaticVolume(
                    driver, path: disk.mountPoint + "/allowed/x/y", type: "DirectoryOrCreate")
                try await volume.stage()
                #expect(permissions(try await disk.afterPowerCut("made") + "/allowed/x/y") == 0o755)
                try await volume.unstage()
            }
        }
    }

    @Test(
        "a link in the place of any component is refused by every call, and its victim is untouched", arguments: 0..<3,
        ["", "DirectoryOrCreate", "BlockDevice"])
    func links(position: Int, type: String) async throws {
        try await ExistingData.with { data, driver in
            // A relative one stays beneath the prefix.
            let wayUp = String(repeating: "../", count: position)
            for victim in [data.outside, data.allowed + "/inside", wayUp + "inside"] {
                try makeDirectory(data.allowed + "/inside")
                var path = data.allowed
                for (index, component) in ["a", "b", "c"].enumerated() {
                    path += "/" + component
                    if index == position {
                        #expect(symlink(victim, path) == 0)
                        break
                    }
                    try makeDirectory(path)
                }
                let volume = try StaticVolume(
                    driver, path: data.allowed + "/a/b/c", type: type,
                    type == "BlockDevice" ? StaticVolume.block : capability())
                for (method, request) in [
                    ("Node/NodeStageVolume", volume.stageRequest), ("Node/NodePublishVolume", volume.publishRequest()),
                    ("Controller/ValidateVolumeCapabilities", volume.validateRequest),
                ] {
                    let status = try await driver.failure(method, request)
                    #expect(status.code == .failedPrecondition, "\(method): \(status)")
                }
                #expect(try entries(data.allowed + "/inside").isEmpty)
                #expect(try data.isUntouched(but: ["a", "inside"]))
                #expect(mounts(below: driver.directory).isEmpty)
                #expect(!exists(volume.target()))
                _ = try await Finished.run(["/bin/rm", "-rf", data.allowed + "/a"], in: data.directory)
            }
        }
    }

    /// Contexts that are refused, in which P stands for the allowed directory and O for the one beside it.
    static let refused: [(context: [String: String], GRPCCode)] = [
        (["path": "P/../outside"], .invalidArgument), (["path": "P/a/../../outside"], .invalidArgument),
        (["path": "P/.."], .invalidArgument), (["path": "P/./a"], .invalidArgument),
        (["path": "P//a"], .invalidArgument), (["path": "P/a/"], .invalidArgument),
        (["path": "a"], .invalidArgument), (["path": ""], .invalidArgument), (["path": "/"], .invalidArgument),
        (["path": "P/a", "type": "File"], .invalidArgument),
        (["path": "P/precious", "type": "FileOrCreate"], .invalidArgument),
        (["path": "P/a", "type": "Socket"], .invalidArgument),
        (["path": "P/a", "type": "CharDevice"], .invalidArgument),
        (["path": "P/a", "type": "BlockDevice"], .invalidArgument),
        (["path": "P/a", "type": "geheim"], .invalidArgument),
        (["path": "P/a", "server": "geheim"], .invalidArgument),
        (["path": "P"], .permissionDenied), (["path": "O"], .permissionDenied),
        (["path": "O/new", "type": "DirectoryOrCreate"], .permissionDenied),
        (["path": "P-not/a", "type": "DirectoryOrCreate"], .permissionDenied),
        (["path": "/etc"], .permissionDenied), (["path": "P/precious"], .failedPrecondition),
    ]

    @Test(
        "what a context may not say is refused, denied by ValidateVolumeCapabilities, and makes nothing",
        arguments: refused)
    func refusals(context: [String: String], code: GRPCCode) async throws {
        try await ExistingData.with { data, driver in
            try makeDirectory(data.allowed + "/a")
            var volume = try StaticVolume(driver, path: "")
            volume.context = context.mapValues {
                guard let first = $0.first, "PO".contains(first) else { return $0 }
                return (first == "P" ? data.allowed : data.outside) + $0.dropFirst()
            }
            for (method, request) in [
                ("Node/NodeStageVolume", volume.stageRequest), ("Node/NodePublishVolume", volume.publishRequest()),
            ] {
                let status = try await driver.failure(method, request)
                #expect(status.code == code, "\(method): \(status)")
                #expect(!status.message.contains("geheim"))
                #expect(status.message.contains("--host-path-prefix") || code != .permissionDenied)
            }
            if code == .failedPrecondition {
                #expect(
                    try await driver.failure("Controller/ValidateVolumeCapabilities", volume.validateRequest).code
                        == code)
            } else {
                let answer = try await volume.validate()
                #expect(answer["confirmed"] == .null)
                #expect(answer["message"].string?.isEmpty == false)
            }
            #expect(try data.isUntouched(but: ["a"]))
            #expect(mounts(below: driver.directory).isEmpty)
            #expect(!exists(volume.target()))
            #expect(!driver.log.contains("geheim"))
        }
    }

    @Test("without a prefix no existing path is a volume")
    func noPrefix() async throws {
        try await ExistingData.with([]) { data, driver in
            for type in ["", "DirectoryOrCreate"] {
                let volume = try StaticVolume(driver, path: data.allowed + "/a", type: type)
                for (method, request) in [
                    ("NodeStageVolume", volume.stageRequest), ("NodePublishVolume", volume.publishRequest()),
                ] {
                    let status = try await driver.failure("Node/\(method)", request)
                    #expect(status.code == .permissionDenied, "\(status)")
                    #expect(status.message.contains("--host-path-prefix DIR"))
                }
            }
            #expect(try data.isUntouched())
        }
    }

    @Test("an id that the driver gives together with a path is ambiguous")
    func dynamicID() async throws {
        try await ExistingData.with { data, driver in
            try makeDirectory(data.allowed + "/a")
            let made = try await Volume.make("v", on: driver)
            for id in [made.id, "h.000000000000.nothing"] {
                let volume = try StaticVolume(driver, id: id, path: data.allowed + "/a")
                for (method, request) in [
                    ("Node/NodeStageVolume", volume.stageRequest), ("Node/NodePublishVolume", volume.publishRequest()),
                    ("Controller/ValidateVolumeCapabilities", volume.validateRequest),
                ] {
                    #expect(try await driver.failure(method, request).code == .invalidArgument)
                }
            }
            #expect(mounts(below: driver.directory).isEmpty)
        }
    }

    @Test("a volume that is mounted is not mounted again from another path under its id")
    func otherPath() async throws {
        try await ExistingData.with { data, driver in
            for name in ["a", "b"] { try makeDirectory("\(data.allowed)/\(name)") }
            let volume = try StaticVolume(driver, path: data.allowed + "/a")
            try await volume.stage()
            try await volume.publish()
            let other = try StaticVolume(driver, path: data.allowed + "/b")
            #expect(try await driver.failure("Node/NodeStageVolume", other.stageRequest).code == .alreadyExists)
            #expect(try await driver.failure("Node/NodePublishVolume", other.publishRequest()).code == .alreadyExists)
            let second = try await driver.failure("Node/NodePublishVolume", other.publishRequest(at: "b"))
            #expect(second.code == .failedPrecondition, "\(second)")
            #expect(writeFile(volume.target() + "/file", "text") == nil)
            #expect(readFile(data.allowed + "/a/file") == "text")
        }
    }

    @Test("several prefixes are served, and so are mounts below them")
    func severalPrefixes() async throws {
        try await ExistingData.with { data, _ in
            try makeDirectory(data.allowed + "/disk")
            guard mount("tmpfs", data.allowed + "/disk", "tmpfs", 0, "size=1m") == 0 else {
                throw Failure("tmpfs: errno \(errno)")
            }
            defer { umount2(data.allowed + "/disk", Int32(MNT_DETACH)) }
            let prefixes = ["--host-path-prefix", data.allowed, "--host-path-prefix", data.outside]
            try await Driver.with(prefixes) { driver in
                for path in [data.allowed + "/disk/a", data.outside + "/a"] {
                    let volume = try StaticVolume(driver, path: path, type: "DirectoryOrCreate")
                    try await volume.publish()
                    #expect(writeFile(volume.target() + "/file", path) == nil)
                    #expect(readFile(path + "/file") == path)
                    try await volume.unpublish()
                    try await volume.unstage()
                }
            }
        }
    }

    static let wrongPrefixes: [(String, String)] = [
        ("relative", "begins with /"), ("/", "without . and .."), ("/a/../b", "without . and .."),
        ("S/pools-data/default", "pool default"), ("S/pools-data/default/volumes", "pool default"),
        ("S/pools-data", "pool default"), ("S", "pool default"), ("S/ledger", "state directory"), ("S/..", "without"),
        ("/tmp", "pool default"), ("L", "pool default"), ("L/ledger", "state directory"),
    ]

    /// S stands for the state directory, L for a link to it.
    @Test("a prefix that could reach what the driver keeps is refused at start", arguments: wrongPrefixes)
    func wrongPrefix(prefix: String, told: String) async throws {
        try await Driver.with { driver in
            let (state, link) = (driver.directory + "/state", driver.directory + "/link")
            #expect(symlink(state, link) == 0)
            var given = prefix
            if let first = prefix.first, "SL".contains(first) {
                given = (first == "S" ? state : link) + prefix.dropFirst()
            }
            let run = try await Finished.run(
                Driver.arguments(driver.directory) + ["--host-path-prefix", given], in: driver.directory)
            #expect(run.ending == .exit(64))
            #expect(run.errors.contains(told) && run.errors.contains("--host-path-prefix"), "\(run.errors)")
        }
    }
}
