import LinuxSystem
import StorageModel
import SystemPackage

extension MountPlan {
    /// Opens the tree that the plan describes, as a place.
    ///
    /// - Throws: UNAVAILABLE without its root, NOT_FOUND when the tree is not in it, FAILED_PRECONDITION when the way
    ///   to it leads through a symbolic link or something that is no directory.
    func openTree(of volume: VolumeID) throws(DriverError) -> OwnedDescriptor {
        switch source {
        case .directory(let root, let components):
            let directory: OwnedDescriptor
            do {
                directory = try .open(root, [.pathOnly, .directory])
            } catch {
                throw .cannotOpenRoot(of: volume, error)
            }
            guard !components.isEmpty else { return directory }
            guard components.allSatisfy({ !$0.isEmpty && !$0.utf8.contains(0) && !$0.utf8.contains(UInt8(ascii: "/")) })
            else {
                throw DriverError(
                    .internalError, "volume \(volume): the place of its directory has a malformed component")
            }
            do {
                return try directory.open(beneath: components.joined(separator: "/"), [.pathOnly, .directory])
            } catch {
                throw .cannotOpenTree(of: volume, error)
            }
        }
    }
}
