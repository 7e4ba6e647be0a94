import StorageModel
import Testing

@testable import CSIWire

/// Bytes written by hand: `field(3, [...])` is field 3, length-delimited.
private func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
    var writer = WireWriter()
    writer.tag(number, .delimited)
    writer.delimited(content)
    return writer.bytes
}

private func text(_ number: Int, _ text: String) -> [UInt8] {
    field(number, Array(text.utf8))
}

private func repeated(_ count: Int, _ bytes: [UInt8]) -> [UInt8] {
    Array(repeatElement(bytes, count: count).joined())
}

/// Bytes that are told by a name, as some are megabytes long.
struct WireCase: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]
    let problem: String

    init(_ what: String, _ bytes: [UInt8], _ problem: String = "") {
        testDescription = what
        self.bytes = bytes
        self.problem = problem
    }
}

@Suite("The check before protobuf-c")
struct WireCheckTests {
    // CreateVolumeRequest: 1 name, 2 capacity_range, 3 volume_capabilities, 4 parameters, 5 secrets
    // VolumeCapability: 1 block, 2 mount (1 fs_type, 2 mount_flags), 3 access_mode (1 mode)
    static let block: [UInt8] = field(1, []) + field(3, [0x08, 1])
    static let mount: [UInt8] = field(2, text(2, "noatime")) + field(3, [0x08, 7])

