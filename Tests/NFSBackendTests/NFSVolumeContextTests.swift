import StorageModel
import Testing

@testable import NFSBackend

@Suite("Contexts of NFS volumes")
struct NFSVolumeContextTests {
    static let place = ["server": "nfs.example.com", "share": "/srv"]
    static let noPools = try? NFSPools([])

    private func read(_ more: [String: String] = [:]) throws -> NFSVolumeContext {
        try NFSVolumeContext(Self.place.merging(more) { $1 })
    }

    private func place(
        _ id: String, _ context: [String: String]?, pools: [String] = []
    ) throws -> NFSPlace {
        try NFSPlace(
            VolumeID(id), context: context.map { try NFSVolumeContext($0) },
            pools: NFSPools(pools.map { try NFSPool($0) }))
    }

    @Test("a context names a place by server and share, in any case")
    func described() {
        for context in [Self.place, ["SERVER": ""], ["Share": "x"]] {
            #expect(NFSVolumeContext.isDescribed(by: context))
        }
        for context in [[:], ["path": "/x"], ["csi.storage.k8s.io/server": "x"]] {
            #expect(!NFSVolumeContext.isDescribed(by: context))
        }
    }

    @Test("a share alone is a volume, and so is a directory below")
    func whole() throws {
        for subDir in ["", "/", "//"] {
            #expect(try read(["subDir": subDir]).subdirectory == nil)
        }
        #expect(try read(["SUBDIR": "/a/b"]).subdirectory?.text == "a/b")
        #expect(try read(["subDir": "archived-a"]).subdirectory?.text == "archived-a")
    }

    @Test("what csi-driver-nfs and its provisioner leave in a context is understood")
    func foreign() throws {
        let context = try read([
            "subDir": "pvc-1", "onDelete": "archive", "mountPermissions": "0", "uid": "7", "GID": "8",
            "mountOptions": "hard",
            "csi.storage.k8s.io/pv/name": "pvc-1", "csi.storage.k8s.io/ephemeral": "false", "subDirShared": "true",
            "storage.kubernetes.io/csiProvisionerIdentity": "1700000000000-1234-nfs.csi.k8s.io",
        ])
        #expect(context.subdirectory?.text == "pvc-1")
        #expect(context.permissions == nil)
        #expect(context.user == 7)
        #expect(context.group == 8)
        #expect(context.mountOptions == "hard")
    }

