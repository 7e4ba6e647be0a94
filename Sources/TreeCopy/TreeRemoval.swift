package import LinuxSystem
package import SystemPackage

/// Removes a tree, whatever is in it: names that are no text, any depth, any number of entries.
///
/// Works on descriptors only. It follows no link and crosses no mount, not even a bind mount of the same file system:
/// what it cannot remove it leaves, goes on with the rest, and reports. Memory and open descriptors do not grow with
/// the size of the tree; only a name and an identity are kept for each level of depth.
package enum TreeRemoval {
    package enum Outcome: Hashable, Sendable {
        case removed
        /// Asked to stop: what is left can be removed by another call.
        case stopped
    }

    /// Something is left.
    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        package enum Reason: Hashable, Sendable {
            /// A mount is there; removing would go on in another file system.
            case mountPoint
            /// Entries came as fast as they went.
            case stillWrittenTo
            /// A directory was moved while work went on in it.
            case moved
            case refused(Errno)
        }

        /// The first entry that could not be removed, with the tree's own name in front; for people.
        package var path: String
        package var reason: Reason
        /// How many entries could not be removed for a reason of their own.
        package var count: Int

        package var description: String {
            let why =
                switch reason {
                case .mountPoint: "a file system is mounted there"
                case .stillWrittenTo: "it is still being written to"
                case .moved: "it was moved meanwhile"
                case .refused(let errno): "\(errno)"
                }
            return count > 1 ? "\(path): \(why), and \(count - 1) more" : "\(path): \(why)"
        }
    }

    /// Removes the entry `name` of `parent`: a tree, or a single file or link. One that does not exist is removed.
    ///
    /// - Parameter isStopped: asked before each entry.
    package static func remove(
        _ name: String, in parent: borrowing OwnedDescriptor, isStopped: () -> Bool = { false }
    ) throws(Failure) -> Outcome {
        var walk = RemovalWalk(root: FileName(name))
        return try walk.run(in: parent, isStopped: isStopped)
    }
}

/// A descriptor that several levels may refer to.
private final class OpenDirectory {
    let descriptor: OwnedDescriptor

    init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }
}

/// One directory on the way from the root of the tree to where the work is.
private struct Level {
    let name: FileName
    let identity: FileStatus.Identity
    /// Nil while the work is so far below that the descriptor was given back.
    var directory: OpenDirectory?
    /// Directories that the last listing found and that are not removed yet.
    var waiting: [FileName] = []
    /// Whether the last listing reached the end of the directory.
    var isListed = false
    /// Entries that cannot be removed.
    var kept: Set<FileName> = []
    /// How often it was not empty although everything in it had been removed.
    var refills = 0
}

private struct RemovalWalk {
    /// Levels whose descriptors stay open, counted from the deepest.
    static let openLevels = 16
    /// Names of directories that a listing of the root holds at once; deeper levels hold fewer.
    static let namesHeld = 4096
    static let allowedRefills = 8

    private let root: FileName
    private var levels: [Level] = []
    private var failure: TreeRemoval.Failure?

    init(root: FileName) {
        self.root = root
    }

    mutating func run(
        in parent: borrowing OwnedDescriptor, isStopped: () -> Bool
    ) throws(TreeRemoval.Failure) -> TreeRemoval.Outcome {
        do {
            try parent.removeFile(root)
            return .removed
        } catch .noSuchFileOrDirectory {
            return .removed
        } catch .isDirectory {
            // The usual case: below.
        } catch {
            throw TreeRemoval.Failure(path: root.description, reason: .refused(error), count: 1)
        }
        enter(root, in: parent)
        while let level = levels.indices.last {
            guard !isStopped() else { return .stopped }
            if let next = levels[level].waiting.popLast() {
                guard let directory = levels[level].directory else { preconditionFailure("the deepest level is open") }
                enter(next, in: directory.descriptor)
            } else if levels[level].isListed {
                try leave(outermost: parent)
            } else {
                guard list(level, isStopped: isStopped) else { return .stopped }
            }
        }
        if let failure { throw failure }
        return .removed
    }

