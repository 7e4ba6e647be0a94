import LinuxSystem
import SystemPackage

/// The right to use a state directory, held as long as the process lives (fcntl(2), F_OFD_SETLK).
final class StateLock: Sendable {
    private let file: OwnedDescriptor

    /// Makes the directory when it is missing; its parent must exist.
    init(_ path: String) throws(SettingError) {
        do throws(Errno) {
            file = try Self.open(path)
        } catch {
            throw SettingError(
                "state-dir", "\(path) cannot be used: \(error)",
                "make its parent directory, or choose one that can be written")
        }
        guard (try? file.lockExclusively()) == true else {
            throw SettingError(
                "state-dir", "\(path) is used by another driver", "stop that one, or choose another directory")
        }
    }

    private static func make(_ path: String) throws(Errno) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let parent = try OwnedDescriptor.open(String(path[..<slash]) + "/", [.pathOnly, .directory])
        do {
            try parent.makeDirectory(String(path[path.index(after: slash)...]), permissions: 0o700)
        } catch  where error == .fileExists {
            return
        }
    }

    private static func open(_ path: String) throws(Errno) -> OwnedDescriptor {
        try make(path)
        let directory = try OwnedDescriptor.open(path, [.readOnly, .directory])
        return try directory.open(beneath: "lock", [.readWrite, .create], mode: 0o600)
    }
}
