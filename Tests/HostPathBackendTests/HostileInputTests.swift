import Glibc
import HostPathBackend
import StorageModel
import Testing

@Suite("Hostile ids and planted links", .timeLimit(.minutes(1)))
struct HostileInputTests {
    static let poolID = "0123456789ab"

    @Test(
        "an id that this backend never gave is recognised as such",
        arguments: [
            "", "h", "h.", "h..", "fake-vol-id", "h.\(poolID)", "h.\(poolID).", "h.\(poolID)..", "h.\(poolID).../x",
            "h.\(poolID).../../victim", "../victim", "h.\(poolID)/x.y", "h.\(poolID).a/b", "h.\(poolID).a\u{0}b",
            "H.\(poolID).a", "h.0123456789AB.a", "h.0123456789abc.a", "h.0123456789a.a", "h.\(poolID).-a",
            "h.\(poolID).ä",
            "h.\(poolID).sha-0", "h.\(poolID).sha-\(String(repeating: "A", count: 32))", "h.\(poolID).a\n",
            "h.\(poolID).\(String(repeating: "a", count: 97))", String(repeating: "h.", count: 50_000),
            // Ids of NFS volumes.
            "nfs.example.com#srv#pvc-1", "@fast##pvc-1", "10.0.0.1/srv/pvc-1", "h.\(poolID).a#srv#pvc-1",
            "h.\(poolID).a/srv/pvc-1",
        ])
    func malformed(text: String) async throws {
        let fixture = try Fixture(Scratch())
        try write("precious", to: "\(fixture.scratch.path)/victim")
        let id = VolumeID(text.replacing(Self.poolID, with: try fixture.poolID()))
        #expect(!fixture.backend.recognises(id))
        try await fixture.backend.delete(id)
        #expect(await code { _ = try await fixture.backend.volume(id) } == .notFound)
        let mount = await code {
            _ = try await fixture.backend.mountPlan(for: id, capability: Fixture.mount, context: [:])
        }
        #expect(mount == .notFound)
        #expect(try read("\(fixture.scratch.path)/victim") == "precious")
    }

    @Test(
        "an id of another node's pool is never said not to exist",
        arguments: ["h.ffffffffffff.pvc-1", "h.ffffffffffff.sha-00112233445566778899aabbccddeeff"])
    func foreign(text: String) async throws {
        let fixture = try Fixture(Scratch())
        let id = VolumeID(text)
        #expect(fixture.backend.recognises(id))
        #expect(await code { try await fixture.backend.delete(id) } == .failedPrecondition)
        let error = await #expect(throws: DriverError.self) { _ = try await fixture.backend.volume(id) }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.message.contains("ffffffffffff") == true)
        #expect(error?.message.contains("node-1") == true)
        let mount = await code {
            _ = try await fixture.backend.mountPlan(for: id, capability: Fixture.mount, context: [:])
        }
        #expect(mount == .failedPrecondition)
    }

    @Test(
        "any name makes an id that is found again",
        arguments: [
            "pvc-1", "a", "../../etc", "name with spaces", "ä", "a/b", ".", "-rf", "sha-x", "new\nline",
            String(repeating: "n", count: 96), String(repeating: "n", count: 97), String(repeating: "n", count: 1024),
        ])
    func names(name: String) async throws {
        let fixture = try Fixture(Scratch())
        let volume = try await fixture.create(name).volume
        #expect(volume.id.rawValue.utf8.count <= 128)
        #expect(fixture.backend.recognises(volume.id))
        #expect(try await fixture.backend.volume(volume.id).name == name)
        #expect(try await !fixture.create(name).isMade)
        try await fixture.backend.delete(volume.id)
        #expect(await code { _ = try await fixture.backend.volume(volume.id) } == .notFound)
    }

    @Test("a name that is empty or too long is refused", arguments: ["", String(repeating: "n", count: 1025)])
    func badNames(name: String) async throws {
        let fixture = try Fixture(Scratch())
        #expect(await code { _ = try await fixture.create(name) } == .invalidArgument)
    }

    /// A directory beside the pool with something in it.
    static func makeVictim(_ fixture: Fixture) throws -> String {
        let victim = fixture.scratch.directory("victim")
        try write("precious", to: "\(victim)/file")
        return victim
    }

    static func isIntact(_ victim: String) throws -> Bool {
        try HostPathBackendTests.names(in: victim) == ["file"] && read("\(victim)/file") == "precious"
    }

