import Synchronization

/// What is measured of one driver under one load: the times of its calls by method, and lives by the second.
final class Samples: Sendable {
    private struct State {
        var times: [String: [Duration]] = [:]
        var lives = 0
        var elapsed = Duration.zero
    }

    private let state = Mutex(State())

    func add(_ method: String, _ time: Duration) {
        state.withLock { $0.times[method, default: []].append(time) }
    }

    func add(lives: Int, in elapsed: Duration) {
        state.withLock { state in
            state.lives += lives
            state.elapsed += elapsed
        }
    }

    /// In milliseconds; nil when there was no such call.
    func percentile(_ percent: Int, of method: String) -> Double? {
        state.withLock { state in
            guard let sorted = state.times[method]?.sorted(), !sorted.isEmpty else { return nil }
            return sorted[min(sorted.count - 1, sorted.count * percent / 100)] / .milliseconds(1)
        }
    }

    var livesPerSecond: Double? {
        state.withLock { $0.lives == 0 ? nil : Double($0.lives) / ($0.elapsed / .seconds(1)) }
    }
}
