import BlockingWork
import Synchronization
import Testing

@Suite("Worker threads", .timeLimit(.minutes(1)))
struct WorkerThreadsTests {
    struct Refused: Error, Equatable {}

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
        let done = Mutex([Int](repeating: 0, count: 1000))
        await withTaskGroup { group in
            for index in 0..<1000 {
                group.addTask { await threads.run { done.withLock { $0[index] += 1 } } }
            }
        }
        #expect(done.withLock { $0 } == [Int](repeating: 1, count: 1000))
    }

    @Test("no more than the limit run at once, and the limit is reached")
    func limit() async {
        let threads = WorkerThreads(name: "test", limit: 3)
        defer { threads.close() }
        let running = Mutex((now: 0, most: 0))
        let gate = Atomic(0)
        await withTaskGroup { group in
            for _ in 0..<30 {
                group.addTask {
                    await threads.run {
                        running.withLock { state in
                            state.now += 1
                            state.most = max(state.most, state.now)
                        }
                        gate.add(1, ordering: .relaxed)
                        // The first three wait for each other: that many must run at once.
                        while gate.load(ordering: .relaxed) < 3 {}
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
        let order = Mutex<[Int]>([])
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
        let finished = Atomic(false)
        let task = Task { await threads.run { finished.store(true, ordering: .relaxed) } }
        task.cancel()
        await task.value
        let hasFinished = finished.load(ordering: .relaxed)
        #expect(hasFinished)
    }
}
