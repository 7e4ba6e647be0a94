import BlockingWork
import LinuxSystem
import NetworkShares
import StorageModel
import Synchronization
import Testing

/// With a tmpfs in the place of a share, which always answers, and a call that says it did not.
@Suite("Probes of shares", .privateMountNamespace, .serialized, .timeLimit(.minutes(1)))
struct ShareProbeTests {
    private static let share = NetworkSharesTests.share

    /// A time that stands still until the test moves it.
    private final class StillClock: LaneClock {
        private struct State {
            var now = ContinuousClock.now
            var alarms: [ObjectIdentifier.Number: (ContinuousClock.Instant, @Sendable () -> Void)] = [:]
        }

        private let state = Mutex(State())

        var now: ContinuousClock.Instant { state.withLock { $0.now } }

        func setAlarm(
            of owner: ObjectIdentifier.Number, at instant: ContinuousClock.Instant,
            _ action: @escaping @Sendable () -> Void
        ) {
            let isDue = state.withLock { state in
                if instant <= state.now { return true }
                if let before = state.alarms[owner], before.0 <= instant { return false }
                state.alarms[owner] = (instant, action)
                return false
            }
            if isDue { action() }
        }

        func removeAlarm(of owner: ObjectIdentifier.Number) {
            state.withLock { $0.alarms[owner] = nil }
        }

        func advance(by time: Duration) {
            let end = now.advanced(by: time)
            while let action = takeNext(before: end) { action() }
        }

        private func takeNext(before end: ContinuousClock.Instant) -> (@Sendable () -> Void)? {
            state.withLock { state in
                guard let (owner, alarm) = state.alarms.min(by: { $0.value.0 < $1.value.0 }), alarm.0 <= end else {
                    state.now = end
                    return nil
                }
                state.now = max(state.now, alarm.0)
                state.alarms[owner] = nil
                return alarm.1
            }
        }
    }

    private let clock = StillClock()

    private func shares(_ node: TestNode, idleTime: Duration = .seconds(300)) throws -> NetworkShares {
        NetworkShares(
            stateDirectory: node.state, mounter: FileSystemMounter(program: try mounterProgram()),
            timeout: .seconds(20), idleTime: idleTime, clock: clock, report: { _ in })
    }

    private func mount(_ shares: NetworkShares) async throws {
        try await shares.withRoot(of: Self.share, "look at it") { _ in }
    }

    private func fallSilent(_ shares: NetworkShares) async {
        await expectFailure(.unavailable) {
            try await shares.onLane(of: Self.share.name, "ask it") { () throws(DriverError) in
                throw DriverError(.unavailable, "no answer", isSilence: true)
            }
        }
    }

    private func entry(_ shares: NetworkShares) throws -> ListedShare {
        try #require(shares.listing().first)
    }

    private func waitUntilClosed(_ shares: NetworkShares) throws {
        try waitUntil("the circuit is closed") {
            if case .closed? = shares.listing().first?.circuit { true } else { false }
        }
    }

    @Test("a share that is mounted is asked after the pause, and answers without another call")
    func recovers() async throws {
        try await TestNode.with { node in
            let shares = try shares(node)
            try await mount(shares)
            await fallSilent(shares)
            let open = try entry(shares)
            guard case .open(let since, .reported) = open.circuit else {
                Issue.record("\(open)")
                return
            }
            #expect(since != nil && open.roots == 1 && open.rootsUsed != nil)
            clock.advance(by: .milliseconds(999))
            guard case .open = try entry(shares).circuit else {
                Issue.record("asked before the pause is over: \(try entry(shares))")
                return
            }
            clock.advance(by: .milliseconds(1))
            try waitUntilClosed(shares)
            let closed = try entry(shares)
            #expect((closed.admitted, closed.refused) == (2, [:]))
            try await mount(shares)
            shares.stop()
        }
    }

    @Test("a share that is not mounted is asked by the next call")
    func notMounted() async throws {
        try await TestNode.with { node in
            let shares = try shares(node)
            await fallSilent(shares)
            clock.advance(by: .seconds(30))
            guard case .open? = try? entry(shares).circuit else {
                Issue.record("\(shares.listing())")
                return
            }
            try await mount(shares)
            try waitUntilClosed(shares)
            shares.stop()
        }
    }

    @Test("an idle root is kept while its share does not answer, and dropped on its lane when it does")
    func idle() async throws {
        try await TestNode.with { node in
            let shares = try shares(node, idleTime: .milliseconds(700))
            try await mount(shares)
            await fallSilent(shares)
            clock.advance(by: .milliseconds(800))
            #expect(try entry(shares).roots == 1)
            clock.advance(by: .milliseconds(200))
            try waitUntilClosed(shares)
            #expect(try entry(shares).roots == 1)
            clock.advance(by: .milliseconds(400))
            #expect(try entry(shares).roots == 0)
            try waitUntil("the root was given back") { try entry(shares).running == 0 && entry(shares).releases == 0 }
            shares.stop()
        }
    }

    private func names(in path: String) throws -> [String] {
        var names: [String] = []
        try OwnedDescriptor.open(path, [.readOnly, .directory]).forEachEntry { entry in
            if let name = entry.name.string { names.append(name) }
            return true
        }
        return names
    }

    @Test("what is attached for a root is seen in no other namespace, and detached when the root is dropped")
    func anchor() async throws {
        try await TestNode.with(parent: .shared) { node in
            let shares = try shares(node, idleTime: .seconds(1))
            _ = try await shares.tree(of: Self.share, [], for: VolumeID("v"))
            let anchorage = node.state + "/shares"
            let anchor = try #require(try names(in: anchorage).first)
            let attached = try mountInfo("\(anchorage)/\(anchor)")
            #expect(attached.count == 1)
            // Shared with nobody: mountinfo(5) has no optional fields then.
            for line in try attached + mountInfo(anchorage) { #expect(line.firstIndex(of: "-") == 6) }
            clock.advance(by: .seconds(2))
            try waitUntil("the root is detached") { try names(in: anchorage).isEmpty }
            #expect(try mountInfo("\(anchorage)/\(anchor)").isEmpty)
            shares.stop()
        }
    }

    @Test("a lane is remembered as long as a root is kept, and no longer")
    func remembered() async throws {
        try await TestNode.with { node in
            let shares = try shares(node, idleTime: .seconds(300))
            try await mount(shares)
            try waitUntil("the thread sleeps") { try entry(shares).idle == 1 }
            clock.advance(by: .seconds(299))
            #expect(try (entry(shares).threads, entry(shares).roots, entry(shares).admitted) == (0, 1, 1))
            clock.advance(by: .seconds(1))
            try waitUntil("the lane is forgotten") {
                clock.advance(by: .seconds(60))
                return shares.listing().isEmpty
            }
        }
    }
}
