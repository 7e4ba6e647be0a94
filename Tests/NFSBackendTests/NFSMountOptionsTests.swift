import StorageModel
import Testing

@testable import NFSBackend

@Suite("Mount options of NFS")
struct NFSMountOptionsTests {
    private func kernel(_ flags: [String]) throws -> [String] {
        try NFSMountOptions(capability: flags).kernelOptions.map { option in
            option.value.map { "\(option.key)=\($0)" } ?? option.key
        }
    }

    @Test("without options the newest version is tried first")
    func none() throws {
        let options = try NFSMountOptions(capability: [], context: "", secret: "")
        #expect(options == NFSMountOptions())
        #expect(options.versions == [.fourTwo, .fourOne, .fourZero, .three])
        #expect(options.versions.map(\.rawValue) == ["4.2", "4.1", "4.0", "3"])
        #expect(options.kernelOptions.isEmpty)
        #expect(options.attributes == MountAttributes())
        #expect(options.addressFamily == nil)
    }

    @Test(
        "a version is named in many ways",
        arguments: [
            (["vers=3"], [.three]), (["nfsvers=4.1"], [.fourOne]), (["v4.0"], [.fourZero]), (["v3"], [.three]),
            (["vers=4.0"], [.fourZero]),
            (["vers=4"], [.fourTwo, .fourOne, .fourZero]), (["v4"], [.fourTwo, .fourOne, .fourZero]),
            (["v4.2"], [.fourTwo]),
            (["vers=4", "minorversion=1"], [.fourOne]), (["minorversion=0"], [.fourZero]),
            (["vers=4.1,minorversion=1"], [.fourOne]),
            (["nfsvers=4.2,vers=4"], [.fourTwo]),
            // What only some versions have.
            (["proto=udp"], [.three]), (["udp"], [.three]), (["proto=udp6", "vers=3"], [.three]),
            (["migration"], [.fourZero]),
            (["vers=4,migration"], [.fourZero]), (["nomigration"], [.fourTwo, .fourOne, .fourZero, .three]),
        ] as [([String], [NFSVersion])])
    func versions(flags: [String], versions: [NFSVersion]) throws {
        #expect(try NFSMountOptions(capability: flags).versions == versions)
    }

    @Test(
        "options reach the kernel under its names",
        arguments: [
            ("proto=tcp", "proto=tcp"), ("proto=tcp6", "proto=tcp6"), ("proto=rdma", "proto=rdma"), ("tcp", "tcp"),
            ("rdma", "rdma"),
            ("vers=3,proto=udp", "proto=udp"), ("port=2049", "port=2049"), ("mountport=0", "mountport=0"),
            ("mountvers=3", "mountvers=3"),
            ("mountproto=tcp", "mountproto=tcp"), ("mountproto=udp6", "mountproto=udp6"), ("nolock", "nolock"),
            ("lock", "lock"),
            ("local_lock=posix", "local_lock=posix"), ("hard", "hard"), ("soft", "soft"), ("softerr", "softerr"),
            ("softreval", "softreval"),
            ("timeo=600", "timeo=600"), ("timeo=2147483647", "timeo=2147483647"), ("retrans=0", "retrans=0"),
            ("rsize=1048576", "rsize=1048576"),
            ("wsize=1", "wsize=1"), ("ac", "ac"), ("noac", "noac"), ("acregmin=3", "acregmin=3"),
            ("acregmax=60", "acregmax=60"),
            ("acdirmin=30", "acdirmin=30"), ("acdirmax=60", "acdirmax=60"), ("nconnect=16", "nconnect=16"),
            ("max_connect=1", "max_connect=1"),
            ("trunkdiscovery", "trunkdiscovery"), ("notrunkdiscovery", "notrunkdiscovery"), ("cto", "cto"),
            ("nocto", "nocto"),
            ("rdirplus", "rdirplus"), ("nordirplus", "nordirplus"), ("sec=sys", "sec=sys"),
            ("sec=krb5p:krb5i:krb5", "sec=krb5p:krb5i:krb5"),
            ("sec=null", "sec=none"), ("resvport", "resvport"), ("noresvport", "noresvport"),
            ("sharecache", "sharecache"),
            ("nosharecache", "nosharecache"), ("lookupcache=pos", "lookupcache=positive"),
            ("lookupcache=none", "lookupcache=none"),
            ("migration", "migration"), ("nomigration", "nomigration"), ("xprtsec=mtls", "xprtsec=mtls"),
            ("acl", "acl"), ("noacl", "noacl"),
            ("write=eager", "write=eager"), ("sync", "sync"), ("async", "async"),
        ])
    func kernelNames(flag: String, option: String) throws {
        #expect(try kernel([flag]) == [option])
        // Canonical text means the same again.
        #expect(try kernel([option]) == [option])
    }

