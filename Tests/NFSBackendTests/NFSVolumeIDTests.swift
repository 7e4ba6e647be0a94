import StorageModel
import Testing

@testable import NFSBackend

@Suite("Ids of NFS volumes")
struct NFSVolumeIDTests {
    private func location(_ server: String, _ share: String) throws -> NFSLocation {
        .share(try NFSShare(server: NFSServer(server), path: share))
    }

    private func parse(_ text: String) -> NFSVolumeID? { NFSVolumeID(VolumeID(text)) }

    @Test(
        "an id is given in csi-driver-nfs's form, and parsed back",
        arguments: [
            ("nfs.example.com", "/srv/nfs/", "/a/b/", nil, .delete, "nfs.example.com#srv/nfs#a/b"),
            ("NFS.example.com", "/", "a", nil, .retain, "nfs.example.com##a##retain"),
            ("fd00::1", "/x", "a", nil, .archive, "fd00::1#x#a##archive"),
            ("fe80::1%eth0", "/x", "a", nil, .delete, "[fe80::1%eth0]#x#a"),
            ("a", "/x", "a", "pvc-1", .delete, "a#x#a#pvc-1"), ("a", "/x", "a", "pvc-1", .retain, "a#x#a#pvc-1#retain"),
        ] as [(String, String, String, String?, DeletePolicy, String)])
    func given(
        server: String, share: String, subDir: String, name: String?, policy: DeletePolicy, text: String
    ) throws {
        let location = try location(server, share)
        let id = try NFSVolumeID(
            location: location, subdirectory: NFSSubdirectory(subDir), sharing: name, deletePolicy: policy)
        #expect(id.id.rawValue == text)
        #expect(parse(text) == id)
        #expect(id.form == .own)
    }

    @Test("an id in a pool is short, and parsed back")
    func pool() throws {
        let id = try NFSVolumeID(
            location: .pool("fast"), subdirectory: NFSSubdirectory("a/b"), sharing: nil, deletePolicy: .retain)
        #expect(id.id.rawValue == "@fast##a/b##retain")
        #expect(parse("@fast##a/b##retain") == id)
        #expect(parse("@fast##a")?.location == .pool("fast"))
    }

    @Test("an id of more than 128 bytes is refused with its longest part and the remedy")
    func tooLong() throws {
        func make(_ server: String, _ share: String, _ subDir: String, pool: Bool = false) throws -> Int {
            let location: NFSLocation = pool ? .pool("fast") : try location(server, share)
            return try NFSVolumeID(
                location: location, subdirectory: NFSSubdirectory(subDir), sharing: nil, deletePolicy: .delete
            ).id.rawValue.utf8.count
        }
        func long(_ count: Int) -> String { String(repeating: "a", count: count) }
        #expect(try make("s", "/x", long(124)) == 128)
        for (server, share, subDir, part) in [
            ("s", "/x", long(125), "subDir with 125 bytes"), ("s", "/" + long(126), "x", "share with 126 bytes"),
            (long(63) + "." + long(63), "/x", "y", "server with 127 bytes"),
        ] {
            let error = #expect(throws: DriverError.self) { _ = try make(server, share, subDir) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains(part) == true)
            #expect(error?.message.contains("--nfs-pool") == true)
        }
        let pooled = #expect(throws: DriverError.self) { _ = try make("s", "/x", long(122), pool: true) }
        #expect(pooled?.message.contains("--nfs-pool") == false)
        #expect(try make("s", "/x", long(121), pool: true) == 128)
    }

