import CGRPCShims

// The owners of the client's C handles. Each is the only one to hold its pointer, and ends what it points to.

/// libgrpc's channel over one socket. Lives inside the mutex of its `Connection`, and longer than the calls on it.
@safe
struct ChannelHandle: ~Copyable, @unchecked Sendable {
    private let raw: OpaquePointer

    enum Result: ~Copyable {
        case created(ChannelHandle)
        case failed(CInt)
    }

    /// `messageBytes` is the most that one received message may have.
    static func create(over socket: consuming Descriptor, messageBytes: Int32) -> Result {
        var raw: OpaquePointer?
        let error = unsafe CGRPCShims_Channel_create(socket.release(), messageBytes, clientEvents, &raw)
        guard let raw = unsafe raw else { return .failed(error) }
        return unsafe .created(ChannelHandle(raw))
    }

    private init(_ raw: OpaquePointer) {
        unsafe self.raw = raw
    }

    deinit {
        // Waits for nothing: the pump ends by itself.
        unsafe CGRPCShims_Channel_destroy(raw)
    }

    /// The events go to `call`, which must live until the handle returned has been destroyed.
    func makeCall(_ method: String, timeout: Duration, for call: OutgoingCall) -> ClientCallHandle {
        var method = method
        let nanoseconds = timeout.clampedNanoseconds
        let context = unsafe Unmanaged.passUnretained(call).toOpaque()
        // The C function copies the name before it returns.
        let handle = method.withUTF8 {
            unsafe CGRPCShims_ClientCall_create(raw, CGRPCShims_Bytes(borrowing: $0), nanoseconds, context)
        }
        return unsafe ClientCallHandle(takingOwnership: handle)
    }
}

/// One call. Not used from two threads at a time: it lives inside the mutex of its `OutgoingCall`.
@safe
struct ClientCallHandle: ~Copyable, @unchecked Sendable {
    private let raw: OpaquePointer

    fileprivate init(takingOwnership raw: OpaquePointer) {
        unsafe self.raw = raw
    }

    deinit {
        unsafe CGRPCShims_ClientCall_destroy(raw)
    }

    /// Before `start`. False: not legal as a header.
    func addMetadata(key: String, value: String) -> Bool {
        // The C function copies both before it returns.
        var (key, value) = (key, value)
        return key.withUTF8 { key in
            value.withUTF8 { value in
                unsafe CGRPCShims_ClientCall_addMetadata(
                    raw, CGRPCShims_Bytes(borrowing: key), CGRPCShims_Bytes(borrowing: value))
            }
        }
    }

    /// With a request the call is unary, and complete.
    func start(request: [UInt8]?) -> Bool {
        guard let request else { return unsafe CGRPCShims_ClientCall_start(raw, nil) }
        // The C function copies the bytes before it returns.
        return unsafe request.withUnsafeBufferPointer {
            var bytes = unsafe CGRPCShims_Bytes(borrowing: $0)
            return unsafe CGRPCShims_ClientCall_start(raw, &bytes)
        }
    }

    func send(_ message: [UInt8]) -> Bool {
        // The C function copies the bytes before it returns.
        unsafe message.withUnsafeBufferPointer {
            unsafe CGRPCShims_ClientCall_send(raw, CGRPCShims_Bytes(borrowing: $0))
        }
    }

    func closeSend() -> Bool {
        unsafe CGRPCShims_ClientCall_closeSend(raw)
    }

    func receive() -> Bool {
        unsafe CGRPCShims_ClientCall_receive(raw)
    }

    func cancel() {
        unsafe CGRPCShims_ClientCall_cancel(raw)
    }
}

// MARK: Events: each unwraps its context and calls one method.

// A call is kept alive by its connection until its handle has been destroyed, so the context points to a living object.
private func call(_ context: UnsafeMutableRawPointer) -> OutgoingCall {
    unsafe Unmanaged<OutgoingCall>.fromOpaque(context).takeUnretainedValue()
}

private let clientEvents = unsafe CGRPCShims_ClientEvents(
    received: { unsafe call($0).received(bytes(takingOwnership: $1)) },
    sent: { unsafe call($0).sent(accepted: $1) },
    sendClosed: { unsafe call($0).sendClosed() },
    ended: { context, code, text, reply in
        let status = GRPCStatus(
            GRPCCode(rawValue: code.rawValue), unsafe String(decoding: text.buffer, as: UTF8.self))
        unsafe call(context).ended(status, reply: bytes(takingOwnership: reply))
    })
