/// What happens to the data of a volume that is deleted: the StorageClass parameter `onDelete`.
package enum DeletePolicy: String, Hashable, Sendable, CaseIterable {
    case delete
    /// The data and the record stay; the name stays taken.
    case retain
    /// The data moves to a directory for archived volumes, the record goes.
    case archive

    /// The key in a StorageClass, and in a record's parameters.
    package static let parameter = "onDelete"

    /// The policy that a person wrote, in any case; nil when there is none of that name.
    package init?(anyCase text: some StringProtocol) {
        self.init(rawValue: text.asciiLowercased)
    }
}