    @Test("a part with the sign between parts, and a name that is none, are refused")
    func unfitParts() throws {
        let whole = try location("s", "/x")
        let plain = try NFSSubdirectory("a")
        for (location, subDir, name) in [
            (try location("s", "/x#y"), "a", nil), (whole, "a#b", nil), (whole, "a", "p#q"), (whole, "a", "p/q"),
            (whole, "a", ".."), (whole, "a", "p\n"),
        ] as [(NFSLocation, String, String?)] {
            let error = #expect(throws: DriverError.self) {
                try NFSVolumeID(
                    location: location, subdirectory: NFSSubdirectory(subDir), sharing: name, deletePolicy: .delete)
            }
            #expect(error?.code == .invalidArgument)
        }
        #expect(throws: Never.self) {
            try NFSVolumeID(location: whole, subdirectory: plain, sharing: "p", deletePolicy: .delete)
        }
    }

    @Test(
        "csi-driver-nfs's ids are understood",
        arguments: [
            ("127.0.0.1#share#pvc-1##", "127.0.0.1:/share", "pvc-1", "", nil, .foreign),
            ("nfs.example.com#a/b#c/d#pvc-1#", "nfs.example.com:/a/b", "c/d", "pvc-1", nil, .foreign),
            ("nfs.example.com##c#pvc-1#Archive", "nfs.example.com:/", "c", "pvc-1", .archive, .foreign),
            ("nfs.example.com#a#c##delete", "nfs.example.com:/a", "c", "", .delete, .foreign),
            ("NFS.example.com#a#c", "nfs.example.com:/a", "c", "", nil, .foreign),
            ("[fd00::1]#a#c", "[fd00::1]:/a", "c", "", nil, .foreign),
            ("fd00::1#a#c", "[fd00::1]:/a", "c", "", nil, .own),
            ("fd00:0::1#a#c", "[fd00::1]:/a", "c", "", nil, .foreign),
            ("s#a#c#pvc-1", "s:/a", "c", "pvc-1", nil, .own),
            ("s#a#c#pvc-1#retain", "s:/a", "c", "pvc-1", .retain, .own),
            ("s#a#archived-c##", "s:/a", "archived-c", "", nil, .foreign),
            ("s#a#${x}#p#", "s:/a", "${x}", "p", nil, .foreign),
            ("nfs.example.com/base/dir/sub", "nfs.example.com:/base/dir", "sub", "", nil, .legacy),
            ("10.0.0.1/share/pvc-1", "10.0.0.1:/share", "pvc-1", "", nil, .legacy),
            ("s//pvc-1", "s:/", "pvc-1", "", nil, .legacy),
        ] as [(String, String, String, String, DeletePolicy?, NFSVolumeID.Form)])
    func foreign(
        text: String, source: String, subDir: String, uuid: String, policy: DeletePolicy?, form: NFSVolumeID.Form
    ) throws {
        let id = try #require(parse(text))
        #expect(try NFSPools([]).share(of: id.location).source == source)
        #expect(id.subdirectory.text == subDir)
        #expect(id.uuid == uuid)
        #expect(id.deletePolicy == policy)
        #expect(id.form == form)
        #expect(id.id.rawValue == text)
    }

    static let hostile = [
        "", "#", "##", "###", "####", "s", "s#a", "s#a#", "s##", "#a#c", "s#a##p#", "s#a#c#p#retain#",
        "s#a#c#p#retain#x",
        "s#a#..", "s#a#../c", "s#a#c/..", "s#a#c/../d", "s#a#c/./d", "s#a#.", "s#..#c", "s#a/..#c", "s#../a#c",
        "..#a#c",
        "s#a#c#..", "s#a#c#../p", "s#a#c#p/q", "s#a#c#/p", "s#a#c#p#..", "s#a#c#p#x", "s#a#c##keep", "s#a#c#.moorage",
        "s#a#..\\c", "s#a#c\\..\\d", "s#a\\..#c", "s#a#\\..", "s#a#c#..\\p", "s#..\\..\\a#c",
        "s#/a#c", "s#a/#c", "s#/#c", "s#a#/c", "s#a#c/", "s#a#//c", "s#a//b#c", "s#a#c//d",
        "s#a#.moorage", "s#a#.moorage/volumes", "s#a#.MooRage/x", "s#.moorage#c", "s#a/.moorage/volumes#c",
        "s#a#.moorage\\x",
        "s#a#c\n", "s\n#a#c", "s#a\u{1}#c", "s#a#c#p\u{7F}#", "s#a#c\0", "s#a#c\u{85}",
        "-s#a#c", "s/#a#c", "s/a##", "s,t#a#c", "s t#a#c", "s:/x#a#c", "0.0.0.0#a#c", "::#a#c", "1.2.3#a#c", "s_t#a#c",
        "@#a#c", "@##c", "@p#a#c", "@p#/#c", "@p q##c", "@@p##c", "@p##..", "@p##.moorage", "p##", "@sha-1##c",
        "@/a/c", "@p/a/c", "@p//c", "/a/c", "s/a", "s/a/", "s/a/b/", "s/a/..", "s/../b", "s/a//b", "s/./b",
        "s/a/.moorage",
        "s/.moorage/a", "s t/a/b", "s/a\\..\\b/c", "//", "///", "/", "s#/a/b", "s/a#/b", "s/a#b/c", "s/a/b#c",
        "h.0123456789ab.pvc-1", "h.0123456789ab.sha-0123456789abcdef0123456789abcdef", "fake-vol-id", "none-exist-id",
    ]

    @Test("an id that no volume can have does not parse", arguments: hostile)
    func hostileID(text: String) {
        #expect(parse(text) == nil)
    }

    @Test("an id is understood up to 1 KiB")
    func longest() {
        let fits = "s#a#" + String(repeating: "c/", count: 509) + "cc"
        #expect(fits.utf8.count == 1024)
        #expect(parse(fits)?.form == .foreign)
        #expect(parse(fits + "c") == nil)
    }

    @Test("an id that is longer than this driver gives is not its own")
    func ownLength() {
        #expect(parse("s#a#" + String(repeating: "c", count: 124))?.form == .own)
        #expect(parse("s#a#" + String(repeating: "c", count: 125))?.form == .foreign)
    }

    @Test(
        "csi-driver-nfs's snapshot ids are understood",
        arguments: [
            ("s#a/b#snap-1#snap-1#pvc-1", "s:/a/b"), ("s##snap-1#snap-1#pvc-1", "s:/"),
            ("fd00::1#a#snap-1#snap-1#pvc-1", "[fd00::1]:/a"),
        ])
    func snapshot(text: String, source: String) throws {
        let id = try #require(NFSSnapshotID(text))
        #expect(id.share.source == source)
        #expect(id.name == "snap-1")
        #expect(id.source == "pvc-1")
        #expect(parse(text) == nil)
    }

    @Test(
        "other snapshot ids do not parse",
        arguments: [
            "", "s#a#n#n", "s#a#n#n#v#", "s#a#n#m#v", "s#a#n#N#v", "s#a###v", "s#a#n#n#", "s#a#..#..#v", "s#a#n#n#..",
            "s#a#n/m#n/m#v",
            "s#a#n#n#v/w", "s#..#n#n#v", "@p##n#n#v", "s#/a#n#n#v", "s#a#.moorage#.moorage#v", "s#a#n#n#.moorage",
            "-s#a#n#n#v",
            "s#a#n#n#v\n", "s#a#n\\..#n\\..#v", "s#a#/n#/n#v", "s#a#n#n#retain", "s#a#n#n#Delete",
            "reallyfakesnapshotid",
            "s#a#n#n#" + String(repeating: "v", count: 256),
        ])
    func hostileSnapshot(text: String) {
        #expect(NFSSnapshotID(text) == nil)
    }
}