    @Test("templates are expanded on the node as well; text that only looks like one is a name that exists")
    func templates() throws {
        let context = try read(["subDir": "${pvc.metadata.name}/${x}", "csi.storage.k8s.io/pvc/name": "claim"])
        #expect(context.subdirectory?.text == "claim/${x}")
        #expect(throws: DriverError.self) { try read(["subDir": "${pvc.metadata.name}"]) }
        #expect(throws: DriverError.self) {
            try read(["subDir": "${pvc.metadata.name}", "csi.storage.k8s.io/pvc/name": ".."])
        }
    }

    @Test(
        "a context that cannot be honoured is refused with its key and without its value",
        arguments: [
            ("server", "s3cret_"), ("server", ""), ("share", "s3cret"), ("share", ""), ("subDir", "../s3cret"),
            ("subDir", "a/../../s3cret"), ("subDir", ".moorage/s3cret"), ("mountPermissions", "s3cret"),
            ("path", "s3cret"),
            ("pool", "s3cret"), ("backend", "s3cret"), ("password", "s3cret"), ("onDelete", "s3cret"),
        ])
    func refused(key: String, value: String) {
        let error = #expect(throws: DriverError.self) { try read([key: value]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(key) == true)
        #expect(error?.message.contains("s3cret") == false)
    }

    @Test("what CreateVolume returns is understood, and is the place of the id that goes with it")
    func own() throws {
        let pools = ["fast=nfs.example.com:/fast"]
        for given in [
            Self.place, Self.place.merging(["subDir": "a/b", "mountPermissions": "0750"]) { $1 }, ["pool": "fast"],
        ] {
            let parameters = try NFSParameters(given, name: "pvc-1")
            let id = try NFSVolumeID(
                location: parameters.location, subdirectory: parameters.subdirectory, sharing: nil,
                deletePolicy: .retain)
            let context = try NFSVolumeContext(parameters.volumeContext)
            #expect(context.location == parameters.location)
            #expect(context.subdirectory == parameters.subdirectory)
            #expect(context.permissions == parameters.policy.permissions)
            let place = try place(id.id.rawValue, parameters.volumeContext, pools: pools)
            #expect(try place == self.place(id.id.rawValue, nil, pools: pools))
            #expect(place.subdirectory == parameters.subdirectory)
        }
    }

    @Test(
        "an id that is no place leaves it to the context",
        arguments: [
            "data", "nfs.example.com/srv##", "192.168.122.1/home/data/work##", "my volume", "h.0123456789ab.pvc-1",
            "a#b",
            "nfs.example.com#srv#../x",
            // Two slashes, and no server of the context's.
            "team/app/data",
        ])
    func freeID(id: String) throws {
        let place = try place(id, Self.place)
        #expect(place.share.source == "nfs.example.com:/srv")
        #expect(place.subdirectory == nil)
    }

    @Test(
        "an id that is the place of its context is fine, however they divide it",
        arguments: [
            ("nfs.example.com#srv#a", ["subDir": "a"]), ("NFS.example.com#srv#a#pvc-1#retain", ["subDir": "/a/"]),
            ("nfs.example.com/srv/a", ["subDir": "a"]), ("nfs.example.com/srv/a", ["share": "/srv/a"]),
            ("nfs.example.com##srv", [:]), ("nfs.example.com//srv", [:]),
        ])
    func samePlace(id: String, more: [String: String]) throws {
        let context = Self.place.merging(more) { $1 }
        #expect(try place(id, context).share.path == context["share"])
    }

    @Test(
        "an id that is another place than its context is refused",
        arguments: [
            ("nfs.example.com#srv#a", ["subDir": "b"]), ("nfs.example.com#srv#a", [:]),
            ("nfs.example.com#srv#a", ["subDir": "a/b"]),
            ("other.example.com#srv#a", ["subDir": "a"]), ("nfs.example.com#other#a", ["subDir": "a"]),
            ("nfs.example.com/srv/a", ["subDir": "b"]), ("@fast##a", ["subDir": "a"]),
        ])
    func otherPlace(id: String, more: [String: String]) {
        let error = #expect(throws: DriverError.self) {
            try place(id, Self.place.merging(more) { $1 }, pools: ["fast=nfs.example.com:/fast"])
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("two places") == true)
    }

    @Test("an id that is no place is of no volume where there is no context")
    func noContext() throws {
        let error = #expect(throws: DriverError.self) { try place("data", nil) }
        #expect(error?.code == .notFound)
        #expect(try place("nfs.example.com#srv#a", nil).subdirectory?.text == "a")
    }

    @Test("a pool and its share are one place, and a pool that is not here is not judged")
    func pools() throws {
        let pools = ["fast=nfs.example.com:/srv"]
        #expect(try place("@fast##a", Self.place.merging(["subDir": "a"]) { $1 }, pools: pools).share.path == "/srv")
        #expect(try place("nfs.example.com#srv#a", ["pool": "fast", "subDir": "a"], pools: pools).share.path == "/srv")
        for (id, context) in [("@slow##a", nil), ("@slow##a", Self.place), ("x", ["pool": "slow"])]
            as [(String, [String: String]?)]
        {
            let error = #expect(throws: DriverError.self) { try place(id, context, pools: pools) }
            #expect(error?.code == .failedPrecondition)
        }
    }

    @Test("places of one server are compared by their whole paths, those of two are apart")
    func relation() throws {
        func relation(_ first: [String: String], _ second: [String: String]) throws -> DirectoryRelation {
            try place("x", first).relation(to: place("x", second))
        }
        let share = Self.place
        let sub = share.merging(["subDir": "a"]) { $1 }
        #expect(try relation(sub, share) == .inside)
        #expect(try relation(share, sub) == .around)
        #expect(try relation(sub, ["server": "NFS.example.com", "share": "/srv/a"]) == .equal)
        #expect(try relation(sub, ["server": "nfs.example.com", "share": "/"]) == .inside)
        #expect(try relation(sub, ["server": "other", "share": "/srv", "subDir": "a"]) == .apart)
    }
}
