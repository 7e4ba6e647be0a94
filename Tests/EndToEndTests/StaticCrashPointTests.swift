import GRPCServing
import Glibc
import Testing

/// As `CrashPointTests`, for storage that was there before and must be there afterwards.
@Suite("Death while existing storage is used", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct StaticCrashPointTests {
    /// A block device is not staged, and unpublishing is the same for all.
    static let blockPoints = CrashPointTests.points.filter {
        $0.hasPrefix("publish.") || $0.hasPrefix("unpublish.")
    }

    @Test("a block device is bound or taken away by the repeated call", arguments: blockPoints)
    func blockRepeated(point: String) async throws {
        try await dieWithDevice(at: point) { volume, device, wasPublishing in
            for _ in 0..<2 {
                if wasPublishing { try await volume.publish() } else { try await volume.unpublish() }
            }
            guard wasPublishing else { return }
            #expect(mounts(below: volume.driver.directory) == [volume.target()])
            #expect(writeDevice(volume.target(), "after it") == nil)
            #expect(readFile(device.image)?.hasPrefix("after it") == true)
            try await volume.unpublish()
        }
    }

    @Test("a block device is taken away or bound by the opposite call", arguments: blockPoints)
    func blockUndone(point: String) async throws {
        try await dieWithDevice(at: point) { volume, device, wasPublishing in
            if !wasPublishing {
                try await volume.publish()
                #expect(writeDevice(volume.target(), "after it") == nil)
                #expect(readFile(device.image)?.hasPrefix("after it") == true)
            }
            try await volume.unpublish()
        }
    }

    private func dieWithDevice(
        at point: String, then body: (StaticVolume, LoopDevice, _ wasPublishing: Bool) async throws -> Void
    ) async throws {
        try await StaticBlockTests.withVolume { volume, device, data in
            let driver = volume.driver
            let isPublishing = point.hasPrefix("publish.")
            try await volume.stage()
            if !isPublishing { try await volume.publish() }
            #expect(try await driver.stop() == .exit(0))
            try await driver.start(environment: ["MOORAGE_CRASH_AT=\(point)"])
            await #expect(throws: GRPCStatus.self, "the point is never reached") {
                if isPublishing { try await volume.publish() } else { try await volume.unpublish() }
            }
            #expect(try await driver.ended() == .signal(SIGKILL))
            try await driver.start()
            try await body(volume, device, isPublishing)
            try await volume.unstage()
            #expect(mounts(below: driver.directory).isEmpty)
            #expect(!exists(volume.target()))
            #expect(writeDevice(data.allowed + "/devices/d1", "still there") == nil)
            #expect(readFile(device.image)?.hasPrefix("still there") == true)
            try expectNoEntry(driver)
        }
    }

    @Test("a way that is half made is made to its end, or left as it is")
    func missingDirectories() async throws {
        let point = try CrashPointTests.allPoints.first { $0.hasPrefix("stage-static.") }.required("no such point")
        for isRepeated in [true, false] {
            try await ExistingData.with { data, driver in
                let path = data.allowed + "/a/b"
                let volume = try StaticVolume(driver, path: path, type: "DirectoryOrCreate")
                #expect(try await driver.stop() == .exit(0))
                try await driver.start(environment: ["MOORAGE_CRASH_AT=\(point)"])
                await #expect(throws: GRPCStatus.self, "the point is never reached") { try await volume.stage() }
                #expect(try await driver.ended() == .signal(SIGKILL))
                #expect(try entries(data.allowed + "/a").isEmpty)
                try await driver.start()
                if isRepeated {
                    try await volume.stage()
                    try await volume.publish()
                    #expect(writeFile(volume.target() + "/file", "text") == nil)
                    #expect(readFile(path + "/file") == "text")
                    try await volume.unpublish()
                }
                try await volume.unstage()
                #expect(mounts(below: driver.directory).isEmpty)
                #expect(exists(path) == isRepeated)
                #expect(try data.isUntouched(but: ["a"]))
                try expectNoEntry(driver)
            }
        }
    }

    private func expectNoEntry(_ driver: Driver) throws {
        let ledger = "\(driver.directory)/state/ledger"
        for boot in try entries(ledger) { #expect(try entries("\(ledger)/\(boot)").isEmpty) }
        #expect(!exists("\(driver.directory)/state/strays"))
    }
}
