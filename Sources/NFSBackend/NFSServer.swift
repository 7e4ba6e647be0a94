import StorageModel

/// An NFS server as an administrator names it. Two that are equal are the same server; that two different ones are not
/// (a name and its address, two names) nobody can know without asking.
enum NFSServer: Hashable, Sendable {
    case ipv4(IPv4Address)
    case ipv6(IPv6Address)
    /// By RFC 1123, in lower case; it may end in a dot, which keeps a resolver from trying search domains.
    case name(String)

    /// Bytes (RFC 1123, section 2.1; a label: RFC 1034, section 3.1).
    private static let longestName = 253
    private static let longestLabel = 63

    /// - Parameter text: an IPv6 address with or without brackets around it.
    init(_ text: some StringProtocol) throws(Refusal) {
        let text = String(text)
        if text.utf8.first == UInt8(ascii: "[") {
            guard text.utf8.last == UInt8(ascii: "]"), let address = IPv6Address(text.dropFirst().dropLast()) else {
                throw Refusal("has brackets around what is no IPv6 address; give one, such as [fd00::1]")
            }
            self = try Self.specified(address)
        } else if text.utf8.contains(UInt8(ascii: ":")) {
            guard let address = IPv6Address(text) else {
                throw Refusal(
                    "has a colon in it and is no IPv6 address; give the server alone, without a port and a path")
            }
            self = try Self.specified(address)
        } else if let address = IPv4Address(text) {
            guard !address.isUnspecified else { throw Self.noAddress }
            self = .ipv4(address)
        } else {
            self = .name(try Self.name(text))
        }
    }

    private static let noAddress = Refusal("is the address that means no address; give the server's own")

    private static func specified(_ address: IPv6Address) throws(Refusal) -> NFSServer {
        guard !address.isUnspecified else { throw noAddress }
        return .ipv6(address)
    }

    private static func name(_ text: String) throws(Refusal) -> String {
        let name = text.asciiLowercased
        let absolute = name.utf8.last == UInt8(ascii: ".") ? name.dropLast() : name[...]
        guard !absolute.isEmpty else { throw Refusal("is empty; give a host name or an address") }
        guard absolute.utf8.count <= longestName else {
            throw Refusal("is longer than \(longestName) bytes; give a shorter name, or the address")
        }
        let labels = absolute.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy(isLabel) else {
            throw Refusal(
                "is neither an address nor a host name; a name is letters, digits and '-' with dots between them, and "
                    + "each part of it begins and ends with a letter or a digit and has at most \(longestLabel)")
        }
        // Resolvers read such a name as an address in another notation.
        if let last = labels.last, isNumber(last) {
            throw Refusal("ends in a number and is no IPv4 address; give four numbers from 0 to 255, or a name")
        }
        return name
    }

    private static func isLabel(_ label: Substring) -> Bool {
        func isLetterOrDigit(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (0x30...0x39).contains(byte)
        }
        guard let first = label.utf8.first, let last = label.utf8.last, label.utf8.count <= longestLabel else {
            return false
        }
        return isLetterOrDigit(first) && isLetterOrDigit(last)
            && label.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
    }

    private static func isNumber(_ label: Substring) -> Bool {
        if label.isASCIIDigits { return true }
        guard label.hasPrefix("0x") else { return false }
        return label.utf8.dropFirst(2).allSatisfy {
            (0x30...0x39).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
    }

    /// The one text for equal servers: in ids and volume contexts. An address with a zone keeps its brackets there,
    /// because csi-driver-nfs adds them only to one without.
    var text: String {
        switch self {
        case .ipv4(let address): "\(address)"
        case .ipv6(let address): address.zone.isEmpty ? "\(address)" : "[\(address)]"
        case .name(let name): name
        }
    }

    /// As it stands before the colon of what is mounted.
    var sourceText: String {
        switch self {
        case .ipv6(let address): "[\(address)]"
        case .ipv4, .name: text
        }
    }

    var addressFamily: AddressFamily? {
        switch self {
        case .ipv4: .ipv4
        case .ipv6: .ipv6
        case .name: nil
        }
    }
}

enum AddressFamily: String, Hashable, Sendable {
    case ipv4 = "IPv4"
    case ipv6 = "IPv6"
}
