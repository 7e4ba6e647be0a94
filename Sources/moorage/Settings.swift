import LinuxSystem

/// Why the driver cannot start as it was told: shown to whoever started it.
struct SettingError: Error, CustomStringConvertible {
    let description: String

    /// - Parameters:
    ///   - name: the flag without its dashes.
    ///   - found: what is wrong with the value.
    ///   - remedy: what would be right.
    init(_ name: String, _ found: String, _ remedy: String) {
        description = "--\(name) (or \(Setting.variable(name))): \(found); \(remedy)"
    }
}

/// Reads a setting from its flag, else from the environment, else takes the default.
enum Setting {
    static func variable(_ name: String) -> String {
        name == "endpoint" ? "CSI_ENDPOINT" : "MOORAGE_" + name.uppercased().replacing("-", with: "_")
    }

    static func value(_ name: String, flag: String?, default fallback: String) -> String {
        flag ?? environment(variable(name)) ?? fallback
    }

    /// A list in the environment has a comma between its values.
    static func values(_ name: String, flags: [String]) -> [String] {
        guard flags.isEmpty else { return flags }
        return environment(variable(name))?.split(separator: ",").map(String.init) ?? []
    }

    static func isOn(_ name: String, flag: Bool) throws(SettingError) -> Bool {
        guard !flag, let text = environment(variable(name)) else { return flag }
        guard let value = Bool(text.lowercased()) else {
            throw SettingError(name, "\(text) is neither true nor false", "use true or false")
        }
        return value
    }

    static func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ name: String, flag: String?, default fallback: Choice
    ) throws(SettingError) -> Choice {
        let text = value(name, flag: flag, default: fallback.rawValue)
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingError(name, "there is no \(text)", "use one of \(known)")
        }
        return choice
    }

    /// An absolute path without a slash at its end.
    static func directory(_ name: String, _ text: String) throws(SettingError) -> String {
        guard text.hasPrefix("/") else {
            throw SettingError(name, "\(text) is not an absolute path", "give one that begins with /")
        }
        let components = text.split(separator: "/")
        guard !components.isEmpty, !components.contains(".."), !components.contains(".") else {
            throw SettingError(
                name, "\(text) is not a plain path to a directory", "give one without . and .. that is not /")
        }
        return "/" + components.joined(separator: "/")
    }

    private static func environment(_ name: String) -> String? {
        guard let value = environmentValue(name), !value.isEmpty else { return nil }
        return value
    }
}
