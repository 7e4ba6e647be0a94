package import LinuxSystem
package import StorageModel
import SystemPackage

/// What can be said of a share without reading its records.
package struct SharedPoolFigures: Sendable {
    /// Of `.moorage/format`; empty when the driver never made a volume there.
    package let id: String
    package let fileSystem: FileSystemStatus
    /// Records, those of volumes included that cannot be read.
    package let volumes: Int
    /// Entries of the trash.
    package let trash: Int
}

extension SharedPool {
    /// For people: the names of all records and of all that is in the trash are counted.
    package func figures() throws(DriverError) -> SharedPoolFigures {
        let fileSystem = try fileSystemStatus()
        guard let metadata = try metadata() else {
            return SharedPoolFigures(id: "", fileSystem: fileSystem, volumes: 0, trash: 0)
        }
        var (volumes, trash) = (0, 0)
        try onShare("list \(shown("\(Pool.metadataName)/volumes"))") { () throws(Errno) in
            try metadata.records.forEachEntry { entry in
                if entry.name.string.flatMap(SharedVolumeRecord.key(ofFile:)) != nil { volumes += 1 }
                return true
            }
        }
        try onShare("list \(shown("\(Pool.metadataName)/trash"))") { () throws(Errno) in
            try metadata.trash.forEachEntry { entry in
                if entry.name.string.flatMap(Pool.key(ofTrash:)) != nil { trash += 1 }
                return true
            }
        }
        return SharedPoolFigures(id: metadata.id, fileSystem: fileSystem, volumes: volumes, trash: trash)
    }
}
