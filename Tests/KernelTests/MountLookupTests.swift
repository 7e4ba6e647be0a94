import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// A tmpfs that has the address of the host as its source.
private let named = MountRequest.Attempt(type: "tmpfs", settings: [.address("source")])

@Suite("Looking up the server's name where it can be killed", .privateMountNamespace)
struct MountLookupTests {
    private func source(_ host: String) async throws -> String? {
        let mount = try makeMounter().mount(MountRequest(host: host, attempts: [named]), until: soon()).takeDescriptor()
        return try await attachedSource(of: mount)
    }

    /// The source of a mount can be asked for only where it is attached.
    private func attachedSource(of mount: borrowing OwnedDescriptor) async throws -> String? {
        var template = Array("/tmp/moorage-mount.XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            umount2(path, Int32(MNT_DETACH))
            rmdir(path)
        }
        try mount.attachMount(at: OwnedDescriptor.open(path, [.pathOnly, .directory]))
        // Everything after the separator: type, source, options (proc(5)).
        let line = try mountInfo(path).last
        return line.flatMap { line in line.firstIndex(of: "-").map { line[$0 + 2] } }
    }

    @Test("an address is taken as it is, without asking anybody", arguments: ["127.0.0.1", "::1", "fe80::1%lo"])
    func addresses(host: String) async throws {
        #expect(try await source(host) == host)
    }

    @Test("a name is found in /etc/hosts")
    func localhost() async throws {
        #expect(["127.0.0.1", "::1"].contains(try await source("localhost")))
    }

    @Test("a name is found in DNS")
    func dns() throws {
        let server = try NameServer()
        let mounter = try makeMounter()
        let failure = try mounting(
            MountRequest(host: "files.example", attempts: [.init(type: "tmpfs", settings: [.address("mode")])]),
            by: mounter
        ) {
            try server.answer(.addresses([[192, 0, 2, 1]]), questions: 2)
        }
        // Where it is put to a use that it cannot have, the error says which it was.
        guard case .refused(let refusals) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(refusals.map(\.address) == ["192.0.2.1"])
        #expect(refusals.first?.step == .setting(0))
        #expect(children().isEmpty)
    }

    @Test(
        "a name that is not found is told with the reason",
        arguments: [(true, MountFailure.LookupProblem.noSuchName), (false, .notNow)])
    func notFound(isCertain: Bool, problem: MountFailure.LookupProblem) throws {
        let server = try NameServer()
        let mounter = try makeMounter()
        let failure = try mounting(MountRequest(host: "files.example.", attempts: [named]), by: mounter) {
            // Who is told that it cannot be said now asks again.
            try server.answer(isCertain ? .noSuchName : .notNow, questions: isCertain ? 2 : 10)
        }
        guard case .nameNotFound("files.example.", problem, let reason) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(!reason.isEmpty)
        #expect(failure?.description.contains("/etc/hosts and DNS") == true)
    }

    @Test("a lookup that hangs is killed at the deadline, and said to be what hung")
    func hangs() async throws {
        let server = try NameServer()
        let mounter = try makeMounter()
        let failure = try mounting(
            MountRequest(host: "files.example", attempts: [named]), by: mounter, until: .now + .seconds(2)
        ) {
            try server.receiveQuestion()
        }
        #expect(failure == .deadlinePassed(.lookingUp(host: "files.example")))
        try waitUntil("it is reaped") { mounter.lingeringCount() == 0 }
        #expect(children().isEmpty)
        #expect(try await source("127.0.0.1") == "127.0.0.1")
    }

    @Test("the process has no descriptor, no signal setting, no words and no environment of its parent's")
    func clean() throws {
        let server = try NameServer()
        let mounter = try makeMounter()
        // One that everybody would inherit, and a signal that is blocked and one that is ignored.
        let stray = dup(1)
        defer { close(stray) }
        signal(SIGUSR1, SIG_IGN)
        defer { signal(SIGUSR1, SIG_DFL) }
        let failure = try mounting(
            MountRequest(host: "files.example", attempts: [named]), by: mounter, until: .now + .seconds(2)
        ) {
            try server.receiveQuestion()
            let process = try #require(children().first)
            let open = descriptors(of: process)
            #expect(open[0] == "/dev/null" && open[1] == "/dev/null")
            #expect(open[3]?.hasPrefix("socket:") == true)
            // Its resolver has a socket; nothing else is open.
            #expect(open.filter { $0.key > 3 }.allSatisfy { $0.value.hasPrefix("socket:") })
            for name in ["SigBlk", "SigIgn"] {
                let mask = try #require(statusLine(name, of: process).flatMap { UInt64($0, radix: 16) })
                // But two that belong to the C library (32 and 33).
                #expect(mask & ~0x1_8000_0000 == 0, "\(name)")
            }
            #expect(getpgid(process) == process)
            #expect(readFile("/proc/\(process)/cmdline") == mounter.program + "\0")
            #expect(readFile("/proc/\(process)/environ") == "")
            #expect(statusLine("Threads", of: process) == "1")
        }
        #expect(failure == .deadlinePassed(.lookingUp(host: "files.example")))
    }

    @Test("the process dies with the driver that is killed while it hangs", .timeLimit(.minutes(2)))
    func parentKilled() async throws {
        let server = try NameServer()
        let program = try mounterProgram()
        // It is found by its name, in the middle of its lookup; its parent is the process that is to be killed.
        let killing = Finding { [socket = server.socket] () -> pid_t? in
            guard NameServer.receivesQuestion(at: socket) else { return nil }
            for process in listing("/proc").compactMap({ pid_t($0) }) {
                guard let parent = parentProcess(of: process), parent != getpid(),
                    readFile("/proc/\(process)/cmdline") == program + "\0"
                else { continue }
                kill(parent, SIGKILL)
                return process
            }
            return nil
        }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            _ = try? makeMounter().mount(
                MountRequest(host: "files.example", attempts: [named]), until: .now + .seconds(60))
        }
        let process = try #require(killing.wait() ?? nil, "no mount has begun in another process")
        try waitUntil("it has died too") { !isAlive(process) }
        withExtendedLifetime(server) {}
    }
}
