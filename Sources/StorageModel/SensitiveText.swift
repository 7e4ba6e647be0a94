/// Texts that no log and no error may show: mount options, which may be secrets.
package struct SensitiveText: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package var texts: [String]

    package init(_ texts: [String]) {
        self.texts = texts
    }

    package var description: String { "(not shown)" }
    package var debugDescription: String { description }
}
