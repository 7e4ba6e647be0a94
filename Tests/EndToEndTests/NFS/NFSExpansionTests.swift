import GRPCServing
import Glibc
import JSONText
import Testing

/// Expansion without quota, and listing.
extension NFSQuotaTests {
    @Test("without quota the size is recorded, outlives the driver, and that it is not enforced is said")
    func recordedOnly() async throws {
        try await NFSLifeTests.with { driver, server in
            let controller = try await driver.call("Controller/ControllerGetCapabilities")["capabilities"].elements
            #expect(controller.contains { $0["rpc"]["type"].string == "EXPAND_VOLUME" })
            let plugin = try await driver.call("Identity/GetPluginCapabilities")["capabilities"].elements
            #expect(plugin.contains { $0["volumeExpansion"]["type"].string == "ONLINE" })

            let volume = try await Self.make("grown", of: 2, on: driver, server)
            for _ in 0..<2 { #expect(try await Self.expand(volume, to: 5) == 5) }
            #expect(try await Self.expand(volume, to: 3) == 5)
            try await eventually("the log says so") { driver.log.contains("sizeNotEnforced") }
            #expect(try await driver.stop(SIGKILL) == .signal(SIGKILL))
            try await driver.start()
            let found = try await driver.call("Controller/ControllerGetVolume", volume.lookRequest)
            #expect(found["volume"]["capacityBytes"].integer == 5 * Self.mebibyte)
            try await volume.delete()
            try await NFSLifeTests.expectNoVolumes()
        }
    }

    @Test("what cannot be expanded is refused with the code that says why")
    func refusals() async throws {
        try await NFSLifeTests.with { driver, server in
            let volume = try await Self.make("refused", of: 2, on: driver, server)
            let unknown = "\(server.address)#srv/x#nothing"
            let cases: [(String, String, GRPCCode)] = [
                (volume.id, "{}", .invalidArgument), ("", #"{"requiredBytes": "1"}"#, .invalidArgument),
                (volume.id, #"{"requiredBytes": "5", "limitBytes": "4"}"#, .outOfRange),
                (volume.id, #"{"requiredBytes": "-5"}"#, .outOfRange),
                (volume.id, #"{"limitBytes": "4"}"#, .outOfRange),
                (unknown, #"{"requiredBytes": "5"}"#, .notFound),
                ("fake-vol-id", #"{"requiredBytes": "5"}"#, .notFound),
            ]
            for (id, range, code) in cases {
                let status = try await driver.failure(
                    "Controller/ControllerExpandVolume", #"{"volumeId": "\#(id)", "capacityRange": \#(range)}"#)
                #expect(status.code == code, "\(id) \(range): \(status)")
            }
            let block = """
                {"volumeId": "\(volume.id)", "capacityRange": {"requiredBytes": "9000000"},
                 "volumeCapability": {"block": {}, "accessMode": {"mode": "SINGLE_NODE_WRITER"}}}
                """
            let status = try await driver.failure("Controller/ControllerExpandVolume", block)
            #expect(status.code == .invalidArgument, "\(status)")
            let found = try await driver.call("Controller/ControllerGetVolume", volume.lookRequest)
            #expect(found["volume"]["capacityBytes"].integer == 2 * Self.mebibyte)
            try await volume.delete()
        }
    }

    @Test("a volume of csi-driver-nfs is as large as anybody asks, and gets no record")
    func foreign() async throws {
        try await NFSLifeTests.with(["--driver-name", "nfs.csi.k8s.io"]) { driver, server in
            try makeDirectory("\(Self.xfs)/theirs")
            var volume = try NFSVolume("theirs", on: driver, server)
            volume.id = "\(server.address)#srv/x#theirs##"
            for size in [7, 7, 3] { #expect(try await Self.expand(volume, to: size) == size) }
            #expect(try entries("\(Self.xfs)/.moorage/volumes").isEmpty)
            try await volume.delete()
            #expect(!exists("\(Self.xfs)/theirs"))
        }
    }

    @Test("a silent server: expansion is UNAVAILABLE, and done when it is back")
    func silent() async throws {
        try await NFSLifeTests.with(["--nfs-timeout", "2"]) { driver, server in
            let volume = try await Self.make("silent", of: 2, on: driver, server)
            try await server.run("silence")
            let status = try await driver.failure("Controller/ControllerExpandVolume", volume.expandRequest(4))
            #expect(status.code == .unavailable, "\(status)")
            try await server.run("speak")
            // ABORTED while the call that was answered still waits for the server.
            try await insist("it is expanded") {
                let grown = try await Self.expand(volume, to: 4)
                #expect(grown == 4)
            }
            try await volume.delete()
            try await NFSLifeTests.expectNoVolumes()
        }
    }

    @Test("with hostPath beside it each backend keeps to itself, and a pool's name says which is meant")
    func bothBackends() async throws {
        let server = try await NFSServer.started()
        let flags = ["--backends", "hostPath,nfs", "--nfs-pool", "home=\(server.address):/srv/x"]
        try await Driver.with(flags) { driver in
            func create(_ name: String, _ parameters: String, _ mode: String) async throws -> String? {
                let request = """
                    {"name": "\(name)", "parameters": \(parameters), "volumeCapabilities": [\(capability(mode))],
                     "capacityRange": {"requiredBytes": "1048576"}}
                    """
                return try await driver.call("Controller/CreateVolume", request)["volume"]["volumeId"].string
            }
            let shared = try await create("shared", #"{"pool": "home"}"#, "MULTI_NODE_MULTI_WRITER")
            #expect(shared == "@home##shared")
            let local = try (try await create("local", "{}", "SINGLE_NODE_WRITER")).required("no id")
            #expect(local.hasPrefix("h."))
            let status = try await driver.failure(
                "Controller/ControllerExpandVolume",
                #"{"volumeId": "\#(local)", "capacityRange": {"requiredBytes": "2097152"}}"#)
            #expect(status.code == .unimplemented, "\(status)")
            #expect(status.message.contains("hostPath"))
            for id in ["@home##shared", local] {
                _ = try await driver.call("Controller/DeleteVolume", #"{"volumeId": "\#(id)"}"#)
            }
            try await NFSLifeTests.expectNoVolumes()
        }
    }

    // MARK: Listing

    private static func list(_ driver: Driver, entries: Int) async throws -> [[String]] {
        var pages: [[String]] = []
        var token = ""
        repeat {
            let page = try await driver.call(
                "Controller/ListVolumes", #"{"maxEntries": \#(entries), "startingToken": "\#(token)"}"#)
            pages.append(page["entries"].elements.compactMap { $0["volume"]["volumeId"].string })
            token = page["nextToken"].string ?? ""
        } while !token.isEmpty && pages.count < 50
        return pages
    }

    @Test("with --nfs-pools-only all volumes are listed, page by page, and no other share is used")
    func listing() async throws {
        let server = try await NFSServer.started()
        let pools = ["x", "e"].flatMap { ["--nfs-pool", "\($0)=\(server.address):/srv/\($0)"] }
        try await NFSLifeTests.with(pools + ["--nfs-pools-only"]) { driver, server in
            let controller = try await driver.call("Controller/ControllerGetCapabilities")["capabilities"].elements
            #expect(controller.contains { $0["rpc"]["type"].string == "LIST_VOLUMES" })
            #expect(try await Self.list(driver, entries: 0) == [[]])
            var volumes: [NFSVolume] = []
            for name in ["b", "a", "c"] {
                for share in [Self.ext4, Self.xfs] {
                    var volume = try NFSVolume(name, on: driver, server)
                    volume.parameters = ["pool": String(share.suffix(1))]
                    try await volume.create()
                    volumes.append(volume)
                }
            }
            let all = ["x", "e"].flatMap { pool in ["a", "b", "c"].map { "@\(pool)##\($0)" } }
            for size in [0, 1, 2, 3, 4, 6, 9] {
                let pages = try await Self.list(driver, entries: size)
                #expect(pages.flatMap { $0 } == all, "pages of \(size)")
                #expect(pages.allSatisfy { size == 0 || $0.count <= size })
            }
            for token in ["x", "nfs", "nfs/y/a", "nfs/x", "hostPath/x/a", "nfs/x/../a"] {
                let status = try await driver.failure(
                    "Controller/ListVolumes", #"{"startingToken": "\#(token)"}"#)
                #expect(status.code == .aborted, "\(token): \(status)")
            }
            let other = try NFSVolume("other", on: driver, server, share: "/srv")
            let status = try await driver.failure("Controller/CreateVolume", other.createRequest)
            #expect(status.code == .failedPrecondition, "\(status)")

            try await server.run("silence")
            let silent = try await driver.failure("Controller/ListVolumes")
            #expect(silent.code == .unavailable, "\(silent)")
            try await server.run("speak")
            try await eventually("the list is whole again", within: 60) {
                do {
                    return try await Self.list(driver, entries: 4).flatMap { $0 } == all
                } catch let status as GRPCStatus where status.code == .unavailable {
                    return false
                }
            }
            for volume in volumes { try await volume.delete() }
            #expect(try await Self.list(driver, entries: 0) == [[]])
            try await NFSLifeTests.expectNoVolumes()
        }
    }
}
