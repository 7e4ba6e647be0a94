/// A version of the protocol. `vers` of the kernel has the same text.
enum NFSVersion: String, Hashable, Sendable, CaseIterable {
    case fourTwo = "4.2"
    case fourOne = "4.1"
    case fourZero = "4.0"
    case three = "3"

    /// The order in which versions are tried when none is asked for: the newest first.
    static let negotiated: [NFSVersion] = [.fourTwo, .fourOne, .fourZero, .three]

    var isFour: Bool { self != .three }

    /// The versions that `vers`, `nfsvers` and the flags `v3` to `v4.2` can mean; nil for 2 and for what is none.
    static func named(_ text: some StringProtocol) -> [NFSVersion]? {
        if text == "4" { return negotiated.filter(\.isFour) }
        return NFSVersion(rawValue: String(text)).map { [$0] }
    }

    /// The version that `minorversion` means; it is of 4 alone.
    static func minor(_ text: some StringProtocol) -> [NFSVersion]? {
        NFSVersion(rawValue: "4.\(text)").map { [$0] }
    }
}
