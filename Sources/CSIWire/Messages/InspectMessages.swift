package import StorageModel

extension InspectVolumesRequest: DecodableRequest {
    static let layout = MessageLayout(of: "moorage.inspect.v1.ListVolumesRequest")

    init(_ message: DecodedMessage) {
        self.init(maxEntries: message.int32("max_entries"), startingToken: message.string("starting_token"))
    }
}

extension InspectVolumesResponse: EncodableResponse {
    static let layout = MessageLayout(of: "moorage.inspect.v1.ListVolumesResponse")

    func fill(_ message: MessageBuilder) {
        for (builder, entry) in zip(message.messages("entries", count: entries.count), entries) {
            entry.fill(builder)
        }
        message.set("next_token", nextToken)
    }
}

extension InspectVolumesResponse.Entry {
    fileprivate func fill(_ message: MessageBuilder) {
        message.set("volume_id", volume.id.rawValue)
        message.set("name", volume.name)
        message.set("backend", backend)
        message.set("pool", volume.pool)
        message.set("capacity_bytes", volume.capacityBytes)
        message.set("state", enumerator: volume.state.rawValue)
        if let created = volume.created {
            let time = message.message("created")
            time.set("seconds", created.seconds)
            time.set("nanos", created.nanoseconds)
        }
        message.set("path", volume.path)
        message.set("mounts", Int32(clamping: mounts))
    }
}

extension InspectMountsRequest: DecodableRequest {
    static let layout = MessageLayout(of: "moorage.inspect.v1.ListMountsRequest")

    init(_ message: DecodedMessage) {
        self.init(
            maxEntries: message.int32("max_entries"), startingToken: message.string("starting_token"),
            volumeID: VolumeID(message.string("volume_id")))
    }
}

extension InspectMountsResponse: EncodableResponse {
    static let layout = MessageLayout(of: "moorage.inspect.v1.ListMountsResponse")

    func fill(_ message: MessageBuilder) {
        for (builder, entry) in zip(message.messages("entries", count: entries.count), entries) {
            entry.fill(builder)
        }
        message.set("next_token", nextToken)
    }
}

extension ListedMount {
    fileprivate func fill(_ message: MessageBuilder) {
        message.set("volume_id", intent.volume.rawValue)
        message.set("role", enumerator: role)
        message.set("path", intent.path)
        message.set("access_mode", enumerator: intent.accessMode.rawValue)
        message.set("block", intent.isBlock)
        message.set("flags", intent.attributes.canonicalFlags)
        message.set("presence", enumerator: presenceName)
    }

    private var role: String {
        switch intent.role {
        case .stage: "STAGE"
        case .publish: "PUBLISH"
        }
    }

    private var presenceName: String {
        switch presence {
        case .mounted: "MOUNTED"
        case .absent: "ABSENT"
        case .foreign: "FOREIGN"
        case nil: "PRESENCE_UNKNOWN"
        }
    }
}

extension InspectPoolsRequest: DecodableRequest {
    static let layout = MessageLayout(of: "moorage.inspect.v1.ListPoolsRequest")

    init(_: DecodedMessage) { self.init() }
}

extension InspectPoolsResponse: EncodableResponse {
    static let layout = MessageLayout(of: "moorage.inspect.v1.ListPoolsResponse")

    func fill(_ message: MessageBuilder) {
        for (builder, entry) in zip(message.messages("entries", count: entries.count), entries) {
            entry.fill(builder)
        }
    }
}

extension InspectPoolsResponse.Entry {
    fileprivate func fill(_ message: MessageBuilder) {
        message.set("name", pool.name)
        message.set("id", pool.id)
        message.set("path", pool.path)
        message.set("backend", backend)
        switch pool.condition {
        case .absent(let reason):
            message.set("is_absent", true)
            message.set("absence", reason)
        case .served(let figures):
            message.set("file_system_type", figures.fileSystemType)
            message.set("total_bytes", figures.total)
            message.set("available_bytes", figures.available)
            message.set("promised_bytes", figures.promised)
            message.set("volumes", Int64(figures.volumes))
            message.set("trash", Int64(figures.trash))
        }
    }
}
