import JSONText
import LinuxSystem

/// What the facts about one pool mean: the same cases that a driver meets when it opens it (PoolStore).
struct PoolDiagnosis {
    private let facts: NodeFacts.Pool
    /// Where the driver remembers the pool.
    private let memoryPath: String

    init(_ facts: NodeFacts.Pool, state: String) {
        self.facts = facts
        memoryPath = "\(state)/pools/\(facts.subject.name).json"
    }

    private var check: String { "pool \(facts.subject.name)" }
    private var path: String { facts.subject.path }

    var findings: [Finding] {
        let directory: NodeFacts.Directory
        switch facts.directory {
        case .failure(let refusal): return [absent(refusal)]
        case .success(let found): directory = found
        }
        if directory.isReadOnly {
            return [.problem(check, "\(path) is mounted read-only", "mount its file system writable")]
        }
        guard directory.isWritable else {
            return [.problem(check, "\(path) cannot be written", "run as root")]
        }
        return [identity(directory), Diagnosis.room("room of \(check)", path, directory)]
    }

    private func absent(_ refusal: Refusal) -> Finding {
        switch refusal.kind {
        case .missing:
            if facts.subject.isDefault, isUnknown { return .ok(check, "\(path) is made when the driver starts") }
            return .problem(check, "\(path) does not exist", "mount its disk, or make the directory for a new pool")
        case .notDirectory:
            return .problem(check, "\(path) is no directory", "give the path of a directory with --pool")
        case .notPermitted, .unknownCall, .other:
            return .problem(check, "\(path) cannot be opened: \(refusal)", "see its permissions and the kernel's log")
        }
    }

    /// Whether the driver never saw a pool of this name.
    private var isUnknown: Bool {
        if case .failure(let refusal) = facts.memory { refusal.kind == .missing } else { false }
    }

    private func identity(_ directory: NodeFacts.Directory) -> Finding {
        let remembered: String?
        switch facts.memory {
        case .failure where isUnknown: remembered = nil
        case .failure(let refusal):
            return .problem(check, "\(memoryPath) cannot be read: \(refusal)", "run as root")
        case .success(let content):
            do throws(JSONObject.Mismatch) {
                remembered = try Self.id(in: content)
            } catch {
                return .problem(
                    check, "\(memoryPath), where the driver remembers which disk it is, cannot be used: \(error)",
                    "make sure that the right disk is mounted at \(path), and remove the file")
            }
        }
        switch facts.format {
        case .failure(let refusal) where refusal.kind == .missing:
            return withoutFormat(remembered)
        case .failure(let refusal):
            return .problem(
                check, "\(path)/.moorage/format cannot be read: \(refusal)", "run as root; it must be a plain file")
        case .success(let content):
            do throws(JSONObject.Mismatch) {
                let id = try Self.id(in: content)
                guard remembered == nil || remembered == id else {
                    return .problem(
                        check, "\(path) holds the pool \(id), and the driver remembers \(remembered ?? "")",
                        "mount the right disk; or, if \(remembered ?? "") is gone for good, remove \(memoryPath)")
                }
                return .ok(check, "\(id) in \(path) on \(directory.fileSystemType)")
            } catch {
                return .problem(
                    check, "\(path)/.moorage/format cannot be used: \(error)",
                    "use a driver that knows it, or restore the file")
            }
        }
    }

    /// What PoolStore writes (`VolumeRecord.layout`).
    private static let layout = 1

    /// The pool's id in a file of PoolStore's.
    static func id(in content: [UInt8]) throws(JSONObject.Mismatch) -> String {
        let file = try JSONObject(parsing: content)
        let found = try file.integer("layout", Int.self)
        guard found == layout else { throw JSONObject.Mismatch("it has layout \(found)") }
        return try file.string("id")
    }

    private func withoutFormat(_ remembered: String?) -> Finding {
        if let remembered {
            return .problem(
                check, "\(path) does not hold the pool \(remembered) that the driver remembers",
                "mount its disk there; or, if the pool is gone for good, remove \(memoryPath)")
        }
        switch facts.isUnused {
        case .success(true):
            return .ok(check, "\(path) is empty: a new pool is made there when the driver starts")
        case .success(false):
            return .problem(
                check, "\(path) is not empty and has no .moorage/format", "give an empty directory with --pool")
        case .failure(let refusal):
            return .problem(check, "\(path) cannot be listed: \(refusal)", "see its permissions")
        }
    }
}
