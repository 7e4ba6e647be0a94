import StorageModel
import Testing

@Suite("Plain names")
struct PlainNameTests {
    @Test(
        "short and plain names are kept", arguments: ["pvc-1", "A", "9", "a.b_c-d", String(repeating: "x", count: 96)])
    func kept(name: String) {
        #expect(PlainName.of(name) == name)
        #expect(PlainName.isComponent(name))
    }

    @Test(
        "every other name is hashed to one safe component",
        arguments: [
            "", ".", "..", "a/b", "../victim", "-x", ".hidden", "ä", "a b", "a\nb", "sha-1",
            String(repeating: "x", count: 97),
        ])
    func hashed(name: String) {
        let component = PlainName.of(name)
        #expect(component.hasPrefix("sha-"))
        #expect(component.utf8.count == 36)
        #expect(PlainName.isComponent(component))
    }

    @Test(
        "what no name becomes is no component",
        arguments: ["..", "a/b", "sha-xyz", "sha-" + String(repeating: "A", count: 32)])
    func refused(component: String) {
        #expect(!PlainName.isComponent(component))
    }

    @Test("a name that looks hashed does not meet the name with that hash")
    func noCollisionWithHashedForm() {
        let hashed = PlainName.of("a/b")
        #expect(PlainName.of(hashed) != hashed)
    }
}
