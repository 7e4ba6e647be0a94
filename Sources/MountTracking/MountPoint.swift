package import LinuxSystem
package import StorageModel
import Synchronization
import SystemPackage

/// A name in an open directory: where something is mounted or shall be.
///
/// Links on the way to the directory are followed, for orchestrators' directories are often links; the name never is.
package struct MountPoint: ~Copyable {
    package let path: MountPath
    package let parent: OwnedDescriptor
    package let name: String

    private init(path: MountPath, parent: consuming OwnedDescriptor) {
        self.path = path
        self.parent = parent
        name = path.name
    }

    /// - Returns: nil when the parent does not exist, so that nothing can be there.
    package static func open(_ path: MountPath) throws(DriverError) -> MountPoint? {
        do {
            return MountPoint(path: path, parent: try .open(path.parent, [.pathOnly, .directory]))
        } catch  where error == .noSuchFileOrDirectory || error == .notDirectory {
            return nil
        } catch {
            throw .cannotExamine(path, error)
        }
    }

    /// What is there now, the topmost mount if there are several, or nil.
    func status() throws(DriverError) -> FileStatus? {
        do {
            return try parent.status(of: name)
        } catch  where error == .noSuchFileOrDirectory {
            return nil
        } catch {
            throw .cannotExamine(path, error)
        }
    }

    /// Whether something is mounted there that its server says is gone. It can be neither opened nor asked which mount
    /// it is, only detached; with it goes nothing that anybody could still reach.
    func isStale() throws(DriverError) -> Bool {
        do {
            _ = try parent.status(of: name)
            return false
        } catch  where error == .staleNFSFileHandle {
            return true
        } catch  where error == .noSuchFileOrDirectory {
            return false
        } catch {
            throw .cannotExamine(path, error)
        }
    }

    /// What is there now, held open, so that what is decided about it is done to it.
    func occupant() throws(DriverError) -> Occupant? {
        do {
            let descriptor = try parent.open(beneath: name, [.pathOnly, .noFollow])
            let status = try descriptor.status()
            return Occupant(descriptor: descriptor, status: status)
        } catch  where error == .noSuchFileOrDirectory {
            return nil
        } catch {
            throw .cannotExamine(path, error)
        }
    }

    struct Occupant: ~Copyable {
        let descriptor: OwnedDescriptor
        let status: FileStatus

        consuming func takeDescriptor() -> OwnedDescriptor {
            descriptor
        }
    }
}

extension MountPoint {
    /// Which place it is: two paths that lead to the same one through links have the same key.
    package struct Key: Hashable, Sendable {
        let directory: FileStatus.Identity
        let mount: UInt64
        let name: String
    }

    func key() throws(DriverError) -> Key {
        do {
            let status = try parent.status()
            return Key(directory: status.identity, mount: status.mountID, name: name)
        } catch {
            throw .cannotExamine(path, error)
        }
    }
}

/// The places that a call is working on.
package final class BusyPlaces: Sendable {
    private let keys = Mutex<Set<MountPoint.Key>>([])

    package init() {}

    /// Whoever takes a place gives it back with `release`.
    ///
    /// - Throws: ABORTED when another call has it: the caller's gates are by volume, and two volumes may name one path.
    package func take(_ place: borrowing MountPoint) throws(DriverError) -> MountPoint.Key {
        let key = try place.key()
        guard keys.withLock({ $0.insert(key).inserted }) else {
            throw DriverError(.aborted, "another call is working on \(place.path); repeat this one when it has ended")
        }
        return key
    }

    package func release(_ key: MountPoint.Key) {
        _ = keys.withLock { $0.remove(key) }
    }
}
