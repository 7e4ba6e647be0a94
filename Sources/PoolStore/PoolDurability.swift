import LinuxSystem
import SystemPackage

/// What has to be synchronised, and in which order.
///
/// A create makes the directory and a temporary record, synchronises the record's file (the first commit of the
/// journal, which carries the directory as well), links the record to its name, and synchronises the records' directory
/// (the second commit). A delete renames the record and then the directory, and synchronises once.
///
/// XFS and ext4 with a journal keep one log: when a transaction is durable, so is every earlier one. What was done
/// before a synchronised step needs no call of its own there, and each call that is left out saves a flush of the disk
/// (0.1 ms where this was measured, a fifth of a create). Everywhere else each directory that changed is synchronised,
/// first those whose entries must be found when a later step is.
extension Pool {
    private static let extMagic: UInt64 = 0xef53
    private static let xfsMagic: UInt64 = 0x5846_5342

    static func hasOneLog(_ type: UInt64, device: UInt64) -> Bool {
        switch type {
        case xfsMagic:
            true
        case extMagic:
            // ext2, ext3 and ext4 share the number; only with a journal is there a thread for it.
            blockDeviceName(device).map {
                (try? OwnedDescriptor.status(ofPath: "/sys/fs/ext4/\($0)/journal_task")) != nil
            } ?? false
        default:
            false
        }
    }

    /// The kernel's name of a block device, such as `sda1`.
    private static func blockDeviceName(_ device: UInt64) -> String? {
        let number = "\(device >> 32):\(device & 0xffff_ffff)"
        guard let file = try? OwnedDescriptor.open("/sys/dev/block/\(number)/uevent", .readOnly),
            let content = try? file.readAll(limit: 4096)
        else { return nil }
        let line = String(decoding: content, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("DEVNAME=") }
        return line.flatMap { VolumeKey($0.dropFirst("DEVNAME=".count)) }?.text
    }

    /// Makes the entries of a directory durable where a later call does not do it by itself.
    func synchronizeUnlessLogged(_ directory: borrowing OwnedDescriptor) throws(Errno) {
        guard !hasOneLog else { return }
        try directory.synchronize()
    }
}
