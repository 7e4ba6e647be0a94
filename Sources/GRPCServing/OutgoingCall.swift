import Synchronization

/// One call at the client, from its start until its C call has ended.
final class OutgoingCall: Sendable {
    typealias Received = Result<[UInt8]?, GRPCStatus>
    typealias Sent = Result<Void, GRPCStatus>
    typealias Reply = Result<[UInt8], GRPCStatus>

    private let connection: Connection
    private let state = Mutex(State())

    init(connection: Connection) {
        self.connection = connection
    }

    /// Inside the mutex of the connection: events wait there until the call is known to it.
    ///
    /// - Returns: why not.
    func start(
        _ handle: consuming ClientCallHandle, request: [UInt8]?, metadata: [(key: String, value: String)]
    ) -> GRPCStatus? {
        for (key, value) in metadata where !handle.addMetadata(key: key, value: value) {
            return GRPCStatus(
                .invalidArgument,
                "the header \"\(key.prefix(utf8Bytes: 128))\" is not legal: names are in lower case and do not end in "
                    + "-bin, values are printable ASCII")
        }
        var handle = Optional(handle)
        return state.withLock { state in
            guard let handle = handle.take() else { return nil }
            return state.begin(handle, request: request)
        }
    }

    func cancel() {
        state.withLock { $0.cancel() }
    }

    // MARK: What the caller asks for. A cancelled task cancels the call, whose end answers every wait.

    func reply() async -> Reply {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLock { $0.awaitReply(continuation) }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            cancel()
        }
    }

    func next() async -> Received {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLock { $0.awaitMessage(continuation) }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            cancel()
        }
    }

    func send(_ message: [UInt8]) async -> Sent {
        await sending { state, continuation in state.send(message, continuation) }
    }

    func closeSend() async -> Sent {
        await sending { state, continuation in state.closeSend(continuation) }
    }

    private func sending(
        _ begin: (inout State, CheckedContinuation<Sent, Never>) -> Sent?
    ) async -> Sent {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLock { begin(&$0, continuation) }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            cancel()
        }
    }

    // MARK: Events, on the pump

    func received(_ message: [UInt8]?) {
        let wake = state.withLock { $0.received(message) }
        wake.resume()
        if wake.isOver { connection.retire(self) }
    }

    func sent(accepted: Bool) {
        let wake = state.withLock { $0.sent(accepted: accepted) }
        wake.resume()
        if wake.isOver { connection.retire(self) }
    }

    func sendClosed() {
        sent(accepted: true)
    }

    func ended(_ status: GRPCStatus, reply: [UInt8]?) {
        let wake = state.withLock { $0.ended(status, reply: reply) }
        wake.resume()
        if wake.isOver { connection.retire(self) }
    }
}
