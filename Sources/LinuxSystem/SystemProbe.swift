import CLinuxShims
import Glibc
import SystemPackage

/// Why the kernel did not do what it was asked, as plain data for whoever only reports it.
package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// ENOENT
        case missing
        /// ENOTDIR
        case notDirectory
        /// EPERM, EACCES
        case notPermitted
        /// ENOSYS: the kernel does not know the call, or a filter says so.
        case unknownCall
        case other
    }

    package var kind: Kind
    /// In words, without what was asked.
    package var description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    init(_ errno: Errno) {
        let kind: Kind =
            switch errno {
            case .noSuchFileOrDirectory: .missing
            case .notDirectory: .notDirectory
            case .notPermitted, .permissionDenied: .notPermitted
            case .noFunction: .unknownCall
            default: .other
            }
        self.init(kind, errno.description)
    }
}

/// The system calls that the driver stands on, and those that it could use.
package enum KernelCall: String, Hashable, Sendable, CaseIterable {
    case openat2
    case statx
    case openTree = "open_tree"
    case mountSetattr = "mount_setattr"
    case moveMount = "move_mount"
    case moveMountBeneath = "move_mount beneath"
    case statmount
    case listmount
}

/// The effective capabilities of a process (capabilities(7)); only those that somebody asks for have a name.
package struct CapabilitySet: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static let changeOwner = CapabilitySet(rawValue: 1 << 0)
    package static let overrideAccess = CapabilitySet(rawValue: 1 << 1)
    package static let actAsOwner = CapabilitySet(rawValue: 1 << 3)
    package static let administer = CapabilitySet(rawValue: 1 << 21)

    /// From the line CapEff of /proc/PID/status (proc(5)).
    package init?(processStatus text: String) {
        let line = text.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        guard let digits = line?.split(whereSeparator: { $0 == "\t" || $0 == " " }).last,
            let value = UInt64(digits, radix: 16)
        else { return nil }
        rawValue = value
    }
}

