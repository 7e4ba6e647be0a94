/// A lane's own question whether what it leads to answers again.
///
/// It is kept as long as the lane and released on any thread: the lane, and what can wait for the server when it ends,
/// it may capture only weakly.
package struct LaneProbe: Sendable {
    let isPossible: @Sendable () -> Bool
    let ask: @Sendable () -> Bool

    /// - Parameters:
    ///   - isPossible: whether there is anything to ask with now; while there is not, the next call after a pause finds
    ///     out. Called with the lane locked: it must neither wait nor touch the lane. May become true only by work on
    ///     the lane.
    ///   - ask: asks, cheaply, on a thread of the lane, and returns whether there was an answer.
    package init(
        isPossible: @escaping @Sendable () -> Bool = { true }, ask: @escaping @Sendable () -> Bool
    ) {
        self.isPossible = isPossible
        self.ask = ask
    }
}
