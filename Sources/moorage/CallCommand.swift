import ArgumentParser
import CSIWire
import CommandLineTools
import GRPCServing
import LinuxSystem
import Synchronization

struct CallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Call a method of a running driver, with JSON.",
        discussion: """
            The exit code is 0 for an answer, 1 for an error status, which is shown on standard error, and 64 for a \
            call that could not be made.

            Examples:
              moorage call Probe
              moorage call CreateVolume '{"name": "v1", "volumeCapabilities": [{"mount": {}, \
            "accessMode": {"mode": "SINGLE_NODE_WRITER"}}]}'
              moorage call --example NodePublishVolume
              moorage call --list
            """)

    @Argument(help: "The method: CreateVolume, or with its service, csi.v1.Controller/CreateVolume.")
    var method: String?

    @Argument(help: "The request as proto3 JSON; - reads it from standard input. (default: {})")
    var json: String?

    @Option(help: "The driver's socket; also from CSI_ENDPOINT. (default: unix:///run/moorage/csi.sock)")
    var endpoint: String?

    @Option(help: "Seconds to wait for the answer.")
    var timeout: Int = 60

    @Flag(help: "List all methods.")
    var list = false

    @Flag(help: "Show a request of the method with every field filled in.")
    var example = false

    @Flag(help: "Show field names as in the proto files, and not in lowerCamelCase.")
    var originalNames = false

    @Flag(help: "Show fields that have their default value too.")
    var defaults = false

    func validate() throws {
        guard list || method != nil else { throw ValidationError("name a method, or ask with --list which there are") }
        guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout takes 1 to 86400 seconds") }
    }

    func run() throws {
        var options = JSONTranscoder.Options()
        options.usesOriginalNames = originalNames
        options.showsDefaults = defaults
        let call = Call(options: options)
        guard let method, !list else { return StandardStream.output.write(call.list() + "\n") }
        do {
            guard !example else { return StandardStream.output.write(try call.example(of: method) + "\n") }
            let request =
                json == "-" ? String(decoding: try readStandardInput(limit: 4 << 20), as: UTF8.self) : json ?? ""
            let path = Setting.value("endpoint", flag: endpoint, default: ServeSettings.defaultEndpoint)
            let target = try UnixEndpoint(parsing: path)
            let seconds = timeout
            let outcome = try waitFor {
                try await call.run(method, json: request, at: target, timeout: .seconds(seconds)) {
                    StandardStream.output.write($0 + "\n")
                }
            }
            if case .failed(let status) = outcome {
                StandardStream.error.write("\(status)\n")
                throw ExitCode(1)
            }
        } catch let error as UsageError {
            throw ValidationError(error.description)
        } catch let error as EndpointError {
            throw ValidationError(error.description)
        }
    }
}

/// Runs asynchronous work from a plain thread and waits for it.
func waitFor<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let slot = Slot<Value>()
    Task {
        let result: Result<Value, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        slot.result.withLock { $0 = result }
        slot.isDone.signal()
    }
    slot.isDone.wait()
    guard let result = slot.result.withLock({ $0 }) else { preconditionFailure("signalled without a result") }
    return try result.get()
}

private final class Slot<Value: Sendable>: Sendable {
    let result = Mutex<Result<Value, any Error>?>(nil)
    let isDone = ThreadSignal()
}
