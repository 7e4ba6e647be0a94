#include "CLinuxShims.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct start {
    void (*body)(void *context);
    void *context; /* handed on to body */
    char name[16];
} start;

static void *run(void *argument) {
    start s = *(start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), s.name);
    s.body(s.context);
    return NULL;
}

int CLinuxShims_start_thread(const char *name, void (*body)(void *context), void *context) {
    start *s = calloc(1, sizeof *s); /* owned by the new thread */
    if (s == NULL) return ENOMEM;
    s->body = body;
    s->context = context;
    strncpy(s->name, name, sizeof s->name - 1);

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* A new thread inherits the mask: blocked here, so that no signal can reach it before it runs. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int failure = pthread_create(&thread, &attributes, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (failure != 0) free(s);
    return failure;
}

int CLinuxShims_wait_semaphore(sem_t *semaphore, int64_t nanoseconds) {
    enum { second = 1000000000 };
    if (nanoseconds < 0) nanoseconds = 0;
    struct timespec until;
    /* The wall clock may jump while we wait. */
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += nanoseconds / second;
    until.tv_nsec += nanoseconds % second;
    if (until.tv_nsec >= second) {
        until.tv_sec++;
        until.tv_nsec -= second;
    }
    return sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
}

static _Thread_local uintptr_t thread_group;

uintptr_t CLinuxShims_thread_group(void) { return thread_group; }

void CLinuxShims_set_thread_group(uintptr_t group) { thread_group = group; }
