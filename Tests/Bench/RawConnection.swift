import Glibc

/// One gRPC connection of a client that costs next to nothing: HTTP/2 frames by hand on a blocking socket, one call at
/// a time (RFC 9113; gRPC over HTTP/2). A real client library takes as long as the servers that are to be compared.
final class RawConnection {
    private let socket: Int32
    private var nextStream: UInt32 = 1
    private var input: [UInt8] = []
    private var parsed = 0

    private enum Frame {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let resetStream: UInt8 = 3
        static let settings: UInt8 = 4
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
        static let acknowledged: UInt8 = 1
        static let endStream: UInt8 = 1
        static let endHeaders: UInt8 = 4
    }

    init(path: String) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let size = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < size else { throw BenchError("the path \(path) is too long for a socket") }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let failed = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) != 0
            }
        }
        guard !failed else { throw BenchError("connect to \(path): errno \(errno)") }
        // No dynamic header table, and a window that is never used up.
        let noTable: [UInt8] = [0, 1, 0, 0, 0, 0]
        try write(
            Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(Frame.settings, 0, 0, noTable)
                + frame(Frame.windowUpdate, 0, 0, [0x7F, 0xFE, 0, 0]))
    }

    deinit {
        close(socket)
    }

    /// Sends one message and returns the one that answers it.
    ///
    /// - Throws: when the call ends without one: its status was an error.
    func unary(_ method: String, _ message: [UInt8]) throws -> [UInt8] {
        let stream = nextStream
        nextStream += 2
        var headers: [UInt8] = [0x83, 0x86]  // :method POST, :scheme http
        headers += literal(":path", method) + literal(":authority", "localhost") + literal("te", "trailers")
        headers += literal("content-type", "application/grpc")
        let count = UInt32(message.count)
        let prefix = [0, UInt8(count >> 24), UInt8(count >> 16 & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF)]
        try write(
            frame(Frame.headers, Frame.endHeaders, stream, headers)
                + frame(Frame.data, Frame.endStream, stream, prefix + message))
        var body: [UInt8] = []
        while true {
            let (type, flags, from, payload) = try readFrame()
            switch type {
            case Frame.settings where flags & Frame.acknowledged == 0:
                try write(frame(Frame.settings, Frame.acknowledged, 0, []))
            case Frame.ping where flags & Frame.acknowledged == 0:
                try write(frame(Frame.ping, Frame.acknowledged, 0, payload))
            case Frame.goAway:
                throw BenchError("the server ends the connection")
            case Frame.resetStream where from == stream:
                throw BenchError("\(method) was broken off")
            case Frame.data where from == stream:
                body += payload
            case Frame.headers where from == stream && flags & Frame.endStream != 0:
                guard body.count >= 5 else { throw BenchError("\(method) failed; see the driver's log") }
                return Array(body.dropFirst(5))
            default:
                break
            }
        }
    }

    /// A header that is in no table, not compressed (RFC 7541, 6.2.2).
    private func literal(_ name: String, _ value: String) -> [UInt8] {
        [0, UInt8(name.utf8.count)] + name.utf8 + [UInt8(value.utf8.count)] + value.utf8
    }

    private func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        return [
            UInt8(count >> 16 & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF), type, flags,
            UInt8(stream >> 24), UInt8(stream >> 16 & 0xFF), UInt8(stream >> 8 & 0xFF), UInt8(stream & 0xFF),
        ] + payload
    }

    private func readFrame() throws -> (type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8]) {
        let head = try take(9)
        let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
        let stream = head[5...8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        return (head[3], head[4], stream, try take(count))
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while input.count - parsed < count { try fill() }
        defer { parsed += count }
        return Array(input[parsed..<parsed + count])
    }

    private func fill() throws {
        input.removeFirst(parsed)
        parsed = 0
        // The kernel writes at most as many bytes as there is room for, and says how many.
        let piece = unsafe [UInt8](unsafeUninitializedCapacity: 8192) { buffer, initialized in
            initialized = unsafe max(0, read(socket, buffer.baseAddress, buffer.count))
        }
        guard !piece.isEmpty else { throw BenchError("the connection has ended") }
        input += piece
    }

    private func write(_ bytes: [UInt8]) throws {
        // A socket that blocks takes all of it.
        let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(socket, $0.baseAddress, $0.count) }
        guard written == bytes.count else { throw BenchError("write: errno \(errno)") }
    }
}