/// Finds out what a machine can do. Nothing is changed: what has to be made is never attached and dropped at once.
package enum SystemProbe {
    /// The kernel's release, such as `6.1.0-13-amd64` (uname(2)).
    package static func kernelRelease() -> Result<String, Refusal> {
        file("/proc/sys/kernel/osrelease", limit: 4096).map { content in
            String(decoding: content.filter { $0 > 0x20 }, as: UTF8.self)
        }
    }

    package static func effectiveCapabilities() -> Result<CapabilitySet, Refusal> {
        file("/proc/self/status", limit: 64 << 10).flatMap { content in
            guard let set = CapabilitySet(processStatus: String(decoding: content, as: UTF8.self)) else {
                return .failure(Refusal(.other, "/proc/self/status has no CapEff"))
            }
            return .success(set)
        }
    }

    /// Tries a call.
    ///
    /// - Returns: nil when it works.
    package static func refusal(of call: KernelCall) -> Refusal? {
        do throws(Errno) {
            switch call {
            case .openat2:
                _ = try OwnedDescriptor.open("/", [.pathOnly, .directory])
            case .statx:
                guard try systemCall({ unsafe CLinuxShims_statx_knows_mounts("/") }) == 1 else {
                    return Refusal(.unknownCall, "it does not say which mount a file lies in")
                }
            case .openTree:
                // The clone is attached nowhere and goes with its descriptor.
                _ = try OwnedDescriptor.open("/", [.pathOnly, .directory]).cloneMount()
            case .mountSetattr:
                let clone = try OwnedDescriptor.open("/", [.pathOnly, .directory]).cloneMount()
                try clone.makePrivate(setting: [.readOnly, .noSymbolicLinks], clearing: .accessTimeMask)
            case .moveMount:
                let flags = CLinuxShims_MOVE_MOUNT_F_EMPTY_PATH | CLinuxShims_MOVE_MOUNT_T_EMPTY_PATH
                return refusal(ofInvalid: unsafe CLinuxShims_move_mount(-1, "", -1, "", flags))
            case .moveMountBeneath:
                let flags =
                    CLinuxShims_MOVE_MOUNT_F_EMPTY_PATH | CLinuxShims_MOVE_MOUNT_T_EMPTY_PATH
                    | CLinuxShims_MOVE_MOUNT_BENEATH
                // A flag that it does not know is refused before the descriptors are looked at.
                guard unsafe CLinuxShims_move_mount(-1, "", -1, "", flags) == -1 else { return nil }
                let failure = Errno(rawValue: errno)
                if failure == .invalidArgument { return Refusal(.unknownCall, "Linux 6.5 is the first that has it") }
                let refusal = Refusal(failure)
                return refusal.kind == .unknownCall || refusal.kind == .notPermitted ? refusal : nil
            case .statmount:
                return refusal(ofInvalid: CLinuxShims_statmount_nothing())
            case .listmount:
                return refusal(ofInvalid: CLinuxShims_listmount_nothing())
            }
            return nil
        } catch {
            return Refusal(error)
        }
    }

    /// Whether file systems of this type can be mounted (fsopen(2)); the kernel loads the module that it is in.
    ///
    /// - Returns: nil when they can.
    package static func refusal(ofFileSystem type: String) -> Refusal? {
        do throws(Errno) {
            // The string lives for the call. Nothing is made before it is asked for.
            _ = OwnedDescriptor(takingOwnership: try systemCall { unsafe CLinuxShims_fsopen(type) })
            return nil
        } catch {
            return Refusal(error)
        }
    }

    /// Whether the file at a path, the last link followed, is a program that can be run.
    package static func isProgram(_ path: String) -> Result<Bool, Refusal> {
        answer { () throws(Errno) in
            guard try OwnedDescriptor.open(path, .pathOnly).status().kind == .regular else { return false }
            // The string lives for the call.
            return unsafe faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0
        }
    }

    /// Of these programs those that run, as far as this process sees others (proc(5), `/proc/PID/comm`).
    ///
    /// - Parameter names: at most 15 bytes each.
    package static func running(_ names: Set<String>) -> Result<Set<String>, Refusal> {
        answer { () throws(Errno) in
            var found: Set<String> = []
            try OwnedDescriptor.open("/proc", [.readOnly, .directory]).forEachEntry { entry in
                // One that has ended meanwhile has no name any more.
                if let process = entry.name.string, Int(process) != nil,
                    case .success(let content) = file("/proc/\(process)/comm", limit: 64)
                {
                    let name = String(decoding: content.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
                    if names.contains(name) { found.insert(name) }
                }
                return found.count < names.count
            }
            return found
        }
    }

    /// What a call with arguments that cannot be right says of itself: the kernel looks whether it knows the call and
    /// whether the caller may use it before it looks at them. Nothing may come between the call and this.
    private static func refusal(ofInvalid result: Int32) -> Refusal? {
        guard result == -1 else { return nil }
        let refusal = Refusal(Errno(rawValue: errno))
        return refusal.kind == .unknownCall || refusal.kind == .notPermitted ? refusal : nil
    }

    /// The content of a regular file, at most `limit` bytes; a link at its end is not followed.
    package static func file(_ path: String, limit: Int) -> Result<[UInt8], Refusal> {
        answer { () throws(Errno) in
            // Non-blocking: a fifo must not hold up the question.
            let file = try OwnedDescriptor.open(path, [.readOnly, .nonBlocking, .noFollow])
            guard try file.status().kind == .regular else { throw Errno.invalidArgument }
            return try file.readAll(limit: limit)
        }
    }

    /// The file at a path itself, and not what a link points to.
    package static func status(ofPath path: String) -> Result<FileStatus, Refusal> {
        answer { () throws(Errno) in try OwnedDescriptor.status(ofPath: path) }
    }

    /// A directory, the last link followed.
    package static func directory(_ path: String) -> Result<ProbedDirectory, Refusal> {
        answer { () throws(Errno) in
            let directory = try OwnedDescriptor.open(path, [.pathOnly, .directory])
            return ProbedDirectory(
                isWritable: isWritable(path), mountID: try directory.status().mountID,
                fileSystem: try directory.fileSystemStatus())
        }
    }

    /// Whether a directory has no entry but such as `isIgnored` is true of. Ends at the first other one.
    package static func isEmpty(_ path: String, ignoring isIgnored: (String) -> Bool) -> Result<Bool, Refusal> {
        answer { () throws(Errno) in
            var isEmpty = true
            try OwnedDescriptor.open(path, [.readOnly, .directory]).forEachEntry { entry in
                isEmpty = entry.name.string.map(isIgnored) ?? false
                return isEmpty
            }
            return isEmpty
        }
    }

    /// The mount with this id, as this process sees it; nil when there is none. Reads the whole table of mounts.
    package static func mount(_ id: UInt64) -> Result<MountTableLine?, Refusal> {
        answer { () throws(Errno) in
            let table = try OwnedDescriptor.open("/proc/self/mountinfo", .readOnly).readAll(limit: 64 << 20)
            return MountTableLine.find(id, in: String(decoding: table, as: UTF8.self))
        }
    }

    /// faccessat(2) with the effective ids: what is read-only is not writable for root either.
    private static func isWritable(_ path: String) -> Bool {
        // The string lives for the call.
        unsafe faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0
    }

    private static func answer<Value>(_ ask: () throws(Errno) -> Value) -> Result<Value, Refusal> {
        do throws(Errno) {
            return .success(try ask())
        } catch {
            return .failure(Refusal(error))
        }
    }
}

/// What can be known of a directory without looking into it.
package struct ProbedDirectory: Sendable {
    package let isWritable: Bool
    package let mountID: UInt64
    package let fileSystem: FileSystemStatus
}

/// A line of /proc/PID/mountinfo (proc(5)).
package struct MountTableLine: Hashable, Sendable {
    package var id: UInt64
    package var mountPoint: String
    /// Whether mounts made in it appear in the copies of its peer group, which other namespaces have.
    package var isShared: Bool

    package init(id: UInt64, mountPoint: String, isShared: Bool) {
        self.id = id
        self.mountPoint = mountPoint
        self.isShared = isShared
    }

    package static func find(_ id: UInt64, in table: String) -> MountTableLine? {
        table.split(separator: "\n").lazy.compactMap { MountTableLine($0) }.first { $0.id == id }
    }

    /// Nil for a line of another form.
    package init?(_ line: some StringProtocol) {
        guard let fields = MountTableFields(line) else { return nil }
        self.init(
            id: fields.id, mountPoint: fields.mountPoint,
            isShared: fields.optional.contains { $0.hasPrefix("shared:") })
    }
}
