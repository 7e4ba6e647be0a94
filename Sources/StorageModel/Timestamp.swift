/// A google.protobuf.Timestamp and its text (RFC 3339, as the proto3 JSON mapping narrows it).
package struct Timestamp: Hashable, Sendable {
    /// Since 1970-01-01T00:00:00Z.
    package let seconds: Int64
    /// 0 to 999,999,999, forward in time also before 1970.
    package let nanoseconds: Int32

    private static let secondsPerDay: Int64 = 86_400
    /// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z
    private static let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    /// Nil outside the years 1 to 9999.
    package init?(seconds: Int64, nanoseconds: Int32) {
        guard Self.range.contains(seconds), (0..<1_000_000_000).contains(nanoseconds) else { return nil }
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// In UTC, with 0, 3, 6 or 9 digits after the second.
    package var text: String {
        let secondOfDay = ((seconds % Self.secondsPerDay) + Self.secondsPerDay) % Self.secondsPerDay
        let (year, month, day) = Self.date(ofDay: (seconds - secondOfDay) / Self.secondsPerDay)
        var text = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
        text += "\(padded(secondOfDay / 3600, 2)):\(padded(secondOfDay / 60 % 60, 2)):\(padded(secondOfDay % 60, 2))"
        if nanoseconds != 0 {
            let digits = padded(Int64(nanoseconds), 9)
            let shown = nanoseconds % 1_000_000 == 0 ? 3 : nanoseconds % 1000 == 0 ? 6 : 9
            text += ".\(digits.prefix(shown))"
        }
        return text + "Z"
    }

    /// Nil when the text is no date and time with a zone: `2025-01-31T12:00:00.5Z`, `2025-01-31T12:00:00+01:00`.
    package init?(_ text: String) {
        var scanner = Scanner(rest: text.utf8[...])
        guard let year = scanner.number(4), scanner.take("-"), let month = scanner.number(2), scanner.take("-"),
            let day = scanner.number(2), scanner.take("T"), let hour = scanner.number(2), scanner.take(":"),
            let minute = scanner.number(2), scanner.take(":"), let second = scanner.number(2),
            (1...12).contains(month), day >= 1, hour < 24, minute < 60, second < 60
        else { return nil }
        let dayNumber = Self.day(ofDate: year, month, day)
        // A day that its month does not have comes back as one of the next month.
        guard Self.date(ofDay: dayNumber) == (year, month, day) else { return nil }
        var nanoseconds: Int32 = 0
        if scanner.take(".") {
            guard let fraction = scanner.fraction() else { return nil }
            nanoseconds = fraction
        }
        guard let offset = scanner.offset(), scanner.rest.isEmpty else { return nil }
        let seconds = dayNumber * Self.secondsPerDay + hour * 3600 + minute * 60 + second - offset
        self.init(seconds: seconds, nanoseconds: nanoseconds)
    }

    private func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// The days since 1970-01-01 of a date in the Gregorian calendar. Years are counted from March, so the leap day is
    /// the last of its year, and in eras of 400 years, which all have 146,097 days.
    private static func day(ofDate year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The reverse of `day(ofDate:)`.
    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}

private struct Scanner {
    var rest: Substring.UTF8View

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// Exactly `count` digits.
    mutating func number(_ count: Int) -> Int64? {
        let digits = digits(atMost: count)
        guard digits.count == count else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1) }
    }

    /// One to nine digits, as nanoseconds.
    mutating func fraction() -> Int32? {
        let digits = digits(atMost: 9)
        guard !digits.isEmpty else { return nil }
        return (digits + repeatElement(0, count: 9 - digits.count)).reduce(0) { $0 * 10 + Int32($1) }
    }

    /// `Z`, or hours and minutes ahead of UTC, in seconds.
    mutating func offset() -> Int64? {
        if take("Z") { return 0 }
        let isAhead = take("+")
        guard isAhead || take("-"), let hours = number(2), take(":"), let minutes = number(2), hours < 24,
            minutes < 60
        else { return nil }
        return (isAhead ? 1 : -1) * (hours * 3600 + minutes * 60)
    }

    private mutating func digits(atMost count: Int) -> [UInt8] {
        let found = rest.prefix(count).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest[found.endIndex...]
        return found.map { $0 - UInt8(ascii: "0") }
    }
}
