/// How many may use a volume, and how (CSI spec, `VolumeCapability.AccessMode`).
package enum AccessMode: String, Hashable, Sendable, CaseIterable {
    /// The mode of orchestrators that do not know the two that replace it.
    case singleNodeWriter = "SINGLE_NODE_WRITER"
    case singleNodeReaderOnly = "SINGLE_NODE_READER_ONLY"
    case multiNodeReaderOnly = "MULTI_NODE_READER_ONLY"
    case multiNodeSingleWriter = "MULTI_NODE_SINGLE_WRITER"
    case multiNodeMultiWriter = "MULTI_NODE_MULTI_WRITER"
    /// One publication on one node.
    case singleNodeSingleWriter = "SINGLE_NODE_SINGLE_WRITER"
    /// Any number of publications on one node.
    case singleNodeMultiWriter = "SINGLE_NODE_MULTI_WRITER"

    package var isMultiNode: Bool {
        switch self {
        case .multiNodeReaderOnly, .multiNodeSingleWriter, .multiNodeMultiWriter: true
        case .singleNodeWriter, .singleNodeReaderOnly, .singleNodeSingleWriter, .singleNodeMultiWriter: false
        }
    }

    package var isReaderOnly: Bool {
        self == .singleNodeReaderOnly || self == .multiNodeReaderOnly
    }
}

/// What a volume looks like to the workload.
package enum AccessType: Hashable, Sendable {
    case block
    case mount(MountCapability)

    package var isBlock: Bool { self == .block }
}

/// The mount half of a capability, as asked. The flags are not yet known to be allowed and may be sensitive: they reach
/// neither a log nor an error.
package struct MountCapability: Hashable, Sendable {
    package var fsType: String
    package var mountFlags: [String]
    package var volumeMountGroup: String

    package init(fsType: String = "", mountFlags: [String] = [], volumeMountGroup: String = "") {
        self.fsType = fsType
        self.mountFlags = mountFlags
        self.volumeMountGroup = volumeMountGroup
    }
}

/// A complete capability: CSIWire refuses one without access type or with an unknown mode.
package struct VolumeCapability: Hashable, Sendable {
    package var accessType: AccessType
    package var accessMode: AccessMode

    package init(_ accessType: AccessType, _ accessMode: AccessMode) {
        self.accessType = accessType
        self.accessMode = accessMode
    }
}

/// Sizes in bytes; 0 means not given (CSI spec, `CapacityRange`).
package struct CapacityRange: Hashable, Sendable {
    package var requiredBytes: Int64
    package var limitBytes: Int64

    package init(requiredBytes: Int64 = 0, limitBytes: Int64 = 0) {
        self.requiredBytes = requiredBytes
        self.limitBytes = limitBytes
    }
}

/// Where something can be reached from: segments such as `topology.csi.moorage.dev/node: worker-1`.
package struct Topology: Hashable, Sendable {
    package var segments: [String: String]

    package init(_ segments: [String: String]) {
        self.segments = segments
    }
}

package struct TopologyRequirement: Hashable, Sendable {
    package var requisite: [Topology]
    package var preferred: [Topology]

    package init(requisite: [Topology] = [], preferred: [Topology] = []) {
        self.requisite = requisite
        self.preferred = preferred
    }
}

package enum VolumeContentSource: Hashable, Sendable {
    case snapshot(id: String)
    case volume(id: VolumeID)
}

/// What the orchestrator is told of a volume (CSI spec, `Volume`).
package struct Volume: Hashable, Sendable {
    package var id: VolumeID
    package var capacityBytes: Int64
    package var context: [String: String]
    package var contentSource: VolumeContentSource?
    package var accessibleTopology: [Topology]

    package init(
        id: VolumeID, capacityBytes: Int64, context: [String: String] = [:], contentSource: VolumeContentSource? = nil,
        accessibleTopology: [Topology] = []
    ) {
        self.id = id
        self.capacityBytes = capacityBytes
        self.context = context
        self.contentSource = contentSource
        self.accessibleTopology = accessibleTopology
    }
}
