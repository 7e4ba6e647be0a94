import Glibc
import LinuxSystem
import StorageModel
import Testing

@testable import PoolStore

@Suite("Volumes on a share")
struct SharedPoolTests {
    @Test("a volume's life, each step twice, leaves nothing", arguments: ["pvc-1", "team/app/data"])
    func life(path: String) throws {
        let share = try Share()
        let pool = try share.controller()
        let record = try pool.create("pvc-1", at: path)
        #expect(try pool.make(record, SharedPool.access, adoptsData: false) == .existing(record))
        share.write("text", to: path + "/file")
        #expect(try pool.create("pvc-1", at: path).nonce == record.nonce)
        #expect(share.read(path + "/file") == "text")
        #expect(try pool.record(ofName: "pvc-1") == record)
        for _ in 0..<2 { try pool.delete(record) }
        #expect(!share.exists(path))
        #expect(try pool.record(ofName: "pvc-1") == nil)
        #expect(try pool.trashEntries().count == 1)
        try pool.emptyTrash(share)
        #expect(share.isClean)
    }

    @Test("another controller sees what the first one made, and goes on with it")
    func twoControllers() throws {
        let share = try Share()
        let (first, second) = (try share.controller(), try share.controller())
        let record = try first.create("pvc-1")
        #expect(try second.record(ofName: "pvc-1") == record)
        #expect(try second.create("pvc-1").nonce == record.nonce)
        try second.delete(record)
        #expect(try first.record(ofName: "pvc-1") == nil)
        try first.delete(record)
    }

    @Test("a name, and what is on the share, are no permission to leave it", arguments: ["..", ".", "", ".moorage"])
    func hostilePaths(component: String) throws {
        #expect(SharePath([component]) == nil)
        #expect(SharePath(["a", component]) == nil || component == ".moorage")
        #expect(SharePath(["a/b"]) == nil)
        #expect(SharePath([]) == nil)
        #expect(SharePath(["a\nb"]) == nil)
        #expect(SharePath([String(repeating: "x", count: 256)]) == nil)
    }

    @Test("a link anywhere on the way is not followed, and its victim is untouched", arguments: 0..<3, [false, true])
    func links(position: Int, isRelative: Bool) throws {
        let share = try Share()
        let pool = try share.controller()
        share.makeDirectory("victim/b/c")
        share.write("precious", to: "victim/b/c/file")
        var path = ""
        for (index, component) in ["a", "b", "c"].enumerated() {
            path += (path.isEmpty ? "" : "/") + component
            if index == position {
                let target = (isRelative ? String(repeating: "../", count: position) : share.path + "/") + "victim"
                #expect(symlink(target, "\(share.path)/\(path)") == 0)
                break
            }
            share.makeDirectory(path)
        }
        #expect(code { try pool.create("pvc-1", at: "a/b/c", adoptsData: true) } == .failedPrecondition)
        let way = try #require(SharePath(text: "a/b/c"))
        for policy in [DeletePolicy.delete, .archive] {
            #expect(try pool.delete(VolumeID("nas#share#a/b/c"), at: way, policy: policy) == nil)
        }
        #expect(share.read("victim/b/c/file") == "precious")
        #expect(share.names(in: "victim/b/c") == ["file"])
    }

    @Test("what is on it is counted, records that cannot be read included, and nothing is made to count it")
    func figures() throws {
        let share = try Share()
        let pool = try share.controller()
        let before = try pool.figures()
        #expect((before.id, before.volumes, before.trash) == ("", 0, 0))
        #expect(!share.exists(".moorage"))
        #expect(before.fileSystem.total > 0)
        let records = try (1...3).map { try pool.create("pvc-\($0)", at: "d\($0)") }
        try pool.delete(records[0])
        share.write("{", to: ".moorage/volumes/damaged.json")
        share.write("", to: ".moorage/volumes/.new-0123456789abcdef")
        let after = try share.controller().figures()
        #expect(share.read(".moorage/format")?.contains("\"\(after.id)\"") == true && !after.id.isEmpty)
        #expect((after.volumes, after.trash) == (3, 1))
    }

    // MARK: Two volumes and one directory

    @Test(
        "a directory that is another volume's, inside or around it, is refused, and nothing of the attempt is left",
        arguments: [("a/b", "a/b"), ("a/b", "a"), ("a", "a/b"), ("a", "a/b/c"), ("a/b/c", "a")])
    func overlaps(first: String, second: String) throws {
        let share = try Share()
        let pool = try share.controller()
        let record = try pool.create("one", at: first)
        share.write("precious", to: first + "/file")
        #expect(code { try pool.create("two", at: second) } == .alreadyExists)
        #expect(code { try pool.create("two", at: second, isShared: true) } == .alreadyExists)
        #expect(share.read(first + "/file") == "precious")
        try pool.delete(record)
        try pool.emptyTrash(share)
        #expect(share.isClean)
        try pool.create("two", at: second, adoptsData: true)
    }

