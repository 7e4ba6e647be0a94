package import StorageModel

/// Something that happened to mounts and that nobody asked for: for the log.
package enum MountEvent: Hashable, Sendable {
    /// A target on which nothing was mounted was not empty, and lies elsewhere now.
    case strayMoved(path: String, to: String)
    /// The mount was there already, with the right attributes and without an entry; it has one now.
    case mountAdopted(volume: VolumeID, path: String)
    /// Mounts were taken away below an orchestrator's directory of which the ledger knew nothing.
    case unknownMountsRemoved(path: String, count: Int)
    /// An entry whose mount was not there made way for another volume at its path.
    case entryReplaced(volume: VolumeID, path: String)

    /// The server no longer knew what was mounted there: a fresh mount is in its place.
    case staleMountReplaced(volume: VolumeID, path: String)
    /// The volume was unmounted, and the server did not say that it has stored everything.
    case leftUnsaved(volume: VolumeID, path: String, cause: String)

    // At start.

    /// Nothing is mounted at the path of this entry: it was dropped.
    case entryDropped(volume: VolumeID, path: String)
    /// Something else is mounted at the path of this entry: it was kept, and the mount left alone.
    case foreignMountFound(volume: VolumeID, path: String)
    /// The kernel did not say what is at the path of this entry: it was kept.
    case entryNotChecked(volume: VolumeID, path: String, cause: String)
    /// A file in the ledger is no entry of ours: it was renamed.
    case entrySetAside(file: String, to: String, reason: String)
    /// A file in the ledger was written by a later version of the driver: it was left alone.
    case newerEntryFound(file: String, layout: Int)
    /// The ledger of another boot was removed.
    case oldLedgerRemoved(bootID: String)
    /// Something in the ledger's directory can be neither read nor removed nor renamed; the driver goes on without it.
    case ledgerTroubled(file: String, cause: String)
}

/// What was found when ledger and kernel were compared.
package struct ReconcileSummary: Hashable, Sendable {
    /// Entries whose mount is there.
    package var mounted = 0
    /// Entries that were dropped because nothing is mounted at their path.
    package var dropped = 0
    /// Entries at whose path something else is mounted.
    package var foreign = 0
    /// Entries of which the kernel could not be asked.
    package var unchecked = 0
    /// Files that were renamed because they are no entries.
    package var setAside = 0
    /// Entries of a later version.
    package var newer = 0
    /// Ledgers of other boots that were removed.
    package var oldLedgers = 0

    package init() {}
}

extension ReconcileSummary: CustomStringConvertible {
    /// "500 mounted, 2 dropped": what there was at all.
    package var description: String {
        let parts = [
            (mounted, "mounted"), (dropped, "dropped"), (foreign, "foreign"), (unchecked, "not checked"),
            (setAside, "set aside"), (newer, "of a newer version"), (oldLedgers, "old ledgers removed"),
        ].filter { $0.0 > 0 }
        return parts.isEmpty ? "nothing" : parts.map { "\($0) \($1)" }.joined(separator: ", ")
    }
}
