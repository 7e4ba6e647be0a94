package import GRPCServing
package import StorageModel

extension GRPCStatus {
    /// What the caller is told of an error. The cause stays here, for the log.
    package init(_ error: DriverError) {
        let code: GRPCCode =
            switch error.code {
            case .cancelled: .cancelled
            case .invalidArgument: .invalidArgument
            case .deadlineExceeded: .deadlineExceeded
            case .notFound: .notFound
            case .alreadyExists: .alreadyExists
            case .permissionDenied: .permissionDenied
            case .resourceExhausted: .resourceExhausted
            case .failedPrecondition: .failedPrecondition
            case .aborted: .aborted
            case .outOfRange: .outOfRange
            case .unimplemented: .unimplemented
            case .unavailable: .unavailable
            case .unauthenticated: .unauthenticated
            default: .internalError
            }
        self.init(code, error.message)
    }
}
