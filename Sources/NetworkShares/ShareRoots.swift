import BlockingWork
import StorageModel
import Synchronization

/// The roots of all shares, by the names of the shares: one for each set of options that is in use.
///
/// It may be asked with a lane locked, so nothing is done to a lane while it is locked itself.
final class ShareRoots: Sendable {
    private let slots = Mutex<[String: [NetworkShare: RootSlot]]>([:])

    /// For one call, which begins now.
    func slot(of share: NetworkShare, now: ContinuousClock.Instant) -> RootSlot {
        slots.withLock { slots in
            let slot = slots[share.name]?[share] ?? RootSlot()
            // Before anybody can find it idle.
            slot.touch(at: now)
            slots[share.name, default: [:]][share] = slot
            return slot
        }
    }

    /// The roots that are kept now.
    func kept() -> [String: KeptRoots] {
        slots.withLock { slots in
            slots.compactMapValues { slots in
                let uses = slots.values.compactMap(\.lastUseOfRoot)
                return uses.max().map { KeptRoots(count: uses.count, lastUse: $0) }
            }
        }
    }

    // MARK: Probes

    /// Whether there is a root of the share to ask with. Never waits.
    func hasRoot(of name: String) -> Bool {
        slots.withLock { $0[name]?.values.contains { $0.lastUseOfRoot != nil } ?? false }
    }

    /// Asks the server of a share by one of its roots; on the lane of the share.
    ///
    /// - Returns: whether there was an answer.
    func answers(of name: String) -> Bool {
        let kept = slots.withLock { slots in slots[name].map { Array($0.values) } ?? [] }.compactMap(\.currentRoot)
        // Of one that does not give up nothing is heard before the server is back.
        return (kept.first(where: \.givesUp) ?? kept.first)?.answers() ?? false
    }

    // MARK: Idle ones

    struct Dropped {
        let root: Parting<ShareRoot>
        let lane: Lane
    }

    /// Forgets the roots that nobody used since `limit`. One of a server that does not answer is kept: with it is found
    /// out when the server answers again, and before that it could not be given back anyway.
    ///
    /// - Returns: the roots, each to end on its lane, and whether others are left.
    func dropIdle(since limit: ContinuousClock.Instant) -> (dropped: [Dropped], isSomeLeft: Bool) {
        let idle = slots.withLock { slots in
            slots.values.flatMap { $0 }.filter { $0.value.isIdle(since: limit) }
        }
        let dispensable = idle.filter { $0.value.lane?.isOpen != true }
        return slots.withLock { slots in
            var dropped: [Dropped] = []
            for (share, slot) in dispensable where slot.isIdle(since: limit) {
                slots[share.name]?[share] = nil
                if slots[share.name]?.isEmpty == true { slots[share.name] = nil }
                if let (root, lane) = slot.take() { dropped.append(Dropped(root: root, lane: lane)) }
            }
            return (dropped, !slots.isEmpty)
        }
    }
}

extension Lane {
    /// Whether calls are refused because there is no answer.
    fileprivate var isOpen: Bool {
        if case .closed = snapshot.circuit { false } else { true }
    }
}

/// The driver's own mounts of one share.
struct KeptRoots {
    let count: Int
    let lastUse: ContinuousClock.Instant
}
