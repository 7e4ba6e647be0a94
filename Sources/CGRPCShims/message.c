// Bytes in and out of libgrpc's buffers: each message is copied once in either direction.

#include "internal.h"

#include <string.h>

#include <grpc/byte_buffer_reader.h>

// A CGRPCShims_Message is a grpc_byte_buffer under a name that Swift may see.
static grpc_byte_buffer *buffer(const CGRPCShims_Message *message) {
    return (grpc_byte_buffer *)message;
}

CGRPCShims_Message *CGRPCShims_asMessage(grpc_byte_buffer *received) {
    return (CGRPCShims_Message *)received;
}

size_t CGRPCShims_Message_length(const CGRPCShims_Message *message) {
    return grpc_byte_buffer_length(buffer(message));
}

void CGRPCShims_Message_copy(const CGRPCShims_Message *message, uint8_t *destination) {
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, buffer(message))) return;
    grpc_slice piece;
    while (grpc_byte_buffer_reader_next(&reader, &piece)) {
        memcpy(destination, GRPC_SLICE_START_PTR(piece), GRPC_SLICE_LENGTH(piece));
        destination += GRPC_SLICE_LENGTH(piece);
        grpc_slice_unref(piece);
    }
    grpc_byte_buffer_reader_destroy(&reader);
}

void CGRPCShims_Message_destroy(CGRPCShims_Message *message) {
    grpc_byte_buffer_destroy(buffer(message));
}

grpc_slice CGRPCShims_copySlice(CGRPCShims_Bytes bytes) {
    if (bytes.start == NULL || bytes.count == 0) return grpc_empty_slice();
    return grpc_slice_from_copied_buffer((const char *)bytes.start, bytes.count);
}

grpc_byte_buffer *CGRPCShims_copyOut(CGRPCShims_Bytes bytes) {
    grpc_slice slice = CGRPCShims_copySlice(bytes);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

CGRPCShims_Bytes CGRPCShims_borrow(const grpc_slice *slice) {
    return (CGRPCShims_Bytes){.start = GRPC_SLICE_START_PTR(*slice), .count = GRPC_SLICE_LENGTH(*slice)};
}
