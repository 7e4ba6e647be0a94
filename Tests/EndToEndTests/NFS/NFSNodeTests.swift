import GRPCServing
import Glibc
import JSONText
import Testing

/// How volumes are mounted on a node: options, access modes, permissions, and what a node lacks.
@Suite("NFS mounts on a node", .privateMountNamespace, .serialized, .timeLimit(.minutes(4)))
struct NFSNodeTests {
    private static let label = "system_u:object_r:container_file_t:s0:c1,c2"

    // MARK: Options

    @Test("options of the file system reach the kernel, those of the mount the mount")
    func options() async throws {
        try await NFSLifeTests.with { driver, server in
            let volume = try await NFSVolume.make(
                "options", on: driver, server,
                flags: ["vers=4.1,nosharecache", "rsize=32768", "noexec,noatime", "soft"])
            try await volume.stage()
            try await volume.publish()
            for path in [volume.staging, volume.target()] {
                let options = mountOptions(at: path)
                for option in ["vers=4.1", "rsize=32768", "noexec", "noatime", "soft"] {
                    #expect(options.contains(option), "\(option) is not in \(options)")
                }
            }
            try await volume.unpublish()
            var other = volume
            other.flags = ["vers=4.1,nosharecache", "rsize=65536", "noexec,noatime", "soft"]
            let status = try await driver.failure("Node/NodeStageVolume", other.stageRequest)
            #expect(status.code == .alreadyExists, "\(status)")
            #expect(!status.message.contains("65536"))
            try await volume.stage()
            try await volume.unstage()
            try await volume.delete()
        }
    }

    @Test("numbers that the kernel did not take are told once, and no other option is")
    func differences() async throws {
        try await NFSLifeTests.with { driver, server in
            // The first mount of a server is what its client is like; the driver's own is without nconnect.
            let first = try await NFSVolume.make("first", on: driver, server)
            try await first.stage()
            #expect(!driver.log.contains("asked for"))
            let flags = ["nconnect=3", "acregmin=7", "nosharecache", "vers=4.2"]
            for name in ["second", "third"] {
                let volume = try await NFSVolume.make(name, on: driver, server, flags: flags)
                try await volume.stage()
                try await volume.unstage()
                try await volume.delete()
            }
            let told = driver.log.split(separator: "\n").filter { $0.contains("asked for") }
            #expect(told.count == 1, "\(told)")
            #expect(told.first?.contains("nconnect 1 (asked for: 3)") == true, "\(told)")
            #expect(told.first?.contains("acregmin") == false)
            try await first.unstage()
            try await first.delete()
        }
    }

    // MARK: What a node lacks

