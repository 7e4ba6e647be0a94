import Glibc
import SystemPackage
import Testing

@testable import LinuxSystem

@Suite("What is said to moorage-mount and what it says")
struct MountMessagesTests {
    static let request = MountRequest(
        host: "files",
        attempts: [
            MountRequest.Attempt(
                type: "nfs4",
                settings: [
                    .value("source", "files:/share"), .address("addr"), .value("sec", "krb5:hunter2"), .flag("hard"),
                    .value("context", "system_u:object_r:top-secret_t:s0"),
                ]),
            MountRequest.Attempt(type: "nfs", settings: []),
        ],
        nextAttemptAfter: [.invalidArgument])

    /// A report: version, kind, step, attempt, setting and errno in the machine's order, here the little end first.
    static func report(
        version: UInt8 = 1, kind: UInt8, step: UInt8 = 0, attempt: UInt8 = 0, setting: UInt8 = 0, error: Int32 = 0,
        _ text: String = ""
    ) -> ArraySlice<UInt8> {
        let numbers: [[UInt8]] = [version, kind, step, attempt, setting].map { [$0, 0, 0, 0] }
        let error = (0..<4).map { UInt8(truncatingIfNeeded: error >> ($0 * 8)) }
        return (numbers.joined() + error + text.utf8)[...]
    }

    /// The failure after some reports.
    static func failure(_ reports: ArraySlice<UInt8>...) -> MountFailure? {
        var dialogue = MountDialogue(request: request, program: "/p")
        do throws(MountFailure) {
            for report in reports { _ = try dialogue.take(report, nil) }
            return nil
        } catch {
            return error
        }
    }

    @Test("a request is a row of strings with their kinds, in order")
    func encoding() throws {
        let strings = [
            "v1", "hfiles", "e22", "tnfs4", "ssource", "files:/share", "aaddr", "ssec", "krb5:hunter2", "fhard",
            "scontext", "system_u:object_r:top-secret_t:s0", "tnfs",
        ]
        #expect(String(decoding: try Self.request.encoded(), as: UTF8.self) == strings.map { $0 + "\0" }.joined())
    }

    @Test("the steps of a mount that is refused are told in order, with where they went")
    func refused() {
        let failure = Self.failure(
            Self.report(kind: 1, step: 2),
            Self.report(kind: 1, step: 3, "192.0.2.1"),
            Self.report(kind: 2, step: 5, error: EINVAL, "e NFS4: Couldn't follow remote path\nw and more\n"),
            Self.report(kind: 1, step: 3, attempt: 1, "192.0.2.1"),
            Self.report(kind: 2, step: 4, attempt: 1, setting: 2, error: EPROTONOSUPPORT),
            Self.report(kind: 4))
        #expect(
            failure
                == .refused([
                    MountFailure.Refusal(
                        attempt: 0, type: "nfs4", address: "192.0.2.1", step: .create, errno: .invalidArgument,
                        messages: "NFS4: Couldn't follow remote path; and more"),
                    MountFailure.Refusal(
                        attempt: 1, type: "nfs", address: "192.0.2.1", step: .setting(2),
                        errno: .protocolNotSupported, messages: ""),
                ]))
        #expect(
            failure?.description
                == "nfs4 cannot be mounted from 192.0.2.1: Invalid argument (the kernel says: NFS4: Couldn't follow"
                + " remote path; and more); then nfs does not take option 3 from 192.0.2.1: Protocol not supported")
    }

    @Test(
        "why a name was not found is told by what the lookup returned",
        arguments: [
            (EAI_NONAME, MountFailure.LookupProblem.noSuchName), (-5, .noSuchName), (EAI_AGAIN, .notNow),
            (EAI_SYSTEM, .other),
        ])
    func lookup(code: Int32, problem: MountFailure.LookupProblem) {
        #expect(
            Self.failure(Self.report(kind: 2, step: 2, error: code, "why\u{1B}"), Self.report(kind: 4))
                == .nameNotFound(host: "files", problem, reason: "why?"))
    }

    @Test("the words of the kernel lose every value of an option, and nothing else")
    func messages() {
        for (text, told) in [
            ("e NFS: sec=hunter2 option not recognized\n", "NFS: sec=... option not recognized"),
            ("e bad top-secret_t here\ne (hunter2)\n", "bad ... here; (...)"),
            ("e unable to mount server files, error -110\n", "unable to mount server files, error -110"),
            ("e Unknown parameter 'hard'\n", "Unknown parameter 'hard'"),
            ("e hunter22 is another word\n", "hunter22 is another word"),
            ("e \u{1B}[2J\u{7F}é\n", "?[2J???"),
            ("without a level\n", "without a level"),
            ("", ""),
        ] {
            #expect(Self.request.tellable(Array(text.utf8), attempt: 0) == told)
        }
    }

    @Test("what no report can be is no answer")
    func garbage() {
        for report in [
            Self.report(kind: 4).dropLast(),
            Self.report(version: 2, kind: 4),
            Self.report(kind: 0),
            Self.report(kind: 5),
            Self.report(kind: 3),
            Self.report(kind: 4),
            Self.report(kind: 1, step: 4),
            Self.report(kind: 1, step: 3, attempt: 2),
            Self.report(kind: 2, step: 1, error: EINVAL),
            Self.report(kind: 2, step: 9, error: EINVAL),
        ] {
            guard case .broken("/p", _)? = Self.failure(report) else {
                Issue.record("\(Array(report)): \(String(describing: Self.failure(report)))")
                continue
            }
        }
        #expect(Self.failure(Self.report(kind: 1, step: 3), Self.report(kind: 1, step: 2)) == nil)
    }

    @Test("each failure says what to do, and no value of an option")
    func descriptions() {
        for (failure, hint) in [
            (MountFailure.notStarted(program: "/p", .noSuchFileOrDirectory), "installed with the driver"),
            (.nameNotFound(host: "files", .noSuchName, reason: "r"), "correct the name"),
            (.nameNotFound(host: "files", .notNow, reason: "r"), "/etc/resolv.conf"),
            (.deadlinePassed(.lookingUp(host: "files")), "no answer for the name files"),
            (.deadlinePassed(.attempting(1, type: "nfs4", address: "::1")), "attempt 2, nfs4 at ::1"),
            (.tooManyLingering(64), "/proc/PID/stack"),
            (.broken(program: "/p", "lies"), "install the one that came with this driver"),
        ] {
            #expect(failure.description.contains(hint), "\(failure)")
        }
    }
}
