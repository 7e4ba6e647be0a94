import BlockingWork
import LinuxSystem
package import StorageModel

/// For people: what is known of each share without asking its server.
extension NetworkShares {
    /// The shares that have a lane now, in the order of their names.
    package func listing() -> [ListedShare] {
        let clock = ListingClock(now: now)
        let roots = keptRoots()
        return snapshots.map { snapshot in
            ListedShare(snapshot, roots[snapshot.lane], clock)
        }
    }
}

/// Tells the times of a lane as times of the day, to the second.
struct ListingClock {
    private let now: ContinuousClock.Instant
    private let wall: Int64

    init(now: ContinuousClock.Instant) {
        self.now = now
        wall = WallClock.now().seconds
    }

    func time(of instant: ContinuousClock.Instant) -> Timestamp? {
        Timestamp(seconds: wall - instant.duration(to: now).components.seconds, nanoseconds: 0)
    }
}

extension ListedShare {
    fileprivate init(_ lane: LaneSnapshot, _ roots: KeptRoots?, _ clock: ListingClock) {
        self.init(name: lane.lane, circuit: Circuit(lane.circuit, clock))
        threads = lane.threads
        idle = lane.idle
        stuck = lane.stuck
        running = lane.running
        queued = lane.queued
        largestQueue = lane.largestQueue
        releases = lane.releases
        admitted = lane.admitted
        for (reason, count) in lane.refused {
            if let reason = Refusal(reason) { refused[reason] = count }
        }
        timedOut = lane.timedOut
        late = lane.late
        self.roots = roots?.count ?? 0
        rootsUsed = roots.flatMap { clock.time(of: $0.lastUse) }
    }
}

extension ListedShare.Circuit {
    fileprivate init(_ circuit: LaneCircuit, _ clock: ListingClock) {
        switch circuit {
        case .closed(let since): self = .closed(since: clock.time(of: since))
        case .open(let outage): self = .open(since: clock.time(of: outage.since), .init(outage.cause))
        case .halfOpen(let outage): self = .halfOpen(since: clock.time(of: outage.since), .init(outage.cause))
        }
    }
}

extension ListedShare.Cause {
    fileprivate init(_ cause: LaneOutage.Cause) {
        switch cause {
        case .deadlinePassed: self = .deadlinePassed
        case .reported: self = .reported
        }
    }
}

extension ListedShare.Refusal {
    /// Nil for one that no lane ever gives.
    fileprivate init?(_ reason: LaneRefusal.Reason) {
        switch reason {
        case .queueFull: self = .queueFull
        case .silent: self = .silent
        case .stuck: self = .stuck
        case .deadline: self = .deadline
        case .cancelled: self = .cancelled
        case .closed: self = .closed
        case .tooManyLanes: return nil
        }
    }
}
