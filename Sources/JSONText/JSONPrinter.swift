extension JSONValue {
    package enum Layout: Sendable {
        /// One line without spaces.
        case compact
        /// One member or element on a line, two spaces deeper than what holds it.
        case indented
    }

    /// The value as JSON text, without a line feed at the end.
    package func text(_ layout: Layout = .indented) -> String {
        var output = ""
        print(to: &output, layout, depth: 0)
        return output
    }

    private func print(to output: inout String, _ layout: Layout, depth: Int) {
        switch self {
        case .null: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .number(let digits): output += digits
        case .string(let string): Self.print(string, to: &output)
        case .array(let elements):
            Self.print("[", "]", elements, to: &output, layout, depth) { element, output in
                element.print(to: &output, layout, depth: depth + 1)
            }
        case .object(let members):
            Self.print("{", "}", members, to: &output, layout, depth) { member, output in
                Self.print(member.name, to: &output)
                output += layout == .compact ? ":" : ": "
                member.value.print(to: &output, layout, depth: depth + 1)
            }
        }
    }

    private static func print<Item>(
        _ open: String, _ close: String, _ items: [Item], to output: inout String, _ layout: Layout, _ depth: Int,
        each: (Item, inout String) -> Void
    ) {
        func breakLine(_ depth: Int) {
            guard layout == .indented else { return }
            output += "\n"
            output += String(repeating: "  ", count: depth)
        }
        output += open
        for (index, item) in items.enumerated() {
            if index > 0 { output += "," }
            breakLine(depth + 1)
            each(item, &output)
        }
        if !items.isEmpty { breakLine(depth) }
        output += close
    }

    private static func print(_ string: String, to output: inout String) {
        output += "\""
        if string.utf8.allSatisfy(isPlain) {
            output += string
        } else {
            for scalar in string.unicodeScalars { print(scalar, to: &output) }
        }
        output += "\""
    }

    /// Whether a byte stands for itself in a string.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") && byte != 0x7F
    }

    private static func print(_ scalar: Unicode.Scalar, to output: inout String) {
        switch scalar {
        case "\"": output += "\\\""
        case "\\": output += "\\\\"
        case "\n": output += "\\n"
        case "\r": output += "\\r"
        case "\t": output += "\\t"
        // DEL is allowed as it is, but a terminal would not show it.
        case "\0"..."\u{1f}", "\u{7f}":
            let hex = String(scalar.value, radix: 16)
            output += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: output.unicodeScalars.append(scalar)
        }
    }
}
