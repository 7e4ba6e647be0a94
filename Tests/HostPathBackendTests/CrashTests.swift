import Glibc
import HostPathBackend
import StorageModel
import Testing

/// Each state that a create or delete can be left in when its process dies, built by hand, and what must come of it.
@Suite("What a crash leaves", .timeLimit(.minutes(2)))
struct CrashTests {
    enum State: String, CaseIterable, CustomTestStringConvertible {
        case temporaryRecordOnly, emptyDirectory, directoryAndTemporaryRecord, recordLinkedTwice, recordWithoutContent
        case emptyTrashEntry, recordInTrash, recordAndDataInTrash, dataInTrashWithoutRecord, recordInTrashWithoutData
        case recordInTrashForArchive, recordInTrashAfterArchive, retainHalfWritten

        var testDescription: String { rawValue }

        var policy: String {
            switch self {
            case .recordInTrashForArchive, .recordInTrashAfterArchive: "archive"
            case .retainHalfWritten: "retain"
            default: "delete"
            }
        }

        /// Whether the volume exists: a create finds it, with its data.
        var isReady: Bool {
            switch self {
            case .recordLinkedTwice, .emptyTrashEntry, .retainHalfWritten: true
            default: false
            }
        }

        var isArchived: Bool { self == .recordInTrashForArchive || self == .recordInTrashAfterArchive }
    }

    static let name = "pvc-1"
    static let nonce = "00112233445566ff"

    /// Makes a volume with a file in it and brings it into the state.
    static func build(_ state: State, _ fixture: Fixture) async throws -> VolumeID {
        let id = try await fixture.create(name, bytes: 4096, ["onDelete": state.policy]).volume.id
        let root = fixture.root()
        let directory = "\(root)/volumes/\(id)"
        let record = "\(root)/.moorage/volumes/\(id).json"
        let temporary = "\(root)/.moorage/volumes/.new-\(nonce)"
        let entry = "\(root)/.moorage/trash/\(id).\(nonce)"
        try write("old data", to: "\(directory)/file")

        switch state {
        case .temporaryRecordOnly:
            unlink("\(directory)/file")
            rmdir(directory)
            rename(record, temporary)
        case .emptyDirectory:
            unlink("\(directory)/file")
            unlink(record)
        case .directoryAndTemporaryRecord:
            unlink("\(directory)/file")
            rename(record, temporary)
        case .recordWithoutContent:
            unlink("\(directory)/file")
            #expect(truncate(record, 0) == 0)
        case .recordLinkedTwice:
            #expect(link(record, temporary) == 0)
        case .emptyTrashEntry:
            mkdir(entry, 0o700)
        case .recordInTrash, .recordInTrashForArchive:
            mkdir(entry, 0o700)
            #expect(rename(record, "\(entry)/record.json") == 0)
        case .recordAndDataInTrash:
            mkdir(entry, 0o700)
            #expect(rename(record, "\(entry)/record.json") == 0)
            #expect(rename(directory, "\(entry)/data") == 0)
        case .dataInTrashWithoutRecord:
            mkdir(entry, 0o700)
            unlink(record)
            #expect(rename(directory, "\(entry)/data") == 0)
        case .recordInTrashWithoutData:
            mkdir(entry, 0o700)
            #expect(rename(record, "\(entry)/record.json") == 0)
            unlink("\(directory)/file")
            rmdir(directory)
        case .recordInTrashAfterArchive:
            mkdir(entry, 0o700)
            mkdir("\(root)/archived", 0o700)
            #expect(rename(record, "\(entry)/record.json") == 0)
            #expect(rename(directory, "\(root)/archived/\(id)") == 0)
        case .retainHalfWritten:
            try write("{", to: temporary)
        }
        return id
    }

    /// Each state, met by the process that runs on and by its successor.
    static let cases: [(State, Bool)] = State.allCases.flatMap { state in
        // After a power cut no process runs on.
        state == .recordWithoutContent ? [(state, true)] : [(state, false), (state, true)]
    }

