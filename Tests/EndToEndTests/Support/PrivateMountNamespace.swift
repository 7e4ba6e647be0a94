import Glibc
import Testing

/// What these tests mount must never be seen outside: each suite of this target has this trait.
struct PrivateMountNamespace: SuiteTrait, TestTrait, TestScoping {
    struct Missing: Error, CustomStringConvertible {
        var description: String {
            "these tests mount file systems and run only inside a private mount namespace: run hack/test e2e"
        }
    }

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        guard Self.isHere else { throw Missing() }
        try await function()
    }

    /// hack/test says so, and one of the processes that led to this one lives in another namespace. Not simply the
    /// first process: even root may not ask for its namespace when it has a capability more.
    private static let isHere: Bool = {
        guard getenv("MOORAGE_MOUNT_NAMESPACE").map({ String(cString: $0) }) == "private" else { return false }
        guard let ours = namespace(of: getpid()) else { return false }
        var ancestor = parent(of: getpid())
        while let process = ancestor {
            if let other = namespace(of: process), other != ours { return true }
            ancestor = parent(of: process)
        }
        return false
    }()

    private static func namespace(of process: pid_t) -> String? {
        var target = [UInt8](repeating: 0, count: 256)
        let count = readlink("/proc/\(process)/ns/mnt", &target, target.count)
        return count > 0 ? String(decoding: target.prefix(count), as: UTF8.self) : nil
    }

    private static func parent(of process: pid_t) -> pid_t? {
        let line = readFile("/proc/\(process)/status")?.split(separator: "\n").first { $0.hasPrefix("PPid:") }
        guard let text = line?.split(separator: "\t").last, let parent = pid_t(text), parent > 0 else { return nil }
        return parent
    }
}

extension Trait where Self == PrivateMountNamespace {
    static var privateMountNamespace: PrivateMountNamespace { PrivateMountNamespace() }
}
