import GRPCServing
import Glibc
import Testing

@Suite("An endpoint")
struct EndpointTests {
    @Test(
        "is a path in any of three forms",
        arguments: [
            ("unix:///run/csi/csi.sock", "/run/csi/csi.sock"),
            ("unix:/run/csi/csi.sock", "/run/csi/csi.sock"),
            ("/run/csi/csi.sock", "/run/csi/csi.sock"),
            ("UNIX:///csi.sock", "/csi.sock"),
            ("/run/with:colon/csi.sock", "/run/with:colon/csi.sock"),
        ])
    func parses(text: String, path: String) throws {
        #expect(try UnixEndpoint(parsing: text).path == path)
    }

    @Test("may be relative to the working directory", arguments: ["unix:some/csi.sock", "some/csi.sock"])
    func relative(text: String) throws {
        let path = try UnixEndpoint(parsing: text).path
        #expect(path.hasPrefix("/") && path.hasSuffix("/some/csi.sock"))
    }

    @Test(
        "in another form is refused with the reason",
        arguments: [
            ("", "no path"),
            ("unix:", "no path"),
            ("unix://", "no path"),
            ("unix://run/csi.sock", "not absolute"),
            ("tcp://127.0.0.1:10000", "only Unix sockets"),
            ("unix-abstract:name", "only Unix sockets"),
            ("/run/csi/", "names a directory"),
            ("/run/..", "names a directory"),
            ("/run/a\u{0}b", "NUL byte"),
        ])
    func refuses(text: String, reason: String) {
        let error = #expect(throws: EndpointError.self) { try UnixEndpoint(parsing: text) }
        #expect(error?.description.contains(reason) == true)
    }

    @Test("of any length is refused with a text of at most 1 KiB")
    func longText() {
        let error = #expect(throws: EndpointError.self) {
            try UnixEndpoint(parsing: "tcp:" + String(repeating: "é", count: 5000))
        }
        #expect((error?.description.utf8.count ?? .max) <= 1024)
    }
}
