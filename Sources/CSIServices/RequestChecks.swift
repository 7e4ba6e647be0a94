import StorageModel

/// Checks of single arguments that several calls share. Each throws INVALID_ARGUMENT with the field's name.
enum RequestChecks {
    /// Longer than the 128 bytes of the specification: peers' ids and real names are.
    static let longestName = 1024

    static func required(_ id: VolumeID) throws(DriverError) {
        guard !id.rawValue.isEmpty else { throw .invalid("volume_id is required") }
        guard id.rawValue.utf8.count <= longestName else {
            throw .invalid("volume_id has \(id.rawValue.utf8.count) bytes; at most \(longestName) are accepted")
        }
    }

    static func required(path: String, field: String) throws(DriverError) {
        guard !path.isEmpty else { throw .invalid("\(field) is required") }
        guard path.hasPrefix("/") else { throw .invalid("\(field) must be an absolute path") }
    }

    static func required(_ capability: VolumeCapability?) throws(DriverError) -> VolumeCapability {
        guard let capability else { throw .invalid("volume_capability is required") }
        return capability
    }

    static func required(_ capabilities: [VolumeCapability]) throws(DriverError) {
        guard !capabilities.isEmpty else { throw .invalid("volume_capabilities is required: give at least one") }
    }

    /// CSI spec, `CreateVolumeRequest.name`: any text but control characters other than tab, newline and return.
    static func volumeName(_ name: String) throws(DriverError) {
        guard !name.isEmpty else { throw .invalid("name is required") }
        guard name.utf8.count <= longestName else {
            throw .invalid("name has \(name.utf8.count) bytes; at most \(longestName) are accepted")
        }
        let banned = name.unicodeScalars.contains { scalar in
            switch scalar.value {
            case 0x00...0x08, 0x0B, 0x0C, 0x0E...0x1F, 0x7F...0x9F: true
            default: false
            }
        }
        guard !banned else { throw .invalid("name holds a control character; the CSI specification bans them") }
    }

    static func capacityRange(_ range: CapacityRange?) throws(DriverError) {
        guard let range else { return }
        guard range.requiredBytes >= 0, range.limitBytes >= 0 else {
            throw .invalid(
                "capacity_range must not be negative: required_bytes \(range.requiredBytes), "
                    + "limit_bytes \(range.limitBytes)"
            )
        }
        guard range.limitBytes == 0 || range.requiredBytes <= range.limitBytes else {
            throw .invalid(
                "capacity_range: required_bytes \(range.requiredBytes) is more than limit_bytes \(range.limitBytes)")
        }
    }
}

extension Topology {
    /// Whether something reachable from `place` is reachable under this requirement: every segment asked for is there.
    func isSatisfied(by place: Topology) -> Bool {
        segments.allSatisfy { place.segments[$0.key] == $0.value }
    }
}
