import GRPCServing
import Glibc
import JSONText
import Testing

/// In the test machine, whose kernel has SELinux: the first of these tests gives it a policy, which it keeps.
@Suite("SELinux labels of NFS mounts", .privateMountNamespace, .serialized, .timeLimit(.minutes(4)))
struct NFSSELinuxTests {
    private static func label(_ categories: String) -> String { "system_u:object_r:container_file_t:s0:\(categories)" }

    /// As kubelet writes it, in JSON.
    private static func flag(_ categories: String) -> String { #"context=\"\#(label(categories))\""# }

    private func with(_ body: (Driver, NFSServer) async throws -> Void) async throws {
        try await NFSLifeTests.with { driver, server in
            let files = "\(driver.directory)/selinux"
            try makeDirectory(files)
            try #require(mount("selinuxfs", files, "selinuxfs", 0, nil) == 0, "errno \(errno)")
            defer { umount2(files, Int32(MNT_DETACH)) }
            if !exists("\(files)/class/file") {
                let policy = "\(driver.directory)/policy"
                let source = "\(packageRoot)/Tests/EndToEndTests/Resources/selinux.conf"
                let script = "checkpolicy -M -U allow -c 33 -o \(policy) \(source) && cat \(policy) >\(files)/load"
                let finished = try await Finished.run(["/bin/sh", "-c", script], in: "/tmp")
                try #require(finished.ending == .exit(0), "\(finished.output)")
            }
            try await body(driver, server)
        }
    }

    /// The line of the mount table.
    private func mountLine(_ path: String) -> String {
        (readFile("/proc/self/mounts") ?? "").split(separator: "\n").last { $0.split(separator: " ")[1] == path }
            .map(String.init) ?? ""
    }

    @Test("a volume has its label wherever it is mounted, and another one on the same share has its own")
    func labels() async throws {
        try await with { driver, server in
            var volumes: [(NFSVolume, String)] = []
            for (name, categories) in [("one", "c1,c2"), ("two", "c3")] {
                let volume = try await NFSVolume.make(name, on: driver, server, flags: [Self.flag(categories)])
                for _ in 0..<2 { try await volume.stage() }
                for _ in 0..<2 { try await volume.publish() }
                volumes.append((volume, Self.label(categories)))
            }
            let plain = try await NFSVolume.make("plain", on: driver, server)
            try await plain.stage()
            try await plain.publish()
            for (volume, label) in volumes {
                for path in [volume.staging, volume.target()] {
                    let line = mountLine(path)
                    #expect(line.contains("context=\"\(label)\"") || line.contains("context=\(label),"), "\(line)")
                    #expect(line.contains(",nosharecache,"), "\(line)")
                }
                #expect(writeFile(volume.target() + "/file", "text") == nil)
                #expect(readFile("\(NFSServer.files)/\(volume.name)/file") == "text")
            }
            #expect(!mountLine(plain.target()).contains("context="))
            for volume in volumes.map(\.0) + [plain] {
                try await volume.unpublish()
                try await volume.unstage()
                try await volume.delete()
            }
            #expect(!driver.log.contains("container_file_t"))
            try await NFSLifeTests.expectNoVolumes()
        }
    }

    @Test("a publication has the label of the stage: the same or none may be asked for, and no other")
    func publication() async throws {
        try await with { driver, server in
            var volume = try await NFSVolume.make("published", on: driver, server, flags: [Self.flag("c1")])
            try await volume.stage()
            try await volume.publish()
            volume.flags = []
            try await volume.publish(at: "b")
            #expect(mountLine(volume.target("b")).contains(Self.label("c1")))
            volume.flags = [Self.flag("c2")]
            for request in [
                ("Node/NodePublishVolume", volume.publishRequest(at: "c")),
                ("Node/NodePublishVolume", volume.publishRequest()), ("Node/NodeStageVolume", volume.stageRequest),
            ] {
                let status = try await driver.failure(request.0, request.1)
                #expect(status.code == .alreadyExists, "\(status)")
                #expect(!status.message.contains("container_file_t"))
            }
            for name in ["a", "b"] { try await volume.unpublish(at: name) }
            try await volume.unstage()
            volume.flags = ["context=x:y:z"]
            let unknown = try await driver.failure("Node/NodeStageVolume", volume.stageRequest)
            #expect(unknown.code == .failedPrecondition && unknown.message.contains("SELinux"), "\(unknown)")
            #expect(!unknown.message.contains("x:y:z"))
            volume.flags = []
            try await volume.delete()
        }
    }

    @Test("without a ledger a mount is taken over with its label, and with no other")
    func takeover() async throws {
        try await with { driver, server in
            var volume = try await NFSVolume.make("labelled", on: driver, server, flags: [Self.flag("c1,c3")])
            try await volume.stage()
            #expect(try await driver.stop() == .exit(0))
            let removed = try await Finished.run(["/bin/rm", "-r", "\(driver.directory)/state/ledger"], in: "/tmp")
            try #require(removed.ending == .exit(0), "\(removed.output)")
            try await driver.start()
            volume.flags = [Self.flag("c2")]
            let status = try await driver.failure("Node/NodeStageVolume", volume.stageRequest)
            #expect(status.code == .alreadyExists, "\(status)")
            volume.flags = [Self.flag("c1,c3")]
            let before = mountLine(volume.staging)
            try await volume.stage()
            #expect(mountLine(volume.staging) == before)
            try await volume.publish()
            try await volume.unpublish()
            try await volume.unstage()
            try await volume.delete()
        }
    }
}
