import BlockingWork
import Glibc
import Synchronization
import Testing

@Suite("Worker threads", .timeLimit(.minutes(1)))
struct WorkerThreadsTests {
    struct Refused: Error, Equatable {}

    /// A class, so that closures share it and not copy it.
    final class Shared<Value: Sendable>: Sendable {
        private let value: Mutex<Value>

        init(_ value: Value) {
            self.value = Mutex(value)
        }

        func withLock<Result: Sendable>(_ body: (inout sending Value) -> sending Result) -> Result {
            value.withLock(body)
        }
    }

    @Test("work returns its value and throws its error")
    func valuesAndErrors() async throws {
        let threads = WorkerThreads(name: "test", limit: 2)
        defer { threads.close() }
        #expect(await threads.run { 42 } == 42)
        await #expect(throws: Refused()) { try await threads.run { () throws(Refused) in throw Refused() } }
    }

    @Test("a thousand pieces of work from many tasks are each done once")
    func everyPieceOnce() async {
        let threads = WorkerThreads(name: "test", limit: 4)
        defer { threads.close() }
        let done = Shared([Int](repeating: 0, count: 1000))
        await withTaskGroup { group in
            for index in 0..<1000 {
                group.addTask { await threads.run { done.withLock { $0[index] += 1 } } }
            }
        }
        #expect(done.withLock { $0 } == [Int](repeating: 1, count: 1000))
    }

    private struct Running {
        var now = 0
        var most = 0
        var begun = 0
    }

    @Test("no more than the limit run at once, and the limit is reached")
    func limit() async {
        let threads = WorkerThreads(name: "test", limit: 3)
        defer { threads.close() }
        let running = Shared(Running())
        await withTaskGroup { group in
            for _ in 0..<30 {
                group.addTask {
                    await threads.run {
                        running.withLock { state in
                            state.now += 1
                            state.most = max(state.most, state.now)
                            state.begun += 1
                        }
                        // The first three wait for each other: that many must run at once.
                        while running.withLock({ $0.begun }) < 3 {}
                        running.withLock { $0.now -= 1 }
                    }
                }
            }
        }
        #expect(running.withLock { $0.most } == 3)
    }

    @Test("one thread takes work in the order it came")
    func order() async {
        let threads = WorkerThreads(name: "test", limit: 1)
        defer { threads.close() }
        let order = Shared<[Int]>([])
        for index in 0..<600 {
            threads.submit { order.withLock { $0.append(index) } }
        }
        await threads.run {}
        #expect(order.withLock { $0 } == Array(0..<600))
    }

    @Test("work runs to its end although its caller was cancelled")
    func cancellation() async {
        let threads = WorkerThreads(name: "test", limit: 1)
        defer { threads.close() }
        let finished = Shared(false)
        let task = Task { await threads.run { finished.withLock { $0 = true } } }
        task.cancel()
        await task.value
        #expect(finished.withLock { $0 })
    }

    @Test("a task that prefers them is on one of them from its first line to its last, and run changes nothing")
    func executor() async {
        let threads = WorkerThreads(name: "test", limit: 1)
        defer { threads.close() }
        let other = WorkerThreads(name: "other", limit: 1)
        defer { other.close() }
        let places = await Task(executorPreference: threads) {
            let before = pthread_self()
            // The only thread is this one: work that had to change threads would wait for ever.
            let inside = await threads.run { pthread_self() }
            let elsewhere = await other.run { pthread_self() }
            return (before: before, inside: inside, elsewhere: elsewhere, after: pthread_self())
        }.value
        #expect(places.before == places.inside)
        #expect(places.before != places.elsewhere)
        #expect(places.before == places.after)
        let outside = await threads.run { pthread_self() }
        #expect(outside == places.before)
    }

    @Test("a task that waits for others leaves its thread to the next one")
    func waitingTasks() async {
        let threads = WorkerThreads(name: "test", limit: 1)
        defer { threads.close() }
        let other = WorkerThreads(name: "other", limit: 2)
        defer { other.close() }
        let arrived = Shared(0)
        await withTaskGroup { group in
            for _ in 0..<2 {
                group.addTask(executorPreference: threads) {
                    // Each waits elsewhere until both are there.
                    await other.run {
                        arrived.withLock { $0 += 1 }
                        while arrived.withLock({ $0 }) < 2 {}
                    }
                }
            }
        }
        #expect(arrived.withLock { $0 } == 2)
    }
}
