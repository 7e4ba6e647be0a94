import LinuxSystem
import NetworkShares
import StorageModel
import SystemPackage

/// What is wanted of the size of a new volume.
package struct SizeEnforcement: Sendable {
    /// Whether a volume may only be made if its file system holds it to its size.
    package var isRequired: Bool
    /// Told why it does not, on the thread of the call.
    package var unenforced: @Sendable (_ reason: String) -> Void

    package init(isRequired: Bool, unenforced: @escaping @Sendable (_ reason: String) -> Void) {
        self.isRequired = isRequired
        self.unenforced = unenforced
    }

    /// Where nobody asks for it, and nobody is told.
    package static let none = SizeEnforcement(isRequired: false) { _ in }

    /// - Throws: FAILED_PRECONDITION when it was required.
    func miss(_ reason: String, of attempt: String) throws(DriverError) {
        guard isRequired else { return unenforced(reason) }
        throw DriverError(
            .failedPrecondition, "cannot \(attempt) with requireQuota: its size would not be enforced: \(reason)")
    }
}

/// Sizes of volumes on a share, held by project quota of the server's file system. Steps of a create:
///
/// 1. The volume's number is claimed.
/// 2. The file system gets its limit.
/// 3. The directory, which is empty, becomes the project's.
/// 4. The record, which names the project, makes the volume one.
/// 5. What the record says is checked again, and mended.
///
/// Whoever gives a number up looks for a record of it afterwards, and whoever has made a record looks afterwards
/// whether the number was given up: of two controllers at one volume, one sees what the other did.
///
/// A deletion takes the limit away and gives the number up when the data is where `onDelete` says. A number whose
/// volume is deleted by a controller that does not run on the server stays taken, with its limit.
extension SharedPool {
    /// The server's side of the share, when this process can reach it.
    struct ServerSide: ~Copyable {
        let exportRoot: ExportRoot
        let root: OwnedDescriptor
        let claims: ProjectClaims
        let claimsDirectory: OwnedDescriptor

        var source: any ProjectQuotaSource { exportRoot.source }
    }

    /// Nil without an export root.
    func serverSide(_ metadata: SharedMetadata) throws(DriverError) -> ServerSide? {
        guard let exportRoot else { return nil }
        let root = try exportRoot.open(for: self, metadata)
        let directory = try onShare("make \(shown("\(Pool.metadataName)/\(ProjectClaims.directoryName)"))") {
            () throws(Errno) in
            let above = try self.root.open(beneath: Pool.metadataName, [.readOnly, .directory])
            do throws(Errno) {
                return try above.open(beneath: ProjectClaims.directoryName, [.readOnly, .directory])
            } catch .noSuchFileOrDirectory {
                try above.ensureDirectory(ProjectClaims.directoryName, permissions: 0o700)
                return try above.open(beneath: ProjectClaims.directoryName, [.readOnly, .directory])
            }
        }
        let name = name
        let claims = ProjectClaims(pool: try metadata.id(of: name), source: exportRoot.source) { attempt, errno in
            .share("\(attempt) on \(name)", errno)
        }
        return ServerSide(exportRoot: exportRoot, root: root, claims: claims, claimsDirectory: directory)
    }

    // MARK: Create

    /// Whether the size of a volume with this record is to be enforced, and can be as far as the file system goes;
    /// before anything of the volume is made.
    ///
    /// - Throws: FAILED_PRECONDITION when it is required and cannot be.
    func canEnforce(
        _ record: SharedVolumeRecord, _ enforcement: SizeEnforcement, _ metadata: SharedMetadata
    ) throws(DriverError) -> Bool {
        guard record.capacityBytes > 0 else { return false }
        let attempt = "create volume \(record.name)"
        guard !record.isShared else {
            try enforcement.miss("several volumes have its directory", of: attempt)
            return false
        }
        guard let side = try serverSide(metadata) else {
            try enforcement.miss(
                "this controller does not run on the NFS server, or was not told so: start it there with --export-root "
                    + "\(name)=DIR", of: attempt)
            return false
        }
        if let reason = side.source.reasonAgainst(side.root, at: side.exportRoot.path) {
            try enforcement.miss(reason, of: attempt)
            return false
        }
        return true
    }

