import JSONText
package import Logging

/// How log lines look: for people, or one JSON object for each line.
package enum LogFormat: String, Sendable, CaseIterable {
    case text
    case json
}

/// Writes each event as one line, with one call of the sink.
package struct LogOutput: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let format: LogFormat
    private let now: @Sendable () -> String
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - now: the time of an event as text.
    ///   - write: takes one line with its newline; called on any thread.
    package init(
        format: LogFormat, level: Logger.Level, now: @escaping @Sendable () -> String,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.format = format
        logLevel = level
        self.now = now
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.isEmpty ? event.metadata ?? [:] : metadata.merging(event.metadata ?? [:]) { $1 }
        let fields = all.sorted { $0.key < $1.key }
        switch format {
        case .text:
            var line = now()
            line += " "
            line += event.level.rawValue.uppercased()
            line += " "
            line += event.message.description
            for (key, value) in fields {
                line += " "
                line += key
                line += "="
                line += Self.quoted(value.description)
            }
            line += "\n"
            write(line)
        case .json:
            var members = [
                JSONMember("time", .string(now())), JSONMember("level", .string(event.level.rawValue)),
                JSONMember("message", .string("\(event.message)")),
            ]
            members += fields.map { JSONMember($0.key, .string("\($0.value)")) }
            write(JSONValue.object(members).text(.compact) + "\n")
        }
    }

    /// Quoted when a reader could not tell where it ends; never more than one line.
    private static func quoted(_ value: String) -> String {
        let isPlain = value.utf8.allSatisfy { byte in
            byte > UInt8(ascii: " ") && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=") && byte != 0x7F
        }
        return isPlain && !value.isEmpty ? value : JSONValue.string(value).text(.compact)
    }
}
