import GRPCServing
import Glibc
import JSONText
import Testing

/// Drivers that die while their server is in trouble, and mounts that hang.
@Suite("Drivers killed while the server is in trouble", .privateMountNamespace, .serialized, .timeLimit(.minutes(6)))
struct NFSKillTests {
    /// The driver's moorage-mount.
    private static func mounters(of driver: Driver) async throws -> [pid_t] {
        let parent = await driver.processID
        return try processes(named: "moorage-mount").filter {
            readFile("/proc/\($0)/status")?.contains("\nPPid:\t\(parent)\n") == true
        }
    }

    /// A share of the server that the driver has never mounted.
    static let other = "/srv/e"

    @Test(
        "a driver killed with calls at work starts at once, even while a mount hangs; unpublish and unstage succeed",
        arguments: ServerState.troubles)
    func killed(state: ServerState) async throws {
        try await NFSSite.each { site in
            let kept = try await PreparedCall(.unpublish, "kept", at: site)
            let new = try await PreparedCall(.create, "new", at: site)
            let hanging = try site.foreignVolume("hanging", share: Self.other)
            try await state.during(at: site) {
                let mount = Task { try await site.driver.failure("Node/NodeStageVolume", hanging.stageRequest) }
                let create = Task { try await new.answer() }
                if state.isSilence {
                    try await eventually("a mount hangs", within: 60) {
                        try await !Self.mounters(of: site.driver).isEmpty
                    }
                }
                let mounters = try await Self.mounters(of: site.driver)
                #expect(try await site.driver.stop(SIGKILL) == .signal(SIGKILL))
                let took = try await site.driver.startAndListen(within: 10)
                print("a driver killed while the server is \(state) listens again after \(took) (NFS \(site.version))")
                try await eventually("the hanging mount is dead") {
                    try processes(named: "moorage-mount").allSatisfy { !mounters.contains($0) }
                }
                // Of a driver that is dead nobody hears, whatever the client makes of it.
                _ = await (mount.result, create.result)
                for _ in 0..<2 { try await kept.volume.unpublish() }
                #expect(!exists(kept.volume.target()))
                for _ in 0..<2 { try await kept.volume.unstage() }
                try await insist("the other one is unstaged") { try await hanging.unstage() }
                #expect(mounts(below: site.driver.directory + "/kubelet").isEmpty)
            }
            for call in [kept, new] { try await call.finish() }
            try await insist("the other share is mounted") { try await hanging.stage() }
            try await hanging.unstage()
            try await insist("what is on it is deleted") { try await hanging.delete() }
        }
    }

    @Test(
        "a mount given up leaves no process behind and does not poison the next mount from the same server",
        arguments: ServerState.allCases.filter(\.isSilence))
    func hangingMount(state: ServerState) async throws {
        try await NFSSite.each { site in
            let hanging = try site.foreignVolume("hanging", share: Self.other)
            try await state.during(at: site) {
                let mount = Task { try await site.driver.failure("Node/NodeStageVolume", hanging.stageRequest) }
                try await eventually("a mount hangs", within: 60) { try await !Self.mounters(of: site.driver).isEmpty }
                let status = try await mount.value
                #expect(status.code == .unavailable, "\(status)")
                try await eventually("no process is left") { try await Self.mounters(of: site.driver).isEmpty }
                let refused = try await site.driver.failure("Node/NodeStageVolume", hanging.stageRequest)
                #expect(refused.code == .unavailable, "\(refused)")
            }
            // The same share, and another one of the server, without a restart.
            try await insist("the share is mounted") { try await hanging.stage() }
            #expect(mountOptions(at: hanging.staging).contains("vers=\(site.version)"))
            try await hanging.unstage()
            try await insist("what is on it is deleted") { try await hanging.delete() }
            var next = try site.volume("next")
            try await insist("another share is used") { try await next.create() }
            try await next.delete()
        }
    }
}
