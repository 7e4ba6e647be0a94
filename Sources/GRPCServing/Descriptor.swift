import Glibc

/// The owner of one file descriptor, which is closed when it ends.
struct Descriptor: ~Copyable {
    let number: CInt

    init(takingOwnership number: CInt) {
        precondition(number >= 0, "a descriptor that was never opened")
        self.number = number
    }

    deinit {
        // EINTR and EIO still release the descriptor on Linux: close(2) is never repeated.
        _ = close(number)
    }

    /// Hands the number over to another owner.
    consuming func release() -> CInt {
        let number = number
        discard self
        return number
    }

    /// A directory, for use with the `...at` functions and flock(2).
    ///
    /// - Returns: nil with the error in `errno`.
    static func directory(_ path: String) -> Descriptor? {
        // open(2) keeps nothing of the path.
        let number = retryingInterrupts { unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        return number < 0 ? nil : Descriptor(takingOwnership: number)
    }
}

extension Descriptor {
    /// unlinkat(2) of a file in this directory: 0, or -1 and `errno`.
    @discardableResult
    func unlink(_ name: String) -> CInt {
        // unlinkat(2) keeps nothing of the name.
        unsafe unlinkat(number, name, 0)
    }
}

/// Repeats a system call that a signal interrupted.
func retryingInterrupts(_ call: () -> CInt) -> CInt {
    while true {
        let result = call()
        guard result < 0, errno == EINTR else { return result }
    }
}

/// `errno` in words: "Permission denied".
func errorText(_ error: CInt) -> String {
    // The buffer is as long as the length says; strerror_r(3) in glibc's own form returns a string that stays valid
    // for as long as the buffer does.
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        guard let start = buffer.baseAddress, unsafe strerror_r(error, start, buffer.count) == 0 else {
            return "error \(error)"
        }
        return unsafe String(cString: start)
    }
}
