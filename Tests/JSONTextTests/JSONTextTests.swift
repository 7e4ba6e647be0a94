import Testing

@testable import JSONText

@Suite("JSON text")
struct JSONTextTests {
    static let texts: [(String, JSONValue)] = [
        ("null", .null),
        (" \t\r\n true ", .bool(true)),
        ("false", .bool(false)),
        ("0", .number("0")),
        ("-0.10e+05", .number("-0.10e+05")),
        (#""""#, .string("")),
        (#""a\"\\\/\b\f\n\r\tz""#, .string("a\"\\/\u{8}\u{c}\n\r\tz")),
        (#""\u0000\u00e9\u65E5""#, .string("\0é日")),
        (#""\ud83d\udea2""#, .string("🚢")),
        ("\"🚢\u{7f}\"", .string("🚢\u{7f}")),
        ("[]", .array([])),
        ("[1 , [ ],{}]", .array([.number("1"), .array([]), .object([])])),
        (
            #"{ "z" : 1 , "a":null}"#,
            .object([JSONMember("z", .number("1")), JSONMember("a", .null)])
        ),
        // One letter in two spellings: two names.
        (
            "{\"e\u{301}\":1,\"\u{e9}\":2}",
            .object([JSONMember("e\u{301}", .number("1")), JSONMember("\u{e9}", .number("2"))])
        ),
    ]

    @Test("a text of RFC 8259 is read as it stands", arguments: texts)
    func reads(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test("what is printed reads back the same", arguments: texts.map(\.1))
    func printsAndReads(value: JSONValue) throws {
        #expect(try JSONValue(parsing: value.text(.indented)) == value)
        #expect(try JSONValue(parsing: value.text(.compact)) == value)
    }

    @Test(
        "a text that is no JSON is refused with its place",
        arguments: [
            ("", "line 1, column 1: the text ends where a value has to follow"),
            ("[1,\n 2,]", "line 2, column 4: expected a value"),
            ("[1 2]", "line 1, column 4: expected a comma or the end of the array"),
            ("{\"a\" 1}", "line 1, column 6: expected a colon after the name \"a\""),
            ("{a:1}", "line 1, column 2: expected a name in double quotes"),
            ("{\"a\":1,}", "line 1, column 8: expected a name in double quotes"),
            ("{\"a\":1", "line 1, column 7: expected a comma or the end of the object"),
            ("{\"a\":1,\"b\":2,\n\"a\":3}", "line 2, column 1: the name \"a\" stands twice in one object"),
            ("{\"a\":1,\"\\u0061\":3}", "line 1, column 8: the name \"a\" stands twice in one object"),
            ("1 2", "line 1, column 3: something follows the end of the value"),
            ("nul", "line 1, column 1: expected null"),
            ("'a'", "line 1, column 1: expected a value"),
            ("// no\n1", "line 1, column 1: expected a value"),
            ("\u{feff}1", "line 1, column 1: expected a value"),
            ("01", "line 1, column 1: not a number"),
            ("1.", "line 1, column 1: not a number"),
            (".5", "line 1, column 1: expected a value"),
            ("+1", "line 1, column 1: expected a value"),
            ("-", "line 1, column 1: not a number"),
            ("1e", "line 1, column 1: not a number"),
            ("1e+", "line 1, column 1: not a number"),
            ("0x10", "line 1, column 2: something follows"),
            ("1-2", "line 1, column 1: not a number"),
            ("NaN", "line 1, column 1: expected a value"),
            ("\"a", "line 1, column 1: the string has no end"),
            ("\"a\tb\"", "line 1, column 3: a control character in a string has to be escaped"),
            ("\"\\x\"", "line 1, column 2: an unknown escape"),
            ("\"\\u12g4\"", "line 1, column 6: expected four hexadecimal digits"),
            ("\"\\ud83d\"", "line 1, column 2: half of a surrogate pair"),
            ("\"\\ud83dx\"", "line 1, column 2: half of a surrogate pair"),
            ("\"\\ud83d\\u0041\"", "line 1, column 2: half of a surrogate pair"),
            ("\"\\udea2\\ud83d\"", "line 1, column 2: half of a surrogate pair"),
            ("\"\\", "line 1, column 3: the text ends inside a string"),
        ])
    func refuses(text: String, problem: String) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.description.hasPrefix(problem) == true, "\(error?.description ?? "")")
    }

    @Test(
        "a string of invalid UTF-8 is refused",
        arguments: [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]] as [[UInt8]])
    func refusesUTF8(bytes: [UInt8]) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
        #expect(error?.problem == "the string is not valid UTF-8")
    }

    @Test("nesting ends at the limit", arguments: [("[", "]"), ("{\"a\":", "}")])
    func depth(open: String, close: String) throws {
        func nested(_ depth: Int) -> String {
            String(repeating: open, count: depth - 1) + (open == "[" ? "[]" : "{}")
                + String(repeating: close, count: depth - 1)
        }
        _ = try JSONValue(parsing: nested(100))
        #expect(throws: JSONError.self) { try JSONValue(parsing: nested(101)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: open, count: 1_000_000)) }
    }

    @Test("the two layouts")
    func layouts() throws {
        let value = try JSONValue(parsing: #"{"a":[1,{"b":"c"},[],{}],"d":"\u0001\u007f/"}"#)
        #expect(value.text(.compact) == #"{"a":[1,{"b":"c"},[],{}],"d":"\u0001\u007f/"}"#)
        #expect(
            value.text(.indented) == #"""
                {
                  "a": [
                    1,
                    {
                      "b": "c"
                    },
                    [],
                    {}
                  ],
                  "d": "\u0001\u007f/"
                }
                """#)
    }
}
