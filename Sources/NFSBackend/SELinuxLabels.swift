/// The labels that a mount gives to files, for SELinux (mount(8), `context`).
struct SELinuxLabels: Hashable, Sendable {
    enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Of every file, whatever the server says.
        case context
        case fileSystem = "fscontext"
        case `default` = "defcontext"
        case root = "rootcontext"
    }

    private(set) var labels: [Kind: String] = [:]

    /// Bytes, as fsconfig(2) bounds the value of a parameter, without its NUL.
    static let longest = 255

    subscript(kind: Kind) -> String? {
        get { labels[kind] }
        set { labels[kind] = newValue }
    }

    var isEmpty: Bool { labels.isEmpty }

    /// For fsconfig(2). A kernel without SELinux does not know them.
    var kernelOptions: [NFSKernelOption] {
        Kind.allCases.compactMap { kind in labels[kind].map { NFSKernelOption(kind.rawValue, $0) } }
    }

    /// Two that the kernel does not take together (security/selinux/hooks.c).
    var contradictEachOther: Bool { labels[.context] != nil && labels[.default] != nil }

    /// `user:role:type:level`, whose level may have commas in it.
    static func isLabel(_ text: some StringProtocol) -> Bool {
        (1...longest).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 0x30...0x39,
                    UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
