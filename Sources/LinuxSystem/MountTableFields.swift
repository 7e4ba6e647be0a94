/// A line of the table of mounts (proc(5), /proc/PID/mountinfo), taken apart: id, parent, device, root, mount point,
/// attributes, any number of optional fields, a dash, and what follows it.
struct MountTableFields {
    let id: UInt64
    let root: String
    let mountPoint: String
    let attributes: String
    let optional: ArraySlice<String>
    /// Type, source and options, as they stand there. The source may be empty.
    let rest: [String]

    /// Nil for a line of another form.
    init?(_ line: some StringProtocol) {
        let fields = String(line).split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard fields.count >= 7, let id = UInt64(fields[0]), let dash = fields[6...].firstIndex(of: "-") else {
            return nil
        }
        self.id = id
        root = Self.unescaped(fields[3])
        mountPoint = Self.unescaped(fields[4])
        attributes = fields[5]
        optional = fields[6..<dash]
        rest = Array(fields[(dash + 1)...])
    }

    /// Space, tab, newline and backslash stand in it as octal numbers: `\040`.
    static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
