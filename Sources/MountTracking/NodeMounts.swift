package import BlockingWork
import LinuxSystem
package import NetworkShares
package import StorageModel
import Synchronization
import SystemPackage

/// The mounts of volumes on this node: what was asked for (the ledger) and what is (the kernel).
///
/// It does and undoes mounts and says what is there; which ones are allowed is for its caller to judge, who also lets
/// only one call at a time work on a volume. Every method may be repeated, and may follow a call that a crash cut
/// short. Before `reconcile` has ended all others answer UNAVAILABLE.
package final class NodeMounts: Sendable {
    let ledger: Ledger
    let strays: Strays
    let kubeletDirectories: [MountPath]
    let busy = BusyPlaces()
    let shares: NetworkShares
    /// What a share said last of the volume at a path.
    let lastUsage = Mutex<[String: [VolumeUsage]]>([:])
    let report: @Sendable (MountEvent) -> Void
    private let workers: WorkerThreads

    /// - Parameters:
    ///   - stateDirectory: made when missing; its parent must exist.
    ///   - ledgerBootID: nil for /proc/sys/kernel/random/boot_id.
    ///   - kubeletDirectories: what is mounted below these may be unmounted without an entry in the ledger.
    ///   - report: for the log; called on a worker thread.
    /// - Throws: INVALID_ARGUMENT for a path that is not absolute and normalised, INTERNAL when the ledger cannot be
    ///   opened.
    package init(
        stateDirectory: String, ledgerBootID: String?, kubeletDirectories: [String], workers: WorkerThreads,
        shares: NetworkShares, report: @escaping @Sendable (MountEvent) -> Void
    ) throws(DriverError) {
        var directories: [MountPath] = []
        for directory in kubeletDirectories {
            directories.append(try MountPath(directory, field: "kubelet directory"))
        }
        let path = try MountPath(stateDirectory, field: "state directory")
        let state: OwnedDescriptor
        do {
            state = try Self.openStateDirectory(path)
        } catch {
            throw DriverError(
                .internalError, "state directory \(path) cannot be opened: \(error); its parent must exist",
                cause: "openat2 or mkdirat: \(error)")
        }
        ledger = try Ledger(state: state, bootID: try Self.checkedBootID(ledgerBootID))
        strays = Strays(state: state, path: path.text)
        self.kubeletDirectories = directories
        self.workers = workers
        self.shares = shares
        self.report = report
    }

    private static func openStateDirectory(_ path: MountPath) throws(Errno) -> OwnedDescriptor {
        do {
            return try .open(path.text, [.readOnly, .directory])
        } catch  where error == .noSuchFileOrDirectory {
            let parent = try OwnedDescriptor.open(path.parent, [.readOnly, .directory])
            return try parent.openOrMakePrivateDirectory(path.name)
        }
    }

    /// The boot id, which becomes the name of a directory.
    private static func checkedBootID(_ given: String?) throws(DriverError) -> String {
        let source = "/proc/sys/kernel/random/boot_id"
        let bootID: String
        if let given {
            bootID = given
        } else {
            do {
                let text = try OwnedDescriptor.open(source, .readOnly).readAll(limit: 256)
                bootID = String(decoding: text.filter { $0 > 0x20 }, as: UTF8.self)
            } catch {
                throw DriverError(
                    .internalError, "\(source) cannot be read: \(error); is /proc mounted?", cause: "read: \(error)")
            }
        }
        guard PlainName.isPlain(bootID) else {
            throw DriverError(.internalError, "the boot id is not one: it should be letters, digits and dashes")
        }
        return bootID
    }

    /// Runs on a worker thread, for system calls may wait.
    func work<Value: Sendable>(
        _ body: @escaping @Sendable (NodeMounts) throws(DriverError) -> Value
    ) async throws(DriverError) -> Value {
        try await workers.run { [self] () throws(DriverError) in try body(self) }
    }
}

extension NodeMounts {
    /// Reads the ledger of this boot and compares each entry with the kernel; drops the ledgers of other boots.
    ///
    /// Called once, before anything else. The table of cases is in this room's card.
    package func reconcile() async throws(DriverError) -> ReconcileSummary {
        try await work { node throws(DriverError) in try node.compareLedgerWithKernel() }
    }

    /// The volume's entries, in the order of their paths, each with what the kernel says of it now.
    package func mounts(of volume: VolumeID) async throws(DriverError) -> [TrackedMount] {
        try await work { node throws(DriverError) in
            var mounts: [TrackedMount] = []
            for entry in try node.ledger.entries(of: volume) {
                mounts.append(TrackedMount(intent: entry.intent, presence: try entry.presence()))
            }
            return mounts
        }
    }

    /// Whether the volume is mounted at the path of one of its entries. Where something else is mounted it may be
    /// underneath, out of sight: that counts.
    package func isInUse(_ volume: VolumeID) async throws(DriverError) -> Bool {
        try await mounts(of: volume).contains { $0.presence != .absent }
    }

