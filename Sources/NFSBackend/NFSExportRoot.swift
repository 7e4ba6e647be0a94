package import StorageModel

/// What this machine exports as a share, because it is the NFS server: `--export-root SERVER:/SHARE=DIR`. With it the
/// server's own file system can be asked for what NFS cannot: project quota.
package struct NFSExportRoot: Hashable, Sendable {
    package let share: NFSShare
    /// Absolute, without a slash at its end.
    package let path: String

    /// - Parameter text: `SERVER:/SHARE=DIR`, with the server as classes and pools name it.
    /// - Throws: INVALID_ARGUMENT. The text is an administrator's and no secret.
    package init(_ text: String) throws(DriverError) {
        func refuse(_ why: String) -> DriverError {
            .invalid("--export-root \(text.prefix(200).debugDescription): \(why)")
        }
        // The last one: a share may have the sign in its path.
        guard let sign = text.utf8.indices.last(where: { text.utf8[$0...].starts(with: "=/".utf8) }) else {
            throw refuse("there is no \"=\" with an absolute path behind it; write SERVER:/SHARE=DIR")
        }
        do throws(DriverError) {
            share = try NFSShare(source: text[..<sign])
        } catch {
            throw refuse(error.message)
        }
        let components = text[text.utf8.index(after: sign)...].split(separator: "/")
        guard !components.isEmpty, !components.contains(where: { $0 == "." || $0 == ".." }) else {
            throw refuse("the directory has \".\" or \"..\" in it, or is \"/\"; give the plain path that is exported")
        }
        path = "/" + components.joined(separator: "/")
    }
}
