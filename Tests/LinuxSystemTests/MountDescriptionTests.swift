import LinuxSystem
import Testing

@Suite("What the kernel tells of a mount")
struct MountDescriptionTests {
    private static let nfs =
        #"51 30 0:46 / /var/lib/kubelet/a\040b rw,nosuid,relatime shared:9 - nfs4 nas:/share/a\040b "#
        + #"rw,context="u:r:t:s0:c1,c2",vers=4.2,rsize=1024,hard,nconnect=4"#

    @Test("of NFS it has the directory in its source, and options at commas outside of quotation marks")
    func nfs() throws {
        let found = try #require(MountDescription(Self.nfs))
        #expect(found.id == 51)
        #expect(found.type == "nfs4")
        #expect(found.source == "nas:/share/a b")
        #expect(found.root == "/")
        #expect(found.attributes == ["rw", "nosuid", "relatime"])
        #expect(found.options == ["rw", "context=u:r:t:s0:c1,c2", "vers=4.2", "rsize=1024", "hard", "nconnect=4"])
        #expect(found.option("context") == "u:r:t:s0:c1,c2")
        #expect(found.option("rsize") == "1024")
        #expect(found.option("hard") == nil)
        #expect(found.option("size") == nil)
    }

    @Test("a source may be empty, and there may be any number of optional fields")
    func forms() {
        #expect(MountDescription("36 35 0:9 /x /m rw - tmpfs  rw,size=1m")?.source == "")
        #expect(MountDescription("36 35 0:9 /x /m rw shared:1 master:2 - tmpfs nas:/a rw")?.root == "/x")
        for line in ["", "36 35 0:9 / / rw", "x 35 0:9 / / rw - tmpfs tmpfs rw", "36 35 0:9 / / rw shared:1 - tmpfs a"]
        {
            #expect(MountDescription(line) == nil, "\(line)")
        }
    }

    @Test("it is found by its whole id")
    func find() {
        let table = Array("5 1 0:1 / /x rw - tmpfs five rw\n\(Self.nfs)\n512 1 0:2 / /y rw - tmpfs other rw\n".utf8)
        #expect(MountDescription.find(51, in: table)?.source == "nas:/share/a b")
        #expect(MountDescription.find(5, in: table)?.source == "five")
        #expect(MountDescription.find(1, in: table) == nil)
    }

    @Test("the mount that the root directory lies on is one")
    func own() throws {
        let status = try OwnedDescriptor.open("/", [.pathOnly, .directory]).status()
        #expect(try MountDescription.ofMount(status.mountID)?.attributes.isEmpty == false)
        #expect(try MountDescription.ofMount(.max) == nil)
    }

    @Test(
        "a line of the tables of sockets is rpcbind's by its port or path",
        arguments: [
            ("   0: 00000000:006F 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1", true),
            ("   1: 0100007F:006F 0100007F:0385 01 00000000:00000000 00:00000000 00000000 0 0 1", false),
            ("   2: 00000000:0801 0100007F:006F 0A 00000000:00000000 00:00000000 00000000 0 0 1", false),
            ("   3: 00000000000000000000000000000000:006F 00000000000000000000000000000000:0000 0A 0:0 0:0 0", true),
            ("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid", false), ("", false),
        ])
    func port(line: String, isIt: Bool) {
        #expect(PortMapper.isItsPort(line[...]) == isIt)
    }

    @Test("its socket has a path or an abstract name")
    func path() {
        #expect(PortMapper.isItsPath("00: 2 0 10000 0001 01 12 /run/rpcbind.sock"))
        #expect(PortMapper.isItsPath("00: 2 0 10000 0001 01 12 @/run/rpcbind.sock"))
        #expect(!PortMapper.isItsPath("00: 2 0 10000 0001 01 12 /run/rpcbind.sock.old"))
        #expect(!PortMapper.isItsPath(""))
    }
}
