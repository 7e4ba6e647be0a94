import FoundationEssentials
package import LinuxSystem
package import StorageModel

/// What the ledger holds of one mount: what was asked for, and which tree answers it.
package struct LedgerEntry: Hashable, Sendable {
    package var intent: MountIntent
    /// The root directory of the tree: what the kernel shows at the path while the mount is there.
    package var tree: FileStatus.Identity

    package init(intent: MountIntent, tree: FileStatus.Identity) {
        self.intent = intent
        self.tree = tree
    }
}

extension LedgerEntry {
    /// The layout that is written. A file of a higher one belongs to a later version of the driver.
    package static let layout = 1

    package enum Unreadable: Error, Hashable {
        case newerLayout(Int)
        case malformed(String)
    }

    /// The content of an entry's file: one JSON object, its keys in alphabetical order, no white space.
    package func encoded() throws(DriverError) -> [UInt8] {
        let file = LedgerFile(
            layout: Self.layout, volume: intent.volume.rawValue, role: intent.role.rawValue, path: intent.path,
            accessMode: intent.accessMode.rawValue, block: intent.isBlock, flags: intent.attributes.canonicalFlags,
            tree: .init(device: tree.device, inode: tree.inode))
        do {
            return Array(try encoder.encode(file))
        } catch {
            throw DriverError(.internalError, "an entry of the ledger cannot be written as JSON", cause: "\(error)")
        }
    }

    package init(decoding bytes: [UInt8]) throws(Unreadable) {
        let file: LedgerFile
        do {
            let layout = try decoder.decode(LedgerLayout.self, from: Data(bytes)).layout
            guard layout <= Self.layout else { throw Unreadable.newerLayout(layout) }
            file = try decoder.decode(LedgerFile.self, from: Data(bytes))
        } catch let unreadable as Unreadable {
            throw unreadable
        } catch {
            throw .malformed("not the JSON of an entry")
        }
        guard let role = MountRole(rawValue: file.role) else { throw .malformed("unknown role") }
        guard let accessMode = AccessMode(rawValue: file.accessMode) else { throw .malformed("unknown access mode") }
        guard (try? MountPath(file.path, field: "path")) != nil else { throw .malformed("not a normalised path") }
        guard let attributes = try? MountAttributes(flags: file.flags) else { throw .malformed("unknown mount flags") }
        self.init(
            intent: MountIntent(
                volume: VolumeID(file.volume), role: role, path: file.path, accessMode: accessMode, isBlock: file.block,
                attributes: attributes),
            tree: FileStatus.Identity(device: file.tree.device, inode: file.tree.inode))
    }
}

/// Layout 1.
private struct LedgerFile: Codable {
    struct Tree: Codable {
        /// Major number << 32 | minor number.
        var device: UInt64
        var inode: UInt64
    }

    var layout: Int
    var volume: String
    var role: String
    var path: String
    var accessMode: String
    var block: Bool
    /// Canonical, so that equal attributes are equal texts.
    var flags: [String]
    var tree: Tree
}

private struct LedgerLayout: Decodable {
    var layout: Int
}

private let encoder: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
}()

private let decoder = JSONDecoder()
