package import StorageModel

/// How SINGLE_NODE_WRITER is read: it leaves open how many writers one node may have.
package enum SingleNodeWriterPolicy: String, Sendable, CaseIterable {
    /// One publication, as the specification's table says for it.
    case exclusive
    /// Any number: for orchestrators that send it for every ReadWriteOnce volume (Kubernetes before 1.27, Nomad,
    /// Swarm).
    case shared
}

/// When a volume may be mounted once more: the second table of NodePublishVolume in the specification.
package struct PublishRules: Sendable {
    package let singleNodeWriter: SingleNodeWriterPolicy

    package init(singleNodeWriter: SingleNodeWriterPolicy) {
        self.singleNodeWriter = singleNodeWriter
    }

    /// Throws ALREADY_EXISTS when the same path holds other arguments, FAILED_PRECONDITION when another publication
    /// excludes this one. What is not mounted any more excludes nothing.
    package func checkPublish(_ intent: MountIntent, among mounts: [TrackedMount]) throws(DriverError) {
        for mount in mounts where mount.intent.role == .publish && mount.presence == .mounted {
            if mount.intent.path == intent.path {
                try checkSameArguments(intent, mount.intent, field: "target_path")
            } else if isExclusive(intent.accessMode) || isExclusive(mount.intent.accessMode) {
                throw DriverError(
                    .failedPrecondition,
                    "volume \(intent.volume) is published at \(mount.intent.path) with access mode "
                        + "\(mount.intent.accessMode.rawValue) and cannot be published at \(intent.path) with "
                        + "\(intent.accessMode.rawValue) as well: unpublish it there first, or use "
                        + "SINGLE_NODE_MULTI_WRITER (or start the driver with --single-node-writer shared)")
            }
        }
    }

    /// Throws ALREADY_EXISTS when it is staged there differently, FAILED_PRECONDITION when it is staged elsewhere.
    package func checkStage(_ intent: MountIntent, among mounts: [TrackedMount]) throws(DriverError) {
        for mount in mounts where mount.intent.role == .stage && mount.presence == .mounted {
            guard mount.intent.path == intent.path else {
                throw DriverError(
                    .failedPrecondition,
                    "volume \(intent.volume) is staged at \(mount.intent.path) and cannot be staged at \(intent.path) "
                        + "as well: unstage it there first")
            }
            try checkSameArguments(intent, mount.intent, field: "staging_target_path")
        }
    }

    /// A publication shows what is staged, with the label that it was staged with: to ask for that again, or for none,
    /// changes nothing. Other options of the file system may have changed since, and are those of the stage.
    ///
    /// Throws ALREADY_EXISTS for another label, which the workload would not get.
    package func checkLabels(_ intent: MountIntent, staged: TrackedMount?) throws(DriverError) {
        guard let staged, staged.presence == .mounted, let asked = intent.options, let there = staged.intent.options,
            !asked.labels.isEmpty, asked.labels != there.labels
        else { return }
        throw DriverError(
            .alreadyExists,
            "volume \(intent.volume) is staged at \(staged.intent.path) with another SELinux label than is asked for "
                + "now, or without one: unstage it there first, or ask for the same label")
    }

    private func checkSameArguments(_ new: MountIntent, _ old: MountIntent, field: String) throws(DriverError) {
        guard new.isBlock == old.isBlock, new.attributes == old.attributes,
            isSameMode(new.accessMode, old.accessMode), isSame(new.options, old.options)
        else {
            throw DriverError(
                .alreadyExists,
                "volume \(new.volume) is mounted at this \(field) already with another capability, other mount flags "
                    + "or another readonly; undo that call first, or repeat it unchanged")
        }
    }

    private func isSame(_ one: MountOptionsDigest?, _ other: MountOptionsDigest?) -> Bool {
        guard let one, let other else { return true }
        return one == other
    }

    /// SINGLE_NODE_WRITER means either of the two modes that replace it.
    private func isSameMode(_ one: AccessMode, _ other: AccessMode) -> Bool {
        let replaced: Set<AccessMode> = [.singleNodeSingleWriter, .singleNodeMultiWriter]
        return one == other || (one == .singleNodeWriter && replaced.contains(other))
            || (other == .singleNodeWriter && replaced.contains(one))
    }

    private func isExclusive(_ mode: AccessMode) -> Bool {
        switch mode {
        case .singleNodeSingleWriter, .singleNodeReaderOnly: true
        case .singleNodeWriter: singleNodeWriter == .exclusive
        case .singleNodeMultiWriter, .multiNodeReaderOnly, .multiNodeSingleWriter, .multiNodeMultiWriter: false
        }
    }
}
