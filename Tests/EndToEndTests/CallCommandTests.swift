import CSIWire
import JSONText
import Testing

@Suite("moorage call", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct CallCommandTests {
    private func run(_ words: String..., on driver: Driver) async throws -> Finished {
        try await Finished.run(
            [Driver.program, "call", "--endpoint", driver.endpoint] + words, in: driver.directory)
    }

    private func succeed(_ method: String, _ json: String, on driver: Driver) async throws -> JSONValue {
        let call = try await run(method, json, on: driver)
        guard call.ending == .exit(0) else { throw Failure("\(method): \(call.ending) \(call.errors)") }
        return try JSONValue(parsing: call.output)
    }

    @Test("drives a whole life")
    func life() async throws {
        try await Driver.with { driver in
            #expect(try await succeed("Probe", "{}", on: driver)["ready"] == .bool(true))
            let made = try await succeed(
                "CreateVolume", #"{"name": "v", "volumeCapabilities": [\#(capability())]}"#, on: driver)
            let id = try made["volume"]["volumeId"].string.required("no id")
            let volume = Volume(driver: driver, name: "v", id: id)
            try makeDirectory(volume.staging)
            try makeDirectory(volume.pod)
            let paths = (staging: volume.staging, target: volume.target("a"))
            _ = try await succeed("NodeStageVolume", volume.stageRequest(capability()), on: driver)
            _ = try await succeed("NodePublishVolume", volume.publishRequest(capability()), on: driver)
            #expect(writeFile(paths.target + "/file", "text") == nil)
            _ = try await succeed(
                "NodeUnpublishVolume", #"{"volumeId": "\#(id)", "targetPath": "\#(paths.target)"}"#, on: driver)
            _ = try await succeed(
                "NodeUnstageVolume", #"{"volumeId": "\#(id)", "stagingTargetPath": "\#(paths.staging)"}"#, on: driver)
            _ = try await succeed("DeleteVolume", #"{"volumeId": "\#(id)"}"#, on: driver)
            #expect(try await succeed("ListVolumes", "{}", on: driver)["entries"].elements.isEmpty)
        }
    }

    @Test("an error status is exit code 1, with the status on standard error")
    func errorStatus() async throws {
        try await Driver.with { driver in
            let call = try await run("ControllerGetVolume", #"{"volumeId": "fake-vol-id"}"#, on: driver)
            #expect(call.ending == .exit(1))
            #expect(call.errors.contains("NOT_FOUND"))
            #expect(call.output.isEmpty)
        }
    }

    static let unusable = [
        (["Probe", "{"], "JSON"), (["Probe", #"{"nothing": 1}"#], "nothing"), (["Prob3"], "no method Prob3"),
        (["Probe", "--timeout", "0"], "timeout"), ([], "--list"),
    ]

    @Test("what cannot be sent is exit code 64 and says what is wrong", arguments: unusable)
    func usage(words: [String], told: String) async throws {
        try await Driver.with { driver in
            let call = try await Finished.run(
                [Driver.program, "call", "--endpoint", driver.endpoint] + words, in: driver.directory)
            #expect(call.ending == .exit(64))
            #expect(call.errors.contains(told), "\(call.errors)")
        }
    }

    @Test("lists the methods, and shows a request that can be edited")
    func help() async throws {
        try await Driver.with { driver in
            let list = try await run("--list", on: driver)
            #expect(list.ending == .exit(0))
            #expect(list.output.contains("csi.v1.Node/NodePublishVolume\n"))
            let example = try await run("--example", "NodePublishVolume", on: driver)
            #expect(example.ending == .exit(0))
            #expect(try JSONValue(parsing: example.output)["stagingTargetPath"] != .null)
        }
    }
}
