import CGRPCShims
import Synchronization

/// Answers gRPC calls on one Unix socket.
///
/// From `listen` until the end of `shutdown` a server keeps itself alive.
package final class GRPCServer: Sendable {
    private let methods: [String: MethodHandler]
    private let limits: ServerLimits
    private let phase = Mutex(Phase.new)
    private let calls = Mutex(Calls())
    /// No call is left, after the server began to drain.
    private let drained = Flag()
    /// No connection is left, and no event follows.
    private let disconnected = Flag()

    fileprivate enum Phase: ~Copyable {
        case new
        case starting
        case serving(Serving)
        case stopping
        case stopped(ShutdownOutcome)
    }

    fileprivate struct Serving: ~Copyable {
        let handle: ServerHandle
        let listener: UnixListener
    }

    /// The calls that are not over. Each is kept alive here for the events of its C call.
    private struct Calls {
        var open: [ObjectIdentifier: Entry] = [:]
        /// Calls whose handler has not returned; the limit is one of these.
        var inFlight = 0
        var isDraining = false
        /// The server itself, while events can come.
        var keeper: GRPCServer?

        struct Entry {
            let call: OpenCall
            var isInFlight: Bool
        }

        mutating func handlerReturned(_ call: OpenCall) {
            guard open[ObjectIdentifier(call)]?.isInFlight == true else { return }
            open[ObjectIdentifier(call)]?.isInFlight = false
            inFlight -= 1
        }
    }

    /// Handlers by method, "/csi.v1.Identity/Probe".
    package init(methods: [String: MethodHandler], limits: ServerLimits = .init()) {
        self.methods = methods
        self.limits = limits
    }

    /// Calls that have arrived, were not refused, and whose handler has not returned.
    package var callsInFlight: Int { calls.withLock { $0.inFlight } }

    /// Makes the socket and serves on it, on threads of the server. Once in the life of a server.
    ///
    /// - Throws: when the socket cannot be made, or no thread be started.
    package func listen(on endpoint: UnixEndpoint) throws(EndpointError) {
        let isFirst = phase.withLock { $0.beginStarting() }
        func failure(_ found: String, _ remedy: String) -> EndpointError {
            EndpointError(asked: "listen on \(endpoint.path)", found: found, remedy: remedy)
        }
        guard isFirst else { throw failure("this server has been started before", "make another server") }
        do throws(EndpointError) {
            var serving = Optional(try start(on: endpoint, failure: failure))
            phase.withLock { phase in
                if let serving = serving.take() { phase = .serving(serving) }
            }
        } catch {
            phase.withLock { $0 = .new }
            throw error
        }
    }

    private func start(
        on endpoint: UnixEndpoint, failure: (String, String) -> EndpointError
    ) throws(EndpointError) -> Serving {
        let listener = try UnixListener(on: endpoint)
        switch ServerHandle.create(limits: limits, server: self) {
        case .failed(let error):
            listener.unlink()
            throw failure("no thread can be started: \(errorText(error))", "raise the limit of processes")
        case .created(let handle):
            calls.withLock { $0.keeper = self }
            let error = handle.startAccepting(listener)
            guard error == 0 else {
                listener.unlink()
                end(handle)
                throw failure("accepting cannot start: \(errorText(error))", "raise the limits of processes and files")
            }
            return Serving(handle: handle, listener: listener)
        }
    }

    // MARK: The end

    /// Stops serving: removes the socket, accepts no connection any more, refuses new calls, and gives those in flight
    /// until `grace` to end. The rest is answered UNAVAILABLE, and its handlers are cancelled.
    ///
    /// Blocks the calling thread, which must be a plain one, for at most `grace` and a second. Once: a second call
    /// returns at once, with the outcome of the first if that is known.
    package func shutdown(grace: Duration) -> ShutdownOutcome {
        switch phase.withLock({ $0.beginStopping() }) {
        case .known(let outcome):
            return outcome
        case .stop(let serving):
            let outcome = stop(serving, grace: grace)
            phase.withLock { $0 = .stopped(outcome) }
            return outcome
        }
    }

    private func stop(_ serving: consuming Serving, grace: Duration) -> ShutdownOutcome {
        // The name first, and the listening socket before the calls are waited for: nobody is to connect, or to wait
        // in the backlog, for a server that does not accept.
        serving.listener.unlink()
        serving.handle.stopAccepting()
        let handle = serving.takeHandle()
        let isIdle = calls.withLock { calls in
            calls.isDraining = true
            return calls.open.isEmpty
        }
        if isIdle { drained.raise() }

        var answered = 0
        if !drained.wait(atMost: grace) {
            for entry in calls.withLock({ Array($0.open.values) }) where entry.call.abort(.stopping) { answered += 1 }
            _ = drained.wait(atMost: .milliseconds(400))
        }
        end(handle)
        // Handlers whose connection was cut off just now have yet to hear of it.
        if callsInFlight > 0 { _ = drained.wait(atMost: .milliseconds(200)) }
        let handlers = callsInFlight
        return if handlers > 0 { .stuck(handlers: handlers) } else if answered > 0 {
            .answeredUnavailable(calls: answered)
        } else { .drained }
    }

    /// Ends the connections and the threads, in less than half a second. A pump that a handler blocks for ever is left
    /// behind, and the server with it.
    private func end(_ handle: consuming ServerHandle) {
        handle.beginShutdown()
        // Peers close by themselves when they are told; those that do not are cut off.
        if !disconnected.wait(atMost: .milliseconds(100)) {
            handle.disconnect()
            guard disconnected.wait(atMost: .milliseconds(300)) else { return }
        }
        handle.destroy()
        calls.withLock { $0.keeper = nil }
    }

    // MARK: Events, on the pump

    func arrived(_ handle: consuming ServerCallHandle) {
        let method = handle.method
        let call = OpenCall(
            handle: handle, id: nextCallID(), method: method, handler: methods[method], server: self)
        // Admitted and kept in one step: a shutdown that begins meanwhile finds the call, or has it refused.
        let refusal: GRPCStatus? = calls.withLock { calls in
            let refusal = self.refusal(of: call, calls)
            calls.open[ObjectIdentifier(call)] = Calls.Entry(call: call, isInFlight: refusal == nil)
            if refusal == nil { calls.inFlight += 1 }
            return refusal
        }
        call.begin(refusal: refusal)
    }

    private func refusal(of call: OpenCall, _ calls: Calls) -> GRPCStatus? {
        if calls.isDraining { return .stopping }
        guard call.hasHandler else {
            let method = call.context.method.prefix(utf8Bytes: 256)
            return GRPCStatus(.unimplemented, "no method \(method) is served here")
        }
        guard calls.inFlight < limits.callsInFlight else {
            return GRPCStatus(
                .unavailable, "\(limits.callsInFlight) calls are in flight, the most there may be; call again")
        }
        return nil
    }

    func connectionsEnded() {
        disconnected.raise()
    }

    // MARK: Calls that end

    func handlerReturned(_ call: OpenCall) {
        calls.withLock { $0.handlerReturned(call) }
    }

    /// Forgets a call that is over on the wire and has no handler any more.
    func retire(_ call: OpenCall) {
        let isLast = calls.withLock { calls in
            calls.handlerReturned(call)
            calls.open[ObjectIdentifier(call)] = nil
            return calls.isDraining && calls.open.isEmpty
        }
        if isLast { drained.raise() }
    }
}

