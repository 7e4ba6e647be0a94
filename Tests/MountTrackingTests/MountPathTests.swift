import MountTracking
import StorageModel
import Testing

@Suite("A path from outside")
struct MountPathTests {
    @Test(
        "a normalised path has a parent and a name",
        arguments: [
            ("/a", "/", "a"), ("/a/b", "/a", "b"), ("/a b/.c/..d", "/a b/.c", "..d"),
            ("/\u{e9}/\u{301}", "/\u{e9}", "\u{301}"),
            ("/a/b\t", "/a", "b\t"),
        ])
    func normalised(text: String, parent: String, name: String) throws {
        let path = try MountPath(text, field: "target_path")
        #expect((path.text, path.parent, path.name) == (text, parent, name))
    }

    @Test(
        "anything else is INVALID_ARGUMENT with the name of its field",
        arguments: [
            "", "/", "a", "a/b", "./a", "//a", "/a//b", "/a/", "/a/.", "/./a", "/a/..", "/../a", "/a/../b", "/a\0b",
            "\0",
            "/" + String(repeating: "n", count: 4095),
        ])
    func refused(text: String) throws {
        let error = try #require(throws: DriverError.self) { _ = try MountPath(text, field: "target_path") }
        #expect(error.code == .invalidArgument)
        #expect(error.message.hasPrefix("target_path: "))
    }

    @Test("the longest path has 4095 bytes, and a message shows both its ends")
    func longest() throws {
        let text = "/begin" + String(repeating: "/n", count: 2042) + "/last"
        let path = try MountPath(text, field: "target_path")
        #expect(text.utf8.count == 4095)
        #expect("\(path)".utf8.count < 300)
        #expect("\(path)".hasPrefix("/begin") && "\(path)".hasSuffix("/last"))
    }

    @Test(
        "below means inside, by whole names",
        arguments: [
            ("/a/b", true), ("/a/b/c", true), ("/a", false), ("/ab", false), ("/b/a/c", false), ("/A/b", false),
        ])
    func below(text: String, isBelow: Bool) throws {
        let directory = try MountPath("/a", field: "directory")
        #expect(try MountPath(text, field: "target_path").isBelow(directory) == isBelow)
    }
}
