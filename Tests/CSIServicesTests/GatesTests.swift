import CSIServices
import StorageModel
import Testing

@Suite("Gates", .timeLimit(.minutes(1)))
struct GatesTests {
    @Test("a second call for a held key is ABORTED, one for another key goes on, and the key is free afterwards")
    func exclusion() async throws {
        let gates = Gates()
        let id = VolumeID("v")
        try await gates.holding(.volume(id)) { () async throws(DriverError) in
            let busy = await #expect(throws: DriverError.self) {
                try await gates.holding(.volume(id)) { () async throws(DriverError) in }
            }
            #expect(busy?.code == .aborted)
            try await gates.holding(.volume(VolumeID("w"))) { () async throws(DriverError) in }
        }
        try await gates.holding(.volume(id)) { () async throws(DriverError) in }
    }

    @Test("of several keys either all are held or none")
    func allOrNone() async throws {
        let gates = Gates()
        let (v, w) = (VolumeID("v"), VolumeID("w"))
        try await gates.holding(.volume(v)) { () async throws(DriverError) in
            await #expect(throws: DriverError.self) {
                try await gates.holding(.volume(w), .volume(v)) { () async throws(DriverError) in }
            }
            try await gates.holding(.volume(w)) { () async throws(DriverError) in }
        }
    }

    @Test("a failure frees the key")
    func failure() async throws {
        let gates = Gates()
        let key = Gates.Key.volumeName("n", backend: "hostPath")
        await #expect(throws: DriverError.invalid("no")) {
            try await gates.holding(key) { () async throws(DriverError) in throw .invalid("no") }
        }
        try await gates.holding(key) { () async throws(DriverError) in }
    }
}
