import Testing

@testable import StorageModel

@Suite("Timestamps")
struct TimestampTests {
    static let times: [(Int64, Int32, String)] = [
        (0, 0, "1970-01-01T00:00:00Z"),
        (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
        (951_782_400, 0, "2000-02-29T00:00:00Z"),
        (951_868_800, 1_000_000, "2000-03-01T00:00:00.001Z"),
        (-2_203_891_200, 0, "1900-03-01T00:00:00Z"),
        (1_738_324_800, 1_000, "2025-01-31T12:00:00.000001Z"),
        (1_738_324_800, 120_000_000, "2025-01-31T12:00:00.120Z"),
        (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
        (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
    ]

    @Test("time and text are the same both ways", arguments: times)
    func bothWays(seconds: Int64, nanoseconds: Int32, text: String) throws {
        let time = try #require(Timestamp(seconds: seconds, nanoseconds: nanoseconds))
        #expect(time.text == text)
        #expect(Timestamp(text) == time)
    }

    @Test(
        "offsets and digits are read",
        arguments: [
            ("2025-01-31T13:30:00+01:30", "2025-01-31T12:00:00Z"),
            ("2025-01-01T00:00:00-23:59", "2025-01-01T23:59:00Z"),
            ("2025-01-31T12:00:00.1Z", "2025-01-31T12:00:00.100Z"),
            ("2025-01-31T12:00:00.1234567Z", "2025-01-31T12:00:00.123456700Z"),
        ])
    func reads(text: String, usual: String) {
        #expect(Timestamp(text)?.text == usual)
    }

    @Test(
        "what is no time of RFC 3339 is refused",
        arguments: [
            "", "2025-01-31", "2025-01-31T12:00:00", "2025-01-31 12:00:00Z", "2025-01-31t12:00:00z",
            "2025-02-29T12:00:00Z", "1900-02-29T00:00:00Z", "2025-13-01T12:00:00Z", "2025-00-01T12:00:00Z",
            "2025-01-00T12:00:00Z", "2025-04-31T12:00:00Z", "2025-01-31T24:00:00Z", "2025-01-31T12:60:00Z",
            "2025-01-31T12:00:60Z", "2025-01-31T12:00:00.Z", "2025-01-31T12:00:00.1234567890Z",
            "2025-01-31T12:00:00+1:00", "2025-01-31T12:00:00+24:00", "2025-01-31T12:00:00ZZ", "25-01-31T12:00:00Z",
            "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "-001-01-01T00:00:00Z",
        ])
    func refuses(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test(
        "numbers outside the range have no text",
        arguments: [(-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, 1_000_000_000)] as [(Int64, Int32)])
    func range(seconds: Int64, nanoseconds: Int32) {
        #expect(Timestamp(seconds: seconds, nanoseconds: nanoseconds) == nil)
    }
}