    /// Steps 1 to 3.
    ///
    /// - Returns: the project; nil when the directory cannot be one's.
    func limit(
        _ record: SharedVolumeRecord, _ enforcement: SizeEnforcement, _ metadata: SharedMetadata
    ) throws(DriverError) -> ProjectID? {
        guard let side = try serverSide(metadata) else { return nil }
        let directory = try serverDirectory(of: record.path, side)
        if let reason = try reasonAgainst(directory, record.owner, side) {
            try enforcement.miss("\(shown(record.path)) \(reason)", of: "create volume \(record.name)")
            return nil
        }
        let folder = try temporaries(record, metadata)
        let project = try side.claims.take(
            for: record.owner, in: side.claimsDirectory, temporaries: folder, on: directory)
        CrashPoint.quotaClaimed.pass()
        do throws(DriverError) {
            try setLimit(record.capacityBytes, of: project, side)
            CrashPoint.quotaLimitSet.pass()
            try onServer("put \(record.path.text) into project \(project)", side) { () throws(Errno) in
                try put(directory, into: project, side)
            }
        } catch {
            try? giveUp(project, of: record, side, metadata)
            throw error
        }
        CrashPoint.quotaDirectoryAssigned.pass()
        return project
    }

    /// After a create that took it has failed for good.
    func giveUp(_ project: ProjectID, of record: SharedVolumeRecord, _ metadata: SharedMetadata) throws(DriverError) {
        guard let side = try serverSide(metadata) else { return }
        try giveUp(project, of: record, side, metadata)
    }

    private func giveUp(
        _ project: ProjectID, of record: SharedVolumeRecord, _ side: borrowing ServerSide, _ metadata: SharedMetadata
    ) throws(DriverError) {
        guard try self.record(of: record.key, in: metadata)?.project != project else { return }
        try leaveProject(record.path, project, side)
        try releaseUnlessRecorded(project, of: record.owner, side, metadata)
    }

    private func reasonAgainst(
        _ directory: borrowing OwnedDescriptor, _ owner: ProjectOwner, _ side: borrowing ServerSide
    ) throws(DriverError) -> String? {
        try onServer("look at the project of \(owner.path)", side) { () throws(Errno) in
            let (above, own) = (try side.root.status().identity.device, try directory.status().identity.device)
            guard above == own else { return "is on another file system of the server than the share's root" }
            let current = try side.source.membership(of: directory).project
            if let project = ProjectID(current), side.claims.canBelong(project, to: owner) { return nil }
            guard current == 0 else { return "belongs to the server's project \(current) already" }
            guard try directory.isEmptyDirectory() else { return "has files in it that belong to no project" }
            return nil
        }
    }

    /// At the end of a create: what the file system does is what the volume's record says, whatever a create or a
    /// deletion that ran beside wanted. What this create itself took and the record does not name is given up.
    func settle(
        _ record: SharedVolumeRecord, taken: ProjectID?, _ enforcement: SizeEnforcement, _ metadata: SharedMetadata
    ) throws(DriverError) {
        guard taken != nil || record.project != nil, let side = try serverSide(metadata) else { return }
        if let taken, taken != record.project { try giveUp(taken, of: record, side, metadata) }
        guard let project = record.project, side.claims.canBelong(project, to: record.owner) else { return }
        try hold(record, in: project, enforcement, side, metadata)
    }