/// Random, and the same in each run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}

@Suite("Ids of NFS volumes that were changed at random", .timeLimit(.minutes(1)))
struct NFSVolumeIDMutationTests {
    private static let pieces = [
        "#", "##", "/", "//", "\\", ".", "..", "/..", "../", "\\..", ".moorage", "@", "@p", ":", "::1", "[", "]", "%",
        "${",
        "\0", "\n", "\u{85}", "e\u{301}", "\u{E9}", "a", "s", "0", "retain", "archive", "DELETE", "archived-", "-", " ",
        ",",
    ]
    private static let seeds =
        NFSVolumeIDTests.hostile + [
            "nfs.example.com#srv/nfs#a/b", "nfs.example.com##a##retain", "fd00::1#x#a##archive", "[fe80::1%eth0]#x#a",
            "@fast##a/b##retain",
            "127.0.0.1#share#pvc-1##", "nfs.example.com#a/b#c/d#pvc-1#", "nfs.example.com/base/dir/sub",
            "s#a/b#snap-1#snap-1#pvc-1",
        ]

    private func mutated(_ text: String, using random: inout SeededGenerator) -> String {
        var scalars = Array(text.unicodeScalars)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0...scalars.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let piece = Self.pieces.randomElement(using: &random) ?? ""
                scalars.insert(contentsOf: piece.unicodeScalars, at: place)
            case 1 where place < scalars.count: scalars.remove(at: place)
            case 2 where place < scalars.count:
                scalars[place] = Unicode.Scalar(UInt8.random(in: 0...127, using: &random))
            default:
                let other = Array((Self.seeds.randomElement(using: &random) ?? "").unicodeScalars)
                scalars = Array(scalars[..<place]) + other.suffix(Int.random(in: 0...other.count, using: &random))
            }
        }
        var result = ""
        result.unicodeScalars.append(contentsOf: scalars)
        return result
    }

    /// What a kernel, and a server that takes backslashes for slashes, would make of the names.
    private func leaves(_ names: [String]) -> Bool {
        var depth = 0
        for name in names.flatMap({ $0.split(whereSeparator: { "/\\".contains($0) }) }) {
            depth += name == ".." ? -1 : name == "." ? 0 : 1
            if depth < 1 { return true }
        }
        return false
    }

    private func check(_ components: [[UInt8]], _ text: String) {
        let names = components.map { String(decoding: $0, as: UTF8.self) }
        let sound = components.allSatisfy { name in
            (1...255).contains(name.count) && !name.contains(UInt8(ascii: "/")) && !name.contains(UInt8(ascii: "#"))
                && name.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        }
        #expect(sound && !leaves(names), "\(text.debugDescription)")
        #expect(names.first?.lowercased() != ".moorage", "\(text.debugDescription)")
    }

    @Test("no id that parses leads out of its share, and what it says makes an id that says the same")
    func neverLeaves() throws {
        var random = SeededGenerator(seed: 20_260)
        var parsed = 0
        for round in 0..<60_000 {
            let text = mutated(Self.seeds[round % Self.seeds.count], using: &random)
            if let snapshot = NFSSnapshotID(text) {
                check([Array(snapshot.name.utf8)], text)
                check([Array(snapshot.source.utf8)], text)
                check(snapshot.share.components, text)
            }
            guard let id = NFSVolumeID(VolumeID(text)) else { continue }
            parsed += 1
            check(id.subdirectory.components, text)
            if !id.uuid.isEmpty { check([Array(id.uuid.utf8)], text) }
            if case .share(let share) = id.location { check(share.components, text) }
            let again = try? NFSVolumeID(
                location: id.location, subdirectory: id.subdirectory, sharing: id.uuid,
                deletePolicy: id.deletePolicy ?? .delete)
            guard let again else { continue }
            let parsedAgain = try #require(NFSVolumeID(again.id))
            #expect(parsedAgain == again, "\(text.debugDescription)")
            #expect((id.form == .own) == (again.id.rawValue.utf8.elementsEqual(text.utf8)), "\(text.debugDescription)")
        }
        // Else it would be the parser's refusal of everything that is tested.
        #expect(parsed > 5_000)
    }
}
