extension LaneState {
    /// A time without answers.
    struct Outage {
        let since: Instant
        let cause: LaneOutage.Cause
        /// Before the next probe.
        var pause: Duration

        func report(now: Instant) -> LaneOutage {
            LaneOutage(since: since, cause: cause, duration: since.duration(to: now))
        }
    }

    enum Circuit {
        case closed(since: Instant)
        case open(Outage, retryAt: Instant)
        case halfOpen(Outage, probe: ID)

        var isClosed: Bool {
            if case .closed = self { true } else { false }
        }

        var outage: Outage? {
            switch self {
            case .closed: nil
            case .open(let outage, _), .halfOpen(let outage, _): outage
            }
        }

        var probe: ID? {
            if case .halfOpen(_, let probe) = self { probe } else { nil }
        }
    }

    /// Work has found out that there is no answer.
    ///
    /// One piece is enough to open the circuit. Waiting for a second costs one more of the few threads, and being wrong
    /// costs little: the first pause, at most until the work returns.
    mutating func silence(of id: ID, _ cause: LaneOutage.Cause, now: Instant, _ actions: inout Actions) {
        switch circuit {
        case .closed:
            let outage = Outage(since: now, cause: cause, pause: limits.firstPause)
            circuit = .open(outage, retryAt: now.advanced(by: outage.pause))
            note(.opened, outage, now: now)
            let waiting = queue
            queue = []
            for entry in waiting { refuse(entry.work, refusal(.silent, now: now), &actions) }
        case .halfOpen(var outage, id):
            outage.pause = min(outage.pause * 2, limits.longestPause)
            circuit = .open(outage, retryAt: now.advanced(by: outage.pause))
            note(.stillSilent(pause: outage.pause), outage, now: now)
        case .open, .halfOpen:
            break
        }
    }

    mutating func closeCircuit(now: Instant) {
        guard let outage = circuit.outage else { return }
        circuit = .closed(since: now)
        // The thread that brought the answer goes on with what was kept.
        note(.closed, outage, now: now)
    }

    mutating func beginProbe(_ entry: Entry, _ outage: Outage, now: Instant) {
        circuit = .halfOpen(outage, probe: entry.id)
        note(.probed, outage, now: now)
    }

    /// Whether the lane finds out by itself. With one of its probes still waiting in the kernel it does: that returns
    /// when the server does, and one more would only be one more thread that is stuck.
    var hasOwnProbe: Bool {
        guard let ownProbe else { return false }
        return isOwnProbeRunning || ownProbe.isPossible()
    }

    private var isOwnProbeRunning: Bool { running.values.contains { $0.entry.kind == .probe } }

    /// When the lane's own probe is due; nil when it is not to run, or cannot because no thread would be left for it.
    var ownProbeAt: Instant? {
        guard case .open(_, let retryAt) = circuit, let ownProbe, !isClosed, !isAllStuck, !isOwnProbeRunning,
            ownProbe.isPossible()
        else { return nil }
        return retryAt
    }

    mutating func startOwnProbe(now: Instant, _ actions: inout Actions) {
        guard let ownProbe, let due = ownProbeAt, due <= now, case .open(let outage, _) = circuit else { return }
        let entry = Entry(work: LaneChore(ownProbe.ask), kind: .probe, deadline: nil)
        queue.append(entry)
        beginProbe(entry, outage, now: now)
        provideThread(&actions)
    }

    private mutating func note(_ change: LaneEvent.Change, _ outage: Outage, now: Instant) {
        events.append(LaneEvent(lane: lane, change: change, outage: outage.report(now: now), stuck: stuck))
    }

    /// The next change to be told. One at a time, so that they are told in their order.
    mutating func takeEvent() -> LaneEvent? {
        guard !isReporting, !events.isEmpty else { return nil }
        isReporting = true
        return events.removeFirst()
    }

    func snapshot(now: Instant) -> LaneSnapshot {
        let reported: LaneCircuit =
            switch circuit {
            case .closed(let since): .closed(since: since)
            case .open(let outage, _): .open(outage.report(now: now))
            case .halfOpen(let outage, _): .halfOpen(outage.report(now: now))
            }
        return LaneSnapshot(
            lane: lane, circuit: reported, threads: threads, idle: idle.count, stuck: stuck, running: running.count,
            queued: waiting, largestQueue: counts.largestQueue, releases: releases.count, admitted: counts.admitted,
            refused: counts.refused, timedOut: counts.timedOut, late: counts.late)
    }
}
