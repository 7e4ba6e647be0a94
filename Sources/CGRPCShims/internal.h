// What the .c files of this target share. Nothing here is seen by Swift.

#ifndef CGRPCSHIMS_INTERNAL_H
#define CGRPCSHIMS_INTERNAL_H

#include "CGRPCShims.h"

#include <pthread.h>
#include <stdatomic.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>

// Loads libgrpc's settings and starts it, once for the life of the process.
void CGRPCShims_prepareLibrary(void);

// Memory that must be there: a process that cannot have a few hundred bytes is stopped here, not later.
void *_Nonnull CGRPCShims_allocate(size_t size);

// MARK: queue.c

// What the completion queue gives back for one operation. Lives inside the handle the operation belongs to.
typedef struct CGRPCShims_Tag {
    // The last thing that touches the tag: the handle may be destroyed inside.
    void (*_Nonnull completed)(void *_Nonnull owner, bool ok);
    void *_Nonnull owner; // borrowed: the handle this tag is a field of
    atomic_uint edge;
} CGRPCShims_Tag;

void CGRPCShims_Tag_init(CGRPCShims_Tag *_Nonnull tag, void (*_Nonnull completed)(void *_Nonnull owner, bool ok),
                         void *_Nonnull owner);
// To be called before the operation is given to libgrpc.
static inline void CGRPCShims_Tag_post(CGRPCShims_Tag *_Nonnull tag) {
    // The hand-over to the pump happens inside libgrpc, which ThreadSanitizer does not see; this release, with the
    // acquire in the pump, makes the edge visible.
    atomic_store_explicit(&tag->edge, 1, memory_order_release);
}

// Starts a thread that takes no signal: those are for the threads of the application. Returns 0 or an errno.
int CGRPCShims_startThread(pthread_t *_Nonnull thread, const char *_Nonnull name,
                           void *_Nullable (*_Nonnull body)(void *_Nonnull), void *_Nonnull argument);
// Hands completed tags out until the queue has been shut down and is empty.
void CGRPCShims_pump(grpc_completion_queue *_Nonnull queue);

// MARK: message.c

// One-slice byte buffer with a copy of the bytes. The caller owns it.
grpc_byte_buffer *_Nonnull CGRPCShims_copyOut(CGRPCShims_Bytes bytes);
CGRPCShims_Message *_Nullable CGRPCShims_asMessage(grpc_byte_buffer *_Nullable buffer);
CGRPCShims_Bytes CGRPCShims_borrow(const grpc_slice *_Nonnull slice);
// The slice keeps no pointer into the bytes. The caller owns it.
grpc_slice CGRPCShims_copySlice(CGRPCShims_Bytes bytes);

// MARK: server.c and call.c

typedef struct CGRPCShims_Acceptor {
    pthread_t thread;
    int listeningDescriptor; // borrowed
    int wakeDescriptor;      // owned; -1: not accepting
} CGRPCShims_Acceptor;

struct CGRPCShims_Server {
    grpc_server *_Nonnull server;          // owned
    grpc_completion_queue *_Nonnull queue; // owned
    pthread_t pump;
    CGRPCShims_ServerEvents events;
    void *_Nonnull context; // borrowed
    CGRPCShims_Tag shutDownTag;
    atomic_bool stopping;
    CGRPCShims_Acceptor acceptor;
};

// Waits for one more incoming call.
void CGRPCShims_requestCall(CGRPCShims_Server *_Nonnull server);

#endif
