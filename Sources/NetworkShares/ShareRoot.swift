package import LinuxSystem
package import StorageModel
import Synchronization
package import SystemPackage

/// The root directory of a share, mounted for the driver alone. Everything about it may wait for the server, its end
/// included: it is used and let go of on the lane of its share.
package final class ShareRoot: Sendable {
    package let share: NetworkShare
    /// As fsmount(2) gives it: a place.
    private let mount: OwnedDescriptor
    /// Which of the share's attempts it came from.
    private let attempt: Int
    private let attachment = Mutex<Anchor?>(nil)
    private let companion = Mutex<(any Sendable)?>(nil)

    init(share: NetworkShare, attempt: Int, mount: consuming OwnedDescriptor) {
        self.share = share
        self.attempt = attempt
        self.mount = mount
    }

    /// The root directory, open for reading.
    package func open() throws(Errno) -> OwnedDescriptor {
        try mount.open(beneath: ".", [.readOnly, .directory])
    }

    /// What the user of the root keeps with it, made by the first one who asks.
    package func companion<Value: Sendable>(
        _ make: () throws(DriverError) -> Value
    ) throws(DriverError) -> Value {
        if let known = companion.withLock({ $0 }) as? Value { return known }
        let made = try make()
        companion.withLock { $0 = made }
        return made
    }

    /// Whether the server no longer knows what was opened.
    var isStale: Bool {
        do throws(Errno) { return try mount.isStale() } catch { return false }
    }

    /// Whether calls on it come back with an error when the server stays silent, in place of waiting for it.
    var givesUp: Bool {
        share.attempts.allSatisfy { attempt in
            attempt.options.contains(.flag("softerr")) || attempt.options.contains(.flag("soft"))
        }
    }

    /// Whether the server answers, be it with an error. It is asked each time: NFS keeps nothing of what fstatfs(2)
    /// tells.
    func answers() -> Bool {
        do throws(Errno) {
            _ = try mount.fileSystemStatus()
            return true
        } catch {
            return !DriverError.isSilence(error)
        }
    }

    /// See `NetworkShares.tree`.
    func tree(
        _ components: [String], for volume: VolumeID, _ anchorage: Anchorage, report: (ShareEvent) -> Void
    ) throws(DriverError) -> OwnedDescriptor {
        CrashPoint.rootMounted.pass()
        do throws(Errno) {
            let directory = try mount.open(
                beneath: components.isEmpty ? "." : components.joined(separator: "/"), [.pathOnly, .directory])
            CrashPoint.directoryOpened.pass()
            // Before Linux 6.15 only what is in a namespace can be cloned (open_tree(2)). And a process that holds
            // the last reference to a mount of a silent server does not end when it is killed.
            if try anchor(in: anchorage) { tellDifferences(report) }
            return try directory.cloneMount()
        } catch {
            switch error {
            case .noSuchFileOrDirectory:
                throw DriverError(
                    .notFound, "volume \(volume): its directory is not on \(share)", cause: "openat2: \(error)")
            case .tooManySymbolicLinkLevels, .improperLink, .notDirectory:
                throw DriverError(
                    .failedPrecondition,
                    "volume \(volume): a symbolic link or a file is on the way to its directory on \(share); restore "
                        + "the directory", cause: "openat2: \(error)")
            default:
                throw .share("open the directory of volume \(volume) on \(share)", error)
            }
        }
    }

    /// - Returns: whether it was not attached before.
    private func anchor(in anchorage: Anchorage) throws(Errno) -> Bool {
        try attachment.withLock { attachment throws(Errno) in
            guard attachment == nil else { return false }
            attachment = try anchorage.attach(mount)
            return true
        }
    }

    /// Once for each superblock, when it is first seen in a namespace, and only when something was asked that the
    /// kernel can have decided otherwise.
    private func tellDifferences(_ report: (ShareEvent) -> Void) {
        let asked = OptionDifference.comparable(share.attempts[attempt].options)
        guard !asked.isEmpty, let status = try? mount.status(),
            let found = try? MountDescription.ofMount(status.mountID)
        else { return }
        let differences = OptionDifference.between(asked, found)
        if !differences.isEmpty { report(.optionsDiffer(share: share.name, differences)) }
    }
}

extension CrashPoint {
    fileprivate static let rootMounted = CrashPoint("stage-share.root-mounted")
    fileprivate static let directoryOpened = CrashPoint("stage-share.directory-opened")
}
