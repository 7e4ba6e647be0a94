internal import CCSIProto

/// Memory that is given out piece by piece and freed as a whole with the arena: where protobuf-c's structs live.
///
/// Not Sendable: one arena belongs to the decoding or encoding of one message.
@safe final class Arena {
    private var blocks: [UnsafeMutableRawPointer] = unsafe []
    /// The rest of the newest block.
    private var free: UnsafeMutableRawBufferPointer
    private let mayGrow: Bool

    private static let alignment = 16
    private static let blockSize = 4096

    /// An arena of so many bytes and no more.
    init(capacity: Int) {
        mayGrow = false
        unsafe free = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        addBlock(of: capacity)
    }

    /// An arena that takes more memory as it is needed.
    init() {
        mayGrow = true
        unsafe free = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    deinit {
        while let block = unsafe blocks.popLast() { unsafe block.deallocate() }
    }

    /// Memory for so many bytes, with undefined content, aligned for any type. Nil when the capacity is used up.
    /// It must not be used after the arena is gone.
    @unsafe func allocate(_ count: Int) -> UnsafeMutableRawPointer? {
        let rounded = max(count, 1) + (Self.alignment - max(count, 1) % Self.alignment) % Self.alignment
        if unsafe free.count < rounded {
            guard mayGrow else { return nil }
            addBlock(of: max(rounded, Self.blockSize))
        }
        let start = unsafe free.baseAddress
        unsafe free = UnsafeMutableRawBufferPointer(rebasing: free[rounded...])
        return unsafe start
    }

    private func addBlock(of count: Int) {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: Self.alignment)
        guard let start = block.baseAddress else { return }
        unsafe blocks.append(start)
        unsafe free = block
    }

    /// This arena as an allocator of protobuf-c. It does not keep the arena alive.
    var allocator: ProtobufCAllocator {
        // protobuf-c hands back `allocator_data` only while the arena that made the allocator is in use.
        unsafe ProtobufCAllocator(
            alloc: { data, count in
                guard let data = unsafe data else { return nil }
                return unsafe Unmanaged<Arena>.fromOpaque(data).takeUnretainedValue().allocate(count)
            },
            free: { _, _ in },
            allocator_data: Unmanaged.passUnretained(self).toOpaque())
    }
}
