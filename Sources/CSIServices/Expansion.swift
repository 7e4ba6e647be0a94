import StorageModel

/// To which size a volume is expanded (CSI spec, ControllerExpandVolume).
enum Expansion {
    /// - Throws: INVALID_ARGUMENT when no size is asked for, OUT_OF_RANGE for one that nothing can have.
    static func checked(_ range: CapacityRange?) throws(DriverError) -> CapacityRange {
        guard let range, range != CapacityRange() else {
            throw .invalid("capacity_range is required: give required_bytes, limit_bytes or both")
        }
        guard range.requiredBytes >= 0, range.limitBytes >= 0 else {
            throw DriverError(
                .outOfRange,
                "capacity_range must not be negative: required_bytes \(range.requiredBytes), limit_bytes "
                    + "\(range.limitBytes)")
        }
        guard range.limitBytes == 0 || range.requiredBytes <= range.limitBytes else {
            throw DriverError(
                .outOfRange,
                "capacity_range: required_bytes \(range.requiredBytes) is more than limit_bytes \(range.limitBytes)")
        }
        return range
    }

    /// The size that the volume gets: its own when that is enough, for it never shrinks.
    ///
    /// - Throws: OUT_OF_RANGE when it has more than it may.
    static func size(of volume: StoredVolume, within range: CapacityRange) throws(DriverError) -> Int64 {
        guard range.limitBytes == 0 || volume.capacityBytes <= range.limitBytes else {
            throw DriverError(
                .outOfRange,
                "volume \(volume.id) has \(volume.capacityBytes) bytes, which is more than limit_bytes "
                    + "\(range.limitBytes), and a volume never shrinks")
        }
        // One without a size gets the first that is named.
        if volume.capacityBytes == 0, range.requiredBytes == 0 { return range.limitBytes }
        return max(volume.capacityBytes, range.requiredBytes)
    }
}
