import GRPCServing
package import Logging
import StorageModel

/// What a call does to the world when it succeeds.
enum CallEffect {
    case question
    case change
}

/// One line for each call that changes something (info) or fails (warning); questions are asked every few seconds by
/// whoever watches the driver, and seen at debug only. Messages are constant; what differs is metadata, and none of it
/// comes from a request but the volume's id or name.
package struct RequestLog: Sendable {
    private let logger: Logger

    package init(logger: Logger) {
        self.logger = logger
    }

    func record(
        _ context: CallContext, _ effect: CallEffect, volume: String?, since start: ContinuousClock.Instant,
        failure: DriverError?
    ) {
        let level: Logger.Level = failure != nil ? .warning : effect == .change ? .info : .debug
        guard level >= logger.logLevel else { return }
        var metadata: Logger.Metadata = [
            "id": "\(context.id)",
            "method": "\(context.method.dropFirst())",
            "code": "\(failure?.code.name ?? "OK")",
            "ms": "\(Self.milliseconds(ContinuousClock.now - start))",
        ]
        if let volume, !volume.isEmpty {
            metadata["volume"] = "\(volume.prefix(256))"
        }
        if let failure {
            metadata["error"] = "\(failure.message.prefix(1024))"
            if !failure.cause.isEmpty { metadata["cause"] = "\(failure.cause.prefix(1024))" }
        }
        logger.log(level: level, failure == nil ? "call answered" : "call failed", metadata: metadata)
    }

    /// With three digits after the point.
    private static func milliseconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        let fraction = String(microseconds % 1000)
        return "\(microseconds / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
    }
}
