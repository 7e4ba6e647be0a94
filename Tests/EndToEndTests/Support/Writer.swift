import Glibc
import LinuxSystem
import Synchronization

/// A workload that writes numbered lines to a file, each synchronised before the next, until it is told to stop. What
/// fails it tries again, with the file opened anew.
final class Writer: Sendable {
    /// Bytes of a line.
    private static let length = 16

    private let path: String
    private let written = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)
    private let isTold = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(false)

    init(_ path: String) {
        self.path = path
        DetachedThread.start(name: "writer") { [self] in
            run()
            hasEnded.store(true, ordering: .releasing)
        }
    }

    /// Lines that fsync(2) has promised to be stored.
    var acknowledged: Int { written.load(ordering: .acquiring) }
    var failures: Int { failed.load(ordering: .acquiring) }

    private func run() {
        Self.keepOwnFiles()
        var file: Int32 = -1
        while !isTold.load(ordering: .acquiring) {
            if file < 0 { file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600) }
            let number = acknowledged
            let line = Self.line(number)
            if file >= 0, pwrite(file, line, line.count, off_t(number * Self.length)) == line.count, fsync(file) == 0 {
                written.store(number + 1, ordering: .releasing)
            } else {
                failed.add(1, ordering: .acquiringAndReleasing)
                if file >= 0 { close(file) }
                file = -1
            }
            // A workload that has other things to do as well.
            usleep(2000)
        }
        if file >= 0 { close(file) }
    }

    /// Gives the calling thread a table of files of its own. Else every program that is started meanwhile would have a
    /// copy of the file for a moment, and closing that waits for the server, as does what would wake the server up.
    private static func keepOwnFiles() {
        let unshare = unsafeBitCast(dlsym(nil, "unshare"), to: (@convention(c) (Int32) -> Int32).self)
        let cloneFiles: Int32 = 0x400
        precondition(unshare(cloneFiles) == 0, "unshare: errno \(errno)")
    }

    private static func line(_ number: Int) -> [UInt8] {
        let digits = String(number)
        return Array((String(repeating: "0", count: length - 1 - digits.utf8.count) + digits + "\n").utf8)
    }

    /// Waits until more lines are acknowledged than now.
    func goesOn() async throws {
        let before = acknowledged
        try await eventually("the workload writes again", within: 90) { acknowledged > before + 2 }
    }

    /// - Parameter file: where the server has what was written.
    func stop(expectingAllIn file: String) async throws {
        isTold.store(true, ordering: .releasing)
        try await eventually("the workload stops", within: 90) { hasEnded.load(ordering: .acquiring) }
        let lines = (0..<acknowledged).flatMap(Self.line)
        let found = Array((readFile(file) ?? "").utf8)
        guard found.prefix(lines.count).elementsEqual(lines) else {
            throw Failure("of \(acknowledged) acknowledged lines the server does not have all: \(found.count) bytes")
        }
    }
}
