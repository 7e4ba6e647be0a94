import JSONText
import LinuxSystem
import StorageModel
import SystemPackage

/// Which projects the volumes of one pool have: `.moorage/quota/<number>`, a small file that says whose the number is.
/// It is there before the file system hears of the number, and until it has nothing more of it.
///
/// A number is taken only when nobody has claimed it here, which one process alone can do (linkat(2)), and the file
/// system knows nothing of it: no limit, and no file. So it is not one that a person uses, nor one of another pool on
/// this file system, nor that of a volume whose data is still being removed.
struct ProjectClaims {
    static let directoryName = "quota"

    let pool: PoolID
    let source: any ProjectQuotaSource
    /// What an errno means: what was tried, and the error.
    let failure: @Sendable (String, Errno) -> DriverError

    /// The number of the volume: the one that an earlier attempt took, or a new one.
    ///
    /// - Parameters:
    ///   - claims: where the claims are.
    ///   - temporaries: a directory of the pool from which `.new-<key>.<nonce>` is removed when the volume is.
    ///   - directory: the volume's, empty unless it has its number.
    func take(
        for owner: ProjectOwner, in claims: borrowing OwnedDescriptor, temporaries: borrowing OwnedDescriptor,
        on directory: borrowing OwnedDescriptor
    ) throws(DriverError) -> ProjectID {
        for candidate in ProjectID.candidates(for: owner, in: pool) {
            switch try holder(of: candidate, in: claims) {
            case .volume(owner):
                if try isUnused(candidate, on: directory) { return candidate }
                // Looked at last: the file may be the directory itself, which another controller that makes this volume
                // has just put into the project.
                let current = try attempt("see which project \(owner.path) belongs to") { () throws(Errno) in
                    try source.membership(of: directory).project
                }
                if candidate.number == current { return candidate }
                // Somebody who does not look here has it by now.
                try release(candidate, of: owner, in: claims)
            case .nobody:
                guard try !isKnown(candidate, on: directory) else { continue }
                if try mark(candidate, owner, in: claims, temporaries) { return candidate }
            case .volume, .unreadable: continue
            }
        }
        throw DriverError(
            .aborted,
            "no number for a project of \(owner.path) is free among \(ProjectID.attempts); repeat the call when the "
                + "trash has been emptied")
    }

    /// Whether a volume can have this number: what a record says that it has may be anybody's.
    func canBelong(_ project: ProjectID, to owner: ProjectOwner) -> Bool {
        ProjectID.candidates(for: owner, in: pool).contains(project)
    }

    /// Claims the number again where somebody gave it up: another controller whose create of the same volume failed, or
    /// whose deletion of an earlier one came to its end.
    ///
    /// - Returns: whether it is the volume's.
    func confirm(
        _ project: ProjectID, of owner: ProjectOwner, in claims: borrowing OwnedDescriptor,
        temporaries: borrowing OwnedDescriptor
    ) throws(DriverError) -> Bool {
        switch try holder(of: project, in: claims) {
        case .volume(owner): true
        case .nobody: try mark(project, owner, in: claims, temporaries)
        case .volume, .unreadable: false
        }
    }

    /// Gives the number up, if it is this volume's. Twice is no error.
    func release(
        _ project: ProjectID, of owner: ProjectOwner, in claims: borrowing OwnedDescriptor
    ) throws(DriverError) {
        guard try holder(of: project, in: claims) == .volume(owner) else { return }
        try attempt("give project \(project) up") { () throws(Errno) in
            do throws(Errno) {
                try claims.removeFile(project.description)
                try claims.synchronize()
            } catch .noSuchFileOrDirectory {}
        }
    }

    enum Holder: Hashable {
        case nobody
        case volume(ProjectOwner)
        /// Somebody whose claim says nothing.
        case unreadable
    }

    func holder(of project: ProjectID, in claims: borrowing OwnedDescriptor) throws(DriverError) -> Holder {
        let content = try attempt("read the claim on project \(project)") { () throws(Errno) in
            try claims.readFile(project.description, limit: Self.longestFile)
        }
        guard let content else { return .nobody }
        guard let file = try? JSONObject(parsing: content), let text = try? file.string("volume"),
            let key = VolumeKey(text), let path = try? file.string("path")
        else { return .unreadable }
        return .volume(ProjectOwner(key: key, path: path))
    }

    private static let longestFile = 4096

    /// - Returns: false when somebody was faster.
    private func mark(
        _ project: ProjectID, _ owner: ProjectOwner, in claims: borrowing OwnedDescriptor,
        _ temporaries: borrowing OwnedDescriptor
    ) throws(DriverError) -> Bool {
        let content = PoolFile.bytes(["path": .string(owner.path), "volume": .string(owner.key.text)])
        let nonce = "\(owner.key).\(Nonce.random())"
        do throws(Errno) {
            try temporaries.writeTemporary(content, nonce: nonce)
            try temporaries.publishTemporary(nonce: nonce, in: claims, as: project.description)
            return true
        } catch {
            switch error {
            case .fileExists:
                // Another controller that makes the same volume, or this one, whose reply was lost.
                return try holder(of: project, in: claims) == .volume(owner)
            case .noSuchFileOrDirectory:
                // Such a controller took the temporary file for one that an attempt left which died.
                throw DriverError(.aborted, "another controller makes \(owner.path) as well; repeat the call")
            default: throw failure("claim project \(project)", error)
            }
        }
    }

    /// Nobody has a file in it; an attempt of ours that ended early may have set its limit.
    private func isUnused(_ project: ProjectID, on directory: borrowing OwnedDescriptor) throws(DriverError) -> Bool {
        let usage = try usage(project, directory)
        return (usage?.bytes ?? 0) == 0 && (usage?.files ?? 0) == 0
    }

    private func isKnown(_ project: ProjectID, on directory: borrowing OwnedDescriptor) throws(DriverError) -> Bool {
        guard let usage = try usage(project, directory) else { return false }
        return usage != ProjectUsage(project: usage.project)
    }

    private func usage(
        _ project: ProjectID, _ directory: borrowing OwnedDescriptor
    ) throws(DriverError) -> ProjectUsage? {
        try attempt("ask what project \(project) uses") { () throws(Errno) in
            try source.usage(of: project, on: directory)
        }
    }

    private func attempt<Value>(_ what: String, _ body: () throws(Errno) -> Value) throws(DriverError) -> Value {
        do {
            return try body()
        } catch {
            throw failure(what, error)
        }
    }
}
