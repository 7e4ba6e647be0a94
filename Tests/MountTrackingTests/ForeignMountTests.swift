import LinuxSystem
import MountTracking
import StorageModel
import Testing

@Suite("Mounts that others have made")
struct ForeignMountTests {
    private static func share(_ name: String, _ options: [NetworkShare.Option] = []) -> NetworkShare {
        NetworkShare(
            name: name, host: "nas",
            attempts: ["nfs4", "nfs"].map { NetworkShare.Attempt(type: $0, options: options) })
    }

    private static func mount(
        _ source: String, root: String = "/", type: String = "nfs4", _ attributes: String = "rw,relatime",
        _ options: String = "rw,vers=4.2"
    ) -> MountDescription {
        MountDescription(
            id: 1, type: type, source: source, root: root,
            attributes: attributes.split(separator: ",").map(String.init),
            options: options.split(separator: ";").flatMap { $0.split(separator: ",") }.map(String.init))
    }

    @Test(
        "they are a volume when server and directory are the same, by name",
        arguments: [
            ("nas:/share/a/b", "nas:/share", ["a", "b"], true), ("NAS:/share//a/b/", "nas:/share", ["a", "b"], true),
            ("nas:/share/a/b", "nas:/", ["share", "a", "b"], true), ("nas:/", "nas:/", [], true),
            ("[fd00::1]:/x/a", "[fd00::1]:/x", ["a"], true),
            ("nas:/share/a", "nas:/share", ["a", "b"], false), ("nas:/share/a/b", "nas:/share", ["a"], false),
            ("nas:/share/a", "nas:/share", ["A"], false), ("nas2:/share/a", "nas:/share", ["a"], false),
            ("10.0.0.1:/share/a", "nas:/share", ["a"], false), ("[fd00::2]:/x/a", "[fd00::1]:/x", ["a"], false),
            ("/share/a", "nas:/share", ["a"], false), ("nas", "nas:/share", [], false), ("", "nas:/", [], false),
            // One letter, written in two ways: two directories.
            ("nas:/share/e\u{301}", "nas:/share", ["\u{e9}"], false),
        ] as [(String, String, [String], Bool)])
    func isMount(source: String, share: String, components: [String], isIt: Bool) {
        #expect(Self.mount(source).isMount(of: Self.share(share), components) == isIt)
        #expect(Self.mount(source, type: "nfs").isMount(of: Self.share(share), components) == isIt)
        for type in ["fuse", "tmpfs", "fuse.nfs4", ""] {
            #expect(!Self.mount(source, type: type).isMount(of: Self.share(share), components), "\(type)")
        }
    }

    @Test("where the source is only that of the file system, its directory counts as well")
    func root() {
        #expect(Self.mount("nas:/share", root: "/a").isMount(of: Self.share("nas:/share"), ["a"]))
        #expect(!Self.mount("nas:/share", root: "/a//deleted").isMount(of: Self.share("nas:/share"), ["a"]))
    }

    @Test("their attributes are read as a mount's, and a file system that is read-only is")
    func attributes() throws {
        func attributes(_ words: String, _ options: String = "rw") -> MountAttributes? {
            Self.mount("nas:/", words, options).mountAttributes
        }
        #expect(attributes("rw,relatime") == MountAttributes())
        #expect(attributes("rw,nosuid,noexec,noatime") == (try MountAttributes(flags: ["nosuid,noexec,noatime"])))
        #expect(attributes("ro,relatime")?.readOnly == true)
        #expect(attributes("rw,relatime", "ro,vers=3")?.readOnly == true)
        #expect(attributes("rw")?.accessTime == .strict)
        #expect(attributes("rw,relatime,idmapped") == nil)
    }

    @Test("a label that is asked for has to be there")
    func labels() {
        let asked = Self.share("nas:/share", [.value("vers", "4.2"), .value("context", "a:b:c")])
        #expect(Self.mount("nas:/share", "rw", "rw,context=a:b:c").isLabelled(as: asked))
        #expect(!Self.mount("nas:/share", "rw", "rw,context=a:b:d").isLabelled(as: asked))
        #expect(!Self.mount("nas:/share", "rw", "rw").isLabelled(as: asked))
        #expect(Self.mount("nas:/share", "rw", "rw,context=a:b:c").isLabelled(as: Self.share("nas:/share")))
    }

    @Test("their end may wait for a server unless they are known to have none")
    func wait() {
        for type in ["nfs", "nfs4", "cifs", "ceph", "fuse.x", "9p", "new"] {
            #expect(Self.mount("nas:/", type: type).mayWait)
        }
        #expect(!Self.mount("tmpfs", type: "tmpfs").mayWait)
    }
}
