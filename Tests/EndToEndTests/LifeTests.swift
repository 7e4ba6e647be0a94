import CSIWire
import Testing

@Suite("The life of a volume", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct LifeTests {
    @Test("of a volume that lived twice nothing is left")
    func nothingIsLeft() async throws {
        try await Driver.with { driver in
            for _ in 0..<2 { try await Volume.live("v", on: driver) }
            #expect(try await driver.call("Controller/ListVolumes")["entries"].elements.isEmpty)
            #expect(mounts(below: driver.directory).isEmpty)
            let ledger = driver.directory + "/state/ledger"
            for boot in try entries(ledger) { #expect(try entries("\(ledger)/\(boot)").isEmpty) }
            #expect(try entries(driver.pool + "/volumes").isEmpty)
            #expect(try entries(driver.pool + "/.moorage/volumes").isEmpty)
            try await eventually("the trash is empty") { try entries(driver.pool + "/.moorage/trash").isEmpty }
        }
    }

    @Test("a stranger who knows only what reflection tells lives it too")
    func reflection() async throws {
        let python = packageRoot + "/.build/python/bin/python"
        try #require(exists(python), "there is no \(python): run hack/python-env")
        try await Driver.with { driver in
            let life = try await Finished.run(
                [
                    python, "-B", packageRoot + "/Tests/EndToEndTests/Resources/reflection_life.py", "--endpoint",
                    driver.endpoint, "--work", driver.directory + "/kubelet/life",
                ], in: driver.directory, within: 60)
            #expect(life.ending == .exit(0), "\(life.output)\(life.errors)")
            #expect(life.output.contains("life ok"))
        }
    }

    @Test("400 lives with 8 callers leave no descriptor, thread or mount behind")
    func leaks() async throws {
        try await Driver.with { driver in
            try await live(100, on: driver)
            try await settle(driver)
            let process = "/proc/\(await driver.processID)"
            let before = (try entries(process + "/fd").count, try entries(process + "/task").count)
            try await live(400, on: driver)
            try await settle(driver)
            // Threads that idle may end; none may be there that was not before.
            #expect(try entries(process + "/fd").count <= before.0)
            #expect(try entries(process + "/task").count <= before.1)
            #expect(mounts(below: driver.directory).isEmpty)
        }
    }

    private func live(_ lives: Int, on driver: Driver) async throws {
        let callers = 8
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                group.addTask {
                    for life in 0..<lives / callers { try await Volume.live("v-\(caller)-\(life)", on: driver) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func settle(_ driver: Driver) async throws {
        try await eventually("the trash is empty") { try entries(driver.pool + "/.moorage/trash").isEmpty }
    }
}
