import BlockingWork
import Glibc
import SystemPackage
import Testing

@testable import LinuxSystem

/// A small tmpfs, as an attempt.
private let tmpfs = MountRequest.Attempt(
    type: "tmpfs", settings: [.value("size", "1m"), .value("mode", "0750"), .flag("inode32")])

@Suite("Making mounts in a process of its own", .privateMountNamespace)
struct FileSystemMounterTests {
    private func refusals(_ request: MountRequest) throws -> [MountFailure.Refusal] {
        let failure = #expect(throws: MountFailure.self) { _ = try makeMounter().mount(request, until: soon()) }
        guard case .refused(let refusals) = failure else {
            Issue.record("\(String(describing: failure))")
            return []
        }
        return refusals
    }

    @Test("a mount is made as asked, is in no namespace, works at once and can be attached")
    func detached() async throws {
        try await TestNode.with { node in
            let before = try mountInfo("/").count + mountInfo(node.root).count
            let made = try makeMounter().mount(MountRequest(attempts: [tmpfs]), until: soon())
            #expect(made.attempt == 0)
            let mount = made.takeDescriptor()
            #expect(fcntl(mount.rawValue, F_GETFD) == FD_CLOEXEC)
            #expect(try mountInfo("/").count + mountInfo(node.root).count == before)
            #expect(try mount.status().permissions == 0o750)
            let root = try mount.open(beneath: ".", [.readOnly, .directory])
            let status = try root.fileSystemStatus()
            #expect(status.total == 1 << 20)
            try root.makeDirectory("made", permissions: 0o700)

            try mount.attachMount(at: OwnedDescriptor.open(node.kubelet, [.pathOnly, .directory]))
            #expect(isMountPoint(node.kubelet))
            #expect(listing(node.kubelet) == ["made"])
        }
    }

    @Test("the next attempt is made after the errors that were named, and after no other")
    func attempts() throws {
        let unknown = MountRequest.Attempt(type: "nonesuch", settings: [])
        var request = MountRequest(
            attempts: [unknown, unknown, tmpfs], nextAttemptAfter: [.invalidArgument, .operationNotSupportedByDevice])
        #expect(try makeMounter().mount(request, until: soon()).attempt == 2)

        request.nextAttemptAfter = [.invalidArgument]
        let once = try refusals(request)
        #expect(once.map(\.attempt) == [0])
        #expect(
            once.first?.step == .open && once.first?.errno == .operationNotSupportedByDevice
                && once.first?.type == "nonesuch")

