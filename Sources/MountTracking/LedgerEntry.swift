import JSONText
package import LinuxSystem
package import StorageModel

/// What the ledger holds of one mount: what was asked for, and which tree answers it.
package struct LedgerEntry: Hashable, Sendable {
    package var intent: MountIntent
    /// The root directory of the tree: what the kernel shows at the path while the mount is there.
    package var tree: FileStatus.Identity
    /// `server:/share` of a volume on a network share: whose lane asks for it.
    package var share: String?

    package init(intent: MountIntent, tree: FileStatus.Identity, share: String? = nil) {
        self.intent = intent
        self.tree = tree
        self.share = share
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
    package var encoded: [UInt8] {
        let tree: [JSONMember] = [
            // Major number << 32 | minor number.
            JSONMember("device", .number(tree.device)), JSONMember("inode", .number(tree.inode)),
        ]
        // Flags are canonical, so that equal attributes are equal texts.
        var members = [
            JSONMember("accessMode", .string(intent.accessMode.rawValue)),
            JSONMember("block", .bool(intent.isBlock)),
            JSONMember("flags", .strings(intent.attributes.canonicalFlags)),
            JSONMember("layout", .number(Self.layout)),
        ]
        if let options = intent.options {
            members.append(
                JSONMember(
                    "options",
                    .object([
                        JSONMember("all", .string(options.all)), JSONMember("labels", .string(options.labels)),
                    ])))
        }
        members += [JSONMember("path", .string(intent.path)), JSONMember("role", .string(intent.role.rawValue))]
        if let share { members.append(JSONMember("share", .string(share))) }
        members += [JSONMember("tree", .object(tree)), JSONMember("volume", .string(intent.volume.rawValue))]
        return Array(JSONValue.object(members).text(.compact).utf8)
    }

    package init(decoding bytes: [UInt8]) throws(Unreadable) {
        do {
            let file = try JSONObject(parsing: bytes)
            let layout = try file.integer("layout", Int.self)
            guard layout <= Self.layout else { throw Unreadable.newerLayout(layout) }
            try self.init(file)
        } catch let unreadable as Unreadable {
            throw unreadable
        } catch let mismatch as JSONObject.Mismatch {
            throw .malformed(mismatch.description)
        } catch {
            throw .malformed("\(error)")
        }
    }

    private init(_ file: JSONObject) throws {
        let path = try file.string("path")
        guard (try? MountPath(path, field: "path")) != nil else { throw Unreadable.malformed("not a normalised path") }
        guard let attributes = try? MountAttributes(flags: try file.strings("flags")) else {
            throw Unreadable.malformed("unknown mount flags")
        }
        let tree = try file.object("tree")
        let options = file.has("options") ? try file.object("options") : nil
        self.init(
            intent: MountIntent(
                volume: VolumeID(try file.string("volume")), role: try file.choice("role"), path: path,
                accessMode: try file.choice("accessMode"), isBlock: try file.bool("block"), attributes: attributes,
                options: try options.map {
                    MountOptionsDigest(all: try $0.string("all"), labels: try $0.string("labels"))
                }),
            tree: FileStatus.Identity(device: try tree.integer("device"), inode: try tree.integer("inode")),
            share: file.has("share") ? try file.string("share") : nil)
    }
}
