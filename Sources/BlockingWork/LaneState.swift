import LinuxSystem

/// What is known of one lane, and the rules. It does nothing itself: each step returns what its caller has to do once
/// the lock is open again.
struct LaneState {
    typealias Instant = ContinuousClock.Instant
    typealias ID = ObjectIdentifier

    struct Entry {
        enum Kind {
            /// Somebody waits for it.
            case call
            /// Gives something back; nobody waits, and it is never dropped.
            case release
            /// The lane's own question whether there is an answer again.
            case probe
        }

        let work: any LaneWork
        let kind: Kind
        /// nil for what nobody waits for.
        let deadline: Instant?

        var id: ID { ID(work) }
    }

    struct Running {
        let entry: Entry
        let begun: Instant
        /// When it counts as stuck.
        let deadline: Instant
        /// Since when nobody waits for it: from then on its thread is stuck.
        var leftAt: Instant?
        /// It has been too long even for the patience of the lane, and the circuit knows.
        var isSilence = false
    }

    struct Sleeper {
        let signal: ThreadSignal
        let since: Instant
    }

    let lane: String
    let limits: LaneLimits
    /// Asks whether there is an answer again; nil when a call has to find out.
    let ownProbe: LaneProbe?

    var circuit: Circuit
    /// Work that has not begun, the oldest first.
    var queue: [Entry] = []
    var releases: [Entry] = []
    /// Releases and calls take turns while there are both.
    var isReleaseNext = false
    var running: [ID: Running] = [:]
    var threads = 0
    /// The last to fall asleep is the last of these, and the first to be woken.
    var idle: [Sleeper] = []
    /// The signals of threads that were woken to end.
    var ending: Set<ID> = []
    var isClosed = false
    /// The earliest alarm that is set.
    var alarm: Instant?
    /// Changes that have not been told yet, the oldest first.
    var events: [LaneEvent] = []
    var isReporting = false
    var counts = Counts()

    struct Counts {
        var largestQueue = 0
        var admitted = 0
        var refused: [LaneRefusal.Reason: Int] = [:]
        var timedOut = 0
        var late = 0
    }

    /// What is to be done when the lock is open.
    struct Actions {
        var signals: [ThreadSignal] = []
        var threadsToStart = 0
        /// Callers that get no result.
        var ended: [(work: any LaneWork, end: LaneEnd)] = []
        var alarm: Instant?
    }

    /// How a piece of work that has returned is to be settled.
    enum Settlement {
        case deliver
        /// Then `discarded` has to follow.
        case discard
    }

    enum Next {
        case work(Entry)
        case sleep
        case end
    }

    init(lane: String, limits: LaneLimits, ownProbe: LaneProbe?, now: Instant) {
        precondition(limits.threads > 0 && limits.queue >= 0)
        self.lane = lane
        self.limits = limits
        self.ownProbe = ownProbe
        circuit = .closed(since: now)
    }

    var stuck: Int { running.values.count { $0.leftAt != nil } }
    var isAllStuck: Bool { stuck >= limits.threads }
    /// Calls for which no thread is free.
    var waiting: Int { max(0, queue.count - (limits.threads - running.count)) }

    // MARK: What callers ask for

    /// Lets a call in, or ends it at once.
    mutating func admit(_ work: any LaneWork, until deadline: Instant, isCancelled: Bool, now: Instant) -> Actions {
        var actions = Actions()
        advance(to: now, &actions)
        if let refusal = isCancelled ? refusal(.cancelled, now: now) : refusal(until: deadline, now: now) {
            refuse(work, refusal, &actions)
        } else {
            let entry = Entry(work: work, kind: .call, deadline: deadline)
            counts.admitted += 1
            queue.append(entry)
            if case .open(let outage, _) = circuit { beginProbe(entry, outage, now: now) }
            counts.largestQueue = max(counts.largestQueue, waiting)
            provideThread(&actions)
        }
        schedule(&actions)
        return actions
    }

