/// What a handler is told about the call it answers.
package struct CallContext: Sendable {
    /// "/csi.v1.Identity/Probe"
    package let method: String

    /// Unique in this process; grows by one with each call.
    package let id: UInt64

    /// nil when the client waits for ever. At the deadline the handler's task is cancelled.
    package let deadline: ContinuousClock.Instant?

    /// The headers the client added, without binary ones (`-bin`). May hold tokens: not for logs.
    package let metadata: [(key: String, value: String)]

    package init(
        method: String, id: UInt64, deadline: ContinuousClock.Instant?, metadata: [(key: String, value: String)]
    ) {
        self.method = method
        self.id = id
        self.deadline = deadline
        self.metadata = metadata
    }
}

/// What answers one method.
///
/// A handler starts on the thread that serves every connection and stays there until it first suspends, so it must not
/// block; one with an executor of its own runs there from its first line to its last. Its task is cancelled when the
/// client cancels, its deadline passes, its connection ends or the server stops; an answer after that is dropped.
package enum MethodHandler: Sendable {
    /// One message in, one out. A thrown status is the answer.
    case unary(
        on: (any TaskExecutor)? = nil,
        @Sendable (_ request: [UInt8], _ context: CallContext) async throws(GRPCStatus) -> [UInt8])

    /// Any number of messages in and out. Returning is status OK.
    case stream(@Sendable (_ call: ServerCall, _ context: CallContext) async throws(GRPCStatus) -> Void)
}

/// The two directions of a streaming call, for its handler. Of no use once the handler has returned.
package struct ServerCall: Sendable {
    private let call: OpenCall

    init(_ call: OpenCall) {
        self.call = call
    }

    /// The next message, or nil when the client has sent its last one.
    ///
    /// - Throws: CANCELLED when the call broke off or the task that waits was cancelled. FAILED_PRECONDITION when
    ///   another task is waiting already.
    package func next() async throws(GRPCStatus) -> [UInt8]? {
        try await call.next().get()
    }

    /// Sends one message; returns when there is room for another one.
    ///
    /// - Throws: CANCELLED when the call broke off. FAILED_PRECONDITION when another task is sending.
    package func send(_ message: [UInt8]) async throws(GRPCStatus) {
        try await call.send(message).get()
    }
}

/// What one peer may ask of the server.
package struct ServerLimits: Sendable {
    /// Of one received message; a longer one is answered RESOURCE_EXHAUSTED.
    package var messageBytes = 4 << 20

    /// Calls under way on one connection; further ones wait in the client.
    package var streamsPerConnection = 256

    /// Calls under way on all connections; one more is answered UNAVAILABLE at once.
    package var callsInFlight = 512

    /// The headers of one call; longer ones are answered RESOURCE_EXHAUSTED.
    package var metadataBytes = 16 << 10

    package init() {}
}
