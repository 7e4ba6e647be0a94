import CLinuxShims
import Glibc
package import SystemPackage

/// A name as a directory holds it: any bytes but `/` and NUL.
package struct FileName: Hashable, Sendable, CustomStringConvertible {
    /// With the NUL that ends it.
    private let bytes: [CChar]

    package init(_ name: String) {
        bytes = Array(name.utf8CString)
    }

    fileprivate init(terminated bytes: [CChar]) {
        self.bytes = bytes
    }

    /// The name, or nil when it is not UTF-8.
    package var string: String? {
        String(validating: bytes.dropLast().lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The name with what is not UTF-8 replaced: for people.
    package var description: String {
        String(decoding: bytes.dropLast().lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The pointer is valid for the call only and ends with NUL.
    func withPointer<Result>(_ body: (UnsafePointer<CChar>) throws(Errno) -> Result) throws(Errno) -> Result {
        try unsafe bytes.withUnsafeBufferPointer { buffer throws(Errno) in
            // Never empty: the terminating NUL is always there.
            guard let base = buffer.baseAddress else { preconditionFailure("a file name without its NUL") }
            return try unsafe body(base)
        }
    }
}

package struct DirectoryEntry: Hashable, Sendable {
    package let name: FileName
    /// Nil where the file system does not say (readdir(3), DT_UNKNOWN).
    package let isDirectory: Bool?
}

extension OwnedDescriptor {
    /// Calls `body` with each entry of this directory but `.` and `..`, in the order of the file system, until it
    /// returns false. The descriptor must be open for reading; its own position is not moved.
    package func forEachEntry(_ body: (DirectoryEntry) -> Bool) throws(Errno) {
        // A stream of its own, because readdir moves the position that all duplicates share.
        let copy = try systemCall {
            unsafe CLinuxShims_openat2(rawValue, ".", UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, 0)
        }
        guard let stream = unsafe fdopendir(copy) else {
            let failure = Errno(rawValue: errno)
            _ = Glibc.close(copy)
            throw failure
        }
        // closedir closes the copy; the stream is used by this call alone.
        defer { _ = unsafe closedir(stream) }
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw Errno(rawValue: errno) }
                return
            }
            let name = unsafe entryName(entry)
            guard !name.isDotOrDotDot else { continue }
            let type = unsafe Int(entry.pointee.d_type)
            let isDirectory: Bool? = type == Int(DT_UNKNOWN) ? nil : type == Int(DT_DIR)
            guard body(DirectoryEntry(name: name, isDirectory: isDirectory)) else { return }
        }
    }

    /// Whether this directory has no entry but those in `ignored`.
    package func isEmptyDirectory(ignoring ignored: Set<String> = []) throws(Errno) -> Bool {
        var isEmpty = true
        try forEachEntry { entry in
            if let name = entry.name.string, ignored.contains(name) { return true }
            isEmpty = false
            return false
        }
        return isEmpty
    }
}

/// Copies the name out of an entry, which readdir may overwrite at its next call.
private func entryName(_ entry: UnsafeMutablePointer<dirent>) -> FileName {
    // d_name is a NUL-terminated string inside the entry, however long the record is (readdir(3)).
    let start = unsafe UnsafeRawPointer(entry).advanced(by: MemoryLayout<dirent>.offset(of: \.d_name) ?? 0)
    let name = unsafe start.assumingMemoryBound(to: CChar.self)
    return unsafe FileName(terminated: Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1)))
}

extension FileName {
    fileprivate var isDotOrDotDot: Bool {
        let dot = CChar(UInt8(ascii: "."))
        return bytes == [dot, 0] || bytes == [dot, dot, 0]
    }
}
