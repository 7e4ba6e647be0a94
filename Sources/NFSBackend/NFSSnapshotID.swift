import StorageModel

/// A snapshot that csi-driver-nfs made: `server#share#name#name#source`. It is an archive on the share, at
/// `/<name>/<source>.tar.gz` or `.tar`.
struct NFSSnapshotID: Hashable {
    let share: NFSShare
    /// One component.
    let name: String
    /// The name of the volume's directory: one component.
    let source: String

    /// Nil when it gave no such id, or what it says leads out of the share.
    init?(_ id: String) {
        let fields = id.utf8.split(separator: UInt8(ascii: "#"), omittingEmptySubsequences: false)
            .map { Substring($0) }
        guard fields.count == 5, case .share(let share) = NFSLocation(serverField: fields[0], shareField: fields[1]),
            fields[2].utf8.elementsEqual(fields[3].utf8), Self.isName(fields[2]), Self.isName(fields[4]),
            // It would be the id of a volume.
            DeletePolicy(anyCase: fields[4]) == nil
        else { return nil }
        self.share = share
        name = String(fields[2])
        source = String(fields[4])
    }

    private static func isName(_ field: Substring) -> Bool {
        guard let path = try? NFSSubdirectory(field) else { return false }
        return path.components.count == 1 && path.text.utf8.elementsEqual(field.utf8)
    }
}
