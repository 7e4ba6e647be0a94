// Requests and answers of the Node service, field for field as in proto/csi/v1/csi.proto, less secrets and publish
// context.

package struct NodeStageVolumeRequest: Hashable, Sendable {
    package var volumeID: VolumeID
    package var stagingTargetPath: String
    package var volumeCapability: VolumeCapability?
    package var volumeContext: [String: String]

    package init(
        volumeID: VolumeID, stagingTargetPath: String, volumeCapability: VolumeCapability?,
        volumeContext: [String: String] = [:]
    ) {
        self.volumeID = volumeID
        self.stagingTargetPath = stagingTargetPath
        self.volumeCapability = volumeCapability
        self.volumeContext = volumeContext
    }
}

package struct NodeStageVolumeResponse: Hashable, Sendable {
    package init() {}
}

package struct NodeUnstageVolumeRequest: Hashable, Sendable {
    package var volumeID: VolumeID
    package var stagingTargetPath: String

    package init(volumeID: VolumeID, stagingTargetPath: String) {
        self.volumeID = volumeID
        self.stagingTargetPath = stagingTargetPath
    }
}

package struct NodeUnstageVolumeResponse: Hashable, Sendable {
    package init() {}
}

package struct NodePublishVolumeRequest: Hashable, Sendable {
    package var volumeID: VolumeID
    package var stagingTargetPath: String
    package var targetPath: String
    package var volumeCapability: VolumeCapability?
    package var readonly: Bool
    package var volumeContext: [String: String]

    package init(
        volumeID: VolumeID, stagingTargetPath: String, targetPath: String, volumeCapability: VolumeCapability?,
        readonly: Bool = false, volumeContext: [String: String] = [:]
    ) {
        self.volumeID = volumeID
        self.stagingTargetPath = stagingTargetPath
        self.targetPath = targetPath
        self.volumeCapability = volumeCapability
        self.readonly = readonly
        self.volumeContext = volumeContext
    }
}

package struct NodePublishVolumeResponse: Hashable, Sendable {
    package init() {}
}

package struct NodeUnpublishVolumeRequest: Hashable, Sendable {
    package var volumeID: VolumeID
    package var targetPath: String

    package init(volumeID: VolumeID, targetPath: String) {
        self.volumeID = volumeID
        self.targetPath = targetPath
    }
}

package struct NodeUnpublishVolumeResponse: Hashable, Sendable {
    package init() {}
}

package struct NodeGetVolumeStatsRequest: Hashable, Sendable {
    package var volumeID: VolumeID
    package var volumePath: String
    package var stagingTargetPath: String

    package init(volumeID: VolumeID, volumePath: String, stagingTargetPath: String = "") {
        self.volumeID = volumeID
        self.volumePath = volumePath
        self.stagingTargetPath = stagingTargetPath
    }
}

/// One line of usage; every number is at least 0.
package struct VolumeUsage: Hashable, Sendable {
    package enum Unit: String, Hashable, Sendable {
        case bytes = "BYTES"
        case inodes = "INODES"
    }

    package var unit: Unit
    package var available: Int64
    package var total: Int64
    package var used: Int64

    package init(unit: Unit, available: Int64, total: Int64, used: Int64) {
        self.unit = unit
        self.available = available
        self.total = total
        self.used = used
    }
}

/// Whether something about a volume needs a person.
package struct VolumeCondition: Hashable, Sendable {
    package var isAbnormal: Bool
    package var message: String

    package init(isAbnormal: Bool, message: String) {
        self.isAbnormal = isAbnormal
        self.message = message
    }

    package static let normal = VolumeCondition(isAbnormal: false, message: "the volume is mounted")
}

/// What is known of a mounted volume.
package struct VolumeStatistics: Hashable, Sendable {
    /// Empty when nobody could say.
    package var usage: [VolumeUsage]
    package var condition: VolumeCondition

    package init(usage: [VolumeUsage], condition: VolumeCondition = .normal) {
        self.usage = usage
        self.condition = condition
    }
}

package struct NodeGetVolumeStatsResponse: Hashable, Sendable {
    package var statistics: VolumeStatistics

    package init(_ statistics: VolumeStatistics) {
        self.statistics = statistics
    }
}

package struct NodeGetCapabilitiesRequest: Hashable, Sendable {
    package init() {}
}

/// The values of `NodeServiceCapability.RPC.Type`.
package enum NodeCapability: String, Hashable, Sendable, CaseIterable {
    case stageUnstageVolume = "STAGE_UNSTAGE_VOLUME"
    case getVolumeStats = "GET_VOLUME_STATS"
    case expandVolume = "EXPAND_VOLUME"
    case volumeCondition = "VOLUME_CONDITION"
    case singleNodeMultiWriter = "SINGLE_NODE_MULTI_WRITER"
    case volumeMountGroup = "VOLUME_MOUNT_GROUP"
}

package struct NodeGetCapabilitiesResponse: Hashable, Sendable {
    package var capabilities: [NodeCapability]

    package init(capabilities: [NodeCapability]) {
        self.capabilities = capabilities
    }
}

package struct NodeGetInfoRequest: Hashable, Sendable {
    package init() {}
}

package struct NodeGetInfoResponse: Hashable, Sendable {
    package var nodeID: String
    /// 0: the orchestrator decides.
    package var maxVolumesPerNode: Int64
    package var accessibleTopology: Topology?

    package init(nodeID: String, maxVolumesPerNode: Int64 = 0, accessibleTopology: Topology? = nil) {
        self.nodeID = nodeID
        self.maxVolumesPerNode = maxVolumesPerNode
        self.accessibleTopology = accessibleTopology
    }
}
