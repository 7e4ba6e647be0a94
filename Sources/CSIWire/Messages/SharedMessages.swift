// Messages that stand inside several requests and responses.

internal import StorageModel

extension DecodedMessage {
    /// The model value of a message field; nil when it is not there.
    func value<Value>(
        _ name: StaticString, _ make: (DecodedMessage) throws(WireRefusal) -> Value
    ) throws(WireRefusal) -> Value? {
        guard let message = message(name) else { return nil }
        do {
            return try make(message)
        } catch {
            throw error.inside("\(name)")
        }
    }

    /// The model values of a repeated message field.
    func values<Value>(
        _ name: StaticString, _ make: (DecodedMessage) throws(WireRefusal) -> Value
    ) throws(WireRefusal) -> [Value] {
        var values: [Value] = []
        for (index, message) in messages(name).enumerated() {
            do {
                values.append(try make(message))
            } catch {
                throw error.inside("\(name)[\(index)]")
            }
        }
        return values
    }
}

extension VolumeCapability {
    init(_ message: DecodedMessage) throws(WireRefusal) {
        let accessType: AccessType
        if message.isChosen("block") {
            accessType = .block
        } else if let mount = message.message("mount") {
            accessType = .mount(
                MountCapability(
                    fsType: mount.string("fs_type"), mountFlags: mount.strings("mount_flags"),
                    volumeMountGroup: mount.string("volume_mount_group")))
        } else {
            throw WireRefusal("required: set block or mount").inside("access_type")
        }
        let mode = message.message("access_mode")?.enumerator("mode") ?? ""
        guard let accessMode = AccessMode(rawValue: mode) else {
            let known = AccessMode.allCases.map(\.rawValue).joined(separator: ", ")
            throw WireRefusal("required: one of \(known)").inside("access_mode.mode")
        }
        self.init(accessType, accessMode)
    }

    func fill(_ message: MessageBuilder) {
        switch accessType {
        case .block: _ = message.message("block")
        case .mount(let capability):
            let mount = message.message("mount")
            mount.set("fs_type", capability.fsType)
            mount.set("mount_flags", capability.mountFlags)
            mount.set("volume_mount_group", capability.volumeMountGroup)
        }
        message.message("access_mode").set("mode", enumerator: accessMode.rawValue)
    }
}

extension CapacityRange {
    init(_ message: DecodedMessage) {
        self.init(requiredBytes: message.int64("required_bytes"), limitBytes: message.int64("limit_bytes"))
    }
}

extension VolumeContentSource {
    init(_ message: DecodedMessage) throws(WireRefusal) {
        if let snapshot = message.message("snapshot") {
            self = .snapshot(id: snapshot.string("snapshot_id"))
        } else if let volume = message.message("volume") {
            self = .volume(id: VolumeID(volume.string("volume_id")))
        } else {
            throw WireRefusal("required: set snapshot or volume").inside("type")
        }
    }

    func fill(_ message: MessageBuilder) {
        switch self {
        case .snapshot(let id): message.message("snapshot").set("snapshot_id", id)
        case .volume(let id): message.message("volume").set("volume_id", id.rawValue)
        }
    }
}

extension Topology {
    init(_ message: DecodedMessage) {
        self.init(message.map("segments"))
    }

    func fill(_ message: MessageBuilder) {
        message.set("segments", segments)
    }
}

extension TopologyRequirement {
    init(_ message: DecodedMessage) {
        self.init(
            requisite: message.messages("requisite").map { Topology($0) },
            preferred: message.messages("preferred").map { Topology($0) })
    }
}

extension Volume {
    func fill(_ message: MessageBuilder) {
        message.set("capacity_bytes", capacityBytes)
        message.set("volume_id", id.rawValue)
        message.set("volume_context", context)
        contentSource?.fill(message.message("content_source"))
        let places = message.messages("accessible_topology", count: accessibleTopology.count)
        for (place, topology) in zip(places, accessibleTopology) { topology.fill(place) }
    }
}
