import Synchronization

/// A client's connection to one Unix socket. It is made once: when it is lost, calls fail with UNAVAILABLE.
package final class GRPCChannel: Sendable {
    private let connection: Connection

    /// The longest message a client receives; what gRPC itself allows unless it is told otherwise.
    private static let messageBytes: Int32 = 4 << 20

    /// Connects. Blocks for at most a second, and only if the listener's backlog is full.
    ///
    /// - Throws: when nothing is there, nobody listens, or no thread can be started.
    package init(to endpoint: UnixEndpoint) throws(EndpointError) {
        let socket = try connectedSocket(to: endpoint)
        switch ChannelHandle.create(over: socket, messageBytes: Self.messageBytes) {
        case .failed(let error):
            throw EndpointError(
                asked: "connect to \(endpoint.path)", found: "no thread can be started: \(errorText(error))",
                remedy: "raise the limit of processes")
        case .created(let handle):
            connection = Connection(handle: handle)
        }
    }

    deinit {
        connection.close()
    }

    /// Sends one message and waits for the one that answers it. Cancelling the task cancels the call.
    ///
    /// - Parameter metadata: headers; names in lower case, without binary ones (`-bin`).
    /// - Throws: the status the call ended with. INVALID_ARGUMENT when the metadata are not legal.
    package func unary(
        _ method: String, _ request: [UInt8], timeout: Duration, metadata: [(key: String, value: String)] = []
    ) async throws(GRPCStatus) -> [UInt8] {
        let call = OutgoingCall(connection: connection)
        try connection.start(call, method: method, request: request, timeout: timeout, metadata: metadata)
        return try await call.reply().get()
    }

    /// Begins a call with any number of messages in both directions.
    ///
    /// - Parameter metadata: headers; names in lower case, without binary ones (`-bin`).
    /// - Throws: INVALID_ARGUMENT when the metadata are not legal, UNAVAILABLE when the channel is closed.
    package func stream(
        _ method: String, timeout: Duration, metadata: [(key: String, value: String)] = []
    ) throws(GRPCStatus) -> ClientCall {
        let call = OutgoingCall(connection: connection)
        try connection.start(call, method: method, request: nil, timeout: timeout, metadata: metadata)
        return ClientCall(call, channel: self)
    }

    /// Cancels what is under way, and closes the connection after it; waits for neither.
    package func close() {
        connection.close()
    }
}

/// A streaming call, at the client. Cancelled when nobody holds it any more.
package final class ClientCall: Sendable {
    private let call: OutgoingCall
    /// Not closed before its calls have ended.
    private let channel: GRPCChannel

    fileprivate init(_ call: OutgoingCall, channel: GRPCChannel) {
        self.call = call
        self.channel = channel
    }

    deinit {
        call.cancel()
    }

    /// Sends one message; returns when there is room for another one. Cancelling the task cancels the call.
    ///
    /// - Throws: the status the call ended with, CANCELLED in place of OK. FAILED_PRECONDITION when another task is
    ///   sending.
    package func send(_ message: [UInt8]) async throws(GRPCStatus) {
        try await call.send(message).get()
    }

    /// Tells the server that no further message comes.
    ///
    /// - Throws: FAILED_PRECONDITION when another task is sending.
    package func closeSend() async throws(GRPCStatus) {
        try await call.closeSend().get()
    }

    /// The next message, or nil when the call has ended with OK. Cancelling the task cancels the call.
    ///
    /// - Throws: the status the call ended with. FAILED_PRECONDITION when another task is waiting already.
    package func next() async throws(GRPCStatus) -> [UInt8]? {
        try await call.next().get()
    }

    /// Ends the call with CANCELLED, unless it has ended.
    package func cancel() {
        call.cancel()
    }
}

/// The C channel, and the calls on it that are not over. The channel ends after close, with the last of them.
final class Connection: Sendable {
    private let state: Mutex<State>

    private struct State: ~Copyable {
        var handle: ChannelHandle?
        var isClosed = false
        /// Each is kept alive here for the events of its C call.
        var calls: [ObjectIdentifier: OutgoingCall] = [:]

        mutating func endIfUnused() {
            if isClosed, calls.isEmpty { handle = nil }
        }
    }

    init(handle: consuming ChannelHandle) {
        state = Mutex(State(handle: handle))
    }

    func start(
        _ call: OutgoingCall, method: String, request: [UInt8]?, timeout: Duration,
        metadata: [(key: String, value: String)]
    ) throws(GRPCStatus) {
        let refusal: GRPCStatus? = state.withLock { state in
            guard !state.isClosed else { return .closed }
            let refusal: GRPCStatus?
            switch state.handle {
            case .some(let handle):
                refusal = call.start(
                    handle.makeCall(method, timeout: timeout, for: call), request: request, metadata: metadata)
            case .none:
                refusal = .closed
            }
            if refusal == nil { state.calls[ObjectIdentifier(call)] = call }
            return refusal
        }
        if let refusal { throw refusal }
    }

    /// Forgets a call whose C call has ended.
    func retire(_ call: OutgoingCall) {
        state.withLock { state in
            state.calls[ObjectIdentifier(call)] = nil
            state.endIfUnused()
        }
    }

    func close() {
        let calls = state.withLock { state in
            state.isClosed = true
            state.endIfUnused()
            return Array(state.calls.values)
        }
        for call in calls { call.cancel() }
    }
}

extension GRPCStatus {
    fileprivate static let closed = GRPCStatus(.unavailable, "the channel is closed: connect again")
}