    /// Goes down into a directory, or notes why that cannot be.
    private mutating func enter(_ name: FileName, in parent: borrowing OwnedDescriptor) {
        do {
            let directory = try parent.openDirectory(onSameMount: name)
            let identity = try directory.status().identity
            levels.append(Level(name: name, identity: identity, directory: OpenDirectory(directory)))
            let tooFar = levels.count - 1 - Self.openLevels
            if tooFar >= 0 { levels[tooFar].directory = nil }
        } catch .noSuchFileOrDirectory {
            // Somebody else removed it: as good.
        } catch .improperLink {
            keep(name, because: .mountPoint)
        } catch {
            keep(name, because: .refused(error))
        }
    }

    /// Removes the files of a directory as it lists them, and collects its directories.
    ///
    /// - Returns: false when asked to stop.
    private mutating func list(_ level: Int, isStopped: () -> Bool) -> Bool {
        guard let directory = levels[level].directory else { preconditionFailure("the deepest level is open") }
        let limit = max(1, Self.namesHeld / (level + 1))
        let kept = levels[level].kept
        var waiting: [FileName] = []
        var refused: [(FileName, Errno)] = []
        var wasStopped = false
        var isComplete = true
        do throws(Errno) {
            try directory.descriptor.forEachEntry { entry in
                wasStopped = isStopped()
                isComplete = waiting.count < limit
                guard !wasStopped, isComplete else { return false }
                if kept.contains(entry.name) { return true }
                if entry.isDirectory == true {
                    waiting.append(entry.name)
                    return true
                }
                do throws(Errno) {
                    try directory.descriptor.removeFile(entry.name)
                } catch .noSuchFileOrDirectory {
                    // Somebody else removed it: as good.
                } catch .isDirectory {
                    waiting.append(entry.name)
                } catch {
                    refused.append((entry.name, error))
                }
                return true
            }
        } catch {
            keep(FileName("."), because: .refused(error))
        }
        for (name, errno) in refused { keep(name, because: .refused(errno)) }
        levels[level].waiting = waiting
        levels[level].isListed = isComplete
        return !wasStopped
    }

    /// Removes the directory whose entries are gone, from the one above it.
    private mutating func leave(outermost: borrowing OwnedDescriptor) throws(TreeRemoval.Failure) {
        let level = levels.count - 1
        if level > 0, levels[level - 1].directory == nil { try reopen(level - 1) }
        let done = levels[level]
        guard done.kept.isEmpty else {
            levels.removeLast()
            if level > 0 { levels[level - 1].kept.insert(done.name) }
            return
        }
        do {
            if level > 0, let above = levels[level - 1].directory {
                try above.descriptor.removeDirectory(done.name)
            } else {
                try outermost.removeDirectory(done.name)
            }
            levels.removeLast()
        } catch .noSuchFileOrDirectory {
            levels.removeLast()
        } catch  where error == .directoryNotEmpty || error == .fileExists {
            levels[level].refills += 1
            levels[level].isListed = false
            if levels[level].refills > Self.allowedRefills {
                levels.removeLast()
                keep(done.name, because: .stillWrittenTo)
            }
        } catch {
            levels.removeLast()
            keep(done.name, because: .refused(error))
        }
    }

    /// Opens the directory above the deepest one again.
    private mutating func reopen(_ level: Int) throws(TreeRemoval.Failure) {
        let name = levels[level].name
        do {
            guard let below = levels[level + 1].directory else { preconditionFailure("the deepest level is open") }
            let parent = try below.descriptor.openParent()
            // A writer that still has the tree open can move directories while we are in them: then `..` leads
            // elsewhere.
            if try parent.status().identity == levels[level].identity {
                levels[level].directory = OpenDirectory(parent)
                return
            }
        } catch {
            throw TreeRemoval.Failure(path: path(to: name), reason: .refused(error), count: 1)
        }
        throw TreeRemoval.Failure(path: path(to: name), reason: .moved, count: 1)
    }

    /// Leaves an entry of the deepest level where it is.
    private mutating func keep(_ name: FileName, because reason: TreeRemoval.Failure.Reason) {
        if failure == nil { failure = TreeRemoval.Failure(path: path(to: name), reason: reason, count: 0) }
        failure?.count += 1
        if let level = levels.indices.last { levels[level].kept.insert(name) }
    }

    /// For people: of a very deep path only its two ends.
    private func path(to name: FileName) -> String {
        let names = levels.lazy.map(\.name.description)
        let shown = names.count <= 8 ? Array(names) : names.prefix(4) + ["..."] + names.suffix(3)
        return (shown + [name.description]).joined(separator: "/")
    }
}