    @Test("names that only begin alike are apart", arguments: [("a", "ab"), ("a/b", "a/bc"), ("a/b", "b")])
    func apart(first: String, second: String) throws {
        let share = try Share()
        let pool = try share.controller()
        try pool.create("one", at: first)
        try pool.create("two", at: second)
    }

    @Test("volumes that are meant to share a directory do, and the last one takes it along")
    func shared() throws {
        let share = try Share()
        let pool = try share.controller()
        let records = try ["one", "two", "three"].map { try pool.create($0, at: "both", isShared: true) }
        share.write("text", to: "both/file")
        #expect(code { try pool.create("four", at: "both") } == .alreadyExists)
        for record in records.dropLast() {
            try pool.delete(record)
            #expect(share.read("both/file") == "text")
        }
        try pool.delete(records[2])
        #expect(!share.exists("both"))
        try pool.emptyTrash(share)
        #expect(share.isClean)
    }

    @Test("while somebody else is at it, a directory is neither given nor taken away")
    func inProgress() throws {
        let share = try Share()
        let pool = try share.controller()
        let metadata = try pool.metadataMakingIt()
        let path = try #require(SharePath(text: "a"))
        let claims = ShareClaims(pool: pool, metadata: metadata)
        #expect(try !claims.take(path, for: SharedVolumeRecord.key(ofName: "one"), isShared: false))
        share.makeDirectory("a")
        #expect(code { try pool.create("two", at: "a") } == .aborted)
        #expect(code { _ = try pool.delete(VolumeID("nas#share#a"), at: path, policy: .delete) } == .aborted)
        #expect(share.exists("a"))
        // The one that began goes on.
        try pool.create("one", at: "a")
    }

    // MARK: Data that is there already

    @Test("a directory with files in it becomes a volume only when that was asked for")
    func existingData() throws {
        let share = try Share()
        let pool = try share.controller()
        share.makeDirectory("a")
        share.write("precious", to: "a/file")
        #expect(code { try pool.create("one", at: "a") } == .failedPrecondition)
        #expect(share.read("a/file") == "precious")
        #expect(share.isClean)
        let record = try pool.create("one", at: "a", onDelete: "retain", adoptsData: true)
        #expect(share.read("a/file") == "precious")
        try pool.delete(record)
        #expect(share.read("a/file") == "precious")
        // What was retained can be had again.
        let again = try pool.create("two", at: "a", onDelete: "retain", adoptsData: true)
        try pool.delete(again)
        try pool.emptyTrash(share)
        #expect(share.isClean)
        #expect(share.read("a/file") == "precious")
    }

    @Test("permissions are set whatever the umask, those of directories on the way are 0755")
    func permissions() throws {
        let share = try Share()
        let pool = try share.controller()
        _ = try pool.make(
            try SharedPool.record("one", at: "a/b"), Pool.Access(user: 12, group: 34, permissions: 0o2770),
            adoptsData: false)
        let leaf = try OwnedDescriptor.open(share.path + "/a/b", .pathOnly).status()
        #expect(leaf.permissions == 0o2770 && leaf.user == 12 && leaf.group == 34)
        #expect(try OwnedDescriptor.open(share.path + "/a", .pathOnly).status().permissions == 0o755)
        #expect(try OwnedDescriptor.open(share.path + "/.moorage", .pathOnly).status().permissions == 0o700)
    }

    // MARK: Archive

    @Test(
        "an archived volume is beside its old place, whatever has that name already",
        arguments: [("a", "archived-a"), ("a/b", "archived-a/b"), ("a/b/c", "archived-a/b/c")])
    func archive(path: String, archived: String) throws {
        let share = try Share()
        let pool = try share.controller()
        for number in 1...3 {
            let record = try pool.create("one", at: path, onDelete: "archive")
            share.write("\(number)", to: path + "/file")
            for _ in 0..<2 { try pool.delete(record) }
            #expect(!share.exists(path))
            #expect(share.read(archived + (number == 1 ? "" : "-\(number)") + "/file") == "\(number)")
        }
        try pool.emptyTrash(share)
        #expect(share.isClean)
    }

    // MARK: Volumes of another driver

