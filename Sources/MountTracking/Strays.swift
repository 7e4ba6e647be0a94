import LinuxSystem
import StorageModel
import SystemPackage

/// Where targets go that turn out to hold somebody's files: nothing of theirs is ever deleted or followed.
final class Strays: Sendable {
    private let state: OwnedDescriptor
    private let statePath: String

    init(state: consuming OwnedDescriptor, path: String) {
        self.state = state
        statePath = path
    }

    /// Moves what is at this place into `<state>/strays`, or, from another file system or mount, into
    /// `.moorage-strays` of the orchestrator's directory around it.
    ///
    /// - Returns: where it is now.
    func takeIn(_ place: borrowing MountPoint, around: MountPath?) throws(DriverError) -> String {
        let failure: Errno
        do {
            return try Self.move(place, into: state, at: statePath, folder: "strays")
        } catch {
            failure = error
        }
        guard failure == .improperLink, let around else { throw .cannotMoveAside(place.path, failure) }
        do {
            let directory = try OwnedDescriptor.open(around.text, [.readOnly, .directory])
            return try Self.move(place, into: directory, at: around.text, folder: ".moorage-strays")
        } catch {
            throw .cannotMoveAside(place.path, error)
        }
    }

    /// Each stray gets a directory of its own, because mkdir(2) takes a free name atomically on every file system.
    private static func move(
        _ place: borrowing MountPoint, into base: borrowing OwnedDescriptor, at basePath: String, folder: String
    ) throws(Errno) -> String {
        let strays = try base.openOrMakePrivateDirectory(folder)
        let label = SHA256.hexDigest(of: place.path.text.utf8, digits: 16)
        var number = 0
        var shelf = ""
        while true {
            shelf = "\(label)-\(number)"
            do {
                try strays.makeDirectory(shelf, permissions: 0o700)
                break
            } catch  where error == .fileExists {
                number += 1
            }
        }
        do {
            let destination = try strays.open(beneath: shelf, [.readOnly, .directory])
            try place.parent.rename(place.name, to: destination, as: place.name)
        } catch {
            try? strays.removeDirectory(shelf)
            throw error
        }
        return "\(basePath)/\(folder)/\(shelf)/\(place.name)"
    }
}
