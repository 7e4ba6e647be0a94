import HostPathBackend
import LinuxSystem
import StorageModel
import Testing

@Suite("The life of a hostPath volume", .timeLimit(.minutes(1)))
struct LifeOfAVolumeTests {
    // ext4 or whatever /tmp is on, and tmpfs, which has no log and so takes the longer way to be durable.
    @Test("a volume is made, found, mounted, listed and deleted", arguments: ["/tmp", "/dev/shm"])
    func life(base: String) async throws {
        let fixture = try Fixture(Scratch(on: base))
        let made = try await fixture.create("pvc-1", bytes: 1 << 20)
        #expect(made.isMade)
        let volume = made.volume
        let pool = try fixture.poolID()
        #expect(volume.id.rawValue == "h.\(pool).pvc-1")
        #expect(volume.name == "pvc-1")
        #expect(volume.capacityBytes == 1 << 20)
        #expect(volume.topology == Fixture.topology)
        #expect(fixture.backend.recognises(volume.id))

        let root = "\(fixture.scratch.path)/default"
        let directory = "\(root)/volumes/\(volume.id)"
        #expect(try OwnedDescriptor.status(ofPath: directory).permissions == 0o777)
        let plan = try await fixture.backend.mountPlan(for: volume.id, capability: Fixture.mount, context: [:])
        #expect(plan.source == .directory(root: root, components: ["volumes", volume.id.rawValue]))
        #expect(plan.attributes == MountAttributes())
        #expect(try await fixture.backend.volume(volume.id) == volume)
        #expect(try await fixture.backend.volumes(after: nil, limit: 10).volumes == [volume])

        try write("data", to: "\(directory)/file")
        try await fixture.backend.delete(volume.id)
        #expect(!exists(directory))
        #expect(await code { _ = try await fixture.backend.volume(volume.id) } == .notFound)
        #expect(try await fixture.backend.volumes(after: nil, limit: 10).volumes == [])
        fixture.events.wait { if case .trashRemoved = $0 { true } else { false } }
        #expect(names(in: "\(root)/.moorage/trash") == [])
        #expect(names(in: "\(root)/.moorage/volumes") == [])
        #expect(names(in: "\(root)/volumes") == [])
    }

    @Test("create and delete can be repeated")
    func repeats() async throws {
        let fixture = try Fixture(Scratch())
        let first = try await fixture.create("pvc-1", bytes: 1000)
        let second = try await fixture.create("pvc-1", bytes: 1000)
        #expect(first.isMade)
        #expect(second == .existing(first.volume))
        for _ in 0..<3 { try await fixture.backend.delete(first.volume.id) }
        #expect(try await fixture.create("pvc-1", bytes: 1000).isMade)
    }
}
