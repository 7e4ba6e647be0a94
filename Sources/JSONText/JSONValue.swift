/// JSON as it was written: members keep their order, numbers their digits.
///
/// Ours because a JSON of the platform would be FoundationEssentials', which costs the server 2.4 MB of resident
/// memory, drops the order of members and takes the last of two with one name without a word.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// The text of a number in JSON's own grammar.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// What it is, for an error.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

package struct JSONMember: Hashable, Sendable {
    package var name: String
    package var value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }
}
