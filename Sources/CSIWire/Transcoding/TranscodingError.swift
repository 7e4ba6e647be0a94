/// Why JSON is not a message, or bytes are none. It names the field and never shows its value, which may be a secret.
package struct TranscodingError: Error, Hashable, Sendable, CustomStringConvertible {
    private var path = FieldPath()
    package let problem: String

    init(_ problem: String) {
        self.problem = problem
    }

    /// The problem, after the path of the field if it is one of a field.
    package var description: String { path.description.isEmpty ? problem : "\(path): \(problem)" }

    /// The same error, seen from the message around it.
    func inside(_ step: String) -> TranscodingError {
        var outer = self
        outer.path = path.inside(step)
        return outer
    }
}

extension WireFault {
    var asTranscodingError: TranscodingError { TranscodingError(description) }
}