    @Test("a link in the place of a data directory is never followed")
    func linkAsDirectory() async throws {
        let fixture = try Fixture(Scratch())
        let victim = try Self.makeVictim(fixture)
        let id = VolumeID("h.\(try fixture.poolID()).pvc-1")
        let link = "\(fixture.root())/volumes/\(id)"
        #expect(symlink(victim, link) == 0)
        #expect(
            await code { _ = try await fixture.create("pvc-1", ["mountPermissions": "0700"]) } == .failedPrecondition)
        #expect(try Self.isIntact(victim))

        unlink(link)
        _ = try await fixture.create("pvc-1")
        rmdir(link)
        #expect(symlink(victim, link) == 0)
        let mount = await code {
            _ = try await fixture.backend.mountPlan(for: id, capability: Fixture.mount, context: [:])
        }
        #expect(mount == .failedPrecondition)
        try await fixture.backend.delete(id)
        fixture.emptyTrash()
        #expect(!exists(link))
        #expect(try Self.isIntact(victim))
    }

    enum Plant: CaseIterable {
        case link, fifo, directory, device, huge, garbage
    }

    @Test(
        "what is no record is an error that names the file, and never a volume that is missing",
        arguments: Plant.allCases)
    func plantedRecord(plant: Plant) async throws {
        let fixture = try Fixture(Scratch())
        let victim = try Self.makeVictim(fixture)
        let id = try await fixture.create("pvc-1").volume.id
        let good = try await fixture.create("pvc-2").volume
        let record = "\(fixture.root())/.moorage/volumes/\(id).json"
        #expect(rename(record, "\(victim)/file") == 0)
        let content = try read("\(victim)/file")
        switch plant {
        case .link: #expect(symlink("\(victim)/file", record) == 0)
        case .fifo: #expect(mkfifo(record, 0o600) == 0)
        case .directory: #expect(mkdir(record, 0o700) == 0)
        case .device: #expect(symlink("/dev/zero", record) == 0)
        case .huge: try write(content + String(repeating: " ", count: 64 << 10), to: record)
        case .garbage: try write("{}", to: record)
        }

        let error = await #expect(throws: DriverError.self) { _ = try await fixture.backend.volume(id) }
        #expect(error?.code == .internalError)
        #expect(error?.message.contains(record) == true)
        #expect(await code { _ = try await fixture.create("pvc-1") } == .internalError)
        #expect(await code { try await fixture.backend.delete(id) } == .internalError)
        #expect(exists("\(fixture.root())/volumes/\(id)"))
        // The others are listed, and the one that cannot be read is reported.
        #expect(try await fixture.backend.volumes(after: nil, limit: 10).volumes == [good])
        #expect(fixture.events.list.contains { $0.isProblem && $0.description.contains(record) })
        #expect(try read("\(victim)/file") == content)
    }

    @Test("a link in the trash is left alone")
    func linkInTrash() async throws {
        let fixture = try Fixture(Scratch())
        let victim = try Self.makeVictim(fixture)
        let id = try await fixture.create("pvc-1").volume.id
        let links = ["\(id).00112233445566ff", "something"]
        for link in links { #expect(symlink(victim, "\(fixture.root())/.moorage/trash/\(link)") == 0) }
        let second = try fixture.restarted()
        try await second.backend.delete(id)
        second.events.wait { if case .trashRemoved = $0 { true } else { false } }
        #expect(HostPathBackendTests.names(in: "\(second.root())/.moorage/trash") == links.sorted())
        #expect(second.events.list.filter(\.isProblem).count == 2)
        #expect(try Self.isIntact(victim))
    }

    @Test("a link in the place of a pool's own directory makes the pool absent", arguments: [".moorage", "volumes"])
    func linkAsPoolDirectory(name: String) async throws {
        let fixture = try Fixture(Scratch())
        let victim = try Self.makeVictim(fixture)
        _ = try await fixture.create("pvc-1")
        fixture.backend.stop()
        let path = "\(fixture.root())/\(name)"
        #expect(rename(path, "\(fixture.scratch.path)/aside") == 0)
        #expect(symlink(victim, path) == 0)
        let second = try Fixture(fixture.scratch)
        let refused = await code { _ = try await second.create("pvc-2") }
        #expect(refused == .unavailable || refused == .internalError)
        #expect(try Self.isIntact(victim))
    }

    @Test("links in a volume are removed with it, and what they point to stays")
    func linksInVolume() async throws {
        let fixture = try Fixture(Scratch())
        let victim = try Self.makeVictim(fixture)
        let id = try await fixture.create("pvc-1").volume.id
        #expect(symlink(victim, "\(fixture.root())/volumes/\(id)/link") == 0)
        try await fixture.backend.delete(id)
        fixture.emptyTrash()
        #expect(try Self.isIntact(victim))
    }
}
