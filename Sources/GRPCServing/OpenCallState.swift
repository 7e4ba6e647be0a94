extension OpenCall {
    /// The state machine of one call. Its transitions run inside the call's mutex and return what is to be done once it
    /// is unlocked: a continuation to resume, a task to cancel, or that the call `isOver` and can be forgotten.
    struct State: ~Copyable {
        /// nil once the call is over on the wire.
        private var handle: ServerCallHandle?
        /// Started on the handle and not answered by an event.
        private var operations = 0
        private var isClosed = false
        private var isFinishing = false
        private var receiving = Receiving.idle
        private var sending: CheckedContinuation<Sent, Never>?
        private var work = Work.none

        private enum Receiving {
            case idle
            /// The one message of a unary call is awaited.
            case request
            case awaited(CheckedContinuation<Received, Never>)
            /// Asked for by a task that was cancelled; kept for the next one.
            case abandoned
            case arrived(Received)
        }

        private enum Work {
            /// No handler runs.
            case none
            /// One does, and its task is not known yet.
            case starting(cancelled: Bool)
            case running(Task<Void, Never>)
        }

        enum AfterReceive {
            case none
            case start(request: [UInt8])
            /// In place of the handler, which is not started.
            case refuse(GRPCStatus)
            case resume(CheckedContinuation<Received, Never>, Received)
        }

        init(handle: consuming ServerCallHandle) {
            self.handle = consume handle
        }

        private mutating func start(_ operation: (borrowing ServerCallHandle) -> Bool) -> Bool {
            switch handle {
            case .some(let handle):
                guard operation(handle) else { return false }
            case .none:
                return false
            }
            operations += 1
            return true
        }

        /// Ends the handle with its last operation. Returns whether nothing at all is left of the call.
        private mutating func settle() -> Bool {
            guard operations == 0 else { return false }
            handle = nil
            return if case .none = work { true } else { false }
        }

        // MARK: This side

        /// Must come first. The handler of a stream starts with it, and so counts as started.
        mutating func open(for call: OpenCall, startingHandler: Bool) -> Bool {
            guard start({ $0.open(for: call) }) else {
                handle = nil
                return false
            }
            // A shutdown may have ended the call before it was opened.
            if startingHandler { work = .starting(cancelled: isFinishing) }
            return true
        }

        mutating func receiveRequest() {
            if start({ $0.receive() }) { receiving = .request }
        }

        /// Returns whether this is what ends the call: it has not been ended before, by either side.
        @discardableResult
        mutating func finish(_ end: CallEnd) -> Bool {
            guard !isFinishing, !isClosed, start({ $0.finish(end) }) else { return false }
            isFinishing = true
            return true
        }

        /// Returns whether the task is to be cancelled at once.
        mutating func started(_ task: Task<Void, Never>) -> Bool {
            // Without work the handler has returned before its task was known.
            guard case .starting(let cancelled) = work else { return false }
            work = .running(task)
            return cancelled
        }

        mutating func cancelWork() -> Task<Void, Never>? {
            switch work {
            case .none: return nil
            case .starting:
                work = .starting(cancelled: true)
                return nil
            case .running(let task): return task
            }
        }

        mutating func handlerReturned(_ end: CallEnd) -> Bool {
            finish(end)
            work = .none
            return settle()
        }

        /// Returns what is known without waiting.
        mutating func awaitMessage(_ continuation: CheckedContinuation<Received, Never>) -> Received? {
            // Seen inside the mutex: a cancellation from here on finds the continuation in place.
            guard !Task.isCancelled else { return .failure(.brokenOff) }
            switch receiving {
            case .request, .awaited:
                return .failure(GRPCStatus(.failedPrecondition, "another task is waiting for the next message"))
            case .arrived(let result):
                // The end stays; a message is taken.
                if case .success(.some) = result { receiving = .idle }
                return result
            case .idle:
                guard !isFinishing, start({ $0.receive() }) else { return .failure(.brokenOff) }
            case .abandoned:
                break
            }
            receiving = .awaited(continuation)
            return nil
        }

        mutating func abandonMessage() -> CheckedContinuation<Received, Never>? {
            guard case .awaited(let continuation) = receiving else { return nil }
            receiving = .abandoned
            return continuation
        }

        /// Returns what is known without waiting.
        mutating func send(_ message: [UInt8], _ continuation: CheckedContinuation<Sent, Never>) -> Sent? {
            guard sending == nil else {
                return .failure(GRPCStatus(.failedPrecondition, "another task is sending a message"))
            }
            guard !isFinishing, !isClosed, start({ $0.send(message) }) else { return .failure(.brokenOff) }
            sending = continuation
            return nil
        }

        // MARK: Events

        mutating func received(_ message: [UInt8]?, brokeOff: Bool) -> (then: AfterReceive, isOver: Bool) {
            operations -= 1
            let result: Received = brokeOff ? .failure(.brokenOff) : .success(message)
            let then: AfterReceive
            switch receiving {
            case .request:
                then = receivedRequest(message, brokeOff: brokeOff)
            case .awaited(let continuation):
                receiving = message == nil ? .arrived(result) : .idle
                then = .resume(continuation, result)
            case .abandoned, .idle, .arrived:
                receiving = .arrived(result)
                then = .none
            }
            return (then, settle())
        }

        private mutating func receivedRequest(_ message: [UInt8]?, brokeOff: Bool) -> AfterReceive {
            receiving = .idle
            guard !brokeOff, !isClosed, !isFinishing else { return .none }
            guard let message else {
                // The code is that of statuscodes.md in the gRPC specification.
                return .refuse(GRPCStatus(.unimplemented, "the method takes one message; none was sent"))
            }
            work = .starting(cancelled: false)
            return .start(request: message)
        }

        mutating func sent() -> (continuation: CheckedContinuation<Sent, Never>?, isOver: Bool) {
            operations -= 1
            let continuation = sending
            sending = nil
            return (continuation, settle())
        }

        mutating func finished() -> Bool {
            operations -= 1
            return settle()
        }

        mutating func closed() -> (task: Task<Void, Never>?, isOver: Bool) {
            operations -= 1
            isClosed = true
            return (cancelWork(), settle())
        }
    }
}
