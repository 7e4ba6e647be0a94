import LinuxSystem
import SystemPackage

/// What has to be synchronised, and in which order.
///
/// XFS and ext4 with a journal keep one log: when a transaction is durable, so is every earlier one. There a create
/// makes the directory, writes the record and names it, and synchronises the record's file. That is one flush of the
/// disk, and most of what a create costs. A delete renames the record and then the directory, and synchronises once.
/// After a power cut a record that was named and not synchronised may be without content; nobody was told of its
/// volume, and settling removes it.
///
/// Everywhere else, and where ext4 does not order data before the log (`data=writeback`), content is synchronised
/// before it is named, and each directory that changed is synchronised, first those whose entries must be found when a
/// later step is.
extension Pool {
    private static let extMagic: UInt64 = 0xef53
    private static let xfsMagic: UInt64 = 0x5846_5342

    static func hasOneLog(_ type: UInt64, device: UInt64) -> Bool {
        switch type {
        case xfsMagic:
            true
        case extMagic:
            // ext2, ext3 and ext4 share the number; only with a journal is there an order of data.
            blockDeviceName(device).map(hasOrderedData) ?? false
        default:
            false
        }
    }

    /// Whether an ext4 writes the data of a file before the log says that it is there (ext4(5), `data=`).
    private static func hasOrderedData(_ blockDevice: String) -> Bool {
        guard let file = try? OwnedDescriptor.open("/proc/fs/ext4/\(blockDevice)/options", .readOnly),
            let options = try? file.readAll(limit: 64 << 10)
        else { return false }
        let lines = String(decoding: options, as: UTF8.self).split(separator: "\n")
        return lines.contains("data=ordered") || lines.contains("data=journal")
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
