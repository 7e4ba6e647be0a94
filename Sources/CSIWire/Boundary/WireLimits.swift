/// How much of anything a request may hold. More than the specification's table of sizes allows, as real orchestrators
/// send more; little enough that no request costs more than a few megabytes.
enum WireLimits {
    /// Messages inside each other.
    static let depth = 32
    /// Fields in one message, unknown ones and repetitions included.
    static let fields = 4096
    /// Elements of a repeated field, entries of a map.
    static let elements = 256
    /// Bytes of an id or a name.
    static let text = 1024
    /// Bytes of a path (PATH_MAX), of a token of a listing, which may be a path, or of one mount flag.
    static let longText = 4096
    /// Bytes of one map.
    static let map = 65_536
    /// Bytes that decoding may allocate, by a reckoning that is never too low.
    static let memory = 4 << 20

    /// The limit for a string; its name is looked at only when the string is long.
    static func text(of field: FieldLayout, _ count: Int) -> Int {
        guard count > text else { return text }
        let name = field.name
        return name.hasSuffix("_path") || name == "starting_token" || name == "mount_flags" ? longText : text
    }
}
