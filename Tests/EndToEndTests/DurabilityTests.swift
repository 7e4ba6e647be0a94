import JSONText
import Testing

@Suite("What was answered survives a power cut", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct DurabilityTests {
    @Test("a volume that was made is there, one that was deleted is not", arguments: Disk.Kind.allCases)
    func createAndDelete(kind: Disk.Kind) async throws {
        try await Disk.with(kind) { disk in
            let pool = disk.mountPoint + "/pool"
            try makeDirectory(pool)
            try await Driver.with(["--pool", "disk=\(pool)"]) { driver in
                let volume = try await Volume.make("kept", on: driver)
                let other = try await Volume.make("deleted", on: driver)
                let made = try await disk.afterPowerCut("made") + "/pool"
                for volume in [volume, other] {
                    let text = try readFile("\(made)/.moorage/volumes/\(volume.id).json").required("no record is left")
                    #expect(try JSONValue(parsing: text)["name"].string == volume.name)
                    #expect(try entries("\(made)/volumes/\(volume.id)").isEmpty)
                    #expect(permissions("\(made)/volumes/\(volume.id)") == 0o777)
                }
                try await other.delete()
                let deleted = try await disk.afterPowerCut("after") + "/pool"
                #expect(try entries("\(deleted)/.moorage/volumes") == ["\(volume.id).json"])
                #expect(try entries("\(deleted)/volumes") == [volume.id])
                // The answer to a repeated call is worth as much.
                _ = try await Volume.make("kept", on: driver)
            }
        }
    }
}
