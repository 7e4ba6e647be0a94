import LinuxSystem
import StorageModel

extension CrashPoint {
    /// The file of the entry is there, and nothing in it.
    static func entryOpened(_ role: MountRole) -> CrashPoint {
        role == .stage ? CrashPoint("stage.entry-opened") : CrashPoint("publish.entry-opened")
    }

    /// The directory on a share has them, and nothing is mounted yet.
    static let permissionsSet = CrashPoint("stage-share.permissions-set")

    static func recorded(_ role: MountRole) -> CrashPoint {
        role == .stage ? CrashPoint("stage.recorded") : CrashPoint("publish.recorded")
    }

    static let targetMade = CrashPoint("publish.target-made")

    static func attached(_ role: MountRole) -> CrashPoint {
        role == .stage ? CrashPoint("stage.attached") : CrashPoint("publish.attached")
    }

    static func detached(_ role: MountRole) -> CrashPoint {
        role == .stage ? CrashPoint("unstage.detached") : CrashPoint("unpublish.detached")
    }

    static let targetRemoved = CrashPoint("unpublish.target-removed")

    static func forgotten(_ role: MountRole) -> CrashPoint {
        role == .stage ? CrashPoint("unstage.forgotten") : CrashPoint("unpublish.forgotten")
    }
}
