import Glibc

/// A loop device over a new file, and a node of it where a test wants it. Given back when the test lets go of it.
final class LoopDevice: Sendable {
    let image: String
    private let descriptor: Int32

    static let size = 1 << 20

    /// - Parameters:
    ///   - node: the path of the device's node, to be made.
    ///   - image: the path of the file, to be made.
    init(node: String, image: String) throws {
        self.image = image
        let file = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        let control = open("/dev/loop-control", O_RDWR | O_CLOEXEC)
        defer {
            close(file)
            close(control)
        }
        guard file >= 0, control >= 0, ftruncate(file, off_t(Self.size)) == 0 else {
            throw Failure("no image or no loop devices: errno \(errno)")
        }
        while true {
            // LOOP_CTL_GET_FREE, LOOP_SET_FD (loop(4)): somebody else may take the number first.
            let free = ioctl(control, 0x4C82)
            guard free >= 0 else { throw Failure("LOOP_CTL_GET_FREE: errno \(errno)") }
            try Self.makeNode(node, minor: UInt32(free))
            let device = open(node, O_RDWR | O_CLOEXEC)
            if ioctl(device, 0x4C00, file) == 0 {
                descriptor = device
                return
            }
            let failure = errno
            close(device)
            unlink(node)
            guard failure == EBUSY else { throw Failure("LOOP_SET_FD: errno \(failure)") }
        }
    }

    deinit {
        // LOOP_CLR_FD: at the latest when the last descriptor closes.
        _ = ioctl(descriptor, 0x4C01)
        close(descriptor)
    }

    /// The node of a loop device (makedev(3), major 7).
    private static func makeNode(_ path: String, minor: UInt32) throws {
        let device = dev_t(7) << 8 | dev_t(minor & 0xff) | dev_t(minor & ~0xff) << 12
        guard mknod(path, S_IFBLK | 0o600, device) == 0 else { throw Failure("mknod \(path): errno \(errno)") }
    }
}

/// Writes to the start of the device whose node is at a path; nil, or the error of open(2), write(2) or fsync(2).
func writeDevice(_ path: String, _ text: String) -> Int32? {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return errno }
    defer { close(file) }
    let bytes = Array(text.utf8)
    return write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0 ? nil : errno
}
