internal import CCSIProto

/// Everything that a serialized google.protobuf.FileDescriptorSet declares: what transcoding and server reflection look
/// things up in.
///
/// A server answers calls without it. It is read when first used, by reflection or the command line.
package struct DescriptorCatalog: Sendable {
    /// In the order of the descriptor set: a file stands after the files that it imports.
    package private(set) var files: [FileSchema] = []
    package private(set) var services: [ServiceSchema] = []
    package private(set) var extensions: [ExtensionSchema] = []
    private(set) var messagesByName: [String: MessageSchema] = [:]
    private(set) var enumsByName: [String: EnumSchema] = [:]
    private var fileBySymbol: [String: String] = [:]
    private let bytes: [UInt8]

    /// The catalog of `proto/`, which is compiled in.
    package static let compiledIn: DescriptorCatalog = {
        // The pointer is to a constant of the program, that many bytes long.
        let bytes = unsafe [UInt8](
            UnsafeBufferPointer(start: CCSIProto_descriptorSet(), count: CCSIProto_descriptorSetLength()))
        do {
            return try DescriptorCatalog(descriptorSet: bytes)
        } catch {
            preconditionFailure("the descriptor set in CCSIProto is damaged (\(error)); run hack/update-proto")
        }
    }()

    /// Reads a serialized google.protobuf.FileDescriptorSet. Throws when the bytes are no protobuf message, or hold
    /// what this reader cannot represent (groups).
    package init(descriptorSet bytes: [UInt8]) throws(WireFault) {
        self.bytes = bytes
        var parser = DescriptorParser(bytes: bytes)
        try parser.parseSet()
        files = parser.files
        services = parser.services
        extensions = parser.extensions
        messagesByName = parser.messages
        enumsByName = parser.enums
        fileBySymbol = parser.fileBySymbol
    }

    package func message(_ name: String) -> MessageSchema? { messagesByName[name] }

    package func enumeration(_ name: String) -> EnumSchema? { enumsByName[name] }

    /// The full names of all messages but map entries, sorted.
    package var messageNames: [String] {
        messagesByName.values.filter { !$0.isMapEntry }.map(\.name).sorted()
    }

    package func service(_ name: String) -> ServiceSchema? {
        services.first { $0.name == name }
    }

    /// The method at a gRPC path such as `/csi.v1.Identity/Probe`; the first slash may be missing.
    package func method(path: String) -> MethodSchema? {
        let parts = path.split(separator: "/")
        guard parts.count == 2 else { return nil }
        return service(String(parts[0]))?.methods.first { $0.name == parts[1] }
    }
}

// What server reflection asks for.
extension DescriptorCatalog {
    /// The serialized FileDescriptorProto of a file.
    package func fileBytes(named name: String) -> [UInt8]? {
        file(named: name).map { Array(bytes[$0.range]) }
    }

    package func file(named name: String) -> FileSchema? {
        files.first { $0.name == name }
    }

    /// The name of the file that declares a message, field, oneof, enum, enum value, service, method or extension,
    /// given by its full name.
    package func fileName(declaring symbol: String) -> String? { fileBySymbol[symbol] }

    /// The file and everything it imports, directly or not, each once: the file first.
    package func withImports(fileNamed name: String) -> [String] {
        var found: [String] = []
        var pending = [name]
        while let next = pending.popLast() {
            guard !found.contains(next), let file = file(named: next) else { continue }
            found.append(next)
            pending.append(contentsOf: file.imports.reversed())
        }
        return found
    }

    /// The name of the file that declares the extension of `message` with this number.
    package func fileName(declaringExtension number: Int, of message: String) -> String? {
        extensions.first { $0.extendee == message && $0.number == number }?.file
    }

    /// The numbers of all extensions of a message, rising; nil when there is no such message.
    package func extensionNumbers(of message: String) -> [Int]? {
        guard messagesByName[message] != nil else { return nil }
        return extensions.filter { $0.extendee == message }.map(\.number).sorted()
    }
}
