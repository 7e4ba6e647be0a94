import CSIWire
import GRPCServing
import Glibc
import JSONText
import Testing

@Suite("Inspect: volumes, mounts and pools", .privateMountNamespace, .serialized, .timeLimit(.minutes(3)))
struct InspectTests {
    private static let service = "/moorage.inspect.v1.Inspect"

    private func run(_ words: String..., on driver: Driver) async throws -> Finished {
        try await Finished.run(
            [Driver.program] + words + ["--endpoint", driver.endpoint], in: driver.directory)
    }

    /// The entries that a command prints with `--json`.
    private func entries(_ words: String..., on driver: Driver) async throws -> [JSONValue] {
        let listing = try await Finished.run(
            [Driver.program] + words + ["--json", "--endpoint", driver.endpoint], in: driver.directory)
        guard listing.ending == .exit(0) else { throw Failure("\(words): \(listing.ending) \(listing.errors)") }
        return try JSONValue(parsing: listing.output).elements
    }

    private func rows(_ output: String) -> [[String]] {
        output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }

    @Test("volumes of every state are listed with what is known of them")
    func states() async throws {
        try await Driver.with { driver in
            let ready = try await Volume.make("ready", on: driver)
            try await ready.stage()
            try await ready.publish()
            let retained = try await create("kept", #""onDelete": "retain""#, bytes: 1 << 30, on: driver)
            try await retained.delete()
            let broken = try await Volume.make("broken", on: driver)
            #expect(writeFile("\(driver.pool)/.moorage/volumes/\(broken.id).json", "{") == nil)
            // What something is mounted in cannot be removed, so it stays in the trash.
            let deleting = try await Volume.make("gone", on: driver)
            let inside = "\(driver.pool)/volumes/\(deleting.id)/inside"
            try makeDirectory(inside)
            try #require(mount("tmpfs", inside, "tmpfs", 0, "size=1m") == 0)
            try await deleting.delete()

            let found = try await entries("volumes", on: driver)
            #expect(
                found.map { [$0["volumeId"].string, $0["state"].string] } == [
                    [broken.id, "UNREADABLE"], [deleting.id, "DELETING"], [retained.id, "RETAINED"],
                    [ready.id, "READY"],
                ])
            #expect(found.map { $0["name"].string } == ["broken", "gone", "kept", "ready"])
            // The record of what is being removed goes before its data.
            #expect([0, 2, 3].map { found[$0]["created"] == .null } == [true, false, false])
            for entry in found {
                #expect(exists(try entry["path"].string.required("no path")), "\(entry.text())")
                #expect(entry["backend"].string == "hostPath" && entry["pool"].string == "default")
            }
            #expect(found.map { $0["mounts"].integer } == [0, 0, 0, 2])
            #expect(found[2]["capacityBytes"].string == "1073741824")

            let table = try await run("volumes", on: driver)
            #expect(table.ending == .exit(0))
            let rows = rows(table.output)
            #expect(rows[0] == ["VOLUME", "NAME", "POOL", "SIZE", "STATE", "MOUNTS", "CREATED", "PATH"])
            #expect(rows.dropFirst().map { $0[4] } == ["UNREADABLE", "DELETING", "RETAINED", "READY"])
            #expect(rows[3][3] == "1.0Gi")

            let pools = try await driver.call("\(Self.service)/ListPools")["entries"].elements
            #expect(pools.map { $0["volumes"].string } == ["3"])
            #expect(pools.map { $0["trash"].string } == ["1"])
        }
    }

    private func create(
        _ name: String, _ parameters: String, bytes: Int, on driver: Driver
    ) async throws -> Volume {
        let answer = try await driver.call(
            "Controller/CreateVolume",
            """
            {"name": "\(name)", "parameters": {\(parameters)}, "capacityRange": {"requiredBytes": \(bytes)},
             "volumeCapabilities": [\(capability())]}
            """)
        return Volume(driver: driver, name: name, id: try answer["volume"]["volumeId"].string.required("no id"))
    }

