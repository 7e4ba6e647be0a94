/// Where in a message something is, as a person writes it: `volume_capabilities[3].mount.mount_flags[0]`.
struct FieldPath: Hashable, Sendable, CustomStringConvertible {
    private(set) var description = ""

    /// The same place, seen from the message around it. `step` is a field's name, `[3]` or `["key"]`.
    func inside(_ step: String) -> FieldPath {
        let joint = description.isEmpty || description.hasPrefix("[") ? "" : "."
        return FieldPath(description: step + joint + description)
    }
}
