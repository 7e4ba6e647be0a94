import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import SystemPackage
import Testing

@Suite("Attributes of a mount", .privateMountNamespace, .timeLimit(.minutes(1)))
struct AttributeTests {
    static let everything: FileSystemStatus.MountFlags = [
        .readOnly, .noSetUserID, .noDevices, .noExecution, .noSymbolicLinks, .noDirectoryAccessTime, .noAccessTime,
        .relativeAccessTime,
    ]

    static let table: [([String], FileSystemStatus.MountFlags)] = [
        ([], [.relativeAccessTime]),
        (["ro"], [.readOnly, .relativeAccessTime]),
        (["nosuid"], [.noSetUserID, .relativeAccessTime]),
        (["nodev"], [.noDevices, .relativeAccessTime]),
        (["noexec"], [.noExecution, .relativeAccessTime]),
        (["nosymfollow"], [.noSymbolicLinks, .relativeAccessTime]),
        (["nodiratime"], [.noDirectoryAccessTime, .relativeAccessTime]),
        (["noatime"], [.noAccessTime]),
        (["strictatime"], []),
        (["ro", "noatime", "nodiratime"], [.readOnly, .noAccessTime, .noDirectoryAccessTime]),
        (
            ["ro,nosuid,nodev,noexec", "nosymfollow", "nodiratime", "strictatime"],
            [.readOnly, .noSetUserID, .noDevices, .noExecution, .noSymbolicLinks, .noDirectoryAccessTime]
        ),
    ]

    @Test(
        "the kernel shows what was asked for and nothing else, on both paths, and again on repetition", arguments: table
    )
    func flags(asked: [String], shown: FileSystemStatus.MountFlags) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            for _ in 0..<2 {
                try await volume.stage(asked)
                try await volume.publish(asked)
                #expect(try KernelTests.flags(of: volume.staging).intersection(Self.everything) == shown)
                #expect(try KernelTests.flags(of: volume.target).intersection(Self.everything) == shown)
            }
        }
    }

    @Test("attributes of the pool's own mount are not inherited, nor those of the staged mount but for read-only")
    func notInherited() async throws {
        try await TestNode.with { node in
            try mountTmpfs(node.pool, Int(MS_NOEXEC | MS_NOSUID | MS_NODEV | MS_NOATIME | MS_NODIRATIME))
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            #expect(
                try KernelTests.flags(of: volume.staging).intersection(Self.everything) == [.relativeAccessTime])
            try await volume.publish(["nosuid", "noatime"])
            #expect(
                try KernelTests.flags(of: volume.target).intersection(Self.everything) == [.noSetUserID, .noAccessTime])
            #expect(
                try KernelTests.flags(of: volume.staging).intersection(Self.everything) == [.relativeAccessTime])
        }
    }

    @Test("read-only is enforced for one publication and not for another of the same volume")
    func readOnly() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish(["ro"])
            try await volume.publish(at: volume.target + "-rw")
            #expect(throws: Errno.readOnlyFileSystem) {
                _ = try OwnedDescriptor.open(volume.target + "/new", [.writeOnly, .create], mode: 0o600)
            }
            #expect(throws: Errno.readOnlyFileSystem) {
                _ = try OwnedDescriptor.open(volume.target + "/name", .writeOnly)
            }
            #expect(rmdir(volume.target + "/name") == -1 && errno == EROFS)
            try writeFile(volume.target + "-rw/new", "x")
            #expect(readFile(volume.target + "/new") == "x")
        }
    }

    @Test("a workload with a namespace of its own cannot make a read-only publication writable")
    func remount() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish(["ro"])
            let attempt =
                "mount -o remount,bind,rw '\(volume.target)' 2>/dev/null || exit 41; echo x > '\(volume.target)/new'"
            let inNamespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
            // Otherwise a kernel without user namespaces would pass for one that refuses.
            #expect(try await node.run(inNamespace + ["exit 7"]) == 7)
            #expect(try await node.run(inNamespace + [attempt]) == 41)
            #expect(!exists(volume.directory + "/new"))
        }
    }

    @Test("a volume that is staged read-only is never published for writing")
    func readOnlyStaging() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage(["ro"])
            await expectFailure(.failedPrecondition) { try await volume.publish() }
            #expect(!exists(volume.target))
            #expect(node.ledgerFiles.count == 1)
            try await volume.publish(["ro"])
            #expect(try KernelTests.flags(of: volume.target).contains(.readOnly))
        }
    }

    @Test("on a read-only file system a volume is used read-only or not at all")
    func readOnlyFileSystem() async throws {
        try await TestNode.with { node in
            try mountTmpfs(node.pool)
            let volume = try node.makeVolume("v1")
            try #require(mount(nil, node.pool, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
            await expectFailure(.failedPrecondition) { try await volume.stage() }
            #expect(!isMountPoint(volume.staging))
            #expect(node.ledgerFiles.isEmpty)
            try await volume.stage(["ro"])
        }
    }

    @Test(
        "the volume there with other attributes is ALREADY_EXISTS and stays as it is, entry or not",
        arguments: [true, false])
    func otherAttributes(hasEntry: Bool) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish()
            if !hasEntry { try node.forget(volume.target, volume.staging) }
            let mounts = try await node.restartedAndReconciled()
            await expectFailure(.alreadyExists) { try await volume.publish(["ro"], by: mounts) }
            await expectFailure(.alreadyExists) { try await volume.stage(["noexec"], by: mounts) }
            #expect(try KernelTests.flags(of: volume.target).intersection(Self.everything) == [.relativeAccessTime])
            #expect(node.ledgerFiles.count == (hasEntry ? 2 : 0))
        }
    }

    @Test("noexec refuses to start a program", arguments: [([], 7), (["noexec"], nil)] as [([String], Int32?)])
    func noExecution(asked: [String], code: Int32?) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try writeFile(volume.directory + "/program", "#!/bin/sh\nexit 7\n", mode: 0o755)
            try await volume.stage()
            try await volume.publish(asked)
            #expect(try await node.run([volume.target + "/program"]) == code)
        }
    }

    @Test("nosymfollow refuses to follow a link", arguments: [([], true), (["nosymfollow"], false)])
    func noSymbolicLinks(asked: [String], follows: Bool) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try #require(symlink("name", volume.directory + "/link") == 0)
            try await volume.stage()
            try await volume.publish(asked)
            #expect(readFile(volume.target + "/name") == "v1")
            if follows {
                #expect(readFile(volume.target + "/link") == "v1")
            } else {
                #expect(throws: Errno.tooManySymbolicLinkLevels) {
                    _ = try OwnedDescriptor.open(volume.target + "/link", .readOnly)
                }
            }
        }
    }

    @Test("nodev refuses to open a device", arguments: [([], true), (["nodev"], false)])
    func noDevices(asked: [String], opens: Bool) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            // Major 1, minor 3: /dev/null.
            try #require(mknod(volume.directory + "/null", S_IFCHR | 0o666, 1 << 8 | 3) == 0)
            try await volume.stage()
            try await volume.publish(asked)
            if opens {
                _ = try OwnedDescriptor.open(volume.target + "/null", .readOnly)
            } else {
                #expect(throws: Errno.permissionDenied) {
                    _ = try OwnedDescriptor.open(volume.target + "/null", .readOnly)
                }
            }
        }
    }
}
