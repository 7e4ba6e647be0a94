package import CSIServices
import CSIWire
package import GRPCServing
import StorageModel

/// The methods of this server, by their gRPC path.
package struct Routes: Sendable {
    package private(set) var methods: [String: MethodHandler] = [:]
    private let log: RequestLog
    private let storage: any TaskExecutor

    /// - Parameters:
    ///   - controller: nil when this instance serves no controller.
    ///   - node: nil when this instance serves no node.
    ///   - inspect: what the command line asks; served whatever else is.
    ///   - storage: runs the calls that touch storage or mounts, each from its first line to its last; all others are
    ///     answered on the thread that received them.
    package init(
        identity: IdentityService, controller: ControllerService?, node: NodeService?, inspect: InspectService,
        health: Health, log: RequestLog, storage: any TaskExecutor
    ) {
        self.log = log
        self.storage = storage
        addIdentity(identity)
        if let controller { addController(controller) }
        if let node { addNode(node) }
        addInspect(inspect)
        let offered = Set(methods.keys.compactMap(Self.service))
        addHealth(health, services: offered)
        addReflection(services: Set(methods.keys.compactMap(Self.service)))
    }

    private mutating func addIdentity(_ service: IdentityService) {
        let unary = Unary("csi.v1.Identity", log: log)
        methods.merge(
            [
                unary("GetPluginInfo") { service.pluginInfo($0) },
                unary("GetPluginCapabilities") { service.capabilities($0) },
                unary("Probe") { service.probe($0) },
            ], uniquingKeysWith: { $1 })
    }

    private mutating func addController(_ service: ControllerService) {
        let unary = Unary("csi.v1.Controller", log: log)
        let storing = Unary("csi.v1.Controller", log: log, executor: storage)
        addRefusals(
            unary,
            [
                "ControllerPublishVolume", "ControllerUnpublishVolume", "CreateSnapshot", "DeleteSnapshot",
                "ListSnapshots",
                "GetSnapshot", "ControllerModifyVolume",
            ])
        methods.merge(
            [
                storing("CreateVolume", .change, volume: \.name) { request throws(DriverError) in
                    try await service.createVolume(request)
                },
                storing("DeleteVolume", .change, volume: \.volumeID.rawValue) { request throws(DriverError) in
                    try await service.deleteVolume(request)
                },
                storing("ControllerExpandVolume", .change, volume: \.volumeID.rawValue) {
                    request throws(DriverError) in
                    try await service.expandVolume(request)
                },
                storing("ValidateVolumeCapabilities", volume: \.volumeID.rawValue) { request throws(DriverError) in
                    try await service.validateCapabilities(request)
                },
                storing("ListVolumes") { request throws(DriverError) in try await service.listVolumes(request) },
                storing("GetCapacity") { request throws(DriverError) in try await service.getCapacity(request) },
                unary("ControllerGetCapabilities") { service.capabilities($0) },
                storing("ControllerGetVolume", volume: \.volumeID.rawValue) { request throws(DriverError) in
                    try await service.getVolume(request)
                },
            ], uniquingKeysWith: { $1 })
    }

    private mutating func addNode(_ service: NodeService) {
        let unary = Unary("csi.v1.Node", log: log)
        let mounting = Unary("csi.v1.Node", log: log, executor: storage)
        addRefusals(unary, ["NodeExpandVolume"])
        methods.merge(
            [
                mounting("NodeStageVolume", .change, volume: \.volumeID.rawValue) { request throws(DriverError) in
                    try await service.stage(request)
                },
                mounting("NodeUnstageVolume", .change, volume: \.volumeID.rawValue) { request throws(DriverError) in
                    try await service.unstage(request)
                },
                mounting("NodePublishVolume", .change, volume: \.volumeID.rawValue) { request throws(DriverError) in
                    try await service.publish(request)
                },
                mounting("NodeUnpublishVolume", .change, volume: \.volumeID.rawValue) { request throws(DriverError) in
                    try await service.unpublish(request)
                },
                mounting("NodeGetVolumeStats", volume: \.volumeID.rawValue) { request throws(DriverError) in
                    try await service.stats(request)
                },
                unary("NodeGetCapabilities") { service.capabilities($0) },
                unary("NodeGetInfo") { service.info($0) },
            ], uniquingKeysWith: { $1 })
    }

    private mutating func addRefusals(_ unary: Unary, _ names: [String]) {
        methods.merge(names.map(unary.refusing), uniquingKeysWith: { $1 })
    }

    private mutating func addInspect(_ service: InspectService) {
        let unary = Unary("moorage.inspect.v1.Inspect", log: log)
        let storing = Unary("moorage.inspect.v1.Inspect", log: log, executor: storage)
        methods.merge(
            [
                storing("ListVolumes") { request throws(DriverError) in try await service.listVolumes(request) },
                storing("ListMounts", volume: \.volumeID.rawValue) { request throws(DriverError) in
                    try await service.listMounts(request)
                },
                storing("ListPools") { request throws(DriverError) in try await service.listPools(request) },
                // Asked when all threads of storage may be waiting.
                unary("ListShares") { service.listShares($0) },
            ], uniquingKeysWith: { $1 })
    }

    private mutating func addHealth(_ health: Health, services: Set<String>) {
        let unary = Unary("grpc.health.v1.Health", log: log)
        methods.merge(
            [
                unary("Check") { (request: HealthCheckRequest) throws(DriverError) in
                    guard request.service.isEmpty || services.contains(request.service) else {
                        throw DriverError(.notFound, "service \(request.service) is not served here")
                    }
                    return HealthCheckResponse(status: health.status)
                },
                (unary.path("Watch"), .stream(Self.watch(health, services: services))),
            ], uniquingKeysWith: { $1 })
    }

    private mutating func addReflection(services: Set<String>) {
        let versions = ["v1", "v1alpha"].map { "grpc.reflection.\($0).ServerReflection" }
        let handler = Reflection.handler(services: services.union(versions))
        for service in versions {
            methods["/\(service)/ServerReflectionInfo"] = .stream(handler)
        }
    }

    private static func watch(
        _ health: Health, services: Set<String>
    ) -> @Sendable (ServerCall, CallContext) async throws(GRPCStatus) -> Void {
        { call, _ throws(GRPCStatus) in
            guard let bytes = try await call.next() else { return }
            let request: HealthCheckRequest
            do throws(DriverError) {
                request = try HealthCheckRequest(wire: bytes)
            } catch {
                throw GRPCStatus(error)
            }
            let isKnown = request.service.isEmpty || services.contains(request.service)
            try await call.send(HealthCheckResponse(status: isKnown ? health.status : .serviceUnknown).wireBytes())
            // The status changes once, when the driver begins to stop; an unknown service never becomes known.
            await health.untilStopping()
            guard isKnown else { return }
            try await call.send(HealthCheckResponse(status: health.status).wireBytes())
        }
    }

    private static func service(ofPath path: String) -> String? {
        path.split(separator: "/").first.map(String.init)
    }
}

