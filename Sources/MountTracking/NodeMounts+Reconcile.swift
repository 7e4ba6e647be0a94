import LinuxSystem
import StorageModel
import SystemPackage

/// What happens once, at start. No file in the ledger's directory can keep the driver from starting.
extension NodeMounts {
    func compareLedgerWithKernel() throws(DriverError) -> ReconcileSummary {
        var summary = ReconcileSummary()
        removeOldLedgers(&summary)
        var kept: [LedgerEntry] = []
        for file in try names(in: ledger.directory) {
            guard let entry = readEntry(file, &summary) else { continue }
            if isKept(entry, in: file, &summary) { kept.append(entry) }
        }
        ledger.load(kept)
        return summary
    }

    /// Compares an entry with the kernel.
    private func isKept(_ entry: LedgerEntry, in file: String, _ summary: inout ReconcileSummary) -> Bool {
        let (volume, path) = (entry.intent.volume, entry.intent.path)
        do {
            switch try entry.presence() {
            case .mounted:
                summary.mounted += 1
                return true
            case .foreign:
                summary.foreign += 1
                report(.foreignMountFound(volume: volume, path: path))
                return true
            case .absent:
                break
            }
        } catch {
            summary.unchecked += 1
            report(.entryNotChecked(volume: volume, path: path, cause: error.description))
            return true
        }
        tryToRemove(file)
        summary.dropped += 1
        report(.entryDropped(volume: volume, path: path))
        return false
    }

    // MARK: Files

    /// - Returns: nil for what is no entry that this version can read; it has been dealt with.
    private func readEntry(_ file: String, _ summary: inout ReconcileSummary) -> LedgerEntry? {
        if file.hasSuffix(Self.setAsideSuffix) { return nil }
        if file.hasSuffix(Ledger.temporarySuffix) {
            // Never complete: the mount that it was to announce was not begun.
            tryToRemove(file)
            return nil
        }
        do throws(LedgerEntry.Unreadable) {
            let content = try content(of: file)
            guard !content.isEmpty else {
                // Cut off before its content was there; the mount was not begun either.
                tryToRemove(file)
                return nil
            }
            let entry = try LedgerEntry(decoding: content)
            guard Ledger.fileName(for: entry.intent.path) == file else {
                throw .malformed("its name is not that of its path")
            }
            return entry
        } catch {
            switch error {
            case .newerLayout(let layout):
                summary.newer += 1
                report(.newerEntryFound(file: file, layout: layout))
            case .malformed(let reason):
                setAside(file, reason, &summary)
            }
            return nil
        }
    }

    /// The largest entry there can be, in bytes: a path of 4 KiB and an id of 1 KiB, each byte escaped as six.
    private static let longestEntry = 32 << 10

    private func content(of file: String) throws(LedgerEntry.Unreadable) -> [UInt8] {
        do {
            let descriptor = try ledger.directory.open(beneath: file, [.readOnly, .noFollow, .nonBlocking])
            let status = try descriptor.status()
            guard status.kind == .regular else { throw Errno.invalidArgument }
            return try descriptor.readAll(limit: Self.longestEntry, size: status.size)
        } catch {
            throw .malformed("cannot be read: \(error)")
        }
    }

    private static let setAsideSuffix = ".bad"

    private func setAside(_ file: String, _ reason: String, _ summary: inout ReconcileSummary) {
        let newName = file + Self.setAsideSuffix
        do {
            try ledger.directory.rename(file, to: ledger.directory, as: newName)
            summary.setAside += 1
            report(.entrySetAside(file: file, to: newName, reason: reason))
        } catch {
            report(.ledgerTroubled(file: file, cause: "\(reason); rename: \(error)"))
        }
    }

    private func tryToRemove(_ file: String) {
        do {
            try ledger.directory.removeFile(file)
        } catch {
            report(.ledgerTroubled(file: file, cause: "unlinkat: \(error)"))
        }
    }

    /// The names in one of our directories; what is not UTF-8 is not ours.
    private func names(in directory: borrowing OwnedDescriptor) throws(DriverError) -> [String] {
        var names: [String] = []
        do {
            try directory.forEachEntry { entry in
                if let name = entry.name.string { names.append(name) }
                return true
            }
        } catch {
            throw .ledger("the ledger cannot be read", error)
        }
        return names.sorted()
    }

    // MARK: Other boots

    /// What they speak of went with their kernel.
    private func removeOldLedgers(_ summary: inout ReconcileSummary) {
        guard let boots = try? names(in: ledger.allBoots) else { return }
        for boot in boots where boot != ledger.bootID {
            do {
                let directory = try ledger.allBoots.open(beneath: boot, [.readOnly, .directory])
                for file in (try? names(in: directory)) ?? [] { try directory.removeFile(file) }
                try ledger.allBoots.removeDirectory(boot)
                summary.oldLedgers += 1
                report(.oldLedgerRemoved(bootID: boot))
            } catch {
                report(.ledgerTroubled(file: boot, cause: "\(error)"))
            }
        }
    }
}
