extension OutgoingCall {
    /// The state machine of one call at the client. Its transitions run inside the call's mutex and return who is to
    /// be resumed after it has been unlocked.
    struct State: ~Copyable {
        /// nil before the start, and once the C call has ended.
        private var handle: ClientCallHandle?
        /// Started on the handle and not answered by an event.
        private var operations = 0
        /// Known once the call has ended.
        private var status: GRPCStatus?
        private var reply: [UInt8]?
        private var replying: CheckedContinuation<Reply, Never>?
        private var receiving: CheckedContinuation<Received, Never>?
        /// The server sends no message any more; its status is there or follows.
        private var isDrained = false
        private var sending: CheckedContinuation<Sent, Never>?
        /// What was being sent was not taken; the status that says why is on its way.
        private var isSendRefused = false

        /// What follows an event. Nobody waits for more than one thing of each kind.
        struct Wake {
            var replying: (CheckedContinuation<Reply, Never>, Reply)?
            var receiving: (CheckedContinuation<Received, Never>, Received)?
            var sending: (CheckedContinuation<Sent, Never>, Sent)?
            /// Nothing is left of the C call.
            var isOver = false

            func resume() {
                if let (continuation, result) = replying { continuation.resume(returning: result) }
                if let (continuation, result) = receiving { continuation.resume(returning: result) }
                if let (continuation, result) = sending { continuation.resume(returning: result) }
            }
        }

        private mutating func start(_ operation: (borrowing ClientCallHandle) -> Bool) -> Bool {
            switch handle {
            case .some(let handle):
                guard operation(handle) else { return false }
            case .none:
                return false
            }
            operations += 1
            return true
        }

        /// Returns why not.
        mutating func begin(_ handle: consuming ClientCallHandle, request: [UInt8]?) -> GRPCStatus? {
            self.handle = consume handle
            guard start({ $0.start(request: request) }) else {
                self.handle = nil
                return GRPCStatus(.internalError, "libgrpc refused to start the call")
            }
            return nil
        }

        func cancel() {
            switch handle {
            case .some(let handle): handle.cancel()
            case .none: break
            }
        }

        // MARK: What the caller asks for: each returns what is known without waiting

        mutating func awaitReply(_ continuation: CheckedContinuation<Reply, Never>) -> Reply? {
            guard let status else {
                replying = continuation
                return nil
            }
            return answer(status)
        }

        mutating func awaitMessage(_ continuation: CheckedContinuation<Received, Never>) -> Received? {
            guard receiving == nil else {
                return .failure(GRPCStatus(.failedPrecondition, "another task is waiting for the next message"))
            }
            if isDrained || !start({ $0.receive() }), let status { return end(status) }
            receiving = continuation
            return nil
        }

        mutating func send(_ message: [UInt8], _ continuation: CheckedContinuation<Sent, Never>) -> Sent? {
            guard sending == nil else { return .failure(.alreadySending) }
            if let status { return .failure(unsent(status)) }
            guard start({ $0.send(message) }) else {
                return .failure(GRPCStatus(.failedPrecondition, "the sending side of the call is closed"))
            }
            sending = continuation
            return nil
        }

        mutating func closeSend(_ continuation: CheckedContinuation<Sent, Never>) -> Sent? {
            guard sending == nil else { return .failure(.alreadySending) }
            guard status == nil, start({ $0.closeSend() }) else { return .success(()) }
            sending = continuation
            return nil
        }

        // MARK: Events

        mutating func received(_ message: [UInt8]?) -> Wake {
            operations -= 1
            if message == nil { isDrained = true }
            var wake = Wake()
            if let continuation = receiving {
                if let message {
                    wake.receiving = (continuation, .success(message))
                    receiving = nil
                } else if let status {
                    wake.receiving = (continuation, end(status))
                    receiving = nil
                }
            }
            wake.isOver = settle()
            return wake
        }

        mutating func sent(accepted: Bool) -> Wake {
            operations -= 1
            var wake = Wake()
            if let continuation = sending {
                if accepted {
                    wake.sending = (continuation, .success(()))
                    sending = nil
                } else if let status {
                    wake.sending = (continuation, .failure(unsent(status)))
                    sending = nil
                } else {
                    isSendRefused = true
                }
            }
            wake.isOver = settle()
            return wake
        }

        mutating func ended(_ status: GRPCStatus, reply: [UInt8]?) -> Wake {
            operations -= 1
            self.status = status
            self.reply = reply
            var wake = Wake()
            if let continuation = replying {
                wake.replying = (continuation, answer(status))
                replying = nil
            }
            if isDrained, let continuation = receiving {
                wake.receiving = (continuation, end(status))
                receiving = nil
            }
            if isSendRefused, let continuation = sending {
                wake.sending = (continuation, .failure(unsent(status)))
                sending = nil
            }
            wake.isOver = settle()
            return wake
        }

        private mutating func settle() -> Bool {
            guard operations == 0, status != nil else { return false }
            handle = nil
            // libgrpc keeps a good status back until every message has been read.
            isDrained = true
            return true
        }

        private func answer(_ status: GRPCStatus) -> Reply {
            guard status.code == .ok else { return .failure(status) }
            guard let reply else {
                return .failure(GRPCStatus(.internalError, "the server answered OK without a message"))
            }
            return .success(reply)
        }

        private func end(_ status: GRPCStatus) -> Received {
            status.code == .ok ? .success(nil) : .failure(status)
        }

        private func unsent(_ status: GRPCStatus) -> GRPCStatus {
            guard status.code == .ok else { return status }
            return GRPCStatus(.cancelled, "the server ended the call with OK before this message was sent")
        }
    }
}

extension GRPCStatus {
    fileprivate static let alreadySending = GRPCStatus(.failedPrecondition, "another task is sending a message")
}
