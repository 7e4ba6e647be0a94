// One call at the server.

#include "internal.h"

#include <stdlib.h>

#include <grpc/support/time.h>

struct CGRPCShims_ServerCall {
    CGRPCShims_Server *_Nonnull server; // borrowed: outlives its calls
    grpc_call *_Nullable call;          // owned; none until a call has arrived
    grpc_call_details details;          // owned
    grpc_metadata_array metadata;       // owned
    void *_Nullable context;            // borrowed; none until open
    grpc_byte_buffer *_Nullable message; // owned; between the queue and the event
    grpc_slice statusText;              // owned; read by libgrpc until finish is answered
    int cancelled;
    bool headersSent;
    CGRPCShims_Tag arrivedTag;
    CGRPCShims_Tag closedTag;
    CGRPCShims_Tag receivedTag;
    CGRPCShims_Tag sentTag;
    CGRPCShims_Tag finishedTag;
};

static bool start(CGRPCShims_ServerCall *call, const grpc_op *operations, size_t count, CGRPCShims_Tag *tag) {
    CGRPCShims_Tag_post(tag);
    return grpc_call_start_batch(call->call, operations, count, tag, NULL) == GRPC_CALL_OK;
}

// MARK: Events

static void completedArrival(void *owner, bool ok) {
    CGRPCShims_ServerCall *call = owner;
    CGRPCShims_Server *server = call->server;
    if (!ok) { // the server shuts down
        CGRPCShims_ServerCall_destroy(call);
        return;
    }
    if (!atomic_load(&server->stopping)) CGRPCShims_requestCall(server);
    server->events.arrived(server->context, call);
}

static void completedClose(void *owner, bool ok) {
    (void)ok;
    CGRPCShims_ServerCall *call = owner;
    call->server->events.closed(call->context, call->cancelled != 0);
}

static void completedReceive(void *owner, bool ok) {
    CGRPCShims_ServerCall *call = owner;
    CGRPCShims_Message *message = CGRPCShims_asMessage(call->message);
    call->message = NULL;
    bool brokeOff = message == NULL && (!ok || grpc_call_failed_before_recv_message(call->call));
    call->server->events.received(call->context, message, brokeOff);
}

static void completedSend(void *owner, bool ok) {
    CGRPCShims_ServerCall *call = owner;
    call->server->events.sent(call->context, ok);
}

static void completedFinish(void *owner, bool ok) {
    CGRPCShims_ServerCall *call = owner;
    call->server->events.finished(call->context, ok);
}

// MARK: From the request to the end

void CGRPCShims_requestCall(CGRPCShims_Server *server) {
    CGRPCShims_ServerCall *call = CGRPCShims_allocate(sizeof *call);
    call->server = server;
    call->statusText = grpc_empty_slice();
    grpc_call_details_init(&call->details);
    grpc_metadata_array_init(&call->metadata);
    CGRPCShims_Tag_init(&call->arrivedTag, completedArrival, call);
    CGRPCShims_Tag_init(&call->closedTag, completedClose, call);
    CGRPCShims_Tag_init(&call->receivedTag, completedReceive, call);
    CGRPCShims_Tag_init(&call->sentTag, completedSend, call);
    CGRPCShims_Tag_init(&call->finishedTag, completedFinish, call);
    CGRPCShims_Tag_post(&call->arrivedTag);
    grpc_call_error error = grpc_server_request_call(server->server, &call->call, &call->details, &call->metadata,
                                                     server->queue, server->queue, &call->arrivedTag);
    if (error != GRPC_CALL_OK) CGRPCShims_ServerCall_destroy(call);
}

void CGRPCShims_ServerCall_destroy(CGRPCShims_ServerCall *call) {
    grpc_slice_unref(call->statusText);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    if (call->call != NULL) grpc_call_unref(call->call);
    free(call);
}

CGRPCShims_Bytes CGRPCShims_ServerCall_method(const CGRPCShims_ServerCall *call) {
    return CGRPCShims_borrow(&call->details.method);
}

int64_t CGRPCShims_ServerCall_nanosecondsLeft(const CGRPCShims_ServerCall *call) {
    gpr_timespec deadline = gpr_convert_clock_type(call->details.deadline, GPR_CLOCK_MONOTONIC);
    if (gpr_time_cmp(deadline, gpr_inf_future(GPR_CLOCK_MONOTONIC)) == 0) return INT64_MAX;
    gpr_timespec left = gpr_time_sub(deadline, gpr_now(GPR_CLOCK_MONOTONIC));
    int64_t nanoseconds;
    if (__builtin_mul_overflow(left.tv_sec, INT64_C(1000000000), &nanoseconds) ||
        __builtin_add_overflow(nanoseconds, left.tv_nsec, &nanoseconds)) {
        return left.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    }
    return nanoseconds;
}

size_t CGRPCShims_ServerCall_metadataCount(const CGRPCShims_ServerCall *call) {
    return call->metadata.count;
}

void CGRPCShims_ServerCall_metadata(const CGRPCShims_ServerCall *call, size_t index, CGRPCShims_Bytes *key,
                                    CGRPCShims_Bytes *value) {
    *key = CGRPCShims_borrow(&call->metadata.metadata[index].key);
    *value = CGRPCShims_borrow(&call->metadata.metadata[index].value);
}

// MARK: Operations

bool CGRPCShims_ServerCall_open(CGRPCShims_ServerCall *call, void *context) {
    call->context = context;
    grpc_op operation = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    operation.data.recv_close_on_server.cancelled = &call->cancelled;
    return start(call, &operation, 1, &call->closedTag);
}

bool CGRPCShims_ServerCall_receive(CGRPCShims_ServerCall *call) {
    grpc_op operation = {.op = GRPC_OP_RECV_MESSAGE};
    operation.data.recv_message.recv_message = &call->message;
    return start(call, &operation, 1, &call->receivedTag);
}

bool CGRPCShims_ServerCall_send(CGRPCShims_ServerCall *call, CGRPCShims_Bytes message) {
    grpc_byte_buffer *buffer = CGRPCShims_copyOut(message);
    grpc_op operations[2] = {{.op = GRPC_OP_SEND_MESSAGE}, {.op = GRPC_OP_SEND_INITIAL_METADATA}};
    operations[0].data.send_message.send_message = buffer;
    bool started = start(call, operations, call->headersSent ? 1 : 2, &call->sentTag);
    call->headersSent = true;
    grpc_byte_buffer_destroy(buffer); // its bytes went into the operation
    return started;
}

bool CGRPCShims_ServerCall_finish(CGRPCShims_ServerCall *call, const CGRPCShims_Bytes *reply, CGRPCShims_Code code,
                                  CGRPCShims_Bytes text) {
    grpc_op operations[3] = {{.op = GRPC_OP_SEND_STATUS_FROM_SERVER}};
    size_t count = 1;
    operations[0].data.send_status_from_server.status = (grpc_status_code)code;
    if (text.count > 0) {
        call->statusText = CGRPCShims_copySlice(text);
        operations[0].data.send_status_from_server.status_details = &call->statusText;
    }
    if (!call->headersSent) {
        operations[count++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
        call->headersSent = true;
    }
    grpc_byte_buffer *buffer = NULL;
    if (reply != NULL) {
        buffer = CGRPCShims_copyOut(*reply);
        operations[count] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE};
        operations[count++].data.send_message.send_message = buffer;
    }
    bool started = start(call, operations, count, &call->finishedTag);
    if (buffer != NULL) grpc_byte_buffer_destroy(buffer);
    return started;
}
