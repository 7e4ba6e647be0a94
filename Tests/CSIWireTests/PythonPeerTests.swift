import JSONText
import Testing

@testable import CSIWire

@Suite("JSON against Google's protobuf", .timeLimit(.minutes(2)))
struct PythonPeerTests {
    private static let original: JSONTranscoder.Options = {
        var options = JSONTranscoder.Options()
        options.usesOriginalNames = true
        options.showsDefaults = true
        return options
    }()

    @Test("every message goes from bytes to JSON and back as Google's protobuf says", arguments: [1, 20_260_101])
    func everyMessage(seed: Int) throws {
        let peer = try PythonPeer()
        defer { peer.remove() }
        let catalog = DescriptorCatalog.compiledIn
        var set = WireWriter()
        for file in catalog.files {
            set.tag(1, .delimited)
            set.delimited(try #require(catalog.fileBytes(named: file.name)))
        }
        try peer.write(set.bytes, to: "set")
        _ = try peer.run(["generate", peer.path("set"), String(seed), "12", peer.path("cases")])

        var answers = ""
        var messages: Set<String> = []
        for line in String(decoding: try peer.read("cases"), as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            messages.insert(parts[0])
            answers += try Self.answer(parts) + "\n"
        }
        #expect(messages == Set(catalog.messageNames))
        try peer.write(Array(answers.utf8), to: "answers")
        let verdict = try peer.run(["check", peer.path("set"), peer.path("cases"), peer.path("answers")])
        #expect(verdict == "\(messages.count * 12) instances, 0 differences\n")
    }

    private static func answer(_ parts: [String]) throws -> String {
        let transcoder = JSONTranscoder()
        let bytes = try #require(Base64.bytes(of: parts[1]))
        let plain = try transcoder.json(of: parts[0], bytes: bytes)
        let original = try transcoder.json(of: parts[0], bytes: bytes, options: original)
        let fromPlain = try transcoder.bytes(of: parts[0], json: JSONValue(parsing: parts[2]))
        let fromOriginal = try transcoder.bytes(of: parts[0], json: JSONValue(parsing: parts[3]))
        return [
            parts[0], plain.text(.compact), original.text(.compact), Base64.text(of: fromPlain),
            Base64.text(of: fromOriginal),
        ].joined(separator: "\t")
    }
}
