// Starting libgrpc, and what it and we must agree on.

#include "abseil.h"
#include "internal.h"

#include <signal.h>
#include <stdlib.h>

#include <grpc/status.h>

#define SAME(ours, theirs) _Static_assert((int)CGRPCShims_Code##ours == (int)GRPC_STATUS_##theirs, #ours)
SAME(OK, OK);
SAME(Cancelled, CANCELLED);
SAME(Unknown, UNKNOWN);
SAME(InvalidArgument, INVALID_ARGUMENT);
SAME(DeadlineExceeded, DEADLINE_EXCEEDED);
SAME(NotFound, NOT_FOUND);
SAME(AlreadyExists, ALREADY_EXISTS);
SAME(PermissionDenied, PERMISSION_DENIED);
SAME(ResourceExhausted, RESOURCE_EXHAUSTED);
SAME(FailedPrecondition, FAILED_PRECONDITION);
SAME(Aborted, ABORTED);
SAME(OutOfRange, OUT_OF_RANGE);
SAME(Unimplemented, UNIMPLEMENTED);
SAME(Internal, INTERNAL);
SAME(Unavailable, UNAVAILABLE);
SAME(DataLoss, DATA_LOSS);
SAME(Unauthenticated, UNAUTHENTICATED);

static void prepare(void) {
    // The operator's own settings win (overwrite 0). Our log is the driver's; libgrpc writes to standard error.
    setenv("GRPC_VERBOSITY", "NONE", 0);
    // Nothing here forks, and the support costs a lock on every entry.
    setenv("GRPC_ENABLE_FORK_SUPPORT", "0", 0);

    // A peer that is gone must be an error of one call, not the end of the process.
    struct sigaction pipe;
    if (sigaction(SIGPIPE, NULL, &pipe) == 0 && pipe.sa_handler == SIG_DFL) {
        pipe.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &pipe, NULL);
    }

    // The library's own threads inherit this mask.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CGRPCShims_stopTrackingLocks();
    grpc_init();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void CGRPCShims_prepareLibrary(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
}

void *CGRPCShims_allocate(size_t size) {
    void *memory = calloc(1, size);
    if (memory == NULL) abort();
    return memory;
}
