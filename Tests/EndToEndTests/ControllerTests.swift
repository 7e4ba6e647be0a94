import CSIWire
import GRPCServing
import JSONText
import Testing

@Suite("Controller", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct ControllerTests {
    static let refused: [(String, String, GRPCCode)] = [
        ("DeleteVolume", "{}", .invalidArgument),
        ("ValidateVolumeCapabilities", #"{"volumeCapabilities": [\#(capability())]}"#, .invalidArgument),
        ("ValidateVolumeCapabilities", #"{"volumeId": "fake-vol-id"}"#, .invalidArgument),
        (
            "ValidateVolumeCapabilities",
            #"{"volumeId": "fake-vol-id", "volumeCapabilities": [\#(capability())]}"#, .notFound
        ),
        ("ListVolumes", #"{"maxEntries": -1}"#, .invalidArgument),
        ("ListVolumes", #"{"startingToken": "no-token"}"#, .aborted),
        ("ListVolumes", #"{"startingToken": "hostPath/../../etc"}"#, .aborted),
        ("ControllerGetVolume", "{}", .invalidArgument),
        ("ControllerGetVolume", #"{"volumeId": "fake-vol-id"}"#, .notFound),
        // It may well be there, in a pool of another node.
        ("ControllerGetVolume", #"{"volumeId": "h.000000000000.nothing"}"#, .failedPrecondition),
        ("DeleteVolume", #"{"volumeId": "h.000000000000.nothing"}"#, .failedPrecondition),
        ("ControllerPublishVolume", "{}", .unimplemented),
        ("ControllerUnpublishVolume", "{}", .unimplemented),
        ("ControllerExpandVolume", "{}", .invalidArgument),
        ("ControllerModifyVolume", "{}", .unimplemented),
        ("CreateSnapshot", "{}", .unimplemented),
        ("DeleteSnapshot", "{}", .unimplemented),
        ("ListSnapshots", "{}", .unimplemented),
    ]

    @Test("a wrong call ends with the code that the specification gives it", arguments: refused)
    func refusals(method: String, request: String, code: GRPCCode) async throws {
        try await Driver.with { driver in
            let status = try await driver.failure("Controller/\(method)", request)
            #expect(status.code == code, "\(status)")
        }
    }

    @Test("it offers what it serves and nothing else")
    func capabilities() async throws {
        try await Driver.with { driver in
            let found = try await driver.call("Controller/ControllerGetCapabilities")["capabilities"].elements
                .compactMap { $0["rpc"]["type"].string }
            #expect(
                Set(found) == [
                    "CREATE_DELETE_VOLUME", "LIST_VOLUMES", "GET_CAPACITY", "GET_VOLUME", "SINGLE_NODE_MULTI_WRITER",
                ])
        }
    }

    @Test("a volume is deleted once; after that, and for ids that were never given, there is nothing to do")
    func delete() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            #expect(try entries(driver.pool + "/volumes").count == 1)
            try await volume.delete()
            #expect(try entries(driver.pool + "/volumes").isEmpty)
            try await volume.delete()
            _ = try await driver.call("Controller/DeleteVolume", #"{"volumeId": "fake-vol-id"}"#)
        }
    }

    @Test("an id that leads out of the pool deletes nothing")
    func traversal() async throws {
        try await Driver.with { driver in
            let kept = try await Volume.make("kept", on: driver)
            try makeDirectory(driver.pool + "/victim")
            #expect(writeFile(driver.pool + "/victim/file", "text") == nil)
            let pool = kept.id.dropLast("kept".count)
            for id in [
                "../victim", "\(pool)../victim", "\(pool)../../victim", "\(pool)..", "\(pool).", "\(pool)x/../kept",
            ] {
                _ = try await driver.call("Controller/DeleteVolume", #"{"volumeId": "\#(id)"}"#)
            }
            #expect(readFile(driver.pool + "/victim/file") == "text")
            #expect(try entries(driver.pool + "/volumes").count == 1)
            _ = try await driver.call("Controller/ControllerGetVolume", #"{"volumeId": "\#(kept.id)"}"#)
        }
    }

    @Test("a volume that is published or only staged is not deleted")
    func deleteInUse() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            try await volume.stage()
            try await volume.publish()
            #expect(writeFile(volume.target("a") + "/file", "text") == nil)
            for undo in [{ try await volume.unpublish() }, { try await volume.unstage() }] {
                let status = try await driver.failure("Controller/DeleteVolume", #"{"volumeId": "\#(volume.id)"}"#)
                #expect(status.code == .failedPrecondition, "\(status)")
                #expect(readFile(volume.staging + "/file") == "text")
                try await undo()
            }
            try await volume.delete()
        }
    }

    @Test("capabilities are confirmed when all of them are supported, else a message says which are not")
    func validate() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            func answer(_ modes: String...) async throws -> JSONValue {
                let list = modes.map { capability($0) }.joined(separator: ",")
                return try await driver.call(
                    "Controller/ValidateVolumeCapabilities",
                    #"{"volumeId": "\#(volume.id)", "volumeCapabilities": [\#(list)]}"#)
            }
            let confirmed = try await answer("SINGLE_NODE_WRITER", "SINGLE_NODE_MULTI_WRITER")
            #expect(confirmed["confirmed"]["volumeCapabilities"].elements.count == 2)
            let refused = try await answer("SINGLE_NODE_WRITER", "MULTI_NODE_MULTI_WRITER")
            #expect(refused["confirmed"] == .null)
            #expect(refused["message"].string?.isEmpty == false)
        }
    }

    @Test("a listing goes on where its last page ended")
    func paging() async throws {
        try await Driver.with { driver in
            var made: Set<String> = []
            for name in ["one", "two", "three"] { made.insert(try await Volume.make(name, on: driver).id) }
            let first = try await driver.call("Controller/ListVolumes", #"{"maxEntries": 2}"#)
            let token = try first["nextToken"].string.required("no token")
            let second = try await driver.call(
                "Controller/ListVolumes", #"{"maxEntries": 2, "startingToken": "\#(token)"}"#)
            #expect(first["entries"].elements.count == 2)
            #expect(second["entries"].elements.count == 1)
            #expect(second["nextToken"] == .null)
            let found = (first["entries"].elements + second["entries"].elements)
                .compactMap { $0["volume"]["volumeId"].string }
            #expect(Set(found) == made)
        }
    }

    @Test("one volume can be asked for")
    func getVolume() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("v", on: driver)
            let found = try await driver.call("Controller/ControllerGetVolume", #"{"volumeId": "\#(volume.id)"}"#)
            #expect(found["volume"]["volumeId"].string == volume.id)
        }
    }

    @Test("there is room here for what is supported, and none for anything else or elsewhere")
    func capacity() async throws {
        try await Driver.with { driver in
            let anything = try await available("{}", on: driver)
            let supported = try await available(#"{"volumeCapabilities": [\#(capability())]}"#, on: driver)
            let unsupported = try await available(
                #"{"volumeCapabilities": [\#(capability("MULTI_NODE_MULTI_WRITER"))]}"#, on: driver)
            let elsewhere = try await available(
                #"{"accessibleTopology": \#(CreateVolumeTests.elsewhere)}"#, on: driver)
            #expect(anything > 0 && supported > 0)
            #expect(unsupported == 0 && elsewhere == 0)
        }
    }

    private func available(_ request: String, on driver: Driver) async throws -> Int {
        try await driver.call("Controller/GetCapacity", request)["availableCapacity"].integer
    }
}