    @Test("locks of version 3 without rpcbind are said to need it, and the share is as good as before")
    func locks() async throws {
        try await NFSLifeTests.with { driver, server in
            let volume = try await NFSVolume.make("locks", on: driver, server, flags: ["vers=3"])
            for _ in 0..<2 {
                let status = try await driver.failure("Node/NodeStageVolume", volume.stageRequest)
                #expect(status.code == .failedPrecondition, "\(status)")
                for word in ["rpcbind", "rpc.statd", "nolock"] { #expect(status.message.contains(word), "\(status)") }
            }
            try await NFSVolume.live("without-locks", on: driver, server, flags: ["vers=3,nolock"])
            try await volume.delete()
        }
    }

    @Test("Kerberos without rpc.gssd is said to need it", arguments: ["krb5", "krb5p"])
    func kerberos(flavour: String) async throws {
        try await NFSLifeTests.with { driver, server in
            var volume = try await NFSVolume.make("kerberos", on: driver, server)
            volume.flags = ["sec=\(flavour),vers=4.2"]
            let status = try await driver.failure("Node/NodeStageVolume", volume.stageRequest)
            #expect(status.code == .failedPrecondition, "\(status)")
            #expect(status.message.contains("rpc.gssd"), "\(status)")
            volume.flags = []
            try await volume.delete()
        }
    }

    @Test("a label is refused by a kernel that has no policy of SELinux, and not repeated")
    func label() async throws {
        try await NFSLifeTests.with { driver, server in
            var volume = try await NFSVolume.make("labelled", on: driver, server)
            // As kubelet writes it, in JSON.
            volume.flags = [#"context=\"\#(Self.label)\""#]
            let status = try await driver.failure("Node/NodeStageVolume", volume.stageRequest)
            #expect(status.code == .failedPrecondition, "\(status)")
            #expect(status.message.contains("SELinux"), "\(status)")
            volume.flags = ["context=\(Self.label)"]
            let malformed = try await driver.failure("Node/NodeStageVolume", volume.stageRequest)
            #expect(malformed.code == .invalidArgument, "\(malformed)")
            // It is staged without one, and cannot be published with one.
            volume.flags = []
            try await volume.stage()
            volume.flags = [#"context=\"\#(Self.label)\""#]
            let publication = try await driver.failure("Node/NodePublishVolume", volume.publishRequest())
            #expect(publication.code == .alreadyExists, "\(publication)")
            for text in [status.message, malformed.message, publication.message, driver.log] {
                #expect(!text.contains("container_file_t"))
            }
            volume.flags = []
            try await volume.unstage()
            try await volume.delete()
        }
    }

    // MARK: Access

    @Test("a mode for readers and the flag ro are enforced for whoever is on the node")
    func readers() async throws {
        try await NFSLifeTests.with { driver, server in
            let uses: [(String, [String])] = [("MULTI_NODE_READER_ONLY", []), ("MULTI_NODE_MULTI_WRITER", ["ro"])]
            for (number, use) in uses.enumerated() {
                var volume = try await NFSVolume.make("readers-\(number)", on: driver, server)
                (volume.mode, volume.flags) = use
                #expect(writeFile("\(NFSServer.files)/\(volume.name)/file", "text") == nil)
                try await volume.stage()
                try await volume.publish()
                for path in [volume.staging, volume.target()] {
                    #expect(writeFile(path + "/file", "other") == EROFS)
                    #expect(writeFile(path + "/new", "other") == EROFS)
                    #expect(mountOptions(at: path).contains("ro"))
                }
                #expect(readFile(volume.target() + "/file") == "text")
                try await volume.unpublish()
                try await volume.unstage()
                try await volume.delete()
            }
        }
    }

    @Test("a single writer has one target", arguments: ["SINGLE_NODE_SINGLE_WRITER", "SINGLE_NODE_WRITER"])
    func singleWriter(mode: String) async throws {
        try await NFSLifeTests.with { driver, server in
            var volume = try await NFSVolume.make("single", on: driver, server)
            volume.mode = mode
            try await volume.stage()
            for _ in 0..<2 { try await volume.publish() }
            let status = try await driver.failure("Node/NodePublishVolume", volume.publishRequest(at: "b"))
            #expect(status.code == .failedPrecondition, "\(status)")
            try await volume.unpublish()
            try await volume.publish(at: "b")
            try await volume.unpublish(at: "b")
            try await volume.unstage()
            try await volume.delete()
        }
    }

    // MARK: Permissions

    @Test("a static volume's directory gets its mountPermissions when it is staged for writing")
    func mountPermissions() async throws {
        try await NFSLifeTests.with { driver, server in
            let directory = "\(NFSServer.files)/static"
            try makeDirectory(directory)
            #expect(chmod(directory, 0o755) == 0)
            var volume = try NFSVolume("static", on: driver, server)
            volume.id = "an-id-of-the-administrator's"
            volume.context = [
                "server": server.address, "share": NFSServer.files, "subDir": "static", "mountPermissions": "02775",
            ]
            volume.mode = "MULTI_NODE_READER_ONLY"
            try await volume.stage()
            try await volume.publish(readonly: true)
            #expect(permissions(directory) == 0o755)
            try await volume.unpublish()
            try await volume.unstage()
            volume.mode = "MULTI_NODE_MULTI_WRITER"
            try await volume.stage()
            try await volume.publish(readonly: true)
            #expect(permissions(directory) == 0o2775)
            #expect(chmod(directory, 0o700) == 0)
            try await volume.publish(at: "b")
            try await volume.stage()
            #expect(permissions(directory) == 0o700, "only when it is mounted")
            for name in ["a", "b"] { try await volume.unpublish(at: name) }
            try await volume.unstage()
            volume.context["mountPermissions"] = "0"
            try await volume.stage()
            #expect(permissions(directory) == 0o700)
            try await volume.unstage()
        }
    }

    // MARK: Secrets

    /// How often this machine asked servers to make and rename something, in version 3 and in any of 4
    /// (/proc/net/rpc/nfs).
    private func requests() throws -> (three: Int, four: Int) {
        var counts: [Substring: [Int]] = [:]
        for line in try #require(readFile("/proc/net/rpc/nfs")).split(separator: "\n") {
            let words = line.split(separator: " ")
            counts[words[0]] = words.dropFirst(2).compactMap { Int($0) }
        }
        let three = try #require(counts["proc3"]), four = try #require(counts["proc4"])
        // NFSPROC3_MKDIR and NFSPROC3_RENAME (RFC 1813).
        return (three[9] + three[14], four.reduce(0, +))
    }

    @Test("the secret's mountOptions are those of create and delete")
    func secrets() async throws {
        try await NFSLifeTests.with { driver, server in
            var volume = try NFSVolume("secret", on: driver, server)
            volume.secrets = ["mountOptions": "nolock,vers=3,port=2049"]
            var before = try requests()
            try await volume.create()
            var after = try requests()
            #expect(after.three > before.three && after.four == before.four)
            // Another process, which remembers nothing.
            #expect(try await driver.stop() == .exit(0))
            for mount in mounts(below: driver.directory + "/state").reversed() { umount2(mount, Int32(MNT_DETACH)) }
            _ = try await Finished.run(["/bin/rm", "-rf", "\(driver.directory)/state"], in: "/tmp")
            try await driver.start()
            before = try requests()
            try await volume.delete()
            after = try requests()
            #expect(after.three > before.three && after.four == before.four)
            #expect(!driver.log.contains("port=2049") && !driver.log.contains("vers=3"))
            try await NFSLifeTests.expectNoVolumes()
        }
    }

    @Test("a capability's option counts before the secret's, for delete as well")
    func precedence() async throws {
        try await NFSLifeTests.with { driver, server in
            var volume = try NFSVolume("precedence", on: driver, server, flags: ["vers=3,nolock"])
            volume.secrets = ["mountOptions": "vers=4.1,noresvport"]
            let before = try requests()
            try await volume.create()
            volume.secrets = [:]
            try await volume.delete()
            let after = try requests()
            #expect(after.three > before.three && after.four == before.four)
        }
    }

    @Test("a refused option of a secret is never told")
    func refusedSecret() async throws {
        try await NFSLifeTests.with { driver, server in
            var volume = try NFSVolume("refused", on: driver, server)
            volume.id = "\(server.address)#srv/x#refused"
            volume.secrets = ["mountOptions": "nolock,gehe1m=1"]
            for (method, request) in [
                ("Controller/CreateVolume", volume.createRequest), ("Controller/DeleteVolume", volume.deleteRequest),
            ] {
                let status = try await driver.failure(method, request)
                #expect(status.code == .invalidArgument, "\(method): \(status)")
                #expect(status.message.contains("option 2 of 2"), "\(status)")
                #expect(!status.message.contains("gehe1m"))
            }
            #expect(!driver.log.contains("gehe1m"))
        }
    }
}
