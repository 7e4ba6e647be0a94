import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

/// One test for each row of the table in the room card of MountTracking.
@Suite("Ledger and kernel are compared at start", .privateMountNamespace, .timeLimit(.minutes(1)))
struct ReconcileTests {
    /// A node with one volume published at one path, in the ledger and in fact.
    private static func withPublication(_ body: (TestNode, TestVolume) async throws -> Void) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish()
            try await volume.unstage()
            try await body(node, volume)
        }
    }

    private static func summary(_ set: (inout ReconcileSummary) -> Void) -> ReconcileSummary {
        var summary = ReconcileSummary()
        set(&summary)
        return summary
    }

    @Test("an entry whose mount is there is kept")
    func mounted() async throws {
        try await Self.withPublication { node, volume in
            let mounts = try node.restarted()
            #expect(try await mounts.reconcile() == Self.summary { $0.mounted = 1 })
            #expect(try await volume.tracked(by: mounts) == [.publish: .mounted])
            #expect(node.events.all.isEmpty)
        }
    }

    @Test("an entry at whose path nothing is mounted is dropped, and the target stays", arguments: [true, false])
    func absent(targetIsThere: Bool) async throws {
        try await Self.withPublication { node, volume in
            try #require(umount2(volume.target, 0) == 0)
            if !targetIsThere { rmdir(volume.target) }
            let mounts = try node.restarted()
            #expect(try await mounts.reconcile() == Self.summary { $0.dropped = 1 })
            #expect(try await volume.tracked(by: mounts).isEmpty)
            #expect(exists(volume.target) == targetIsThere)
            #expect(node.ledgerFiles.isEmpty)
            #expect(node.events.all == [.entryDropped(volume: volume.id, path: volume.target)])
        }
    }

    @Test("an entry at whose path something else is mounted is kept until the volume is unpublished")
    func foreign() async throws {
        try await Self.withPublication { node, volume in
            try mountTmpfs(volume.target)
            let mounts = try node.restarted()
            #expect(try await mounts.reconcile() == Self.summary { $0.foreign = 1 })
            #expect(node.events.all == [.foreignMountFound(volume: volume.id, path: volume.target)])
            #expect(try await volume.tracked(by: mounts) == [.publish: .foreign])
            #expect(try await mounts.isInUse(volume.id))
            #expect(try mountInfo(volume.target).count == 2)
            try await volume.unpublish(by: mounts)
            #expect(!exists(volume.target))
            #expect(node.ledgerFiles.isEmpty)
        }
    }

    @Test("an entry of whose path the kernel does not say what is there is kept")
    func unchecked() async throws {
        try await Self.withPublication { node, volume in
            // A circle of links on the way.
            try #require(symlink("circle", node.kubelet + "/circle") == 0)
            let path = node.kubelet + "/circle/target"
            var entry = try LedgerEntry(
                decoding: Array(try #require(readFile("\(node.ledger)/\(node.ledgerFiles[0])")).utf8))
            entry.intent.path = path
            try node.writeEntry(entry)
            let mounts = try node.restarted()
            #expect(
                try await mounts.reconcile()
                    == Self.summary {
                        $0.mounted = 1
                        $0.unchecked = 1
                    })
            guard case .entryNotChecked(volume.id, path, _) = node.events.all.last else {
                Issue.record("not reported: \(node.events.all)")
                return
            }
            #expect(node.ledgerFiles.count == 2)
        }
    }

    @Test(
        "a file that is no entry is renamed and forgotten",
        arguments: ["{", "[]", "{\"layout\":1}", "null", String(repeating: "x", count: 100_000)])
    func malformed(content: String) async throws {
        try await Self.withPublication { node, volume in
            let name = "0123456789abcdef0123456789abcdef.json"
            try writeFile("\(node.ledger)/\(name)", content)
            for attempt in 0..<2 {
                let mounts = try node.restarted()
                #expect(
                    try await mounts.reconcile()
                        == Self.summary {
                            $0.mounted = 1
                            $0.setAside = attempt == 0 ? 1 : 0
                        })
                #expect(try await volume.tracked(by: mounts) == [.publish: .mounted])
            }
            #expect(node.ledgerFiles.contains(name + ".bad"))
            #expect(!node.ledgerFiles.contains(name))
            guard case .entrySetAside(name, name + ".bad", _) = node.events.all.last else {
                Issue.record("not reported")
                return
            }
        }
    }

    @Test("a file without content, of a process that died in the middle, goes without a word")
    func empty() async throws {
        try await Self.withPublication { node, volume in
            let entries = node.ledgerFiles
            let events = node.events.all
            try writeFile("\(node.ledger)/0123456789abcdef0123456789abcdef.json", "")
            let mounts = try node.restarted()
            #expect(try await mounts.reconcile() == Self.summary { $0.mounted = 1 })
            #expect(try await volume.tracked(by: mounts) == [.publish: .mounted])
            #expect(node.ledgerFiles == entries)
            #expect(node.events.all == events)
        }
    }

    @Test("an entry under the name of another path is renamed, and so is what is no file")
    func falseName() async throws {
        try await Self.withPublication { node, _ in
            let entry = try #require(node.ledgerFiles.first)
            try writeFile(
                "\(node.ledger)/" + Ledger.fileName(for: "/other"), try #require(readFile("\(node.ledger)/\(entry)")))
            try makeDirectory(node.ledger + "/directory.json")
            try #require(symlink(entry, node.ledger + "/link.json") == 0)
            try #require(mkfifo(node.ledger + "/pipe.json", 0o600) == 0)
            let mounts = try node.restarted()
            #expect(
                try await mounts.reconcile()
                    == Self.summary {
                        $0.mounted = 1
                        $0.setAside = 4
                    })
            #expect(node.ledgerFiles.filter { !$0.hasSuffix(".bad") } == [entry])
        }
    }

    @Test("an entry of a newer layout is left alone until its path is unpublished")
    func newer() async throws {
        try await Self.withPublication { node, volume in
            let name = node.ledgerFiles[0]
            let content = "{\"layout\":2,\"something\":\"new\"}"
            try writeFile("\(node.ledger)/\(name)", content)
            let mounts = try node.restarted()
            #expect(try await mounts.reconcile() == Self.summary { $0.newer = 1 })
            #expect(node.events.all == [.newerEntryFound(file: name, layout: 2)])
            #expect(readFile("\(node.ledger)/\(name)") == content)
            #expect(isMountPoint(volume.target))
            try await volume.unpublish(by: mounts)
            #expect(node.ledgerFiles.isEmpty)
        }
    }

    @Test("a file that was never completed is removed")
    func incomplete() async throws {
        try await TestNode.with { node in
            try writeFile(node.ledger + "/17.tmp", "{\"layout\":1,\"vol")
            #expect(try await node.restarted().reconcile() == ReconcileSummary())
            #expect(node.ledgerFiles.isEmpty)
            #expect(node.events.all.isEmpty)
        }
    }

    @Test("the ledgers of other boots are removed, and what is mounted is left alone")
    func otherBoots() async throws {
        try await Self.withPublication { node, volume in
            try #require(rename(node.ledger, node.state + "/ledger/boot-0") == 0)
            let mounts = try node.restarted()
            #expect(try await mounts.reconcile() == Self.summary { $0.oldLedgers = 1 })
            #expect(listing(node.state + "/ledger") == [TestNode.bootID])
            #expect(node.events.all == [.oldLedgerRemoved(bootID: "boot-0")])
            #expect(volume.isSeen(at: volume.target))
            #expect(try await volume.tracked(by: mounts).isEmpty)
        }
    }

    @Test("what cannot be removed from the ledger's directory does not keep the driver from starting")
    func troubled() async throws {
        try await TestNode.with { node in
            try makeDirectory(node.state + "/ledger/boot-0")
            try makeDirectory(node.state + "/ledger/boot-0/directory")
            try writeFile(node.state + "/ledger/file", "x")
            #expect(try await node.restarted().reconcile() == ReconcileSummary())
            #expect(node.events.all.count == 2)
            #expect(listing(node.state + "/ledger") == ["boot-0", TestNode.bootID, "file"])
        }
    }

    @Test("a ledger that cannot be written does not keep the driver from starting")
    func readOnly() async throws {
        try await TestNode.with(stateOnFileSystemOfItsOwn: true) { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try #require(umount2(volume.staging, 0) == 0)
            try #require(mount(nil, node.state, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
            let mounts = try node.restarted()
            #expect(try await mounts.reconcile() == Self.summary { $0.dropped = 1 })
            #expect(try await volume.tracked(by: mounts).isEmpty)
            #expect(node.events.all.count == 2)
        }
    }

    @Test("the ledger is for root's eyes, and the state directory is made")
    func permissions() async throws {
        try await Self.withPublication { node, _ in
            #expect(try OwnedDescriptor.status(ofPath: node.state + "/ledger").permissions == 0o700)
            #expect(try OwnedDescriptor.status(ofPath: node.ledger).permissions == 0o700)
            #expect(try OwnedDescriptor.status(ofPath: "\(node.ledger)/\(node.ledgerFiles[0])").permissions == 0o600)

            let made = node.root + "/made"
            let mounts = try NodeMounts(
                stateDirectory: made, ledgerBootID: nil, kubeletDirectories: [], workers: node.workers,
                shares: TestNode.noShares, report: { _ in }
            )
            _ = try await mounts.reconcile()
            let bootID = try #require(readFile("/proc/sys/kernel/random/boot_id")?.split(separator: "\n").first)
            #expect(listing(made + "/ledger") == [String(bootID)])
        }
    }
}
