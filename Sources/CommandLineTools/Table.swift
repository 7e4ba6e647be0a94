/// Rows of text in aligned columns under a header, for people.
package struct Table: Sendable {
    package enum Alignment: Sendable {
        case left
        case right
    }

    package struct Column: Sendable {
        package var title: String
        package var alignment: Alignment

        package init(_ title: String, _ alignment: Alignment = .left) {
            self.title = title
            self.alignment = alignment
        }
    }

    package let columns: [Column]
    private var rows: [[String]] = []

    package init(_ columns: [Column]) {
        self.columns = columns
    }

    /// One text for each column; an empty one is shown as a dash.
    package mutating func add(_ row: [String]) {
        precondition(row.count == columns.count, "a row with \(row.count) texts for \(columns.count) columns")
        rows.append(row.map { $0.isEmpty ? "-" : Self.printable($0) })
    }

    /// Each line ends with a line feed. Nothing stands behind the last column.
    package var text: String { lines.map { $0 + "\n" }.joined() }

    /// The header, and a line for each row.
    package var lines: [String] {
        let all = [columns.map(\.title)] + rows
        let widths = columns.indices.map { index in all.map { $0[index].count }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                if index > 0 { line += "  " }
                switch columns[index].alignment {
                case .left: line += index == row.count - 1 ? cell : cell + padding
                case .right: line += padding + cell
                }
            }
            return line
        }
    }

    /// Names come from others: what would move the cursor of a terminal, or begin a line, is shown as a question mark.
    package static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var shown = ""
        for scalar in text.unicodeScalars { shown.unicodeScalars.append(isControl(scalar) ? "?" : scalar) }
        return shown
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // C0 and C1 controls, line and paragraph separators, and what changes the direction of writing.
        case 0x00...0x1F, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

/// A number of bytes for people: `0`, `512`, `1.0Ki`, `2.5Gi`.
package enum HumanSize {
    private static let units = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]

    package static func text(_ bytes: UInt64) -> String {
        guard bytes >= 1024 else { return String(bytes) }
        var shift: UInt64 = 10
        for unit in units {
            let whole = bytes >> shift
            // In tenths, rounded to the nearest; what would be 1024.0 is 1.0 of the next unit.
            let rest = bytes & (1 << shift - 1)
            let tenths = whole * 10 + ((rest >> (shift - 10)) * 10 + 512) / 1024
            if tenths < 10_240 || unit == units.last { return "\(tenths / 10).\(tenths % 10)\(unit)" }
            shift += 10
        }
        return String(bytes)
    }
}