        request = MountRequest(attempts: [unknown, unknown], nextAttemptAfter: [.operationNotSupportedByDevice])
        #expect(try refusals(request).map(\.attempt) == [0, 1])
    }

    @Test("the kernel's own words are told, and no value of an option")
    func messages() throws {
        let secret = "hunter2secret"
        var attempt = tmpfs
        attempt.settings.append(.value("uid", secret))
        let value = try #require(try refusals(MountRequest(attempts: [attempt])).first)
        #expect(value.step == .setting(3) && value.errno == .invalidArgument)
        #expect(value.messages.contains("uid") && !value.messages.contains(secret))

        attempt.settings[3] = .flag("nonsense")
        let key = try #require(try refusals(MountRequest(attempts: [attempt])).first)
        #expect(key.messages.contains("Unknown parameter 'nonsense'"))
        #expect(!key.messages.hasPrefix("e "))
        #expect(MountFailure.refused([key]).description.contains("option 4: Invalid argument"))

        // Refused as a whole: an ext4 has to be somewhere.
        let create = try #require(try refusals(MountRequest(attempts: [.init(type: "ext4", settings: [])])).first)
        #expect(create.step == .create)
    }

    @Test("what cannot be sent is refused before anything is started")
    func badRequests() throws {
        let mounter = FileSystemMounter(program: "/nonexistent/moorage-mount")
        let long = MountRequest.Setting.value("source", String(repeating: "x", count: 40_000))
        for request in [
            MountRequest(attempts: []),
            MountRequest(attempts: Array(repeating: tmpfs, count: 17)),
            MountRequest(attempts: [.init(type: "tmpfs", settings: [.value("size", "1m\u{0}")])]),
            MountRequest(attempts: [.init(type: "tmpfs", settings: [.address("source")])]),
            MountRequest(host: "", attempts: [tmpfs]),
            MountRequest(attempts: [.init(type: "tmpfs", settings: [long])]),
        ] {
            let failure = #expect(throws: MountFailure.self) { _ = try mounter.mount(request, until: soon()) }
            guard case .badRequest = failure else {
                Issue.record("\(String(describing: failure))")
                continue
            }
        }
    }

    @Test("a program that is missing or cannot be run is named, and what to do")
    func missing() throws {
        for (path, errno) in [("/nonexistent/moorage-mount", Errno.noSuchFileOrDirectory), ("/etc", .permissionDenied)]
        {
            let failure = #expect(throws: MountFailure.self) {
                _ = try FileSystemMounter(program: path).mount(MountRequest(attempts: [tmpfs]), until: soon())
            }
            #expect(failure == .notStarted(program: path, errno))
            #expect(failure?.description.contains("installed with the driver") == true)
        }
        #expect(children().isEmpty)
    }

    enum StandIn: String, CaseIterable {
        case sleeps = "exec sleep 600"
        case isStopped = "kill -STOP $$"
        case readsAndSleeps = "cat <&3 >/dev/null"
        /// Alive without the socket: nobody is there to answer.
        case closesItsSocket = "exec sleep 600 3>&-"
        case exits = "exit 7"
        case isKilled = "kill -9 $$"
        /// The socket stays open though the process that was started is gone.
        case leavesAnotherBehind = "sleep 40 & exit 7"
        case says = "echo garbage >&3; exec sleep 600"
        /// A report of the right length that it mounted (kind 3), without a mount.
        case lies =
            "printf '\\1\\0\\0\\0\\3\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&3; exec sleep 600"
        /// That it gave up (kind 4), without a reason.
        case givesUp =
            "printf '\\1\\0\\0\\0\\4\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&3; exec sleep 600"
        /// That it began with an attempt that it was not given (number 9).
        case invents =
            "printf '\\1\\0\\0\\0\\1\\0\\0\\0\\3\\0\\0\\0\\11\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&3; exec sleep 600"
        case isNewer =
            "printf '\\2\\0\\0\\0\\4\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&3; exec sleep 600"
        /// More than any report, in one message.
        case saysMuch = "head -c 5000 /dev/zero | dd bs=5000 count=1 iflag=fullblock >&3 2>/dev/null; exec sleep 600"
        /// That it began with attempt 0, again and again.
        case doesNotStop =
            "while printf '\\1\\0\\0\\0\\1\\0\\0\\0\\3\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&3; do :; done"

        var hangs: Bool { [.sleeps, .isStopped, .readsAndSleeps].contains(self) }
    }

    @Test(
        "a program that hangs is killed at the deadline, one that is broken at once, and both are reaped",
        .timeLimit(.minutes(2)), arguments: StandIn.allCases)
    func standIns(standIn: StandIn) throws {
        let before = descriptors()
        try withStandIn(standIn.rawValue) { mounter in
            let deadline: ContinuousClock.Instant = .now + (standIn.hangs ? .milliseconds(300) : .seconds(20))
            let failure = #expect(throws: MountFailure.self) {
                _ = try mounter.mount(MountRequest(attempts: [tmpfs]), until: deadline)
            }
            switch (failure, standIn.hangs) {
            case (.deadlinePassed(.starting), true): break
            case (.broken(mounter.program, let what), false):
                #expect(!what.contains("garbage"))
                if [.exits, .leavesAnotherBehind].contains(standIn) { #expect(what.contains("exit code 7")) }
                if standIn == .isKilled { #expect(what.contains("signal 9")) }
            default: Issue.record("\(String(describing: failure))")
            }
            try waitUntil("it is reaped") { mounter.lingeringCount() == 0 }
            #expect(children().isEmpty)
        }
        #expect(descriptors() == before)
        #expect(try makeMounter().mount(MountRequest(attempts: [tmpfs]), until: soon()).attempt == 0)
    }

    @Test("the program refuses to work for anybody but the process that made its socket")
    func otherParent() throws {
        // The shell is its parent, and the socket is not the shell's.
        try withStandIn("\(mounterProgram()) 2>/dev/null; exit $?") { mounter in
            let failure = #expect(throws: MountFailure.self) {
                _ = try mounter.mount(MountRequest(attempts: [tmpfs]), until: soon())
            }
            #expect(failure == .broken(program: mounter.program, "ended without a last word, with exit code 2"))
        }
    }

    @Test("a deadline that has passed ends a mount that was not made by then")
    func noTime() throws {
        let failure = #expect(throws: MountFailure.self) {
            _ = try makeMounter().mount(MountRequest(attempts: [tmpfs]), until: .now - .seconds(1))
        }
        #expect(failure == .deadlinePassed(.starting))
        #expect(children().isEmpty)
    }

    @Test("eight at once each get their own")
    func concurrent() async throws {
        let workers = WorkerThreads(name: "test", limit: 8)
        defer { workers.close() }
        let mounter = try makeMounter()
        let sizes = try await withThrowingTaskGroup(of: UInt64.self) { group in
            for number in 0..<40 {
                group.addTask {
                    try await workers.run { () throws -> UInt64 in
                        var attempt = tmpfs
                        attempt.settings[0] = .value("size", "\(number + 1)m")
                        let request = MountRequest(attempts: [attempt])
                        let mount = try mounter.mount(request, until: soon()).takeDescriptor()
                        let status = try mount.open(beneath: ".", [.readOnly, .directory]).fileSystemStatus()
                        return status.total >> 20
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(sizes.sorted() == Array(1...40))
        #expect(mounter.lingeringCount() == 0)
        #expect(children().isEmpty)
    }

    @Test("those that were killed and cannot end are asked again, and while there are too many no other is started")
    func lingering() throws {
        // None of them has been killed, so none ends.
        try withStandIn("exec sleep 600") { standIn in
            let processes = try (0..<FileSystemMounter.lingeringLimit).map { _ in try MountProcess(standIn.program) }
            defer {
                for process in processes {
                    process.kill()
                    #expect(process.ending(until: soon()) == .signal(SIGKILL))
                }
            }
            let mounter = FileSystemMounter(program: try mounterProgram(), lingering: processes)
            let request = MountRequest(attempts: [tmpfs])
            let failure = #expect(throws: MountFailure.self) { _ = try mounter.mount(request, until: soon()) }
            #expect(failure == .tooManyLingering(FileSystemMounter.lingeringLimit))
            #expect(children().count == FileSystemMounter.lingeringLimit)

            processes[10].kill()
            try waitUntil("one of them is reaped") { mounter.lingeringCount() == processes.count - 1 }
            #expect(try mounter.mount(request, until: soon()).attempt == 0)
            #expect(mounter.lingeringCount() == processes.count - 1)
        }
        #expect(children().isEmpty)
    }

    @Test("a process that nobody waited for is reaped all the same")
    func notWaitedFor() throws {
        try withStandIn("exec sleep 600") { standIn in
            let mounter = FileSystemMounter(program: standIn.program, patience: .zero)
            for _ in 0..<20 {
                #expect(throws: MountFailure.self) {
                    _ = try mounter.mount(MountRequest(attempts: [tmpfs]), until: .now + .milliseconds(5))
                }
            }
            try waitUntil("all are reaped") { mounter.lingeringCount() == 0 }
            #expect(children().isEmpty)
        }
    }

    @Test("nothing is left of two hundred mounts")
    func nothingIsLeft() throws {
        let mounter = try makeMounter()
        let before = descriptors()
        let nonesuch = MountRequest(attempts: [.init(type: "nonesuch", settings: [])])
        for number in 0..<200 {
            if number % 4 == 0 {
                #expect(throws: MountFailure.self) { _ = try mounter.mount(nonesuch, until: soon()) }
            } else {
                _ = try mounter.mount(MountRequest(attempts: [tmpfs]), until: soon())
            }
        }
        #expect(descriptors() == before)
        #expect(mounter.lingeringCount() == 0)
        #expect(children().isEmpty)
    }
}
