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
                  "flags": ["ro"], "presence": "PRESENCE_UNKNOWN", "share": "nas:/x"}]
                """)
        #expect(
            Listing.table(of: .mounts, elements(entries)).text == """
                VOLUME  ROLE     PRESENCE  MODE                TYPE       FLAGS               SHARE   PATH
                v       STAGE    MOUNTED   SINGLE_NODE_WRITER  directory  rw,nosuid,relatime  -       /s
                v       PUBLISH  UNKNOWN   SINGLE_NODE_WRITER  block      ro                  nas:/x  /t

                """)
    }

    @Test("a share is shown with its circuit and its counters, and of refusals those that there were")
    func shares() throws {
        let none = (#""queueFull": "0", "silent": "0", "stuck": "0", "deadline": "0", "cancelled": "0","#)
        let entries = try JSONValue(
            parsing: """
                [{"name": "nas:/x", "circuit": "CLOSED", "since": "2025-01-31T12:00:00Z", "cause": "CAUSE_UNKNOWN",
                  "threads": 1, "idle": 1, "stuck": 0, "running": 0, "queued": 0, "largestQueue": 2, "releases": 0,
                  "admitted": "30", "refused": {\(none) "closed": "0"}, "timedOut": "0", "late": "0",
                  "roots": 1, "rootsUsed": "2025-01-31T12:00:09Z"},
                 {"name": "nas:/y", "circuit": "OPEN", "since": "2025-01-31T12:00:01Z", "cause": "DEADLINE_PASSED",
                  "threads": 4, "idle": 0, "stuck": 3, "running": 4, "queued": 0, "largestQueue": 64, "releases": 1,
                  "admitted": "5", "refused": {"queueFull": "1", "silent": "12", "stuck": "0", "deadline": "0",
                  "cancelled": "0", "closed": "0"}, "timedOut": "4", "late": "1", "roots": 0}]
                """)
        let lines = Listing.table(of: .shares, elements(entries)).lines.map {
            $0.split(separator: " ").map(String.init)
        }
        #expect(
            lines == [
                [
                    "SHARE", "CIRCUIT", "SINCE", "CAUSE", "THREADS", "STUCK", "QUEUED", "LARGEST", "RELEASES",
                    "ADMITTED", "TIMEDOUT", "LATE", "REFUSED", "ROOTS", "USED",
                ],
                [
                    "nas:/x", "CLOSED", "2025-01-31T12:00:00Z", "-", "1", "0", "0", "2", "0", "30", "0", "0", "-",
                    "1", "2025-01-31T12:00:09Z",
                ],
                [
                    "nas:/y", "OPEN", "2025-01-31T12:00:01Z", "DEADLINE_PASSED", "4", "3", "0", "64", "1", "5", "4",
                    "1", "queueFull:1,silent:12", "0", "-",
                ],
            ])
    }

    private func elements(_ value: JSONValue) -> [JSONValue] {
        if case .array(let elements) = value { elements } else { [] }
    }
}