    private func refusal(until deadline: Instant, now: Instant) -> LaneRefusal? {
        if isClosed { return refusal(.closed, now: now) }
        if deadline <= now { return refusal(.deadline, now: now) }
        if isAllStuck { return refusal(.stuck, limit: limits.threads, now: now) }
        switch circuit {
        case .closed: break
        case .open(_, let retryAt) where retryAt <= now && !hasOwnProbe: break
        case .open, .halfOpen: return refusal(.silent, now: now)
        }
        guard waiting < limits.queue || queue.count + running.count < limits.threads else {
            return refusal(.queueFull, limit: limits.queue, now: now)
        }
        return nil
    }

    func refusal(_ reason: LaneRefusal.Reason, limit: Int = 0, now: Instant) -> LaneRefusal {
        LaneRefusal(reason: reason, lane: lane, limit: limit, outage: circuit.outage?.report(now: now))
    }

    mutating func refuse(_ work: any LaneWork, _ refusal: LaneRefusal, _ actions: inout Actions) {
        counts.refused[refusal.reason, default: 0] += 1
        actions.ended.append((work, .refused(refusal)))
    }

    /// Takes work that nobody waits for.
    mutating func admitRelease(_ work: any LaneWork, now: Instant) -> Actions {
        var actions = Actions()
        advance(to: now, &actions)
        releases.append(Entry(work: work, kind: .release, deadline: nil))
        provideThread(&actions)
        schedule(&actions)
        return actions
    }

    /// Ends the waiting of a call that was cancelled; nothing when it waits no more.
    mutating func cancel(_ id: ID, now: Instant) -> Actions {
        var actions = Actions()
        if let index = queue.firstIndex(where: { $0.id == id }) {
            drop(at: index, .cancelled, now: now, &actions)
        } else if let found = running[id], found.leftAt == nil {
            running[id]?.leftAt = now
            actions.ended.append((found.entry.work, .unfinished(.cancelled)))
        }
        advance(to: now, &actions)
        schedule(&actions)
        return actions
    }

    mutating func close(now: Instant) -> Actions {
        var actions = Actions()
        isClosed = true
        for entry in queue where entry.kind == .call { refuse(entry.work, refusal(.closed, now: now), &actions) }
        queue = []
        if case .halfOpen(let outage, let probe) = circuit, running[probe] == nil {
            circuit = .open(outage, retryAt: now)
        }
        endSleepers(idle.count, &actions)
        for _ in releases { provideThread(&actions) }
        schedule(&actions)
        return actions
    }

    // MARK: What threads ask for

    /// What a thread does next, which has nothing to do.
    mutating func next(for signal: ThreadSignal, now: Instant) -> (Next, Actions) {
        var actions = Actions()
        if ending.remove(ID(signal)) != nil { return (.end, actions) }
        advance(to: now, &actions)
        let next: Next
        if let entry = takeNext() {
            running[entry.id] = Running(
                entry: entry, begun: now, deadline: entry.deadline ?? now.advanced(by: limits.unattended))
            next = .work(entry)
        } else if isClosed {
            threads -= 1
            next = .end
        } else {
            idle.append(Sleeper(signal: signal, since: now))
            next = .sleep
        }
        schedule(&actions)
        return (next, actions)
    }

    private mutating func takeNext() -> Entry? {
        let isReleaseAllowed = !releases.isEmpty && (isClosed || circuit.isClosed)
        if isReleaseAllowed, isReleaseNext || queue.isEmpty {
            isReleaseNext = false
            return releases.removeFirst()
        }
        isReleaseNext = true
        return queue.isEmpty ? nil : queue.removeFirst()
    }

    /// A piece of work has returned. One whose caller still waits is over with that, whatever the time is.
    mutating func returned(_ id: ID, isSilence: Bool, now: Instant) -> (Settlement, Actions) {
        guard running[id]?.leftAt == nil else { return (.discard, Actions()) }
        return (.deliver, conclude(id, isSilence: isSilence, now: now))
    }

