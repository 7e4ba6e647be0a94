import CSIEndpoint
import Synchronization
import Testing

@Suite("The time in log lines")
struct LogClockTests {
    @Test("has milliseconds, and follows the clock forwards and back")
    func text() {
        let times: [(seconds: Int64, nanoseconds: Int32)] = [
            (0, 0), (0, 7_999_999), (0, 42_000_000), (0, 999_999_999), (1_738_324_800, 120_000_000), (59, 1_000_000),
        ]
        let next = Mutex(0)
        let clock = LogClock(now: {
            next.withLock { next in
                defer { next += 1 }
                return times[next]
            }
        })
        #expect(
            times.map { _ in clock.text } == [
                "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.007Z", "1970-01-01T00:00:00.042Z",
                "1970-01-01T00:00:00.999Z", "2025-01-31T12:00:00.120Z", "1970-01-01T00:00:59.001Z",
            ])
    }
}
