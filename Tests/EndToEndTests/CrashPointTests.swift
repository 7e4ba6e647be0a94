import GRPCServing
import Glibc
import JSONText
import Testing

/// The process dies at each place that the sources name as one; what is left is looked at without it, the call is
/// repeated or undone, and in the end nothing may be left.
@Suite("Death at every crash point", .privateMountNamespace, .serialized, .timeLimit(.minutes(5)))
struct CrashPointTests {
    /// Those that a volume in a pool comes by.
    static let points = allPoints.filter { point in
        !point.hasPrefix("stage-static.") && !["-share.", "-quota."].contains { point.contains($0) }
    }

    /// Every `CrashPoint("...")` in the sources: `<step>[-<onDelete, static, share or quota>].<what is done>`.
    static let allPoints: [String] = {
        var found: Set<String> = []
        for path in files(below: "\(packageRoot)/Sources") where path.hasSuffix(".swift") {
            for part in (readFile(path) ?? "").split(separator: "CrashPoint(\"").dropFirst() {
                found.insert(String(part.prefix { $0 != "\"" }))
            }
        }
        return found.sorted()
    }()

    @Test("there are some for each call", arguments: Step.allCases)
    func everyStep(step: Step) {
        #expect(Self.points.contains { $0.hasPrefix(step.rawValue) })
    }

    @Test("the call is repeated and ends well", arguments: points)
    func repeated(point: String) async throws {
        try await die(at: point) { volume, step in
            try await volume.take(step)
            try await volume.take(step)
            for next in step.after { try await volume.take(next) }
        }
    }

    @Test("the opposite call ends well, and so does the life after it", arguments: points)
    func undone(point: String) async throws {
        try await die(at: point) { volume, step in
            if step == .delete, volume.deletePolicy == "retain" {
                // Either it was deleted, and its data is in the way, or it was not.
                do {
                    try await volume.take(.create)
                } catch let status as GRPCStatus where status.code == .alreadyExists {}
                return try await volume.take(.delete)
            }
            let hadRecord = exists(try volume.record)
            try await volume.take(step.opposite)
            if step == .delete {
                #expect(readFile(try volume.file) == (hadRecord ? StepwiseVolume.data : nil))
            }
            // From there the whole of what is left, once more.
            let rest = step.opposite == .delete ? Step.allCases[...] : step.opposite.after
            for next in rest { try await volume.take(next) }
        }
    }

    /// Lets a driver die at the point, and `body` do what an orchestrator would do after that.
    private func die(at point: String, then body: (StepwiseVolume, Step) async throws -> Void) async throws {
        let call = point.prefix { $0 != "." }.split(separator: "-")
        let step = try Step(rawValue: String(call[0])).required("\(point) belongs to no call")
        // What is synchronised when depends on the file system; a mount does not.
        let kinds: [Disk.Kind] = step == .create || step == .delete ? [.ext4, .ext4WithoutJournal] : [.ext4]
        var deaths = 0
        for kind in kinds {
            try await Disk.with(kind) { disk in
                let pool = disk.mountPoint + "/pool"
                try makeDirectory(pool)
                try await Driver.with(["--pool", "disk=\(pool)"]) { driver in
                    let volume = StepwiseVolume(
                        driver: driver, pool: pool, deletePolicy: call.count > 1 ? String(call[1]) : "delete")
                    for earlier in step.before { try await volume.take(earlier) }
                    #expect(try await driver.stop() == .exit(0))
                    try await driver.start(environment: ["MOORAGE_CRASH_AT=\(point)"])
                    guard try await dies(volume, taking: step) else { return }
                    deaths += 1
                    try expectWhole(volume)
                    try await driver.start()
                    try await body(volume, step)
                    try await expectNothingLeft(volume)
                }
            }
        }
        #expect(deaths > 0, "the point is never reached")
    }

    /// Makes the call, and waits until the driver is dead or has nothing more to do.
    private func dies(_ volume: StepwiseVolume, taking step: Step) async throws -> Bool {
        do {
            try await volume.take(step)
            try await eventually("the driver dies, or empties its trash") {
                if await !volume.driver.isRunning { return true }
                return try entries("\(volume.pool)/.moorage/trash").isEmpty
            }
            guard await !volume.driver.isRunning else { return false }
        } catch let status as GRPCStatus where status.code == .unavailable {
            // The connection broke off.
        }
        #expect(try await volume.driver.ended() == .signal(SIGKILL))
        return true
    }

    /// From the files alone: a record has its volume, a volume that was used its data.
    private func expectWhole(_ volume: StepwiseVolume) throws {
        guard exists(try volume.record) else { return }
        let record = try JSONValue(parsing: try readFile(try volume.record).required("no record"))
        #expect(record["name"].string == StepwiseVolume.name)
        #expect(exists("\(volume.pool)/volumes/\(try volume.id)"))
    }

    private func expectNothingLeft(_ volume: StepwiseVolume) async throws {
        #expect(mounts(below: volume.driver.directory + "/kubelet").isEmpty)
        #expect(!exists(volume.target))
        let ledger = "\(volume.driver.directory)/state/ledger"
        for boot in try entries(ledger) { #expect(try entries("\(ledger)/\(boot)").isEmpty) }
        #expect(!exists("\(volume.driver.directory)/state/strays"))
        let isRetained = volume.deletePolicy == "retain"
        let id = try volume.id
        #expect(try entries("\(volume.pool)/volumes") == (isRetained ? [id] : []))
        #expect(try entries("\(volume.pool)/.moorage/volumes") == (isRetained ? ["\(id).json"] : []))
        if isRetained { #expect(readFile(try volume.file) == StepwiseVolume.data) }
        try await eventually("the trash is empty") { try entries("\(volume.pool)/.moorage/trash").isEmpty }
        guard volume.deletePolicy == "archive" else { return }
        for archived in try entries("\(volume.pool)/archived") {
            #expect(readFile("\(volume.pool)/archived/\(archived)/data") == StepwiseVolume.data)
        }
        #expect(try !entries("\(volume.pool)/archived").isEmpty)
    }
}

private func files(below directory: String) -> [String] {
    guard let names = try? entries(directory) else { return [directory] }
    return names.flatMap { files(below: "\(directory)/\($0)") }
}