/// How a shutdown went.
package enum ShutdownOutcome: Hashable, Sendable {
    /// Every call ended by itself.
    case drained
    /// So many calls were told UNAVAILABLE; their handlers have returned.
    case answeredUnavailable(calls: Int)
    /// So many handlers still run, though they were cancelled.
    case stuck(handlers: Int)
}

extension GRPCServer.Phase {
    fileprivate enum Stopping: ~Copyable {
        case stop(GRPCServer.Serving)
        case known(ShutdownOutcome)
    }

    /// Returns whether nobody has begun before.
    fileprivate mutating func beginStarting() -> Bool {
        switch self {
        case .new: break
        default: return false
        }
        self = .starting
        return true
    }

    fileprivate mutating func beginStopping() -> Stopping {
        let before = exchange(with: .stopping)
        switch consume before {
        case .serving(let serving):
            return .stop(serving)
        case .new:
            self = .stopped(.drained)
            return .known(.drained)
        case .stopped(let outcome):
            self = .stopped(outcome)
            return .known(outcome)
        case .starting:
            self = .starting
            return .known(.drained)
        case .stopping:
            return .known(.drained)
        }
    }

    private mutating func exchange(with new: consuming GRPCServer.Phase) -> GRPCServer.Phase {
        let old = self
        self = new
        return old
    }
}

extension GRPCServer.Serving {
    /// Closes the listening socket.
    fileprivate consuming func takeHandle() -> ServerHandle {
        handle
    }
}

extension GRPCStatus {
    fileprivate static let stopping = GRPCStatus(.unavailable, "the driver is stopping; call again")
}

private let lastCallID = Atomic<UInt64>(0)

private func nextCallID() -> UInt64 {
    lastCallID.add(1, ordering: .relaxed).newValue
}
