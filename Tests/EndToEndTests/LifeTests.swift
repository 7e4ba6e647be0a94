import CSIWire
import JSONText
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

    /// How many threads the driver has at most for what blocks.
    private static let workers = 16

    @Test("400 lives with 8 callers leave no descriptor, thread or mount behind")
    func leaks() async throws {
        try await Driver.with { driver in
            try await live(100, on: driver)
            try await settle(driver)
            let process = "/proc/\(await driver.processID)"
            func count(_ kind: String) throws -> Int { try entries("\(process)/\(kind)").count }
            let (descriptors, threads) = (try count("fd"), try count("task"))
            try await live(400, on: driver)
            try await settle(driver)
            try await eventually("as many descriptors as before: \(descriptors)") { try count("fd") <= descriptors }
            // One worker or another may have been needed for the first time; a leak would be one for each life.
            #expect(try count("task") <= threads + Self.workers)
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
