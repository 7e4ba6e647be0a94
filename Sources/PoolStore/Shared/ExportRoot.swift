import LinuxSystem
import StorageModel
import SystemPackage

/// The directory of this machine that an NFS server on it exports as a share: the way to what the file system can do
/// and NFS cannot ask of it.
package final class ExportRoot: Sendable {
    /// Absolute.
    package let path: String
    package let source: any ProjectQuotaSource

    package init(path: String, source: any ProjectQuotaSource = KernelProjectQuota()) {
        self.path = path
        self.source = source
    }

    /// The directory, which is the root of this pool. It is opened for each use, for what lies there may come later or
    /// change.
    ///
    /// - Throws: FAILED_PRECONDITION when it is another pool's, or none.
    func open(for pool: SharedPool, _ metadata: SharedMetadata) throws(DriverError) -> OwnedDescriptor {
        func refusal(_ found: String) -> DriverError {
            DriverError(
                .failedPrecondition,
                "--export-root \(pool.name)=\(path): \(found); name the directory that the server exports as "
                    + "\(pool.name), with its file system mounted, and run there")
        }
        let wanted = try metadata.id(of: pool.name)
        do throws(Errno) {
            let root = try OwnedDescriptor.open(path, [.readOnly, .directory])
            let format = try root.open(beneath: Pool.metadataName, [.readOnly, .directory])
                .readFile(Pool.formatName, limit: PoolFormat.longestFile)
            guard let format, let id = try? PoolFormat(decoding: format).id, id == wanted else {
                throw Errno.noSuchFileOrDirectory
            }
            return root
        } catch .noSuchFileOrDirectory {
            throw refusal("what is there is not what the share has")
        } catch {
            throw refusal("it cannot be opened (\(error))")
        }
    }
}
