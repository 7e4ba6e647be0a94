// The client: one connection, and the calls on it.

#include "internal.h"

#include <stdlib.h>
#include <unistd.h>

#include <grpc/compression.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>

struct CGRPCShims_Channel {
    grpc_channel *_Nonnull channel;        // owned
    grpc_completion_queue *_Nonnull queue; // owned; destroyed by the pump when it ends
    CGRPCShims_ClientEvents events;
};

struct CGRPCShims_ClientCall {
    CGRPCShims_Channel *_Nonnull channel; // borrowed: outlives its calls
    grpc_call *_Nonnull call;             // owned
    void *_Nonnull context;               // borrowed
    grpc_metadata *_Nullable headers;     // owned, with their slices
    size_t headerCount;
    grpc_metadata_array initial, trailing; // owned
    grpc_byte_buffer *_Nullable message;   // owned; between the queue and the event
    grpc_slice statusText;                 // owned
    grpc_status_code status;
    bool unary;
    CGRPCShims_Tag endedTag;
    CGRPCShims_Tag receivedTag;
    CGRPCShims_Tag sentTag;
    CGRPCShims_Tag sendClosedTag;
};

// MARK: Channel

static void *runPump(void *argument) {
    CGRPCShims_Channel *channel = argument;
    CGRPCShims_pump(channel->queue);
    grpc_completion_queue_destroy(channel->queue);
    free(channel);
    return NULL;
}

static grpc_channel *createChannel(int descriptor, int32_t messageBytes) {
    grpc_arg settings[] = {
        {.type = GRPC_ARG_STRING, .key = GRPC_ARG_DEFAULT_AUTHORITY, .value.string = "localhost"},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, .value.integer = messageBytes},
        // Texts of other drivers can be longer than ours.
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_METADATA_SIZE, .value.integer = 64 << 10},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_ENABLE_CHANNELZ, .value.integer = 0},
        // A local socket has no bandwidth to find out: without this a ping goes out, and comes back, with every call.
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_HTTP2_BDP_PROBE, .value.integer = 0},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, .value.integer = 0},
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
         .value.integer = 1 << GRPC_COMPRESS_NONE},
    };
    grpc_channel_args arguments = {.num_args = sizeof settings / sizeof settings[0], .args = settings};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create_from_fd("localhost", descriptor, credentials, &arguments);
    grpc_channel_credentials_release(credentials);
    return channel;
}

int CGRPCShims_Channel_create(int connectedDescriptor, int32_t messageBytes, CGRPCShims_ClientEvents events,
                              CGRPCShims_Channel **result) {
    CGRPCShims_prepareLibrary();
    CGRPCShims_Channel *channel = CGRPCShims_allocate(sizeof *channel);
    channel->channel = createChannel(connectedDescriptor, messageBytes);
    channel->queue = grpc_completion_queue_create_for_next(NULL);
    channel->events = events;
    pthread_t pump;
    int error = CGRPCShims_startThread(&pump, "grpc-client", runPump, channel);
    if (error != 0) {
        grpc_channel_destroy(channel->channel);
        grpc_completion_queue_shutdown(channel->queue);
        grpc_completion_queue_destroy(channel->queue);
        free(channel);
        return error;
    }
    pthread_detach(pump);
    *result = channel;
    return 0;
}

void CGRPCShims_Channel_destroy(CGRPCShims_Channel *channel) {
    grpc_channel_destroy(channel->channel);
    // From here the channel belongs to its pump, which frees it.
    grpc_completion_queue_shutdown(channel->queue);
}

// MARK: Events

static void completedEnd(void *owner, bool ok) {
    (void)ok; // a failed call has its status too
    CGRPCShims_ClientCall *call = owner;
    CGRPCShims_Message *reply = NULL;
    if (call->unary) {
        reply = CGRPCShims_asMessage(call->message);
        call->message = NULL;
    }
    call->channel->events.ended(call->context, (CGRPCShims_Code)call->status, CGRPCShims_borrow(&call->statusText),
                                reply);
}

static void completedReceive(void *owner, bool ok) {
    (void)ok;
    CGRPCShims_ClientCall *call = owner;
    CGRPCShims_Message *message = CGRPCShims_asMessage(call->message);
    call->message = NULL;
    call->channel->events.received(call->context, message);
}

static void completedSend(void *owner, bool ok) {
    CGRPCShims_ClientCall *call = owner;
    call->channel->events.sent(call->context, ok);
}

static void completedSendClose(void *owner, bool ok) {
    (void)ok;
    CGRPCShims_ClientCall *call = owner;
    call->channel->events.sendClosed(call->context);
}

// MARK: Calls

