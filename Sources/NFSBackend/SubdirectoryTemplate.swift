import StorageModel

/// What provisioners say of a volume beside its parameters (external-provisioner, `--extra-create-metadata`): it may
/// stand in a `subDir` as `${...}`. Whoever makes a claim chooses its name, so the values are foreign.
struct ClaimMetadata: Hashable {
    private struct Word {
        let template: String
        let key: String
    }

    private static let words = [
        Word(template: "${pvc.metadata.name}", key: "csi.storage.k8s.io/pvc/name"),
        Word(template: "${pvc.metadata.namespace}", key: "csi.storage.k8s.io/pvc/namespace"),
        Word(template: "${pv.metadata.name}", key: "csi.storage.k8s.io/pv/name"),
    ]
    static let keys = words.map(\.key)
    private static let begin = "${"

    private let values: KeyedValues

    /// - Parameter values: with `keys` among the known ones.
    init(_ values: KeyedValues) {
        self.values = values
    }

    /// What happens to a `${...}` that is none of ours.
    enum UnknownTemplate {
        case refused
        /// The directory was made by csi-driver-nfs, which leaves such text as it is.
        case kept
    }

    /// Puts the values in, once: what a value brings is not expanded again.
    func expand(_ text: String, unknown: UnknownTemplate) throws(Refusal) -> String {
        var result = ""
        var rest = text[...]
        while let next = rest.utf8.firstIndex(of: UInt8(ascii: "$")) {
            result += rest[..<next]
            rest = rest[next...]
            if let word = Self.words.first(where: { rest.utf8.starts(with: $0.template.utf8) }) {
                result += try value(for: word)
                rest = rest[rest.utf8.index(next, offsetBy: word.template.utf8.count)...]
            } else {
                guard !rest.utf8.starts(with: Self.begin.utf8) || unknown == .kept else {
                    throw Refusal(
                        "has a \"${...}\" that is not known; known are "
                            + Self.words.map(\.template).joined(separator: ", "))
                }
                result += "$"
                rest = rest[rest.utf8.index(after: next)...]
            }
        }
        return result + rest
    }

    private func value(for word: Word) throws(Refusal) -> String {
        guard let value = values[word.key] else {
            throw Refusal(
                "has \(word.template) in it, and \(word.key) is missing; start the provisioner with "
                    + "--extra-create-metadata")
        }
        guard !value.utf8.contains(UInt8(ascii: "/")), value != ".", value != "..",
            !value.utf8.contains(UInt8(ascii: "\\")), !value.utf8.contains(UInt8(ascii: "$"))
        else {
            throw Refusal(
                "has \(word.template) in it, and \(word.key) is no name of a Kubernetes object; a \"/\", a \"\\\", a "
                    + "\"$\", \".\" and \"..\" are not allowed there")
        }
        return value
    }
}
