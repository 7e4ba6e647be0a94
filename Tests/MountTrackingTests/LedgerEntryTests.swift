import LinuxSystem
import MountTracking
import StorageModel
import Testing

@Suite("An entry of the ledger as bytes")
struct LedgerEntryTests {
    /// An entry and its file, byte for byte. Never change a row: a driver must read what an earlier one has written.
    static let layout1: [(LedgerEntry, String)] = [
        (
            LedgerEntry(
                intent: MountIntent(
                    volume: VolumeID("h.5f3a.pvc-1"), role: .stage, path: "/var/lib/kubelet/plugins/x/globalmount",
                    accessMode: .singleNodeWriter, isBlock: false, attributes: MountAttributes()),
                // Device 8:17, inode 42.
                tree: FileStatus.Identity(device: 8 << 32 | 17, inode: 42)),
            #"{"accessMode":"SINGLE_NODE_WRITER","block":false,"flags":["rw","relatime"],"layout":1,"#
                + #""path":"/var/lib/kubelet/plugins/x/globalmount","role":"stage","#
                + #""tree":{"device":34359738385,"inode":42},"volume":"h.5f3a.pvc-1"}"#
        ),
        (
            LedgerEntry(
                intent: MountIntent(
                    volume: VolumeID("a \"quoted\" id, \u{e9}"), role: .publish, path: "/with space/\u{e9}\n",
                    accessMode: .multiNodeReaderOnly, isBlock: true, attributes: everything),
                tree: FileStatus.Identity(device: .max, inode: .max)),
            #"{"accessMode":"MULTI_NODE_READER_ONLY","block":true,"#
                + #""flags":["ro","nosuid","nodev","noexec","nosymfollow","nodiratime","noatime"],"layout":1,"#
                + #""path":"/with space/é\n","role":"publish","#
                + #""tree":{"device":18446744073709551615,"inode":18446744073709551615},"#
                + #""volume":"a \"quoted\" id, é"}"#
        ),
        (
            LedgerEntry(
                intent: MountIntent(
                    volume: VolumeID("v"), role: .publish, path: "/a/b", accessMode: .multiNodeMultiWriter,
                    isBlock: false, attributes: MountAttributes(),
                    options: MountOptionsDigest(all: "0123456789abcdef", labels: "")),
                tree: FileStatus.Identity(device: 46, inode: 2), share: "nas:/share"),
            #"{"accessMode":"MULTI_NODE_MULTI_WRITER","block":false,"flags":["rw","relatime"],"layout":1,"#
                + #""options":{"all":"0123456789abcdef","labels":""},"path":"/a/b","role":"publish","#
                + #""share":"nas:/share","tree":{"device":46,"inode":2},"volume":"v"}"#
        ),
    ]

    static let everything: MountAttributes = {
        var attributes = MountAttributes()
        attributes.readOnly = true
        attributes.noSetUserID = true
        attributes.noDevices = true
        attributes.noExecution = true
        attributes.noSymbolicLinks = true
        attributes.noDirectoryAccessTime = true
        attributes.accessTime = .never
        return attributes
    }()

    @Test("it is written as these bytes", arguments: layout1)
    func encoding(entry: LedgerEntry, bytes: String) throws {
        #expect(String(decoding: entry.encoded, as: UTF8.self) == bytes)
    }

    @Test("these bytes are read as it", arguments: layout1)
    func decoding(entry: LedgerEntry, bytes: String) throws {
        #expect(try LedgerEntry(decoding: Array(bytes.utf8)) == entry)
    }

    @Test("keys that it does not know, white space and another order do not matter")
    func lenient() throws {
        let bytes = #"""
            { "tree": {"inode": 2, "device": 1, "kind": "directory"}, "layout": 1, "volume": "v", "added": [1, {}],
              "role": "stage", "path": "/a/b", "accessMode": "SINGLE_NODE_WRITER", "block": false, "flags": [] }
            """#
        let entry = try LedgerEntry(decoding: Array(bytes.utf8))
        #expect(entry.tree == FileStatus.Identity(device: 1, inode: 2))
        #expect(entry.intent.attributes == MountAttributes())
    }

    @Test("a newer layout is told from a malformed entry, whatever else is in it")
    func newer() {
        #expect(throws: LedgerEntry.Unreadable.newerLayout(2)) {
            try LedgerEntry(decoding: Array(#"{"layout":2,"volume":17}"#.utf8))
        }
    }

    static let broken: [(String, String)] = [
        (#""role":"stage""#, #""role":"attach""#),
        (#""accessMode":"SINGLE_NODE_WRITER""#, #""accessMode":"SINGLE_NODE""#),
        (#""path":"/var"#, #""path":"var"#),
        (#"/plugins/"#, #"/../"#),
        (#""relatime""#, #""sync""#),
        (#""block":false"#, #""block":0"#),
        (#""inode":42"#, #""inode":-42"#),
        (#""volume":"#, #""volumes":"#),
        (#""layout":1"#, #""layout":"1""#),
        ("}", ""),
    ]

    @Test("a wrong value makes it malformed", arguments: broken)
    func malformed(right: String, wrong: String) throws {
        let good = Self.layout1[0].1
        try #require(good.contains(right))
        let bytes = good.split(separator: right, maxSplits: 1, omittingEmptySubsequences: false).joined(
            separator: wrong)
        let error = #expect(throws: LedgerEntry.Unreadable.self) { try LedgerEntry(decoding: Array(bytes.utf8)) }
        guard case .malformed = error else {
            Issue.record("not malformed")
            return
        }
    }

    @Test("its file is named by the path alone")
    func fileName() {
        // printf /var/lib/kubelet/x | sha256sum
        #expect(Ledger.fileName(for: "/var/lib/kubelet/x") == "d353732855aabefb1682103d4947c565.json")
    }
}
