import JSONText
import Testing

@Suite("Members of a JSON object")
struct JSONObjectTests {
    enum Fruit: String { case apple }

    static let text = """
        {"text": "a", "yes": true, "number": 18446744073709551615, "list": ["x", "y"], "fruit": "apple",
         "map": {"k": "v"}, "inner": {"deep": -1}}
        """

    @Test("have the types that are asked for")
    func values() throws {
        let object = try JSONObject(parsing: Array(Self.text.utf8))
        #expect(try object.string("text") == "a")
        #expect(try object.bool("yes"))
        #expect(try object.integer("number", UInt64.self) == .max)
        #expect(try object.strings("list") == ["x", "y"])
        #expect(try object.choice("fruit", Fruit.self) == .apple)
        #expect(try object.dictionary("map") == ["k": "v"])
        #expect(try object.object("inner").integer("deep", Int8.self) == -1)
    }

    static let wrong: [(@Sendable (JSONObject) throws -> Void, String)] = [
        ({ _ = try $0.string("none") }, "none is missing"),
        ({ _ = try $0.string("yes") }, "yes is of the wrong type"),
        ({ _ = try $0.bool("text") }, "text is of the wrong type"),
        ({ _ = try $0.integer("text", Int.self) }, "text is of the wrong type"),
        ({ _ = try $0.integer("number", Int64.self) }, "number is no whole number, or out of range"),
        ({ _ = try $0.strings("map") }, "map is of the wrong type"),
        ({ _ = try $0.choice("text", Fruit.self) }, "text has a value that is not known"),
        ({ _ = try $0.dictionary("inner") }, "inner.deep is of the wrong type"),
        ({ _ = try $0.object("inner").string("deep") }, "inner.deep is of the wrong type"),
        ({ _ = try $0.object("inner").string("none") }, "inner.none is missing"),
    ]

    @Test("that are missing or of another type are named with their place", arguments: wrong.indices)
    func mismatch(index: Int) throws {
        let object = try JSONObject(parsing: Array(Self.text.utf8))
        let error = #expect(throws: JSONObject.Mismatch.self) { try Self.wrong[index].0(object) }
        #expect(error?.description == Self.wrong[index].1)
    }

    @Test("are only found in one object", arguments: ["[]", "1", "", "{", "{} {}", "{\"a\": 1, \"a\": 2}"])
    func noObject(text: String) {
        #expect(throws: JSONObject.Mismatch.self) { try JSONObject(parsing: Array(text.utf8)) }
    }
}
