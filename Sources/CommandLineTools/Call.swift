package import CSIWire
package import GRPCServing
import JSONText

/// Calls one method of a running driver and shows the answer as JSON.
package struct Call: Sendable {
    package enum Outcome: Hashable, Sendable {
        case ok
        /// The server's answer was an error, or there was no answer.
        case failed(GRPCStatus)
    }

    private let catalog: DescriptorCatalog
    private let transcoder: JSONTranscoder
    private let options: JSONTranscoder.Options

    package init(catalog: DescriptorCatalog = .compiledIn, options: JSONTranscoder.Options = .init()) {
        self.catalog = catalog
        transcoder = JSONTranscoder(catalog: catalog)
        self.options = options
    }

    /// All methods, one in a line, as `run` takes them.
    package func list() -> String {
        catalog.services.flatMap(\.methods).map { "\($0.service)/\($0.name)" }.joined(separator: "\n")
    }

    /// A request with every field filled in, to be edited.
    package func example(of method: String) throws(UsageError) -> String {
        let schema = try MethodName.resolve(method, in: catalog)
        do {
            return try transcoder.exampleJSON(of: schema.input).text(.indented)
        } catch {
            throw UsageError("\(schema.name): \(error)")
        }
    }

    /// - Parameters:
    ///   - json: the request in proto3 JSON; empty for a request without fields.
    ///   - show: takes each message of the answer as text.
    /// - Throws: when method or JSON make no request. Nothing was sent then.
    package func run(
        _ method: String, json: String, at endpoint: UnixEndpoint, timeout: Duration, show: (String) -> Void
    ) async throws(UsageError) -> Outcome {
        let schema = try MethodName.resolve(method, in: catalog)
        let request = try bytes(of: schema, json: json)
        do {
            let channel = try GRPCChannel(to: endpoint)
            defer { channel.close() }
            if schema.isServerStreaming {
                return await stream(schema, request, on: channel, timeout: timeout, show: show)
            }
            return await unary(schema, request, on: channel, timeout: timeout, show: show)
        } catch {
            throw UsageError(error.description)
        }
    }

    private func unary(
        _ method: MethodSchema, _ request: [UInt8], on channel: GRPCChannel, timeout: Duration, show: (String) -> Void
    ) async -> Outcome {
        do {
            show(try text(of: try await channel.unary(method.path, request, timeout: timeout), method))
            return .ok
        } catch {
            return .failed(error)
        }
    }

    private func stream(
        _ method: MethodSchema, _ request: [UInt8], on channel: GRPCChannel, timeout: Duration, show: (String) -> Void
    ) async -> Outcome {
        do {
            let call = try channel.stream(method.path, timeout: timeout)
            try await call.send(request)
            try await call.closeSend()
            while let message = try await call.next() {
                show(try text(of: message, method))
            }
            return .ok
        } catch {
            return .failed(error)
        }
    }

    private func bytes(of method: MethodSchema, json: String) throws(UsageError) -> [UInt8] {
        let value: JSONValue
        do {
            value = try json.isEmpty ? .object([]) : JSONValue(parsing: json)
        } catch {
            throw UsageError("the request is not JSON: \(error)")
        }
        do {
            return try transcoder.bytes(of: method.input, json: value)
        } catch {
            throw UsageError("\(method.name): \(error); see moorage call --example \(method.name)")
        }
    }

    private func text(of bytes: [UInt8], _ method: MethodSchema) throws(GRPCStatus) -> String {
        do {
            return try transcoder.json(of: method.output, bytes: bytes, options: options).text(.indented)
        } catch {
            throw GRPCStatus(.internalError, "the answer is no \(method.output): \(error)")
        }
    }
}
