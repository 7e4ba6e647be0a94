import CLinuxShims
import Glibc
package import SystemPackage

/// A mount that `FileSystemMounter` is to make: what fsopen(2) and fsconfig(2) are told, as plain data.
package struct MountRequest: Sendable {
    /// One parameter of fsconfig(2).
    package enum Setting: Hashable, Sendable {
        case flag(String)
        /// A key and its value. Of the key `source` the value may be told in errors; no other value ever is.
        case value(String, String)
        /// A key whose value is the address of the request's host, as text without brackets.
        case address(String)
    }

    package struct Attempt: Sendable {
        /// As fsopen(2) knows it, such as `nfs4`.
        package var type: String
        package var settings: [Setting]

        package init(type: String, settings: [Setting]) {
            self.type = type
            self.settings = settings
        }
    }

    /// A name, or an address without brackets. Looked up in /etc/hosts and DNS, in the process that mounts; its
    /// addresses are tried one after the other while they cannot be reached or refuse.
    package var host: String?
    /// At least one. The first that works is the mount.
    package var attempts: [Attempt]
    /// After these errors of an attempt the next one is made, at the same address; after others none is.
    package var nextAttemptAfter: [Errno]

    package init(host: String? = nil, attempts: [Attempt], nextAttemptAfter: [Errno] = []) {
        self.host = host
        self.attempts = attempts
        self.nextAttemptAfter = nextAttemptAfter
    }
}

extension MountRequest {
    /// The form in CLinuxShims_mount.h.
    ///
    /// - Throws: `badRequest` for what has no such form.
    func encoded() throws(MountFailure) -> [UInt8] {
        guard !attempts.isEmpty, attempts.count <= CLinuxShims_MOUNT_ATTEMPT_LIMIT else {
            throw .badRequest("\(attempts.count) attempts; it takes 1 to \(CLinuxShims_MOUNT_ATTEMPT_LIMIT)")
        }
        var bytes: [UInt8] = []
        try append(CLinuxShims_MOUNT_TAG_VERSION, String(CLinuxShims_MOUNT_VERSION), "the version", to: &bytes)
        if let host {
            guard !host.isEmpty else { throw .badRequest("the host is empty") }
            try append(CLinuxShims_MOUNT_TAG_HOST, host, "the host", to: &bytes)
        }
        for error in nextAttemptAfter {
            try append(CLinuxShims_MOUNT_TAG_GO_ON, String(error.rawValue), "an error number", to: &bytes)
        }
        for (number, attempt) in attempts.enumerated() {
            let place = "attempt \(number + 1)"
            try append(CLinuxShims_MOUNT_TAG_TYPE, attempt.type, "the type of \(place)", to: &bytes)
            for (number, setting) in attempt.settings.enumerated() {
                let place = "option \(number + 1) of \(place)"
                switch setting {
                case .flag(let key):
                    try append(CLinuxShims_MOUNT_TAG_FLAG, key, place, to: &bytes)
                case .value(let key, let value):
                    try append(CLinuxShims_MOUNT_TAG_VALUE, key, place, to: &bytes)
                    try append(nil, value, place, to: &bytes)
                case .address(let key):
                    guard host != nil else { throw .badRequest("\(place) is an address and there is no host") }
                    try append(CLinuxShims_MOUNT_TAG_ADDRESS, key, place, to: &bytes)
                }
            }
        }
        guard bytes.count <= CLinuxShims_MOUNT_REQUEST_LIMIT else {
            throw .badRequest(
                "its options are \(bytes.count) bytes; at most \(CLinuxShims_MOUNT_REQUEST_LIMIT) are taken")
        }
        return bytes
    }

    private func append(_ tag: Int?, _ text: String, _ place: String, to bytes: inout [UInt8]) throws(MountFailure) {
        guard !text.utf8.contains(0) else { throw .badRequest("\(place) contains a NUL") }
        if let tag { bytes.append(UInt8(tag)) }
        bytes += text.utf8
        bytes.append(0)
    }

    /// The kernel's own messages as they may be told: without their levels, printable, on one line, and without any
    /// value that an option of this attempt has, since the kernel repeats some (`sec=`).
    ///
    /// - Parameter text: one message a line.
    func tellable(_ text: some Collection<UInt8>, attempt: Int) -> String {
        var hidden: Set<Substring> = []
        for case .value(let key, let value) in attempts[attempt].settings where key != "source" {
            // The kernel takes lists apart before it complains.
            hidden.formUnion(value.split { !Self.isOfAWord($0) })
        }
        let messages = text.split(separator: UInt8(ascii: "\n")).map { line in
            // "e text": the level is one letter.
            let line = line.dropFirst(line.dropFirst().first == UInt8(ascii: " ") ? 2 : 0)
            return MountDialogue.printable(line)
        }
        var told = ""
        var word = ""
        for character in messages.joined(separator: "; ") {
            if Self.isOfAWord(character) {
                word.append(character)
            } else {
                told += hidden.contains(word[...]) ? "..." : word
                told.append(character)
                word = ""
            }
        }
        return told + (hidden.contains(word[...]) ? "..." : word)
    }

    private static func isOfAWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_" || character == "-" || character == "."
    }
}
