import StorageModel
import Testing

@testable import NFSBackend

@Suite("Shares and directories below them")
struct NFSShareTests {
    static let server = "nfs.example.com"

    private func share(_ path: String, _ server: String = Self.server) throws -> NFSShare {
        try NFSShare(server: NFSServer(server), path: path)
    }

    @Test(
        "a share's path is normalised",
        arguments: [
            ("/", "/", ""), ("//", "/", ""), ("/srv", "/srv", "srv"), ("/srv/nfs/", "/srv/nfs", "srv/nfs"),
            ("/a b,c:d", "/a b,c:d", "a b,c:d"), ("/ä/...", "/ä/...", "ä/..."), ("/a/.b/..c", "/a/.b/..c", "a/.b/..c"),
        ])
    func path(given: String, path: String, field: String) throws {
        let share = try share(given)
        #expect(share.path == path)
        #expect(share.idField == field)
        #expect(share.source == "nfs.example.com:" + path)
        #expect(try NFSShare(server: share.server, idField: field) == share)
    }

    @Test("the source of an IPv6 server has brackets")
    func source() throws {
        #expect(try share("/x", "fd00::1").source == "[fd00::1]:/x")
    }

    @Test(
        "a path that is not absolute and plain is refused",
        arguments: [
            "", "srv", "./srv", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/a\\..\\b", "/..\\b", "/a\n", "/a\0b",
            "/a\u{85}",
            "/.moorage", "/srv/.moorage/volumes", "/srv/.Moorage", "/" + String(repeating: "a", count: 256),
            "/" + String(repeating: "a/", count: 120) + "bc",
        ])
    func refused(path: String) throws {
        let server = try NFSServer(Self.server)
        let error = #expect(throws: Refusal.self) { try NFSShare(server: server, path: path) }
        #expect(path.utf8.count < 3 || error?.reason.contains(path) == false)
    }

    @Test("the longest source that the kernel takes has 255 bytes")
    func longest() throws {
        let room = 255 - Self.server.utf8.count - 2
        #expect(try share("/" + String(repeating: "a", count: room)).source.utf8.count == 255)
        #expect(throws: Refusal.self) { try share("/" + String(repeating: "a", count: room + 1)) }
    }

    @Test("the field of an id has no slashes around it", arguments: ["/", "/srv", "srv/", "srv//nfs"])
    func field(field: String) throws {
        let server = try NFSServer(Self.server)
        #expect(throws: Refusal.self) { try NFSShare(server: server, idField: field) }
    }

    @Test("equal shares have one hash, and bytes decide")
    func key() throws {
        #expect(try Set([share("/a", "NFS.example.com"), share("/a/")]).count == 1)
        #expect(try share("/A") != share("/a"))
        // One letter to Unicode, two names to a server.
        #expect(try share("/\u{E9}") != share("/e\u{301}"))
    }

    @Test(
        "a directory below a share is names between slashes",
        arguments: [
            ("a", ["a"]), ("/a/b/", ["a", "b"]), ("a/.moorage", ["a", ".moorage"]), (".moorage2", [".moorage2"]),
            ("...", ["..."]), ("DOMAIN\\user", ["DOMAIN\\user"]), ("a b", ["a b"]), ("-a", ["-a"]), ("ä#", ["ä#"]),
        ])
    func subdirectory(path: String, names: [String]) throws {
        let subdirectory = try NFSSubdirectory(path)
        #expect(subdirectory.names == names)
        #expect(try NFSSubdirectory(subdirectory.text) == subdirectory)
    }

    @Test(
        "a directory that is not below, or is the driver's, is refused",
        arguments: [
            "", "/", "//", ".", "..", "../a", "a/..", "a/../b", "a/./b", "a//b", "a\\..\\b", "..\\a", "a\\..", ".\\a",
            "\\..",
            ".moorage", "/.moorage/volumes", ".MOORAGE/x", ".moorage\\volumes", "\\.moorage", "a\tb", "a\0", "\u{7F}",
            "a\u{9B}", String(repeating: "a", count: 256), String(repeating: "a/", count: 2047) + "bb",
        ])
    func refusedSubdirectory(path: String) {
        let error = #expect(throws: Refusal.self) { try NFSSubdirectory(path) }
        #expect(path.utf8.count < 10 || error?.reason.contains(path) == false)
    }

    @Test("the longest name and the longest path are taken")
    func longestSubdirectory() throws {
        #expect(try NFSSubdirectory(String(repeating: "a", count: 255)).components[0].count == 255)
        #expect(try NFSSubdirectory(String(repeating: "a/", count: 2047) + "b").components.count == 2048)
    }