    @Test("more volumes than one page holds are listed, each once")
    func manyVolumes() async throws {
        try await Driver.with { driver in
            let count = 1005
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<8 {
                    group.addTask {
                        for number in stride(from: caller, to: count, by: 8) {
                            _ = try await driver.call(
                                "Controller/CreateVolume",
                                #"{"name": "v\#(number)", "volumeCapabilities": [\#(capability())]}"#)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let page = try await driver.call("\(Self.service)/ListVolumes", #"{"maxEntries": 5000}"#)
            #expect(page["entries"].elements.count == 1000)
            #expect(page["nextToken"].string?.isEmpty == false)
            let names = try await entries("volumes", on: driver).compactMap { $0["name"].string }
            #expect(names.count == count)
            #expect(Set(names) == Set((0..<count).map { "v\($0)" }))
        }
    }

    @Test("mounts are listed with what the kernel says of them, page by page")
    func mountsOfEveryPresence() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            let flags = capability("SINGLE_NODE_MULTI_WRITER", flags: ["noexec", "nosuid"])
            try await volume.stage(flags)
            for name in ["a", "b", "c"] { try await volume.publish(at: name, flags, readonly: name == "c") }
            let other = try await Volume.make("w", on: driver)
            try await other.stage()
            try #require(umount2(volume.target("a"), 0) == 0)
            try #require(mount("tmpfs", volume.target("b"), "tmpfs", 0, "size=1m") == 0)

            let found = try await entries("mounts", on: driver)
            #expect(
                found.map { [$0["path"].string, $0["role"].string, $0["presence"].string] } == [
                    [volume.staging, "STAGE", "MOUNTED"], [other.staging, "STAGE", "MOUNTED"],
                    [volume.target("a"), "PUBLISH", "ABSENT"], [volume.target("b"), "PUBLISH", "FOREIGN"],
                    [volume.target("c"), "PUBLISH", "MOUNTED"],
                ])
            #expect(found[4]["flags"] == .strings(["ro", "nosuid", "noexec", "relatime"]))
            #expect(found.allSatisfy { $0["block"] == .bool(false) })
            #expect(found.allSatisfy { $0["accessMode"].string == "SINGLE_NODE_MULTI_WRITER" })

            let ofOne = try await entries("mounts", "--volume", other.id, on: driver)
            #expect(ofOne == [found[1]])
            #expect(try await entries("mounts", "--volume", "h.000000000000.none", on: driver).isEmpty)

            var paged: [String?] = []
            var token = ""
            repeat {
                let page = try await driver.call(
                    "\(Self.service)/ListMounts", #"{"maxEntries": 2, "startingToken": "\#(token)"}"#)
                #expect(page["entries"].elements.count <= 2)
                paged += page["entries"].elements.map { $0["path"].string }
                token = page["nextToken"].string ?? ""
            } while !token.isEmpty
            #expect(paged == found.map { $0["path"].string })

            let table = rows(try await run("mounts", on: driver).output)
            #expect(table[0] == ["VOLUME", "ROLE", "PRESENCE", "MODE", "TYPE", "FLAGS", "SHARE", "PATH"])
            #expect(table[5][5] == "ro,nosuid,noexec,relatime")

            // The foreign mount has to go before the volume can.
            try #require(umount2(volume.target("b"), 0) == 0)
        }
    }

    @Test("pools are listed with their figures, and one that is absent with the reason")
    func pools() async throws {
        var template = Array("/tmp/moorage-pool-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let there = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { rmdir(there) }
        try await Driver.with(["--pool", "there=\(there)", "--pool", "away=/nowhere/at/all"]) { driver in
            let pools = try await driver.call("\(Self.service)/ListPools")["entries"].elements
            #expect(pools.map { $0["name"].string } == ["there", "away"])
            #expect(pools[0]["isAbsent"] == .null && pools[1]["isAbsent"] == .bool(true))
            #expect(pools[0]["totalBytes"].integer >= pools[0]["availableBytes"].integer)
            #expect(pools[0]["availableBytes"].integer > 0)
            #expect(pools[0]["fileSystemType"].string?.isEmpty == false)
            #expect(pools[1]["absence"].string?.contains("/nowhere/at/all does not exist") == true)
            #expect(try await entries("volumes", on: driver).isEmpty)
            #expect(rows(try await run("volumes", on: driver).output).count == 1)
        }
        _ = try await Finished.run(["/bin/rm", "-rf", "--one-file-system", there], in: "/tmp")
    }

    @Test("the service is found by health and reflection, and its calls are in the log")
    func served() async throws {
        try await Driver.with { driver in
            let health = try await driver.call(
                "/grpc.health.v1.Health/Check", #"{"service": "moorage.inspect.v1.Inspect"}"#)
            #expect(health["status"].string == "SERVING")
            #expect(try await run("mounts", "--volume", "some-volume", on: driver).ending == .exit(0))
            try await eventually("the call is in the log") {
                driver.log.split(separator: "\n").contains { line in
                    line.contains("moorage.inspect.v1.Inspect/ListMounts") && line.contains("volume=some-volume")
                        && line.contains("code=OK")
                }
            }
        }
    }

    @Test("an instance of either mode lists what there is", arguments: ["controller", "node"])
    func modes(mode: String) async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            _ = try await driver.stop()
            let process = try ChildProcess(
                Driver.arguments(driver.directory) + ["--mode", mode], output: driver.directory + "/log")
            try await eventually("the \(mode) lists its volumes") {
                guard process.isRunning else { throw Failure("the driver ended") }
                let listing = try await run("volumes", on: driver)
                return listing.ending == .exit(0) && listing.output.contains(volume.id)
            }
            process.send(SIGTERM)
            #expect(try await process.ended() == .exit(0))
            try await driver.start()
        }
    }

    static let refused: [(String, String, GRPCCode)] = [
        ("ListVolumes", #"{"maxEntries": -1}"#, .invalidArgument),
        ("ListVolumes", #"{"startingToken": "no-token"}"#, .aborted),
        ("ListVolumes", #"{"startingToken": "hostPath//../../etc"}"#, .aborted),
        ("ListMounts", #"{"maxEntries": -1}"#, .invalidArgument),
        ("ListMounts", #"{"startingToken": "no-token"}"#, .aborted),
    ]

    @Test("a wrong call is refused with the codes of CSI's own listings", arguments: refused)
    func refusals(method: String, request: String, code: GRPCCode) async throws {
        try await Driver.with { driver in
            let status = try await driver.failure("\(Self.service)/\(method)", request)
            #expect(status.code == code, "\(status)")
        }
    }

    @Test("without a driver, and with a wrong flag, the exit code is 64", arguments: ["volumes", "mounts", "shares"])
    func usage(command: String) async throws {
        let nobody = try await Finished.run(
            [Driver.program, command, "--endpoint", "/nowhere/at/all/csi.sock"], in: "/tmp")
        #expect(nobody.ending == .exit(64))
        #expect(nobody.errors.contains("start the driver"), "\(nobody.errors)")
        #expect(nobody.output.isEmpty)
        for words in [["--endpoint", "tcp://host"], ["--no-such-flag"], ["surplus"]] {
            let wrong = try await Finished.run([Driver.program, command] + words, in: "/tmp")
            #expect(wrong.ending == .exit(64), "\(words): \(wrong.errors)")
        }
    }

    @Test("an answer that is an error is exit code 1, with the status on standard error")
    func errorStatus() async throws {
        try await Driver.with { driver in
            let long = String(repeating: "v", count: 1025)
            let refused = try await run("mounts", "--volume", long, on: driver)
            #expect(refused.ending == .exit(1))
            #expect(refused.errors.contains("INVALID_ARGUMENT"), "\(refused.errors)")
            #expect(refused.output.isEmpty)
        }
    }
}
