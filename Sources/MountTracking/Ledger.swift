import LinuxSystem
import StorageModel
import Synchronization
import SystemPackage

/// The list of what this node was asked to mount since it booted: one file for each path, and the same in memory.
///
/// No file is synchronised: it must survive the death of the process, and when the power goes the mounts go as well.
/// Whoever changes the entry of a path has that path to himself (`BusyPlaces`).
package final class Ledger: Sendable {
    private struct Index {
        var byPath: [String: LedgerEntry] = [:]
        var pathsByVolume: [VolumeID: Set<String>] = [:]

        mutating func insert(_ entry: LedgerEntry) {
            remove(entry.intent.path)
            byPath[entry.intent.path] = entry
            pathsByVolume[entry.intent.volume, default: []].insert(entry.intent.path)
        }

        mutating func remove(_ path: String) {
            guard let entry = byPath.removeValue(forKey: path) else { return }
            pathsByVolume[entry.intent.volume]?.remove(path)
            if pathsByVolume[entry.intent.volume]?.isEmpty == true { pathsByVolume[entry.intent.volume] = nil }
        }
    }

    /// `<state>/ledger`
    let allBoots: OwnedDescriptor
    /// `<state>/ledger/<boot id>`
    let directory: OwnedDescriptor
    let bootID: String
    /// Nil until it was loaded.
    private let index = Mutex<Index?>(nil)
    private let temporaryFiles = Atomic(0)

    /// Opens the ledger of this boot, or makes it; reads nothing.
    init(state: borrowing OwnedDescriptor, bootID: String) throws(DriverError) {
        do {
            allBoots = try state.openOrMakePrivateDirectory("ledger")
            directory = try allBoots.openOrMakePrivateDirectory(bootID)
        } catch {
            throw .ledger("the ledger cannot be opened", error)
        }
        self.bootID = bootID
    }

    package static func fileName(for path: String) -> String {
        SHA256.hexDigest(of: path.utf8, digits: 32) + ".json"
    }

    // MARK: In memory

    /// From now on the ledger is what `entries` are.
    func load(_ entries: [LedgerEntry]) {
        var loaded = Index()
        for entry in entries { loaded.insert(entry) }
        index.withLock { $0 = loaded }
    }

    func entry(at path: MountPath) throws(DriverError) -> LedgerEntry? {
        try read { $0.byPath[path.text] }
    }

    /// In the order of their paths.
    func entries(of volume: VolumeID) throws(DriverError) -> [LedgerEntry] {
        try read { index in
            index.pathsByVolume[volume, default: []].sorted().compactMap { index.byPath[$0] }
        }
    }

    /// Up to `limit` entries with paths after `path`, in the order of their paths; of one volume, or of all.
    ///
    /// Paths are sorted outside of the lock, so that a long ledger is listed without holding up a mount.
    func entries(after path: String?, of volume: VolumeID?, limit: Int) throws(DriverError) -> [LedgerEntry] {
        var paths = try read { index in
            if let volume { return Array(index.pathsByVolume[volume, default: []]) }
            return Array(index.byPath.keys)
        }
        if let path { paths.removeAll { $0 <= path } }
        let page = paths.sorted().prefix(limit)
        return try read { index in
            // Gone by now, or another volume's: no longer what was asked for.
            page.compactMap { index.byPath[$0] }.filter { volume == nil || $0.intent.volume == volume }
        }
    }

    /// How many entries each of these volumes has.
    func counts(of volumes: [VolumeID]) throws(DriverError) -> [Int] {
        try read { index in volumes.map { index.pathsByVolume[$0]?.count ?? 0 } }
    }

    private func read<Value: Sendable>(_ body: (Index) -> Value) throws(DriverError) -> Value {
        guard let value = index.withLock({ index in index.map(body) }) else { throw .notReconciled }
        return value
    }

    // MARK: On disk

    /// Writes the entry, in place of one for the same path.
    func record(_ entry: LedgerEntry) throws(DriverError) {
        let content = entry.encoded
        let name = Self.fileName(for: entry.intent.path)
        do throws(Errno) {
            do throws(Errno) {
                try create(name, content, for: entry.intent.role)
            } catch .fileExists {
                try replace(name, content)
            }
        } catch {
            throw .ledger("what is to be mounted for volume \(entry.intent.volume) cannot be written down", error)
        }
        index.withLock { $0?.insert(entry) }
    }

    /// Under its own name at once, which costs less than a rename: a file that a death of the process left without
    /// content says by that that its mount was never begun.
    private func create(_ name: String, _ content: [UInt8], for role: MountRole) throws(Errno) {
        let file = try directory.open(beneath: name, [.writeOnly, .create, .exclusive], mode: 0o600)
        CrashPoint.entryOpened(role).pass()
        do {
            try file.write(content)
        } catch {
            try? directory.removeFile(name)
            throw error
        }
    }

    private func replace(_ name: String, _ content: [UInt8]) throws(Errno) {
        let temporary = "\(temporaryFiles.add(1, ordering: .relaxed).newValue)" + Self.temporarySuffix
        do {
            let file = try directory.open(beneath: temporary, [.writeOnly, .create, .truncate], mode: 0o600)
            try file.write(content)
            try directory.rename(temporary, to: directory, as: name)
        } catch {
            try? directory.removeFile(temporary)
            throw error
        }
    }

    /// Removes the entry of this path, if there is one, be it of a version that this one cannot read.
    func remove(_ path: MountPath) throws(DriverError) {
        do {
            try directory.removeFile(Self.fileName(for: path.text))
        } catch  where error == .noSuchFileOrDirectory {
            // What the file would have said is true: nothing of ours is there.
        } catch {
            throw .ledger("\(path) is no longer mounted, but its entry cannot be removed from the ledger", error)
        }
        index.withLock { $0?.remove(path.text) }
    }

    /// Marks a file that was never complete.
    static let temporarySuffix = ".tmp"
}

extension DriverError {
    fileprivate static let notReconciled = DriverError(
        .unavailable, "the driver has only just started and has not read its ledger of mounts yet; repeat the call")
}

extension OwnedDescriptor {
    /// Opens a directory of ours by name, making it when it is missing; nobody else may look inside.
    func openOrMakePrivateDirectory(_ name: String) throws(Errno) -> OwnedDescriptor {
        do {
            try makeDirectory(name, permissions: 0o700)
        } catch  where error == .fileExists {
            // Opened like one just made.
        }
        let directory = try open(beneath: name, [.readOnly, .directory])
        if try directory.status().permissions != 0o700 { try directory.setPermissions(0o700) }
        return directory
    }
}