    @Test("actimeo is four options, as the kernel makes of it")
    func attributeCache() throws {
        #expect(try kernel(["actimeo=60"]) == ["acregmin=60", "acregmax=60", "acdirmin=60", "acdirmax=60"])
    }

    @Test("what managed services ask for is taken")
    func managedServices() throws {
        let nas = try NFSMountOptions(capability: ["vers=3", "nolock,proto=tcp", "noresvport"])
        #expect(nas.versions == [.three])
        #expect(nas.kernelOptions.map(\.key) == ["proto", "noresvport", "nolock"])
        let efs = try NFSMountOptions(
            capability: ["nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport,_netdev"])
        #expect(efs.kernelOptions.map(\.key) == ["noresvport", "hard", "timeo", "retrans", "rsize", "wsize"])
    }

    @Test("equal options are equal, whatever the order and the form of the list")
    func canonical() throws {
        let one = try NFSMountOptions(capability: ["hard,timeo=600", "vers=4.1", "noexec", "context=a:b:c:s0"])
        let other = try NFSMountOptions(
            capability: ["context=\"a:b:c:s0\"", "noexec,nfsvers=4.1", "_netdev", "timeo=600", "hard", "hard"])
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one.kernelOptions == other.kernelOptions)
        #expect(try one != NFSMountOptions(capability: ["hard,timeo=601", "vers=4.1", "noexec", "context=a:b:c:s0"]))
    }

    @Test("later options of the kernel's do not undo those that they stand for")
    func kernelOrder() throws {
        #expect(try kernel(["softreval", "hard"]) == ["hard", "softreval"])
        #expect(try kernel(["local_lock=none", "nolock"]) == ["nolock", "local_lock=none"])
    }

    @Test(
        "what says how mount(8) goes about it is dropped",
        arguments: [
            "bg", "fg", "retry=2", "intr", "nointr", "_netdev", "nofail", "auto", "noauto", "defaults", "nouser",
            "nofsc", "dirsync",
        ])
    func dropped(flag: String) throws {
        #expect(try NFSMountOptions(capability: [flag]) == NFSMountOptions())
    }

    @Test("attributes of the mount are MountAttributes', all of them", arguments: MountAttributes.knownFlags)
    func attributes(flag: String) throws {
        let options = try NFSMountOptions(capability: ["hard," + flag])
        #expect(options.attributes == (try MountAttributes(flags: [flag])))
        #expect(options.kernelOptions.map(\.key) == ["hard"])
    }

    static let refusedOptions = [
        "", " ", " hard", "hard ", "HARD", "nonsense", "password=hunter2", "hard=1", "ro=1", "bg=1", "v4=1", "tcp=1",
        "vers", "vers=", "vers=2", "vers=5",
        "vers=4.3", "vers=4.20", "nfsvers=40", "v2", "v4.3", "minorversion=3", "minorversion", "minorversion=",
        "minorversion=-1",
        "proto", "proto=", "proto=sctp", "proto=TCP", "mountproto=rdma", "port=65536", "port=-1", "port=", "port=0x1",
        "port=1 ", "port=٣",
        "mountport=65536", "mountvers=0", "mountvers=4", "local_lock", "local_lock=no", "timeo=0", "timeo=2147483648",
        "timeo=0600",
        "timeo=+6", "retrans=2147483648", "retry", "retry=x", "rsize=4294967296", "rsize=1k", "wsize=", "actimeo",
        "acregmin=x", "nconnect=0",
        "nconnect=17", "max_connect=17", "sec=", "sec=krb6", "sec=sys:", "sec=:sys", "sec=sys:sys", "sec=none:null",
        "sec=lkey", "sec=sys;krb5",
        "lookupcache=some", "xprtsec=ssl", "xprtsec", "write=now", "nosoftreval", "rdirplus=force",
        "source=x:/y", "addr=10.0.0.1", "clientaddr=10.0.0.1", "mountaddr=10.0.0.1", "mounthost=x", "fsc", "fsc=x",
        "sloppy", "posix", "bsize=1",
        "namlen=255", "mand", "lazytime", "remount", "bind", "suiddir", "uid=0", "x-systemd.automount", "hard\0",
        "hard\nro", "upperdir=/x",
        "context", "context=", "context=\"\"", "context=a b", "context=a\"b", "context=\"a", "context=@target",
        "context=a=b", "context=a;b",
        "context=\"a:b\"c", "rootcontext=@target", "\"hard\"", "hard,", ",hard", "hard,,soft", "\"",
        "context=" + String(repeating: "a", count: 256),
    ]

    @Test("an option that is not allowed is refused by its position, never by its text", arguments: refusedOptions)
    func refused(option: String) {
        for (flags, place) in [([option], "flag 1 of 1"), (["hard", option, "_netdev"], "flag 2 of 3")] {
            let error = #expect(throws: DriverError.self) { try NFSMountOptions(capability: flags) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.hasPrefix("volume_capability.mount.mount_flags: \(place)") == true)
            #expect(option.utf8.count < 5 || error?.message.contains(option) == false)
        }
    }

    @Test("positions count options where a text holds them")
    func positions() {
        func message(capability: [String] = [], context: String? = nil, secret: String? = nil) -> String {
            let error = #expect(throws: DriverError.self) {
                try NFSMountOptions(capability: capability, context: context, secret: secret)
            }
            return error?.message ?? ""
        }
        #expect(
            message(capability: ["ro", "hard,x"]).contains("mount_flags: flag 2 of 2, in it option 2 of 2, is not one"))
        #expect(
            message(context: "hard,addr=x,ro").hasPrefix("volume_context: mountOptions: option 2 of 3 sets what only"))
        #expect(message(secret: "timeo=x").hasPrefix("secrets: mountOptions: option 1 of 1 has no value"))
        #expect(message(secret: "context=\"x").hasPrefix("secrets: mountOptions: the text has a quotation mark"))
        #expect(message(capability: ["hard", "soft"]).contains("flag 2 of 2 says otherwise"))
    }

    @Test(
        "within one source the same said twice is fine, and said otherwise it is refused",
        arguments: [
            "hard,soft", "soft,softerr", "timeo=1,timeo=2", "proto=tcp,proto=udp", "tcp,udp", "lock,nolock", "ac,noac",
            "actimeo=1,acdirmin=2",
            "vers=3,vers=4", "vers=4.1,minorversion=2", "vers=3,minorversion=1", "v3,v4", "sec=sys,sec=krb5",
            "sync,async",
            "sharecache,nosharecache", "context=a:b:c,context=a:b:d", "resvport,noresvport",
        ])
    func contradictions(text: String) throws {
        for option in text.split(separator: ",") {
            #expect(throws: Never.self) { try NFSMountOptions(capability: [], context: "\(option),\(option)") }
        }
        let error = #expect(throws: DriverError.self) { try NFSMountOptions(capability: [], context: text) }
        #expect(error?.message.contains("option 2 of 2 says otherwise than one before it") == true)
    }

    @Test("of an attribute of the mount the later one counts")
    func laterAttribute() throws {
        #expect(try !NFSMountOptions(capability: ["ro,rw"]).attributes.readOnly)
    }

    @Test("the capability counts before the context, and the context before the secret")
    func precedence() throws {
        let options = try NFSMountOptions(
            capability: ["hard", "vers=4.1", "context=a:b:c"],
            context: "soft,vers=3,timeo=100,ro,noexec,context=x:y:z,fscontext=d:e:f",
            secret: "softerr,vers=4.0,timeo=200,retrans=7,rw,nosuid,noresvport")
        #expect(options.versions == [.fourOne])
        #expect(
            options.kernelOptions == [
                NFSKernelOption("noresvport"), NFSKernelOption("hard"), NFSKernelOption("timeo", "100"),
                NFSKernelOption("retrans", "7"), NFSKernelOption("nosharecache"),
            ])
        #expect(options.attributes == (try MountAttributes(flags: ["ro", "noexec", "nosuid"])))
        #expect(options.labels[.context] == "a:b:c")
        #expect(options.labels[.fileSystem] == "d:e:f")
        #expect(try NFSMountOptions(capability: ["rw"], context: "ro").attributes.readOnly == false)
    }

    @Test(
        "what the versions asked for do not have is refused",
        arguments: [
            ["vers=4.1", "proto=udp"], ["udp", "v4"], ["migration,vers=4.1"], ["vers=3,migration"],
            ["udp", "migration"],
        ])
    func versionMismatch(flags: [String]) {
        let error = #expect(throws: DriverError.self) { try NFSMountOptions(capability: flags) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("a label with commas is one option where it is between quotation marks")
    func labels() throws {
        let label = "system_u:object_r:container_file_t:s0:c1,c2"
        for flags in [["context=\"\(label)\",hard"], ["hard", "context=\"\(label)\""]] {
            let options = try NFSMountOptions(capability: flags)
            #expect(options.labels[.context] == label)
            #expect(options.labels.kernelOptions == [NFSKernelOption("context", label)])
            #expect(options.kernelOptions == [NFSKernelOption("hard"), NFSKernelOption("nosharecache")])
        }
        #expect(throws: DriverError.self) { try NFSMountOptions(capability: ["context=\(label)"]) }
        let two = try NFSMountOptions(capability: ["rootcontext=a:b:c,defcontext=d:e:f,fscontext=g:h:i"])
        #expect(two.labels.kernelOptions.map(\.key) == ["fscontext", "defcontext", "rootcontext"])
    }

    @Test("a label leaves it to the options whether the cache is shared, and is needed for a cache of its own")
    func labelsAndCache() throws {
        #expect(try kernel(["context=a:b:c", "sharecache"]) == ["sharecache"])
        #expect(try kernel(["context=a:b:c"]) == ["nosharecache"])
        #expect(try kernel(["hard"]) == ["hard"])
    }

    @Test("two labels that the kernel does not take together are refused")
    func contradictingLabels() {
        #expect(throws: DriverError.self) {
            try NFSMountOptions(capability: ["context=a:b:c"], context: "defcontext=a:b:c")
        }
    }

    @Test(
        "a transport tells the kind of address",
        arguments: [
            ("proto=tcp", .ipv4), ("proto=tcp6", .ipv6), ("proto=rdma6", .ipv6), ("proto=rdma", .ipv4),
            ("proto=udp,vers=3", .ipv4),
            ("tcp", nil), ("hard", nil),
        ] as [(String, AddressFamily?)])
    func family(flag: String, family: AddressFamily?) throws {
        let options = try NFSMountOptions(capability: [flag])
        #expect(options.addressFamily == family)
        #expect(throws: Never.self) { try options.check(against: NFSServer("nfs.example.com")) }
        for (server, own) in [("10.0.0.1", AddressFamily.ipv4), ("fd00::1", .ipv6)] {
            let server = try NFSServer(server)
            if family == nil || family == own {
                #expect(throws: Never.self) { try options.check(against: server) }
            } else {
                #expect(throws: DriverError.self) { try options.check(against: server) }
            }
        }
    }

    @Test("a controller keeps how the server is reached, gives up in time, and drops the rest")
    func controller() throws {
        let options = try NFSMountOptions(
            capability: [
                "vers=3,proto=tcp,port=1,mountport=2,mountvers=3,mountproto=tcp,sec=krb5:sys,xprtsec=tls",
                "noresvport,lock,hard,timeo=600",
                "retrans=9,rsize=4096,nconnect=8,actimeo=1,noac,nosharecache,sync,context=a:b:c,ro,strictatime",
                "lookupcache=none",
            ]
        ).controllerOptions
        #expect(options.versions == [.three])
        #expect(
            options.kernelOptions == [
                NFSKernelOption("proto", "tcp"), NFSKernelOption("port", "1"), NFSKernelOption("xprtsec", "tls"),
                NFSKernelOption("sec", "krb5:sys"), NFSKernelOption("noresvport"), NFSKernelOption("mountport", "2"),
                NFSKernelOption("mountvers", "3"), NFSKernelOption("mountproto", "tcp"), NFSKernelOption("softerr"),
                NFSKernelOption("timeo", "20"), NFSKernelOption("retrans", "1"), NFSKernelOption("nolock"),
            ])
        #expect(options.labels.isEmpty)
        #expect(options.attributes == (try MountAttributes(flags: ["nosuid", "nodev", "noexec", "nosymfollow"])))
        #expect(options.controllerOptions == options)
    }

    @Test("volumes whose options differ only for workloads have one controller's mount")
    func controllerKey() throws {
        let one = try NFSMountOptions(capability: ["vers=4.1,hard,rsize=1024"])
        let other = try NFSMountOptions(capability: ["soft,nfsvers=4.1,ro"])
        #expect(one.controllerOptions == other.controllerOptions)
        #expect(try one.controllerOptions != NFSMountOptions(capability: ["vers=4.2"]).controllerOptions)
    }

    @Test(
        "as texts they are read again as what they are",
        arguments: [
            [], ["vers=4"], ["vers=3,nolock,proto=tcp,noresvport"], ["udp"], ["migration"],
            ["vers=4.1", "sec=krb5:krb5i"],
            ["hard,timeo=600,retrans=2,lookupcache=pos,actimeo=1,local_lock=all"],
        ])
    func texts(flags: [String]) throws {
        let options = try NFSMountOptions(capability: flags)
        #expect(try NFSMountOptions(capability: options.texts) == options)
        let own = options.controllerOptions
        #expect(try NFSMountOptions(capability: own.texts).controllerOptions == own)
    }

    @Test("equal options have one digest, others another, and labels one of their own")
    func digests() throws {
        func digest(_ flags: String...) throws -> MountOptionsDigest { try NFSMountOptions(capability: flags).digest }
        #expect(try digest("vers=4.1,hard") == digest("hard", "nfsvers=4.1"))
        #expect(try digest("hard", "noexec") == digest("hard"))
        #expect(try digest("vers=4.1").all != digest("vers=4.2").all)
        #expect(try digest("vers=4.1").labels.isEmpty)
        let label = try digest(#"context="a:b:c:s0:c1,c2""#)
        #expect(try label == digest(#"context="a:b:c:s0:c1,c2",nosharecache"#))
        #expect(try label.labels == digest(#"hard,context="a:b:c:s0:c1,c2""#).labels)
        #expect(try label.labels != digest("context=a:b:c:s0").labels)
    }

    @Test("options do not print themselves")
    func silent() throws {
        let options = try NFSMountOptions(capability: ["timeo=12345", "context=s3cret:b:c"])
        for text in ["\(options)", String(reflecting: options), "\([options])"] {
            #expect(!text.contains("12345"))
            #expect(!text.contains("s3cret"))
        }
    }
}
