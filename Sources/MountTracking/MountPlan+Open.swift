import LinuxSystem
import StorageModel
import SystemPackage

extension MountPlan {
    /// Opens the tree that the plan describes, as a place; the tree of a block volume is the one node of its device.
    ///
    /// - Throws: UNAVAILABLE without its root, NOT_FOUND when the tree is not in it, FAILED_PRECONDITION when the way
    ///   to it leads through a symbolic link or something that is no directory, or at its end is no block device for a
    ///   plan of one.
    func openTree(of volume: VolumeID) throws(DriverError) -> OwnedDescriptor {
        switch source {
        case .directory(let root, let components):
            return try Self.open(components, below: root, [.pathOnly, .directory], volume)
        case .blockDevice(let root, let components):
            let node = try Self.open(components, below: root, .pathOnly, volume)
            let kind: FileStatus.Kind
            do {
                kind = try node.status().kind
            } catch {
                throw .cannotOpenTree(of: volume, error)
            }
            guard kind == .blockDevice else {
                throw DriverError(
                    .failedPrecondition,
                    "volume \(volume) is to be a block device, and what is in its place is none; see what is there")
            }
            return node
        case .share(let share, _):
            preconditionFailure("a directory on \(share) is opened on the lane of its share")
        }
    }

    private static func open(
        _ components: [String], below root: String, _ flags: OpenFlags, _ volume: VolumeID
    ) throws(DriverError) -> OwnedDescriptor {
        let directory: OwnedDescriptor
        do {
            directory = try .open(root, [.pathOnly, .directory])
        } catch {
            throw .cannotOpenRoot(of: volume, error)
        }
        guard !components.isEmpty else { return directory }
        guard components.allSatisfy({ !$0.isEmpty && !$0.utf8.contains(0) && !$0.utf8.contains(UInt8(ascii: "/")) })
        else {
            throw DriverError(.internalError, "volume \(volume): the place of its tree has a malformed component")
        }
        do {
            return try directory.open(beneath: components.joined(separator: "/"), flags)
        } catch {
            throw .cannotOpenTree(of: volume, error)
        }
    }
}
