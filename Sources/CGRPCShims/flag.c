// A flag to wait for.

#include "internal.h"

#include <stdlib.h>
#include <time.h>

struct CGRPCShims_Flag {
    pthread_mutex_t mutex;
    pthread_cond_t raisedCondition;
    bool raised;
};

CGRPCShims_Flag *CGRPCShims_Flag_create(void) {
    CGRPCShims_Flag *flag = CGRPCShims_allocate(sizeof *flag);
    pthread_mutex_init(&flag->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    // The wall clock may jump while we wait.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&flag->raisedCondition, &attributes);
    pthread_condattr_destroy(&attributes);
    return flag;
}

void CGRPCShims_Flag_raise(CGRPCShims_Flag *flag) {
    pthread_mutex_lock(&flag->mutex);
    flag->raised = true;
    pthread_cond_broadcast(&flag->raisedCondition);
    pthread_mutex_unlock(&flag->mutex);
}

bool CGRPCShims_Flag_wait(CGRPCShims_Flag *flag, int64_t nanoseconds) {
    enum { second = 1000000000 };
    if (nanoseconds < 0) nanoseconds = 0;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += nanoseconds / second;
    until.tv_nsec += nanoseconds % second;
    if (until.tv_nsec >= second) {
        until.tv_sec += 1;
        until.tv_nsec -= second;
    }
    pthread_mutex_lock(&flag->mutex);
    while (!flag->raised) {
        if (pthread_cond_timedwait(&flag->raisedCondition, &flag->mutex, &until) != 0) break;
    }
    bool raised = flag->raised;
    pthread_mutex_unlock(&flag->mutex);
    return raised;
}

void CGRPCShims_Flag_destroy(CGRPCShims_Flag *flag) {
    pthread_cond_destroy(&flag->raisedCondition);
    pthread_mutex_destroy(&flag->mutex);
    free(flag);
}
