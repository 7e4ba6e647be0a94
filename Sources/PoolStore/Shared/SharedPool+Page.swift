import LinuxSystem
package import StorageModel
import SystemPackage

extension SharedPool {
    /// A part of the records.
    package struct RecordPage: Hashable, Sendable {
        package var records: [SharedVolumeRecord]
        /// The last one that was looked at; nil when nothing follows it.
        package var last: VolumeKey?
    }

    /// Records with keys after `key`, in the order of their keys: at most `limit`, and no more when the time is up. The
    /// names of all are read, the contents only of those that are returned.
    ///
    /// - Parameter unreadable: called for each record that cannot be used.
    package func recordPage(
        after key: VolumeKey?, limit: Int, until end: ContinuousClock.Instant, unreadable: (DriverError) -> Void
    ) throws(DriverError) -> RecordPage {
        guard let metadata = try metadata() else { return RecordPage(records: [], last: nil) }
        var keys: [VolumeKey] = []
        try onShare("list \(shown("\(Pool.metadataName)/volumes"))") { () throws(Errno) in
            try metadata.records.forEachEntry { entry in
                if let found = entry.name.string.flatMap(SharedVolumeRecord.key(ofFile:)),
                    key.map({ found > $0 }) ?? true
                {
                    keys.append(found)
                }
                return true
            }
        }
        keys.sort()
        var records: [SharedVolumeRecord] = []
        var last: VolumeKey?
        for key in keys {
            // At least one each time, so that a listing gets to its end.
            if let last, records.count == limit || .now >= end { return RecordPage(records: records, last: last) }
            last = key
            do throws(DriverError) {
                // Nil: deleted since the directory was read.
                if let record = try record(of: key, in: metadata) { records.append(record) }
            } catch {
                guard error.code == .internalError else { throw error }
                unreadable(error)
            }
        }
        return RecordPage(records: records, last: nil)
    }
}
