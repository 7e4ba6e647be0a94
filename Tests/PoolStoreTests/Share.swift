import FoundationEssentials
import Glibc
import LinuxSystem
import StorageModel
import Testing

@testable import PoolStore

/// A directory that stands for a share, for one test, and any number of controllers on it.
final class Share {
    let path: String

    init() throws {
        var template = Array("/tmp/moorage-share.XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func controller() throws -> SharedPool {
        SharedPool(name: "nas:/share", root: try .open(path, [.readOnly, .directory]))
    }

    func makeDirectory(_ name: String) {
        var whole = path
        for component in name.split(separator: "/") {
            whole += "/" + component
            mkdir(whole, 0o755)
        }
    }

    func write(_ text: String, to name: String) {
        try? text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
    }

    func read(_ name: String) -> String? {
        try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
    }

    func names(in directory: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(directory)")) ?? []).sorted()
    }

    func exists(_ name: String) -> Bool {
        var status = stat()
        return lstat("\(path)/\(name)", &status) == 0
    }

    /// What is on the share beside volumes: claims, entries for directories around, records, trash.
    var isClean: Bool {
        ["claims", "below", "volumes", "trash"].allSatisfy { names(in: ".moorage/\($0)").isEmpty }
    }
}

extension SharedPool {
    static let access = Pool.Access(user: nil, group: nil, permissions: 0o777)

    static func record(
        _ name: String, at path: String? = nil, isShared: Bool = false, onDelete: String = "delete"
    ) throws -> SharedVolumeRecord {
        let path = path ?? name
        return SharedVolumeRecord(
            name: name, id: VolumeID("nas#share#\(path)" + (isShared ? "#\(name)" : "")),
            path: try #require(SharePath(text: path)), isShared: isShared, capacityBytes: 1 << 20,
            parameters: ["onDelete": onDelete])
    }

    /// Makes a volume; returns its id.
    @discardableResult
    func create(
        _ name: String, at path: String? = nil, isShared: Bool = false, onDelete: String = "delete",
        adoptsData: Bool = false
    ) throws -> SharedVolumeRecord {
        let record = try Self.record(name, at: path, isShared: isShared, onDelete: onDelete)
        switch try make(record, Self.access, adoptsData: adoptsData) {
        case .made(let made): return made
        case .existing(let existing): return existing
        }
    }

    func delete(_ record: SharedVolumeRecord) throws {
        _ = try delete(record.id, at: record.path, policy: record.deletePolicy)
    }

    /// Removes what the reaper would.
    func emptyTrash(_ share: Share) throws {
        for name in try trashEntries() {
            try FileManager.default.removeItem(atPath: "\(share.path)/.moorage/trash/\(name)")
        }
    }
}

/// The code of the error that `body` throws, nil when it throws none.
func code(_ body: () throws -> Void) -> DriverError.Code? {
    do {
        try body()
        return nil
    } catch let error as DriverError {
        return error.code
    } catch {
        Issue.record(error)
        return nil
    }
}
