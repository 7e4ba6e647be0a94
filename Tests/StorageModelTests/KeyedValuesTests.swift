import StorageModel
import Testing

@Suite("Values by known keys")
struct KeyedValuesTests {
    private static func read(_ given: [String: String]) throws -> KeyedValues {
        try KeyedValues(given, field: "parameters", known: ["uid", "subDir", "csi.storage.k8s.io/pv/name"])
    }

    @Test("keys are read in any case, the empty value is none, and what the orchestrator adds is passed over")
    func read() throws {
        let values = try Self.read([
            "UID": "7", "subdir": "", "CSI.storage.k8s.io/fstype": "x", "csi.storage.k8s.io/PV/name": "pv",
        ])
        #expect(values["uid"] == "7")
        #expect(values["subDir"] == nil)
        #expect(values["csi.storage.k8s.io/pv/name"] == "pv")
        #expect(values["csi.storage.k8s.io/fstype"] == nil)
    }

    @Test(
        "another key is refused with the key, and without the value",
        arguments: ["password", "uid ", "üid", "csi.storage.k8s.iox", "kube.io/uid"])
    func unknown(key: String) {
        let error = #expect(throws: DriverError.self) { try Self.read([key: "s3cret"]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(key) == true)
        #expect(error?.message.contains("known are uid, subDir") == true)
        #expect(error?.message.contains("s3cret") == false)
        #expect(error?.message.contains("csi.storage.k8s.io/pv/name") == false)
    }

    @Test("a letter that is k in some case of Unicode's is not k")
    func asciiOnly() {
        #expect(throws: DriverError.self) {
            try KeyedValues(["bac\u{212A}end": ""], field: "parameters", known: ["backend"])
        }
        #expect("\u{212A}ÄA".asciiLowercased == "\u{212A}Äa")
    }

    @Test("a key given twice, in different case, is refused", arguments: ["UID", "uiD"])
    func twice(key: String) {
        let error = #expect(throws: DriverError.self) { try Self.read(["uid": "1", key: "1"]) }
        #expect(error?.message.contains("uid is given twice") == true)
    }

    @Test(
        "permissions are octal up to 07777, and 0 is none",
        arguments: [("0770", 0o770), ("7777", 0o7777), ("07777", 0o7777), ("0", nil), ("0000", nil), ("", nil)]
            as [(String, UInt32?)])
    func permissions(text: String, expected: UInt32?) throws {
        #expect(try Self.read(["uid": text]).permissions("uid") == expected)
    }

    @Test("permissions of another form are refused", arguments: ["8", "10000", "000770", "-7", "+7", "0o7", " 7", "٧"])
    func badPermissions(text: String) throws {
        let values = try Self.read(["uid": text])
        let error = #expect(throws: DriverError.self) { try values.permissions("uid") }
        #expect(error?.message.contains("uid must be an octal number") == true)
    }

    @Test("permissions as text have four digits", arguments: [(0o7, "0007"), (0o770, "0770"), (0o2770, "2770")])
    func octal(bits: UInt32, text: String) {
        #expect(KeyedValues.octal(bits) == text)
    }

    @Test("numbers, flags and policies", arguments: ["s3cret", "-1", "4294967295", "1 ", "yes"])
    func refused(text: String) throws {
        let values = try Self.read(["uid": text])
        #expect(throws: DriverError.self) { try values.number("uid") }
        #expect(throws: DriverError.self) { try values.flag("uid") }
        let error = #expect(throws: DriverError.self) { try values.deletePolicy("uid") }
        #expect(error?.message.contains(text) == false)
    }

    @Test("numbers, flags and policies that are understood")
    func understood() throws {
        #expect(try Self.read(["uid": "0004294967294"]).number("uid") == 4_294_967_294)
        #expect(try Self.read(["uid": "TRUE"]).flag("uid") == true)
        #expect(try Self.read(["uid": "false"]).flag("uid") == false)
        #expect(try Self.read([:]).flag("uid") == nil)
        #expect(try Self.read(["uid": "ReTain"]).deletePolicy("uid") == .retain)
        #expect(try Self.read([:]).deletePolicy("uid") == nil)
    }
}