    @Test("a create comes out right", arguments: cases)
    func create(state: State, afterRestart: Bool) async throws {
        var fixture = try Fixture(Scratch())
        let id = try await Self.build(state, fixture)
        if afterRestart { fixture = try fixture.restarted() }

        let created = try await fixture.create(Self.name, bytes: 4096, ["onDelete": state.policy])
        #expect(created.isMade == !state.isReady)
        #expect(created.volume.id == id)
        let data = "\(fixture.root())/volumes/\(id)"
        #expect(names(in: data) == (state.isReady ? ["file"] : []))
        _ = try await fixture.backend.mountPlan(for: id, capability: Fixture.mount, context: [:])
        if state.isArchived {
            #expect(try read("\(fixture.root())/archived/\(id)/file") == "old data")
        }
        try await Self.expectNothingLeft(fixture, id, exists: true)
    }

    @Test("a delete comes out right", arguments: cases)
    func delete(state: State, afterRestart: Bool) async throws {
        var fixture = try Fixture(Scratch())
        let id = try await Self.build(state, fixture)
        if afterRestart { fixture = try fixture.restarted() }

        for _ in 0..<2 { try await fixture.backend.delete(id) }
        #expect(await code { _ = try await fixture.backend.volume(id) } == .notFound)
        if state.isArchived {
            #expect(try read("\(fixture.root())/archived/\(id)/file") == "old data")
        }
        if state == .retainHalfWritten {
            #expect(try read("\(fixture.root())/volumes/\(id)/file") == "old data")
        }
        try await Self.expectNothingLeft(fixture, id, exists: state == .retainHalfWritten)
    }

    /// After one more start, at the latest, nothing is there that no record tells of.
    static func expectNothingLeft(_ fixture: Fixture, _ id: VolumeID, exists: Bool) async throws {
        let last = try fixture.restarted()
        // Settles the pool, and with it the trash.
        _ = try await last.backend.capacity(parameters: [:])
        last.emptyTrash()
        #expect(names(in: "\(last.root())/.moorage/volumes") == (exists ? ["\(id).json"] : []))
        #expect(names(in: "\(last.root())/volumes") == (exists ? [id.rawValue] : []))
        #expect(last.events.list.filter { if case .trashLeft = $0 { true } else { false } } == [])
    }

    @Test("a directory with content and without a record is never given to anybody, and only its deletion removes it")
    func foreignDirectory() async throws {
        let fixture = try Fixture(Scratch())
        let id = try await fixture.create(Self.name).volume.id
        let directory = "\(fixture.root())/volumes/\(id)"
        try write("precious", to: "\(directory)/file")
        unlink("\(fixture.root())/.moorage/volumes/\(id).json")

        func expectRefused(_ fixture: Fixture) async throws {
            #expect(await code { _ = try await fixture.create(Self.name) } == .failedPrecondition)
            #expect(try read("\(directory)/file") == "precious")
        }
        try await expectRefused(fixture)
        let second = try fixture.restarted()
        try await expectRefused(second)
        try await second.backend.delete(id)
        #expect(!exists(directory))
        #expect(try await second.create(Self.name).isMade)
    }

    @Test("the trash of a pool that returns is emptied, whatever call notices it first")
    func trashOfAPoolThatReturns() async throws {
        let fixture = try Fixture(Scratch())
        let id = try await Self.build(.recordAndDataInTrash, fixture)
        let aside = "\(fixture.scratch.path)/aside"
        fixture.backend.stop()
        #expect(rename(fixture.root(), aside) == 0)
        let second = try fixture.restarted()
        #expect(await code { _ = try await second.backend.volume(id) } == .unavailable)
        #expect(rename(aside, fixture.root()) == 0)
        #expect(await code { _ = try await second.backend.volume(id) } == .notFound)
        second.emptyTrash()
    }

    @Test("a pool whose making was interrupted is made")
    func halfMadePool() throws {
        let scratch = try Scratch()
        let root = scratch.directory("default")
        mkdir("\(root)/lost+found", 0o700)
        mkdir("\(root)/.moorage", 0o700)
        try write("{", to: "\(root)/.moorage/.new-\(Self.nonce)")
        let fixture = try Fixture(scratch)
        #expect(try fixture.poolID().count == 12)
    }

    @Test("a pool that was made before it was remembered is remembered")
    func forgottenPool() throws {
        let fixture = try Fixture(Scratch())
        let id = try fixture.poolID()
        unlink("\(fixture.scratch.path)/state/pools/default.json")
        let second = try fixture.restarted()
        #expect(try second.poolID() == id)
        #expect(exists("\(fixture.scratch.path)/state/pools/default.json"))
    }
}
