import LinuxSystem
import NetworkShares
import StorageModel
import Testing

@Suite("How long a call waits for a share")
struct DeadlineTests {
    private let shares = NetworkShares(
        stateDirectory: "/nonexistent", mounter: FileSystemMounter(program: "/nonexistent"), timeout: .seconds(20),
        report: { _ in })

    @Test("as long as the driver is told to, but not longer than its caller, who is to get the answer in time")
    func caller() {
        let before = ContinuousClock.now
        let own = shares.deadline()
        #expect(own >= before.advanced(by: .seconds(20)))
        for seconds in [2, 10] {
            let callers = ContinuousClock.now.advanced(by: .seconds(seconds))
            let found = CallDeadline.$current.withValue(callers) { shares.deadline() }
            #expect(found < callers)
            #expect(found >= callers.advanced(by: .milliseconds(-500)))
        }
        let late = ContinuousClock.now.advanced(by: .seconds(3600))
        #expect(CallDeadline.$current.withValue(late) { shares.deadline() } < late.advanced(by: .seconds(-3000)))
    }
}
