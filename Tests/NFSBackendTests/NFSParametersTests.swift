import StorageModel
import Testing

@testable import NFSBackend

@Suite("Parameters of a StorageClass for NFS")
struct NFSParametersTests {
    static let place = ["server": "nfs.example.com", "share": "/srv"]
    static let metadata = [
        "csi.storage.k8s.io/pvc/name": "claim", "csi.storage.k8s.io/pvc/namespace": "space",
        "csi.storage.k8s.io/pv/name": "pvc-1",
    ]

    private func read(_ more: [String: String], name: String = "pvc-1") throws -> NFSParameters {
        try NFSParameters(Self.place.merging(more) { _, new in new }, name: name)
    }

    @Test("without subDir the volume's name is its directory, and nothing else is asked for")
    func defaults() throws {
        let parameters = try read([:])
        #expect(parameters.location == .share(try NFSShare(server: NFSServer("nfs.example.com"), path: "/srv")))
        #expect(parameters.subdirectory.text == "pvc-1")
        #expect(parameters.policy.normalised == ["onDelete": "delete"])
        #expect(parameters.volumeContext == ["server": "nfs.example.com", "share": "/srv", "subDir": "pvc-1"])
    }

    @Test("keys in any case, and one form for all that mean the same")
    func normalised() throws {
        let parameters = try NFSParameters(
            [
                "BACKEND": "NFS", "Server": "NFS.Example.com", "SHARE": "/srv/", "subdir": "/a/b/",
                "ONDELETE": "Retain",
                "mountpermissions": "2770", "Uid": "00", "GID": "7", "subDirShared": "True",
                "csi.storage.k8s.io/fstype": "nfs",
                "csi.storage.k8s.io/provisioner-secret-name": "x",
            ], name: "pvc-1")
        #expect(
            parameters.policy.normalised == [
                "onDelete": "retain", "mountPermissions": "2770", "uid": "0", "gid": "7", "subDirShared": "true",
            ])
        #expect(
            parameters.volumeContext == [
                "server": "nfs.example.com", "share": "/srv", "subDir": "a/b", "mountPermissions": "2770",
            ])
    }

    @Test(
        "what a record keeps means the same as what was asked for",
        arguments: [
            [:], ["onDelete": "archive"], ["mountPermissions": "0"], ["mountPermissions": "7", "uid": "1"],
            ["subDir": "x", "subDirShared": "TRUE", "gid": "4294967294"], ["subDir": "x", "subDirShared": "false"],
        ])
    func roundTrip(more: [String: String]) throws {
        let policy = try read(more).policy
        #expect(try NFSVolumePolicy(record: policy.normalised) == policy)
    }

    @Test(
        "a record that says something else is refused",
        arguments: [["server": "x"], ["csi.storage.k8s.io/pv/name": "x"], ["onDelete": "x"], ["mountPermissions": "9"]])
    func foreignRecord(record: [String: String]) {
        #expect(throws: DriverError.self) { try NFSVolumePolicy(record: record) }
    }

    @Test("the configured default counts where onDelete is not given")
    func defaultPolicy() throws {
        let given = Self.place.merging(["onDelete": "delete"]) { $1 }
        #expect(try NFSParameters(Self.place, name: "a", defaultDeletePolicy: .retain).policy.deletePolicy == .retain)
        #expect(try NFSParameters(given, name: "a", defaultDeletePolicy: .retain).policy.deletePolicy == .delete)
    }

    @Test(
        "a parameter that cannot be honoured is refused with its key and without its value",
        arguments: [
            ("server", "s3cret_"), ("server", ""), ("server", "s3cret:/x"), ("share", "s3cret"), ("share", ""),
            ("share", "/../s3cret"), ("share", "/.moorage/s3cret"), ("subDir", "../s3cret"), ("subDir", "/"),
            ("subDir", ".moorage/s3cret"), ("subDir", "a//s3cret"), ("subDir", "archived-s3cret"),
            ("subDir", "${s3cret}"),
            ("subDir", "a\0s3cret"), ("onDelete", "s3cret"), ("mountPermissions", "s3cret"), ("mountPermissions", "8"),
            ("uid", "s3cret"), ("gid", "-1"), ("backend", "hostPath"), ("pool", "s3cret"), ("subDirShared", "s3cret"),
            ("path", "s3cret"), ("mountOptions", "s3cret"), ("nfs-server", "s3cret"),
        ])
    func refused(key: String, value: String) {
        let error = #expect(throws: DriverError.self) { try read([key: value]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(key) == true)
        #expect(error?.message.contains("s3cret") == false)
    }

    @Test("a key that is given in two cases is refused", arguments: ["SHARE", "csi.storage.k8s.io/PVC/name"])
    func twice(key: String) {
        let more = [key: "/x", "csi.storage.k8s.io/pvc/name": "/x"]
        #expect(throws: DriverError.self) { try read(more) }
    }

    @Test("server and share are both needed, and a pool stands for both")
    func location() throws {
        for given in [[:], ["server": "a"], ["share": "/a"], ["server": "", "share": "/a"]] {
            let error = #expect(throws: DriverError.self) { try NFSParameters(given, name: "a") }
            #expect(error?.message.contains("is required") == true)
        }
        let pooled = try NFSParameters(["pool": "fast", "mountPermissions": "750"], name: "a")
        #expect(pooled.location == .pool("fast"))
        #expect(pooled.volumeContext == ["pool": "fast", "subDir": "a", "mountPermissions": "0750"])
        #expect(throws: DriverError.self) { try NFSParameters(["pool": "fast", "server": "a"], name: "a") }
        #expect(throws: DriverError.self) { try NFSParameters(["pool": "fast", "share": "/a"], name: "a") }
        #expect(throws: DriverError.self) { try NFSParameters(["pool": "@fast"], name: "a") }
    }

    @Test(
        "a volume's name that is no directory of its own is refused",
        arguments: ["", "a/b", "/a", "a/", "..", ".", ".moorage", "archived-a", "a\nb", "..\\a"])
    func name(name: String) {
        let error = #expect(throws: DriverError.self) { try read([:], name: name) }
        #expect(error?.message.hasPrefix("name: ") == true)
    }

    @Test("subDirShared without subDir means nothing and is refused")
    func sharedWithoutSubdirectory() {
        #expect(throws: DriverError.self) { try read(["subDirShared": "true"]) }
    }

    @Test(
        "templates are expanded from the metadata",
        arguments: [
            ("${pvc.metadata.namespace}/${pvc.metadata.name}", "space/claim"), ("${pv.metadata.name}", "pvc-1"),
            ("x-${pvc.metadata.name}-${pvc.metadata.name}y", "x-claim-claimy"), ("$a/$", "$a/$"),
            ("$${pv.metadata.name}", "$pvc-1"),
        ])
    func templates(template: String, expected: String) throws {
        let parameters = try read(Self.metadata.merging(["subDir": template]) { $1 })
        #expect(parameters.subdirectory.text == expected)
        #expect(parameters.volumeContext["subDir"] == expected)
    }

    @Test(
        "a template without its metadata is refused with what the provisioner needs",
        arguments: ["${pvc.metadata.name}", "a/${pvc.metadata.namespace}", "${pv.metadata.name}"])
    func missingMetadata(template: String) {
        let error = #expect(throws: DriverError.self) { try read(["subDir": template]) }
        #expect(error?.message.contains("--extra-create-metadata") == true)
    }

    @Test(
        "a template that is not known is refused with those that are",
        arguments: ["${pvc.metadata.labels.a}", "${", "${PVC.metadata.name}", "a/${pvc.metadata.name"])
    func unknownTemplate(template: String) {
        let error = #expect(throws: DriverError.self) { try read(Self.metadata.merging(["subDir": template]) { $1 }) }
        #expect(error?.message.contains("known are ${pvc.metadata.name}, ${pvc.metadata.namespace}") == true)
    }

    @Test(
        "what a claim is named leads nowhere else",
        arguments: [
            "..", ".", "a/b", "/", "../x", "..\\x", "a\\..\\b", "${pv.metadata.name}", "$", "", "a\0b", "a\nb",
            ".moorage",
            ".Moorage", "archived-pvc-1", String(repeating: "a", count: 256),
        ])
    func hostileMetadata(value: String) {
        for template in ["${pvc.metadata.name}", "${pvc.metadata.name}/x"] {
            let more = Self.metadata.merging(["subDir": template, "csi.storage.k8s.io/pvc/name": value]) { $1 }
            #expect(throws: DriverError.self) { try read(more) }
        }
    }

    @Test(
        "what no object is named is refused, whatever stands around it",
        arguments: ["..", ".", "a/b", "\\", "a\\b", "$", "${pv.metadata.name}", "", "\n"])
    func hostileMetadataInside(value: String) {
        let more = Self.metadata.merging([
            "subDir": "x-${pvc.metadata.name}-y", "csi.storage.k8s.io/pvc/name": value,
        ]) { $1 }
        #expect(throws: DriverError.self) { try read(more) }
    }

    @Test("what is expanded is looked at again as a whole")
    func expandedTogether() {
        for template in [
            ".${pvc.metadata.name}", "a/${pvc.metadata.namespace}${pvc.metadata.name}", ".moor${pv.metadata.name}",
        ] {
            let more = [
                "subDir": template, "csi.storage.k8s.io/pvc/name": template.hasPrefix("a/") ? ".." : ".",
                "csi.storage.k8s.io/pvc/namespace": "", "csi.storage.k8s.io/pv/name": "age",
            ]
            #expect(throws: DriverError.self) { try read(more) }
        }
        // Two values that are names, and make none together.
        #expect(throws: DriverError.self) {
            try read([
                "subDir": "arch${pvc.metadata.name}${pvc.metadata.namespace}", "csi.storage.k8s.io/pvc/name": "ived",
                "csi.storage.k8s.io/pvc/namespace": "-x",
            ])
        }
    }
}
