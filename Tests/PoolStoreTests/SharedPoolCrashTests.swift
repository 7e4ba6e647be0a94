import Glibc
import LinuxSystem
import StorageModel
import Testing

@testable import PoolStore

/// What a controller leaves that dies between two steps is made by hand here, and another controller goes on.
@Suite("Interrupted work on a share")
struct SharedPoolCrashTests {
    enum Creation: CaseIterable {
        case claimed, claimedBelowOnly, directoryMade, temporaryWritten
    }

    private func interrupt(_ state: Creation, _ share: Share, at path: String) throws {
        let pool = try share.controller()
        let metadata = try pool.metadataMakingIt()
        let claims = ShareClaims(pool: pool, metadata: metadata)
        let key = SharedVolumeRecord.key(ofName: "one")
        let way = try #require(SharePath(text: path))
        _ = try claims.take(way, for: key, isShared: false)
        switch state {
        case .claimed: break
        case .claimedBelowOnly: try metadata.claims.open(beneath: way.hash, .readOnly).removeFile("owner.\(key)")
        case .directoryMade: share.makeDirectory(path)
        case .temporaryWritten:
            share.makeDirectory(path)
            try metadata.claims.open(beneath: way.hash, [.readOnly, .directory])
                .writeTemporary([1, 2, 3], nonce: "\(key).\(Nonce.random())")
        }
    }

    @Test("a create that was cut off is repeated by another controller", arguments: Creation.allCases)
    func create(state: Creation) throws {
        let share = try Share()
        try interrupt(state, share, at: "a/b")
        let pool = try share.controller()
        let record = try pool.create("one", at: "a/b")
        try pool.delete(record)
        #expect(!share.exists("a/b"))
        try pool.emptyTrash(share)
        #expect(share.isClean)
        let page = try pool.recordPage(after: nil, limit: 9, until: .now) { Issue.record($0) }
        #expect(page.records.isEmpty)
    }

    @Test(
        "what a request leaves that reaches the server late, when another controller has made the volume, goes with it")
    func lateRequest() throws {
        let share = try Share()
        let pool = try share.controller()
        let record = try pool.create("one", at: "a/b")
        share.write("{", to: ".moorage/claims/\(record.path.hash)/.new-\(record.key).0123456789abcdef")
        #expect(try pool.create("one", at: "a/b") == record)
        try pool.delete(record)
        try pool.emptyTrash(share)
        #expect(share.isClean)
    }

    enum Deletion: CaseIterable {
        case trashMade, recordTrashed, dataMoved, finished
    }

    /// A volume with a file, and its deletion up to a state.
    private func interrupt(
        _ state: Deletion, _ share: Share, at path: String, onDelete: String
    ) throws -> SharedVolumeRecord {
        let record = try share.controller().create("one", at: path, onDelete: onDelete)
        share.write("text", to: path + "/file")
        let entry = ".moorage/trash/\(record.key).\(record.nonce)"
        share.makeDirectory(entry)
        guard state != .trashMade else { return record }
        func move(_ from: String, _ to: String) {
            #expect(rename("\(share.path)/\(from)", "\(share.path)/\(to)") == 0)
        }
        move(".moorage/volumes/\(record.key).json", entry + "/record.json")
        guard state != .recordTrashed else { return record }
        switch onDelete {
        case "delete": move(path, entry + "/data")
        case "archive":
            share.makeDirectory("archived-a")
            move(path, "archived-a/b")
        default: break
        }
        if state == .finished { move(entry + "/record.json", entry + "/deleted.json") }
        return record
    }

    @Test(
        "a delete that was cut off is repeated by another controller", arguments: Deletion.allCases,
        ["delete", "archive", "retain"])
    func delete(state: Deletion, onDelete: String) throws {
        let share = try Share()
        let record = try interrupt(state, share, at: "a/b", onDelete: onDelete)
        let pool = try share.controller()
        // The reaper leaves what a retry still needs, or a deletion that goes on has just made.
        #expect(try pool.trashEntries().isEmpty)
        for _ in 0..<2 { try pool.delete(record) }
        #expect(share.exists("a/b") == (onDelete == "retain"))
        #expect(share.read("archived-a/b/file") == (onDelete == "archive" ? "text" : nil))
        try pool.emptyTrash(share)
        #expect(share.isClean)
    }

    @Test("the reaper leaves the entry of a directory without a record that is being deleted, and a retry frees it")
    func deleteWithoutRecord() throws {
        let share = try Share()
        let pool = try share.controller()
        let other = try pool.create("other")
        let path = try #require(SharePath(text: "a/b"))
        let key = "sha-\(path.hash)"
        let entry = "\(key).0123456789abcdef"
        share.makeDirectory(".moorage/claims/\(path.hash)")
        share.write("", to: ".moorage/claims/\(path.hash)/owner.\(key)")
        share.makeDirectory(".moorage/trash/\(entry)")
        #expect(try pool.trashEntries().isEmpty)
        #expect(try pool.delete(VolumeID("nas#share#a/b"), at: path, policy: .delete) == nil)
        #expect(try pool.trashEntries() == [entry])
        try pool.delete(other)
        try pool.emptyTrash(share)
        #expect(share.isClean)
    }

    @Test(
        "after a delete that was cut off the name can be created again, empty", arguments: Deletion.allCases,
        ["delete", "archive"])
    func createInstead(state: Deletion, onDelete: String) throws {
        let share = try Share()
        _ = try interrupt(state, share, at: "a/b", onDelete: onDelete)
        let pool = try share.controller()
        try pool.emptyTrash(share)
        let again = try pool.create("one", at: "a/b", onDelete: onDelete)
        // Before its record was moved the volume was not deleted.
        #expect(share.read("a/b/file") == (state == .trashMade ? "text" : nil))
        try pool.delete(again)
        try pool.emptyTrash(share)
        #expect(share.isClean)
    }
}
