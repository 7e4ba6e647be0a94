// What a person who looks after a node is shown: `proto/moorage/inspect/v1/inspect.proto`.

/// A volume, or what is left of one, as a listing shows it.
package struct ListedVolume: Hashable, Sendable {
    package enum State: String, Hashable, Sendable, CaseIterable {
        case ready = "READY"
        /// Deleted with its data kept.
        case retained = "RETAINED"
        /// Deleted, its data being removed.
        case deleting = "DELETING"
        /// Its record cannot be read.
        case unreadable = "UNREADABLE"
    }

    package var position: ListingPosition
    /// Empty when it is not known.
    package var name: String
    package var pool: String
    /// Bytes; 0 when no size was asked for, or when it is not known.
    package var capacityBytes: Int64
    package var state: State
    /// Nil when it is not known.
    package var created: Timestamp?
    /// Where its data is.
    package var path: String

    package var id: VolumeID { position.id }

    package init(
        position: ListingPosition, name: String = "", pool: String, capacityBytes: Int64 = 0, state: State,
        created: Timestamp? = nil, path: String
    ) {
        self.position = position
        self.name = name
        self.pool = pool
        self.capacityBytes = capacityBytes
        self.state = state
        self.created = created
        self.path = path
    }
}

/// Where something stands in a backend's listing: volumes in the order of their ids, and after each those of its id
/// that are being removed.
package struct ListingPosition: Hashable, Comparable, Sendable {
    package var id: VolumeID
    /// Tells one deletion of an id from another; empty for a volume that was not deleted. Without a slash.
    package var deletion: String

    package init(id: VolumeID, deletion: String = "") {
        self.id = id
        self.deletion = deletion
    }

    package static func < (left: ListingPosition, right: ListingPosition) -> Bool {
        (left.id, left.deletion) < (right.id, right.deletion)
    }
}

/// A pool of the configuration, as it is now.
package struct ListedPool: Hashable, Sendable {
    package var name: String
    /// Empty when it was never there.
    package var id: String
    package var path: String
    package var condition: Condition

    package enum Condition: Hashable, Sendable {
        case served(PoolFigures)
        /// Why it cannot be served, and what to do.
        case absent(String)
    }

    package init(name: String, id: String, path: String, condition: Condition) {
        self.name = name
        self.id = id
        self.path = path
        self.condition = condition
    }
}

/// Sizes in bytes.
package struct PoolFigures: Hashable, Sendable {
    package var fileSystemType: String
    /// Of the file system.
    package var total: Int64
    /// For new volumes; shared by the pools on one file system.
    package var available: Int64
    /// To the volumes of this pool.
    package var promised: Int64
    package var volumes: Int
    package var trash: Int

    package init(
        fileSystemType: String, total: Int64, available: Int64, promised: Int64, volumes: Int, trash: Int
    ) {
        self.fileSystemType = fileSystemType
        self.total = total
        self.available = available
        self.promised = promised
        self.volumes = volumes
        self.trash = trash
    }
}

/// An entry of the ledger as a listing shows it.
package struct ListedMount: Hashable, Sendable {
    package var intent: MountIntent
    /// Nil when the kernel did not say what is at the path.
    package var presence: TrackedMount.Presence?
    /// `server:/share` of a volume on a network share; else empty.
    package var share: String

    package init(intent: MountIntent, presence: TrackedMount.Presence?, share: String = "") {
        self.intent = intent
        self.presence = presence
        self.share = share
    }
}

// MARK: - Requests and responses

package struct InspectVolumesRequest: Hashable, Sendable {
    /// 0: no bound asked for.
    package var maxEntries: Int32
    package var startingToken: String

    package init(maxEntries: Int32 = 0, startingToken: String = "") {
        self.maxEntries = maxEntries
        self.startingToken = startingToken
    }
}

package struct InspectVolumesResponse: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var volume: ListedVolume
        package var backend: String
        package var mounts: Int

        package init(volume: ListedVolume, backend: String, mounts: Int) {
            self.volume = volume
            self.backend = backend
            self.mounts = mounts
        }
    }

    package var entries: [Entry]
    /// Empty: nothing follows.
    package var nextToken: String

    package init(entries: [Entry], nextToken: String = "") {
        self.entries = entries
        self.nextToken = nextToken
    }
}

package struct InspectMountsRequest: Hashable, Sendable {
    /// 0: no bound asked for.
    package var maxEntries: Int32
    package var startingToken: String
    /// Empty: of all volumes.
    package var volumeID: VolumeID

    package init(maxEntries: Int32 = 0, startingToken: String = "", volumeID: VolumeID = VolumeID("")) {
        self.maxEntries = maxEntries
        self.startingToken = startingToken
        self.volumeID = volumeID
    }
}

package struct InspectMountsResponse: Hashable, Sendable {
    package var entries: [ListedMount]
    /// Empty: nothing follows.
    package var nextToken: String

    package init(entries: [ListedMount], nextToken: String = "") {
        self.entries = entries
        self.nextToken = nextToken
    }
}

package struct InspectPoolsRequest: Hashable, Sendable {
    package init() {}
}

package struct InspectPoolsResponse: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var pool: ListedPool
        package var backend: String

        package init(pool: ListedPool, backend: String) {
            self.pool = pool
            self.backend = backend
        }
    }

    package var entries: [Entry]

    package init(entries: [Entry]) {
        self.entries = entries
    }
}

package struct InspectSharesRequest: Hashable, Sendable {
    package init() {}
}

package struct InspectSharesResponse: Hashable, Sendable {
    package var entries: [ListedShare]

    package init(entries: [ListedShare]) {
        self.entries = entries
    }
}