    @Test("archived data lies where csi-driver-nfs puts it")
    func archived() throws {
        let nested = try NFSSubdirectory("a/b")
        #expect(!nested.isArchived)
        #expect(nested.archived?.text == "archived-a/b")
        #expect(nested.archived?.isArchived == true)
        #expect(try NFSSubdirectory("archived").isArchived == false)
        #expect(try NFSSubdirectory("a/archived-b").isArchived == false)
        #expect(try NFSSubdirectory(String(repeating: "a", count: 246)).archived?.components[0].count == 255)
        #expect(try NFSSubdirectory(String(repeating: "a", count: 247)).archived == nil)
    }

    @Test(
        "two directories are equal, inside, around or apart, by bytes",
        arguments: [
            ("a", "a", .equal), ("a/b", "a/b/", .equal), ("a/b", "a", .inside), ("a/b/c", "a", .inside),
            ("a", "a/b", .around),
            ("a", "b", .apart), ("ab", "a", .apart), ("a", "ab", .apart), ("a/b", "a/c", .apart),
            ("a/bc", "a/b", .apart),
            ("b/a", "a", .apart), ("A", "a", .apart), ("\u{E9}", "e\u{301}", .apart), ("\u{E9}/x", "e\u{301}", .apart),
        ] as [(String, String, DirectoryRelation)])
    func relation(first: String, second: String, expected: DirectoryRelation) throws {
        #expect(try NFSSubdirectory(first).relation(to: NFSSubdirectory(second)) == expected)
    }

    @Test("one letter to Unicode is two directories to a server")
    func bytes() throws {
        #expect(try NFSSubdirectory("\u{E9}") != NFSSubdirectory("e\u{301}"))
        #expect(try NFSSubdirectory("/a/") == NFSSubdirectory("a"))
    }

    @Test("everything but the share itself is inside the share")
    func relationToShare() throws {
        #expect(DirectoryRelation(of: [], to: []) == .equal)
        #expect(DirectoryRelation(of: [[1]], to: []) == .inside)
        #expect(DirectoryRelation(of: [], to: [[1]]) == .around)
    }
}

@Suite("Named pools")
struct NFSPoolTests {
    @Test(
        "a pool is a name and a share",
        arguments: [
            ("fast=nfs.example.com:/srv/nfs", "fast", "nfs.example.com:/srv/nfs"),
            ("a.b_c-1=10.0.0.1:/", "a.b_c-1", "10.0.0.1:/"),
            ("x=[fd00::1]:/a:b=c", "x", "[fd00::1]:/a:b=c"), ("x=[fe80::1%eth0]:/a/", "x", "[fe80::1%eth0]:/a"),
        ])
    func read(text: String, name: String, source: String) throws {
        let pool = try NFSPool(text)
        #expect(pool.name == name)
        #expect(pool.share.source == source)
    }

    @Test(
        "another text is refused with what is wrong and an example",
        arguments: [
            ("", "no \"=\""), ("a", "no \"=\""), ("a:/b", "no \"=\""), ("=a:/b", "name"), ("-a=a:/b", "name"),
            ("a#b=a:/b", "name"),
            ("@a=a:/b", "name"), ("ä=a:/b", "name"), ("sha-1=a:/b", "name"), ("a b=a:/b", "name"),
            (String(repeating: "n", count: 33) + "=a:/b", "name"), ("a=b", "no server"), ("a=[::1/b", "no server"),
            ("a=[::1]", "no server"), ("a=[::1]/b", "no server"), ("a=:/b", "server"), ("a=b_c:/b", "server"),
            ("a=[b]:/b", "server"),
            ("a=fd00::1:/b", "share"), ("a=b:c", "share"), ("a=b:", "share"), ("a=b:/../c", "share"),
        ])
    func refused(text: String, what: String) {
        let error = #expect(throws: DriverError.self) { try NFSPool(text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(what) == true)
        #expect(error?.message.hasPrefix("--nfs-pool") == true)
    }

    @Test("the longest name has 32 bytes")
    func longestName() throws {
        let name = String(repeating: "n", count: 32)
        #expect(try NFSPool("\(name)=a:/b").name == name)
    }

    @Test("pools have names and shares of their own")
    func pools() throws {
        let a = try NFSPool("a=s:/x"), b = try NFSPool("b=s:/y")
        let pools = try NFSPools([b, a])
        #expect(pools.names == ["b", "a"])
        #expect(try pools.share(of: .pool("a")) == a.share)
        #expect(try NFSPools([]).share(of: .share(a.share)) == a.share)
        #expect(throws: DriverError.self) { try NFSPools([a, NFSPool("a=s:/z")]) }
        let same = #expect(throws: DriverError.self) { try NFSPools([a, b, NFSPool("c=S:/x/")]) }
        #expect(same?.message.contains("a and c are the same share") == true)
    }

    @Test("a pool that is not here may be elsewhere")
    func unknown() throws {
        let pools = try NFSPools([NFSPool("a=s:/x")])
        let error = #expect(throws: DriverError.self) { try pools.share(of: .pool("A")) }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.message.contains("--nfs-pool A=") == true)
        #expect(error?.message.contains("it has a;") == true)
    }
}