    /// Makes what the record says so again where it is not.
    private func hold(
        _ record: SharedVolumeRecord, in project: ProjectID, _ enforcement: SizeEnforcement,
        _ side: borrowing ServerSide, _ metadata: SharedMetadata
    ) throws(DriverError) {
        func miss(_ reason: String) throws(DriverError) {
            try enforcement.miss(reason, of: "serve volume \(record.name)")
        }
        if let reason = side.source.reasonAgainst(side.root, at: side.exportRoot.path) { return try miss(reason) }
        let isOurs = try side.claims.confirm(
            project, of: record.owner, in: side.claimsDirectory, temporaries: temporaries(record, metadata))
        guard isOurs else { return try miss("project \(project), which its record names, is another volume's") }
        let directory = try serverDirectory(of: record.path, side)
        let isInside = try onServer("look at the project of \(record.path.text)", side) { () throws(Errno) in
            let current = try side.source.membership(of: directory)
            // What has files in it would be counted in part.
            guard current == .none, try directory.isEmptyDirectory() else { return current.project == project.number }
            try put(directory, into: project, side)
            return true
        }
        guard isInside else {
            return try miss("\(shown(record.path)) is not in project \(project), as its record says")
        }
        var capacityBytes = record.capacityBytes
        while true {
            try setLimit(capacityBytes, of: project, side)
            // Another controller may have expanded it in between.
            guard let now = try self.record(of: record.key, in: metadata), now.capacityBytes != capacityBytes else {
                return
            }
            capacityBytes = now.capacityBytes
        }
    }

    // MARK: Expand

    /// Raises the limit of the volume to the size, if it has one. Never lowers it.
    ///
    /// - Returns: false for a volume without a project.
    /// - Throws: FAILED_PRECONDITION when the volume is held to a size and that cannot be changed from here.
    func raiseLimit(
        of record: SharedVolumeRecord, to bytes: Int64, _ metadata: SharedMetadata
    ) throws(DriverError) -> Bool {
        guard let project = record.project else { return false }
        func refusal(_ found: String) -> DriverError {
            DriverError(
                .failedPrecondition,
                "cannot expand volume \(record.id): its server holds it to its size by project quota, and \(found)")
        }
        guard let side = try serverSide(metadata) else {
            throw refusal("this controller cannot reach that: start it on the server with --export-root \(name)=DIR")
        }
        if let reason = side.source.reasonAgainst(side.root, at: side.exportRoot.path) { throw refusal(reason) }
        let directory = try serverDirectory(of: record.path, side)
        let (current, usage) = try onServer("look at the project of \(record.path.text)", side) { () throws(Errno) in
            (try side.source.membership(of: directory), try side.source.usage(of: project, on: directory))
        }
        guard current.project == project.number, side.claims.canBelong(project, to: record.owner) else {
            throw refusal("its directory is not in project \(project), as its record says")
        }
        let limit = usage?.byteLimit ?? 0
        if limit < UInt64(clamping: bytes) { try setLimit(bytes, of: project, side) }
        return true
    }

    /// After an expansion that did not get to its end: the limit is not below what another one wrote since, and there
    /// is none when the volume was deleted since.
    func mendLimit(of record: SharedVolumeRecord, _ metadata: SharedMetadata) throws(DriverError) {
        guard let project = record.project else { return }
        if let now = try self.record(of: record.key, in: metadata) {
            if now.project == project { _ = try raiseLimit(of: now, to: now.capacityBytes, metadata) }
        } else if let side = try serverSide(metadata), side.claims.canBelong(project, to: record.owner),
            try side.claims.holder(of: project, in: side.claimsDirectory) == .nobody
        {
            try setLimit(0, of: project, side)
        }
    }

    // MARK: Delete

    /// Takes a directory that is kept out of its project, before it is moved.
    func keepWithoutLimit(_ record: SharedVolumeRecord, _ metadata: SharedMetadata) throws(DriverError) {
        guard let project = record.project, record.deletePolicy != .delete, let side = try serverSide(metadata) else {
            return
        }
        try leaveProject(record.path, project, side)
        CrashPoint.quotaDirectoryLeft.pass()
    }

    /// Takes the limit of a deleted volume away and gives its number up.
    func releaseProject(of record: SharedVolumeRecord, _ metadata: SharedMetadata) throws(DriverError) {
        guard let project = record.project, let side = try serverSide(metadata) else { return }
        // Else the record would name what is somebody else's.
        guard side.claims.canBelong(project, to: record.owner) else { return }
        try releaseUnlessRecorded(project, of: record.owner, side, metadata)
    }

