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
        message.set("created", volume.created)
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
        message.set("share", share)
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

extension InspectSharesRequest: DecodableRequest {
    static let layout = MessageLayout(of: "moorage.inspect.v1.ListSharesRequest")

    init(_: DecodedMessage) { self.init() }
}

extension InspectSharesResponse: EncodableResponse {
    static let layout = MessageLayout(of: "moorage.inspect.v1.ListSharesResponse")

    func fill(_ message: MessageBuilder) {
        for (builder, entry) in zip(message.messages("entries", count: entries.count), entries) {
            entry.fill(builder)
        }
    }
}

extension ListedShare {
    fileprivate func fill(_ message: MessageBuilder) {
        message.set("name", name)
        switch circuit {
        case .closed(let since):
            message.set("circuit", enumerator: "CLOSED")
            message.set("since", since)
        case .open(let since, let cause):
            message.set("circuit", enumerator: "OPEN")
            message.set("since", since)
            message.set("cause", enumerator: cause.rawValue)
        case .halfOpen(let since, let cause):
            message.set("circuit", enumerator: "HALF_OPEN")
            message.set("since", since)
            message.set("cause", enumerator: cause.rawValue)
        }
        message.set("threads", Int32(clamping: threads))
        message.set("idle", Int32(clamping: idle))
        message.set("stuck", Int32(clamping: stuck))
        message.set("running", Int32(clamping: running))
        message.set("queued", Int32(clamping: queued))
        message.set("largest_queue", Int32(clamping: largestQueue))
        message.set("releases", Int32(clamping: releases))
        message.set("admitted", Int64(admitted))
        fill(refused: message.message("refused"))
        message.set("timed_out", Int64(timedOut))
        message.set("late", Int64(late))
        message.set("roots", Int32(clamping: roots))
        message.set("roots_used", rootsUsed)
    }

    private func fill(refused message: MessageBuilder) {
        func count(_ reason: Refusal) -> Int64 { Int64(refused[reason] ?? 0) }
        message.set("queue_full", count(.queueFull))
        message.set("silent", count(.silent))
        message.set("stuck", count(.stuck))
        message.set("deadline", count(.deadline))
        message.set("cancelled", count(.cancelled))
        message.set("closed", count(.closed))
    }
}

extension MessageBuilder {
    /// A google.protobuf.Timestamp; nothing is set for nil.
    fileprivate func set(_ name: StaticString, _ time: Timestamp?) {
        guard let time else { return }
        let message = message(name)
        message.set("seconds", time.seconds)
        message.set("nanos", time.nanoseconds)
    }
}
