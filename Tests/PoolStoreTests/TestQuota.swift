import LinuxSystem
import Synchronization
import SystemPackage

@testable import PoolStore

/// Project quota of a file system that has none: it remembers which directories are in which project, for as long as
/// they are there, and what limits were set. It holds nobody to them.
final class TestQuota: ProjectQuotaSource {
    struct State {
        var isEnforced = true
        var isKnown = true
        var members: [FileStatus.Identity: (directory: Directory, membership: ProjectMembership)] = [:]
        var limits: [UInt32: UInt64] = [:]
        /// What others have of a project.
        var foreignFiles: [UInt32: UInt64] = [:]
        /// Run once each, before the next such step.
        var interruptions: [Step: @Sendable () throws -> Void] = [:]
        /// Of setting a limit.
        var failure: Errno?
    }

    enum Step: CaseIterable {
        case usage
        case membership
        case limit
        case assignment
    }

    /// Held open, to know when it is gone.
    final class Directory: Sendable {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
        var isThere: Bool { (try? descriptor.status().linkCount).map { $0 > 0 } ?? false }
    }

    private let state = Mutex(State())

    func set(_ change: (inout sending State) -> Void) { state.withLock { change(&$0) } }

    private func reach(_ step: Step) {
        let interruption = state.withLock { $0.interruptions.removeValue(forKey: step) }
        try? interruption?()
    }

    var limits: [UInt32: UInt64] { state.withLock { $0.limits } }

    /// The project of a directory that is in one.
    func membership(at path: String) throws -> ProjectMembership {
        try membership(of: .open(path, [.readOnly, .directory]))
    }

    func state(on _: borrowing OwnedDescriptor) throws(Errno) -> ProjectQuotaState {
        let (isKnown, isEnforced) = state.withLock { ($0.isKnown, $0.isEnforced) }
        guard isKnown else { throw .noFunction }
        return ProjectQuotaState(isAccounted: true, isEnforced: isEnforced)
    }

    func membership(of directory: borrowing OwnedDescriptor) throws(Errno) -> ProjectMembership {
        reach(.membership)
        let identity = try directory.status().identity
        return state.withLock { $0.members[identity]?.membership } ?? .none
    }

    func setMembership(
        _ membership: ProjectMembership, of directory: borrowing OwnedDescriptor
    ) throws(Errno) {
        reach(.assignment)
        let identity = try directory.status().identity
        let kept = Directory(try directory.duplicate())
        state.withLock { $0.members[identity] = membership == .none ? nil : (kept, membership) }
    }

    func usage(
        of project: ProjectID, on _: borrowing OwnedDescriptor
    ) throws(Errno) -> ProjectUsage? {
        reach(.usage)
        return state.withLock { state in
            let number = project.number
            let own = state.members.values.count { $0.membership.project == number && $0.directory.isThere }
            let usage = ProjectUsage(
                project: number, files: UInt64(own) + (state.foreignFiles[number] ?? 0),
                byteLimit: state.limits[number] ?? 0)
            return usage == ProjectUsage(project: number) ? nil : usage
        }
    }

    func setLimit(
        _ bytes: UInt64, of project: ProjectID, on _: borrowing OwnedDescriptor
    ) throws(Errno) {
        reach(.limit)
        if let failure = state.withLock({ $0.failure }) { throw failure }
        state.withLock { $0.limits[project.number] = bytes == 0 ? nil : bytes }
    }
}

extension Share {
    /// A controller that runs on the server.
    func serverController(_ quota: TestQuota) throws -> SharedPool {
        SharedPool(
            name: "nas:/share", root: try .open(path, [.readOnly, .directory]),
            exportRoot: ExportRoot(path: path, source: quota))
    }

    var projects: [String] { names(in: ".moorage/quota") }
}
