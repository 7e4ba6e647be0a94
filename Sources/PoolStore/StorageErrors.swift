package import StorageModel
package import SystemPackage

extension DriverError {
    /// What an errno of the file system means for a call: the one place where that is decided.
    ///
    /// - Parameters:
    ///   - attempt: what was tried, with the path: "make the directory /srv/pool/volumes/x".
    ///   - errno: as the system call reported it (its man page names each).
    package static func storage(_ attempt: String, _ errno: Errno) -> DriverError {
        let (code, remedy): (Code, String) =
            switch errno {
            case .noSpace, .diskQuotaExceeded:
                (.resourceExhausted, "make room on the file system, or use another pool")
            case .readOnlyFileSystem:
                (.failedPrecondition, "mount the pool's file system writable")
            case .permissionDenied, .notPermitted:
                (.internalError, "run the driver as root and look for immutable files (lsattr)")
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory:
                (.unavailable, "the node is short of file handles or memory; repeat the call")
            case .staleNFSFileHandle, .noSuchAddressOrDevice, .operationNotSupportedByDevice:
                (.unavailable, "the pool's disk is gone; bring it back and repeat the call")
            case .resourceBusy:
                (.failedPrecondition, "something is mounted there; unmount it and repeat the call")
            case .ioError:
                (.internalError, "the disk reports an error: see the kernel's log")
            default:
                (.internalError, "see the pool's directory and the kernel's log")
            }
        return DriverError(code, "cannot \(attempt): \(errno); \(remedy)", cause: "errno \(errno.rawValue)")
    }
}

/// Runs one piece of file work and says what was attempted when it fails.
func attempt<Value: ~Copyable>(
    _ attempt: @autoclosure () -> String, _ body: () throws(Errno) -> Value
) throws(DriverError) -> Value {
    do {
        return try body()
    } catch {
        throw .storage(attempt(), error)
    }
}
