import GRPCServing
import Glibc
import JSONText
import Testing

/// On a real server, in the test machine (hack/vm).
@Suite("NFS volumes", .privateMountNamespace, .serialized, .timeLimit(.minutes(4)))
struct NFSLifeTests {
    static func with(
        _ flags: [String] = [], _ body: (Driver, NFSServer) async throws -> Void
    ) async throws {
        let server = try await NFSServer.started()
        try await Driver.with(["--backends", "nfs"] + flags) { driver in
            try await body(driver, server)
            try expectNothingLeft(on: driver)
        }
    }

    /// But for the driver's own mounts of shares, which no orchestrator sees.
    static func expectNothingLeft(on driver: Driver) throws {
        #expect(mounts(below: driver.directory + "/kubelet").isEmpty)
        let ledger = "\(driver.directory)/state/ledger"
        for boot in try entries(ledger) { #expect(try entries("\(ledger)/\(boot)").isEmpty) }
        #expect(!exists("\(driver.directory)/state/strays"))
    }

    static func expectNoVolumes() async throws {
        try await NFSServer(name: "server", address: "").expectNoVolumes()
    }

    static let versions = ["4.2", "4.1", "4.0", "3"]

    @Test("a volume's life, each step twice, in every version", arguments: versions)
    func life(version: String) async throws {
        try await Self.with { driver, server in
            var volume = try await NFSVolume.make("life", on: driver, server, flags: ["vers=\(version)", "nolock"])
            #expect(volume.id == "\(server.address)#srv/x#life")
            try await volume.create()
            for _ in 0..<2 { try await volume.stage() }
            #expect(mountOptions(at: volume.staging).contains("vers=\(version)"))
            #expect(mountOptions(at: volume.staging).contains("hard"))
            for _ in 0..<2 { try await volume.publish() }
            #expect(
                mounts(below: driver.directory + "/kubelet").sorted() == [volume.staging, volume.target()].sorted())
            #expect(writeFile(volume.target() + "/file", "text") == nil)
            #expect(readFile("\(NFSServer.files)/life/file") == "text")
            let stats = try await volume.stats()
            #expect(stats["usage"].elements.count == 2)
            #expect(stats["volumeCondition"]["abnormal"] == .null)
            for _ in 0..<2 { try await volume.unpublish() }
            #expect(!exists(volume.target()))
            for _ in 0..<2 { try await volume.unstage() }
            #expect(exists(volume.staging))
            for _ in 0..<2 { try await volume.delete() }
            #expect(!exists("\(NFSServer.files)/life"))
            try await Self.expectNoVolumes()
        }
    }

    @Test("what cannot be done for shares is not promised")
    func capabilities() async throws {
        try await Self.with { driver, _ in
            let plugin = try await driver.call("Identity/GetPluginCapabilities")["capabilities"].elements
            #expect(plugin.count == 2)
            #expect(plugin.contains { $0["volumeExpansion"]["type"].string == "ONLINE" })
            let controller = try await driver.call("Controller/ControllerGetCapabilities")["capabilities"].elements
            #expect(!controller.contains { $0["rpc"]["type"].string == "LIST_VOLUMES" })
            let status = try await driver.failure("Controller/ListVolumes")
            #expect(status.code == .unimplemented, "\(status)")
            #expect(try await driver.call("Node/NodeGetInfo")["accessibleTopology"] == .null)
        }
    }

    @Test("without a version the newest one that the server has is taken")
    func negotiation() async throws {
        try await Self.with { driver, server in
            let volume = try await NFSVolume.make("newest", on: driver, server)
            try await volume.stage()
            #expect(mountOptions(at: volume.staging).contains("vers=4.2"))
            try await volume.unstage()
            try await volume.delete()
        }
    }

