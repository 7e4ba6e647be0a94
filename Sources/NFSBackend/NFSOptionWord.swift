import StorageModel

/// What can be set once in a mount, under the kernel's name for it. The order of the cases is the order in which the
/// kernel gets them, where `nolock` comes before `local_lock` and `hard` before `softreval`, which it would undo.
enum NFSOptionSlot: String, Hashable, CaseIterable {
    case transport = "proto"
    case port
    case transportSecurity = "xprtsec"
    case security = "sec"
    case connections = "nconnect"
    case mostConnections = "max_connect"
    case trunkDiscovery = "trunkdiscovery"
    case reservedPort = "resvport"
    case mountPort = "mountport"
    case mountVersion = "mountvers"
    case mountTransport = "mountproto"
    case recovery = "hard"
    case softRevalidation = "softreval"
    case timeout = "timeo"
    case retransmissions = "retrans"
    case lock
    case localLock = "local_lock"
    case readSize = "rsize"
    case writeSize = "wsize"
    case write
    case synchronous = "sync"
    case closeToOpen = "cto"
    case attributeCache = "ac"
    case fileCacheMinimum = "acregmin"
    case fileCacheMaximum = "acregmax"
    case directoryCacheMinimum = "acdirmin"
    case directoryCacheMaximum = "acdirmax"
    case lookupCache = "lookupcache"
    case readDirectoryPlus = "rdirplus"
    case accessControlLists = "acl"
    case migration
    case sharedCache = "sharecache"
}

/// One parameter for fsconfig(2).
struct NFSKernelOption: Hashable, Sendable {
    let key: String
    /// Nil: a flag.
    let value: String?

    init(_ key: String, _ value: String? = nil) {
        self.key = key
        self.value = value
    }

    /// Sensitive, as all of them.
    var text: String { value.map { "\(key)=\($0)" } ?? key }
}

/// What an option with a certain name means: the list of all that are allowed. Names and values are those of Linux 6.1
/// (fs/nfs/fs_context.c; `xprtsec`: 6.5), and of mount(8) and mount.nfs(8) for what never reaches the kernel.
enum NFSOptionWord {
    /// A flag that the kernel has under the same name.
    case flag(NFSOptionSlot)
    /// A number in each of these slots, whose kernel names are those of the slots.
    case number([NFSOptionSlot], ClosedRange<UInt32>)
    /// One of these values, under the kernel's name of the slot.
    case choice(NFSOptionSlot, [String: String])
    /// `sec`: flavours with colons between them.
    case flavours
    case version
    case minorVersion
    /// A version, named by the flag.
    case versionFlag
    case label(SELinuxLabels.Kind)
    /// Of the mount and not of the file system: `MountAttributes` knows it.
    case attribute
    /// Says how mount(8) shall go about it, or what is so anyway.
    case dropped
    /// The same, with a number.
    case droppedNumber
    /// Says to whom a mount goes or by which address, which only the driver may; or needs a service that it does not
    /// have (`fsc`).
    case ours

    private static let anyNumber: ClosedRange<UInt32> = 0...UInt32.max
    private static let signed: ClosedRange<UInt32> = 0...UInt32(Int32.max)
    private static let transports = ["tcp": "tcp", "tcp6": "tcp6", "udp": "udp", "udp6": "udp6"]

    static func named(_ name: String) -> NFSOptionWord? {
        words[name] ?? (MountAttributes.knownFlags.contains(name) ? .attribute : nil)
    }

    private static let words: [String: NFSOptionWord] = [
        "vers": .version, "nfsvers": .version, "minorversion": .minorVersion,
        "v2": .versionFlag, "v3": .versionFlag, "v4": .versionFlag, "v4.0": .versionFlag, "v4.1": .versionFlag,
        "v4.2": .versionFlag,

        "proto": .choice(.transport, transports.merging(["rdma": "rdma", "rdma6": "rdma6"]) { first, _ in first }),
        "tcp": .flag(.transport), "udp": .flag(.transport), "rdma": .flag(.transport),
        "port": .number([.port], 0...65535),
        "xprtsec": .choice(.transportSecurity, ["none": "none", "tls": "tls", "mtls": "mtls"]),
        "sec": .flavours,
        "nconnect": .number([.connections], 1...16),
        "max_connect": .number([.mostConnections], 1...16),
        "trunkdiscovery": .flag(.trunkDiscovery), "notrunkdiscovery": .flag(.trunkDiscovery),
        "resvport": .flag(.reservedPort), "noresvport": .flag(.reservedPort),

        "mountport": .number([.mountPort], 0...65535),
        "mountvers": .number([.mountVersion], 1...3),
        "mountproto": .choice(.mountTransport, transports),

        "hard": .flag(.recovery), "soft": .flag(.recovery), "softerr": .flag(.recovery),
        "softreval": .flag(.softRevalidation),
        "timeo": .number([.timeout], 1...signed.upperBound),
        "retrans": .number([.retransmissions], signed),

        "lock": .flag(.lock), "nolock": .flag(.lock),
        "local_lock": .choice(.localLock, ["all": "all", "flock": "flock", "posix": "posix", "none": "none"]),

        "rsize": .number([.readSize], anyNumber), "wsize": .number([.writeSize], anyNumber),
        "write": .choice(.write, ["lazy": "lazy", "eager": "eager", "wait": "wait"]),
        "sync": .flag(.synchronous), "async": .flag(.synchronous),

        "cto": .flag(.closeToOpen), "nocto": .flag(.closeToOpen),
        "ac": .flag(.attributeCache), "noac": .flag(.attributeCache),
        "acregmin": .number([.fileCacheMinimum], anyNumber),
        "acregmax": .number([.fileCacheMaximum], anyNumber),
        "acdirmin": .number([.directoryCacheMinimum], anyNumber),
        "acdirmax": .number([.directoryCacheMaximum], anyNumber),
        "actimeo": .number(
            [.fileCacheMinimum, .fileCacheMaximum, .directoryCacheMinimum, .directoryCacheMaximum], anyNumber),
        "lookupcache": .choice(
            .lookupCache, ["all": "all", "none": "none", "pos": "positive", "positive": "positive"]),
        "rdirplus": .flag(.readDirectoryPlus), "nordirplus": .flag(.readDirectoryPlus),
        "acl": .flag(.accessControlLists), "noacl": .flag(.accessControlLists),
        "migration": .flag(.migration), "nomigration": .flag(.migration),
        "sharecache": .flag(.sharedCache), "nosharecache": .flag(.sharedCache),

        "context": .label(.context), "fscontext": .label(.fileSystem), "defcontext": .label(.default),
        "rootcontext": .label(.root),

        // A call mounts, or fails and is repeated: `bg` and `retry` have nothing to say. The kernel ignores `intr`, and
        // changes of directories are synchronous with every server.
        "bg": .dropped, "fg": .dropped, "retry": .droppedNumber, "intr": .dropped, "nointr": .dropped,
        "_netdev": .dropped, "nofail": .dropped, "auto": .dropped, "noauto": .dropped, "defaults": .dropped,
        "nouser": .dropped, "nofsc": .dropped, "dirsync": .dropped,

        "source": .ours, "addr": .ours, "clientaddr": .ours, "mountaddr": .ours, "mounthost": .ours, "fsc": .ours,
    ]

    /// `sec`, as the kernel takes it: those of RPCSEC_GSS with Kerberos, and the two without.
    static let securityFlavours = [
        "sys": "sys", "krb5": "krb5", "krb5i": "krb5i", "krb5p": "krb5p", "none": "none", "null": "none",
    ]
}