    @Test("a volume without a record is deleted as its id says", arguments: ["delete", "archive", "retain"])
    func withoutRecord(policy: String) throws {
        let share = try Share()
        let pool = try share.controller()
        share.makeDirectory("ns/pvc")
        share.write("text", to: "ns/pvc/file")
        let path = try #require(SharePath(text: "ns/pvc"))
        let policy = try #require(DeletePolicy(rawValue: policy))
        for _ in 0..<2 {
            _ = try pool.delete(VolumeID("nas#share#ns/pvc#uuid#\(policy.rawValue)"), at: path, policy: policy)
        }
        #expect(share.exists("ns/pvc") == (policy == .retain))
        #expect(share.read("archived-ns/pvc/file") == (policy == .archive ? "text" : nil))
        try pool.emptyTrash(share)
        #expect(share.isClean)
    }

    @Test("an id that names a directory in or around volumes removes none of it", arguments: ["a", "a/b/c"])
    func withoutRecordOverlapping(text: String) throws {
        let share = try Share()
        let pool = try share.controller()
        try pool.create("one", at: "a/b")
        share.makeDirectory("a/b/c")
        share.write("precious", to: "a/b/c/file")
        let path = try #require(SharePath(text: text))
        for policy in [DeletePolicy.delete, .archive] {
            let refusal = code { _ = try pool.delete(VolumeID("nas#share#\(text)"), at: path, policy: policy) }
            #expect(refusal == .failedPrecondition)
        }
        #expect(share.read("a/b/c/file") == "precious")
    }

    @Test("the id of a volume that is gone does not delete the one that has its directory now")
    func otherID() throws {
        let share = try Share()
        let pool = try share.controller()
        let record = try pool.create("one", at: "a")
        share.write("precious", to: "a/file")
        #expect(try pool.delete(VolumeID("nas#share#a#older#delete"), at: record.path, policy: .delete) == nil)
        #expect(share.read("a/file") == "precious")
        try pool.delete(record)
        #expect(!share.exists("a"))
    }

    // MARK: Pages

    @Test(
        "pages of records have each once, in the order of their keys, and damaged ones are told",
        arguments: [1, 2, 3, 9])
    func pages(limit: Int) throws {
        let share = try Share()
        let pool = try share.controller()
        let soon = ContinuousClock.now.advanced(by: .seconds(60))
        #expect(try pool.recordPage(after: nil, limit: limit, until: soon) { _ in } == .init(records: [], last: nil))
        for name in ["c", "a", "e", "b", "d"] { try pool.create(name) }
        share.write("damaged", to: ".moorage/volumes/c.json")
        var found: [String] = []
        var damaged = 0
        var last: VolumeKey?
        repeat {
            let page = try pool.recordPage(after: last, limit: limit, until: soon) { _ in damaged += 1 }
            #expect(page.records.count <= limit)
            found += page.records.map(\.name)
            last = page.last
        } while last != nil
        #expect(found == ["a", "b", "d", "e"])
        #expect(damaged == 1)
    }

    @Test("when the time is up a page has one record, and the next one goes on")
    func slowPages() throws {
        let share = try Share()
        let pool = try share.controller()
        for name in ["a", "b", "c"] { try pool.create(name) }
        var found: [[String]] = []
        var last: VolumeKey?
        repeat {
            let page = try pool.recordPage(after: last, limit: 9, until: .now) { Issue.record($0) }
            found.append(page.records.map(\.name))
            last = page.last
        } while last != nil
        #expect(found == [["a"], ["b"], ["c"]])
    }

    @Test("a volume is found by the id that its record has, and a directory that somebody has is nobody else's")
    func find() throws {
        let share = try Share()
        let pool = try share.controller()
        let made = try pool.create("a")
        let other = VolumeID("nas#share#a##")
        #expect(made.id != other)
        #expect(try pool.find(made.id, at: made.path) == .recorded(made))
        #expect(try pool.find(other, at: made.path) == .nothing)
        share.makeDirectory("foreign")
        #expect(try pool.find(other, at: try #require(SharePath(text: "foreign"))) == .directory)
        #expect(try pool.find(other, at: try #require(SharePath(text: "missing"))) == .nothing)
    }

    @Test("a volume whose directory somebody took away is not made again, nor handed out")
    func takenAway() throws {
        let share = try Share()
        let pool = try share.controller()
        let made = try pool.create("a")
        #expect(rmdir("\(share.path)/a") == 0)
        #expect(code { try pool.create("a") } == .failedPrecondition)
        #expect(!share.exists("a"))
        try pool.delete(made)
        try pool.emptyTrash(share)
        #expect(share.isClean)
    }
}
