// The server: its connections, and its end.

#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <grpc/compression.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>

// Incoming calls wait inside libgrpc until one of these requests takes them.
enum { requestsWaiting = 16 };
// How long no connection is accepted after the process ran out of descriptors or memory.
enum { exhaustedPauseMilliseconds = 100 };

static void completedShutdown(void *owner, bool ok) {
    (void)ok;
    CGRPCShims_Server *server = owner;
    server->events.shutDown(server->context);
}

static void *runPump(void *argument) {
    CGRPCShims_Server *server = argument;
    CGRPCShims_pump(server->queue);
    return NULL;
}

static grpc_server *createServer(CGRPCShims_ServerLimits limits) {
    grpc_arg settings[] = {
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, .value.integer = limits.messageBytes},
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_ARG_MAX_CONCURRENT_STREAMS,
         .value.integer = limits.streamsPerConnection},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_METADATA_SIZE, .value.integer = limits.metadataBytes},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_ENABLE_CHANNELZ, .value.integer = 0},
        // A local socket has no bandwidth to find out: without this a ping goes out, and comes back, with every call.
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_HTTP2_BDP_PROBE, .value.integer = 0},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, .value.integer = 0},
        // The limit of a message is one of what it unpacks to only when nothing is packed.
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
         .value.integer = 1 << GRPC_COMPRESS_NONE},
    };
    grpc_channel_args arguments = {.num_args = sizeof settings / sizeof settings[0], .args = settings};
    return grpc_server_create(&arguments, NULL);
}

int CGRPCShims_Server_create(CGRPCShims_ServerLimits limits, CGRPCShims_ServerEvents events, void *context,
                             CGRPCShims_Server **result) {
    CGRPCShims_prepareLibrary();
    CGRPCShims_Server *server = CGRPCShims_allocate(sizeof *server);
    server->queue = grpc_completion_queue_create_for_next(NULL);
    server->events = events;
    server->context = context;
    server->acceptor.wakeDescriptor = -1;
    atomic_init(&server->stopping, false);
    CGRPCShims_Tag_init(&server->shutDownTag, completedShutdown, server);

    // The pump first: until there is a server nothing has to be undone but the queue.
    int error = CGRPCShims_startThread(&server->pump, "grpc-server", runPump, server);
    if (error != 0) {
        grpc_completion_queue_shutdown(server->queue);
        grpc_completion_queue_destroy(server->queue);
        free(server);
        return error;
    }
    server->server = createServer(limits);
    grpc_server_register_completion_queue(server->server, server->queue, NULL);
    grpc_server_start(server->server);
    for (int i = 0; i < requestsWaiting; i++) CGRPCShims_requestCall(server);
    *result = server;
    return 0;
}

// MARK: Accepting

static void addConnection(CGRPCShims_Server *server, int descriptor) {
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    grpc_server_add_channel_from_fd(server->server, descriptor, credentials);
    grpc_server_credentials_release(credentials);
}

static bool isExhausted(int error) {
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void *runAcceptor(void *argument) {
    CGRPCShims_Server *server = argument;
    struct pollfd watched[] = {
        {.fd = server->acceptor.wakeDescriptor, .events = POLLIN},
        {.fd = server->acceptor.listeningDescriptor, .events = POLLIN},
    };
    for (;;) {
        if (poll(watched, 2, -1) < 0) continue; // EINTR: nothing else can happen to these two
        if (watched[0].revents != 0) return NULL;
        int descriptor = accept4(server->acceptor.listeningDescriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor >= 0) {
            addConnection(server, descriptor);
        } else if (isExhausted(errno)) {
            // The connection stays in the backlog and the socket readable: without a pause this would spin.
            poll(watched, 1, exhaustedPauseMilliseconds);
        }
    }
}

int CGRPCShims_Server_startAccepting(CGRPCShims_Server *server, int listeningDescriptor) {
    CGRPCShims_Acceptor *acceptor = &server->acceptor;
    int wake = eventfd(0, EFD_CLOEXEC);
    if (wake < 0) return errno;
    acceptor->listeningDescriptor = listeningDescriptor;
    acceptor->wakeDescriptor = wake;
    int error = CGRPCShims_startThread(&acceptor->thread, "grpc-accept", runAcceptor, server);
    if (error != 0) {
        close(wake);
        acceptor->wakeDescriptor = -1;
    }
    return error;
}

void CGRPCShims_Server_stopAccepting(CGRPCShims_Server *server) {
    CGRPCShims_Acceptor *acceptor = &server->acceptor;
    if (acceptor->wakeDescriptor < 0) return;
    eventfd_write(acceptor->wakeDescriptor, 1);
    pthread_join(acceptor->thread, NULL);
    close(acceptor->wakeDescriptor);
    acceptor->wakeDescriptor = -1;
}

// MARK: The end

void CGRPCShims_Server_beginShutdown(CGRPCShims_Server *server) {
    atomic_store(&server->stopping, true);
    CGRPCShims_Tag_post(&server->shutDownTag);
    grpc_server_shutdown_and_notify(server->server, server->queue, &server->shutDownTag);
}

void CGRPCShims_Server_disconnect(CGRPCShims_Server *server) {
    grpc_server_cancel_all_calls(server->server);
}

void CGRPCShims_Server_destroy(CGRPCShims_Server *server) {
    grpc_completion_queue_shutdown(server->queue);
    pthread_join(server->pump, NULL);
    grpc_server_destroy(server->server);
    grpc_completion_queue_destroy(server->queue);
    free(server);
}
