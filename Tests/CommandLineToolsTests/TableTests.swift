import CommandLineTools
import JSONText
import Testing

@Suite("Tables")
struct TableTests {
    @Test("columns are as wide as what is in them, and numbers end together")
    func aligned() {
        var table = Table([.init("NAME"), .init("SIZE", .right), .init("PATH")])
        table.add(["a", "1.0Gi", "/short"])
        table.add(["a-long-name", "512", "/"])
        table.add(["ü", "", ""])
        #expect(
            table.text == """
                NAME          SIZE  PATH
                a            1.0Gi  /short
                a-long-name    512  /
                ü                -  -

                """)
    }

    @Test("a table without rows is its header")
    func empty() {
        #expect(Table([.init("A"), .init("B")]).text == "A  B\n")
    }

    @Test(
        "what would move the cursor of a terminal is not shown",
        arguments: [
            ("plain ü 日本", "plain ü 日本"), ("a\nb\tc", "a?b?c"), ("\u{1b}[2Jx", "?[2Jx"), ("\u{9b}x", "?x"),
            ("a\u{202e}b", "a?b"), ("\r\n", "??"),
        ])
    func printable(text: String, shown: String) {
        #expect(Table.printable(text) == shown)
    }

    static let sizes: [(UInt64, String)] = [
        (0, "0"), (1, "1"), (1023, "1023"), (1024, "1.0Ki"), (1536, "1.5Ki"), (10_239, "10.0Ki"),
        (1 << 20, "1.0Mi"), (1 << 20 - 1, "1.0Mi"), (1 << 30, "1.0Gi"), (5 << 29, "2.5Gi"), (1 << 40, "1.0Ti"),
        (1 << 50, "1.0Pi"), (1 << 60, "1.0Ei"), (.max, "16.0Ei"),
    ]

    @Test("bytes are shown in the largest unit of which there is one", arguments: sizes)
    func size(bytes: UInt64, text: String) {
        #expect(HumanSize.text(bytes) == text)
    }
}

@Suite("Listings for people")
struct ListingTableTests {
    @Test("a volume without a size or a name has dashes there")
    func volumes() throws {
        let entries = try JSONValue(
            parsing: """
                [{"volumeId": "h.0.a", "name": "a", "backend": "hostPath", "pool": "default",
                  "capacityBytes": "1073741824", "state": "READY", "created": "2025-01-31T12:00:00Z",
                  "path": "/p/volumes/h.0.a", "mounts": 2},
                 {"volumeId": "h.0.b", "name": "", "backend": "hostPath", "pool": "default",
                  "capacityBytes": "0", "state": "UNREADABLE", "path": "/p/volumes/h.0.b", "mounts": 0}]
                """)
        #expect(
            Listing.table(of: .volumes, elements(entries)).text == """
                VOLUME  NAME  POOL      SIZE  STATE       MOUNTS  CREATED               PATH
                h.0.a   a     default  1.0Gi  READY            2  2025-01-31T12:00:00Z  /p/volumes/h.0.a
                h.0.b   -     default      -  UNREADABLE       0  -                     /p/volumes/h.0.b

                """)
    }

    @Test("a mount is shown with its flags and with what the kernel says")
    func mounts() throws {
        let entries = try JSONValue(
            parsing: """
                [{"volumeId": "v", "role": "STAGE", "path": "/s", "accessMode": "SINGLE_NODE_WRITER", "block": false,
                  "flags": ["rw", "nosuid", "relatime"], "presence": "MOUNTED"},
                 {"volumeId": "v", "role": "PUBLISH", "path": "/t", "accessMode": "SINGLE_NODE_WRITER", "block": true,
                  "flags": ["ro"], "presence": "PRESENCE_UNKNOWN"}]
                """)
        #expect(
            Listing.table(of: .mounts, elements(entries)).text == """
                VOLUME  ROLE     PRESENCE  MODE                TYPE       FLAGS               PATH
                v       STAGE    MOUNTED   SINGLE_NODE_WRITER  directory  rw,nosuid,relatime  /s
                v       PUBLISH  UNKNOWN   SINGLE_NODE_WRITER  block      ro                  /t

                """)
    }

    private func elements(_ value: JSONValue) -> [JSONValue] {
        if case .array(let elements) = value { elements } else { [] }
    }
}