CGRPCShims_ClientCall *CGRPCShims_ClientCall_create(CGRPCShims_Channel *channel, CGRPCShims_Bytes method,
                                                    int64_t timeoutNanoseconds, void *context) {
    CGRPCShims_ClientCall *call = CGRPCShims_allocate(sizeof *call);
    call->channel = channel;
    call->context = context;
    call->statusText = grpc_empty_slice();
    call->status = GRPC_STATUS_UNKNOWN;
    grpc_metadata_array_init(&call->initial);
    grpc_metadata_array_init(&call->trailing);
    CGRPCShims_Tag_init(&call->endedTag, completedEnd, call);
    CGRPCShims_Tag_init(&call->receivedTag, completedReceive, call);
    CGRPCShims_Tag_init(&call->sentTag, completedSend, call);
    CGRPCShims_Tag_init(&call->sendClosedTag, completedSendClose, call);

    gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (timeoutNanoseconds != INT64_MAX) {
        gpr_timespec timeout = gpr_time_from_nanos(timeoutNanoseconds, GPR_TIMESPAN);
        deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), timeout);
    }
    grpc_slice name = CGRPCShims_copySlice(method);
    call->call = grpc_channel_create_call(channel->channel, NULL, GRPC_PROPAGATE_DEFAULTS, channel->queue, name, NULL,
                                          deadline, NULL);
    grpc_slice_unref(name);
    return call;
}

bool CGRPCShims_ClientCall_addMetadata(CGRPCShims_ClientCall *call, CGRPCShims_Bytes key, CGRPCShims_Bytes value) {
    grpc_metadata header = {.key = CGRPCShims_copySlice(key), .value = CGRPCShims_copySlice(value)};
    if (!grpc_header_key_is_legal(header.key) || grpc_is_binary_header(header.key) ||
        !grpc_header_nonbin_value_is_legal(header.value)) {
        grpc_slice_unref(header.key);
        grpc_slice_unref(header.value);
        return false;
    }
    grpc_metadata *headers = realloc(call->headers, (call->headerCount + 1) * sizeof *headers);
    if (headers == NULL) abort();
    headers[call->headerCount++] = header;
    call->headers = headers;
    return true;
}

void CGRPCShims_ClientCall_destroy(CGRPCShims_ClientCall *call) {
    for (size_t i = 0; i < call->headerCount; i++) {
        grpc_slice_unref(call->headers[i].key);
        grpc_slice_unref(call->headers[i].value);
    }
    free(call->headers);
    grpc_slice_unref(call->statusText);
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_destroy(&call->trailing);
    grpc_call_unref(call->call);
    free(call);
}

// MARK: Operations

static bool start(CGRPCShims_ClientCall *call, const grpc_op *operations, size_t count, CGRPCShims_Tag *tag) {
    CGRPCShims_Tag_post(tag);
    return grpc_call_start_batch(call->call, operations, count, tag, NULL) == GRPC_CALL_OK;
}

bool CGRPCShims_ClientCall_start(CGRPCShims_ClientCall *call, const CGRPCShims_Bytes *request) {
    grpc_op operations[6] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_RECV_INITIAL_METADATA},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT},
    };
    size_t count = 3;
    operations[0].data.send_initial_metadata.count = call->headerCount;
    operations[0].data.send_initial_metadata.metadata = call->headers;
    operations[1].data.recv_initial_metadata.recv_initial_metadata = &call->initial;
    operations[2].data.recv_status_on_client.status = &call->status;
    operations[2].data.recv_status_on_client.status_details = &call->statusText;
    operations[2].data.recv_status_on_client.trailing_metadata = &call->trailing;
    grpc_byte_buffer *buffer = NULL;
    if (request != NULL) {
        call->unary = true;
        buffer = CGRPCShims_copyOut(*request);
        operations[count] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE};
        operations[count++].data.send_message.send_message = buffer;
        operations[count++] = (grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
        operations[count] = (grpc_op){.op = GRPC_OP_RECV_MESSAGE};
        operations[count++].data.recv_message.recv_message = &call->message;
    }
    bool started = start(call, operations, count, &call->endedTag);
    if (buffer != NULL) grpc_byte_buffer_destroy(buffer);
    return started;
}

bool CGRPCShims_ClientCall_send(CGRPCShims_ClientCall *call, CGRPCShims_Bytes message) {
    grpc_byte_buffer *buffer = CGRPCShims_copyOut(message);
    grpc_op operation = {.op = GRPC_OP_SEND_MESSAGE};
    operation.data.send_message.send_message = buffer;
    bool started = start(call, &operation, 1, &call->sentTag);
    grpc_byte_buffer_destroy(buffer);
    return started;
}

bool CGRPCShims_ClientCall_closeSend(CGRPCShims_ClientCall *call) {
    grpc_op operation = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    return start(call, &operation, 1, &call->sendClosedTag);
}

bool CGRPCShims_ClientCall_receive(CGRPCShims_ClientCall *call) {
    grpc_op operation = {.op = GRPC_OP_RECV_MESSAGE};
    operation.data.recv_message.recv_message = &call->message;
    return start(call, &operation, 1, &call->receivedTag);
}

void CGRPCShims_ClientCall_cancel(CGRPCShims_ClientCall *call) {
    grpc_call_cancel(call->call, NULL);
}
