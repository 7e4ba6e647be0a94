package import BlockingWork
package import LinuxSystem
package import StorageModel
import Synchronization
import SystemPackage

/// The network shares that the driver has to do with: their lanes, and their roots while they are in use.
///
/// A root is a mount of the driver's own. It is made by the first call that needs it, serves all that follow, on this
/// node and as a controller, and is dropped when nobody needed it for a while. Everything that touches one happens on
/// the lane of its share, its end included.
package final class NetworkShares: Sendable {

    private let lanes: Lanes
    private let clock: any LaneClock
    private let mounter: FileSystemMounter
    private let anchorage: Anchorage
    private let timeout: Duration
    private let idleTime: Duration
    private let roots: ShareRoots
    private let reportShare: @Sendable (ShareEvent) -> Void

    /// - Parameters:
    ///   - stateDirectory: `shares/` in it is where roots are attached that have to be.
    ///   - timeout: how long a call waits for a share, unless its own deadline is earlier.
    ///   - idleTime: after which a root that nobody needed is dropped.
    ///   - reportShare: told what should be known of a share, on its lane; must not block.
    ///   - report: told each change of a lane's circuit, on any thread; must not block.
    package init(
        stateDirectory: String, mounter: FileSystemMounter, timeout: Duration, idleTime: Duration = .seconds(300),
        clock: any LaneClock = LaneTimer(), reportShare: @escaping @Sendable (ShareEvent) -> Void = { _ in },
        report: @escaping @Sendable (LaneEvent) -> Void
    ) {
        self.mounter = mounter
        self.timeout = timeout
        self.idleTime = idleTime
        self.clock = clock
        self.reportShare = reportShare
        anchorage = Anchorage(path: stateDirectory + "/shares")
        let roots = ShareRoots()
        self.roots = roots
        lanes = Lanes(
            clock: clock, isSilence: { ($0 as? DriverError)?.isSilence == true },
            probe: { share in
                LaneProbe(
                    isPossible: { [weak roots] in roots?.hasRoot(of: share) ?? false },
                    ask: { [weak roots] in roots?.answers(of: share) ?? false })
            }, report: report)
    }

    /// Detaches what a process left that did not end well. Called once, before anything else; touches no server.
    package func start() {
        anchorage.clear()
    }

    package var snapshots: [LaneSnapshot] { lanes.snapshots }

    var now: ContinuousClock.Instant { clock.now }

    /// The roots that are kept now, by the names of their shares.
    func keptRoots() -> [String: KeptRoots] { roots.kept() }

    /// Until when the current call may wait for a share: the caller is to get our answer and not his own timeout's.
    package func deadline() -> ContinuousClock.Instant {
        let now = clock.now
        let own = now.advanced(by: timeout)
        guard let callers = CallDeadline.current else { return own }
        let left = now.duration(to: callers)
        return min(own, callers.advanced(by: .zero - min(left / 10, .milliseconds(500))))
    }

    /// Runs `body` on the lane of a share.
    ///
    /// - Parameters:
    ///   - share: `server:/share`.
    ///   - attempt: what is tried, for errors: "create volume x".
    ///   - late: gets a value that came when nobody waited any more, on the lane.
    /// - Throws: UNAVAILABLE when the share does not answer, be it known before or found out now.
    package func onLane<Value: ~Copyable & Sendable>(
        of share: String, _ attempt: String, until deadline: ContinuousClock.Instant? = nil,
        late: (@Sendable (consuming Value) -> Void)? = nil,
        _ body: @escaping @Sendable () throws(DriverError) -> Value
    ) async throws(DriverError) -> Value {
        let lane: Lane
        do {
            lane = try lanes.lane(for: share)
        } catch {
            throw DriverError(.unavailable, "cannot \(attempt): \(error)")
        }
        do throws(LaneError<DriverError>) {
            return try await lane.run(until: deadline ?? self.deadline(), late: late, body)
        } catch {
            switch error {
            case .failed(let failure): throw failure
            case .refused(let refusal):
                throw DriverError(.unavailable, "cannot \(attempt): \(refusal)", cause: "lane: \(refusal.reason)")
            case .unfinished:
                throw DriverError(
                    .unavailable,
                    "cannot \(attempt) in the time that there is: \(share) does not answer; what was begun goes "
                        + "on, and "
                        + "the call can be repeated", cause: "lane: unfinished")
            }
        }
    }

    /// As `onLane`, with the share's root. A root that turns out to be stale is replaced, and `body` runs once more.
    package func withRoot<Value: ~Copyable & Sendable>(
        of share: NetworkShare, _ attempt: String, late: (@Sendable (consuming Value) -> Void)? = nil,
        _ body: @escaping @Sendable (ShareRoot) throws(DriverError) -> Value
    ) async throws(DriverError) -> Value {
        let deadline = deadline()
        let slot = roots.slot(of: share, now: clock.now)
        watch()
        return try await onLane(of: share.name, attempt, until: deadline, late: late) {
            [self] () throws(DriverError) in
            let found = try root(in: slot, of: share, attempt, until: deadline)
            do throws(DriverError) {
                return try body(found)
            } catch {
                guard error.code == .unavailable, !error.isSilence, slot.drop(ifStale: found) else { throw error }
                return try body(try root(in: slot, of: share, attempt, until: deadline))
            }
        }
    }

    /// The directory on a share as a mount that is in no namespace, ready to be attached.
    ///
    /// - Throws: NOT_FOUND when it is not there, FAILED_PRECONDITION when a link or a file is in its place.
    package func tree(
        of share: NetworkShare, _ components: [String], for volume: VolumeID
    ) async throws(DriverError) -> OwnedDescriptor {
        try await withRoot(of: share, "mount volume \(volume)") { [anchorage, reportShare] root throws(DriverError) in
            try root.tree(components, for: volume, anchorage, report: reportShare)
        }
    }

    /// Gives back what may wait for the server when it ends, where it may: on the lane, or a thread of its own when
    /// there is no lane any more.
    package func release<Value: ~Copyable & Sendable>(_ value: consuming Value, of share: String) {
        if let lane = try? lanes.lane(for: share) { return lane.release(value) }
        let parting = Parting(value)
        DetachedThread.start(name: "share-cleanup") { parting.end() }
    }

    /// As `release(_:of:)`, of what somebody else has mounted: which part of its source is the share, nobody knows.
    ///
    /// - Parameter server: nil when that is not known either.
    package func release<Value: ~Copyable & Sendable>(_ value: consuming Value, ofServer server: String?) {
        release(value, of: server.map { "\($0) (mounts of unknown shares)" } ?? "mounts of unknown servers")
    }

    /// Ends the lanes. Roots go with the process.
    package func stop() {
        lanes.close()
    }

    // MARK: Roots

    /// On the lane of the share only.
    private func root(
        in slot: RootSlot, of share: NetworkShare, _ attempt: String, until deadline: ContinuousClock.Instant
    ) throws(DriverError) -> ShareRoot {
        let lane: Lane
        do {
            // The one on which this runs.
            lane = try lanes.lane(for: share.name)
        } catch {
            throw DriverError(.unavailable, "cannot \(attempt): \(error)")
        }
        return try slot.root(on: lane) { () throws(DriverError) in
            do {
                let mount = try mounter.mount(MountRequest(share), until: deadline)
                let attempt = mount.attempt
                return ShareRoot(share: share, attempt: attempt, mount: mount.takeDescriptor())
            } catch let failure as MountFailure {
                throw .mount(of: share, attempt, failure)
            } catch {
                throw DriverError(.internalError, "cannot \(attempt): \(error)")
            }
        }
    }

    /// Sees to it that roots are looked at when the first of them may be idle.
    private func watch() {
        clock.setAlarm(of: ObjectIdentifier.Number(self), at: clock.now.advanced(by: idleTime)) { [weak self] in
            self?.dropIdleRoots()
        }
    }

    private func dropIdleRoots() {
        let (dropped, isSomeLeft) = roots.dropIdle(since: clock.now.advanced(by: .zero - idleTime))
        for idle in dropped { idle.lane.release { idle.root.end() } }
        if isSomeLeft { watch() }
    }
}

/// A value that is to end on a certain thread. It is taken out of here for that: whoever else still holds this holds
/// nothing, and cannot be the last one by mistake.
final class Parting<Value: ~Copyable & Sendable>: Sendable {
    private let value: Mutex<Value?>

    init(_ value: consuming Value) {
        self.value = Mutex(value)
    }

    func end() {
        _ = value.withLock { $0.take() }
    }
}
