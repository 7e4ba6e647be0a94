import Glibc
package import SystemPackage

/// Why a mount could not be made, as it was found. Texts name the place of an option, never its value.
package enum MountFailure: Error, Hashable, Sendable {
    /// Where a mount was when its time was over.
    package enum Progress: Hashable, Sendable {
        case starting
        case lookingUp(host: String)
        /// An attempt from 0, and the address it goes to.
        case attempting(Int, type: String, address: String?)
    }

    package enum Step: Hashable, Sendable {
        /// fsopen(2): ENODEV when the kernel does not know the type.
        case open
        /// fsconfig(2) with one of the attempt's settings, from 0.
        case setting(Int)
        /// fsconfig(2), FSCONFIG_CMD_CREATE: only this one talks to a server.
        case create
        /// fsmount(2)
        case mount
    }

    /// An attempt that the kernel refused.
    package struct Refusal: Hashable, Sendable {
        /// From 0.
        package var attempt: Int
        package var type: String
        package var address: String?
        package var step: Step
        package var errno: Errno
        /// The kernel's own words, at most 1 KiB, printable; often none. May name the key of an option.
        package var messages: String

        package init(
            attempt: Int, type: String, address: String? = nil, step: Step, errno: Errno, messages: String
        ) {
            self.attempt = attempt
            self.type = type
            self.address = address
            self.step = step
            self.errno = errno
            self.messages = messages
        }
    }

    package enum LookupProblem: Hashable, Sendable {
        /// There is no such name, or it has no address.
        case noSuchName
        /// No name server answered, or it said that it cannot now.
        case notNow
        case other
    }

    /// The request has no form in which it could be sent.
    case badRequest(String)
    /// The program that mounts could not be started.
    case notStarted(program: String, Errno)
    case nameNotFound(host: String, LookupProblem, reason: String)
    /// Every attempt that was made, in order; at least one.
    case refused([Refusal])
    case deadlinePassed(Progress)
    /// So many processes were killed and have not ended that no other is started.
    case tooManyLingering(Int)
    /// The program that mounts ended without a last word, or said what it must not.
    case broken(program: String, String)
}

extension MountFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badRequest(let reason):
            "cannot ask for this mount: \(reason)"
        case .notStarted(let program, let errno):
            "cannot start \(program): \(errno); it makes the mounts of network file systems and is installed with the"
                + " driver, in the same directory"
        case .nameNotFound(let host, .noSuchName, let reason):
            "\(host) has no address: \(reason); looked in /etc/hosts and DNS: correct the name, or give the address"
        case .nameNotFound(let host, _, let reason):
            "cannot find the address of \(host): \(reason); looked in /etc/hosts and DNS: see /etc/resolv.conf and the"
                + " name servers it names, or give the address"
        case .refused(let refusals):
            refusals.map(\.description).joined(separator: "; then ")
        case .deadlinePassed(let progress):
            "not done in the time given: \(progress)"
        case .tooManyLingering(let count):
            "\(count) earlier mounts were given up and their processes have not ended yet; no other is begun before one"
                + " of them has: see what they wait for in /proc/PID/stack"
        case .broken(let program, let what):
            "\(program) \(what); install the one that came with this driver"
        }
    }
}

extension MountFailure.Progress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .starting: "moorage-mount had not begun"
        case .lookingUp(let host): "no answer for the name \(host) from the name servers"
        case .attempting(let number, let type, let address):
            "no answer to attempt \(number + 1), \(type)" + (address.map { " at \($0)" } ?? "")
        }
    }
}

extension MountFailure.Refusal: CustomStringConvertible {
    package var description: String {
        let place =
            switch step {
            case .open: "the kernel does not open \(type)"
            case .setting(let number): "\(type) does not take option \(number + 1)"
            case .create: "\(type) cannot be mounted"
            case .mount: "\(type) cannot be made a mount"
            }
        return place + (address.map { " from \($0)" } ?? "") + ": \(errno)"
            + (messages.isEmpty ? "" : " (the kernel says: \(messages))")
    }
}

extension MountFailure.LookupProblem {
    /// What getaddrinfo(3) returned.
    init(_ code: Int32) {
        // EAI_NODATA is -5, which Swift's Glibc does not have.
        switch code {
        case EAI_NONAME, -5: self = .noSuchName
        case EAI_AGAIN: self = .notNow
        default: self = .other
        }
    }
}
