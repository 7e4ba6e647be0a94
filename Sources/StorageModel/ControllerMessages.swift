// Requests and answers of the Controller service, field for field as in proto/csi/v1/csi.proto. Secrets are dropped
// where bytes become values, for what is not carried cannot leak; only their mount options are kept, out of sight.

package struct CreateVolumeRequest: Hashable, Sendable {
    package var name: String
    package var capacityRange: CapacityRange?
    package var volumeCapabilities: [VolumeCapability]
    package var parameters: [String: String]
    package var contentSource: VolumeContentSource?
    package var accessibilityRequirements: TopologyRequirement?
    package var mutableParameters: [String: String]
    /// Of the secrets.
    package var mountOptions: SensitiveText?

    package init(
        name: String = "", capacityRange: CapacityRange? = nil, volumeCapabilities: [VolumeCapability] = [],
        parameters: [String: String] = [:], contentSource: VolumeContentSource? = nil,
        accessibilityRequirements: TopologyRequirement? = nil, mutableParameters: [String: String] = [:],
        mountOptions: SensitiveText? = nil
    ) {
        self.mountOptions = mountOptions
        self.name = name
        self.capacityRange = capacityRange
        self.volumeCapabilities = volumeCapabilities
        self.parameters = parameters
        self.contentSource = contentSource
        self.accessibilityRequirements = accessibilityRequirements
        self.mutableParameters = mutableParameters
    }
}

package struct CreateVolumeResponse: Hashable, Sendable {
    package var volume: Volume

    package init(volume: Volume) {
        self.volume = volume
    }
}

package struct DeleteVolumeRequest: Hashable, Sendable {
    package var volumeID: VolumeID
    /// Of the secrets.
    package var mountOptions: SensitiveText?

    package init(volumeID: VolumeID, mountOptions: SensitiveText? = nil) {
        self.volumeID = volumeID
        self.mountOptions = mountOptions
    }
}

package struct DeleteVolumeResponse: Hashable, Sendable {
    package init() {}
}

package struct ValidateVolumeCapabilitiesRequest: Hashable, Sendable {
    package var volumeID: VolumeID
    package var volumeContext: [String: String]
    package var volumeCapabilities: [VolumeCapability]
    package var parameters: [String: String]
    package var mutableParameters: [String: String]

    package init(
        volumeID: VolumeID, volumeContext: [String: String] = [:], volumeCapabilities: [VolumeCapability] = [],
        parameters: [String: String] = [:], mutableParameters: [String: String] = [:]
    ) {
        self.volumeID = volumeID
        self.volumeContext = volumeContext
        self.volumeCapabilities = volumeCapabilities
        self.parameters = parameters
        self.mutableParameters = mutableParameters
    }
}

package struct ValidateVolumeCapabilitiesResponse: Hashable, Sendable {
    package struct Confirmed: Hashable, Sendable {
        package var volumeContext: [String: String]
        package var volumeCapabilities: [VolumeCapability]
        package var parameters: [String: String]
        package var mutableParameters: [String: String]

        package init(
            volumeContext: [String: String], volumeCapabilities: [VolumeCapability], parameters: [String: String],
            mutableParameters: [String: String]
        ) {
            self.volumeContext = volumeContext
            self.volumeCapabilities = volumeCapabilities
            self.parameters = parameters
            self.mutableParameters = mutableParameters
        }
    }

    /// Nil when something asked for is not supported; `message` then says what.
    package var confirmed: Confirmed?
    package var message: String

    package init(confirmed: Confirmed?, message: String = "") {
        self.confirmed = confirmed
        self.message = message
    }
}

package struct ListVolumesRequest: Hashable, Sendable {
    /// 0: no bound asked for.
    package var maxEntries: Int32
    package var startingToken: String

    package init(maxEntries: Int32 = 0, startingToken: String = "") {
        self.maxEntries = maxEntries
        self.startingToken = startingToken
    }
}

