import StorageModel

/// How a share is to be mounted: what is allowed of the mount options of a capability, a volume's context and a secret,
/// in one form for all that mean the same. Equal options are equal in whatever order they were given.
///
/// Of the three sources the capability counts before the context, and the context before the secret, for each thing
/// that can be set once. Within one source the same thing said twice is refused when it is said differently, but for
/// the attributes of the mount (`ro`, `noexec`), of which the later one counts, as everywhere.
struct NFSMountOptions: Hashable, Sendable {
    /// To be tried in this order, at least one.
    private(set) var versions: [NFSVersion] = NFSVersion.negotiated
    private(set) var slots: [NFSOptionSlot: NFSKernelOption] = [:]
    private(set) var attributes = MountAttributes()
    private(set) var labels = SELinuxLabels()

    /// Of the controller's mounts: a server that does not answer is given up after about six seconds.
    private static let controllerTimeout = NFSKernelOption("timeo", "20")
    private static let controllerRetransmissions = NFSKernelOption("retrans", "1")

    /// No option given.
    init() {}

    /// - Parameters:
    ///   - capability: `mount_flags`, of which one may hold several options.
    ///   - context: the volume context's `mountOptions`.
    ///   - secret: the secret's `mountOptions`; the only ones that DeleteVolume gets.
    /// - Throws: INVALID_ARGUMENT, with the position of the option and never its text (CSI spec, `mount_flags`).
    init(capability: [String], context: String? = nil, secret: String? = nil) throws(DriverError) {
        let sources = [
            NFSOptionSource(name: "secrets: mountOptions", text: secret),
            NFSOptionSource(name: "volume_context: mountOptions", text: context),
            NFSOptionSource(name: "volume_capability.mount.mount_flags", flags: capability),
        ]
        var asked: [NFSVersion] = NFSVersion.negotiated
        var flags: [String] = []
        for source in sources {
            let read = try source.read()
            if let versions = read.versions { asked = versions }
            slots.merge(read.slots) { _, counting in counting }
            for kind in SELinuxLabels.Kind.allCases {
                if let label = read.labels[kind] { labels[kind] = label }
            }
            flags += read.attributes
        }
        attributes = try MountAttributes(flags: flags)
        versions = asked.filter(allow)
        guard !versions.isEmpty else {
            throw .invalid(
                "the mount options name a version of NFS and something that it does not have (UDP goes with version 3 "
                    + "only, and migration with 4.0 only); change the one or the other")
        }
        guard !labels.contradictEachOther else {
            throw .invalid(
                "the mount options have an SELinux label for all files and another one for files without, and the "
                    + "kernel takes only one of the two; leave one out")
        }
    }

    private func allow(_ version: NFSVersion) -> Bool {
        if transportIsUDP, version.isFour { return false }
        if slots[.migration]?.key == "migration", version != .fourZero { return false }
        return true
    }

    private var transportName: String? {
        slots[.transport].map { $0.value ?? $0.key }
    }

    private var transportIsUDP: Bool { transportName?.hasPrefix("udp") == true }

    /// The only kind of address that the kernel takes with these options; nil: any. A server's name has to be resolved
    /// to one of it. Unlike `proto=tcp`, the flag `tcp` leaves it open.
    var addressFamily: AddressFamily? {
        guard let transport = slots[.transport]?.value else { return nil }
        return transport.hasSuffix("6") ? .ipv6 : .ipv4
    }

    /// - Throws: INVALID_ARGUMENT when the server has an address of another kind than the options ask for.
    func check(against server: NFSServer) throws(DriverError) {
        guard let wanted = addressFamily, let given = server.addressFamily, wanted != given else { return }
        throw .invalid(
            "the mount options name a transport over \(wanted.rawValue), and the server is given by its "
                + "\(given.rawValue) address; a transport has a \"6\" at its end when it goes over IPv6")
    }

    /// For fsconfig(2), in this order: all but `source`, the version, addresses, and labels. With labels the share gets
    /// a cache of its own: two that share one cannot have two labels.
    var kernelOptions: [NFSKernelOption] {
        var slots = slots
        if !labels.isEmpty, slots[.sharedCache] == nil { slots[.sharedCache] = NFSKernelOption("nosharecache") }
        return NFSOptionSlot.allCases.compactMap { slots[$0] }
    }

    /// What a controller keeps of them for a mount of its own: how the server is reached, and nothing of what workloads
    /// would notice. It gives up in time, writes whatever the volume's mounts may do, follows and runs nothing, and
    /// takes no locks, so that it needs no rpc.statd.
    var controllerOptions: NFSMountOptions {
        var options = NFSMountOptions()
        options.versions = versions
        let kept: Set<NFSOptionSlot> = [
            .transport, .port, .transportSecurity, .security, .reservedPort, .mountPort, .mountVersion, .mountTransport,
            .migration,
        ]
        options.slots = slots.filter { kept.contains($0.key) }
        options.slots[.recovery] = NFSKernelOption("softerr")
        options.slots[.timeout] = Self.controllerTimeout
        options.slots[.retransmissions] = Self.controllerRetransmissions
        options.slots[.lock] = NFSKernelOption("nolock")
        options.attributes.noSetUserID = true
        options.attributes.noDevices = true
        options.attributes.noExecution = true
        options.attributes.noSymbolicLinks = true
        return options
    }
}

extension NFSMountOptions {
    /// Without the attributes of the mount, which are compared by themselves.
    var digest: MountOptionsDigest {
        let labels = labels.kernelOptions.map(\.text)
        return MountOptionsDigest(
            options: versions.map { "vers=\($0.rawValue)" } + kernelOptions.map(\.text) + labels, labels: labels)
    }

    /// Versions and options of the file system as they could have been given, without labels: read again they are the
    /// same.
    var texts: [String] {
        let version: [String] =
            if versions == NFSVersion.named("4") {
                ["vers=4"]
            } else if versions.count == 1 {
                ["vers=\(versions[0].rawValue)"]
            } else {
                []
            }
        return version + NFSOptionSlot.allCases.compactMap { slots[$0]?.text }
    }
}

extension NFSMountOptions: CustomStringConvertible, CustomDebugStringConvertible {
    /// Never the options: they may be sensitive.
    var description: String { "NFS mount options" }
    var debugDescription: String { description }
}
