import CSIWire
import GRPCServing
import Glibc
import JSONText
import Testing

/// What a person sees of shares, pools and mounts, with servers that answer and servers that do not.
@Suite("What is shown of NFS", .privateMountNamespace, .serialized, .timeLimit(.minutes(5)))
struct NFSInspectTests {
    private static let timeout = ["--nfs-timeout", "2"]
    private static let service = "/moorage.inspect.v1.Inspect"

    private func entries(_ method: String, on driver: Driver) async throws -> [JSONValue] {
        try await driver.call("\(Self.service)/\(method)")["entries"].elements
    }

    private func cleanUp(_ volume: NFSVolume) async throws {
        try await eventually("the volume is deleted", within: 60) {
            do {
                try await volume.delete()
                return true
            } catch let status as GRPCStatus where status.code == .unavailable || status.code == .aborted {
                return false
            }
        }
    }

    @Test(
        "a share whose server is dead is listed as open, and closes without another call when the server is back",
        arguments: NFSDeadServerTests.Death.allCases)
    func recovery(death: NFSDeadServerTests.Death) async throws {
        try await NFSLifeTests.with(Self.timeout) { driver, server in
            let volume = try await NFSVolume.make("probed", on: driver, server)
            let before = try await server.lane(of: driver)
            #expect(before["circuit"].string == "CLOSED" && before["roots"].integer == 1, "\(before.text())")
            #expect(before["rootsUsed"] != .null && before["cause"] == .null)
            try await server.run(death.rawValue)
            let capacity = #"{"parameters": {"server": "\#(server.address)", "share": "\#(NFSServer.files)"}}"#
            #expect(try await driver.failure("Controller/GetCapacity", capacity).code == .unavailable)
            let open = try await server.lane(of: driver)
            #expect(["OPEN", "HALF_OPEN"].contains(open["circuit"].string), "\(open.text())")
            #expect(["DEADLINE_PASSED", "REPORTED"].contains(open["cause"].string), "\(open.text())")
            #expect(open["since"] != .null && open["roots"].integer == 1, "\(open.text())")
            try await eventually("the lane asked by itself, in vain", within: 60) {
                driver.log.contains("is asked again in")
            }
            #expect(try await server.lane(of: driver)["circuit"].string != "CLOSED")
            try await server.run(death.end)
            if death == .stop { try await server.run("grace") }
            try await eventually("the circuit closes", within: 120) {
                try await server.lane(of: driver)["circuit"].string == "CLOSED"
            }
            let closed = try await server.lane(of: driver)
            #expect(closed["admitted"].integer == open["admitted"].integer, "no call had to try")
            #expect(closed["refused"] == open["refused"])
            try await eventually("the change is in the log") { driver.log.contains("answers again, after ") }
            try await cleanUp(volume)
        }
    }

    @Test("named pools are listed with their figures, and one that does not answer with the reason")
    func pools() async throws {
        let (server, other) = (try await NFSServer.started(), try await NFSServer.started("other"))
        let named = ["home=\(server.address):\(NFSServer.files)", "away=\(other.address):\(NFSServer.files)"]
        try await NFSLifeTests.with(Self.timeout + named.flatMap { ["--nfs-pool", $0] }) { driver, _ in
            let volume = try await NFSVolume.make("counted", on: driver, server)
            let pools = try await entries("ListPools", on: driver)
            #expect(pools.map { $0["name"].string } == ["home", "away"])
            #expect(pools.allSatisfy { $0["backend"].string == "nfs" && $0["isAbsent"] == .null })
            #expect(pools.allSatisfy { $0["totalBytes"].integer >= $0["availableBytes"].integer })
            #expect(pools.allSatisfy { $0["availableBytes"].integer > 0 })
            #expect(pools[0]["path"].string == "\(server.address):\(NFSServer.files)")
            #expect(pools[0]["volumes"].string == "1" && pools[0]["id"].string?.isEmpty == false, "\(pools)")

            try await other.run("silence")
            for _ in 0..<2 {
                let found = try await entries("ListPools", on: driver)
                #expect(found[0]["isAbsent"] == .null && found[0]["volumes"].string == "1", "\(found)")
                #expect(found[1]["isAbsent"] == .bool(true), "\(found)")
                #expect(found[1]["absence"].string?.contains("\(other.address):\(NFSServer.files)") == true)
            }
            let refused = try await entries("ListPools", on: driver)[1]["absence"].string
            #expect(refused?.contains("has not answered for") == true, "\(refused ?? "")")
            try await other.run("speak")
            try await eventually("the pool is back", within: 120) {
                try await entries("ListPools", on: driver)[1]["isAbsent"] == .null
            }
            try await cleanUp(volume)
        }
    }

    @Test("a mount is listed with its share, and doctor mounts what a pool names")
    func mounts() async throws {
        let server = try await NFSServer.started()
        let pool = ["--nfs-pool", "home=\(server.address):\(NFSServer.files)"]
        try await NFSLifeTests.with(pool) { driver, _ in
            let volume = try await NFSVolume.make("shown", on: driver, server)
            try await volume.stage()
            try await volume.publish()
            let found = try await entries("ListMounts", on: driver)
            #expect(found.map { $0["presence"].string } == ["MOUNTED", "MOUNTED"])
            #expect(found.allSatisfy { $0["share"].string == "\(server.address):\(NFSServer.files)" }, "\(found)")

            let doctor = try await Finished.run(
                [
                    Driver.program, "doctor", "--json", "--backends", "nfs", "--endpoint", driver.endpoint,
                    "--state-dir", driver.directory + "/state", "--kubelet-dir", driver.directory + "/kubelet",
                    "--nfs-pool", "gone=\(server.address):/no/such/export",
                ] + pool, in: driver.directory)
            var results: [String: JSONValue] = [:]
            for finding in try JSONValue(parsing: doctor.output).elements {
                results[finding["check"].string ?? ""] = finding
            }
            #expect(results["NFS client"]?["result"].string == "ok")
            #expect(results["moorage-mount"]?["result"].string == "ok")
            let home = results["NFS pool home"]
            #expect(home?["result"].string == "ok" && home?["found"].string?.contains("holds the pool") == true)
            let gone = results["NFS pool gone"]
            #expect(gone?["result"].string == "problem", "\(doctor.output)")
            #expect(gone?["remedy"].string?.contains("showmount -e") == true, "\(doctor.output)")
            try await volume.unpublish()
            try await volume.unstage()
            try await cleanUp(volume)
        }
    }
}
