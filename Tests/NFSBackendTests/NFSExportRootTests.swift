import StorageModel
import Testing

@testable import NFSBackend

@Suite("Shares of this machine, and shares that may be used")
struct NFSExportRootTests {
    @Test(
        "a share and the directory that is exported as it",
        arguments: [
            ("nas:/srv/home=/srv/home", "nas:/srv/home", "/srv/home"), ("nas:/=/exports/", "nas:/", "/exports"),
            ("[fd00::1]:/x=/a//b", "[fd00::1]:/x", "/a/b"), ("nas:/a=b=/c=d", "nas:/a=b", "/c=d"),
            ("nas:/a=/b=/c", "nas:/a=/b", "/c"),
        ])
    func root(text: String, share: String, path: String) throws {
        let root = try NFSExportRoot(text)
        #expect(root.share.source == share)
        #expect(root.path == path)
    }

    @Test(
        "anything else is refused with what would be right",
        arguments: [
            "", "nas:/x", "nas:/x=", "nas:/x=y", "=/x", "nas=/x", "nas:x=/y", "nas:/x=/", "nas:/x=/a/../b",
            "nas:/x=/./b", "home=/x", "nas:/.moorage=/x",
        ])
    func refused(text: String) {
        let error = #expect(throws: DriverError.self) { try NFSExportRoot(text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.hasPrefix("--export-root") == true)
    }

    @Test("with pools alone no other share is used, and a pool's share by its own name is")
    func exclusive() throws {
        let pools = try NFSPools([NFSPool("a=nas:/x"), NFSPool("b=nas:/y")], isExclusive: true)
        let inside = try NFSShare(source: "NAS:/x/"), outside = try NFSShare(source: "nas:/z")
        #expect(try pools.share(of: .share(inside)) == inside)
        #expect(try pools.share(of: .pool("b")).source == "nas:/y")
        let error = #expect(throws: DriverError.self) { try pools.share(of: .share(outside)) }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.message.contains("a, b") == true)
        #expect(try NFSPools([NFSPool("a=nas:/x")]).share(of: .share(outside)) == outside)
    }

    @Test("requireQuota is a parameter of its own, kept in the record, and contradicts a shared directory")
    func requireQuota() throws {
        let base = ["server": "nas", "share": "/x"]
        let wanted = try NFSParameters(base.merging(["REQUIREQUOTA": "True"]) { $1 }, name: "v").policy
        #expect(wanted.requiresQuota)
        #expect(wanted.normalised["requireQuota"] == "true")
        #expect(NFSVolumePolicy.requiresQuota(wanted.normalised))
        #expect(try NFSVolumePolicy(record: wanted.normalised) == wanted)
        for parameters in [[:], ["requireQuota": "false"]] {
            let policy = try NFSParameters(base.merging(parameters) { $1 }, name: "v").policy
            #expect(policy.normalised["requireQuota"] == nil && !NFSVolumePolicy.requiresQuota(policy.normalised))
        }
        for parameters in [
            ["requireQuota": "1"], ["requireQuota": "true", "subDir": "s", "subDirShared": "true"],
        ] {
            let error = #expect(throws: DriverError.self) {
                try NFSParameters(base.merging(parameters) { $1 }, name: "v")
            }
            #expect(error?.code == .invalidArgument)
        }
    }
}
