import CSIWire
import JSONText
import Testing

@Suite("Identity", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct IdentityTests {
    @Test("the driver says its name, and the version that the program shows")
    func info() async throws {
        try await Driver.with { driver in
            let info = try await driver.call("Identity/GetPluginInfo")
            #expect(info["name"].string == "csi.moorage.dev")
            let shown = try await Finished.run([Driver.program, "--version"], in: driver.directory)
            #expect(shown.ending == .exit(0))
            #expect(shown.output == "moorage \(info["vendorVersion"].string ?? "")\n")
        }
    }

    @Test("it has a controller and volumes that belong to a place")
    func capabilities() async throws {
        try await Driver.with { driver in
            let found = try await driver.call("Identity/GetPluginCapabilities")["capabilities"].elements
                .compactMap { $0["service"]["type"].string }
            #expect(found.contains("CONTROLLER_SERVICE"))
            #expect(found.contains("VOLUME_ACCESSIBILITY_CONSTRAINTS"))
        }
    }

    @Test("Probe says that it is ready")
    func probe() async throws {
        try await Driver.with { driver in
            let answer = try await driver.call("Identity/Probe")
            #expect(answer["ready"] == .bool(true))
        }
    }
}