    @Test("eight at once, and none of them is lost or left")
    func atOnce() async throws {
        try await Self.with { driver, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask { try await NFSVolume.live("many-\(number)", on: driver, server) }
                }
                try await group.waitForAll()
            }
            try await Self.expectNoVolumes()
        }
    }

    @Test("a publication is read-only for itself alone")
    func readOnly() async throws {
        try await Self.with { driver, server in
            let volume = try await NFSVolume.make("ro", on: driver, server)
            try await volume.stage()
            try await volume.publish(at: "writes")
            try await volume.publish(at: "reads", readonly: true)
            #expect(writeFile(volume.target("writes") + "/file", "text") == nil)
            #expect(writeFile(volume.target("reads") + "/file", "other") == EROFS)
            #expect(readFile(volume.target("reads") + "/file") == "text")
            let status = try await driver.failure(
                "Node/NodePublishVolume", volume.publishRequest(at: "writes", readonly: true))
            #expect(status.code == .alreadyExists, "\(status)")
            for name in ["writes", "reads"] { try await volume.unpublish(at: name) }
            try await volume.unstage()
            try await volume.delete()
        }
    }

    @Test("a server is reached by its name and by its IPv6 address")
    func names() async throws {
        try await Self.with { driver, server in
            let addresses = try await server.run("address").split(separator: " ").map(String.init)
            for (number, address) in (addresses.dropFirst() + [server.name]).enumerated() {
                let named = NFSServer(name: server.name, address: address)
                try await NFSVolume.live("named-\(number)", on: driver, named)
            }
            try await Self.expectNoVolumes()
        }
    }

    @Test("options are refused by their position, never by their text")
    func refusedOptions() async throws {
        try await Self.with { driver, server in
            for flags in [["hard", "gehe1m=1"], ["addr=1.2.3.4"], ["vers=3,gehe1m"], ["vers=9"]] {
                let volume = try NFSVolume("refused", on: driver, server, flags: flags)
                let status = try await driver.failure("Controller/CreateVolume", volume.createRequest)
                #expect(status.code == .invalidArgument, "\(flags): \(status)")
                for text in ["gehe1m", "1.2.3.4"] {
                    #expect(!status.message.contains(text))
                    #expect(!driver.log.contains(text))
                }
            }
            #expect(!exists("\(NFSServer.files)/refused"))
        }
    }

    // MARK: StorageClasses

    @Test("templates name the directory, and it is one volume's alone")
    func templates() async throws {
        try await Self.with { driver, server in
            let parameters = [
                "subDir": "${pvc.metadata.namespace}/${pvc.metadata.name}", "csi.storage.k8s.io/pvc/name": "claim",
                "csi.storage.k8s.io/pvc/namespace": "team",
            ]
            let volume = try await NFSVolume.make("pvc-1", on: driver, server, parameters)
            #expect(volume.id == "\(server.address)#srv/x#team/claim")
            #expect(exists("\(NFSServer.files)/team/claim"))
            for subDir in ["team/claim", "team", "team/claim/inner"] {
                let other = try NFSVolume("pvc-2", on: driver, server, ["subDir": subDir])
                let status = try await driver.failure("Controller/CreateVolume", other.createRequest)
                #expect(status.code == .alreadyExists, "\(subDir): \(status)")
            }
            try await volume.delete()
            #expect(!exists("\(NFSServer.files)/team/claim"))
            try await Self.expectNoVolumes()
        }
    }

    @Test("onDelete decides what becomes of the data", arguments: ["delete", "retain", "archive"])
    func onDelete(policy: String) async throws {
        try await Self.with { driver, server in
            let volume = try await NFSVolume.make(
                "pvc-3", on: driver, server, ["onDelete": policy, "subDir": "\(policy)/data"])
            #expect(volume.id.hasSuffix(policy == "delete" ? "#delete/data" : "##\(policy)"))
            #expect(writeFile("\(NFSServer.files)/\(policy)/data/file", "text") == nil)
            for _ in 0..<2 { try await volume.delete() }
            #expect(exists("\(NFSServer.files)/\(policy)/data") == (policy == "retain"))
            let kept = policy == "archive" ? "archived-\(policy)/data/file" : "\(policy)/data/file"
            #expect(readFile("\(NFSServer.files)/\(kept)") == (policy == "delete" ? nil : "text"))
            try await Self.expectNoVolumes()
        }
    }

    @Test("trash that cannot be removed keeps no other, and is removed without another call when it can be")
    func stubbornTrash() async throws {
        try await Self.with { driver, server in
            let volumes = try await [
                NFSVolume.make("a", on: driver, server), NFSVolume.make("b", on: driver, server),
            ]
            let file = "\(server.files())/a/file"
            #expect(writeFile(file, "text") == nil)
            func change(_ flag: String, _ path: String) async throws {
                let finished = try await Finished.run(["/usr/bin/chattr", flag, path], in: "/tmp")
                #expect(finished.ending == .exit(0), "\(finished.errors)")
            }
            try await change("+i", file)
            for volume in volumes { try await volume.delete() }
            let trash = "\(server.files())/.moorage/trash"
            try await eventually("the other one is removed") { try entries(trash).count == 1 }
            let left = try #require(try entries(trash).first)
            #expect(left.hasPrefix("a."))
            try await change("-i", "\(trash)/\(left)/data/file")
            try await Self.expectNoVolumes()
        }
    }

    @Test("owner, group and permissions are those of the class")
    func owner() async throws {
        try await Self.with { driver, server in
            let volume = try await NFSVolume.make(
                "owned", on: driver, server, ["uid": "1234", "gid": "5678", "mountPermissions": "02770"])
            var status = stat()
            #expect(stat("\(NFSServer.files)/owned", &status) == 0)
            #expect(status.st_uid == 1234 && status.st_gid == 5678 && status.st_mode & 0o7777 == 0o2770)
            try await volume.delete()
        }
    }

    // MARK: Several

    @Test("two controllers on one share make one volume of one name, and go on with each other's")
    func twoControllers() async throws {
        try await Self.with { first, server in
            try await Self.with { second, _ in
                let made = try await NFSVolume.make("both", on: first, server)
                let again = try await NFSVolume.make("both", on: second, server)
                #expect(made.id == again.id)
                try await again.delete()
                try await made.delete()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<4 {
                        for driver in [first, second] {
                            group.addTask {
                                // Who comes second may be told so, and then repeats the call.
                                try await eventually("race-\(number) is made") {
                                    do {
                                        _ = try await NFSVolume.make("race-\(number)", on: driver, server)
                                        return true
                                    } catch let status as GRPCStatus where status.code == .aborted {
                                        return false
                                    }
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                for number in 0..<4 {
                    try await NFSVolume.make("race-\(number)", on: first, server).delete()
                }
                try await Self.expectNoVolumes()
            }
        }
    }

    @Test("volumes and mounts outlive the driver")
    func restart() async throws {
        try await Self.with { driver, server in
            let volume = try await NFSVolume.make("kept", on: driver, server)
            try await volume.stage()
            try await volume.publish()
            #expect(try await driver.stop(SIGKILL) == .signal(SIGKILL))
            #expect(writeFile(volume.target() + "/file", "while it is away") == nil)
            try await driver.start()
            // Its own mounts of shares are gone.
            #expect(mounts(below: driver.directory + "/state").allSatisfy { $0.hasSuffix("/shares") })
            try await volume.publish()
            #expect(readFile(volume.target() + "/file") == "while it is away")
            try await volume.unpublish()
            try await volume.unstage()
            try await volume.delete()
            try await Self.expectNoVolumes()
        }
    }

    // MARK: Another driver's

    @Test(
        "volumes of csi-driver-nfs are mounted and deleted by their ids",
        arguments: ["#srv/x#theirs##", "#srv/x#ns/theirs#pvc-9#", "/srv/x/theirs", "#srv/x#theirs#pvc-9#archive"])
    func takeover(suffix: String) async throws {
        try await Self.with(["--driver-name", "nfs.csi.k8s.io"]) { driver, server in
            let subDir = suffix.contains("ns/") ? "ns/theirs" : "theirs"
            try makeDirectory("\(NFSServer.files)/\(subDir)")
            #expect(writeFile("\(NFSServer.files)/\(subDir)/file", "theirs") == nil)
            var volume = try NFSVolume("pvc-9", on: driver, server)
            volume.id = server.address + suffix
            volume.context = ["server": server.address, "share": "/srv/x", "subDir": subDir]
            try await volume.stage()
            try await volume.publish()
            #expect(readFile(volume.target() + "/file") == "theirs")
            try await volume.unpublish()
            try await volume.unstage()
            _ = try await driver.call("Controller/ControllerGetVolume", volume.lookRequest)
            for _ in 0..<2 { try await volume.delete() }
            #expect(!exists("\(NFSServer.files)/\(subDir)"))
            #expect(exists("\(NFSServer.files)/archived-theirs") == suffix.hasSuffix("archive"))
            try await Self.expectNoVolumes()
        }
    }

    @Test("an id that would lead out of the share deletes nothing")
    func hostileIDs() async throws {
        try await Self.with { driver, server in
            #expect(writeFile("\(NFSServer.files)/victim", "precious") == nil)
            for id in ["#srv/x#../victim", "#srv/x#..", "#srv/x#.moorage", "#srv/x#a/../victim", "#srv#x/../victim"] {
                _ = try await driver.call("Controller/DeleteVolume", #"{"volumeId": "\#(server.address + id)"}"#)
                #expect(readFile("\(NFSServer.files)/victim") == "precious")
            }
        }
    }
}
