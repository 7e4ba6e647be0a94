internal import StorageModel

/// Why bytes from the wire are not taken for a request. It names the field and never shows its value.
struct WireRefusal: Error {
    private var path = FieldPath()
    private let problem: String

    init(_ problem: String) {
        self.problem = problem
    }

    /// The same refusal, seen from the message around it.
    func inside(_ step: String) -> WireRefusal {
        var outer = self
        outer.path = path.inside(step)
        return outer
    }

    /// `request` is the full name of the message, for a problem that belongs to no field of it.
    func error(in request: String) -> DriverError {
        .invalid(path.description.isEmpty ? "\(request): \(problem)" : "\(path): \(problem)")
    }
}
