package import JSONText

extension JSONTranscoder {
    /// A message with every field filled in, as a start for writing one by hand; of a oneof only the last member, as
    /// only one can be set. A message inside itself is left out.
    package func exampleJSON(of message: String) throws(TranscodingError) -> JSONValue {
        guard let schema = catalog.message(message) else {
            throw TranscodingError("there is no message \(message)")
        }
        return example(schema, inside: [])
    }

    private func example(_ schema: MessageSchema, inside outer: [String]) -> JSONValue {
        switch WellKnownMessage(schema.name) {
        case .timestamp: return .string("2025-01-31T12:00:00Z")
        case .wrapper: return example(schema.fields[0], schema, inside: outer) ?? .null
        case nil: break
        }
        var members: [JSONMember] = []
        for (index, field) in schema.fields.enumerated() {
            let isOutdone = schema.fields[(index + 1)...].contains { $0.oneof != nil && $0.oneof == field.oneof }
            guard !isOutdone, let value = example(field, schema, inside: outer + [schema.name]) else { continue }
            members.append(JSONMember(field.jsonName, value))
        }
        return .object(members)
    }

    private func example(_ field: FieldSchema, _ owner: MessageSchema, inside outer: [String]) -> JSONValue? {
        let value: JSONValue
        switch field.type {
        case .message(let name):
            guard !outer.contains(name), let schema = catalog.message(name) else { return nil }
            if schema.isMapEntry {
                guard let mapped = example(schema.fields[1], schema, inside: outer) else { return nil }
                return .object([JSONMember(exampleKey(schema.fields[0].type), mapped)])
            }
            value = example(schema, inside: outer)
        case .enumeration(let name):
            // The first value means "not said".
            let values = catalog.enumeration(name)?.values ?? []
            value = .string(values.dropFirst().first?.name ?? values.first?.name ?? "")
        case .string: value = .string(exampleText(field.name, isMapValue: owner.isMapEntry))
        case .bytes: value = .string(Base64.text(of: "bytes".utf8))
        case .bool: value = .bool(true)
        case .float, .double: value = .number("1.5")
        case .int32, .uint32, .sint32, .fixed32, .sfixed32: value = .number("10")
        case .int64, .uint64, .sint64, .fixed64, .sfixed64: value = .string(exampleSize(field.name))
        }
        return field.isRepeated ? .array([value]) : value
    }

    private func exampleKey(_ type: FieldType) -> String {
        switch type {
        case .string: "key"
        case .bool: "true"
        default: "1"
        }
    }

    private func exampleText(_ name: String, isMapValue: Bool) -> String {
        switch name {
        case _ where isMapValue: "value"
        case "name": "example-volume"
        case "volume_id", "source_volume_id", "source_volume_ids": "volume-1"
        case "snapshot_id", "snapshot_ids", "base_snapshot_id": "snapshot-1"
        case "target_snapshot_id": "snapshot-2"
        case "group_snapshot_id": "group-snapshot-1"
        case "node_id", "published_node_ids": "node-1"
        case "staging_target_path": "/var/lib/kubelet/plugins/kubernetes.io/csi/example/globalmount"
        case "target_path", "volume_path": "/var/lib/kubelet/pods/example/volumes/kubernetes.io~csi/example/mount"
        case "fs_type": "ext4"
        case "mount_flags": "noatime"
        case "volume_mount_group": "1000"
        default: name.split(separator: "_").joined(separator: "-")
        }
    }

    private func exampleSize(_ name: String) -> String {
        switch name {
        case "limit_bytes": "2147483648"
        case _ where name.contains("offset"): "4096"
        default: "1073741824"
        }
    }
}
