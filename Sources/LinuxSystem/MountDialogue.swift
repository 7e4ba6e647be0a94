import CLinuxShims
import Glibc
import SystemPackage

/// What moorage-mount has said of one request so far (CLinuxShims_mount.h), and what follows from it.
struct MountDialogue {
    /// The longest report, in bytes.
    static let reportLimit = MemoryLayout<CLinuxShims_mount_report>.size + CLinuxShims_MOUNT_TEXT_LIMIT

    let request: MountRequest
    let program: String
    private(set) var progress = MountFailure.Progress.starting
    private var refusals: [MountFailure.Refusal] = []
    private var lookupFailure: MountFailure?

    init(request: MountRequest, program: String) {
        self.request = request
        self.program = program
    }

    /// Takes the next report, and the descriptor that came with it.
    ///
    /// - Returns: the mount, when it is there. nil: there is more to come.
    /// - Throws: why there will be none.
    mutating func take(
        _ report: ArraySlice<UInt8>, _ descriptor: consuming OwnedDescriptor?
    ) throws(MountFailure) -> DetachedMount? {
        let size = MemoryLayout<CLinuxShims_mount_report>.size
        guard report.count >= size else { throw broken("sends \(report.count) bytes as a report") }
        // As many bytes are there, and every pattern of bits is a value of these integers.
        let head = unsafe report.withUnsafeBytes { unsafe $0.loadUnaligned(as: CLinuxShims_mount_report.self) }
        guard head.version == CLinuxShims_MOUNT_VERSION else {
            throw broken("is of another version, \(head.version) and not \(CLinuxShims_MOUNT_VERSION)")
        }
        guard head.attempt < request.attempts.count else { throw broken("reports an attempt that it was not given") }
        let attempt = Int(head.attempt)
        let text = report.dropFirst(size)

        switch Int(head.kind) {
        case CLinuxShims_MOUNT_REPORT_BEGAN:
            progress = try begun(head, text)
            return nil
        case CLinuxShims_MOUNT_REPORT_FAILED:
            try note(head, text)
            return nil
        case CLinuxShims_MOUNT_REPORT_MOUNTED:
            // Without one: none was sent, or this process has no room for another.
            guard let mount = descriptor else { throw broken("made a mount that did not arrive as a descriptor") }
            return DetachedMount(mount, attempt: attempt)
        case CLinuxShims_MOUNT_REPORT_GAVE_UP:
            if let lookupFailure { throw lookupFailure }
            guard !refusals.isEmpty else { throw broken("gave up without a reason") }
            throw .refused(refusals)
        default:
            throw broken("sends a report of kind \(head.kind)")
        }
    }

    private func begun(
        _ head: CLinuxShims_mount_report, _ text: ArraySlice<UInt8>
    ) throws(MountFailure) -> MountFailure.Progress {
        switch Int(head.step) {
        case CLinuxShims_MOUNT_STEP_LOOKUP:
            return .lookingUp(host: request.host ?? "")
        case CLinuxShims_MOUNT_STEP_OPEN:
            let attempt = Int(head.attempt)
            return .attempting(attempt, type: request.attempts[attempt].type, address: Self.address(text))
        default:
            throw broken("begins step \(head.step)")
        }
    }

    private mutating func note(
        _ head: CLinuxShims_mount_report, _ text: ArraySlice<UInt8>
    ) throws(MountFailure) {
        let step: MountFailure.Step
        switch Int(head.step) {
        case CLinuxShims_MOUNT_STEP_REQUEST:
            throw broken("does not understand the request: \(Errno(rawValue: head.error))")
        case CLinuxShims_MOUNT_STEP_LOOKUP:
            lookupFailure = .nameNotFound(
                host: request.host ?? "", MountFailure.LookupProblem(head.error), reason: Self.printable(text))
            return
        case CLinuxShims_MOUNT_STEP_OPEN: step = .open
        case CLinuxShims_MOUNT_STEP_SETTING: step = .setting(Int(head.setting))
        case CLinuxShims_MOUNT_STEP_CREATE: step = .create
        case CLinuxShims_MOUNT_STEP_MOUNT: step = .mount
        default: throw broken("fails at step \(head.step)")
        }
        let attempt = Int(head.attempt)
        var address: String?
        if case .attempting(attempt, _, let begun) = progress { address = begun }
        refusals.append(
            MountFailure.Refusal(
                attempt: attempt, type: request.attempts[attempt].type, address: address, step: step,
                errno: Errno(rawValue: head.error), messages: request.tellable(text, attempt: attempt)))
    }

    private func broken(_ what: String) -> MountFailure {
        .broken(program: program, what)
    }

    private static func address(_ text: ArraySlice<UInt8>) -> String? {
        text.isEmpty ? nil : printable(text)
    }

    /// A byte that is not printable ASCII becomes a question mark.
    static func printable(_ text: some Collection<UInt8>) -> String {
        String(decoding: text.map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
