#include "CLinuxShims.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

int CLinuxShims_spawn(const char *program, int socket, int number, pid_t *process) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0) return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return failure;
    }

    sigset_t every, none;
    sigfillset(&every);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &every);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);

    /* The socket first: it can be 0 or 1 itself. Copied to its own number it loses close-on-exec all the same. */
    failure = posix_spawn_file_actions_adddup2(&actions, socket, number);
    if (failure == 0) failure = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (failure == 0) failure = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (failure == 0) {
        char *arguments[] = {(char *)program, NULL}, *environment[] = {NULL};
        failure = posix_spawn(process, program, &actions, &attributes, arguments, environment);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

int CLinuxShims_pidfd_open(pid_t process) { return pidfd_open(process, 0); }

int CLinuxShims_pidfd_kill(int pidfd) { return pidfd_send_signal(pidfd, SIGKILL, NULL, 0); }

int CLinuxShims_receive(int socket, void *bytes, size_t size, size_t *received, int *descriptor) {
    struct iovec part = {bytes, size};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    *descriptor = -1;
    ssize_t count = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
    /* The kernel looks for a message, and then whether the other end is closed: what was sent between these two looks
       is there at the next. */
    if (count == 0) {
        message.msg_controllen = sizeof control.bytes;
        count = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
    }
    if (count < 0) return -1;
    *received = (size_t)count;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        /* The alignment leaves room for more than the one that is asked for. */
        for (size_t at = 0; at + sizeof(int) <= header->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
            int found;
            memcpy(&found, CMSG_DATA(header) + at, sizeof found);
            if (*descriptor == -1) {
                *descriptor = found;
            } else {
                close(found);
            }
        }
    }
    return 0;
}
