// The thread that pumps a completion queue.

#include "internal.h"

#include <signal.h>

#include <grpc/support/time.h>

void CGRPCShims_Tag_init(CGRPCShims_Tag *tag, void (*completed)(void *owner, bool ok), void *owner) {
    tag->completed = completed;
    tag->owner = owner;
    atomic_init(&tag->edge, 0);
}

int CGRPCShims_startThread(pthread_t *thread, const char *name, void *(*body)(void *), void *argument) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) pthread_setname_np(*thread, name);
    return error;
}

void CGRPCShims_pump(grpc_completion_queue *queue) {
    const gpr_timespec forever = gpr_inf_future(GPR_CLOCK_REALTIME);
    for (;;) {
        grpc_event event = grpc_completion_queue_next(queue, forever, NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN) return;
        if (event.type != GRPC_OP_COMPLETE) continue;
        CGRPCShims_Tag *tag = event.tag;
        (void)atomic_load_explicit(&tag->edge, memory_order_acquire);
        tag->completed(tag->owner, event.success != 0);
    }
}
