import Glibc
import LinuxSystem
import SystemPackage

/// Writes `count` bytes behind what is in the file, making it when it is missing, and has them stored; nil, or the
/// error of open(2), write(2) or fsync(2).
func append(_ count: Int, to path: String) -> Int32? {
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard file >= 0 else { return errno }
    defer { close(file) }
    let bytes = [UInt8](repeating: 0x5A, count: 64 << 10)
    var left = count
    while left > 0 {
        let written = write(file, bytes, min(left, bytes.count))
        guard written > 0 else { return errno }
        left -= written
    }
    return fsync(file) == 0 ? nil : errno
}

/// What a server says to somebody who has no room left: XFS the one for a project, ext4 the other.
let noRoom: Set<Int32?> = [ENOSPC, EDQUOT]

/// The limits that the file system of a directory has for projects of volumes, by their numbers.
func projectLimits(_ path: String) throws -> [UInt32: UInt64] {
    let directory = try OwnedDescriptor.open(path, [.readOnly, .directory])
    var limits: [UInt32: UInt64] = [:]
    var next: UInt32 = 1 << 30
    while let usage = try directory.nextProjectUsage(from: next) {
        if usage.byteLimit > 0 { limits[usage.project] = usage.byteLimit }
        next = usage.project + 1
    }
    return limits
}
