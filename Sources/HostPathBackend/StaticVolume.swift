import StorageModel

/// A directory or a block device that was there before the driver: what `volumeAttributes` of a PersistentVolume say
/// of it.
struct StaticVolume: Hashable {
    /// Those of Kubernetes' hostPath that CSI can honour (kubernetes.io, "hostPath volume types").
    enum Kind: String, CaseIterable {
        case directory = "Directory"
        case directoryOrCreate = "DirectoryOrCreate"
        case blockDevice = "BlockDevice"
    }

    let kind: Kind
    /// Of the path from the root directory, as bytes.
    let components: [[UInt8]]

    private static let pathKey = "path"
    private static let typeKey = "type"
    private static let orchestratorPrefix = "csi.storage.k8s.io/"
    private static let refusedTypes = ["File", "FileOrCreate", "Socket", "CharDevice"]

    /// The longest path that the kernel takes, without its NUL (limits.h, PATH_MAX).
    private static let longestPath = 4095

    /// Whether the context names existing storage at all.
    static func isDescribed(by context: [String: String]) -> Bool {
        context.contains { $0.key.lowercased() == pathKey }
    }

    /// - Throws: INVALID_ARGUMENT with the key, never with the value.
    init(_ context: [String: String]) throws(DriverError) {
        var values: [String: String] = [:]
        for (key, value) in context where !key.lowercased().hasPrefix(Self.orchestratorPrefix) {
            let name = key.lowercased()
            guard name == Self.pathKey || name == Self.typeKey else {
                throw .invalid(
                    "volume_context: the key \(key.prefix(64).debugDescription) is not known beside path; known are "
                        + "path and type")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw .invalid("volume_context: \(name) is given twice, in different case; give it once")
            }
        }
        components = try Self.components(of: values[Self.pathKey] ?? "")
        kind = try Self.kind(values[Self.typeKey] ?? "")
    }

    private static func components(of path: String) throws(DriverError) -> [[UInt8]] {
        func refuse(_ why: String) -> DriverError {
            .invalid(
                "volume_context: path \(why); give an absolute path without empty components, \".\" and \"..\"")
        }
        let slash = UInt8(ascii: "/")
        guard path.utf8.first == slash else { throw refuse("does not begin with \"/\"") }
        guard path.utf8.count <= longestPath else { throw refuse("is longer than \(longestPath) bytes") }
        guard !path.utf8.contains(0) else { throw refuse("has a NUL in it") }
        let components = path.utf8.dropFirst().split(separator: slash, omittingEmptySubsequences: false)
            .map(Array.init)
        guard !components.contains([]) else { throw refuse("has an empty component") }
        guard !components.contains(Array(".".utf8)), !components.contains(Array("..".utf8)) else {
            throw refuse("is not normalised")
        }
        return components
    }

    private static func kind(_ type: String) throws(DriverError) -> Kind {
        if type.isEmpty { return .directory }
        if let kind = Kind(rawValue: type) { return kind }
        let remedy = "leave it empty, or give one of " + Kind.allCases.map(\.rawValue).joined(separator: ", ")
        guard refusedTypes.contains(type) else {
            throw .invalid("volume_context: type is none of hostPath's; \(remedy)")
        }
        throw .invalid(
            "volume_context: type \(type) cannot be used, because CSI mounts directories and block devices and nothing "
                + "else; \(remedy) (for a file: the directory around it)")
    }
}
