import CGRPCShims

/// How a call ended: a gRPC status code. An open set, since a peer may send a number that is not listed.
package struct GRPCCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    private init(_ code: CGRPCShims_Code) {
        self.rawValue = code.rawValue
    }

    package static let ok = GRPCCode(.OK)
    package static let cancelled = GRPCCode(.cancelled)
    package static let unknown = GRPCCode(.unknown)
    package static let invalidArgument = GRPCCode(.invalidArgument)
    package static let deadlineExceeded = GRPCCode(.deadlineExceeded)
    package static let notFound = GRPCCode(.notFound)
    package static let alreadyExists = GRPCCode(.alreadyExists)
    package static let permissionDenied = GRPCCode(.permissionDenied)
    package static let resourceExhausted = GRPCCode(.resourceExhausted)
    package static let failedPrecondition = GRPCCode(.failedPrecondition)
    package static let aborted = GRPCCode(.aborted)
    package static let outOfRange = GRPCCode(.outOfRange)
    package static let unimplemented = GRPCCode(.unimplemented)
    package static let internalError = GRPCCode(.internal)
    package static let unavailable = GRPCCode(.unavailable)
    package static let dataLoss = GRPCCode(.dataLoss)
    package static let unauthenticated = GRPCCode(.unauthenticated)

    /// The name of the gRPC specification, `NOT_FOUND`; for a number it does not list, `CODE(42)`.
    package var name: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internalError: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        default: "CODE(\(rawValue))"
        }
    }
}

/// The end of a call that did not succeed: what a handler throws and what a client is thrown.
package struct GRPCStatus: Error, Hashable, Sendable {
    package var code: GRPCCode

    /// For people. A server sends at most 1 KiB of it, cut between characters.
    package var message: String

    package init(_ code: GRPCCode, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension GRPCStatus: CustomStringConvertible {
    package var description: String { "\(code.name): \(message)" }
}

extension String {
    /// At most `limit` bytes of UTF-8, without half a scalar at the end.
    func prefix(utf8Bytes limit: Int) -> Substring {
        guard utf8.count > limit else { return self[...] }
        var end = utf8.index(startIndex, offsetBy: limit)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return self[..<end]
    }
}