    private func releaseUnlessRecorded(
        _ project: ProjectID, of owner: ProjectOwner, _ side: borrowing ServerSide, _ metadata: SharedMetadata
    ) throws(DriverError) {
        try release(project, of: owner, side)
        guard let record = try record(of: owner.key, in: metadata), record.owner == owner, record.project == project
        else { return }
        try hold(record, in: project, .none, side, metadata)
    }

    private func release(
        _ project: ProjectID, of owner: ProjectOwner, _ side: borrowing ServerSide
    ) throws(DriverError) {
        // Once it is given up it may be somebody else's.
        guard try side.claims.holder(of: project, in: side.claimsDirectory) == .volume(owner) else { return }
        // Where quota is off there is no limit, and none can be taken away.
        let isOn = side.source.reasonAgainst(side.root, at: side.exportRoot.path) == nil
        if isOn { try setLimit(0, of: project, side) }
        CrashPoint.quotaLimitCleared.pass()
        try side.claims.release(project, of: owner, in: side.claimsDirectory)
        CrashPoint.quotaReleased.pass()
    }

    private func put(
        _ directory: borrowing OwnedDescriptor, into project: ProjectID, _ side: borrowing ServerSide
    ) throws(Errno) {
        let wanted = ProjectMembership(project: project.number, isInherited: true)
        guard try side.source.membership(of: directory) != wanted else { return }
        try side.source.setMembership(wanted, of: directory)
        try directory.synchronize()
    }

    private func leaveProject(
        _ path: SharePath, _ project: ProjectID, _ side: borrowing ServerSide
    ) throws(DriverError) {
        try onServer("take \(path.text) out of project \(project)", side) { () throws(Errno) in
            do throws(Errno) {
                let directory = try side.root.open(beneath: path.text, [.readOnly, .directory])
                guard try side.source.membership(of: directory).project == project.number else { return }
                try side.source.setMembership(.none, of: directory)
            } catch .noSuchFileOrDirectory {
                // Moved already.
            }
        }
    }

    // MARK: Parts

    private func setLimit(
        _ bytes: Int64, of project: ProjectID, _ side: borrowing ServerSide
    ) throws(DriverError) {
        try onServer("set the limit of project \(project)", side) { () throws(Errno) in
            try side.source.setLimit(UInt64(clamping: bytes), of: project, on: side.root)
        }
    }

    /// The volume's directory on the server's side: the same one, checked by its inode.
    private func serverDirectory(
        of path: SharePath, _ side: borrowing ServerSide
    ) throws(DriverError) -> OwnedDescriptor {
        let directory = try onServer("open \(path.text)", side) { () throws(Errno) in
            try side.root.open(beneath: path.text, [.readOnly, .directory])
        }
        let isSame = try onShare("look at \(shown(path))") { () throws(Errno) in
            let seen = try root.open(beneath: path.text, [.pathOnly, .directory]).status()
            return try directory.status().identity.inode == seen.identity.inode
        }
        guard isSame else {
            throw DriverError(
                .failedPrecondition,
                "\(side.exportRoot.path)/\(path.text) is not \(shown(path)): something else is mounted or linked there "
                    + "on the server; see --export-root")
        }
        return directory
    }

    private func onServer<Value: ~Copyable>(
        _ what: String, _ side: borrowing ServerSide, _ body: () throws(Errno) -> Value
    ) throws(DriverError) -> Value {
        try attempt("\(what) in \(side.exportRoot.path)", body)
    }
}

extension SharedVolumeRecord {
    var owner: ProjectOwner { ProjectOwner(key: key, path: path.text) }
}

extension CrashPoint {
    fileprivate static let quotaClaimed = CrashPoint("create-quota.claimed")
    fileprivate static let quotaLimitSet = CrashPoint("create-quota.limit-set")
    fileprivate static let quotaDirectoryAssigned = CrashPoint("create-quota.directory-assigned")
    fileprivate static let quotaDirectoryLeft = CrashPoint("delete-quota.directory-left")
    fileprivate static let quotaLimitCleared = CrashPoint("delete-quota.limit-cleared")
    fileprivate static let quotaReleased = CrashPoint("delete-quota.released")
}
