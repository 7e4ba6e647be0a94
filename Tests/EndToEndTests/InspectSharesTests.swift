import CSIWire
import GRPCServing
import Glibc
import JSONText
import Testing

/// With a program that makes no mounts in the place of moorage-mount: it is as silent as a server can be, on a kernel
/// without NFS too.
@Suite("Inspect: network shares", .privateMountNamespace, .serialized, .timeLimit(.minutes(2)))
struct InspectSharesTests {
    private static let method = "/moorage.inspect.v1.Inspect/ListShares"
    private static let capacity = #"{"parameters": {"server": "127.0.0.1", "share": "/x"}}"#

    private func withSilentShares(_ body: (Driver) async throws -> Void) async throws {
        var template = Array("/tmp/moorage-mounter-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let program = directory + "/moorage-mount"
        try #require(writeFile(program, "#!/bin/sh\nexec /bin/sleep 600\n") == nil)
        try #require(chmod(program, 0o755) == 0)
        try await Driver.with(["--backends", "nfs", "--nfs-timeout", "2", "--mount-program", program], body)
        _ = try await Finished.run(["/bin/rm", "-rf", directory], in: "/tmp")
    }

    private func shares(_ driver: Driver) async throws -> [JSONValue] {
        try await driver.call(Self.method)["entries"].elements
    }

    @Test("a share that does not answer is listed as open, and what is refused is counted")
    func silent() async throws {
        try await withSilentShares { driver in
            #expect(try await shares(driver).isEmpty)
            #expect(try await driver.failure("Controller/GetCapacity", Self.capacity).code == .unavailable)
            // At most one of them is let through to find out.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let status = try await driver.failure("Controller/GetCapacity", Self.capacity)
                        #expect(status.code == .unavailable, "\(status)")
                    }
                }
                try await group.waitForAll()
            }
            let found = try #require(try await shares(driver).first)
            #expect(found["name"].string == "127.0.0.1:/x")
            #expect(["OPEN", "HALF_OPEN"].contains(found["circuit"].string))
            #expect(["DEADLINE_PASSED", "REPORTED"].contains(found["cause"].string))
            #expect(found["since"].string?.hasSuffix("Z") == true)
            let silent = found["refused"]["silent"].integer
            #expect(silent >= 7, "\(found.text())")
            #expect(found["admitted"].integer + silent == 9, "\(found.text())")
            #expect(found["largestQueue"] == .null && found["roots"] == .null)

            let table = try await Finished.run(
                [Driver.program, "shares", "--endpoint", driver.endpoint], in: driver.directory)
            #expect(table.ending == .exit(0))
            let rows = table.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(rows.count == 2 && rows[0][0] == "SHARE" && rows[1][0] == "127.0.0.1:/x", "\(table.output)")
            #expect(rows.last?.contains("silent:\(silent)") == true, "\(table.output)")

            let listing = try await Finished.run(
                [Driver.program, "shares", "--json", "--endpoint", driver.endpoint], in: driver.directory)
            let entry = try #require(try JSONValue(parsing: listing.output).elements.first)
            #expect(entry["largestQueue"].integer == 0 && entry["refused"]["stuck"].string == "0", "every field")
        }
    }
}
