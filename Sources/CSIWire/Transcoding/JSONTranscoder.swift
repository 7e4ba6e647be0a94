package import JSONText

/// Turns any message of a catalog from bytes into JSON and back, by the proto3 JSON mapping
/// (protobuf.dev/programming-guides/json).
///
/// It walks descriptors, so a message that no Swift or C type knows is as good as any other. Extensions are treated as
/// unknown fields.
package struct JSONTranscoder: Sendable {
    package struct Options: Sendable {
        /// Names as in the .proto file instead of lowerCamelCase.
        package var usesOriginalNames = false
        /// Fields that have their default value are shown as well, but for those whose absence means something.
        package var showsDefaults = false

        package init() {}
    }

    /// As deep as messages may be nested (the limit that protobuf's own parsers have).
    static let deepest = 100

    let catalog: DescriptorCatalog

    package init(catalog: DescriptorCatalog = .compiledIn) {
        self.catalog = catalog
    }

    /// The JSON of a message in wire format. Unknown fields are dropped, unknown enum values become numbers.
    package func json(
        of message: String, bytes: [UInt8], options: Options = Options()
    ) throws(TranscodingError) -> JSONValue {
        let schema = try schema(of: message)
        let decoder = JSONDecoding(catalog: catalog, options: options, bytes: bytes)
        return try decoder.message(bytes.indices, schema, depth: Self.deepest)
    }

    /// The wire format of a message in JSON. Names are accepted in both styles; fields are written in the order of
    /// their numbers.
    package func bytes(of message: String, json: JSONValue) throws(TranscodingError) -> [UInt8] {
        try JSONEncoding(catalog: catalog).message(json, try schema(of: message), depth: Self.deepest)
    }

    private func schema(of message: String) throws(TranscodingError) -> MessageSchema {
        guard let schema = catalog.message(message) else {
            throw TranscodingError("there is no message \(message)")
        }
        return schema
    }
}

/// The messages of google.protobuf whose JSON is not an object.
enum WellKnownMessage {
    case timestamp
    /// Its one field, `value`, stands for it.
    case wrapper

    init?(_ name: String) {
        switch name {
        case "google.protobuf.Timestamp": self = .timestamp
        case "google.protobuf.DoubleValue", "google.protobuf.FloatValue", "google.protobuf.Int64Value",
            "google.protobuf.UInt64Value", "google.protobuf.Int32Value", "google.protobuf.UInt32Value",
            "google.protobuf.BoolValue", "google.protobuf.StringValue", "google.protobuf.BytesValue":
            self = .wrapper
        default: return nil
        }
    }
}
