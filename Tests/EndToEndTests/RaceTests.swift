import GRPCServing
import Glibc
import JSONText
import Testing

/// Many callers at once. An orchestrator repeats what is ABORTED, and so do these.
@Suite("Races", .privateMountNamespace, .serialized, .timeLimit(.minutes(3)))
struct RaceTests {
    /// How a call ended.
    enum Answer: Hashable {
        case ok(String)
        case failed(GRPCCode)
    }

    private static func answer(
        _ driver: Driver, _ method: String, _ json: String, timeout: Duration = .seconds(20)
    ) async throws -> Answer {
        do {
            return .ok(try await driver.call(method, json, timeout: timeout).text(.compact))
        } catch let status as GRPCStatus {
            return .failed(status.code)
        }
    }

    /// The answers of so many callers that call at once.
    private static func atOnce(
        _ callers: Int, _ call: @escaping @Sendable (Int) async throws -> Answer
    ) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            for caller in 0..<callers { group.addTask { try await call(caller) } }
            var answers: [Answer] = []
            for try await answer in group { answers.append(answer) }
            return answers
        }
    }

    /// Repeats the call as long as it is ABORTED.
    private static func insist(_ driver: Driver, _ method: String, _ json: String) async throws -> Answer {
        while true {
            let answer = try await answer(driver, method, json)
            if answer != .failed(.aborted) { return answer }
        }
    }

    private static func createRequest(_ name: String, bytes: Int = 1024) -> String {
        """
        {"name": "\(name)", "capacityRange": {"requiredBytes": \(bytes)}, "volumeCapabilities": [\(capability())]}
        """
    }

    @Test("16 callers make one volume: all get it, or are to come again", arguments: 0..<5)
    func oneName(round: Int) async throws {
        try await Driver.with { driver in
            let answers = try await Self.atOnce(16) { _ in
                try await Self.answer(driver, "Controller/CreateVolume", Self.createRequest("one"))
            }
            let kinds = Set(answers).subtracting([.failed(.aborted)])
            #expect(kinds.count == 1)
            guard case .ok = kinds.first else {
                Issue.record("nobody got the volume: \(kinds)")
                return
            }
            #expect(try entries(driver.pool + "/.moorage/volumes").count == 1)
            #expect(try entries(driver.pool + "/volumes").count == 1)
        }
    }

    @Test("16 callers ask for one name with 16 sizes: one wins, and the record is its")
    func oneNameManySizes() async throws {
        try await Driver.with { driver in
            let answers = try await Self.atOnce(16) { caller in
                try await Self.insist(
                    driver, "Controller/CreateVolume",
                    """
                    {"name": "one", "capacityRange": {"requiredBytes": \(caller + 1), "limitBytes": \(caller + 1)},
                     "volumeCapabilities": [\(capability())]}
                    """)
            }
            let won = answers.filter { if case .ok = $0 { true } else { false } }
            #expect(won.count == 1)
            #expect(Set(answers).subtracting(won) == [.failed(.alreadyExists)])
            let record = try entries(driver.pool + "/.moorage/volumes").first.required("no record")
            let text = try readFile("\(driver.pool)/.moorage/volumes/\(record)").required("no record")
            let bytes = try JSONValue(parsing: text)["capacityBytes"].integer
            #expect("\(won)".contains(#"\"capacityBytes\":\"\#(bytes)\""#), "\(won) \(bytes)")
        }
    }

    @Test("16 callers publish one volume at one target: there is one mount")
    func oneTarget() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("one", on: driver)
            try await volume.stage()
            let request = volume.publishRequest(capability("SINGLE_NODE_MULTI_WRITER"))
            let answers = try await Self.atOnce(16) { _ in
                try await Self.answer(driver, "Node/NodePublishVolume", request)
            }
            #expect(Set(answers).isSubset(of: [.ok("{}"), .failed(.aborted)]))
            #expect(answers.contains(.ok("{}")))
            #expect(
                mounts(below: driver.directory + "/kubelet").sorted() == [volume.staging, volume.target("a")].sorted())
            try await volume.unpublish()
            #expect(!exists(volume.target("a")))
        }
    }

    @Test("16 callers publish one volume at 16 targets: all do, in the end")
    func manyTargets() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("one", on: driver)
            try await volume.stage()
            let answers = try await Self.atOnce(16) { caller in
                try await Self.insist(
                    driver, "Node/NodePublishVolume",
                    volume.publishRequest(at: "t\(caller)", capability("SINGLE_NODE_MULTI_WRITER")))
            }
            #expect(Set(answers) == [.ok("{}")])
            #expect(mounts(below: driver.directory + "/kubelet").count == 17)
            _ = try await Self.atOnce(16) { caller in
                try await Self.insist(
                    driver, "Node/NodeUnpublishVolume",
                    #"{"volumeId": "\#(volume.id)", "targetPath": "\#(volume.target("t\(caller)"))"}"#)
            }
            #expect(mounts(below: driver.directory + "/kubelet") == [volume.staging])
            #expect(try entries(volume.pod).isEmpty)
        }
    }

    @Test("one of 16 exclusive publications at 16 targets wins")
    func exclusive() async throws {
        try await Driver.with { driver in
            let mode = capability("SINGLE_NODE_SINGLE_WRITER")
            let volume = try await Volume.make("one", on: driver, mode: "SINGLE_NODE_SINGLE_WRITER")
            try await volume.stage(mode)
            let answers = try await Self.atOnce(16) { caller in
                try await Self.insist(
                    driver, "Node/NodePublishVolume", volume.publishRequest(at: "t\(caller)", mode))
            }
            #expect(answers.count { $0 == .ok("{}") } == 1)
            #expect(answers.count { $0 == .failed(.failedPrecondition) } == 15)
            #expect(try entries(volume.pod).count == 1)
            #expect(mounts(below: volume.pod).count == 1)
        }
    }

    @Test("64 callers lead 64 volumes through their lives, and none is in another's way")
    func manyVolumes() async throws {
        try await Driver.with { driver in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<64 {
                    group.addTask { for _ in 0..<2 { try await Volume.live("volume-\(caller)", on: driver) } }
                }
                try await group.waitForAll()
            }
            #expect(mounts(below: driver.directory).isEmpty)
            #expect(try entries(driver.pool + "/volumes").isEmpty)
            #expect(try entries(driver.pool + "/.moorage/volumes").isEmpty)
        }
    }

    @Test("create races delete: the volume is there, whole, or it is not")
    func createAgainstDelete() async throws {
        try await Driver.with { driver in
            let id = try await Volume.make("one", on: driver).id
            let answers = try await Self.atOnce(8) { caller in
                for _ in 0..<25 {
                    let answer =
                        caller % 2 == 0
                        ? try await Self.answer(driver, "Controller/CreateVolume", Self.createRequest("one", bytes: 0))
                        : try await Self.answer(driver, "Controller/DeleteVolume", #"{"volumeId": "\#(id)"}"#)
                    if case .failed(let code) = answer, code != .aborted { return answer }
                }
                return .ok("")
            }
            #expect(Set(answers) == [.ok("")])
            let record = exists("\(driver.pool)/.moorage/volumes/\(id).json")
            #expect(exists("\(driver.pool)/volumes/\(id)") == record)
            #expect(try await Self.insist(driver, "Controller/DeleteVolume", #"{"volumeId": "\#(id)"}"#) == .ok("{}"))
            #expect(try entries(driver.pool + "/volumes").isEmpty)
            #expect(try entries(driver.pool + "/.moorage/volumes").isEmpty)
            try await eventually("the trash is empty") { try entries(driver.pool + "/.moorage/trash").isEmpty }
        }
    }

    @Test("publish races unpublish: the target is a mount, or it is not there")
    func publishAgainstUnpublish() async throws {
        try await Driver.with { driver in
            let volume = try await Volume.make("one", on: driver)
            try await volume.stage()
            let publish = volume.publishRequest(capability("SINGLE_NODE_MULTI_WRITER"))
            let unpublish = #"{"volumeId": "\#(volume.id)", "targetPath": "\#(volume.target("a"))"}"#
            let answers = try await Self.atOnce(8) { caller in
                for _ in 0..<25 {
                    let answer =
                        caller % 2 == 0
                        ? try await Self.answer(driver, "Node/NodePublishVolume", publish)
                        : try await Self.answer(driver, "Node/NodeUnpublishVolume", unpublish)
                    if case .failed(let code) = answer, code != .aborted { return answer }
                }
                return .ok("")
            }
            #expect(Set(answers) == [.ok("")])
            #expect(exists(volume.target("a")) == mounts(below: volume.pod).contains(volume.target("a")))
            #expect(mounts(below: volume.pod).count <= 1)
            #expect(try await Self.insist(driver, "Node/NodeUnpublishVolume", unpublish) == .ok("{}"))
            #expect(try entries(volume.pod).isEmpty)
        }
    }

    @Test("callers that give up in the middle leave nothing half done", arguments: [0, 1, 2, 4])
    func cancellation(milliseconds: Int) async throws {
        try await Driver.with { driver in
            let timeout = Duration.milliseconds(milliseconds)
            let volumes = 24
            _ = try await Self.atOnce(volumes) { number in
                try await Self.answer(
                    driver, "Controller/CreateVolume", Self.createRequest("v\(number)"), timeout: timeout)
            }
            for number in 0..<volumes {
                let json = Self.createRequest("v\(number)")
                guard case .ok = try await Self.insist(driver, "Controller/CreateVolume", json) else {
                    Issue.record("v\(number) cannot be made")
                    return
                }
            }
            #expect(try entries(driver.pool + "/volumes").count == volumes)
            #expect(try entries(driver.pool + "/.moorage/volumes").count == volumes)
            let ids = try entries(driver.pool + "/volumes")
            _ = try await Self.atOnce(volumes) { number in
                try await Self.answer(
                    driver, "Controller/DeleteVolume", #"{"volumeId": "\#(ids[number])"}"#, timeout: timeout)
            }
            for id in ids {
                #expect(
                    try await Self.insist(driver, "Controller/DeleteVolume", #"{"volumeId": "\#(id)"}"#) == .ok("{}"))
            }
            #expect(try entries(driver.pool + "/volumes").isEmpty)
            #expect(try entries(driver.pool + "/.moorage/volumes").isEmpty)
            try await eventually("the trash is empty") { try entries(driver.pool + "/.moorage/trash").isEmpty }
        }
    }

    @Test("a second driver on a pool finds it absent, and serves it when the first one is gone")
    func twoDrivers() async throws {
        try await Driver.with { first in
            let pool = first.directory + "/shared-pool"
            try makeDirectory(pool)
            try await Driver.with(["--pool", "disk=\(pool)"]) { owner in
                let volume = try await Volume.make("one", on: owner)
                try await Driver.with(["--pool", "disk=\(pool)"]) { other in
                    #expect(try await other.call("Identity/Probe")["ready"] == .bool(true))
                    #expect(try await other.call("Controller/GetCapacity")["availableCapacity"].integer == 0)
                    let refused = try await other.failure("Controller/CreateVolume", Self.createRequest("two"))
                    #expect(refused.code == .unavailable)
                    #expect(refused.message.contains("in use by another process"), "\(refused)")
                    #expect(try entries(pool + "/volumes") == [volume.id])

                    #expect(try await owner.stop(SIGKILL) == .signal(SIGKILL))
                    try await eventually("the pool is served by the other driver") {
                        let answer = try await Self.answer(
                            other, "Controller/CreateVolume", Self.createRequest("two"))
                        guard case .ok = answer else {
                            #expect(answer == .failed(.unavailable))
                            return false
                        }
                        return true
                    }
                    #expect(
                        try await other.call("Controller/ControllerGetVolume", #"{"volumeId": "\#(volume.id)"}"#)[
                            "volume"]["volumeId"].string == volume.id)
                }
                try await owner.start()
            }
        }
    }
}
