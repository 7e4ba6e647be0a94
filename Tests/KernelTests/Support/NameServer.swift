import Glibc
import Testing

/// A name server of ours which everything in this mount namespace asks, until the test lets go of it.
struct NameServer: ~Copyable {
    let socket: Int32
    private let configuration: String

    init() throws {
        // Nobody else's, though in the machine's own network.
        let address = "127.8.7.6"
        configuration = "/tmp/moorage-resolv.\(getpid())"
        socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var local = sockaddr_in()
        local.sin_family = sa_family_t(AF_INET)
        local.sin_port = UInt16(53).bigEndian
        local.sin_addr.s_addr = inet_addr(address)
        let bound = withUnsafePointer(to: &local) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(bound == 0, "bind \(address):53: errno \(errno)")
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        // A resolver that waits longer than any test does.
        try writeFile(configuration, "nameserver \(address)\noptions timeout:30 attempts:5\n")
        try #require(mount(configuration, "/etc/resolv.conf", nil, UInt(MS_BIND), nil) == 0, "errno \(errno)")
    }

    deinit {
        umount2("/etc/resolv.conf", Int32(MNT_DETACH))
        unlink(configuration)
        close(socket)
    }

    enum Answer {
        case addresses([[UInt8]])
        case noSuchName
        case notNow
    }

    /// Waits for a question and leaves it unanswered.
    func receiveQuestion() throws {
        try #require(Self.receivesQuestion(at: socket), "nobody asks: errno \(errno)")
    }

    static func receivesQuestion(at socket: Int32) -> Bool {
        var question = [UInt8](repeating: 0, count: 512)
        return recv(socket, &question, question.count, 0) > 0
    }

    /// Answers each of the next questions (RFC 1035, section 4): IPv4 addresses, and none of IPv6.
    func answer(_ answer: Answer, questions: Int) throws {
        for _ in 0..<questions {
            var question = [UInt8](repeating: 0, count: 512)
            var peer = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let capacity = question.count
            let count = withUnsafeMutablePointer(to: &peer) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(socket, &question, capacity, 0, $0, &size)
                }
            }
            try #require(count > 16, "nobody asks: errno \(errno)")
            let reply = Self.reply(to: Array(question[..<count]), answer)
            let sent = withUnsafePointer(to: &peer) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { sendto(socket, reply, reply.count, 0, $0, size) }
            }
            try #require(sent == reply.count)
        }
    }

    private static func reply(to question: [UInt8], _ answer: Answer) -> [UInt8] {
        var reply = question
        reply[2] |= 0x80
        reply[10] = 0
        reply[11] = 0
        // The question ends after its name, type and class; what follows is an option that need not come back.
        var end = 12
        while reply[end] != 0 { end += Int(reply[end]) + 1 }
        let asksForIPv4 = reply[end + 2] == 1
        reply.removeSubrange((end + 5)...)
        switch answer {
        case .noSuchName: reply[3] = 0x83
        case .notNow: reply[3] = 0x82
        case .addresses(let addresses):
            reply[3] = 0x80
            guard asksForIPv4 else { return reply }
            reply[7] = UInt8(addresses.count)
            for address in addresses {
                // The name of the question; A, IN; 60 seconds; 4 bytes.
                reply += [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4] + address
            }
        }
        return reply
    }
}
