/// The one error that crosses rooms: what went wrong, in words for the person who has to act on it.
///
/// The message says what was asked, what was found and what to do. It never holds a secret, a mount option or a context
/// value. CSIEndpoint turns the code into a gRPC status and cuts the message to 1 KiB.
package struct DriverError: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: Code
    package var message: String
    /// What the kernel or a lower room reported, for the log; empty when there is nothing more to say.
    package var cause: String
    /// Whether it says that a server did not answer, so that the next call need not wait to learn it.
    package var isSilence: Bool

    package init(_ code: Code, _ message: String, cause: String = "", isSilence: Bool = false) {
        self.code = code
        self.message = message
        self.cause = cause
        self.isSilence = isSilence
    }

    package var description: String {
        cause.isEmpty ? "\(code): \(message)" : "\(code): \(message) (\(cause))"
    }
}

extension DriverError {
    /// What kind of failure it is, with the meaning the CSI specification gives to the gRPC code of the same name
    /// (spec, "Error Scheme").
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let name: String

        package static let cancelled = Code(name: "CANCELLED")
        package static let invalidArgument = Code(name: "INVALID_ARGUMENT")
        package static let deadlineExceeded = Code(name: "DEADLINE_EXCEEDED")
        package static let notFound = Code(name: "NOT_FOUND")
        package static let alreadyExists = Code(name: "ALREADY_EXISTS")
        package static let permissionDenied = Code(name: "PERMISSION_DENIED")
        package static let resourceExhausted = Code(name: "RESOURCE_EXHAUSTED")
        package static let failedPrecondition = Code(name: "FAILED_PRECONDITION")
        package static let aborted = Code(name: "ABORTED")
        package static let outOfRange = Code(name: "OUT_OF_RANGE")
        package static let unimplemented = Code(name: "UNIMPLEMENTED")
        package static let internalError = Code(name: "INTERNAL")
        /// Work may still be running, or storage is away for now: the caller may repeat the call.
        package static let unavailable = Code(name: "UNAVAILABLE")
        package static let unauthenticated = Code(name: "UNAUTHENTICATED")

        package var description: String { name }
    }

    package static func invalid(_ message: String) -> DriverError {
        DriverError(.invalidArgument, message)
    }

    /// CSI spec, ListVolumes errors.
    package static let unknownToken = DriverError(
        .aborted, "starting_token is not one that this driver gave; list again from the start, without a token")
}
