import NetworkShares
import StorageModel
import SystemPackage

/// Runs one piece of work on a share and says what was attempted when it fails.
func onShare<Value: ~Copyable>(
    _ attempt: @autoclosure () -> String, _ body: () throws(Errno) -> Value
) throws(DriverError) -> Value {
    do {
        return try body()
    } catch {
        throw .share(attempt(), error)
    }
}