    static let refused: [WireCase] = [
        WireCase("invalid UTF-8", field(1, [0x61, 0xff]), "name: not valid UTF-8"),
        WireCase("overlong UTF-8", field(1, [0xc0, 0x80]), "name: not valid UTF-8"),
        WireCase("a surrogate in UTF-8", field(1, [0xed, 0xa0, 0x80]), "name: not valid UTF-8"),
        WireCase("UTF-8 that ends early", field(1, [0xe2, 0x82]), "name: not valid UTF-8"),
        WireCase("a NUL", field(1, [0x61, 0, 0x62]), "name: contains a NUL"),
        WireCase("a NUL at the end", field(1, [0x61, 0]), "name: contains a NUL"),
        WireCase("a NUL in a key", field(4, text(1, "\0")), "parameters[0].key: contains a NUL"),
        WireCase(
            "invalid UTF-8 in the value of a secret", field(5, text(1, "a")) + field(5, field(2, [0x80])),
            "secrets[1].value: not valid UTF-8"
        ),
        WireCase(
            "invalid UTF-8 deep inside", field(3, block) + field(3, field(2, text(2, "a") + field(2, [0xff]))),
            "volume_capabilities[1].mount.mount_flags[1]: not valid UTF-8"
        ),
        WireCase(
            "an unknown enum value", field(3, field(3, [0x08, 8])),
            "volume_capabilities[0].access_mode.mode: not a value that CSI 1.12 knows"
        ),
        WireCase(
            "a negative enum value", field(3, field(3, [0x08] + repeated(9, [0xff]) + [1])),
            "volume_capabilities[0].access_mode.mode: not a value that CSI 1.12 knows"
        ),
        WireCase(
            "a message in two pieces", field(2, [0x08, 1]) + field(2, [0x10, 2]), "capacity_range: comes more than once"
        ),
        WireCase("an empty second piece", field(2, [0x08, 1]) + field(2, []), "capacity_range: comes more than once"),
        WireCase(
            "both members of a oneof", field(3, field(1, []) + field(2, [])),
            "volume_capabilities[0].mount: set together with block; only one of the two can be"
        ),
        WireCase(
            "one member of a oneof in two pieces", field(3, field(2, []) + field(2, [])),
            "volume_capabilities[0].mount: comes more than once"
        ),
        WireCase("a group", [0x0b, 0x0c], "csi.v1.CreateVolumeRequest: groups are not supported"),
        WireCase("the end of a group", [0x0c], "csi.v1.CreateVolumeRequest: groups are not supported"),
        WireCase(
            "a group in an unknown field", [0x9b, 6, 0x9c, 6], "csi.v1.CreateVolumeRequest: groups are not supported"),
        WireCase("wire type 6", [0x0e], "csi.v1.CreateVolumeRequest: a wire type is unknown"),
        WireCase("wire type 7", [0x0f], "csi.v1.CreateVolumeRequest: a wire type is unknown"),
        WireCase("field 0", [0x02, 0], "csi.v1.CreateVolumeRequest: a field number is outside"),
        WireCase(
            "a field number of 30 bits", [0x82, 0x80, 0x80, 0x80, 0x10, 0], "csi.v1.CreateVolumeRequest: a field number"
        ),
        WireCase(
            "a tag of six bytes", [0x8a, 0x80, 0x80, 0x80, 0x80, 0, 0], "csi.v1.CreateVolumeRequest: a varint is longer"
        ),
        WireCase("a tag that ends early", [0x8a], "csi.v1.CreateVolumeRequest: the bytes end inside a field"),
        WireCase("a length past the end", [0x0a, 2, 0x61], "csi.v1.CreateVolumeRequest: the bytes end inside a field"),
        WireCase(
            "a length of 2^63", [0x0a] + repeated(8, [0x80]) + [0x80, 1],
            "csi.v1.CreateVolumeRequest: a varint is longer"
        ),
        WireCase(
            "a length of 4 GiB - 1", [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], "csi.v1.CreateVolumeRequest: the bytes end"),
        WireCase(
            "a length past the end of the message around it", field(2, [0x08, 1, 0x52, 9]) + text(1, "long enough"),
            "capacity_range: the bytes end inside a field"
        ),
        WireCase(
            "a varint of eleven bytes", field(2, [0x08] + repeated(10, [0x80]) + [0]),
            "capacity_range: a varint is longer"
        ),
        WireCase(
            "a varint of 65 bits", field(2, [0x08] + repeated(9, [0xff]) + [2]), "capacity_range: a varint is longer"),
        WireCase("a varint that ends early", field(2, [0x08, 0xff]), "capacity_range: the bytes end inside a field"),
        WireCase(
            "32 bits that end early", [0xc5, 0x3e, 1, 2], "csi.v1.CreateVolumeRequest: the bytes end inside a field"),
        WireCase(
            "64 bits that end early", [0xc1, 0x3e, 1, 2], "csi.v1.CreateVolumeRequest: the bytes end inside a field"),
        WireCase("a number where a string belongs", [0x08, 1], "name: has the wire type of another kind of field"),
        WireCase(
            "a string where a number belongs", field(2, field(1, [])),
            "capacity_range.required_bytes: has the wire type"),
        WireCase(
            "32 bits where a varint belongs", field(2, [0x0d, 0, 0, 0, 0]),
            "capacity_range.required_bytes: has the wire"
        ),
        WireCase(
            "a number where a message belongs", [0x10, 1], "capacity_range: has the wire type of another kind"),
        WireCase(
            "4,097 fields", repeated(4097, [0x0a, 0]),
            "csi.v1.CreateVolumeRequest: more than 4096 fields in one message"
        ),
        WireCase(
            "4,097 unknown fields", repeated(4097, [0xc0, 0x3e, 0]), "csi.v1.CreateVolumeRequest: more than 4096 fields"
        ),
        WireCase("257 capabilities", repeated(257, field(3, block)), "volume_capabilities: more than 256 elements"),
        WireCase("257 entries of one key", repeated(257, field(4, text(1, "k"))), "parameters: more than 256 elements"),
        WireCase(
            "257 mount flags", field(3, field(2, repeated(257, text(2, "ro")))),
            "volume_capabilities[0].mount.mount_flags: more than 256 elements"
        ),
        WireCase("a name of 1,025 bytes", text(1, String(repeating: "n", count: 1025)), "name: longer than 1024 bytes"),
        WireCase(
            "a mount flag of 4,097 bytes", field(3, field(2, text(2, String(repeating: "f", count: 4097)))),
            "volume_capabilities[0].mount.mount_flags[0]: longer than 4096 bytes"
        ),
        WireCase(
            "a map of more than 64 KiB", repeated(66, field(4, text(2, String(repeating: "v", count: 1000)))),
            "parameters: more than 65536 bytes of keys and values"
        ),
        WireCase(
            "one value of more than 64 KiB", field(4, text(2, String(repeating: "v", count: 65_537))),
            "parameters: more than 65536 bytes of keys and values"
        ),
        WireCase(
            "4 MiB of empty messages", repeated(2 << 20, [0x1a, 0]),
            "volume_capabilities: more than 256 elements"
        ),
        WireCase(
            "4 MiB of unknown fields in as many messages as are allowed",
            repeated(256, field(3, repeated(4000, [0xc0, 0x3e, 0]))),
            "volume_capabilities[8]: the request needs more than 4 MiB of memory to be read"
        ),
        WireCase(
            "more mount flags than there is memory for",
            repeated(256, field(3, field(2, repeated(200, text(2, "0123456789"))))),
            "volume_capabilities[147].mount: the request needs more than 4 MiB of memory to be read"
        ),
    ]

