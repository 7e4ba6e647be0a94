import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

/// The process died between two steps: the call that was cut short, repeated by the next process, and its opposite both
/// come out as if nothing had happened.
@Suite("A crash between two steps", .privateMountNamespace, .timeLimit(.minutes(1)))
struct CrashTests {
    /// How far a call came, in the order of its steps.
    enum Moment: CaseIterable {
        // Publish.
        case unfinishedEntry, entry, entryAndTarget, published
        // Unpublish; its first moments but in the other order.
        case unmounted, targetRemoved, strayMoved, onlyEntryRemoved
    }

    private static func make(_ moment: Moment, _ volume: TestVolume) async throws {
        let node = volume.node
        try await volume.stage()
        try await volume.publish()
        let file = "\(node.ledger)/\(Ledger.fileName(for: volume.target))"
        func unmount() throws { try #require(umount2(volume.target, 0) == 0) }
        func removeTarget() throws { try #require(rmdir(volume.target) == 0) }
        switch moment {
        case .unfinishedEntry:
            try unmount()
            try removeTarget()
            try #require(rename(file, node.ledger + "/1.tmp") == 0)
        case .entry, .targetRemoved:
            try unmount()
            try removeTarget()
        case .entryAndTarget, .unmounted:
            try unmount()
        case .published:
            break
        case .strayMoved:
            try unmount()
            try makeDirectory(node.state + "/strays")
            try makeDirectory(node.state + "/strays/0123456789abcdef-0")
            try #require(rename(volume.target, node.state + "/strays/0123456789abcdef-0/v1-target") == 0)
        case .onlyEntryRemoved:
            try #require(unlink(file) == 0)
        }
    }

    @Test(
        "publish comes out right, with and without a look at the ledger first", arguments: Moment.allCases,
        [true, false])
    func publish(moment: Moment, restarts: Bool) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await Self.make(moment, volume)
            let mounts = restarts ? try await node.restartedAndReconciled() : node.mounts
            for _ in 0..<2 { try await volume.publish(by: mounts) }
            #expect(volume.isSeen(at: volume.target))
            #expect(try mountInfo(volume.target).count == 1)
            #expect(try await volume.tracked(by: mounts) == [.stage: .mounted, .publish: .mounted])
            try await volume.unpublish(by: mounts)
            try await volume.unstage(by: mounts)
            #expect(!exists(volume.target))
            #expect(node.ledgerFiles.filter { $0 != "1.tmp" }.isEmpty)
        }
    }

    @Test(
        "unpublish comes out right, with and without a look at the ledger first", arguments: Moment.allCases,
        [true, false])
    func unpublish(moment: Moment, restarts: Bool) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await Self.make(moment, volume)
            let mounts = restarts ? try await node.restartedAndReconciled() : node.mounts
            for _ in 0..<2 { try await volume.unpublish(by: mounts) }
            #expect(!exists(volume.target))
            #expect(try await volume.tracked(by: mounts) == [.stage: .mounted])
            #expect(listing(volume.directory) == ["name"])
        }
    }

    @Test(
        "stage and unstage come out right", arguments: [Moment.entry, .published, .unmounted, .onlyEntryRemoved],
        [true, false])
    func stage(moment: Moment, unstages: Bool) async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            switch moment {
            case .published: break
            case .onlyEntryRemoved: try node.forget(volume.staging)
            default: try #require(umount2(volume.staging, 0) == 0)
            }
            let mounts = try await node.restartedAndReconciled()
            if unstages {
                try await volume.unstage(by: mounts)
                #expect(!isMountPoint(volume.staging))
                #expect(node.ledgerFiles.isEmpty)
            } else {
                try await volume.stage(by: mounts)
                #expect(volume.isSeen(at: volume.staging))
                #expect(try mountInfo(volume.staging).count == 1)
                #expect(node.ledgerFiles.count == 1)
            }
            #expect(exists(volume.staging))
        }
    }

    @Test("a mount without an entry is adopted, on both paths, and reported once")
    func adoption() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try await volume.publish(["ro"])
            try node.forget(volume.staging, volume.target)
            let mounts = try await node.restartedAndReconciled()
            #expect(try await volume.tracked(by: mounts).isEmpty)
            for _ in 0..<2 {
                try await volume.stage(by: mounts)
                try await volume.publish(["ro"], by: mounts)
            }
            #expect(try await volume.tracked(by: mounts) == [.stage: .mounted, .publish: .mounted])
            #expect(
                node.events.all == [
                    .mountAdopted(volume: volume.id, path: volume.staging),
                    .mountAdopted(volume: volume.id, path: volume.target),
                ])
            #expect(try mountInfo(volume.target).count == 1)
        }
    }

    @Test("an entry whose mount never came makes way for another volume")
    func replaced() async throws {
        try await TestNode.with { node in
            let first = try node.makeVolume("v1")
            let second = try node.makeVolume("v2")
            try await first.stage()
            try await second.stage()
            try await first.publish()
            try #require(umount2(first.target, 0) == 0)
            try await second.publish(at: first.target)
            #expect(second.isSeen(at: first.target))
            #expect(try await first.tracked() == [.stage: .mounted])
            #expect(try await second.tracked() == [.stage: .mounted, .publish: .mounted])
            #expect(node.events.all == [.entryReplaced(volume: first.id, path: first.target)])
        }
    }

    enum Failure: CaseIterable { case clone, ledger, target, attach }

    @Test("a publication that fails leaves neither its entry nor a target that it made", arguments: Failure.allCases)
    func failed(failure: Failure) async throws {
        try await TestNode.with(stateOnFileSystemOfItsOwn: true) { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            switch failure {
            case .clone:
                // An unbindable mount cannot be cloned (mount_namespaces(7)).
                try #require(mount(nil, volume.staging, nil, UInt(MS_UNBINDABLE), nil) == 0)
                await expectFailure(.internalError) { try await volume.publish() }
            case .ledger:
                try #require(mount(nil, node.state, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
                let message = await expectFailure(.internalError) { try await volume.publish() }
                #expect(message.contains("must be writable"))
            case .target:
                try makeDirectory(node.kubelet + "/pod")
                try mountTmpfs(node.kubelet + "/pod", Int(MS_RDONLY))
                await expectFailure(.internalError) { try await volume.publish(at: node.kubelet + "/pod/target") }
            case .attach:
                // The directory is ours, but by this path it is seen in a namespace in which nothing may be attached.
                try await node.withNamespaceOfItsOwn { process in
                    await expectFailure(.internalError) {
                        try await volume.publish(at: "/proc/\(process)/root\(volume.target)")
                    }
                }
            }
            #expect(!exists(volume.target))
            #expect(try await volume.tracked() == [.stage: .mounted])
            #expect(node.ledgerFiles == [Ledger.fileName(for: volume.staging)])
        }
    }

    @Test("a target that was there stays when the mount on it fails")
    func failedOnExistingTarget() async throws {
        try await TestNode.with { node in
            let volume = try node.makeVolume("v1")
            try await volume.stage()
            try makeDirectory(volume.target)
            try await node.withNamespaceOfItsOwn { process in
                await expectFailure(.internalError) {
                    try await volume.publish(at: "/proc/\(process)/root\(volume.target)")
                }
            }
            #expect(exists(volume.target))
            #expect(node.ledgerFiles == [Ledger.fileName(for: volume.staging)])
        }
    }
}
