/// A number in JSON's grammar (RFC 8259, section 6), exact: digits times a power of ten.
package struct DecimalNumber {
    package let isNegative: Bool
    /// Without leading or trailing zeros; empty for zero.
    private let digits: [UInt8]
    private let exponent: Int

    /// The bytes that can be in a number.
    static let bytes = Set("0123456789+-.eE".utf8)

    /// Nil when the text is no number, or its exponent is beyond any that a value here could need.
    package init?(_ text: String) {
        var rest = text.utf8[...]
        func takeDigits() -> [UInt8] {
            let found = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest[found.endIndex...]
            return found.map { $0 - UInt8(ascii: "0") }
        }
        func take(_ options: UInt8...) -> UInt8? {
            guard let first = rest.first, options.contains(first) else { return nil }
            rest = rest.dropFirst()
            return first
        }

        isNegative = take(UInt8(ascii: "-")) != nil
        let whole = takeDigits()
        guard !whole.isEmpty, whole.count == 1 || whole[0] != 0 else { return nil }
        var fraction: [UInt8] = []
        if take(UInt8(ascii: ".")) != nil {
            fraction = takeDigits()
            guard !fraction.isEmpty else { return nil }
        }
        var power = 0
        if take(UInt8(ascii: "e"), UInt8(ascii: "E")) != nil {
            let sign = take(UInt8(ascii: "+"), UInt8(ascii: "-"))
            let written = takeDigits()
            guard !written.isEmpty else { return nil }
            let significant = written.drop { $0 == 0 }
            guard significant.count <= 9 else { return nil }
            power = significant.reduce(0) { $0 * 10 + Int($1) }
            if sign == UInt8(ascii: "-") { power = -power }
        }
        guard rest.isEmpty else { return nil }

        var digits = Array((whole + fraction).drop { $0 == 0 })
        power -= fraction.count
        while digits.last == 0 {
            digits.removeLast()
            power += 1
        }
        self.digits = digits
        exponent = power
    }

    package var isIntegral: Bool { digits.isEmpty || exponent >= 0 }

    /// The absolute value; nil when it is not integral or needs more than 64 bits.
    package var magnitude: UInt64? {
        guard !digits.isEmpty else { return 0 }
        guard exponent >= 0, digits.count + exponent <= 20 else { return nil }
        var value: UInt64 = 0
        for digit in digits + repeatElement(0, count: exponent) {
            let (tens, tooBig) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = tens.addingReportingOverflow(UInt64(digit))
            guard !tooBig, !overflow else { return nil }
            value = sum
        }
        return value
    }

    /// Nil when it is not integral or out of range.
    package func integer<Integer: FixedWidthInteger>(_: Integer.Type) -> Integer? {
        guard let magnitude else { return nil }
        guard isNegative else { return Integer(exactly: magnitude) }
        // The least value has no positive twin, so the sign goes on before the range is looked at.
        return magnitude == UInt64(1) << 63
            ? Integer(exactly: Int64.min) : Int64(exactly: magnitude).flatMap { Integer(exactly: -$0) }
    }
}
