import CGRPCShims

// The owners of the server's C handles. Each is the only one to hold its pointer, and ends what it points to.

/// libgrpc's server with its pump thread. Its C functions may be called from any thread, each as CGRPCShims.h says.
@safe
struct ServerHandle: ~Copyable, @unchecked Sendable {
    private let raw: OpaquePointer

    /// The events go to `server`, which must live until `destroy` has returned.
    ///
    /// - Returns: nil with the reason when no thread can be started.
    static func create(limits: ServerLimits, server: GRPCServer) -> Result {
        let limits = CGRPCShims_ServerLimits(
            messageBytes: Int32(clamping: limits.messageBytes),
            streamsPerConnection: Int32(clamping: limits.streamsPerConnection),
            metadataBytes: Int32(clamping: limits.metadataBytes))
        var raw: OpaquePointer?
        let context = unsafe Unmanaged.passUnretained(server).toOpaque()
        let error = unsafe CGRPCShims_Server_create(limits, serverEvents, context, &raw)
        guard let raw = unsafe raw else { return .failed(error) }
        return unsafe .created(ServerHandle(raw))
    }

    enum Result: ~Copyable {
        case created(ServerHandle)
        case failed(CInt)
    }

    private init(_ raw: OpaquePointer) {
        unsafe self.raw = raw
    }

    /// 0 or an errno. The descriptor must stay open until `stopAccepting` has returned.
    func startAccepting(_ listener: borrowing UnixListener) -> CInt {
        unsafe CGRPCShims_Server_startAccepting(raw, listener.descriptor.number)
    }

    func stopAccepting() {
        unsafe CGRPCShims_Server_stopAccepting(raw)
    }

    func beginShutdown() {
        unsafe CGRPCShims_Server_beginShutdown(raw)
    }

    func disconnect() {
        unsafe CGRPCShims_Server_disconnect(raw)
    }

    /// Blocks until the pump has ended, which it does at once after the event `shutDown`. There is no deinit that
    /// does this: it must not happen by accident on a thread that may not wait.
    consuming func destroy() {
        unsafe CGRPCShims_Server_destroy(raw)
    }
}

/// One call. Not used from two threads at a time: it lives inside the mutex of its `OpenCall`.
@safe
struct ServerCallHandle: ~Copyable, @unchecked Sendable {
    private let raw: OpaquePointer

    init(takingOwnership raw: OpaquePointer) {
        unsafe self.raw = raw
    }

    deinit {
        unsafe CGRPCShims_ServerCall_destroy(raw)
    }

    var method: String {
        // The bytes are valid until the call is destroyed.
        unsafe String(decoding: CGRPCShims_ServerCall_method(raw).buffer, as: UTF8.self)
    }

    /// Taken from the headers, so it is as exact as the peer's timeout.
    var deadline: ContinuousClock.Instant? {
        let left = unsafe CGRPCShims_ServerCall_nanosecondsLeft(raw)
        return left == .max ? nil : .now + .nanoseconds(left)
    }

    /// Without binary entries, whose names end in `-bin`.
    var metadata: [(key: String, value: String)] {
        let count = unsafe CGRPCShims_ServerCall_metadataCount(raw)
        var pairs: [(key: String, value: String)] = []
        pairs.reserveCapacity(count)
        for index in 0..<count {
            var key = unsafe CGRPCShims_Bytes()
            var value = unsafe CGRPCShims_Bytes()
            unsafe CGRPCShims_ServerCall_metadata(raw, index, &key, &value)
            let name = unsafe String(decoding: key.buffer, as: UTF8.self)
            guard !name.hasSuffix("-bin") else { continue }
            pairs.append((key: name, value: unsafe String(decoding: value.buffer, as: UTF8.self)))
        }
        return pairs
    }

    /// The events go to `call`, which must live until this handle has been destroyed.
    func open(for call: OpenCall) -> Bool {
        unsafe CGRPCShims_ServerCall_open(raw, Unmanaged.passUnretained(call).toOpaque())
    }

    func receive() -> Bool {
        unsafe CGRPCShims_ServerCall_receive(raw)
    }

    func send(_ message: [UInt8]) -> Bool {
        // The C function copies the bytes before it returns.
        unsafe message.withUnsafeBufferPointer {
            unsafe CGRPCShims_ServerCall_send(raw, CGRPCShims_Bytes(borrowing: $0))
        }
    }

    /// The status alone, or OK after a reply.
    func finish(_ end: CallEnd) -> Bool {
        // The C function copies reply and text before it returns.
        switch end {
        case .reply(let reply):
            return unsafe reply.withUnsafeBufferPointer {
                var bytes = unsafe CGRPCShims_Bytes(borrowing: $0)
                return unsafe CGRPCShims_ServerCall_finish(raw, &bytes, .OK, CGRPCShims_Bytes())
            }
        case .status(let status):
            var text = String(status.message.prefix(utf8Bytes: statusTextLimit))
            let code = CGRPCShims_Code(status.code)
            return text.withUTF8 {
                unsafe CGRPCShims_ServerCall_finish(raw, nil, code, CGRPCShims_Bytes(borrowing: $0))
            }
        }
    }
}

/// How a call is ended by this side.
enum CallEnd: Sendable {
    case reply([UInt8])
    case status(GRPCStatus)
}

/// Bytes of UTF-8. Three times as much after percent-encoding still fits the 8 KiB of headers that peers accept.
let statusTextLimit = 1024

// MARK: Events: each unwraps its context and calls one method.

// A server is kept alive by itself until it has been shut down, and a call by its server's registry until its handle
// has been destroyed, so each context below points to a living object.

private func server(_ context: UnsafeMutableRawPointer) -> GRPCServer {
    unsafe Unmanaged<GRPCServer>.fromOpaque(context).takeUnretainedValue()
}

private func call(_ context: UnsafeMutableRawPointer) -> OpenCall {
    unsafe Unmanaged<OpenCall>.fromOpaque(context).takeUnretainedValue()
}

private let serverEvents = unsafe CGRPCShims_ServerEvents(
    arrived: { unsafe server($0).arrived(ServerCallHandle(takingOwnership: $1)) },
    shutDown: { unsafe server($0).connectionsEnded() },
    received: { unsafe call($0).received(bytes(takingOwnership: $1), brokeOff: $2) },
    sent: { unsafe call($0).sent(accepted: $1) },
    finished: { context, _ in unsafe call(context).finished() },
    closed: { context, _ in unsafe call(context).closed() })
