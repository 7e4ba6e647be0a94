import JSONText
import LinuxSystem

/// What the facts about a node mean for a driver on it. A pure function: the same facts are the same findings.
package enum Diagnosis {
    package static func findings(_ facts: NodeFacts) -> [Finding] {
        var findings = [kernel(facts.kernelRelease)]
        findings += KernelCall.allCases.map { call($0, facts.refusedCalls[$0]) }
        findings.append(capabilities(facts.capabilities))
        findings += kubelet(facts)
        findings += state(facts)
        for pool in facts.pools { findings += PoolDiagnosis(pool, state: facts.stateDirectory).findings }
        if let nfs = facts.nfs { findings += self.nfs(nfs) }
        findings += socket(facts.socket)
        return findings
    }
}

// MARK: - Kernel

extension Diagnosis {
    /// mount_setattr(2) came with 5.12, nosymfollow in it with 5.14.
    private static let oldestKernel = (5, 14)

    static func kernel(_ release: Result<String, Refusal>) -> Finding {
        let check = "kernel"
        switch release {
        case .failure(let refusal):
            return .problem(check, "its release cannot be read: \(refusal)", "mount /proc")
        case .success(let text):
            let numbers = text.split(separator: ".").prefix(2).map { part in
                Int(part.prefix { $0.isASCII && $0.isNumber })
            }
            guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else {
                return .warning(check, "its release is \"\(text)\", which says no version", "use Linux 5.14 or later")
            }
            guard (major, minor) >= oldestKernel else {
                return .problem(
                    check, "Linux \(text)",
                    "use Linux 5.14 or later: mounts need mount_setattr(2) with all its attributes")
            }
            return .ok(check, "Linux \(text)")
        }
    }

    static func call(_ call: KernelCall, _ refusal: Refusal?) -> Finding {
        let check = call.rawValue
        guard let refusal else { return .ok(check, "works") }
        switch call {
        case .statmount, .listmount:
            return .ok(check, "is not here (\(refusal)); nothing needs it")
        case .moveMountBeneath:
            return .ok(check, "is not here (\(refusal)); mounts of shares that are stale are replaced in two steps")
        case .openat2, .statx, .openTree, .mountSetattr, .moveMount:
            let remedy =
                switch refusal.kind {
                case .notPermitted:
                    "run with CAP_SYS_ADMIN (in a container: privileged), and let no seccomp filter refuse it"
                case .unknownCall:
                    "use Linux 5.14 or later, and let no seccomp filter hide it"
                case .missing, .notDirectory, .other:
                    "see what the kernel's log says of it"
                }
            return .problem(check, "does not work: \(refusal)", remedy)
        }
    }

    static func capabilities(_ found: Result<CapabilitySet, Refusal>) -> Finding {
        let check = "capabilities"
        switch found {
        case .failure(let refusal):
            return .problem(check, "they cannot be read: \(refusal)", "mount /proc")
        case .success(let set):
            let needed: [(capability: CapabilitySet, name: String)] = [
                (.administer, "CAP_SYS_ADMIN"), (.changeOwner, "CAP_CHOWN"), (.actAsOwner, "CAP_FOWNER"),
                (.overrideAccess, "CAP_DAC_OVERRIDE"),
            ]
            let missing = needed.filter { !set.contains($0.capability) }.map(\.name)
            guard missing.isEmpty else {
                return .problem(
                    check, "missing: \(missing.joined(separator: ", "))",
                    "run as root with these capabilities (in a container: privileged)")
            }
            return .ok(check, needed.map(\.name).joined(separator: ", "))
        }
    }
}

// MARK: - Directories

extension Diagnosis {
    static func kubelet(_ facts: NodeFacts) -> [Finding] {
        let path = facts.kubeletDirectory
        let (check, sharing) = ("kubelet directory", "mount propagation")
        switch facts.kubelet {
        case .failure(let refusal) where refusal.kind == .missing:
            return [
                .warning(
                    check, "\(path) does not exist",
                    "start the orchestrator on this node, or give its directory with --kubelet-dir")
            ]
        case .failure(let refusal):
            return [.problem(check, "\(path) cannot be used: \(refusal)", "give a directory with --kubelet-dir")]
        case .success:
            break
        }
        let found = Finding.ok(check, path)
        switch facts.kubeletMount {
        case .success(let mount?) where mount.isShared:
            return [found, .ok(sharing, "\(named(mount, of: path)) is shared")]
        case .success(let mount?):
            return [
                found,
                .problem(
                    sharing,
                    "\(named(mount, of: path)) is not shared: containers do not see what is published",
                    "in a container mount \(path) with mountPropagation: Bidirectional; on the node run "
                        + "mount --make-rshared \(mount.mountPoint)"),
            ]
        case .success(nil):
            return [found, .warning(sharing, "the mount of \(path) is not in /proc/self/mountinfo", "look again")]
        case .failure(let refusal):
            return [found, .warning(sharing, "/proc/self/mountinfo cannot be read: \(refusal)", "mount /proc")]
        }
    }

