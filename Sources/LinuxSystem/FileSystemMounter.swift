import CLinuxShims
import Glibc
import Synchronization
package import SystemPackage

/// A mount that is in no mount namespace, and which of the attempts it came from, from 0. It goes away with its last
/// descriptor unless it is attached. That close waits for a silent server as long as it is silent (NFS 4.1 and later
/// end their session), until a fatal signal; so a mount is let go of where a thread may wait.
package struct DetachedMount: ~Copyable {
    package let attempt: Int
    private let descriptor: OwnedDescriptor

    init(_ descriptor: consuming OwnedDescriptor, attempt: Int) {
        self.descriptor = descriptor
        self.attempt = attempt
    }

    package consuming func takeDescriptor() -> OwnedDescriptor {
        descriptor
    }
}

/// Makes superblocks (fsopen(2), fsmount(2)) in a process of their own, `moorage-mount`, because a silent server holds
/// the thread that mounts, and only a process can be killed then.
///
/// Each call starts one process and reaps it. One that was killed and does not end at once, because the kernel does not
/// let it, holds neither the caller nor a thread: it is kept, and asked again at every later call. While
/// `lingeringLimit` of them are kept no other is started.
///
/// To be kept as long as the process lives: with it goes the knowledge of what has to be reaped.
package final class FileSystemMounter: Sendable {
    package static let lingeringLimit = 64

    /// More reports than a request can lead to.
    private static let reportLimit = 4 * CLinuxShims_MOUNT_ATTEMPT_LIMIT * CLinuxShims_MOUNT_ADDRESS_LIMIT

    package let program: String
    /// A process that was killed, or seems to have ended, is waited for so long; then it is kept to be asked later.
    private let patience: Duration
    private let lingering: Mutex<[MountProcess]>

    /// - Parameter program: the path of moorage-mount.
    package convenience init(program: String) {
        self.init(program: program, lingering: [])
    }

    init(program: String, lingering: [MountProcess] = [], patience: Duration = .milliseconds(100)) {
        self.program = program
        self.patience = patience
        self.lingering = Mutex(lingering)
    }

    /// The path of the moorage-mount that lies beside the running program (proc(5), `/proc/self/exe`).
    package static func programBesideOwn() throws(Errno) -> String {
        let own = try OwnedDescriptor.open("/proc/self/exe", .pathOnly).currentPath() ?? ""
        return own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            + "/moorage-mount"
    }

    /// Makes a mount. Blocks the calling thread until it is made, cannot be made, or `deadline` has passed; the thread
    /// has to live that long, since the process dies with it.
    package func mount(
        _ request: MountRequest, until deadline: ContinuousClock.Instant
    ) throws(MountFailure) -> DetachedMount {
        let bytes = try request.encoded()
        let count = lingeringCount()
        guard count < Self.lingeringLimit else { throw .tooManyLingering(count) }

        let process: MountProcess
        do throws(Errno) {
            process = try MountProcess(program)
        } catch {
            throw .notStarted(program: program, error)
        }
        defer { end(process) }
        // An empty socket has room for it. When nobody takes it, that is learned from the silence.
        _ = try? systemCall {
            unsafe send(process.socket.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        return try converse(MountDialogue(request: request, program: program), process, until: deadline)
    }

    /// The processes that were killed and have not ended, after asking each.
    package func lingeringCount() -> Int {
        lingering.withLock { lingering in
            lingering.removeAll { $0.reap() != nil }
            return lingering.count
        }
    }

    private func converse(
        _ dialogue: consuming MountDialogue, _ process: MountProcess, until deadline: ContinuousClock.Instant
    ) throws(MountFailure) -> DetachedMount {
        let socket = process.socket.rawValue
        var report = [UInt8](repeating: 0, count: MountDialogue.reportLimit)
        let capacity = report.count
        var hasEnded = false
        var reports = 0
        while reports < Self.reportLimit {
            var count = 0
            var descriptor: Int32 = -1
            do throws(Errno) {
                // At most `capacity` bytes are written.
                _ = try systemCall {
                    unsafe CLinuxShims_receive(socket, &report, capacity, &count, &descriptor)
                }
            } catch .resourceTemporarilyUnavailable where !hasEnded {
                // Asked once more after the deadline: a mount that is there by then is taken.
                guard .now < deadline else { throw .deadlinePassed(dialogue.progress) }
                // The socket alone is not enough: a process that the program started could hold it open.
                hasEnded = waitUntilReadable([socket, process.handle.rawValue], until: deadline)[1]
                continue
            } catch {
                // ECONNRESET: it ended and left the request unread.
            }
            let received = descriptor < 0 ? nil : OwnedDescriptor(takingOwnership: descriptor)
            guard count > 0 else {
                throw .broken(program: program, describe(process.ending(until: .now + patience)))
            }
            guard count <= capacity else { break }
            if let mount = try dialogue.take(report[..<count], received) { return mount }
            reports += 1
        }
        throw .broken(program: program, "reports more than there can be")
    }

    private func describe(_ ending: MountProcess.Ending?) -> String {
        switch ending {
        case nil: "closed its socket without a last word"
        case .exit(let code): "ended without a last word, with exit code \(code)"
        case .signal(let signal): "was ended by signal \(signal)"
        }
    }

    private func end(_ process: MountProcess) {
        process.kill()
        guard process.ending(until: .now + patience) == nil else { return }
        lingering.withLock { $0.append(process) }
    }
}
