import Glibc
import LinuxSystem
import SystemPackage
import Testing

@Suite("Files below a descriptor")
struct FilesTests {
    /// A directory of its own for one test, removed with what is in it.
    static func withDirectory(_ body: (borrowing OwnedDescriptor, String) throws -> Void) throws {
        var template = Array("/tmp/moorage-test.XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template).map { String(cString: $0) })
        let directory = try OwnedDescriptor.open(path, [.readOnly, .directory])
        defer {
            removeAll(in: directory)
            rmdir(path)
        }
        try body(directory, path)
    }

    static func removeAll(in directory: borrowing OwnedDescriptor) {
        var names: [DirectoryEntry] = []
        try? directory.forEachEntry {
            names.append($0)
            return true
        }
        for entry in names {
            if entry.isDirectory == true {
                if let child = try? directory.open(beneath: entry.name, [.readOnly, .directory]) {
                    removeAll(in: child)
                }
                try? directory.removeDirectory(entry.name)
            } else {
                try? directory.removeFile(entry.name)
            }
        }
    }

    @Test("what is written is read back, and a limit is kept", arguments: [0, 1, 4096, 20_000])
    func writeAndRead(size: Int) throws {
        try Self.withDirectory { directory, _ in
            let content = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
            let file = try directory.open(beneath: "file", [.writeOnly, .create, .exclusive], mode: 0o600)
            try file.write(content)
            try file.synchronize()
            #expect(try directory.open(beneath: "file", .readOnly).readAll(limit: size) == content)
            if size > 0 {
                #expect(throws: Errno.fileTooLarge) {
                    try directory.open(beneath: "file", .readOnly).readAll(limit: size - 1)
                }
            }
        }
    }

    @Test("a descriptor tells its path as it is now, without links")
    func currentPath() throws {
        try Self.withDirectory { directory, root in
            try directory.makeDirectory("a", permissions: 0o700)
            #expect(symlink("a", root + "/link") == 0)
            let opened = try OwnedDescriptor.open(root + "/link", .pathOnly)
            #expect(try opened.currentPath() == root + "/a")
            try directory.rename("a", to: directory, as: "b")
            #expect(try opened.currentPath() == root + "/b")
        }
    }

    @Test(
        "nothing leads out of a directory",
        arguments: ["..", "../x", "link", "link/passwd", "/etc/passwd", "sub/../../x"])
    func beneath(path: String) throws {
        try Self.withDirectory { directory, root in
            try directory.makeDirectory("sub", permissions: 0o700)
            #expect(symlink("/etc", root + "/link") == 0)
            #expect(throws: Errno.self) { _ = try directory.open(beneath: path, .pathOnly) }
        }
    }

    @Test("no link is followed, even one that stays inside", arguments: ["inside", "inside/file", "sub/up"])
    func links(path: String) throws {
        try Self.withDirectory { directory, root in
            try directory.makeDirectory("sub", permissions: 0o700)
            _ = try directory.open(beneath: "sub/file", [.writeOnly, .create], mode: 0o600)
            #expect(symlink("sub", root + "/inside") == 0)
            #expect(symlink("../sub", root + "/sub/up") == 0)
            #expect(throws: Errno.tooManySymbolicLinkLevels) { _ = try directory.open(beneath: path, .readOnly) }
        }
    }

    @Test("a listing names every entry once, UTF-8 or not, and says which are directories")
    func listing() throws {
        try Self.withDirectory { directory, root in
            try directory.makeDirectory("sub", permissions: 0o700)
            _ = try directory.open(beneath: "file", [.writeOnly, .create], mode: 0o600)
            let odd = Array((root + "/").utf8).map { CChar(bitPattern: $0) } + [-1, -2, 0]
            #expect(mkdir(odd, 0o700) == 0)
            var names: [String?: Bool?] = [:]
            try directory.forEachEntry {
                names[$0.name.string] = $0.isDirectory
                return true
            }
            #expect(names == ["sub": true, "file": false, nil: true])
            #expect(try !directory.isEmptyDirectory(ignoring: ["sub"]))
        }
    }

    @Test("an empty directory is empty, whatever is ignored")
    func empty() throws {
        try Self.withDirectory { directory, _ in
            #expect(try directory.isEmptyDirectory())
            try directory.makeDirectory("lost+found", permissions: 0o700)
            #expect(try directory.isEmptyDirectory(ignoring: ["lost+found"]))
            #expect(try !directory.isEmptyDirectory())
        }
    }

    @Test("renaming without replacing refuses a taken name, renaming replaces it")
    func rename() throws {
        try Self.withDirectory { directory, _ in
            for name in ["a", "b"] {
                try directory.open(beneath: name, [.writeOnly, .create], mode: 0o600).write(Array(name.utf8))
            }
            #expect(throws: Errno.fileExists) { try directory.renameWithoutReplacing("a", to: directory, as: "b") }
            #expect(throws: Errno.fileExists) { try directory.link("a", to: directory, as: "b") }
            try directory.rename("a", to: directory, as: "b")
            #expect(try directory.open(beneath: "b", .readOnly).readAll(limit: 10) == Array("a".utf8))
            #expect(throws: Errno.noSuchFileOrDirectory) { try directory.status(of: "a") }
        }
    }

    @Test(
        "permissions are set whatever the umask, special bits included",
        arguments: [0o777, 0o2770, 0o1777, 0] as [UInt32])
    func permissions(mode: UInt32) throws {
        try Self.withDirectory { directory, _ in
            try directory.makeDirectory("d", permissions: 0o700)
            try directory.open(beneath: "d", [.readOnly, .directory]).setPermissions(mode)
            #expect(try directory.status(of: "d").permissions == mode)
        }
    }

    @Test("a lock is exclusive between open files and ends with the last descriptor")
    func lock() throws {
        try Self.withDirectory { directory, root in
            let path = root + "/lock"
            do {
                let first = try OwnedDescriptor.open(path, [.readWrite, .create], mode: 0o600)
                #expect(try first.lockExclusively())
                let copy = try first.duplicate()
                #expect(try copy.lockExclusively())
                let second = try OwnedDescriptor.open(path, .readWrite)
                #expect(try !second.lockExclusively())
            }
            let third = try OwnedDescriptor.open(path, .readWrite)
            #expect(try third.lockExclusively())
        }
    }

    @Test("the status of a file and of its file system")
    func status() throws {
        try Self.withDirectory { directory, path in
            let status = try directory.status()
            #expect(status.kind == .directory)
            #expect(!status.isMountRoot)
            #expect(try OwnedDescriptor.status(ofPath: path).identity == status.identity)
            let fileSystem = try directory.fileSystemStatus()
            #expect(fileSystem.total >= fileSystem.free)
            #expect(fileSystem.free >= fileSystem.available)
            #expect(!fileSystem.mountFlags.contains(.readOnly))
            #expect(try OwnedDescriptor.status(ofPath: "/proc").isMountRoot)
        }
    }
}