    private static func named(_ mount: MountTableLine, of path: String) -> String {
        mount.mountPoint == path ? path : "\(mount.mountPoint), on which \(path) lies,"
    }

    static func state(_ facts: NodeFacts) -> [Finding] {
        let (path, check) = (facts.stateDirectory, "state directory")
        switch (facts.state, facts.stateParent) {
        case (.success(let directory), _):
            guard directory.isWritable else {
                return [
                    .problem(
                        check, "\(path) cannot be written", "run as root, on a file system that is mounted writable")
                ]
            }
            return [.ok(check, path), room("room of state directory", path, directory)]
        case (.failure(let refusal), .success(let parent)) where refusal.kind == .missing && parent.isWritable:
            return [
                .ok(check, "\(path) is made when the driver starts"), room("room of state directory", path, parent),
            ]
        case (.failure(let refusal), _) where refusal.kind == .missing:
            return [
                .problem(
                    check, "\(path) does not exist, and cannot be made",
                    "make the directory above it, writable, or choose another with --state-dir")
            ]
        case (.failure(let refusal), _):
            return [.problem(check, "\(path) cannot be used: \(refusal)", "choose another with --state-dir")]
        }
    }

    /// Bytes and the share of inodes below which somebody should be told.
    private static let littleRoom: UInt64 = 64 << 20
    private static let fewFiles: UInt64 = 100

    static func room(_ check: String, _ path: String, _ directory: NodeFacts.Directory) -> Finding {
        let (files, free) = (directory.files, directory.filesFree)
        let room = "\(HumanSize.text(directory.available)) on \(directory.fileSystemType)"
        guard directory.available >= littleRoom else {
            return .warning(check, "\(room), which is little", "make room on the file system of \(path)")
        }
        guard files == 0 || free >= files / fewFiles else {
            return .warning(
                check, "\(free) of \(files) inodes are free", "remove files from the file system of \(path)")
        }
        return .ok(check, room)
    }
}

// MARK: - Socket

extension Diagnosis {
    static func socket(_ socket: NodeFacts.Socket) -> [Finding] {
        let (path, check) = (socket.path, "socket")
        if case .failure(let refusal) = socket.directory {
            let found =
                refusal.kind == .missing
                ? "the directory of \(path) does not exist" : "the directory of \(path) cannot be used: \(refusal)"
            return [.problem(check, found, "make it, or choose another socket with --endpoint")]
        }
        switch socket.entry {
        case .failure(let refusal) where refusal.kind == .missing:
            return [.warning(check, "\(path) is not there: no driver runs", "start one with moorage serve")]
        case .failure(let refusal):
            return [.problem(check, "\(path) cannot be looked at: \(refusal)", "run as root")]
        case .success(let entry) where !entry.isSocket:
            return [.problem(check, "\(path) is no socket", "move it away, or choose another with --endpoint")]
        case .success(let entry) where entry.permissions != 0o600:
            let mode = String(entry.permissions, radix: 8)
            return [
                .warning(
                    check, "\(path) has mode \(mode): more than root could use the driver",
                    "chmod 600 \(path), unless others are meant to"),
                driver(socket),
            ]
        case .success:
            return [.ok(check, path), driver(socket)]
        }
    }

    private static func driver(_ socket: NodeFacts.Socket) -> Finding {
        let check = "driver"
        switch socket.answer {
        case .nobody(let found, let remedy):
            return .warning(check, found, remedy)
        case .failed(let reason):
            return .problem(check, "who listens at \(socket.path) does not answer: \(reason)", "see the driver's log")
        case .driver(let name, let version, isReady: true):
            return .ok(check, "\(name) \(version) answers")
        case .driver(let name, let version, isReady: false):
            return .warning(check, "\(name) \(version) answers that it is not ready", "see the driver's log")
        }
    }
}
