import LinuxSystem
import NetworkShares
import PoolStore
import StorageModel
import Synchronization
import TreeCopy

/// Empties the trash of shares, on their lanes and a little at a time, so that no caller waits for a large tree and a
/// server that falls silent costs the lane one call.
final class ShareReaper: Sendable {
    private let shares: NetworkShares
    private let report: @Sendable (NFSEvent) -> Void
    /// Those that are being emptied, and whether there is more to do than was seen.
    private let busy = Mutex<[String: Bool]>([:])

    /// How long one piece of work holds a thread of the lane.
    private static let slice = Duration.milliseconds(500)

    init(shares: NetworkShares, report: @escaping @Sendable (NFSEvent) -> Void) {
        self.shares = shares
        self.report = report
    }

    /// What follows an error. Much of what fails does not for long: of a file that the driver itself has open NFS keeps
    /// another name in the directory until it is closed, and a server that was silent comes back.
    private static let pauses = [1, 2, 4, 8, 16, 30].map { Duration.seconds($0) }

    /// Begins to empty the trash, unless that is going on. What is left after errors waits for the next time.
    func empty(_ share: NetworkShare, _ pool: @escaping @Sendable (ShareRoot) throws(DriverError) -> SharedPool) {
        let isFirst = busy.withLock { busy in
            defer { busy[share.name] = busy[share.name] == nil ? false : true }
            return busy[share.name] == nil
        }
        guard isFirst else { return }
        Task {
            var pauses = Self.pauses[...]
            repeat {
                do throws(DriverError) {
                    while try await removeSome(share, pool) {}
                } catch {
                    guard let pause = pauses.popFirst() else {
                        report(.trashLeft(share: share.name, reason: error.message))
                        _ = busy.withLock { $0.removeValue(forKey: share.name) }
                        return
                    }
                    try? await Task.sleep(for: pause)
                    busy.withLock { $0[share.name] = true }
                }
            } while isMoreToDo(share)
        }
    }

    private func isMoreToDo(_ share: NetworkShare) -> Bool {
        busy.withLock { busy in
            guard busy[share.name] == true else {
                busy[share.name] = nil
                return false
            }
            busy[share.name] = false
            return true
        }
    }

    /// What cannot be removed keeps nothing else from being removed.
    ///
    /// - Returns: whether there was no time for all.
    private func removeSome(
        _ share: NetworkShare, _ pool: @escaping @Sendable (ShareRoot) throws(DriverError) -> SharedPool
    ) async throws(DriverError) -> Bool {
        try await shares.withRoot(of: share, "empty the trash of \(share)") { [report] root throws(DriverError) in
            let pool = try pool(root)
            let end = ContinuousClock.now.advanced(by: Self.slice)
            var failure: DriverError?
            for entry in try pool.trashEntries() {
                do throws(DriverError) {
                    guard try Self.remove(entry, from: pool, of: share, until: end) else { return true }
                    report(.trashRemoved(share: share.name, entry: entry))
                } catch {
                    guard !error.isSilence else { throw error }
                    failure = failure ?? error
                }
            }
            if let failure { throw failure }
            return false
        }
    }

    /// - Returns: false when there was no time for all of it.
    private static func remove(
        _ entry: String, from pool: SharedPool, of share: NetworkShare, until end: ContinuousClock.Instant
    ) throws(DriverError) -> Bool {
        let outcome = try pool.withTrash { trash throws(DriverError) in
            do throws(TreeRemoval.Failure) {
                return try TreeRemoval.remove(entry, in: trash) { .now >= end }
            } catch {
                if case .refused(let errno) = error.reason {
                    throw .share("remove \(entry) from the trash of \(share)", errno)
                }
                throw DriverError(.internalError, "\(entry) stays in the trash of \(share): \(error)")
            }
        }
        return outcome == .removed
    }
}
