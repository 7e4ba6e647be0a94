/// Why a socket could not be listened on or connected to.
package struct EndpointError: Error, Hashable, Sendable {
    /// What was to be done, with the path: `listen on /run/csi.sock`.
    package var asked: String

    /// What stood in the way.
    package var found: String

    /// What the operator can do about it.
    package var remedy: String

    init(asked: String, found: String, remedy: String) {
        self.asked = asked
        self.found = found
        self.remedy = remedy
    }
}

extension EndpointError: CustomStringConvertible {
    /// At most 1 KiB, so that a path of any length still leaves room for the rest.
    package var description: String {
        "cannot \(asked.prefix(utf8Bytes: 512)): \(found.prefix(utf8Bytes: 240)); \(remedy.prefix(utf8Bytes: 240))"
    }
}
