import JSONText
import Testing

@testable import CSIWire

@Suite("JSON of messages")
struct TranscodingTests {
    let transcoder = JSONTranscoder()

    private func bytes(_ message: String, _ text: String) throws -> [UInt8] {
        try transcoder.bytes(of: message, json: JSONValue(parsing: text))
    }

    private func json(_ message: String, _ bytes: [UInt8]) throws -> String {
        try transcoder.json(of: message, bytes: bytes).text(.compact)
    }

    static let spellings: [(String, String, String)] = [
        ("csi.v1.CapacityRange", #"{"requiredBytes":"1"}"#, #"{"required_bytes":1}"#),
        ("csi.v1.CapacityRange", #"{"limitBytes":"9223372036854775807"}"#, #"{"limitBytes":9223372036854775807}"#),
        ("csi.v1.CapacityRange", #"{"limitBytes":"-9223372036854775808"}"#, #"{"limitBytes":-9223372036854775808}"#),
        ("csi.v1.CapacityRange", #"{"limitBytes":"1000"}"#, #"{"limitBytes":1.0e3}"#),
        ("csi.v1.CapacityRange", #"{"limitBytes":"15"}"#, #"{"limitBytes":"1.5e1"}"#),
        ("csi.v1.CapacityRange", #"{}"#, #"{"limitBytes":0,"requiredBytes":null}"#),
        ("csi.v1.CapacityRange", #"{}"#, #"{"limitBytes":-0}"#),
        ("csi.v1.VolumeUsage", #"{"unit":"INODES"}"#, #"{"unit":2}"#),
        ("csi.v1.VolumeUsage", #"{"unit":77}"#, #"{"unit":77}"#),
        ("csi.v1.VolumeUsage", #"{}"#, #"{"unit":"UNKNOWN"}"#),
        ("csi.v1.ProbeResponse", #"{"ready":false}"#, #"{"ready":false}"#),
        ("csi.v1.ProbeResponse", #"{}"#, #"{"ready":null}"#),
        ("csi.v1.Topology", #"{"segments":{"a":"2","b":"1"}}"#, #"{"segments":{"b":"1","a":"2"}}"#),
        ("csi.v1.VolumeCapability", #"{"block":{}}"#, #"{"block":{},"mount":null}"#),
        (
            "csi.v1.Snapshot", #"{"creationTime":"2025-01-31T11:00:00.500Z"}"#,
            #"{"creation_time":"2025-01-31T12:00:00.5+01:00"}"#
        ),
        (
            "grpc.reflection.v1.FileDescriptorResponse", #"{"fileDescriptorProto":["+/8=","+/8=","YQ=="]}"#,
            #"{"fileDescriptorProto":["+/8=","-_8","YQ"]}"#
        ),
        ("google.protobuf.FloatValue", "0.1", "0.1"),
        ("google.protobuf.FloatValue", "3.4028234663852886e+38", "3.4028235e38"),
        ("google.protobuf.DoubleValue", #""-Infinity""#, #""-Infinity""#),
        ("google.protobuf.DoubleValue", "-0.0", "-0"),
        ("google.protobuf.UInt64Value", #""18446744073709551615""#, "18446744073709551615"),
        ("google.protobuf.UInt32Value", "4294967295", #""4294967295""#),
        ("google.protobuf.BytesValue", #""""#, #""""#),
    ]

    @Test("every spelling that is allowed comes back in the usual one", arguments: spellings)
    func acceptsSpelling(message: String, usual: String, other: String) throws {
        #expect(try json(message, bytes(message, other)) == usual)
        #expect(try bytes(message, usual) == bytes(message, other))
    }

    static let refusals: [(String, String, String)] = [
        (
            "csi.v1.CapacityRange", #"{"requiredByte":1}"#,
            "requiredByte: unknown field: csi.v1.CapacityRange has requiredBytes, limitBytes"
        ),
        ("csi.v1.ProbeRequest", #"{"a":1}"#, "a: unknown field: csi.v1.ProbeRequest has no fields"),
        (
            "csi.v1.CapacityRange", #"{"limitBytes":1,"limit_bytes":1}"#,
            "limit_bytes: the same field as limitBytes; give one of the two"
        ),
        ("csi.v1.CapacityRange", "[]", "expected an object, found an array"),
        ("csi.v1.CapacityRange", "null", "expected an object, found null"),
        (
            "csi.v1.CapacityRange", #"{"limitBytes":9223372036854775808}"#,
            "limitBytes: the number is outside -9223372036854775808 to 9223372036854775807"
        ),
        (
            "csi.v1.CapacityRange", #"{"limitBytes":"-9223372036854775809"}"#,
            "limitBytes: the number is outside -9223372036854775808 to 9223372036854775807"
        ),
        ("csi.v1.CapacityRange", #"{"limitBytes":1.5}"#, "limitBytes: expected an integer, found a fraction"),
        ("csi.v1.CapacityRange", #"{"limitBytes":"1 "}"#, "limitBytes: expected an integer"),
        ("csi.v1.CapacityRange", #"{"limitBytes":""}"#, "limitBytes: expected an integer"),
        ("csi.v1.CapacityRange", #"{"limitBytes":true}"#, "limitBytes: expected an integer, found true or false"),
        (
            "csi.v1.ListVolumesRequest", #"{"maxEntries":2147483648}"#,
            "maxEntries: the number is outside -2147483648 to 2147483647"
        ),
        (
            "csi.v1.VolumeUsage", #"{"unit":"BYTE"}"#,
            "unit: csi.v1.VolumeUsage.Unit has no value \"BYTE\"; it has UNKNOWN, BYTES, INODES"
        ),
        ("csi.v1.VolumeUsage", #"{"unit":{}}"#, "unit: expected the name or number of an enum value, found an object"),
        (
            "csi.v1.VolumeCapability", #"{"block":{},"mount":{}}"#,
            "mount: conflicts with block: only one of access_type can be set"
        ),
        (
            "csi.v1.CreateVolumeRequest", #"{"volumeCapabilities":[{"mount":{}},{"mount":{"mount_flags":["a",1]}}]}"#,
            "volumeCapabilities[1].mount.mount_flags[1]: expected a string, found a number"
        ),
        ("csi.v1.CreateVolumeRequest", #"{"volumeCapabilities":[null]}"#, "volumeCapabilities[0]: expected an object"),
        ("csi.v1.CreateVolumeRequest", #"{"volumeCapabilities":{}}"#, "volumeCapabilities: expected an array"),
        ("csi.v1.CreateVolumeRequest", #"{"parameters":[]}"#, "parameters: expected an object, found an array"),
        ("csi.v1.CreateVolumeRequest", #"{"secrets":{"k":7}}"#, "secrets[\"k\"]: expected a string, found a number"),
        ("csi.v1.ProbeResponse", #"{"ready":"true"}"#, "ready: expected true or false, found a string"),
        ("csi.v1.Snapshot", #"{"creationTime":"yesterday"}"#, "creationTime: not a time of RFC 3339"),
        ("csi.v1.Snapshot", #"{"creationTime":1}"#, "creationTime: expected a time such as"),
        ("google.protobuf.FloatValue", "1e39", "the number is too large for Float"),
        ("google.protobuf.FloatValue", #""1,5""#, "expected a number, "),
        ("google.protobuf.DoubleValue", "1e999", "the number is too large for Double"),
        ("google.protobuf.BytesValue", #""a""#, "the string is not base64"),
        ("google.protobuf.BytesValue", #""YQ=""#, "the string is not base64"),
        ("google.protobuf.BytesValue", #""Y Q=""#, "the string is not base64"),
        ("google.protobuf.BytesValue", #""=""#, "the string is not base64"),
        ("csi.v1.Nothing", "{}", "there is no message csi.v1.Nothing"),
    ]

    @Test("JSON that does not fit is refused with the path of the field", arguments: refusals)
    func refuses(message: String, text: String, problem: String) {
        let error = #expect(throws: TranscodingError.self) { try bytes(message, text) }
        #expect(error?.description.hasPrefix(problem) == true, "\(error?.description ?? "")")
    }

    @Test("a secret value is in no error", arguments: [#"{"secrets":{"k":["hush"]}}"#, #"{"secrets":"hush"}"#])
    func secrets(text: String) {
        let error = #expect(throws: TranscodingError.self) { try bytes("csi.v1.CreateVolumeRequest", text) }
        #expect(error?.description.contains("hush") == false)
    }

    @Test("fields are written in the order of their numbers, whatever the order in JSON")
    func order() throws {
        // 1: "a" (name), 2: {1: 5} (capacity_range)
        let expected: [UInt8] = [0x0a, 1, 0x61, 0x12, 2, 0x08, 5]
        #expect(
            try bytes("csi.v1.CreateVolumeRequest", #"{"capacityRange":{"requiredBytes":5},"name":"a"}"#) == expected)
    }

    static let wire: [(String, [UInt8], String)] = [
        // Field 99 is unknown in every wire type.
        (
            "csi.v1.CapacityRange",
            [0x98, 6, 1, 0x9a, 6, 1, 0xff, 0x99, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0x9d, 6, 1, 2, 3, 4, 0x08, 7],
            #"{"requiredBytes":"7"}"#
        ),
        // The last of two scalars counts.
        ("csi.v1.CapacityRange", [0x08, 7, 0x08, 8], #"{"requiredBytes":"8"}"#),
        ("csi.v1.CapacityRange", [0x08, 7, 0x08, 0], "{}"),
        // A negative int32 has ten bytes.
        ("csi.v1.ListVolumesRequest", [0x08] + [UInt8](repeating: 0xff, count: 9) + [1], #"{"maxEntries":-1}"#),
        // The last of two entries with one key counts; an entry may lack key or value.
        (
            "csi.v1.Topology",
            [0x0a, 6, 0x0a, 1, 0x62, 0x12, 1, 0x31, 0x0a, 6, 0x0a, 1, 0x61, 0x12, 1, 0x32]
                + [0x0a, 6, 0x0a, 1, 0x62, 0x12, 1, 0x33, 0x0a, 0],
            #"{"segments":{"":"","a":"2","b":"3"}}"#
        ),
        // Two pieces of one message are merged.
        (
            "csi.v1.CreateVolumeRequest", [0x12, 2, 0x08, 5, 0x12, 2, 0x10, 9],
            #"{"capacityRange":{"requiredBytes":"5","limitBytes":"9"}}"#
        ),
        // The last member of a oneof counts.
        ("csi.v1.VolumeCapability", [0x12, 3, 0x0a, 1, 0x78, 0x0a, 0], #"{"block":{}}"#),
        // A packed field may come unpacked, and the other way around.
        (
            "grpc.reflection.v1.ExtensionNumberResponse", [0x10, 1, 0x12, 2, 2, 3, 0x10, 4],
            #"{"extensionNumber":[1,2,3,4]}"#
        ),
        // 0001-01-01T00:00:00Z
        (
            "google.protobuf.Timestamp",
            [0x08, 0x80, 0x92, 0xb8, 0xc3, 0x98, 0xfe, 0xff, 0xff, 0xff, 0x01], #""0001-01-01T00:00:00Z""#
        ),
    ]

    @Test("bytes are read by protobuf's rules", arguments: wire)
    func reads(message: String, bytes: [UInt8], text: String) throws {
        #expect(try json(message, bytes) == text)
    }

    static let brokenWire: [(String, [UInt8], String)] = [
        ("csi.v1.CapacityRange", [0x08], "the bytes end inside a field"),
        ("csi.v1.CapacityRange", [0x08, 0x80], "the bytes end inside a field"),
        ("csi.v1.CapacityRange", [0x0a, 5, 1], "the bytes end inside a field"),
        ("csi.v1.CapacityRange", [0x0d, 5, 1], "the bytes end inside a field"),
        ("csi.v1.CapacityRange", [0x08] + [UInt8](repeating: 0xff, count: 10), "a varint is longer"),
        ("csi.v1.CapacityRange", [0x00, 1], "a field number is outside"),
        ("csi.v1.CapacityRange", [0x0b, 0x0c], "groups are not supported"),
        ("csi.v1.CapacityRange", [0x0e], "a wire type is unknown"),
        ("csi.v1.CapacityRange", [0x0a, 0], "required_bytes: the wire type is not the field's"),
        ("csi.v1.CreateVolumeRequest", [0x0a, 1, 0xff], "name: the string is not valid UTF-8"),
        ("csi.v1.CreateVolumeRequest", [0x1a, 2, 0x1a, 9], "volume_capabilities[0]: the bytes end inside a field"),
        ("csi.v1.Snapshot", [0x22, 2, 0x10, 0xff], "creation_time: the bytes end inside a field"),
        (
            "google.protobuf.Timestamp", [0x10, 0x80, 0x94, 0xeb, 0xdc, 0x03],
            "the timestamp is outside the years 1 to 9999"
        ),
    ]

    @Test("bytes that are no message are refused with the path of the field", arguments: brokenWire)
    func refusesBytes(message: String, bytes: [UInt8], problem: String) {
        let error = #expect(throws: TranscodingError.self) { try json(message, bytes) }
        #expect(error?.description.hasPrefix(problem) == true, "\(error?.description ?? "")")
    }

    @Test("messages may be 100 deep, in bytes and in JSON")
    func depth() throws {
        // DescriptorProto.nested_type is field 3.
        func wire(_ depth: Int) -> [UInt8] {
            (1..<depth).reduce(into: [UInt8]()) { inner, _ in
                var writer = WireWriter()
                writer.tag(3, .delimited)
                writer.delimited(inner)
                inner = writer.bytes
            }
        }
        let deep = try transcoder.json(of: "google.protobuf.DescriptorProto", bytes: wire(100))
        #expect(try transcoder.bytes(of: "google.protobuf.DescriptorProto", json: deep) == wire(100))
        #expect(throws: TranscodingError.self) { try json("google.protobuf.DescriptorProto", wire(101)) }
        let deeper = JSONValue.object([JSONMember("nestedType", .array([deep]))])
        #expect(throws: TranscodingError.self) {
            try transcoder.bytes(of: "google.protobuf.DescriptorProto", json: deeper)
        }
    }

    @Test("defaults and original names are shown when asked for")
    func options() throws {
        var options = JSONTranscoder.Options()
        options.usesOriginalNames = true
        options.showsDefaults = true
        let value = try transcoder.json(of: "csi.v1.NodePublishVolumeRequest", bytes: [], options: options)
        #expect(
            value.text() == """
                {
                  "volume_id": "",
                  "publish_context": {},
                  "staging_target_path": "",
                  "target_path": "",
                  "readonly": false,
                  "secrets": {},
                  "volume_context": {}
                }
                """)
    }

    @Test("every message has an example, which is a message of that type")
    func examples() throws {
        for name in DescriptorCatalog.compiledIn.messageNames {
            let example = try transcoder.exampleJSON(of: name)
            let bytes = try transcoder.bytes(of: name, json: example)
            #expect(try transcoder.json(of: name, bytes: bytes) == example, "\(name)")
        }
    }

    @Test("an example fills in every field, and of a oneof one member")
    func example() throws {
        #expect(
            try transcoder.exampleJSON(of: "csi.v1.ControllerExpandVolumeRequest").text() == """
                {
                  "volumeId": "volume-1",
                  "capacityRange": {
                    "requiredBytes": "1073741824",
                    "limitBytes": "2147483648"
                  },
                  "secrets": {
                    "key": "value"
                  },
                  "volumeCapability": {
                    "mount": {
                      "fsType": "ext4",
                      "mountFlags": [
                        "noatime"
                      ],
                      "volumeMountGroup": "1000"
                    },
                    "accessMode": {
                      "mode": "SINGLE_NODE_WRITER"
                    }
                  }
                }
                """)
    }
}
