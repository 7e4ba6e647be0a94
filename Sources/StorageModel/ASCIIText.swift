/// Rules about text from outside look at ASCII alone: what Unicode holds to be equal, or a case of the same letter, is
/// two different keys, names or options.
extension StringProtocol {
    /// With `A` to `Z` in lower case, and every other byte as it is.
    package var asciiLowercased: String {
        String(decoding: utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// Whether there is nothing but `0` to `9`; true of an empty text.
    package var isASCIIDigits: Bool {
        utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
