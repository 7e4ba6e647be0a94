import JSONText
package import LinuxSystem
package import StorageModel
import Synchronization
import SystemPackage

/// An open pool: a directory with volumes and the records of them, served by this process alone.
///
/// Everything below it is reached from its descriptors, never by a path. The caller holds the gate on a volume's id
/// while he creates or deletes it; calls on different volumes run side by side.
package final class Pool: Sendable {
    package let name: String
    package let path: String
    package let id: PoolID
    /// The file system it lies on: pools with the same device share its room.
    package let device: UInt64

    let root: OwnedDescriptor
    /// The data directories.
    let volumes: OwnedDescriptor
    /// `.moorage`.
    let metadata: OwnedDescriptor
    /// `.moorage/volumes`.
    let records: OwnedDescriptor
    /// `.moorage/trash`: what is being removed, one directory for each deletion.
    package let trash: OwnedDescriptor
    /// `.moorage/format`, which carries the lock.
    private let format: OwnedDescriptor
    private let formatIdentity: FileStatus.Identity

    /// Whether the file system writes all its metadata through one log, so that whatever became durable, all that was
    /// done before it is durable as well.
    let hasOneLog: Bool
    let isSettled = Mutex(false)

    init(
        name: String, path: String, id: PoolID, root: consuming OwnedDescriptor, metadata: consuming OwnedDescriptor,
        format: consuming OwnedDescriptor
    ) throws(DriverError) {
        self.name = name
        self.path = path
        self.id = id
        do {
            let status = try root.status()
            device = status.identity.device
            formatIdentity = try format.status().identity
            hasOneLog = Self.hasOneLog(try root.fileSystemStatus().type, device: device)
            // Each | is needed: both directories have to be made.
            if try root.ensureDirectory("volumes", permissions: 0o700) { try root.synchronize() }
            let madeRecords = try metadata.ensureDirectory("volumes", permissions: 0o700)
            let madeTrash = try metadata.ensureDirectory("trash", permissions: 0o700)
            if madeRecords || madeTrash { try metadata.synchronize() }
            volumes = try root.open(beneath: "volumes", [.readOnly, .directory])
            records = try metadata.open(beneath: "volumes", [.readOnly, .directory])
            trash = try metadata.open(beneath: "trash", [.readOnly, .directory])
        } catch {
            throw .storage("open the directories of pool \"\(name)\" in \(path)", error)
        }
        self.root = root
        self.metadata = metadata
        self.format = format
    }

    /// Whether its path still leads to it: false when its disk is no longer mounted there, or its files were removed.
    package var isStillThere: Bool {
        guard let root = try? OwnedDescriptor.open(path, [.pathOnly, .directory]),
            let status = try? root.status(of: "\(Self.metadataName)/\(Self.formatName)")
        else { return false }
        return status.identity == formatIdentity
    }

    static let metadataName = ".moorage"
    static let formatName = "format"
    static let archiveName = "archived"
    /// What a file system puts into its root by itself.
    static let ignoredNames: Set<String> = ["lost+found"]
}

// MARK: - Volumes

extension Pool {
    /// The record of a volume, nil when there is none.
    ///
    /// - Throws: INTERNAL for a record that cannot be read, which is never the same as none.
    package func record(of key: VolumeKey) throws(DriverError) -> VolumeRecord? {
        let file = VolumeRecord.fileName(of: key)
        do {
            guard let content = try records.readFile(file, limit: VolumeRecord.longestFile) else { return nil }
            return try VolumeRecord(decoding: content, for: key)
        } catch {
            throw unreadable(key, "\(error)")
        }
    }

    private func unreadable(_ key: VolumeKey, _ reason: String) -> DriverError {
        DriverError(
            .internalError,
            "the record \(path)/\(Self.metadataName)/volumes/\(VolumeRecord.fileName(of: key)) cannot be used: "
                + "\(reason); repair it, or remove the file and delete the volume, which removes its data as well")
    }

    /// Checks that the data directory of a volume with a record is there.
    ///
    /// - Throws: FAILED_PRECONDITION when it is not: NOT_FOUND would say that the volume is gone, and it is a person
    ///   who has to find out what happened to it.
    package func checkDirectory(of record: VolumeRecord) throws(DriverError) {
        let kind = try attempt("look at \(path)/\(record.path)") { () throws(Errno) in try volumes.kind(of: record.id) }
        guard kind == .directory else {
            let found = kind == nil ? "is missing" : "is no directory"
            throw DriverError(
                .failedPrecondition,
                "the data directory \(path)/\(record.path) \(found), though the volume was never deleted; restore "
                    + "it, or delete the volume")
        }
    }

    /// The components below the pool's path that lead to the data of a volume.
    package static func components(of record: VolumeRecord) -> [String] {
        record.path.split(separator: "/").map(String.init)
    }

    /// Keys of all records after `key`, sorted.
    package func keys(after key: VolumeKey? = nil) throws(DriverError) -> [VolumeKey] {
        var keys: [VolumeKey] = []
        try attempt("list \(path)/\(Self.metadataName)/volumes") { () throws(Errno) in
            try records.forEachEntry { entry in
                if let found = entry.name.string.flatMap(VolumeRecord.key(ofFile:)), key.map({ found > $0 }) ?? true {
                    keys.append(found)
                }
                return true
            }
        }
        return keys.sorted()
    }

    package func fileSystemStatus() throws(DriverError) -> FileSystemStatus {
        try attempt("ask the file system of \(path) for its size") { () throws(Errno) in try root.fileSystemStatus() }
    }
}
