import GRPCServing
import Glibc
import JSONText
import Testing

/// As `CrashPointTests`, for a volume on a share.
@Suite("Death at every crash point of an NFS volume", .privateMountNamespace, .serialized, .timeLimit(.minutes(5)))
struct NFSCrashTests {
    /// What a share has of its own, and what mounting it has in common with a pool.
    static let points = CrashPointTests.allPoints.filter { point in
        point.contains("-share.")
            || ["stage.", "publish.", "unpublish.", "unstage."].contains { point.hasPrefix($0) }
    }

    private static let order: [Step] = Step.allCases

    private func take(_ step: Step, _ volume: inout NFSVolume) async throws {
        switch step {
        case .create:
            try await volume.create()
            // Other ones than it was made with, for the stage to set.
            volume.context["mountPermissions"] = "0750"
        case .stage: try await volume.stage()
        case .publish:
            try await volume.publish()
            if readFile(volume.target() + "/data") != "precious" {
                guard writeFile(volume.target() + "/data", "precious") == nil else { throw Failure("not writable") }
            }
        case .unpublish: try await volume.unpublish()
        case .unstage: try await volume.unstage()
        case .delete: try await volume.delete()
        }
    }

    @Test("the call is repeated and ends well", arguments: points)
    func repeated(point: String) async throws {
        try await die(at: point) { volume, step in
            for _ in 0..<2 { try await take(step, &volume) }
            for next in step.after { try await take(next, &volume) }
        }
    }

    @Test("the opposite call ends well, and so does the life after it", arguments: points)
    func undone(point: String) async throws {
        try await die(at: point) { volume, step in
            if step == .create {
                // An orchestrator that never heard the id can only create again.
                for next in Step.allCases { try await take(next, &volume) }
                return
            }
            try await take(step.opposite, &volume)
            if step == .delete {
                #expect(["precious", nil].contains(readFile("\(NFSServer.files)/crash/data")))
            }
            for next in step.opposite.after { try await take(next, &volume) }
        }
    }

    private func die(at point: String, then body: (inout NFSVolume, Step) async throws -> Void) async throws {
        let step = try Step(rawValue: String(point.prefix { $0 != "." && $0 != "-" })).required("no call")
        try await NFSLifeTests.with { driver, server in
            var volume = try NFSVolume("crash", on: driver, server)
            volume.id = "\(server.address)#srv/x#crash"
            volume.context = ["server": server.address, "share": NFSServer.files, "subDir": "crash"]
            for earlier in step.before { try await take(earlier, &volume) }
            #expect(try await driver.stop() == .exit(0))
            try await driver.start(environment: ["MOORAGE_CRASH_AT=\(point)"])
            do {
                try await take(step, &volume)
                Issue.record("the point is never reached")
            } catch let status as GRPCStatus where status.code == .unavailable {
                // The connection broke off.
            }
            #expect(try await driver.ended() == .signal(SIGKILL))
            try await driver.start()
            try await body(&volume, step)
            #expect(!exists("\(NFSServer.files)/crash"))
            try await NFSLifeTests.expectNoVolumes()
        }
    }
}
