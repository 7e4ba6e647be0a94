import Glibc

/// A file system of its own in an image file, mounted through a loop device, and what a power cut would leave of it.
struct Disk {
    enum Kind: String, CaseIterable, Sendable {
        case ext4
        case ext4Writeback = "ext4, data=writeback"
        case ext4WithoutJournal = "ext4 without a journal"
        case xfs

        fileprivate var make: [String] {
            switch self {
            case .ext4, .ext4Writeback: ["/sbin/mkfs.ext4", "-q", "-F"]
            case .ext4WithoutJournal: ["/sbin/mkfs.ext4", "-q", "-F", "-O", "^has_journal"]
            case .xfs: ["/sbin/mkfs.xfs", "-q", "-f"]
            }
        }

        fileprivate var options: String {
            switch self {
            case .ext4, .ext4WithoutJournal: "loop"
            case .ext4Writeback: "loop,data=writeback"
            // The copy of a disk has its identity.
            case .xfs: "loop,nouuid"
            }
        }
    }

    /// The smallest that mkfs.xfs makes, in bytes.
    private static let size: Int = 300 << 20

    let kind: Kind
    private let directory: String
    var mountPoint: String { "\(directory)/disk" }

    static func with(_ kind: Kind, _ body: (Disk) async throws -> Void) async throws {
        var template = Array("/tmp/moorage-disk-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("mkdtemp: errno \(errno)") }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let disk = Disk(kind: kind, directory: directory)
        do {
            try await disk.make()
            try await body(disk)
        } catch {
            for mount in mounts(below: directory) { umount2(mount, Int32(MNT_DETACH)) }
            _ = try await Finished.run(["/bin/rm", "-rf", "--one-file-system", directory], in: "/tmp")
            throw error
        }
        for mount in mounts(below: directory) { umount2(mount, Int32(MNT_DETACH)) }
        _ = try await Finished.run(["/bin/rm", "-rf", "--one-file-system", directory], in: "/tmp")
    }

    private func make() async throws {
        let image = open("\(directory)/image", O_WRONLY | O_CREAT, 0o600)
        guard image >= 0, ftruncate(image, Self.size) == 0, close(image) == 0 else {
            throw Failure("no image: errno \(errno)")
        }
        try await run(kind.make + ["\(directory)/image"])
        try await mount("image", at: mountPoint)
    }

    private func mount(_ image: String, at path: String) async throws {
        try makeDirectory(path)
        try await run(["/bin/mount", "-o", kind.options, "\(directory)/\(image)", path])
    }

    private func run(_ words: [String]) async throws {
        let finished = try await Finished.run(words, in: directory)
        guard finished.ending == .exit(0) else { throw Failure("\(words): \(finished.ending) \(finished.errors)") }
    }

    /// Unmounts the disk for as long as `body` runs.
    func away(_ body: () async throws -> Void) async throws {
        try await run(["/bin/umount", mountPoint])
        try await body()
        try await mount("image", at: mountPoint)
    }

    /// What would be found if the power went now: a copy of what the device holds, mounted.
    ///
    /// - Returns: where.
    func afterPowerCut(_ name: String) async throws -> String {
        // A loop device writes into the page cache of its file, where a copy reads.
        try await run(["/bin/cp", "--sparse=always", "\(directory)/image", "\(directory)/\(name)"])
        try await mount(name, at: "\(directory)/\(name)-disk")
        return "\(directory)/\(name)-disk"
    }
}