package struct ListVolumesResponse: Hashable, Sendable {
    package var entries: [Volume]
    /// Empty: nothing follows.
    package var nextToken: String

    package init(entries: [Volume], nextToken: String = "") {
        self.entries = entries
        self.nextToken = nextToken
    }
}

package struct ControllerGetVolumeRequest: Hashable, Sendable {
    package var volumeID: VolumeID

    package init(volumeID: VolumeID) {
        self.volumeID = volumeID
    }
}

package struct ControllerGetVolumeResponse: Hashable, Sendable {
    package var volume: Volume

    package init(volume: Volume) {
        self.volume = volume
    }
}

package struct ControllerExpandVolumeRequest: Hashable, Sendable {
    package var volumeID: VolumeID
    package var capacityRange: CapacityRange?
    /// Nil: the caller does not say how the volume is used.
    package var volumeCapability: VolumeCapability?
    /// Of the secrets.
    package var mountOptions: SensitiveText?

    package init(
        volumeID: VolumeID, capacityRange: CapacityRange? = nil, volumeCapability: VolumeCapability? = nil,
        mountOptions: SensitiveText? = nil
    ) {
        self.volumeID = volumeID
        self.capacityRange = capacityRange
        self.volumeCapability = volumeCapability
        self.mountOptions = mountOptions
    }
}

package struct ControllerExpandVolumeResponse: Hashable, Sendable {
    /// Bytes.
    package var capacityBytes: Int64
    package var nodeExpansionRequired: Bool

    package init(capacityBytes: Int64, nodeExpansionRequired: Bool) {
        self.capacityBytes = capacityBytes
        self.nodeExpansionRequired = nodeExpansionRequired
    }
}

package struct GetCapacityRequest: Hashable, Sendable {
    package var volumeCapabilities: [VolumeCapability]
    package var parameters: [String: String]
    package var accessibleTopology: Topology?

    package init(
        volumeCapabilities: [VolumeCapability] = [], parameters: [String: String] = [:],
        accessibleTopology: Topology? = nil
    ) {
        self.volumeCapabilities = volumeCapabilities
        self.parameters = parameters
        self.accessibleTopology = accessibleTopology
    }
}

package struct GetCapacityResponse: Hashable, Sendable {
    /// Bytes; never negative.
    package var availableCapacity: Int64
    package var maximumVolumeSize: Int64?
    package var minimumVolumeSize: Int64?

    package init(availableCapacity: Int64, maximumVolumeSize: Int64? = nil, minimumVolumeSize: Int64? = nil) {
        self.availableCapacity = availableCapacity
        self.maximumVolumeSize = maximumVolumeSize
        self.minimumVolumeSize = minimumVolumeSize
    }
}

package struct ControllerGetCapabilitiesRequest: Hashable, Sendable {
    package init() {}
}

/// The values of `ControllerServiceCapability.RPC.Type`.
package enum ControllerCapability: String, Hashable, Sendable, CaseIterable {
    case createDeleteVolume = "CREATE_DELETE_VOLUME"
    case publishUnpublishVolume = "PUBLISH_UNPUBLISH_VOLUME"
    case listVolumes = "LIST_VOLUMES"
    case getCapacity = "GET_CAPACITY"
    case createDeleteSnapshot = "CREATE_DELETE_SNAPSHOT"
    case listSnapshots = "LIST_SNAPSHOTS"
    case cloneVolume = "CLONE_VOLUME"
    case publishReadonly = "PUBLISH_READONLY"
    case expandVolume = "EXPAND_VOLUME"
    case listVolumesPublishedNodes = "LIST_VOLUMES_PUBLISHED_NODES"
    case volumeCondition = "VOLUME_CONDITION"
    case getVolume = "GET_VOLUME"
    case singleNodeMultiWriter = "SINGLE_NODE_MULTI_WRITER"
    case modifyVolume = "MODIFY_VOLUME"
    case getSnapshot = "GET_SNAPSHOT"
}

package struct ControllerGetCapabilitiesResponse: Hashable, Sendable {
    package var capabilities: [ControllerCapability]

    package init(capabilities: [ControllerCapability]) {
        self.capabilities = capabilities
    }
}
