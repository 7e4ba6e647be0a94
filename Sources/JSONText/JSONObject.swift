/// The members of one object by name, for reading a file of a known form. Members that nobody asks for do not matter.
package struct JSONObject: Sendable {
    private let members: [JSONMember]
    /// Where the object lies in its file: "" or "tree.".
    private let prefix: String

    /// What is wrong with a file: the end of a sentence.
    package struct Mismatch: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String

        package init(_ description: String) {
            self.description = description
        }
    }

    /// Reads a text that must be one object.
    package init(parsing text: [UInt8]) throws(Mismatch) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: text)
        } catch {
            throw Mismatch("it is no JSON: \(error)")
        }
        guard case .object(let members) = value else { throw Mismatch("it is no JSON object") }
        self.members = members
        prefix = ""
    }

    private init(_ members: [JSONMember], prefix: String) {
        self.members = members
        self.prefix = prefix
    }

    private func value(_ name: String) throws(Mismatch) -> JSONValue {
        guard let member = members.first(where: { $0.name == name }) else {
            throw Mismatch("\(prefix)\(name) is missing")
        }
        return member.value
    }

    package func has(_ name: String) -> Bool {
        members.contains { $0.name == name }
    }

    private func wrongType(_ name: String) -> Mismatch {
        Mismatch("\(prefix)\(name) is of the wrong type")
    }

    package func string(_ name: String) throws(Mismatch) -> String {
        guard case .string(let text) = try value(name) else { throw wrongType(name) }
        return text
    }

    package func bool(_ name: String) throws(Mismatch) -> Bool {
        guard case .bool(let value) = try value(name) else { throw wrongType(name) }
        return value
    }

    package func integer<Integer: FixedWidthInteger>(
        _ name: String, _ type: Integer.Type = Integer.self
    ) throws(Mismatch) -> Integer {
        guard case .number(let digits) = try value(name) else { throw wrongType(name) }
        guard let integer = DecimalNumber(digits)?.integer(type) else {
            throw Mismatch("\(prefix)\(name) is no whole number, or out of range")
        }
        return integer
    }

    /// One of the values of an enumeration.
    package func choice<Choice: RawRepresentable<String>>(
        _ name: String, _ type: Choice.Type = Choice.self
    ) throws(Mismatch) -> Choice {
        guard let choice = Choice(rawValue: try string(name)) else {
            throw Mismatch("\(prefix)\(name) has a value that is not known")
        }
        return choice
    }

    package func strings(_ name: String) throws(Mismatch) -> [String] {
        guard case .array(let elements) = try value(name) else { throw wrongType(name) }
        var strings: [String] = []
        for element in elements {
            guard case .string(let text) = element else { throw wrongType(name) }
            strings.append(text)
        }
        return strings
    }

    package func object(_ name: String) throws(Mismatch) -> JSONObject {
        guard case .object(let members) = try value(name) else { throw wrongType(name) }
        return JSONObject(members, prefix: "\(prefix)\(name).")
    }

    /// An object whose values are all strings.
    package func dictionary(_ name: String) throws(Mismatch) -> [String: String] {
        let object = try object(name)
        var dictionary: [String: String] = [:]
        for member in object.members {
            guard case .string(let text) = member.value else { throw object.wrongType(member.name) }
            dictionary[member.name] = text
        }
        return dictionary
    }
}

extension JSONValue {
    /// An object with its members in alphabetical order.
    package static func sorted(_ members: [String: JSONValue]) -> JSONValue {
        .object(members.map { JSONMember($0.key, $0.value) }.sorted { $0.name < $1.name })
    }

    package static func number(_ value: some FixedWidthInteger) -> JSONValue {
        .number(String(value))
    }

    package static func strings(_ values: [String]) -> JSONValue {
        .array(values.map { .string($0) })
    }

    package static func dictionary(_ values: [String: String]) -> JSONValue {
        .sorted(values.mapValues { .string($0) })
    }
}
