import Glibc
import LinuxSystem
import Testing

@Suite("What a machine can do")
struct SystemProbeTests {
    static let lines: [(String, MountTableLine?)] = [
        // As in proc(5).
        (
            "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
            MountTableLine(id: 36, mountPoint: "/mnt2", isShared: false)
        ),
        (
            "22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
            MountTableLine(id: 22, mountPoint: "/", isShared: true)
        ),
        (
            "40 22 0:35 / /a\\040b\\134c rw shared:7 master:2 propagate_from:3 - tmpfs tmpfs rw",
            MountTableLine(id: 40, mountPoint: "/a b\\c", isShared: true)
        ),
        // No optional fields; "shared:" behind the dash is no propagation.
        ("41 22 0:36 / /x rw - fuse.x shared:1 rw", MountTableLine(id: 41, mountPoint: "/x", isShared: false)),
        ("", nil), ("36 35 98:0 / / rw", nil), ("x 35 98:0 / / rw - ext4 a rw", nil),
    ]

    @Test("a line of the mount table says where a mount is and whether it is shared", arguments: lines)
    func mountLine(line: String, expected: MountTableLine?) {
        #expect(MountTableLine(line) == expected)
    }

    @Test("a mount is found in the table by its id alone")
    func mountTable() {
        let table = Self.lines.map(\.0).joined(separator: "\n")
        #expect(MountTableLine.find(40, in: table)?.mountPoint == "/a b\\c")
        #expect(MountTableLine.find(4, in: table) == nil)
    }

    @Test("the mount that the root directory lies on is in the table of this process")
    func ownTable() throws {
        let root = try SystemProbe.directory("/").get()
        let mount = try #require(try SystemProbe.mount(root.mountID).get())
        #expect(mount.mountPoint == "/")
    }

    static let statuses: [(String, CapabilitySet?)] = [
        (
            "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\nCapBnd:\t0000000000000000\n",
            .init(rawValue: 0x1ff_ffff_ffff)
        ),
        ("CapEff:\t0000000000200009\n", [.administer, .actAsOwner, .changeOwner]),
        ("CapEff:\t0000000000000002\n", .overrideAccess),
        ("CapEff:\t0000000000000000\n", []),
        ("CapEff:\t\n", nil), ("CapPrm:\t0000000000000001\n", nil), ("CapEff:\tx\n", nil),
    ]

    @Test("effective capabilities are read from the status of a process", arguments: statuses)
    func capabilities(status: String, expected: CapabilitySet?) {
        #expect(CapabilitySet(processStatus: status) == expected)
    }

    @Test("this process has capabilities and a kernel with a release")
    func own() throws {
        _ = try SystemProbe.effectiveCapabilities().get()
        #expect(try SystemProbe.kernelRelease().get().contains("."))
    }

    @Test("trying a call leaves no descriptor and no mount", arguments: KernelCall.allCases)
    func leavesNothing(call: KernelCall) throws {
        func table() throws -> [UInt8] { try SystemProbe.file("/proc/self/mountinfo", limit: 1 << 20).get() }
        let (before, mounts) = (try lowestFreeDescriptor(), try table())
        if let refusal = SystemProbe.refusal(of: call) {
            // An ordinary user may not mount, and an older kernel does not know the last two.
            #expect(refusal.kind == .notPermitted || refusal.kind == .unknownCall, "\(refusal)")
        }
        #expect(try lowestFreeDescriptor() == before)
        #expect(try table() == mounts)
    }

    private func lowestFreeDescriptor() throws -> Int32 {
        try OwnedDescriptor.open("/", [.pathOnly, .directory]).rawValue
    }

    @Test(
        "what cannot be looked at is refused for its reason",
        arguments: [
            ("/nowhere/at/all", Refusal.Kind.missing), ("/proc/self/status", .notDirectory),
        ])
    func refused(path: String, kind: Refusal.Kind) {
        guard case .failure(let refusal) = SystemProbe.directory(path) else {
            Issue.record("\(path) is a directory")
            return
        }
        #expect(refusal.kind == kind)
        #expect(!refusal.description.isEmpty)
    }

    @Test("only regular files are read")
    func files() {
        for path in ["/dev/null", "/", "/proc/self/exe/x"] {
            #expect(throws: Refusal.self) { try SystemProbe.file(path, limit: 10).get() }
        }
    }

    @Test("a program is a plain file that can be run")
    func programs() throws {
        #expect(try SystemProbe.isProgram("/bin/sh").get())
        #expect(try !SystemProbe.isProgram("/etc/passwd").get())
        #expect(try !SystemProbe.isProgram("/tmp").get())
        guard case .failure(let refusal) = SystemProbe.isProgram("/nowhere/at/all") else {
            Issue.record("there is nothing")
            return
        }
        #expect(refusal.kind == .missing)
    }

    @Test("of programs that are asked for those are found that run")
    func running() throws {
        let own = try String(decoding: SystemProbe.file("/proc/self/comm", limit: 64).get().dropLast(), as: UTF8.self)
        #expect(try SystemProbe.running([own, "no-such-program"]).get() == [own])
        #expect(try SystemProbe.running(["no-such-program"]).get().isEmpty)
    }
}
