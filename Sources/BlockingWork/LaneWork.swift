import Synchronization

/// Something to be done on a lane. The lane's state decides which of its methods are called: `perform` at most once;
/// and then, or instead, for a caller who waits, exactly one of `deliver` and `leave`.
protocol LaneWork: AnyObject, Sendable {
    /// Does the work, on a thread of the lane, and keeps its result. Returns whether it failed in a way that means: no
    /// answer.
    func perform(isSilence: (any Error) -> Bool) -> Bool

    /// Gives the result to the caller.
    func deliver()

    /// Gets rid of a result that nobody waits for, on a thread of the lane.
    func discard()

    /// Tells the caller that there will be no result for him.
    func leave(_ end: LaneEnd)
}

/// Why a caller stops waiting.
enum LaneEnd {
    case refused(LaneRefusal)
    case unfinished(LaneDesertion)
}

/// A call and what comes of it.
///
/// Who releases what, since each release may be the last and then may wait for a dead server:
/// - The body, once begun, is released by its thread before anybody hears of the result.
/// - A body that never begins is released while its caller still holds it, who wakes up after that. So it ends on the
///   thread of the caller, and never on the timer's.
/// - The value is moved: to the caller, or to `late` on the thread that made it.
final class LaneCall<Value: ~Copyable & Sendable, Failure: Error>: LaneWork {
    private enum Outcome: ~Copyable {
        case value(Value)
        case failure(Failure)
    }

    private struct Parts: ~Copyable {
        var body: (@Sendable () throws(Failure) -> Value)?
        var late: (@Sendable (consuming Value) -> Void)?
        var waiter: CheckedContinuation<Void, Never>?
        /// What the body made, for whoever it belongs to.
        var outcome: Outcome?
        /// What the caller is told instead.
        var end: LaneEnd?
    }

    private let parts: Mutex<Parts>

    init(
        late: (@Sendable (consuming Value) -> Void)?, _ body: @escaping @Sendable () throws(Failure) -> Value
    ) {
        parts = Mutex(Parts(body: body, late: late))
    }

    func resume(_ waiter: CheckedContinuation<Void, Never>) {
        parts.withLock { $0.waiter = waiter }
    }

    func perform(isSilence: (any Error) -> Bool) -> Bool {
        guard let body = parts.withLock({ $0.body.take() }) else { return false }
        do throws(Failure) {
            var outcome = Optional(Outcome.value(try body()))
            parts.withLock { $0.outcome = outcome.take() }
            return false
        } catch {
            parts.withLock { $0.outcome = .failure(error) }
            return isSilence(error)
        }
    }

    func deliver() {
        parts.withLock { parts in
            parts.late = nil
            return parts.waiter.take()
        }?.resume()
    }

    func discard() {
        let late = parts.withLock { $0.late.take() }
        if case .value(let value)? = parts.withLock({ $0.outcome.take() }) { late?(value) }
    }

    func leave(_ end: LaneEnd) {
        parts.withLock { parts in
            parts.end = end
            if case .refused = end {
                parts.body = nil
                parts.late = nil
            }
            return parts.waiter.take()
        }?.resume()
    }

    /// What the caller gets, who was woken.
    func answer() throws(LaneError<Failure>) -> Value {
        switch parts.withLock({ $0.end }) {
        case .refused(let refusal)?: throw .refused(refusal)
        case .unfinished(let desertion)?: throw .unfinished(desertion)
        case nil: break
        }
        switch parts.withLock({ $0.outcome.take() }) {
        case .value(let value)?: return value
        case .failure(let failure)?: throw .failed(failure)
        case nil: preconditionFailure("a caller was woken without an answer")
        }
    }
}

/// Work without a caller.
final class LaneChore: LaneWork {
    private let body: Mutex<(@Sendable () -> Bool)?>

    /// - Parameter body: returns whether there was an answer.
    init(_ body: @escaping @Sendable () -> Bool) {
        self.body = Mutex(body)
    }

    func perform(isSilence _: (any Error) -> Bool) -> Bool {
        guard let body = body.withLock({ $0.take() }) else { return false }
        return !body()
    }

    func deliver() {}
    func discard() {}
    func leave(_: LaneEnd) {}
}
