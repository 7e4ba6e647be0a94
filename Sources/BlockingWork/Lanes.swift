import Synchronization

/// The lanes of a driver, one for each share in use.
///
/// A lane is made when it is first asked for, and forgotten when nobody holds it and its last thread has ended. As long
/// as either is the case everybody gets the same one, so the threads for a share stay few.
package final class Lanes: Sendable {
    private struct Entry {
        weak var lane: Lane?
    }

    private struct State {
        var lanes: [String: Entry] = [:]
        var isClosed = false
    }

    private let most: Int
    private let limits: LaneLimits
    private let clock: any LaneClock
    private let isSilence: @Sendable (any Error) -> Bool
    private let probe: (@Sendable (String) -> LaneProbe)?
    private let report: @Sendable (LaneEvent) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - most: how many lanes there may be; `limits.threads` times that many threads is the most they can take.
    ///   - limits: of each lane.
    ///   - isSilence: see `Lane`.
    ///   - probe: makes that of a new lane, from the name of its share; called with the table locked.
    ///   - report: see `Lane`.
    package init(
        most: Int = 256, limits: LaneLimits = .init(), clock: any LaneClock = LaneTimer(),
        isSilence: @escaping @Sendable (any Error) -> Bool = { _ in false },
        probe: (@Sendable (String) -> LaneProbe)? = nil,
        report: @escaping @Sendable (LaneEvent) -> Void = { _ in }
    ) {
        self.most = most
        self.limits = limits
        self.clock = clock
        self.isSilence = isSilence
        self.probe = probe
        self.report = report
    }

    /// The lane of a share.
    ///
    /// - Parameter share: what makes it the same one, and its name in errors and logs: no secret, no mount option.
    /// - Throws: when there are too many, or all were closed.
    package func lane(for share: String) throws(LaneRefusal) -> Lane {
        let result: Result<Lane, LaneRefusal> = state.withLock { state in
            if let lane = state.lanes[share]?.lane { return .success(lane) }
            guard !state.isClosed else { return .failure(LaneRefusal(reason: .closed, lane: share)) }
            if state.lanes.count >= most {
                state.lanes = state.lanes.filter { $0.value.lane != nil }
            }
            guard state.lanes.count < most else {
                return .failure(LaneRefusal(reason: .tooManyLanes, lane: share, limit: most))
            }
            let lane = Lane(
                share, limits: limits, clock: clock, isSilence: isSilence, probe: probe?(share), report: report)
            state.lanes[share] = Entry(lane: lane)
            return .success(lane)
        }
        return try result.get()
    }

    /// The numbers of all lanes, in the order of their names.
    package var snapshots: [LaneSnapshot] {
        all.map(\.snapshot).sorted { $0.lane < $1.lane }
    }

    /// Closes every lane; no other is made.
    package func close() {
        state.withLock { $0.isClosed = true }
        for lane in all { lane.close() }
    }

    private var all: [Lane] {
        state.withLock { $0.lanes.values.compactMap(\.lane) }
    }
}
