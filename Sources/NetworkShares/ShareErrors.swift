package import StorageModel
package import SystemPackage

extension DriverError {
    /// What an errno means for a call when it comes from a network share.
    ///
    /// - Parameters:
    ///   - attempt: what was tried, with the path: "make the directory nas:/share/x".
    ///   - errno: as the system call reported it.
    package static func share(_ attempt: String, _ errno: Errno) -> DriverError {
        let isSilence = isSilence(errno)
        let (code, remedy) =
            isSilence
            ? (Code.unavailable, "the server does not answer; see whether it runs and can be reached")
            : meaning(of: errno)
        return DriverError(
            code, "cannot \(attempt): \(errno); \(remedy)", cause: "errno \(errno.rawValue)", isSilence: isSilence)
    }

    /// Whether it says that there was no answer.
    static func isSilence(_ errno: Errno) -> Bool { silence.contains(errno) }

    /// What a mount that gives up (`soft`, `softerr`) reports, and the sockets below it.
    private static let silence: Set<Errno> = [
        .timedOut, .ioError, .connectionRefused, .connectionReset, .connectionAbort, .brokenPipe, .networkDown,
        .networkUnreachable, .hostIsDown, .noRouteToHost, .socketNotConnected, .addressNotAvailable,
    ]

    private static func meaning(of errno: Errno) -> (Code, String) {
        switch errno {
        case .staleNFSFileHandle:
            (.unavailable, "what was opened on the server is no longer there; repeat the call")
        case .noSpace, .diskQuotaExceeded:
            (.resourceExhausted, "make room on the server, or use another share")
        case .readOnlyFileSystem:
            (.failedPrecondition, "export the share writable")
        case .permissionDenied, .notPermitted:
            (
                .failedPrecondition,
                "the server refuses it to root of this node; export the share with no_root_squash, or give its root "
                    + "directory to the user that root becomes there"
            )
        case .improperLink:
            (.failedPrecondition, "the directory is on another file system of the server than the share's root")
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory:
            (.unavailable, "the node is short of file handles or memory; repeat the call")
        case .resourceBusy:
            (.aborted, "somebody else changes it again and again; repeat the call")
        default:
            (.internalError, "see the share and the kernel's log of both machines")
        }
    }
}
