import CGRPCShims

// What crosses the border to C besides handles.

extension CGRPCShims_Bytes {
    /// Valid for as long as the buffer is.
    @unsafe
    init(borrowing buffer: UnsafeBufferPointer<UInt8>) {
        unsafe self.init(start: buffer.baseAddress, count: buffer.count)
    }

    /// Valid for as long as these bytes are.
    @unsafe
    var buffer: UnsafeBufferPointer<UInt8> {
        unsafe UnsafeBufferPointer(start: start, count: count)
    }
}

extension CGRPCShims_Code {
    init(_ code: GRPCCode) {
        // The C enumeration is open: every number is one of its values.
        self = CGRPCShims_Code(rawValue: code.rawValue) ?? .unknown
    }
}

/// Copies a received message, and frees it at once: libgrpc's buffers are larger than what they hold.
@unsafe
func bytes(takingOwnership message: OpaquePointer?) -> [UInt8]? {
    guard let message = unsafe message else { return nil }
    defer { unsafe CGRPCShims_Message_destroy(message) }
    let count = unsafe CGRPCShims_Message_length(message)
    // The array of no bytes is one that all threads share, and making it anew would write its count.
    guard count > 0 else { return [] }
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        // The C function writes exactly `count` bytes.
        if let start = buffer.baseAddress { unsafe CGRPCShims_Message_copy(message, start) }
        initialized = count
    }
}
