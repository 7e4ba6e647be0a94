package import StorageModel

/// A request as it comes from the wire.
package protocol WireRequest: Sendable {
    /// Checks and decodes a request. INVALID_ARGUMENT names the field that is bad and never shows its value.
    init(wire bytes: [UInt8]) throws(DriverError)
}

/// A response as it goes to the wire.
package protocol WireResponse: Sendable {
    /// The response in wire format.
    func wireBytes() -> [UInt8]
}

/// A request that is read from a decoded message.
protocol DecodableRequest: WireRequest {
    static var layout: MessageLayout { get }
    init(_ message: DecodedMessage) throws(WireRefusal)
}

extension DecodableRequest {
    package init(wire bytes: [UInt8]) throws(DriverError) {
        let message = try DecodedMessage(bytes, as: Self.layout)
        do {
            try self.init(message)
        } catch {
            throw error.error(in: Self.layout.name)
        }
    }
}

/// A response that is written with a builder.
protocol EncodableResponse: WireResponse {
    static var layout: MessageLayout { get }
    func fill(_ message: MessageBuilder)
}

extension EncodableResponse {
    package func wireBytes() -> [UInt8] {
        let message = MessageBuilder(Self.layout)
        fill(message)
        return message.bytes()
    }
}