    /// Mounts what the plan describes at the intent's path, an empty directory of the orchestrator's. Of a block device
    /// it mounts and records nothing, and only sees whether it is there.
    ///
    /// The mount has exactly the intent's attributes; those of the plan are the caller's to merge.
    ///
    /// - Throws: FAILED_PRECONDITION when the path is no empty directory, ALREADY_EXISTS when the volume is mounted
    ///   there with other attributes, ABORTED when another call works on the path; for the plan UNAVAILABLE without its
    ///   root, NOT_FOUND without its directory.
    package func stage(_ intent: MountIntent, plan: MountPlan) async throws(DriverError) {
        try await mount(intent, plan: plan, stagingPath: nil)
    }

    /// Mounts at the intent's path what is staged at `stagingPath`, which must be what the plan describes. The target
    /// is made when it is missing; its parent must exist. The node of a block device is bound to a file instead, and
    /// nothing needs to be staged.
    ///
    /// - Throws: as `stage`; FAILED_PRECONDITION also when the volume is not staged there, or is staged read-only and
    ///   the intent is not.
    package func publish(_ intent: MountIntent, plan: MountPlan, stagingPath: String) async throws(DriverError) {
        try await mount(intent, plan: plan, stagingPath: stagingPath)
    }

    private func mount(_ intent: MountIntent, plan: MountPlan, stagingPath: String?) async throws(DriverError) {
        if case .share(let share, let components) = plan.source {
            return try await mount(
                intent, share: share, components, permissions: plan.permissions, stagingPath: stagingPath)
        }
        try await work { node throws(DriverError) in try node.mount(intent, plan: plan, stagingPath: stagingPath) }
    }

    /// Unmounts what is mounted at the path and leaves the directory, which is the orchestrator's.
    ///
    /// - Throws: FAILED_PRECONDITION when the path is another volume's, or a mount of which nothing is known lies
    ///   outside of the kubelet directories.
    package func unstage(_ volume: VolumeID, path: String) async throws(DriverError) {
        try await unmount(volume, at: path, .stage)
    }

    /// Unmounts what is mounted at the path and removes the target; files of others found there are moved aside.
    ///
    /// - Throws: as `unstage`.
    package func unpublish(_ volume: VolumeID, path: String) async throws(DriverError) {
        try await unmount(volume, at: path, .publish)
    }

    private func unmount(_ volume: VolumeID, at path: String, _ role: MountRole) async throws(DriverError) {
        defer { _ = lastUsage.withLock { $0.removeValue(forKey: path) } }
        let place = try MountPath(path, field: role.pathField)
        if role == .stage, let share = try ledger.entry(at: place)?.share { await save(place, volume, share) }
        let layers = DetachedLayers()
        defer { layers.release(by: shares) }
        try await work { node throws(DriverError) in try node.unmount(volume, at: path, role, layers) }
    }

    /// Bytes and inodes of the file system that the volume lies in; nil when the ledger knows nothing of the path.
    ///
    /// - Throws: NOT_FOUND when the volume is not mounted at exactly that path.
    package func statistics(
        ofTracked volume: VolumeID, at text: String
    ) async throws(DriverError) -> VolumeStatistics? {
        let path = try MountPath(text, field: "volume_path")
        if let entry = try ledger.entry(at: path), let share = entry.share {
            return try await measure(entry, of: volume, on: share, at: path)
        }
        return try await work { node throws(DriverError) in
            try node.measure(nil, volume, at: path).map { VolumeStatistics(usage: $0) }
        }
    }

    /// As `statistics(ofTracked:at:)`, where the plan tells what should be mounted if the ledger does not.
    package func statistics(
        of plan: MountPlan, volume: VolumeID, at text: String
    ) async throws(DriverError) -> VolumeStatistics {
        let path = try MountPath(text, field: "volume_path")
        if case .share(let share, let components) = plan.source {
            let entry = try await work { node throws(DriverError) in
                try node.unrecorded(volume, at: path, share, components)
            }
            guard let entry else { throw .notMounted(volume, path) }
            return try await measure(entry, of: volume, on: share.name, at: path)
        }
        return try await work { node throws(DriverError) in
            VolumeStatistics(usage: try node.measure(plan, volume, at: path) ?? [])
        }
    }
}

extension MountRole {
    /// What the path is called in requests.
    var pathField: String {
        switch self {
        case .stage: "staging_target_path"
        case .publish: "target_path"
        }
    }
}

extension LedgerEntry {
    /// What the kernel says of the entry's path now.
    func presence() throws(DriverError) -> TrackedMount.Presence {
        let path = try MountPath(intent.path, field: intent.role.pathField)
        guard let place = try MountPoint.open(path) else { return .absent }
        if try place.isStale() { return share == nil ? .foreign : .mounted }
        guard let status = try place.status(), status.isMountRoot else { return .absent }
        return status.identity == tree ? .mounted : .foreign
    }
}
