package import LinuxSystem
package import StorageModel
import Synchronization
import SystemPackage

/// A network share: the volumes on it and the records of them, served by any number of controllers at once.
///
/// There is no lock that lasts. What two controllers must not do together is decided by names that only one of them
/// can make: a record by linkat(2), a directory by a claim. The caller holds the gates of this process on a volume's
/// name and id; every call may block for as long as the server is silent.
///
/// Everything on the share may have been written by anybody who can mount it: no path is built from what a record says
/// that was not checked like a path from outside, and nothing is reached but from the root's descriptor.
package final class SharedPool: Sendable {
    /// `server:/share`, for errors.
    package let name: String
    package let root: OwnedDescriptor
    let exportRoot: ExportRoot?
    private let opened = Mutex<SharedMetadata?>(nil)

    /// - Parameters:
    ///   - root: the share's root, open for reading.
    ///   - exportRoot: what this machine exports as the share, if it is the server.
    package init(name: String, root: consuming OwnedDescriptor, exportRoot: ExportRoot? = nil) {
        self.name = name
        self.exportRoot = exportRoot
        self.root = root
    }

    /// What the driver keeps on the share; nil when it never made a volume there.
    func metadata() throws(DriverError) -> SharedMetadata? {
        if let known = opened.withLock({ $0 }) { return known }
        let found = try onShare("open \(shown(Pool.metadataName))") { () throws(Errno) in
            try SharedMetadata.open(in: root)
        }
        guard let found else { return nil }
        try found.checkLayout(of: name)
        opened.withLock { $0 = found }
        return found
    }

    /// As `metadata()`; makes what is missing.
    func metadataMakingIt() throws(DriverError) -> SharedMetadata {
        if let found = try metadata() { return found }
        try onShare("make \(shown(Pool.metadataName))") { () throws(Errno) in try SharedMetadata.make(in: root) }
        guard let made = try metadata() else {
            throw DriverError(
                .unavailable, "\(shown(Pool.metadataName)) was removed while it was made; repeat the call")
        }
        return made
    }

    /// A path on the share, for errors.
    func shown(_ path: String) -> String { "\(name)/\(path)" }

    func shown(_ path: SharePath) -> String { shown(path.text) }

    package func fileSystemStatus() throws(DriverError) -> FileSystemStatus {
        try onShare("ask \(name) for its size") { () throws(Errno) in try root.fileSystemStatus() }
    }
}

/// `.moorage` of a share.
final class SharedMetadata: Sendable {
    /// `volumes`: a record for each volume, by the volume's name.
    let records: OwnedDescriptor
    /// `claims`: for each directory that is a volume, whose it is.
    let claims: OwnedDescriptor
    /// `below`: for each directory around one, for which volumes it is.
    let below: OwnedDescriptor
    let trash: OwnedDescriptor
    private let format: [UInt8]

    private static let directories = ["volumes", "claims", "below", "trash"]

    private init(_ metadata: borrowing OwnedDescriptor, format: [UInt8]) throws(Errno) {
        self.format = format
        records = try metadata.open(beneath: "volumes", [.readOnly, .directory])
        claims = try metadata.open(beneath: "claims", [.readOnly, .directory])
        below = try metadata.open(beneath: "below", [.readOnly, .directory])
        trash = try metadata.open(beneath: "trash", [.readOnly, .directory])
    }

    /// Nil without a complete one: `format` is made last.
    static func open(in root: borrowing OwnedDescriptor) throws(Errno) -> SharedMetadata? {
        let metadata: OwnedDescriptor
        do throws(Errno) {
            metadata = try root.open(beneath: Pool.metadataName, [.readOnly, .directory])
        } catch .noSuchFileOrDirectory {
            return nil
        }
        guard let format = try metadata.readFile(Pool.formatName, limit: PoolFormat.longestFile) else { return nil }
        return try SharedMetadata(metadata, format: format)
    }

    static func make(in root: borrowing OwnedDescriptor) throws(Errno) {
        try root.ensureDirectory(Pool.metadataName, permissions: 0o700)
        let metadata = try root.open(beneath: Pool.metadataName, [.readOnly, .directory])
        for name in directories { try metadata.ensureDirectory(name, permissions: 0o700) }
        let nonce = Nonce.random()
        try metadata.writeTemporary(PoolFormat(id: .random()).encoded, nonce: nonce)
        do throws(Errno) {
            try metadata.publishTemporary(nonce: nonce, in: metadata, as: Pool.formatName)
        } catch .fileExists {
            // Another controller was faster, and its format is as good.
        }
    }

    /// The pool's; empty when `checkLayout` refuses.
    var id: String { (try? PoolFormat(decoding: format))?.id.text ?? "" }

    func checkLayout(of name: String) throws(DriverError) {
        _ = try id(of: name)
    }

    func id(of name: String) throws(DriverError) -> PoolID {
        do {
            return try PoolFormat(decoding: format).id
        } catch {
            throw DriverError(
                .failedPrecondition,
                "\(name)/\(Pool.metadataName)/\(Pool.formatName) cannot be used: \(error); use a driver that knows "
                    + "it, or restore the file")
        }
    }
}
