import JSONText
import LinuxSystem
import StorageModel

/// The small JSON files of a pool: readable by people, their keys in alphabetical order, ending with a newline.
enum PoolFile {
    static func bytes(_ members: [String: JSONValue]) -> [UInt8] {
        Array((JSONValue.sorted(members).text(.indented) + "\n").utf8)
    }

    /// The time now, for people: `2025-01-31T12:00:00Z`.
    static func timestamp() -> String {
        Timestamp(seconds: WallClock.now().seconds, nanoseconds: 0)?.text ?? ""
    }
}
