import CSIWire
import GRPCServing
import StorageModel

/// grpc.reflection.v1 and v1alpha, which have the same bytes: what a client without proto files asks.
enum Reflection {
    static func handler(
        services: Set<String>
    ) -> @Sendable (ServerCall, CallContext) async throws(GRPCStatus) -> Void {
        let names = services.sorted()
        return { call, _ throws(GRPCStatus) in
            while let bytes = try await call.next() {
                let request: ReflectionRequest
                do throws(DriverError) {
                    request = try ReflectionRequest(wire: bytes)
                } catch {
                    throw GRPCStatus(error)
                }
                try await call.send(ReflectionResponse(to: request, answer(to: request, services: names)).wireBytes())
            }
        }
    }

    private static func answer(to request: ReflectionRequest, services: [String]) -> ReflectionResponse.Answer {
        let catalog = DescriptorCatalog.compiledIn
        switch request.kind {
        case .services:
            return .services(services)
        case .file(let name):
            return files(catalog, named: name) ?? notFound("file \(name)")
        case .fileDeclaring(let symbol):
            return catalog.fileName(declaring: symbol).flatMap { files(catalog, named: $0) }
                ?? notFound("symbol \(symbol)")
        case .fileDeclaringExtension(let type, let number):
            return catalog.fileName(declaringExtension: Int(number), of: type).flatMap { files(catalog, named: $0) }
                ?? notFound("extension \(number) of \(type)")
        case .extensionNumbers(let type):
            return catalog.extensionNumbers(of: type).map { .extensionNumbers(of: type, $0.map(Int32.init)) }
                ?? notFound("type \(type)")
        case .unknown:
            return .error(
                code: GRPCCode.invalidArgument.rawValue, message: "the request asks nothing that is known here")
        }
    }

    private static func files(_ catalog: DescriptorCatalog, named name: String) -> ReflectionResponse.Answer? {
        let files = catalog.withImports(fileNamed: name).compactMap(catalog.fileBytes)
        return files.isEmpty ? nil : .files(files)
    }

    private static func notFound(_ what: String) -> ReflectionResponse.Answer {
        .error(code: GRPCCode.notFound.rawValue, message: "\(what.prefix(512)) is not declared here")
    }
}
