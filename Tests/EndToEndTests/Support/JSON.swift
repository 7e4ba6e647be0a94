import CSIWire
import JSONText

extension JSONValue {
    /// A member of an object, or null. The JSON form of a message leaves out what has its default value.
    subscript(name: String) -> JSONValue {
        guard case .object(let members) = self else { return .null }
        return members.first { $0.name == name }?.value ?? .null
    }

    var elements: [JSONValue] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// Numbers of 64 bits are text in the JSON form of a message; 0 is left out.
    var integer: Int {
        switch self {
        case .string(let text), .number(let text): Int(text) ?? 0
        default: 0
        }
    }
}

/// A capability in JSON form.
func capability(_ mode: String = "SINGLE_NODE_WRITER", flags: [String] = []) -> String {
    let list = flags.map { "\"\($0)\"" }.joined(separator: ",")
    return #"{"mount": {"mountFlags": [\#(list)]}, "accessMode": {"mode": "\#(mode)"}}"#
}
