import StorageModel
import Testing

@testable import NFSBackend

@Suite("NFS servers")
struct NFSServerTests {
    @Test(
        "a server has one text in ids and one for the kernel",
        arguments: [
            ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
            ("255.255.255.255", "255.255.255.255", "255.255.255.255"),
            ("NFS.Example.COM", "nfs.example.com", "nfs.example.com"),
            ("nfs.example.com.", "nfs.example.com.", "nfs.example.com."),
            ("a", "a", "a"), ("1a", "1a", "1a"), ("a-b.c--d", "a-b.c--d", "a-b.c--d"),
            ("4.example", "4.example", "4.example"),
            ("fs-0x1f", "fs-0x1f", "fs-0x1f"), ("0xg", "0xg", "0xg"),
            ("fd00::1", "fd00::1", "[fd00::1]"), ("[FD00:0:0:0::1]", "fd00::1", "[fd00::1]"),
            ("fd00:0000:0000:0000:0000:0000:0000:0001", "fd00::1", "[fd00::1]"),
            ("::1", "::1", "[::1]"), ("1::", "1::", "[1::]"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3", "[1:0:0:2::3]"), ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4", "[1::2:3:0:0:4]"),
            ("1:2:3:0:5:6:7:8", "1:2:3:0:5:6:7:8", "[1:2:3:0:5:6:7:8]"),
            ("1:2:3::5:6:7:8", "1:2:3:0:5:6:7:8", "[1:2:3:0:5:6:7:8]"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1", "[::ffff:10.0.0.1]"),
            ("::ffff:a00:1", "::ffff:10.0.0.1", "[::ffff:10.0.0.1]"),
            ("64:ff9b::10.0.0.1", "64:ff9b::a00:1", "[64:ff9b::a00:1]"),
            ("fe80::1%eth0", "[fe80::1%eth0]", "[fe80::1%eth0]"),
            ("[fe80::1%eth0.1]", "[fe80::1%eth0.1]", "[fe80::1%eth0.1]"),
        ])
    func texts(given: String, text: String, source: String) throws {
        let server = try NFSServer(given)
        #expect(server.text == text)
        #expect(server.sourceText == source)
        #expect(try NFSServer(server.text) == server)
        #expect(try NFSServer(server.sourceText) == server)
    }

    @Test(
        "what is no server is refused, without its text",
        arguments: [
            "", ".", "..", "a..b", ".a", "-a", "a-", "a.-b", "a b", "a,b", "a/b", "/a", "a\\b", "a_b", "a@b", "@a",
            "a#b",
            "a\n", "a\u{7F}", "ä", "a\u{301}", "\u{212A}", "a\0", "a;b", "$(a)", "a=b",
            String(repeating: "a", count: 64), String(repeating: "a.", count: 126) + "ab",
            // Addresses in other notations.
            "1", "127.1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.04", "1.2.3.", "0x7f.1", "0x7f000001",
            "a.0x1", "a.1", "a.0x", "+1.2.3.4",
            "0.0.0.0", "::", "[::]", "0:0:0:0:0:0:0:0",
            ":", ":::", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4:5:6:7::8", "12345::", "g::1",
            ":1",
            "1:", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "[::1", "::1]", "[]", "[1.2.3.4]", "[a]", "[[::1]]",
            "10.0.0.1:2049",
            "nfs:/share", "fe80::1%", "fd00::1%eth0", "fe80::1%eth0%1", "fe80::1%a/b", "fe80::1%abcdefghijklmnop",
            "::1%lo",
            "+1::1", "fd00::-1",
        ])
    func refused(given: String) {
        let error = #expect(throws: Refusal.self) { try NFSServer(given) }
        #expect(given.utf8.count < 5 || error?.reason.contains(given) == false)
    }

    @Test("the longest name and the longest label are taken")
    func longest() throws {
        let label = String(repeating: "a", count: 63)
        let name = [label, label, label, String(label.dropLast(2))].joined(separator: ".")
        #expect(name.utf8.count == 253)
        #expect(try NFSServer(name).text == name)
        #expect(try NFSServer(name + ".").text == name + ".")
        #expect(throws: Refusal.self) { try NFSServer(name + "a") }
    }

    @Test("equal are servers that are the same, and no others")
    func equality() throws {
        #expect(try NFSServer("A.b") == NFSServer("a.B"))
        #expect(try NFSServer("fd00::1") == NFSServer("[fd00:0::0:1]"))
        #expect(try NFSServer("fe80::1%a") != NFSServer("fe80::1%b"))
        #expect(try NFSServer("::ffff:10.0.0.1") != NFSServer("10.0.0.1"))
        #expect(try NFSServer("a.b") != NFSServer("a.b."))
    }

    @Test("an address tells its family, a name none")
    func family() throws {
        #expect(try NFSServer("10.0.0.1").addressFamily == .ipv4)
        #expect(try NFSServer("::1").addressFamily == .ipv6)
        #expect(try NFSServer("a").addressFamily == nil)
    }
}
