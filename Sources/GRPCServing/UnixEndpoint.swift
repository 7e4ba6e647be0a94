import Glibc

/// The path of a Unix socket, as an operator or `CSI_ENDPOINT` gives it.
package struct UnixEndpoint: Hashable, Sendable {
    /// Absolute, and ends with the name of the socket.
    package let path: String

    /// Understands `unix:///path`, `unix:path` and a bare path. The last two may be relative to the working directory;
    /// what follows `unix://` may not, since gRPC would read its first part as the name of a host.
    ///
    /// - Throws: `EndpointError` that says which forms there are.
    package init(parsing text: String) throws(EndpointError) {
        func refused(_ found: String, _ remedy: String = forms) -> EndpointError {
            EndpointError(asked: "use the endpoint \"\(text)\"", found: found, remedy: remedy)
        }
        guard !text.utf8.contains(0) else { throw refused("it contains a NUL byte") }

        var path = text[...]
        if let scheme = Self.scheme(of: text) {
            guard scheme.lowercased() == "unix" else {
                throw refused("only Unix sockets are supported, not \"\(scheme)\"")
            }
            path = text.dropFirst(scheme.count + 1)
            if path.hasPrefix("//") {
                path = path.dropFirst(2)
                guard path.isEmpty || path.hasPrefix("/") else {
                    throw refused(
                        "what follows unix:// is not absolute",
                        "write unix:///\(path) for an absolute path or unix:\(path) for a relative one")
                }
            }
        }
        guard !path.isEmpty else { throw refused("it has no path") }
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard !name.isEmpty, name != ".", name != ".." else {
            throw refused("its path names a directory", "add the name of the socket, as in /run/csi/csi.sock")
        }
        if path.hasPrefix("/") {
            self.path = String(path)
        } else {
            guard let directory = Self.workingDirectory() else {
                throw refused("it is relative, and the working directory is gone", "give an absolute path")
            }
            self.path = directory == "/" ? "/\(path)" : "\(directory)/\(path)"
        }
    }

    /// The part before the first colon, when the text is a URI and not a path that has a colon in it.
    private static func scheme(of text: String) -> Substring? {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let scheme = text[..<colon]
        return scheme.contains("/") ? nil : scheme
    }

    private static func workingDirectory() -> String? {
        // getcwd(3) allocates what it returns when it is given no buffer; it is ours to free.
        guard let path = unsafe getcwd(nil, 0) else { return nil }
        defer { unsafe free(path) }
        return unsafe String(validatingCString: path)
    }

    /// All but the last component; "/" for a socket in the root directory.
    var directory: String {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        return end == path.startIndex ? "/" : String(path[..<end])
    }

    /// The last component.
    var name: String {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        return String(path[path.index(after: end)...])
    }
}

extension UnixEndpoint: CustomStringConvertible {
    package var description: String { path }
}

private let forms = "give unix:///path, unix:path or a path"
