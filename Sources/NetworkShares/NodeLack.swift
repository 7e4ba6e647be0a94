package import LinuxSystem
package import StorageModel
import SystemPackage

/// What the node most likely lacks for a mount that the kernel refused. The kernel has errors for it that say something
/// else, or that a server could have caused as well; what was asked for tells them apart.
package enum NodeLack: Hashable, Sendable {
    /// File locks of NFS 3 begin with a call to rpcbind on this machine: ECONNREFUSED when it is not there, with no
    /// word from the kernel.
    case lockServices
    /// The credentials of Kerberos come from rpc.gssd: EINVAL or EACCES without it.
    case credentials
    /// A kernel without SELinux, without its policy, or whose policy does not know the label: EINVAL for the option.
    case labels

    /// - Parameter isPortMapperThere: whether rpcbind can be reached on this machine; nil when that is not known.
    package init?(
        of refusal: MountFailure.Refusal, _ share: NetworkShare,
        isPortMapperThere: () -> Bool? = { PortMapper.isListening() }
    ) {
        guard share.attempts.indices.contains(refusal.attempt) else { return nil }
        let options = share.attempts[refusal.attempt].options
        switch refusal.step {
        case .setting(let number):
            guard options.indices.contains(number), case .value(let key, _) = options[number],
                NetworkShare.labelKeys.contains(key)
            else { return nil }
            self = .labels
        case .create where refusal.errno == .connectionRefused:
            guard options.asksForLocks, isPortMapperThere() == false else { return nil }
            self = .lockServices
        case .create where Self.withoutCredentials.contains(refusal.errno):
            guard options.asksForKerberos else { return nil }
            self = .credentials
        default: return nil
        }
    }

    private static let withoutCredentials: Set<Errno> = [
        .invalidArgument, .permissionDenied, .notPermitted,
        // ENOKEY, EKEYEXPIRED, EKEYREJECTED.
        Errno(rawValue: 126), Errno(rawValue: 127), Errno(rawValue: 129),
    ]

    /// The end of a sentence.
    package var remedy: String {
        switch self {
        case .lockServices:
            "file locks of NFS 3 need rpcbind and rpc.statd on this node, and there is no rpcbind: start both (they "
                + "come with nfs-common or nfs-utils), mount with nolock, or use NFS 4"
        case .credentials:
            "sec=krb5 and its kin need rpc.gssd on this node, which is most likely not running or has no key for the "
                + "server: start it (it comes with nfs-common or nfs-utils), see its log and /etc/krb5.keytab; else "
                + "see whether the server exports the share with this security"
        case .labels:
            "the kernel of this node does not take this SELinux label: mount without one (on Kubernetes "
                + "seLinuxMount: false in the CSIDriver), or use a node with SELinux whose policy has the label"
        }
    }
}

extension [NetworkShare.Option] {
    /// Of version 3, of which locks are a protocol of their own.
    fileprivate var asksForLocks: Bool {
        contains(.value("vers", "3")) && !contains(.flag("nolock"))
            && !contains(.value("local_lock", "all"))
    }

    fileprivate var asksForKerberos: Bool {
        contains { option in
            guard case .value("sec", let flavours) = option else { return false }
            return flavours.split(separator: ":").contains { $0.hasPrefix("krb5") }
        }
    }
}
