/// Who tells clients of ONC RPC at which ports programs of this machine are (rpcbind(8)). The kernel's own file locking
/// for NFS 3 cannot begin without it.
package enum PortMapper {
    /// Whether somebody listens as such in this network namespace; nil when that cannot be seen.
    package static func isListening() -> Bool? {
        var isSeen = false
        for (table, isIt) in [("unix", isItsPath), ("tcp", isItsPort), ("tcp6", isItsPort)]
            as [(String, (Substring) -> Bool)]
        {
            guard case .success(let content) = SystemProbe.file("/proc/self/net/\(table)", limit: 64 << 20) else {
                continue
            }
            isSeen = true
            if String(decoding: content, as: UTF8.self).split(separator: "\n").contains(where: isIt) { return true }
        }
        return isSeen ? false : nil
    }

    /// A line of /proc/net/unix.
    package static func isItsPath(_ line: Substring) -> Bool {
        line.utf8.reversed().starts(with: "/rpcbind.sock".utf8.reversed())
    }

    /// A line of /proc/net/tcp or tcp6 (proc(5)): local address and port, remote ones, state; all in hexadecimal.
    package static func isItsPort(_ line: Substring) -> Bool {
        let fields = line.split(separator: " ", maxSplits: 4)
        let listens = Substring("0A"), port = ":006F"
        return fields.count > 3 && fields[3] == listens && fields[1].hasSuffix(port)
    }
}
