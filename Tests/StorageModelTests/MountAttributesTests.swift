import StorageModel
import Testing

@Suite("Mount attributes")
struct MountAttributesTests {
    @Test("every known flag is understood", arguments: MountAttributes.knownFlags)
    func knownFlag(flag: String) throws {
        _ = try MountAttributes(flags: [flag])
    }

    @Test("order of independent flags and the form of the list make no difference")
    func normalised() throws {
        let one = try MountAttributes(flags: ["noexec,nosuid", "ro"])
        let other = try MountAttributes(flags: ["ro", "nosuid", "noexec"])
        #expect(one == other)
        #expect(one.canonicalFlags == ["ro", "nosuid", "noexec", "relatime"])
        #expect(try MountAttributes(flags: one.canonicalFlags) == one)
    }

    @Test("the later of two contradicting flags counts")
    func laterCounts() throws {
        #expect(try MountAttributes(flags: ["ro", "rw"]).readOnly == false)
        #expect(try MountAttributes(flags: ["noatime", "strictatime"]).accessTime == .strict)
    }

    @Test(
        "an unknown flag is refused by position, never by its text",
        arguments: ["bind", "password=hunter2", "", "ro,upperdir=/x"])
    func refused(flag: String) {
        let error = #expect(throws: DriverError.self) { try MountAttributes(flags: ["ro", flag]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("flag 2 of 2") == true)
        #expect(flag.isEmpty || error?.message.contains(flag) == false)
    }
}
