/// grpc.health.v1.HealthCheckRequest
package struct HealthCheckRequest: Hashable, Sendable {
    /// A service's full name, or empty for the server as a whole.
    package var service: String

    package init(service: String = "") {
        self.service = service
    }
}

/// grpc.health.v1.HealthCheckResponse
package struct HealthCheckResponse: Hashable, Sendable {
    package enum Status: String, Hashable, Sendable {
        case serving = "SERVING"
        case notServing = "NOT_SERVING"
        /// Only in answers to Watch; Check says NOT_FOUND instead.
        case serviceUnknown = "SERVICE_UNKNOWN"
    }

    package var status: Status

    package init(status: Status) {
        self.status = status
    }
}

extension HealthCheckRequest: DecodableRequest {
    static let layout = MessageLayout(of: "grpc.health.v1.HealthCheckRequest")

    init(_ message: DecodedMessage) {
        self.init(service: message.string("service"))
    }
}

extension HealthCheckResponse: EncodableResponse {
    static let layout = MessageLayout(of: "grpc.health.v1.HealthCheckResponse")

    func fill(_ message: MessageBuilder) {
        message.set("status", enumerator: status.rawValue)
    }
}
