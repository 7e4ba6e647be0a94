import FoundationEssentials
import Glibc
import LinuxSystem
import StorageModel
import Synchronization
import SystemPackage
import Testing

@testable import PoolStore

/// With quota that remembers and enforces nothing; on real file systems: NFSQuotaTests.
@Suite("Sizes on a share that are enforced")
struct SharedPoolQuotaTests {
    private static let size: Int64 = 1 << 20

    private let share: Share
    private let quota = TestQuota()
    private let pool: SharedPool

    init() throws {
        share = try Share()
        pool = try share.serverController(quota)
    }

    /// What was said of a size that is not enforced.
    private final class Remarks: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
        func add(_ text: String) { texts.withLock { $0.append(text) } }
    }

    @discardableResult
    private func make(
        _ name: String, on pool: SharedPool? = nil, bytes: Int64 = size, isShared: Bool = false,
        onDelete: String = "delete", adoptsData: Bool = false, isRequired: Bool = false, remarks: Remarks = Remarks()
    ) throws -> SharedVolumeRecord {
        var record = try SharedPool.record(name, isShared: isShared, onDelete: onDelete)
        record.capacityBytes = bytes
        let wish = SizeEnforcement(isRequired: isRequired) { remarks.add($0) }
        switch try (pool ?? self.pool).make(record, SharedPool.access, adoptsData: adoptsData, wish) {
        case .made(let made): return made
        case .existing(let existing): return existing
        }
    }

    private func expand(
        _ record: SharedVolumeRecord, to bytes: Int64, on pool: SharedPool? = nil, isRequired: Bool = false
    ) throws -> SharedVolumeRecord {
        let expansion = try (pool ?? self.pool).expand(record.id, at: record.path, isRequired: { _ in isRequired }) {
            record in max(bytes, record?.capacityBytes ?? 0)
        }
        guard case .recorded(let grown) = expansion else { throw DriverError(.internalError, "no record") }
        return grown
    }

    private func limit(of record: SharedVolumeRecord) throws -> UInt64? {
        quota.limits[try #require(record.project).number]
    }

    private func expectClean() throws {
        try pool.emptyTrash(share)
        #expect(share.isClean)
        #expect(share.projects.isEmpty)
        #expect(quota.limits.isEmpty)
    }

    // MARK: Create and delete

    @Test("a volume gets its project and its limit, and its record names the project", arguments: ["pvc-1", "a/b"])
    func life(name: String) throws {
        var record = try SharedPool.record("pvc-1", at: name)
        record.capacityBytes = Self.size
        guard case .made(let made) = try pool.make(record, SharedPool.access, adoptsData: false, .none) else {
            Issue.record("nothing was made")
            return
        }
        let project = try #require(made.project)
        #expect(try limit(of: made) == UInt64(Self.size))
        #expect(
            try quota.membership(at: "\(share.path)/\(name)")
                == ProjectMembership(project: project.number, isInherited: true))
        #expect(share.projects == [project.description])
        #expect(try share.controller().record(ofName: "pvc-1") == made)
        #expect(try pool.make(record, SharedPool.access, adoptsData: false, .none) == .existing(made))
        for _ in 0..<2 { try pool.delete(made) }
        #expect(!share.exists(name))
        try expectClean()
    }

    @Test("without a size there is no project")
    func noSize() throws {
        #expect(try make("a", bytes: 0).project == nil)
        #expect(share.projects.isEmpty)
    }

    @Test("data that is kept is in no project and has no limit", arguments: ["retain", "archive"])
    func kept(onDelete: String) throws {
        let record = try make("a", onDelete: onDelete)
        share.write("text", to: "a/file")
        for _ in 0..<2 { try pool.delete(record) }
        let path = onDelete == "retain" ? "a" : "archived-a"
        #expect(share.read("\(path)/file") == "text")
        #expect(try quota.membership(at: "\(share.path)/\(path)") == .none)
        try expectClean()
    }

    @Test("an existing volume's limit is the one of its record, whatever it was changed to")
    func healed() throws {
        let record = try make("a")
        quota.set { $0.limits = [:] }
        #expect(try make("a") == record)
        #expect(try limit(of: record) == UInt64(Self.size))
    }

    // MARK: Where nothing can be enforced

    enum Obstacle: CaseIterable, Sendable {
        case noExportRoot, noQuota, notEnforced, filesInside, sharedDirectory, foreignProject
    }

    private func meet(_ obstacle: Obstacle) throws -> SharedPool {
        switch obstacle {
        case .noExportRoot: return try share.controller()
        case .noQuota: quota.set { $0.isKnown = false }
        case .notEnforced: quota.set { $0.isEnforced = false }
        case .filesInside:
            share.makeDirectory("a")
            share.write("precious", to: "a/file")
        case .sharedDirectory: break
        case .foreignProject:
            share.makeDirectory("a")
            try quota.setMembership(
                .init(project: 7, isInherited: true), of: .open("\(share.path)/a", [.readOnly, .directory]))
        }
        return pool
    }

    @Test("the volume is made as if there were no quota, and that is said", arguments: Obstacle.allCases)
    func unenforced(obstacle: Obstacle) throws {
        let pool = try meet(obstacle)
        let remarks = Remarks()
        let record = try make(
            "a", on: pool, isShared: obstacle == .sharedDirectory, onDelete: "retain", adoptsData: true,
            remarks: remarks)
        #expect(record.project == nil && record.capacityBytes == Self.size)
        #expect(remarks.all.count == 1)
        #expect(share.projects.isEmpty && quota.limits.isEmpty)
        // Its size grows in the record, and the answer to requireQuota stays what it was.
        #expect(code { _ = try expand(record, to: 3 << 20, on: pool, isRequired: true) } == .failedPrecondition)
        #expect(try expand(record, to: 2 << 20, on: pool).capacityBytes == 2 << 20)
        #expect(try pool.record(ofName: "a")?.capacityBytes == 2 << 20)
        try pool.delete(record)
        if obstacle == .foreignProject { #expect(try quota.membership(at: "\(share.path)/a").project == 7) }
        try expectClean()
    }

    @Test("a volume that must be enforced is refused, and nothing of it is left", arguments: Obstacle.allCases)
    func refused(obstacle: Obstacle) throws {
        let pool = try meet(obstacle)
        let isShared = obstacle == .sharedDirectory
        #expect(
            code { try make("a", on: pool, isShared: isShared, adoptsData: true, isRequired: true) }
                == .failedPrecondition)
        #expect(try pool.record(ofName: "a") == nil)
        try expectClean()
        #expect(share.read("a/file") == (obstacle == .filesInside ? "precious" : nil))
    }

    @Test("an export root that is another directory is never used", arguments: ["empty", "other", "missing"])
    func wrongRoot(kind: String) throws {
        let other = try Share()
        if kind == "other" { try other.controller().create("b") }
        let root = ExportRoot(path: kind == "missing" ? other.path + "/x" : other.path, source: quota)
        let pool = SharedPool(
            name: "nas:/share", root: try .open(share.path, [.readOnly, .directory]), exportRoot: root)
        #expect(code { try make("a", on: pool) } == .failedPrecondition)
        #expect(quota.limits.isEmpty && !share.exists("a"))
        // Who has nothing to do with quota is not held up by it.
        let record = try make("a", on: pool, bytes: 0)
        try pool.delete(record)
    }

    @Test("a directory that is not the share's on the server is not touched")
    func otherDirectory() throws {
        // A copy of the share: the same pool by its id.
        let copy = try Share()
        try make("first")
        for name in [".moorage", "a"] { copy.makeDirectory(name) }
        copy.write(try #require(share.read(".moorage/format")), to: ".moorage/format")
        let pool = SharedPool(
            name: "nas:/share", root: try .open(share.path, [.readOnly, .directory]),
            exportRoot: ExportRoot(path: copy.path, source: quota))
        let before = quota.limits
        #expect(code { try make("a", on: pool) } == .failedPrecondition)
        #expect(quota.limits == before)
        #expect(try quota.membership(at: copy.path + "/a") == .none)
    }

    @Test("a record that names the project of somebody else takes nothing from him")
    func forgedRecord() throws {
        let victim = try make("victim")
        let record = try make("a")
        let file = ".moorage/volumes/a.json"
        let forged = try #require(share.read(file)).replacing(
            try #require(record.project).description, with: try #require(victim.project).description)
        share.write(forged, to: file)
        #expect(code { _ = try expand(record, to: 8 << 20) } == .failedPrecondition)
        try pool.delete(record)
        #expect(try limit(of: victim) == UInt64(Self.size))
        #expect(share.projects.contains(try #require(victim.project).description))
    }

    @Test("when the limit cannot be set, nothing is made and nothing left")
    func failing() throws {
        quota.set { $0.failure = .invalidArgument }
        #expect(code { try make("a") } == .internalError)
        quota.set { $0.failure = nil }
        #expect(share.isClean)
        #expect(try quota.membership(at: "\(share.path)/a") == .none)
        let record = try make("a")
        #expect(record.project != nil)
    }

    // MARK: Two controllers

    /// What another controller does at that moment.
    private func meanwhile(_ step: TestQuota.Step, _ body: @escaping @Sendable (SharedPool) throws -> Void) throws {
        let other = try share.serverController(quota)
        quota.set { state in state.interruptions[step] = { try body(other) } }
    }

    private static func make(on pool: SharedPool) throws {
        var record = try SharedPool.record("a")
        record.capacityBytes = 2 << 20
        _ = try pool.make(record, SharedPool.access, adoptsData: false, .none)
    }

    private func expectHeld(_ record: SharedVolumeRecord) throws {
        let project = try #require(record.project)
        #expect(try limit(of: record) == UInt64(record.capacityBytes))
        #expect(quota.limits.count == 1)
        #expect(share.projects == [project.description])
        #expect(try quota.membership(at: "\(share.path)/\(record.path.text)").project == project.number)
    }

    @Test("of two that make one volume at once, one record and its limit count", arguments: TestQuota.Step.allCases)
    func race(step: TestQuota.Step) throws {
        try meanwhile(step) { try Self.make(on: $0) }
        let record = try make("a")
        #expect(record.capacityBytes == 2 << 20)
        try expectHeld(record)
    }

    @Test("of two that make one volume at once, the one that fails takes nothing from the other")
    func raceAndFailure() throws {
        let quota = quota
        let other = try share.serverController(quota)
        quota.set { state in
            state.interruptions[.limit] = {
                quota.set { state in
                    state.failure = .invalidArgument
                    // The first step of giving up.
                    state.interruptions[.membership] = {
                        quota.set { $0.failure = nil }
                        try Self.make(on: other)
                    }
                }
            }
        }
        #expect(code { try make("a") } == .internalError)
        try expectHeld(try #require(try pool.record(ofName: "a")))
    }

    @Test("one that fails when the other has the volume takes nothing from it either")
    func lateFailure() throws {
        let quota = quota
        try meanwhile(.limit) {
            try Self.make(on: $0)
            quota.set { $0.failure = .invalidArgument }
        }
        #expect(code { try make("a") } == .internalError)
        try expectHeld(try #require(try pool.record(ofName: "a")))
    }

    @Test("a deletion takes nothing from the volume of the same name that was made before it ended")
    func raceOfDeletion() throws {
        // Such that the new volume gets the same number.
        let old = try make("a", onDelete: "retain")
        try meanwhile(.limit) { try Self.make(on: $0) }
        try pool.delete(old)
        let record = try #require(try pool.record(ofName: "a"))
        #expect(record.nonce != old.nonce && record.project == old.project)
        try expectHeld(record)
    }

    @Test("a volume whose number another controller gives up while it is made has it again")
    func claimGivenUp() throws {
        let directory = "\(share.path)/.moorage/quota"
        try meanwhile(.assignment) { _ in
            for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
                unlink("\(directory)/\(name)")
            }
        }
        try expectHeld(try make("a"))
    }

    @Test("a volume that another controller made meanwhile without a project has none, and no limit is left")
    func raceWithoutProject() throws {
        let other = try share.controller()
        quota.set { state in
            state.interruptions[.limit] = {
                var record = try SharedPool.record("a")
                record.capacityBytes = Self.size
                _ = try other.make(record, SharedPool.access, adoptsData: false, .none)
            }
        }
        let record = try make("a")
        #expect(record.project == nil)
        #expect(try quota.membership(at: "\(share.path)/a") == .none)
        #expect(share.projects.isEmpty && quota.limits.isEmpty)
    }

    @Test("a controller that is not on the server can delete the volume, and its number is not used again")
    func deletedElsewhere() throws {
        let record = try make("a")
        let other = try share.controller()
        #expect(code { _ = try expand(record, to: 2 << 20, on: other) } == .failedPrecondition)
        try other.delete(record)
        #expect(share.projects == [try #require(record.project).description])
        let another = try make("b")
        #expect(another.project != record.project)
        try pool.emptyTrash(share)
        // The same volume has its number again.
        #expect(try make("a").project == record.project)
    }

    // MARK: Expansion

    @Test("a volume grows: limit first, then record; the same size again and a smaller one change nothing")
    func expansion() throws {
        let record = try make("a")
        for _ in 0..<2 {
            #expect(try expand(record, to: 3 << 20, isRequired: true).capacityBytes == 3 << 20)
            #expect(try limit(of: record) == 3 << 20)
        }
        #expect(try expand(record, to: 1).capacityBytes == 3 << 20)
        let found = try #require(try share.controller().record(ofName: "a"))
        #expect(found.capacityBytes == 3 << 20 && found.nonce == record.nonce && found.project == record.project)
        #expect(share.names(in: ".moorage/claims/\(record.path.hash)") == ["owner.a"])
        quota.set { $0.limits = [:] }
        #expect(try expand(record, to: 1).capacityBytes == 3 << 20)
        #expect(try limit(of: record) == 3 << 20)
        try pool.delete(record)
        try expectClean()
    }

    @Test("what is refused by the size wanted changes nothing")
    func refusedSize() throws {
        let record = try make("a")
        let wanted = DriverError(.outOfRange, "no")
        #expect(
            code {
                _ = try pool.expand(record.id, at: record.path, isRequired: { _ in false }) {
                    _ throws(DriverError) in throw wanted
                }
            } == .outOfRange)
        #expect(try limit(of: record) == UInt64(Self.size))
        #expect(try pool.record(ofName: "a") == record)
    }

    @Test("another driver's volume has no record afterwards, and what is not there is NOT_FOUND")
    func expandForeign() throws {
        share.makeDirectory("theirs")
        let path = try #require(SharePath(text: "theirs"))
        let id = VolumeID("nas#share#theirs##")
        for _ in 0..<2 {
            let expansion = try pool.expand(id, at: path, isRequired: { _ in true }) { record in
                #expect(record == nil)
                return 5
            }
            #expect(expansion == .unrecorded(5))
            try make("a")
        }
        #expect(share.names(in: ".moorage/volumes") == ["a.json"])
        let nowhere = try #require(SharePath(text: "b"))
        #expect(
            code { _ = try pool.expand(id, at: nowhere, isRequired: { _ in false }) { _ in 5 } } == .notFound)
    }

    @Test("where quota is off the volume is not said to be larger")
    func quotaOff() throws {
        let record = try make("a")
        quota.set { $0.isEnforced = false }
        #expect(code { _ = try expand(record, to: 2 << 20) } == .failedPrecondition)
        #expect(try pool.record(ofName: "a") == record)
    }

    @Test("of two expansions at once the one that began first finds that it cannot, and the larger size stays")
    func expansionsAtOnce() throws {
        let record = try make("a")
        let other = try share.serverController(quota)
        let (id, path) = (record.id, record.path)
        quota.set { state in
            state.interruptions[.limit] = {
                _ = try other.expand(id, at: path, isRequired: { _ in true }) { _ in 9 << 20 }
            }
        }
        #expect(code { _ = try expand(record, to: 3 << 20) } == .aborted)
        #expect(try pool.record(ofName: "a")?.capacityBytes == 9 << 20)
        #expect(try limit(of: record) == 9 << 20)
        #expect(try expand(record, to: 3 << 20).capacityBytes == 9 << 20)
        #expect(try limit(of: record) == 9 << 20)
        #expect(share.names(in: ".moorage/claims/\(record.path.hash)") == ["owner.a"])
    }

    @Test("a volume that another controller deletes meanwhile does not come back")
    func expansionAndDeletion() throws {
        let record = try make("a")
        let other = try share.serverController(quota)
        quota.set { state in
            state.interruptions[.limit] = { _ = try other.delete(record.id, at: record.path, policy: .delete) }
        }
        let found = code { _ = try expand(record, to: 3 << 20) }
        #expect(found == .aborted || found == .notFound)
        #expect(try pool.record(ofName: "a") == nil)
        try expectClean()
    }

    @Test("a number that was given up and is somebody else's by now keeps its limit when the deletion is repeated")
    func releasedTwice() throws {
        let record = try make("a", onDelete: "retain")
        let project = try #require(record.project)
        let entry = ".moorage/trash/\(record.key).\(record.nonce)"
        share.makeDirectory(entry)
        #expect(rename("\(share.path)/.moorage/volumes/a.json", "\(share.path)/\(entry)/record.json") == 0)
        share.write(#"{"volume": "other", "path": "other"}"#, to: ".moorage/quota/\(project)")
        try pool.delete(record)
        #expect(try limit(of: record) == UInt64(Self.size))
        #expect(share.projects == [project.description])
    }

    @Test("a record that came back while the volume was deleted goes with it")
    func revivedRecord() throws {
        let record = try make("a")
        let file = ".moorage/volumes/a.json"
        let text = try #require(share.read(file))
        let entry = ".moorage/trash/\(record.key).\(record.nonce)"
        share.makeDirectory(entry)
        #expect(rename("\(share.path)/\(file)", "\(share.path)/\(entry)/record.json") == 0)
        // As an expansion does that was at its last step.
        share.write(text, to: file)
        share.write("", to: ".moorage/claims/\(record.path.hash)/.new-a.0123456789abcdef")
        for _ in 0..<2 { try pool.delete(record) }
        #expect(!share.exists("a"))
        try expectClean()
    }
}