/// Makes the unary routes of one service: bytes to request, response to bytes, a log line for each call.
private struct Unary {
    private let service: String
    private let log: RequestLog
    private let executor: (any TaskExecutor)?

    /// - Parameter executor: nil for calls that never wait.
    init(_ service: String, log: RequestLog, executor: (any TaskExecutor)? = nil) {
        self.service = service
        self.log = log
        self.executor = executor
    }

    func path(_ name: String) -> String { "/\(service)/\(name)" }

    func callAsFunction<Request: WireRequest, Response: WireResponse>(
        _ name: String, _ effect: CallEffect = .question, volume: (@Sendable (Request) -> String)? = nil,
        _ body: @escaping @Sendable (Request) async throws(DriverError) -> Response
    ) -> (String, MethodHandler) {
        let handler: @Sendable ([UInt8], CallContext) async throws(GRPCStatus) -> [UInt8] = {
            [log, executor] bytes, context throws(GRPCStatus) in
            let start = ContinuousClock.now
            var named: String?
            do throws(DriverError) {
                let request = try Request(wire: bytes)
                named = volume?(request)
                // Who touches no storage has nothing to hurry, and is asked most often.
                let deadline = executor == nil ? nil : context.deadline
                let response = try await answer(request, until: deadline, body).wireBytes()
                log.record(context, effect, volume: named, since: start, failure: nil)
                return response
            } catch {
                log.record(context, effect, volume: named, since: start, failure: error)
                throw GRPCStatus(error)
            }
        }
        return (path(name), .unary(on: executor, handler))
    }

    /// A method of CSI that this version does not offer.
    func refusing(_ name: String) -> (String, MethodHandler) {
        let error = DriverError(
            .unimplemented, "\(service)/\(name) is not offered by this version of Moorage; its capabilities say what is"
        )
        return (
            path(name),
            .unary { [log] _, context throws(GRPCStatus) in
                log.record(context, .question, volume: nil, since: .now, failure: error)
                throw GRPCStatus(error)
            }
        )
    }
}

/// Calls `body` with the deadline for it to know.
private func answer<Request: Sendable, Response: Sendable>(
    _ request: Request, until deadline: ContinuousClock.Instant?,
    _ body: @Sendable (Request) async throws(DriverError) -> Response
) async throws(DriverError) -> Response {
    guard let deadline else { return try await body(request) }
    let result = await CallDeadline.$current.withValue(deadline) { () async -> Result<Response, DriverError> in
        do throws(DriverError) { return .success(try await body(request)) } catch { return .failure(error) }
    }
    return try result.get()
}
