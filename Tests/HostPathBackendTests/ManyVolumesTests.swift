import Glibc
import HostPathBackend
import StorageModel
import Testing

@Suite("Many volumes, callers and pools", .timeLimit(.minutes(2)))
struct ManyVolumesTests {
    @Test("of eight creators of one volume one makes it, and all get the same")
    func sameName() async throws {
        let fixture = try Fixture(Scratch())
        for round in 0..<20 {
            let created = try await withThrowingTaskGroup { group in
                for _ in 0..<8 { group.addTask { try await fixture.create("pvc-\(round)", bytes: 1000) } }
                return try await group.reduce(into: [CreatedVolume]()) { $0.append($1) }
            }
            #expect(created.filter(\.isMade).count == 1)
            #expect(Set(created.map(\.volume)).count == 1)
        }
        #expect(names(in: "\(fixture.root())/volumes").count == 20)
        #expect(names(in: "\(fixture.root())/.moorage/volumes").count == 20)
    }

    @Test("eight callers make and delete volumes side by side, and nothing is left")
    func lives() async throws {
        let fixture = try Fixture(Scratch())
        let before = try await fixture.backend.capacity(parameters: [:]).available
        try await withThrowingTaskGroup { group in
            for caller in 0..<8 {
                group.addTask {
                    for round in 0..<25 {
                        let volume = try await fixture.create("pvc-\(caller)-\(round)", bytes: 1 << 20).volume
                        try write("x", to: "\(fixture.root())/volumes/\(volume.id)/file")
                        try await fixture.backend.delete(volume.id)
                    }
                }
            }
            try await group.waitForAll()
        }
        fixture.emptyTrash()
        #expect(names(in: "\(fixture.root())/volumes") == [])
        #expect(names(in: "\(fixture.root())/.moorage/volumes") == [])
        #expect(before > 0)
    }

    @Test("a name is in one pool only, and is free again when it is deleted there")
    func oneNameOnePool() async throws {
        let fixture = try Fixture(Scratch(), pools: ["a", "b"])
        let first = try await fixture.create("pvc-1", ["pool": "a"]).volume
        let error = await #expect(throws: DriverError.self) { _ = try await fixture.create("pvc-1", ["pool": "b"]) }
        #expect(error?.code == .alreadyExists)
        #expect(error?.message.contains("\"a\"") == true)
        try await fixture.backend.delete(first.id)
        #expect(try await fixture.create("pvc-1", ["pool": "b"]).isMade)
    }

    @Test("a listing over two pools is in the order of ids, page by page", arguments: [1, 2, 3, 7, 100])
    func paging(limit: Int) async throws {
        let fixture = try Fixture(Scratch(), pools: ["a", "b"])
        var ids: [VolumeID] = []
        for index in 0..<10 {
            let volume = try await fixture.create("pvc-\(index * 7 % 10)", ["pool": index % 2 == 0 ? "a" : "b"]).volume
            ids.append(volume.id)
        }
        let retained = try await fixture.create("kept", ["pool": "a", "onDelete": "retain"]).volume
        try await fixture.backend.delete(retained.id)
        var listed: [VolumeID] = []
        var position: String?
        repeat {
            let page = try await fixture.backend.volumes(after: position, limit: limit)
            #expect((1...limit).contains(page.volumes.count))
            listed += page.volumes.map(\.id)
            position = page.next
        } while position != nil
        #expect(listed == ids.sorted())
        // A volume that is deleted between two pages does not disturb the order.
        try await fixture.backend.delete(listed[4])
        let rest = try await fixture.backend.volumes(after: listed[4].rawValue, limit: 100)
        #expect(rest.volumes.map(\.id) == Array(listed[5...]))
        #expect(rest.next == nil)
        let error = await #expect(throws: DriverError.self) {
            try await fixture.backend.volumes(after: "nobody's", limit: 1)
        }
        #expect(error?.code == .aborted)
    }

    @Test("pools on one disk share its room, also after a restart, and deleting gives it back")
    func capacity() async throws {
        var fixture = try Fixture(Scratch(), pools: ["a", "b"])
        func available(_ pool: String) async throws -> Int64 {
            try await fixture.backend.capacity(parameters: ["pool": pool]).available
        }
        let atFirst = try await available("a")
        #expect(atFirst > 0)
        // Promises alone use the disk up: most of what is left, again and again, from one pool and the other. Others
        // use the disk at the same time, so nothing here depends on its last bytes.
        var volumes: [VolumeID] = []
        var promised: Int64 = 0
        let little: Int64 = 1 << 20
        while case let bytes = try await available(volumes.count % 2 == 0 ? "a" : "b"), bytes > little {
            let asked = bytes - bytes / 4
            let pool = volumes.count % 2 == 0 ? "a" : "b"
            volumes.append(try await fixture.create("pvc-\(volumes.count)", bytes: asked, ["pool": pool]).volume.id)
            promised += asked
            try #require(volumes.count < 1000)
        }
        #expect(promised >= atFirst / 2)
        for pool in ["a", "b"] {
            let refused = await code { _ = try await fixture.create("more", bytes: 2 * little, ["pool": pool]) }
            #expect(refused == .resourceExhausted)
        }
        #expect(await code { _ = try await fixture.create("more", bytes: .max, ["pool": "a"]) } == .outOfRange)
        #expect(try await fixture.create("small", ["pool": "a"]).isMade)

        fixture = try fixture.restarted(pools: ["a", "b"])
        #expect(try await available("a") <= little)
        #expect(try await available("b") <= little)

        let biggest = volumes[0]
        try await fixture.backend.delete(biggest)
        fixture.emptyTrash("a")
        #expect(try await available("b") >= atFirst / 2)
    }

    @Test("what failed or was there before takes no room")
    func reservations() async throws {
        let fixture = try Fixture(Scratch())
        let available = try await fixture.backend.capacity(parameters: [:]).available
        // More than half: a second promise of that size would not fit, if the first one were not given back.
        let bytes = available - available / 4
        let id = VolumeID("h.\(try fixture.poolID()).pvc-1")
        let directory = "\(fixture.root())/volumes/\(id)"
        mkdir("\(directory)", 0o700)
        try write("x", to: "\(directory)/file")
        // On a disk that others fill, total less promised may be far more than what is free: repeat until it would
        // show.
        for _ in 0..<100 {
            #expect(await code { _ = try await fixture.create("pvc-1", bytes: bytes) } == .failedPrecondition)
        }
        unlink("\(directory)/file")
        for _ in 0..<100 { _ = try await fixture.create("pvc-1", bytes: bytes) }
        try await fixture.backend.delete(id)
        fixture.emptyTrash()
        #expect(try await fixture.create("pvc-2", bytes: bytes).isMade)
    }
}