    @Test("bad bytes are INVALID_ARGUMENT with the field's name", arguments: refused)
    func refuses(wire: WireCase) {
        let error = #expect(throws: DriverError.self) { try CreateVolumeRequest(wire: wire.bytes) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.hasPrefix(wire.problem) == true, "\(error?.message ?? "")")
        #expect((error?.message.utf8.count ?? 0) < 1024)
    }

    // No message of proto/ can be nested as deep as the limit, so a lower one is tried.
    @Test("messages may be nested to the limit and no deeper")
    func depth() throws {
        let layout = MessageLayout(of: "csi.v1.CreateVolumeRequest")
        let bytes = field(3, Self.mount)
        var enough = WireCheck(deepest: 3)
        try enough.check(bytes.span, as: layout)
        var tooLittle = WireCheck(deepest: 2)
        let error = #expect(throws: WireRefusal.self) { try tooLittle.check(bytes.span, as: layout) }
        #expect(
            error?.error(in: "").message == "volume_capabilities[0].mount: messages are nested more than 2 deep")
    }

    static let accepted: [WireCase] = [
        WireCase("256 capabilities", repeated(256, field(3, block))),
        WireCase("4,096 fields", repeated(4096, [0xc0, 0x3e, 0])),
        WireCase("a name of 1,024 bytes", text(1, String(repeating: "n", count: 1024))),
        WireCase("a map of 64 KiB", field(4, text(1, "k") + text(2, String(repeating: "v", count: 65_500)))),
        WireCase("256 entries", repeated(256, field(4, text(1, "k")))),
        WireCase("the last of two names", text(1, "a") + text(1, "b")),
        WireCase(
            "unknown fields of every wire type", [0xc0, 0x3e, 1, 0xc5, 0x3e, 1, 2, 3, 4] + field(1000, [0xff, 0])),
        WireCase("an unknown field of the highest number", [0xf8, 0xff, 0xff, 0xff, 0x0f, 1]),
        WireCase("a field with its tag in five bytes", [0x8a, 0x80, 0x80, 0x80, 0, 0]),
    ]

    @Test("what is at a limit is accepted", arguments: accepted)
    func accepts(wire: WireCase) throws {
        _ = try CreateVolumeRequest(wire: wire.bytes)
    }

    @Test("a path may have 4,096 bytes")
    func paths() throws {
        let path = "/" + String(repeating: "p", count: 4095)
        let request = try NodeUnpublishVolumeRequest(wire: text(1, "v") + text(2, path))
        #expect(request.targetPath == path)
        let error = #expect(throws: DriverError.self) {
            try NodeUnpublishVolumeRequest(wire: text(1, "v") + text(2, path + "p"))
        }
        #expect(error?.message == "target_path: longer than 4096 bytes")
    }

    @Test("a capability without type or mode is refused")
    func incompleteCapabilities() {
        let cases: [([UInt8], String)] = [
            (field(3, field(3, [0x08, 1])), "volume_capabilities[0].access_type: required: set block or mount"),
            (
                field(3, Self.block) + field(3, field(1, [])),
                "volume_capabilities[1].access_mode.mode: required: one of "
            ),
            (
                field(3, field(1, []) + field(3, [0x08, 0])),
                "volume_capabilities[0].access_mode.mode: required: one of "
            ),
            (field(6, []), "volume_content_source.type: required: set snapshot or volume"),
        ]
        for (bytes, problem) in cases {
            let error = #expect(throws: DriverError.self) { try CreateVolumeRequest(wire: bytes) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.hasPrefix(problem) == true, "\(error?.message ?? "")")
        }
    }

    @Test("no refusal shows a value")
    func values() {
        let secret = "hush-hush"
        for bytes in [
            field(5, text(1, secret) + field(2, Array(secret.utf8) + [0xff])), field(5, text(1, secret + "\0")),
            field(3, field(2, text(2, secret + "\0"))), text(1, secret + "\0"),
        ] {
            let error = #expect(throws: DriverError.self) { try CreateVolumeRequest(wire: bytes) }
            #expect(error?.description.contains(secret) == false)
        }
    }
}
