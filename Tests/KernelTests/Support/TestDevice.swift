import Glibc
import LinuxSystem
import MountTracking
import StorageModel
import Testing

/// A loop device over a file in a test's node, with its own node in the pool: `<pool>/<id>`. Given back when the test
/// lets go of it.
final class TestDevice: Sendable {
    static let size = 1 << 20

    let node: TestNode
    let id: VolumeID
    private let device: OwnedDescriptor

    init(_ node: TestNode, _ name: String) throws {
        self.node = node
        id = VolumeID(name)
        let file = try OwnedDescriptor.open("\(node.root)/\(name).image", [.readWrite, .create], mode: 0o600)
        try #require(ftruncate(file.rawValue, off_t(Self.size)) == 0)
        let control = try OwnedDescriptor.open("/dev/loop-control", .readWrite)
        let path = "\(node.pool)/\(name)"
        while true {
            // LOOP_CTL_GET_FREE, LOOP_SET_FD (loop(4)): somebody else may take the number first.
            let free = ioctl(control.rawValue, 0x4C82)
            try #require(free >= 0, "LOOP_CTL_GET_FREE: errno \(errno)")
            try makeLoopNode(path, UInt32(free))
            let device = try OwnedDescriptor.open(path, .readWrite)
            if ioctl(device.rawValue, 0x4C00, file.rawValue) == 0 {
                self.device = device
                return
            }
            try #require(errno == EBUSY, "LOOP_SET_FD: errno \(errno)")
            unlink(path)
        }
    }

    deinit {
        // LOOP_CLR_FD: at the latest when the last descriptor closes.
        _ = ioctl(device.rawValue, 0x4C01)
    }

    var staging: String { "\(node.kubelet)/\(id)-staging" }
    var target: String { "\(node.kubelet)/\(id)-target" }
    /// What the device holds is here.
    var image: String { "\(node.root)/\(id).image" }
    var plan: MountPlan {
        MountPlan(source: .blockDevice(root: node.pool, components: [id.rawValue]), attributes: MountAttributes())
    }

    func intent(_ role: MountRole, _ path: String? = nil) -> MountIntent {
        MountIntent(
            volume: id, role: role, path: path ?? (role == .stage ? staging : target),
            accessMode: .singleNodeMultiWriter, isBlock: true, attributes: MountAttributes())
    }

    func stage(by mounts: NodeMounts? = nil) async throws {
        try await (mounts ?? node.mounts).stage(intent(.stage), plan: plan)
    }

    func publish(at path: String? = nil, by mounts: NodeMounts? = nil) async throws {
        try await (mounts ?? node.mounts).publish(intent(.publish, path), plan: plan, stagingPath: staging)
    }

    func unpublish(at path: String? = nil, by mounts: NodeMounts? = nil) async throws {
        try await (mounts ?? node.mounts).unpublish(id, path: path ?? target)
    }

    /// Whether the device is what one writes to at a path: what is written there is read in its image.
    func isSeen(at path: String) throws -> Bool {
        let text = "at \(path)"
        do {
            let seen = try OwnedDescriptor.open(path, .readWrite)
            try seen.write(Array(text.utf8))
            try seen.synchronize()
        }
        return readFile(image)?.hasPrefix(text) == true
    }
}

/// A node of the loop device of this number (makedev(3), major 7).
func makeLoopNode(_ path: String, _ number: UInt32) throws {
    let device = dev_t(7) << 8 | dev_t(number & 0xff) | dev_t(number & ~0xff) << 12
    try #require(mknod(path, S_IFBLK | 0o600, device) == 0, "mknod \(path): errno \(errno)")
}
