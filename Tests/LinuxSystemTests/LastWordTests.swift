import CLinuxShims
import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite("Messages of a process that ends")
struct LastWordTests {
    /// Who sends and closes, and when: a number above 0 asks the sender to do it with `socket`, 0 says that it did.
    private final class Sender: Sendable {
        let socket = Atomic<Int32>(0)

        func serve(rounds: Int) {
            for _ in 0..<rounds {
                var socket: Int32 = 0
                while socket == 0 {
                    sched_yield()
                    socket = self.socket.load(ordering: .acquiring)
                }
                var word: UInt8 = 1
                send(socket, &word, 1, Int32(MSG_NOSIGNAL))
                close(socket)
                self.socket.store(0, ordering: .releasing)
            }
        }
    }

    @Test("what was sent before the other end was closed is received, however close the two are")
    func lastWord() throws {
        let rounds = 10_000
        let sender = Sender()
        DetachedThread.start(name: "sender") { sender.serve(rounds: rounds) }
        var lost = 0
        for _ in 0..<rounds {
            var ends: [Int32] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
            sender.socket.store(ends[1], ordering: .releasing)
            var words = 0
            receive: while true {
                var word: UInt8 = 0
                var received = 0
                var descriptor: Int32 = -1
                guard CLinuxShims_receive(ends[0], &word, 1, &received, &descriptor) == 0 else { continue }
                if received == 0 { break receive }
                words += 1
            }
            if words == 0 { lost += 1 }
            while sender.socket.load(ordering: .acquiring) != 0 { sched_yield() }
            close(ends[0])
        }
        #expect(lost == 0)
    }
}
