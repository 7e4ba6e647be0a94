import LinuxSystem
package import StorageModel
import SystemPackage

/// A deletion whose data is not yet gone.
package struct TrashedVolume: Hashable, Sendable {
    package var key: VolumeKey
    /// Tells it from other deletions of the key.
    package var nonce: String

    /// The name of its entry in the trash.
    package var entry: String { "\(key).\(nonce)" }
}

/// What a listing needs beside the records: the trash. Each costs one reading of a directory.
extension Pool {
    /// In no order. What was not put into the trash by a deletion is left out.
    package func trashedVolumes() throws(DriverError) -> [TrashedVolume] {
        var trashed: [TrashedVolume] = []
        try attempt("list the trash of \(path)") { () throws(Errno) in
            try trash.forEachEntry { entry in
                if let name = entry.name.string, let key = Self.key(ofTrash: name) {
                    trashed.append(TrashedVolume(key: key, nonce: String(name.suffix(Nonce.length))))
                }
                return true
            }
        }
        return trashed
    }

    /// The record of a deleted volume; nil when there is none, or none that can be read.
    package func record(of trashed: TrashedVolume) -> VolumeRecord? {
        try? inspectTrash(trashed.entry, of: trashed.key).record
    }

    /// Whether the entry of a deletion is still there.
    package func isInTrash(_ trashed: TrashedVolume) -> Bool {
        (try? trash.kind(of: trashed.entry)) == .some(.directory)
    }

    /// Where the data of a deletion is.
    package func path(of trashed: TrashedVolume) -> String {
        "\(path)/\(Self.metadataName)/trash/\(trashed.entry)"
    }

    /// Where the data of a volume is.
    package func path(of key: VolumeKey) -> String {
        "\(path)/\(VolumeRecord.path(of: key))"
    }
}