    /// What nobody waited for is got rid of.
    mutating func discarded(_ id: ID, isSilence: Bool, now: Instant) -> Actions {
        counts.late += 1
        return conclude(id, isSilence: isSilence, now: now)
    }

    private mutating func conclude(_ id: ID, isSilence: Bool, now: Instant) -> Actions {
        var actions = Actions()
        let wasStuck = running.removeValue(forKey: id)?.leftAt != nil
        if isSilence {
            silence(of: id, .reported, now: now, &actions)
        } else if wasStuck || circuit.probe == id {
            closeCircuit(now: now)
        }
        advance(to: now, &actions)
        schedule(&actions)
        return actions
    }

    // MARK: Time

    /// The alarm has rung.
    mutating func wake(now: Instant) -> Actions {
        var actions = Actions()
        alarm = nil
        advance(to: now, &actions)
        schedule(&actions)
        return actions
    }

    /// Does what time alone brings about.
    mutating func advance(to now: Instant, _ actions: inout Actions) {
        while let index = queue.firstIndex(where: { $0.deadline.map { $0 <= now } ?? false }) {
            drop(at: index, .deadline, now: now, &actions)
        }
        for (id, found) in running where found.leftAt == nil && found.deadline <= now {
            running[id]?.leftAt = now
            guard found.entry.kind == .call else { continue }
            counts.timedOut += 1
            actions.ended.append((found.entry.work, .unfinished(.deadline)))
        }
        for (id, found) in running where !found.isSilence && tooLong(found).map({ $0 <= now }) ?? false {
            running[id]?.isSilence = true
            silence(of: id, .deadlinePassed, now: now, &actions)
        }
        startOwnProbe(now: now, &actions)
        // While something waits to be given back, the lane needs a thread to live by.
        guard releases.isEmpty else { return }
        endSleepers(idle.prefix { $0.since.advanced(by: limits.idle) <= now }.count, &actions)
    }

    private func tooLong(_ running: Running) -> Instant? {
        running.leftAt.map { max($0, running.begun.advanced(by: limits.patience)) }
    }

    /// Asks for an alarm when the next thing to happen comes before the one that is set.
    private mutating func schedule(_ actions: inout Actions) {
        var next = ownProbeAt
        func consider(_ instant: Instant?) {
            if let instant { next = min(next ?? instant, instant) }
        }
        for entry in queue { consider(entry.deadline) }
        for found in running.values {
            consider(found.leftAt == nil ? found.deadline : found.isSilence ? nil : tooLong(found))
        }
        if releases.isEmpty { consider(idle.first?.since.advanced(by: limits.idle)) }
        guard let next, alarm.map({ next < $0 }) ?? true else { return }
        alarm = next
        actions.alarm = next
    }

    // MARK: Pieces

    private mutating func drop(at index: Int, _ reason: LaneRefusal.Reason, now: Instant, _ actions: inout Actions) {
        let entry = queue.remove(at: index)
        refuse(entry.work, refusal(reason, now: now), &actions)
        // A probe that never ran found nothing out: the next call takes its place.
        if case .halfOpen(let outage, entry.id) = circuit { circuit = .open(outage, retryAt: now) }
    }

    /// Sees to it that a thread looks at the queues.
    mutating func provideThread(_ actions: inout Actions) {
        if let sleeper = idle.popLast() {
            actions.signals.append(sleeper.signal)
        } else if threads < limits.threads {
            threads += 1
            actions.threadsToStart += 1
        }
    }

    /// Lets those threads end that sleep longest.
    private mutating func endSleepers(_ count: Int, _ actions: inout Actions) {
        for sleeper in idle.prefix(count) {
            ending.insert(ID(sleeper.signal))
            actions.signals.append(sleeper.signal)
        }
        idle.removeFirst(count)
        threads -= count
    }
}
