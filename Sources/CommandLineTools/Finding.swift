import JSONText

/// One line of what `moorage doctor` says.
package struct Finding: Hashable, Sendable {
    package enum Verdict: String, Hashable, Sendable {
        case ok
        /// The driver works, but not as well as it could.
        case warning
        /// Something that the driver is there for does not work.
        case problem
    }

    package var check: String
    package var verdict: Verdict
    package var found: String
    /// What to do; empty when nothing is.
    package var remedy: String

    package static func ok(_ check: String, _ found: String) -> Finding {
        Finding(check: check, verdict: .ok, found: found, remedy: "")
    }

    package static func warning(_ check: String, _ found: String, _ remedy: String) -> Finding {
        Finding(check: check, verdict: .warning, found: found, remedy: remedy)
    }

    package static func problem(_ check: String, _ found: String, _ remedy: String) -> Finding {
        Finding(check: check, verdict: .problem, found: found, remedy: remedy)
    }
}

extension Finding {
    /// For people: a table, with the remedy under each line that needs one, and a sum at its end.
    package static func text(_ findings: [Finding]) -> String {
        var table = Table([.init("CHECK"), .init("RESULT"), .init("FOUND")])
        for finding in findings { table.add([finding.check, finding.verdict.rawValue, finding.found]) }
        var lines = [table.lines[0]]
        for (line, finding) in zip(table.lines.dropFirst(), findings) {
            lines.append(line)
            if !finding.remedy.isEmpty { lines.append("    remedy: \(Table.printable(finding.remedy))") }
        }
        func count(_ verdict: Verdict, _ noun: String) -> String {
            let count = findings.count { $0.verdict == verdict }
            return "\(count) \(noun)\(count == 1 ? "" : "s")"
        }
        lines.append("\(count(.problem, "problem")), \(count(.warning, "warning"))")
        return lines.joined(separator: "\n") + "\n"
    }

    /// One array, for programs.
    package static func json(_ findings: [Finding]) -> String {
        let objects = findings.map { finding in
            JSONValue.object([
                JSONMember("check", .string(finding.check)), JSONMember("result", .string(finding.verdict.rawValue)),
                JSONMember("found", .string(finding.found)), JSONMember("remedy", .string(finding.remedy)),
            ])
        }
        return JSONValue.array(objects).text() + "\n"
    }
}
