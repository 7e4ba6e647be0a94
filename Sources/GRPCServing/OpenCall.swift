import Synchronization

/// One call at the server, from its arrival until it is over on the wire and its handler has returned.
///
/// The C call lives in `State`, and ends with the last of the operations started on it. The first of those, `open`, is
/// under way until the call is over on the wire; so a handler that ignores its cancellation keeps only this object.
final class OpenCall: Sendable {
    typealias Received = Result<[UInt8]?, GRPCStatus>
    typealias Sent = Result<Void, GRPCStatus>

    let context: CallContext
    private let server: GRPCServer
    private let handler: MethodHandler?
    private let state: Mutex<State>

    init(handle: consuming ServerCallHandle, id: UInt64, method: String, handler: MethodHandler?, server: GRPCServer) {
        self.context = CallContext(method: method, id: id, deadline: handle.deadline, metadata: handle.metadata)
        self.server = server
        self.handler = handler
        self.state = Mutex(State(handle: handle))
    }

    var hasHandler: Bool { handler != nil }

    /// Answers the call, once, on the pump: with the refusal, or what the handler makes of it.
    func begin(refusal: GRPCStatus?) {
        var stream: (@Sendable (ServerCall, CallContext) async throws(GRPCStatus) -> Void)?
        if refusal == nil, case .stream(let body) = handler { stream = body }
        let opened = state.withLock { [isStream = stream != nil] state in
            guard state.open(for: self, startingHandler: isStream) else { return false }
            if let refusal {
                state.finish(.status(refusal))
            } else if !isStream {
                state.receiveRequest()
            }
            return true
        }
        if !opened {
            server.retire(self)
        } else if let stream {
            run { [context, call = ServerCall(self)] () throws(GRPCStatus) in
                try await stream(call, context)
                return .status(GRPCStatus(.ok, ""))
            }
        }
    }

    /// Starts the handler, on the executor, or else on this thread.
    private func run(
        on executor: (any TaskExecutor)? = nil, _ body: @escaping @Sendable () async throws(GRPCStatus) -> CallEnd
    ) {
        let work: @concurrent @Sendable () async -> Void = {
            do throws(GRPCStatus) {
                self.handlerReturned(try await body())
            } catch {
                self.handlerReturned(.status(error))
            }
        }
        let task =
            if let executor { Task(executorPreference: executor, operation: work) } else {
                Task.immediate(operation: work)
            }
        if state.withLock({ $0.started(task) }) { task.cancel() }
    }

    private func handlerReturned(_ end: CallEnd) {
        // Before the client can know: its next call must find the place free.
        server.handlerReturned(self)
        let isOver = state.withLock { $0.handlerReturned(end) }
        if isOver { server.retire(self) }
    }

    /// Ends the call whatever its handler does, and cancels the handler. Returns whether the client gets the status.
    func abort(_ status: GRPCStatus) -> Bool {
        let (answered, task) = state.withLock { state in (state.finish(.status(status)), state.cancelWork()) }
        task?.cancel()
        return answered
    }

    // MARK: What the handler asks for

    func next() async -> Received {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLock { $0.awaitMessage(continuation) }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            state.withLock { $0.abandonMessage() }?.resume(returning: .failure(.brokenOff))
        }
    }

    /// Not ended by cancelling the task that waits: the message is on its way, and the end of the call ends the wait.
    func send(_ message: [UInt8]) async -> Sent {
        await withCheckedContinuation { continuation in
            let known = state.withLock { $0.send(message, continuation) }
            if let known { continuation.resume(returning: known) }
        }
    }

    // MARK: Events, on the pump

    func received(_ message: [UInt8]?, brokeOff: Bool) {
        let (then, isOver) = state.withLock { $0.received(message, brokeOff: brokeOff) }
        switch then {
        case .none: break
        case .resume(let continuation, let result): continuation.resume(returning: result)
        case .refuse(let status): handlerReturned(.status(status))
        case .start(let request):
            guard case .unary(let executor, let body) = handler else { break }
            run(on: executor) { [context] () throws(GRPCStatus) in .reply(try await body(request, context)) }
        }
        if isOver { server.retire(self) }
    }

    func sent(accepted: Bool) {
        let (continuation, isOver) = state.withLock { $0.sent() }
        continuation?.resume(returning: accepted ? .success(()) : .failure(.brokenOff))
        if isOver { server.retire(self) }
    }

    func finished() {
        let isOver = state.withLock { $0.finished() }
        if isOver { server.retire(self) }
    }

    func closed() {
        let (task, isOver) = state.withLock { $0.closed() }
        task?.cancel()
        if isOver { server.retire(self) }
    }
}

extension GRPCStatus {
    static let brokenOff = GRPCStatus(
        .cancelled, "the call has ended: it was cancelled, its deadline has passed, or its connection is gone")
}
