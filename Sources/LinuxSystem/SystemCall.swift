import Glibc
import SystemPackage

/// Runs one system call: repeats it while a signal interrupts it, throws what errno says, traps on what only a bug can
/// cause.
///
/// `call` must do nothing after the system call that could change errno.
func systemCall<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
    while true {
        let result = call()
        guard result == -1 else { return result }
        let failure = Errno(rawValue: errno)
        switch failure {
        case .interrupted:
            continue
        case .badFileDescriptor, .badAddress:
            preconditionFailure("system call with a bad descriptor or address: \(failure)")
        default:
            throw failure
        }
    }
}
