/// A share of a server, and in which ways the kernel may be asked to mount it.
///
/// Options may be sensitive: none of them is in a description, a log or an error.
package struct NetworkShare: Hashable, Sendable, CustomStringConvertible {
    package enum Option: Hashable, Sendable {
        case flag(String)
        case value(String, String)
        /// Whose value is the address that the host has.
        case address(String)
    }

    /// One file system type and its options, in the order in which the kernel gets them.
    package struct Attempt: Hashable, Sendable {
        package var type: String
        package var options: [Option]

        package init(type: String, options: [Option]) {
            self.type = type
            self.options = options
        }
    }

    /// `server:/share`: what fails and recovers as one, whatever the options.
    package var name: String
    /// A name or an address without brackets.
    package var host: String
    /// The first that works is the mount; at least one.
    package var attempts: [Attempt]

    package init(name: String, host: String, attempts: [Attempt]) {
        self.name = name
        self.host = host
        self.attempts = attempts
    }

    package var description: String { name }

    /// The options that say which label SELinux shall see on files.
    package static let labelKeys: Set<String> = ["context", "fscontext", "defcontext", "rootcontext"]
}
