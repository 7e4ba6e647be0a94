import CSIWire
import Glibc
import JSONText

/// Drives one driver as an orchestrator does, on a connection of its own. Requests are written field by field and not
/// through JSON, so that making them takes next to none of the machine's time.
struct VolumeClient {
    let name: String
    /// Staging directories and targets are below.
    private let directory: String
    private let connection: RawConnection
    private let capability: [UInt8]
    private let parameters: [UInt8]
    /// Not every driver has a stage.
    private let stages: Bool

    /// - Parameter parameters: of the StorageClass.
    init(name: String, socket: String, directory: String, parameters: [(key: String, value: String)]) throws {
        self.name = name
        self.directory = directory
        self.parameters = parameters.flatMap { field(4, entry($0.key, $0.value)) }
        connection = try RawConnection(path: socket)
        let capabilities = try JSONTranscoder().json(
            of: "csi.v1.NodeGetCapabilitiesResponse",
            bytes: connection.unary("/csi.v1.Node/NodeGetCapabilities", []))
        stages = capabilities.text().contains("STAGE_UNSTAGE_VOLUME")
        capability = try JSONTranscoder().bytes(
            of: "csi.v1.VolumeCapability",
            json: JSONValue(parsing: #"{"mount": {}, "accessMode": {"mode": "SINGLE_NODE_WRITER"}}"#))
        try make(directory)
    }

    func probe(_ samples: Samples) throws {
        _ = try call("Identity", "Probe", [], samples)
    }

    /// Every call of a volume's life, in order.
    ///
    /// - Parameter use: what a workload does with it, at this path.
    func live(
        _ volume: String, place: String, _ samples: Samples, use: (String) throws -> Void = { _ in }
    ) throws {
        let id = try settle(volume, place: place, samples)
        let target = "\(directory)/\(place)/target"
        let staging = "\(directory)/\(place)/staging"
        _ = try call("Node", "NodeGetVolumeStats", field(1, id) + field(2, target), samples)
        try use(target)
        _ = try call("Node", "NodeUnpublishVolume", field(1, id) + field(2, target), samples)
        if stages { _ = try call("Node", "NodeUnstageVolume", field(1, id) + field(2, staging), samples) }
        _ = try call("Controller", "DeleteVolume", field(1, id), samples)
    }

    /// Makes a volume that stays, staged and published.
    ///
    /// - Returns: its id.
    @discardableResult
    func settle(_ volume: String, place: String, _ samples: Samples?) throws -> String {
        let staging = "\(directory)/\(place)/staging"
        try make("\(directory)/\(place)")
        try make(staging)
        let megabyte: [UInt8] = [0x08, 0x80, 0x80, 0x40]
        let created = try call(
            "Controller", "CreateVolume",
            field(1, volume) + field(2, megabyte) + field(3, capability) + parameters, samples)
        let (id, context) = try described(in: created)
        if stages {
            _ = try call(
                "Node", "NodeStageVolume",
                field(1, id) + field(3, staging) + field(4, capability) + context.flatMap { field(6, $0) }, samples)
        }
        _ = try call(
            "Node", "NodePublishVolume",
            field(1, id) + (stages ? field(3, staging) : []) + field(4, "\(directory)/\(place)/target")
                + field(5, capability) + context.flatMap { field(8, $0) }, samples)
        return id
    }

    private func call(
        _ service: String, _ method: String, _ request: [UInt8], _ samples: Samples?
    ) throws -> [UInt8] {
        let start = ContinuousClock.now
        let answer = try connection.unary("/csi.v1.\(service)/\(method)", request)
        samples?.add(method, ContinuousClock.now - start)
        return answer
    }

    /// The id of a volume that was made, and its context as entries of a map.
    private func described(in response: [UInt8]) throws -> (id: String, context: [[UInt8]]) {
        let answer = try JSONTranscoder().json(of: "csi.v1.CreateVolumeResponse", bytes: response)
        guard case .object(let members) = answer, case .object(let volume) = members.first?.value,
            case .string(let id) = volume.first(where: { $0.name == "volumeId" })?.value
        else { throw BenchError("CreateVolume of \(name) gives no volume id") }
        guard case .object(let context) = volume.first(where: { $0.name == "volumeContext" })?.value else {
            return (id, [])
        }
        return try (
            id,
            context.map { member in
                guard case .string(let value) = member.value else { throw BenchError("\(member.name) is no text") }
                return entry(member.name, value)
            }
        )
    }

    private func make(_ path: String) throws {
        guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw BenchError("mkdir \(path): errno \(errno)")
        }
    }
}

struct BenchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A length-delimited field (protobuf encoding, wire type 2) with a number below 16.
private func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    var bytes = [number << 3 | 2]
    var length = content.count
    while length >= 0x80 {
        bytes.append(UInt8(length & 0x7F) | 0x80)
        length >>= 7
    }
    bytes.append(UInt8(length))
    return bytes + content
}

private func field(_ number: UInt8, _ text: String) -> [UInt8] {
    field(number, Array(text.utf8))
}

/// An entry of a map from string to string.
private func entry(_ key: String, _ value: String) -> [UInt8] {
    field(1, key) + field(2, value)
}
