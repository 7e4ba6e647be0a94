import JSONText
import LinuxSystem
import StorageModel
import Synchronization
import SystemPackage

/// With which mount options each share was used last, for the calls that bring none: DeleteVolume knows only an id,
/// and a share that needs a version or a port cannot be reached without. One file for each share, for root alone.
final class ShareOptions: Sendable {
    private let directory: String
    private let report: @Sendable (NFSEvent) -> Void
    private let known = Mutex<[NFSShare: [String]]>([:])

    private static let longestFile = 64 << 10

    init(stateDirectory: String, report: @escaping @Sendable (NFSEvent) -> Void) {
        directory = stateDirectory + "/nfs"
        self.report = report
    }

    func remembered(for share: NFSShare) -> [String] {
        if let options = known.withLock({ $0[share] }) { return options }
        let options = read(share) ?? []
        known.withLock { $0[share] = options }
        return options
    }

    /// Writes nothing when it is what is known already.
    func remember(_ options: [String], for share: NFSShare) {
        let options = options.filter { !$0.isEmpty }
        guard remembered(for: share) != options else { return }
        known.withLock { $0[share] = options }
        do throws(Errno) {
            try write(options, share)
        } catch {
            report(.optionsNotKept(share: share.source, reason: "\(directory) cannot be written: \(error)"))
        }
    }

    private func fileName(_ share: NFSShare) -> String {
        SHA256.hexDigest(of: share.source.utf8, digits: 32) + ".json"
    }

    private func read(_ share: NFSShare) -> [String]? {
        do {
            let file = try OwnedDescriptor.open(directory, [.pathOnly, .directory])
                .open(beneath: fileName(share), [.readOnly, .nonBlocking])
            return try JSONObject(parsing: try file.readAll(limit: Self.longestFile)).strings("options")
        } catch {
            return nil
        }
    }

    private func write(_ options: [String], _ share: NFSShare) throws(Errno) {
        let folder = try OwnedDescriptor.openMaking(directory, permissions: 0o700)
        let content = JSONValue.sorted(["options": .strings(options), "share": .string(share.source)])
        let name = fileName(share)
        let temporary = ".new-\(name)"
        let file = try folder.open(beneath: temporary, [.writeOnly, .create, .truncate], mode: 0o600)
        try file.write(Array((content.text(.indented) + "\n").utf8))
        try file.synchronize()
        try folder.rename(temporary, to: folder, as: name)
        try folder.synchronize()
    }
}
