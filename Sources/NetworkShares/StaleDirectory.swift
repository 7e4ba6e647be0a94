package import LinuxSystem
package import SystemPackage

extension OwnedDescriptor {
    /// Whether the server says that the directory is gone. Waits for it.
    ///
    /// A directory that something on the server still has open has no name any more and can be asked about. fstatfs(2)
    /// comes first: when it fails so, the kernel also forgets what it knows of the directory's name, which may lead to
    /// a new one by now (Linux, nfs_statfs).
    package func isStale() throws(Errno) -> Bool {
        do throws(Errno) {
            _ = try fileSystemStatus()
            return try statusFromServer().linkCount == 0
        } catch .staleNFSFileHandle {
            return true
        }
    }
}
