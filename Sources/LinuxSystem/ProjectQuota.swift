import CLinuxShims
package import SystemPackage

/// To which project a file or directory belongs (ioctl_xfs_fsgetxattr(2), `fsx_projid` and FS_XFLAG_PROJINHERIT; ext4
/// has the same).
package struct ProjectMembership: Hashable, Sendable {
    /// 0: none.
    package var project: UInt32
    /// Whether what is made in the directory belongs to its project as well. XFS and ext4 then let nothing be moved or
    /// linked into it from another project: EXDEV.
    package var isInherited: Bool

    package init(project: UInt32, isInherited: Bool) {
        self.project = project
        self.isInherited = isInherited
    }

    package static let none = ProjectMembership(project: 0, isInherited: false)
}

/// Whether a file system counts what its projects use, and holds them to their limits (quotactl(2), Q_XGETQSTATV).
package struct ProjectQuotaState: Hashable, Sendable {
    package var isAccounted: Bool
    package var isEnforced: Bool

    package init(isAccounted: Bool, isEnforced: Bool) {
        self.isAccounted = isAccounted
        self.isEnforced = isEnforced
    }
}

/// What a file system knows of one project (quotactl(2), Q_XGETQUOTA). Sizes in bytes; a limit of 0 is none.
package struct ProjectUsage: Hashable, Sendable {
    package var project: UInt32
    package var bytes: UInt64
    package var files: UInt64
    /// Hard. As the file system keeps it, which is in whole blocks: XFS in its own, ext4 in those of 1 KiB.
    package var byteLimit: UInt64
    package var softByteLimit: UInt64
    package var fileLimit: UInt64
    package var softFileLimit: UInt64

    package init(
        project: UInt32, bytes: UInt64 = 0, files: UInt64 = 0, byteLimit: UInt64 = 0, softByteLimit: UInt64 = 0,
        fileLimit: UInt64 = 0, softFileLimit: UInt64 = 0
    ) {
        self.project = project
        self.bytes = bytes
        self.files = files
        self.byteLimit = byteLimit
        self.softByteLimit = softByteLimit
        self.fileLimit = fileLimit
        self.softFileLimit = softFileLimit
    }

    fileprivate init(_ quota: CLinuxShims_project_quota) {
        self.init(
            project: quota.project, bytes: quota.bytes, files: quota.files, byteLimit: quota.byte_limit,
            softByteLimit: quota.soft_byte_limit, fileLimit: quota.file_limit, softFileLimit: quota.soft_file_limit)
    }
}

/// Project quota of the file system that a descriptor lies on (quotactl_fd(2), Linux 5.14). All of it needs
/// CAP_SYS_ADMIN, and a descriptor that is open for reading.
extension OwnedDescriptor {
    /// - Throws: ENOTTY where the file system knows no projects.
    package func projectMembership() throws(Errno) -> ProjectMembership {
        var project: UInt32 = 0
        var isInherited = false
        // Both are written before the shim returns 0, and no pointer is kept.
        _ = try systemCall { unsafe CLinuxShims_get_project(rawValue, &project, &isInherited) }
        return ProjectMembership(project: project, isInherited: isInherited)
    }

    /// Of this directory alone: what is in it stays in its project.
    ///
    /// - Throws: ENOTTY, EOPNOTSUPP where the file system knows no projects.
    package func setProjectMembership(_ membership: ProjectMembership) throws(Errno) {
        _ = try systemCall { CLinuxShims_set_project(rawValue, membership.project, membership.isInherited) }
    }

    /// - Throws: ENOSYS where the kernel, the file system or this mount of it has no quota at all.
    package func projectQuotaState() throws(Errno) -> ProjectQuotaState {
        var isAccounted = false
        var isEnforced = false
        // As above.
        _ = try systemCall { unsafe CLinuxShims_project_quota_state(rawValue, &isAccounted, &isEnforced) }
        return ProjectQuotaState(isAccounted: isAccounted, isEnforced: isEnforced)
    }

    /// Nil when nothing was ever noted of the project, or nothing is any more. ext4 gives zeros then.
    ///
    /// - Throws: ENOSYS, ESRCH where project quota is off.
    package func projectUsage(of project: UInt32) throws(Errno) -> ProjectUsage? {
        try unsafe usage { quota in unsafe CLinuxShims_get_project_quota(rawValue, project, quota) }
    }

    /// What is known of the first project with this id or a higher one; nil when there is none.
    ///
    /// - Throws: ENOSYS, ESRCH where project quota is off.
    package func nextProjectUsage(from project: UInt32) throws(Errno) -> ProjectUsage? {
        try unsafe usage { quota in unsafe CLinuxShims_next_project_quota(rawValue, project, quota) }
    }

    private func usage(
        _ call: (UnsafeMutablePointer<CLinuxShims_project_quota>) -> Int32
    ) throws(Errno) -> ProjectUsage? {
        // Written completely before the shim returns 0.
        var quota = CLinuxShims_project_quota()
        do throws(Errno) {
            _ = try systemCall { unsafe call(&quota) }
        } catch .noSuchFileOrDirectory {
            return nil
        }
        return ProjectUsage(quota)
    }

    /// Sets the hard limit of a project that is not 0, in bytes; 0 takes it away. What is no whole number of the file
    /// system's blocks is rounded up: `projectUsage` says to what.
    ///
    /// - Throws: ENOSYS, ESRCH where project quota is off.
    package func setProjectLimit(_ bytes: UInt64, of project: UInt32) throws(Errno) {
        precondition(project != 0, "the limit of project 0 would be that of all new projects")
        _ = try systemCall { CLinuxShims_set_project_limit(rawValue, project, bytes) }
    }
}
