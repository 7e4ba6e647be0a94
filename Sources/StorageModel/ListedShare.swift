/// A network share that the driver has to do with, and the numbers of its lane (`Share` in
/// `proto/moorage/inspect/v1/inspect.proto`).
package struct ListedShare: Hashable, Sendable {
    /// Whether calls are let through.
    package enum Circuit: Hashable, Sendable {
        case closed(since: Timestamp?)
        case open(since: Timestamp?, Cause)
        case halfOpen(since: Timestamp?, Cause)
    }

    package enum Cause: String, Hashable, Sendable, CaseIterable {
        case deadlinePassed = "DEADLINE_PASSED"
        case reported = "REPORTED"
    }

    /// Why a call was never begun.
    package enum Refusal: String, Hashable, Sendable, CaseIterable {
        case queueFull = "queue_full"
        case silent
        case stuck
        case deadline
        case cancelled
        case closed
    }

    /// `server:/share`
    package var name: String
    package var circuit: Circuit
    package var threads = 0
    package var idle = 0
    package var stuck = 0
    package var running = 0
    package var queued = 0
    package var largestQueue = 0
    package var releases = 0

    // Since the lane was made:

    package var admitted = 0
    package var refused: [Refusal: Int] = [:]
    package var timedOut = 0
    package var late = 0

    /// Mounts of it that the driver keeps for itself, and when the last of them was last needed.
    package var roots = 0
    package var rootsUsed: Timestamp?

    package init(name: String, circuit: Circuit) {
        self.name = name
        self.circuit = circuit
    }
}
