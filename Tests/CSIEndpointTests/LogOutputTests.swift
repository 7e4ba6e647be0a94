import CSIEndpoint
import Logging
import Synchronization
import Testing

@Suite("Log lines")
struct LogOutputTests {
    private final class Lines: Sendable {
        private let text = Mutex("")

        func add(_ line: String) { text.withLock { $0 += line } }
        var all: String { text.withLock { $0 } }
    }

    private func line(_ format: LogFormat, _ metadata: Logger.Metadata) -> String {
        let lines = Lines()
        let output = LogOutput(format: format, level: .info, now: { "NOW" }, write: lines.add)
        let logger = Logger(label: "test") { _ in output }
        logger.debug("not shown")
        logger.warning("it happened", metadata: metadata)
        return lines.all
    }

    @Test("a text line has time, level, message and its fields in order")
    func text() {
        #expect(line(.text, ["b": "2", "a": "1"]) == "NOW WARNING it happened a=1 b=2\n")
    }

    @Test(
        "a value never becomes more than one field or line",
        arguments: ["", "two words", "a=b", "x\ny", "\"", "\u{7F}"])
    func quoting(value: String) {
        let text = line(.text, ["k": "\(value)"])
        #expect(text.hasPrefix("NOW WARNING it happened k=\""))
        #expect(text.filter { $0 == "\n" }.count == 1)
    }

    @Test("a JSON line is one object with everything as text")
    func json() {
        let expected = #"{"time":"NOW","level":"warning","message":"it happened","k":"x\ny"}"#
        #expect(line(.json, ["k": "x\ny"]).filter { $0 != " " } == expected.filter { $0 != " " } + "\n")
    }
}
