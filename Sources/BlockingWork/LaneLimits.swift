/// What one lane may take, and when it loses patience.
package struct LaneLimits: Sendable {
    /// The most threads at once, those that are stuck included.
    package var threads = 4

    /// The most calls that wait for a thread; one more is refused at once.
    package var queue = 64

    /// A thread without work ends after this time.
    package var idle: Duration = .seconds(60)

    /// Work that nobody waits for any more opens the circuit only when it has run this long. So the short deadline of
    /// one caller does not shut a server out that merely needs its time.
    package var patience: Duration = .seconds(1)

    /// Work that has no caller (releases, the lane's own probe) counts as stuck when it has run this long.
    package var unattended: Duration = .seconds(10)

    /// From the opening of the circuit to the first probe; doubled with each probe that fails.
    package var firstPause: Duration = .seconds(1)
    package var longestPause: Duration = .seconds(30)

    package init() {}
}
