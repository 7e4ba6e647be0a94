/// Why JSON is not a message, or bytes are none. It names the field and never shows its value, which may be a secret.
package struct TranscodingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The field as a path in the message, such as `volumeCapabilities[0].mount`; empty for the message as a whole.
    package private(set) var path: String
    package let problem: String

    init(_ problem: String, at path: String = "") {
        self.path = path
        self.problem = problem
    }

    package var description: String { path.isEmpty ? problem : "\(path): \(problem)" }

    /// The same error, seen from the message around it. `step` is a field's name, `[3]` or `["key"]`.
    func inside(_ step: String) -> TranscodingError {
        var outer = self
        let joint = path.isEmpty || path.hasPrefix("[") ? "" : "."
        outer.path = step + joint + path
        return outer
    }
}

extension WireFault {
    var asTranscodingError: TranscodingError { TranscodingError(description) }
}
