import LinuxSystem
import StorageModel
import SystemPackage

extension MountRequest {
    init(_ share: NetworkShare) {
        self.init(
            host: share.host,
            attempts: share.attempts.map { attempt in
                Attempt(
                    type: attempt.type,
                    settings: attempt.options.map { option in
                        switch option {
                        case .flag(let key): .flag(key)
                        case .value(let key, let value): .value(key, value)
                        case .address(let key): .address(key)
                        }
                    })
            },
            // What the kernel says of a version that the server, or it itself, does not have.
            nextAttemptAfter: [.protocolNotSupported, .notSupported, .operationNotSupportedByDevice])
    }
}

extension DriverError {
    /// Why a share could not be mounted.
    static func mount(of share: NetworkShare, _ attempt: String, _ failure: MountFailure) -> DriverError {
        let (code, remedy, isSilence): (Code, String, Bool) =
            switch failure {
            case .refused(let refusals): meaning(of: refusals, share)
            case .nameNotFound: (.unavailable, "", false)
            case .deadlinePassed: (.unavailable, "; see whether the server runs and can be reached", true)
            case .tooManyLingering: (.unavailable, "", false)
            case .badRequest, .notStarted, .broken: (.internalError, "", false)
            }
        return DriverError(
            code, "cannot \(attempt): \(share) cannot be mounted: \(failure)\(remedy)", isSilence: isSilence)
    }

    private static func meaning(
        of refusals: [MountFailure.Refusal], _ share: NetworkShare
    ) -> (Code, String, Bool) {
        guard let last = refusals.last else { return (.internalError, "", false) }
        if let lack = NodeLack(of: last, share) { return (.failedPrecondition, "; " + lack.remedy, false) }
        if case .setting = last.step {
            return (
                .invalidArgument, "; the kernel does not take this option, or this value: correct the mount options",
                false
            )
        }
        switch last.errno {
        case .timedOut, .ioError, .connectionRefused, .connectionReset, .hostIsDown, .noRouteToHost,
            .networkUnreachable,
            .networkDown, .brokenPipe:
            return (.unavailable, "; see whether the server runs and can be reached", true)
        case .permissionDenied, .notPermitted:
            return (.failedPrecondition, "; see whether the server exports it to this node, with this security", false)
        case .noSuchFileOrDirectory:
            return (
                .failedPrecondition, "; see what the server exports (showmount -e), and correct server or share", false
            )
        case .operationNotSupportedByDevice:
            return (.failedPrecondition, "; this kernel has no client for it: load the module nfs, or nfsv4", false)
        case .protocolNotSupported, .notSupported:
            return (.failedPrecondition, "; the server has none of these versions: name one that it has (vers)", false)
        case .invalidArgument:
            return (.invalidArgument, "; the kernel does not take these mount options together", false)
        default:
            return (.unavailable, "; see the kernel's log", false)
        }
    }
}
