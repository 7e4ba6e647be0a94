import Glibc
import HostPathBackend
import StorageModel
import Testing

@Suite("What a person is shown of pools", .timeLimit(.minutes(1)))
struct ListingTests {
    @Test("volumes of every state are listed once, in the order of their ids, whatever the page")
    func states() async throws {
        let fixture = try Fixture(Scratch(), pools: ["default", "second"], emptiesTrash: false)
        #expect(try await fixture.backend.listing(after: nil, limit: 100) == [])
        for name in ["a", "b", "c"] { _ = try await fixture.create(name, bytes: 1000) }
        let kept = try await fixture.create("kept", ["onDelete": "retain"]).volume.id
        try await fixture.backend.delete(kept)
        for _ in 0..<2 {
            let gone = try await fixture.create("gone", bytes: 4096, ["pool": "second"]).volume.id
            try await fixture.backend.delete(gone)
        }
        _ = try await fixture.create("gone", bytes: 8192, ["pool": "second"])
        let broken = try await fixture.create("broken").volume.id
        try write("{", to: "\(fixture.root())/.moorage/volumes/\(broken).json")

        let all = try await fixture.backend.listing(after: nil, limit: 100)
        #expect(all.map(\.position) == all.map(\.position).sorted())
        #expect(Set(all.map(\.position)).count == 8)
        let told = Dictionary(grouping: all, by: \.state).mapValues { $0.map(\.name).sorted() }
        #expect(
            told == [
                .ready: ["a", "b", "c", "gone"], .retained: ["kept"], .deleting: ["gone", "gone"],
                .unreadable: ["broken"],
            ])
        for volume in all { #expect(exists(volume.path), "\(volume.path)") }
        #expect(all.filter { $0.state == .deleting }.map(\.capacityBytes) == [4096, 4096])
        #expect(all.filter { $0.state != .unreadable }.allSatisfy { $0.created != nil })

        for limit in 1...9 {
            var paged: [ListedVolume] = []
            while true {
                let page = try await fixture.backend.listing(after: paged.last?.position, limit: limit)
                if page.isEmpty { break }
                #expect(page.count <= limit)
                paged += page
            }
            #expect(paged == all)
        }
    }

    @Test("a volume whose record is gone or damaged has the name that its id tells, and a hashed one has none")
    func names() async throws {
        let fixture = try Fixture(Scratch(), emptiesTrash: false)
        _ = try await fixture.backend.poolListing()
        for name in ["plain.name-1", "Name with spaces"] {
            let id = try await fixture.create(name, bytes: 1000).volume.id
            try await fixture.backend.delete(id)
        }
        let trash = "\(fixture.root())/.moorage/trash"
        #expect(
            try await fixture.backend.listing(after: nil, limit: 9).map(\.name) == ["plain.name-1", "Name with spaces"])
        for entry in HostPathBackendTests.names(in: trash) { unlink("\(trash)/\(entry)/record.json") }
        let found = try await fixture.backend.listing(after: nil, limit: 9)
        #expect(found.map(\.name) == ["plain.name-1", ""])
        #expect(found.allSatisfy { $0.state == .deleting && $0.created == nil && $0.capacityBytes == 0 })
    }

    @Test("a pool has its figures, and one that is absent its reason")
    func pools() async throws {
        let fixture = try Fixture(Scratch(), pools: ["default", "second", "third"], emptiesTrash: false)
        rmdir(fixture.root("third"))
        #expect(try await fixture.backend.poolListing().count == 3)
        for name in ["a", "b"] { _ = try await fixture.create(name, bytes: 1000) }
        let gone = try await fixture.create("gone", bytes: 100).volume.id
        try await fixture.backend.delete(gone)
        let pools = try await fixture.backend.poolListing()
        #expect(pools.map(\.name) == ["default", "second", "third"])
        #expect(pools.map(\.path) == ["default", "second", "third"].map { fixture.root($0) })
        guard case .served(let first) = pools[0].condition, case .served(let second) = pools[1].condition,
            case .absent(let reason) = pools[2].condition
        else {
            Issue.record("\(pools)")
            return
        }
        #expect(try pools[0].id == fixture.poolID())
        #expect([first.volumes, first.trash, Int(first.promised)] == [2, 1, 2100])
        #expect([second.volumes, second.trash, Int(second.promised)] == [0, 0, 0])
        #expect(first.total == second.total && first.total >= first.available && first.available > 0)
        #expect(!first.fileSystemType.isEmpty)
        #expect(pools[2].id.isEmpty)
        #expect(reason.contains("does not exist"), "\(reason)")
    }
}
