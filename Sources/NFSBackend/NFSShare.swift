import StorageModel

/// What a server exports: the unit that is mounted, fails and recovers as one. Equal shares have one lane; with which
/// options one is mounted has no say in it.
package struct NFSShare: Hashable, Sendable {
    let server: NFSServer
    /// Of the export's path; none: `/`.
    let components: [[UInt8]]

    /// Bytes of `source`, as fsconfig(2) bounds the value of a parameter, without its NUL.
    private static let longestSource = 255

    /// - Parameter path: absolute; slashes at its end do not count.
    init(server: NFSServer, path: some StringProtocol) throws(Refusal) {
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw Refusal("does not begin with \"/\"; give the export's path as the server has it")
        }
        try self.init(server: server, components: try PathComponents.of(path))
    }

    /// - Parameter idField: the path as an id has it, without slashes around it; empty: `/`.
    init(server: NFSServer, idField: some StringProtocol) throws(Refusal) {
        let components = try PathComponents.of(idField)
        try self.init(server: server, components: components)
        guard self.idField.utf8.elementsEqual(idField.utf8) else {
            throw Refusal("has slashes around it; leave them out")
        }
    }

    private init(server: NFSServer, components: [[UInt8]]) throws(Refusal) {
        guard !components.contains(where: PathComponents.isDriverDirectory) else {
            throw Refusal(
                "leads into \(NFSSubdirectory.driverDirectory), where the driver keeps its own files; name another "
                    + "directory")
        }
        self.server = server
        self.components = components
        guard source.utf8.count <= Self.longestSource else {
            throw Refusal(
                "makes, with its server, more than the \(Self.longestSource) bytes that the kernel can mount; export "
                    + "a directory with a shorter path, or give the server's address")
        }
    }

    var path: String { "/" + idField }
    /// The path as an id has it, without the slashes around it.
    var idField: String { components.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/") }
    /// What the kernel is asked to mount.
    package var source: String { "\(server.sourceText):\(path)" }
}

extension NFSShare {
    /// - Parameter source: `SERVER:/SHARE`, with an IPv6 address in brackets.
    /// - Throws: INVALID_ARGUMENT with the reason.
    init(source: Substring) throws(DriverError) {
        guard let end = Self.endOfServer(in: source) else {
            throw .invalid(
                "there is no server with \":/\" after it; write SERVER:/SHARE, with an IPv6 address in []")
        }
        let server: NFSServer
        do throws(Refusal) {
            server = try NFSServer(source[..<end])
        } catch {
            throw .invalid("the server \(error.reason)")
        }
        do throws(Refusal) {
            try self.init(server: server, path: source[source.utf8.index(after: end)...])
        } catch {
            throw .invalid("the share \(error.reason)")
        }
    }

    /// Where the colon after the server is.
    private static func endOfServer(in place: Substring) -> Substring.Index? {
        guard place.utf8.first == UInt8(ascii: "[") else { return place.utf8.firstIndex(of: UInt8(ascii: ":")) }
        guard let bracket = place.utf8.firstIndex(of: UInt8(ascii: "]")) else { return nil }
        let end = place.utf8.index(after: bracket)
        return end < place.endIndex && place.utf8[end] == UInt8(ascii: ":") ? end : nil
    }
}
