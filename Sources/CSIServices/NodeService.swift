package import StorageModel

/// The Node service: volumes are staged once, published any number of times, measured and taken away again.
package struct NodeService: Sendable {
    private let nodeID: String
    private let topology: Topology?
    private let backends: Backends
    private let tracker: any MountTracker
    private let gates: Gates
    private let rules: PublishRules

    package init(
        nodeID: String, topology: Topology?, backends: Backends, tracker: any MountTracker, gates: Gates,
        rules: PublishRules
    ) {
        self.nodeID = nodeID
        self.topology = topology
        self.backends = backends
        self.tracker = tracker
        self.gates = gates
        self.rules = rules
    }

    package func capabilities(_: NodeGetCapabilitiesRequest) -> NodeGetCapabilitiesResponse {
        NodeGetCapabilitiesResponse(capabilities: [
            .stageUnstageVolume, .getVolumeStats, .volumeCondition, .singleNodeMultiWriter,
        ])
    }

    package func info(_: NodeGetInfoRequest) -> NodeGetInfoResponse {
        NodeGetInfoResponse(nodeID: nodeID, accessibleTopology: topology)
    }

    package func stage(_ request: NodeStageVolumeRequest) async throws(DriverError) -> NodeStageVolumeResponse {
        try RequestChecks.required(request.volumeID)
        try RequestChecks.required(path: request.stagingTargetPath, field: "staging_target_path")
        let capability = try RequestChecks.required(request.volumeCapability)
        let backend = try backends.existing(request.volumeID, context: request.volumeContext)
        try backend.checkSupport(of: capability, context: request.volumeContext)
        try await gates.holding(.volume(request.volumeID)) { () async throws(DriverError) in
            let plan = try await backend.mountPlan(
                for: request.volumeID, capability: capability, context: request.volumeContext)
            let mounts = try await tracker.mounts(of: request.volumeID)
            let staging = Staging(
                volume: request.volumeID, path: request.stagingTargetPath, capability: capability,
                context: request.volumeContext)
            try await stage(staging, on: backend, plan: plan, among: mounts)
        }
        return NodeStageVolumeResponse()
    }

    package func unstage(_ request: NodeUnstageVolumeRequest) async throws(DriverError) -> NodeUnstageVolumeResponse {
        try RequestChecks.required(request.volumeID)
        try RequestChecks.required(path: request.stagingTargetPath, field: "staging_target_path")
        try await gates.holding(.volume(request.volumeID)) { () async throws(DriverError) in
            try await tracker.unstage(request.volumeID, path: request.stagingTargetPath)
        }
        return NodeUnstageVolumeResponse()
    }

    package func publish(_ request: NodePublishVolumeRequest) async throws(DriverError) -> NodePublishVolumeResponse {
        try RequestChecks.required(request.volumeID)
        try RequestChecks.required(path: request.targetPath, field: "target_path")
        let capability = try RequestChecks.required(request.volumeCapability)
        guard !request.stagingTargetPath.isEmpty else {
            throw DriverError(
                .failedPrecondition,
                "staging_target_path is required: this driver stages volumes; "
                    + "call NodeStageVolume first and pass its path"
            )
        }
        try RequestChecks.required(path: request.stagingTargetPath, field: "staging_target_path")
        guard request.targetPath != request.stagingTargetPath else {
            throw .invalid("target_path and staging_target_path must differ")
        }
        guard !request.readonly || !capability.accessType.isBlock else {
            throw .invalid(
                "readonly cannot be honoured for a block device: a read-only mount of a device's node does not keep "
                    + "anybody from writing to the device; publish it without readonly, or make the device read-only "
                    + "(blockdev --setro)")
        }
        let backend = try backends.existing(request.volumeID, context: request.volumeContext)
        try backend.checkSupport(of: capability, context: request.volumeContext)
        try await gates.holding(.volume(request.volumeID)) { () async throws(DriverError) in
            let plan = try await backend.mountPlan(
                for: request.volumeID, capability: capability, context: request.volumeContext)
            let mounts = try await tracker.mounts(of: request.volumeID)
            try await publish(request, capability: capability, on: backend, plan: plan, among: mounts)
        }
        return NodePublishVolumeResponse()
    }

    package func unpublish(_ request: NodeUnpublishVolumeRequest) async throws(DriverError)
        -> NodeUnpublishVolumeResponse
    {
        try RequestChecks.required(request.volumeID)
        try RequestChecks.required(path: request.targetPath, field: "target_path")
        try await gates.holding(.volume(request.volumeID)) { () async throws(DriverError) in
            try await tracker.unpublish(request.volumeID, path: request.targetPath)
        }
        return NodeUnpublishVolumeResponse()
    }

    package func stats(_ request: NodeGetVolumeStatsRequest) async throws(DriverError) -> NodeGetVolumeStatsResponse {
        try RequestChecks.required(request.volumeID)
        guard !request.volumePath.isEmpty else { throw .invalid("volume_path is required") }
        // Nothing is ever mounted at a path that depends on who asks; csi-sanity asks for one and expects just this.
        guard request.volumePath.hasPrefix("/") else {
            throw DriverError(
                .notFound, "volume \(request.volumeID) is not mounted at volume_path, which is not an absolute path")
        }
        // First, because a static volume is known by nothing else: this request brings no context.
        if let found = try await tracker.statistics(ofTracked: request.volumeID, at: request.volumePath) {
            return NodeGetVolumeStatsResponse(found)
        }
        let backend = try backends.existing(request.volumeID)
        // How the volume is used does not matter for what it holds: any supported capability leads to the same tree.
        let anyUse = VolumeCapability(.mount(MountCapability()), .singleNodeWriter)
        let plan = try await backend.mountPlan(for: request.volumeID, capability: anyUse, context: [:])
        return NodeGetVolumeStatsResponse(
            try await tracker.statistics(of: plan, volume: request.volumeID, at: request.volumePath))
    }

    /// The first two steps of a publication are those of a stage: after a reboot or a takeover the orchestrator
    /// publishes without staging again (kubernetes#120853), and nothing may then be written beside the volume.
    private func publish(
        _ request: NodePublishVolumeRequest, capability: VolumeCapability, on backend: any VolumeBackend,
        plan: MountPlan, among mounts: [TrackedMount]
    ) async throws(DriverError) {
        let staged = mounts.first { $0.intent.role == .stage && $0.intent.path == request.stagingTargetPath }
        var attributes = plan.attributes
        if request.readonly || staged?.intent.attributes.readOnly == true {
            attributes.readOnly = true
        }
        let intent = MountIntent(
            volume: request.volumeID, role: .publish, path: request.targetPath, accessMode: capability.accessMode,
            isBlock: capability.accessType.isBlock, attributes: attributes, options: plan.options)
        try rules.checkPublish(intent, among: mounts)
        try rules.checkLabels(intent, staged: staged)
        if staged?.presence != .mounted {
            let staging = Staging(
                volume: request.volumeID, path: request.stagingTargetPath, capability: capability,
                context: request.volumeContext)
            try await stage(staging, on: backend, plan: plan, among: mounts)
        }
        try await tracker.publish(intent, plan: plan, stagingPath: request.stagingTargetPath)
    }

    /// What two calls know of a stage.
    private struct Staging {
        let volume: VolumeID
        let path: String
        let capability: VolumeCapability
        let context: [String: String]
    }

    private func stage(
        _ staging: Staging, on backend: any VolumeBackend, plan: MountPlan, among mounts: [TrackedMount]
    ) async throws(DriverError) {
        let intent = MountIntent(
            volume: staging.volume, role: .stage, path: staging.path, accessMode: staging.capability.accessMode,
            isBlock: staging.capability.accessType.isBlock, attributes: plan.attributes, options: plan.options)
        try rules.checkStage(intent, among: mounts)
        try await backend.makeMissing(for: staging.volume, context: staging.context)
        try await tracker.stage(intent, plan: plan)
    }
}
