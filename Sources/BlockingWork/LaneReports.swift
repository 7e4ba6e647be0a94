/// Why a call on a lane brought no value.
package enum LaneError<Failure: Error>: Error {
    /// The work is done, and this is what it threw.
    case failed(Failure)

    /// The work has not begun and never will.
    case refused(LaneRefusal)

    /// The work has begun and goes on: whether it succeeds is not known. Its result goes to `late`.
    case unfinished(LaneDesertion)
}

extension LaneError: Equatable where Failure: Equatable {}

/// Why somebody stopped waiting for work that goes on.
package enum LaneDesertion: Hashable, Sendable {
    case deadline
    case cancelled
}

/// Why work was not begun.
package struct LaneRefusal: Error, Hashable, Sendable {
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        /// As many calls wait as may.
        case queueFull
        /// The circuit is open: what the lane leads to does not answer.
        case silent
        /// Every thread of the lane is stuck.
        case stuck
        /// The deadline passed before a thread was free.
        case deadline
        /// The calling task was cancelled before a thread was free.
        case cancelled
        /// The lane was closed.
        case closed
        /// There are as many lanes as may be.
        case tooManyLanes
    }

    package let reason: Reason
    /// What the lane leads to, as its maker named it.
    package let lane: String
    /// How many there may be of what there is too much of; 0 when it is not about a number.
    package let limit: Int
    /// Of the circuit, unless it is closed.
    package let outage: LaneOutage?

    package init(reason: Reason, lane: String, limit: Int = 0, outage: LaneOutage? = nil) {
        self.reason = reason
        self.lane = lane
        self.limit = limit
        self.outage = outage
    }
}

extension LaneRefusal: CustomStringConvertible {
    package var description: String {
        switch reason {
        case .queueFull: "\(limit) calls wait for \(lane) already, the most there may be; call again"
        case .silent: "\(silence); call again when it answers"
        case .stuck: "\(silence), and all \(limit) threads for it wait in the kernel; call again when it answers"
        case .deadline: "the deadline passed before it was this call's turn on \(lane); call again"
        case .cancelled: "the call was cancelled before it was its turn on \(lane)"
        case .closed: "\(lane) is not used any more: the driver is stopping; call again"
        case .tooManyLanes: "\(limit) others are in use already, the most there may be, and \(lane) would be one more"
        }
    }

    private var silence: String {
        guard let outage else { return "\(lane) does not answer" }
        return "\(lane) has not answered for \(outage.duration.components.seconds) s (\(outage.cause))"
    }
}

/// A time in which what a lane leads to does not answer.
package struct LaneOutage: Hashable, Sendable {
    package enum Cause: Hashable, Sendable, CustomStringConvertible {
        /// Work went on for longer than anybody waited for it.
        case deadlinePassed
        /// Work failed with an error that says so.
        case reported

        package var description: String {
            switch self {
            case .deadlinePassed: "a call passed its deadline"
            case .reported: "a call timed out in the kernel"
            }
        }
    }

    package let since: ContinuousClock.Instant
    package let cause: Cause
    /// Until whoever tells this learned it.
    package let duration: Duration

    package init(since: ContinuousClock.Instant, cause: Cause, duration: Duration) {
        self.since = since
        self.cause = cause
        self.duration = duration
    }
}

/// Whether calls are let through.
package enum LaneCircuit: Hashable, Sendable {
    case closed(since: ContinuousClock.Instant)
    /// All are refused.
    case open(LaneOutage)
    /// All are refused but one, or the lane's own probe, which finds out.
    case halfOpen(LaneOutage)
}

/// A change of a lane's circuit.
package struct LaneEvent: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        /// Calls are refused from now on.
        case opened
        /// A probe is let through.
        case probed
        /// The probe brought no answer; the next one follows after the pause.
        case stillSilent(pause: Duration)
        /// Calls are let through again.
        case closed
    }

    package let lane: String
    package let change: Change
    /// The outage that began, goes on, or has ended.
    package let outage: LaneOutage
    /// Threads that are stuck.
    package let stuck: Int

    package init(lane: String, change: Change, outage: LaneOutage, stuck: Int) {
        self.lane = lane
        self.change = change
        self.outage = outage
        self.stuck = stuck
    }
}

extension LaneEvent: CustomStringConvertible {
    /// Whether calls are treated in another way from now on.
    package var isTurn: Bool { change == .opened || change == .closed }

    package var description: String {
        let time = "\(outage.duration.components.seconds) s"
        return switch change {
        case .opened:
            "\(lane) does not answer (\(outage.cause)): calls on it are refused until it does"
                + (stuck == 0 ? "" : "; threads of it that wait in the kernel: \(stuck)")
        case .probed: "\(lane), which has not answered for \(time), is asked again"
        case .stillSilent(let pause):
            "\(lane) has not answered for \(time); it is asked again in \(pause.components.seconds) s"
        case .closed: "\(lane) answers again, after \(time): calls on it are let through"
        }
    }
}

/// The numbers of one lane at one moment.
package struct LaneSnapshot: Hashable, Sendable {
    package let lane: String
    package let circuit: LaneCircuit
    /// All threads, those of them that sleep, and those whose work nobody waits for any more.
    package let threads: Int
    package let idle: Int
    package let stuck: Int
    /// Pieces of work on a thread, stuck ones included.
    package let running: Int
    /// Calls for which no thread is free.
    package let queued: Int
    package let largestQueue: Int
    /// Releases that wait for a thread, or for the circuit to close.
    package let releases: Int

    // Since the lane was made:

    /// Calls that were let in.
    package let admitted: Int
    package let refused: [LaneRefusal.Reason: Int]
    /// Calls that were told at their deadline that their work goes on.
    package let timedOut: Int
    /// Pieces of work that returned when nobody waited for them any more.
    package let late: Int
}
