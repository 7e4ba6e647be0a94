import Glibc

/// The price of the disk itself: what a durable answer costs at least.
enum TimedDisk {
    /// One new file of a record's size, written, named and synchronised.
    static func durableFile(in directory: String) throws -> Duration {
        let temporary = "\(directory)/disk.new"
        let start = ContinuousClock.now
        let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { throw BenchError("open \(temporary): errno \(errno)") }
        defer { close(file) }
        let content = [UInt8](repeating: UInt8(ascii: "x"), count: 300)
        guard unsafe write(file, content, content.count) == content.count,
            unsafe rename(temporary, "\(directory)/disk") == 0, fsync(file) == 0
        else { throw BenchError("a durable file in \(directory): errno \(errno)") }
        defer { unsafe unlink("\(directory)/disk") }
        return ContinuousClock.now - start
    }

    /// Makes so many empty files in directories of a thousand.
    static func fill(_ directory: String, files: Int) throws {
        for number in 0..<files {
            if number % 1000 == 0, unsafe mkdir("\(directory)/\(number / 1000)", 0o755) != 0 {
                throw BenchError("mkdir below \(directory): errno \(errno)")
            }
            let file = unsafe open("\(directory)/\(number / 1000)/\(number)", O_WRONLY | O_CREAT, 0o600)
            guard file >= 0 else { throw BenchError("open below \(directory): errno \(errno)") }
            close(file)
        }
    }
}
