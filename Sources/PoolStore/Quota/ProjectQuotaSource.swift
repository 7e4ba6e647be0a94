package import LinuxSystem
package import SystemPackage

/// What pools use of project quota: the kernel's, or that of a test. Errors are those of the kernel's.
package protocol ProjectQuotaSource: Sendable {
    func state(on directory: borrowing OwnedDescriptor) throws(Errno) -> ProjectQuotaState
    func membership(of directory: borrowing OwnedDescriptor) throws(Errno) -> ProjectMembership
    func setMembership(_ membership: ProjectMembership, of directory: borrowing OwnedDescriptor) throws(Errno)
    func usage(of project: ProjectID, on directory: borrowing OwnedDescriptor) throws(Errno) -> ProjectUsage?
    /// - Parameter bytes: 0 takes the limit away.
    func setLimit(_ bytes: UInt64, of project: ProjectID, on directory: borrowing OwnedDescriptor) throws(Errno)
}

package struct KernelProjectQuota: ProjectQuotaSource {
    package init() {}

    package func state(on directory: borrowing OwnedDescriptor) throws(Errno) -> ProjectQuotaState {
        try directory.projectQuotaState()
    }

    package func membership(of directory: borrowing OwnedDescriptor) throws(Errno) -> ProjectMembership {
        try directory.projectMembership()
    }

    package func setMembership(
        _ membership: ProjectMembership, of directory: borrowing OwnedDescriptor
    ) throws(Errno) {
        try directory.setProjectMembership(membership)
    }

    package func usage(
        of project: ProjectID, on directory: borrowing OwnedDescriptor
    ) throws(Errno) -> ProjectUsage? {
        try directory.projectUsage(of: project.number)
    }

    package func setLimit(
        _ bytes: UInt64, of project: ProjectID, on directory: borrowing OwnedDescriptor
    ) throws(Errno) {
        try directory.setProjectLimit(bytes, of: project.number)
    }
}

extension ProjectQuotaSource {
    /// Why the file system of a directory holds nobody to a limit; nil when it does.
    ///
    /// - Parameter path: of the directory, for the text.
    package func reasonAgainst(_ directory: borrowing OwnedDescriptor, at path: String) -> String? {
        let remedy = "use XFS, or ext4 with the feature project, mounted with the option prjquota"
        do throws(Errno) {
            guard try state(on: directory).isEnforced else {
                return "the file system of \(path) counts what projects use and sets no limit to it; \(remedy)"
            }
            // ext4 can have the quota without the feature that puts directories into a project.
            _ = try membership(of: directory)
            return nil
        } catch {
            return "the file system of \(path) has no project quota (\(error)); \(remedy)"
        }
    }
}
