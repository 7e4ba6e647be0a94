import StorageModel

/// Mount options from one place.
struct NFSOptionSource {
    /// For the text of errors.
    private let name: String
    private let entries: [String]
    /// Whether the entries are what a person counts: flags, and not options of one text.
    private let isList: Bool

    init(name: String, flags: [String]) {
        self.name = name
        entries = flags
        isList = true
    }

    /// - Parameter text: options with commas between them; nil and empty: none.
    init(name: String, text: String?) {
        self.name = name
        entries = text.flatMap { $0.isEmpty ? nil : [$0] } ?? []
        isList = false
    }

    /// What one source sets.
    struct Reading {
        /// Nil: any.
        var versions: [NFSVersion]?
        var slots: [NFSOptionSlot: NFSKernelOption] = [:]
        var labels = SELinuxLabels()
        var attributes: [String] = []
    }

    /// - Throws: INVALID_ARGUMENT with the position of an option.
    func read() throws(DriverError) -> Reading {
        var reading = Reading()
        for (index, entry) in entries.enumerated() {
            guard let options = Self.split(entry) else {
                throw .invalid(
                    "\(name): \(isList ? "flag \(index + 1) of \(entries.count)" : "the text") has a quotation mark "
                        + "without another one; add it, or leave both out")
            }
            for (number, option) in options.enumerated() {
                do throws(Refusal) {
                    try reading.apply(option)
                } catch {
                    let within = "option \(number + 1) of \(options.count)"
                    let flag = "flag \(index + 1) of \(entries.count)"
                    let place = !isList ? within : options.count == 1 ? flag : "\(flag), in it \(within),"
                    throw .invalid("\(name): \(place) \(error.reason)")
                }
            }
        }
        return reading
    }

    /// At commas, but not at those between quotation marks, as mount(8) does; nil when a mark has no partner.
    private static func split(_ entry: String) -> [Substring]? {
        var options: [Substring] = []
        var isQuoted = false
        var start = entry.startIndex
        for index in entry.utf8.indices {
            switch entry.utf8[index] {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: ",") where !isQuoted:
                options.append(entry[start..<index])
                start = entry.utf8.index(after: index)
            default: break
            }
        }
        options.append(entry[start...])
        return isQuoted ? nil : options
    }
}

extension NFSOptionSource.Reading {
    private static let noValue = Refusal("has a value, and is a flag without one; leave the value out")
    private static let badValue = Refusal("has no value, or one that it cannot have; see the options of nfs(5)")
    private static let contradiction = Refusal("says otherwise than one before it; leave one of the two out")

    fileprivate mutating func apply(_ option: Substring) throws(Refusal) {
        let sign = option.utf8.firstIndex(of: UInt8(ascii: "="))
        let name = String(option[..<(sign ?? option.endIndex)])
        let value = sign.map { option[option.utf8.index(after: $0)...] }
        guard let word = NFSOptionWord.named(name) else {
            throw Refusal(
                "is not one that this driver takes; remove it, or use one of nfs(5)")
        }
        switch word {
        case .flag, .versionFlag, .attribute, .dropped:
            guard value == nil else { throw Self.noValue }
            try apply(flag: word, name)
        case .ours:
            throw Refusal("sets what only the driver may set, or needs a service that it does not have; remove it")
        default:
            guard let value else { throw Self.badValue }
            try apply(word, value)
        }
    }

    private mutating func apply(flag word: NFSOptionWord, _ name: String) throws(Refusal) {
        switch word {
        case .flag(let slot): try set(slot, NFSKernelOption(name))
        case .versionFlag: try restrict(NFSVersion.named(name.dropFirst()))
        case .attribute: attributes.append(name)
        default: break
        }
    }

    private mutating func apply(_ word: NFSOptionWord, _ value: Substring) throws(Refusal) {
        switch word {
        case .number(let slots, let range):
            let number = try Self.number(value, in: range)
            for slot in slots { try set(slot, NFSKernelOption(slot.rawValue, String(number))) }
        case .droppedNumber: _ = try Self.number(value, in: 0...UInt32.max)
        case .choice(let slot, let values):
            guard let canonical = values[String(value)] else { throw Self.badValue }
            try set(slot, NFSKernelOption(slot.rawValue, canonical))
        case .flavours: try set(.security, NFSKernelOption("sec", try Self.flavours(value)))
        case .version: try restrict(NFSVersion.named(value))
        case .minorVersion: try restrict(NFSVersion.minor(value))
        case .label(let kind): try set(kind, try Self.label(value))
        default: break
        }
    }

    /// Decimal, and without a leading zero, which means octal to the kernel.
    private static func number(_ text: Substring, in range: ClosedRange<UInt32>) throws(Refusal) -> UInt32 {
        guard text.isASCIIDigits, text == "0" || text.utf8.first != UInt8(ascii: "0"), let number = UInt32(text),
            range.contains(number)
        else { throw badValue }
        return number
    }

    /// In the order given, which is the order of preference.
    private static func flavours(_ text: Substring) throws(Refusal) -> String {
        var flavours: [String] = []
        for part in text.split(separator: ":", omittingEmptySubsequences: false) {
            guard let flavour = NFSOptionWord.securityFlavours[String(part)], !flavours.contains(flavour) else {
                throw badValue
            }
            flavours.append(flavour)
        }
        return flavours.joined(separator: ":")
    }

    /// The whole value may be between quotation marks; it has to be when there is a comma in it.
    private static func label(_ text: Substring) throws(Refusal) -> String {
        let mark = UInt8(ascii: "\"")
        let isQuoted = text.utf8.count >= 2 && text.utf8.first == mark && text.utf8.last == mark
        let label = isQuoted ? text.dropFirst().dropLast() : text
        guard SELinuxLabels.isLabel(label) else { throw badValue }
        return String(label)
    }

    private mutating func set(_ slot: NFSOptionSlot, _ option: NFSKernelOption) throws(Refusal) {
        guard slots.updateValue(option, forKey: slot) ?? option == option else { throw Self.contradiction }
    }

    private mutating func set(_ kind: SELinuxLabels.Kind, _ label: String) throws(Refusal) {
        guard labels[kind] ?? label == label else { throw Self.contradiction }
        labels[kind] = label
    }

    /// To versions that this option and those before it both mean: `vers=4` and `minorversion=1` are 4.1.
    private mutating func restrict(_ named: [NFSVersion]?) throws(Refusal) {
        guard let named else { throw Self.badValue }
        let left = (versions ?? NFSVersion.negotiated).filter(named.contains)
        guard !left.isEmpty else { throw Self.contradiction }
        versions = left
    }
}
