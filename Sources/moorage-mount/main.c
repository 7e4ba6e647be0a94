/* Makes one superblock and hands its mount, which is attached nowhere, to the driver that started this process; then it
   ends. A process of its own, because a server that is silent holds whoever mounts it (and asks for its name), and only
   a process can be killed there.

   It is started with one end of a socket as descriptor 3, dies with the thread that started it, and takes its request
   from the socket: what is on a command line can be read by everybody. It prints no part of it. */
#include "CLinuxShims_mount.h"

#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static char request[CLinuxShims_MOUNT_REQUEST_LIMIT];
static const char *request_end;

static _Noreturn void refuse_to_start(const char *why) {
    fprintf(stderr, "moorage-mount: %s; it is started by moorage, never by hand\n", why);
    _exit(2);
}

/* Sends a report, and a descriptor when it is not -1. Without a reader there is nothing left to do. */
static void send_report(CLinuxShims_mount_report report, const char *text, int descriptor) {
    report.version = CLinuxShims_MOUNT_VERSION;
    struct iovec parts[] = {{&report, sizeof report}, {(void *)text, strlen(text)}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof descriptor)];
    } control = {.bytes = {0}};
    if (descriptor != -1) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof descriptor);
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    }
    if (sendmsg(CLinuxShims_MOUNT_SOCKET, &message, MSG_NOSIGNAL) < 0) _exit(3);
}

static _Noreturn void give_up(void) {
    send_report((CLinuxShims_mount_report){.kind = CLinuxShims_MOUNT_REPORT_GAVE_UP}, "", -1);
    _exit(0);
}

static const char *string_after(const char *string) { return string + strlen(string) + 1; }

/* Where the strings of the attempt end whose first setting this is. */
static const char *settings_end(const char *setting) {
    while (setting < request_end && *setting != CLinuxShims_MOUNT_TAG_TYPE) {
        if (*setting == CLinuxShims_MOUNT_TAG_VALUE) setting = string_after(setting);
        setting = string_after(setting);
    }
    return setting;
}

/* 0, or the errno that says what is wrong with the request. After it every walk over the strings stays inside. */
static int check_request(ssize_t size) {
    if (size > (ssize_t)sizeof request) return EMSGSIZE;
    if (size <= 0 || request[size - 1] != '\0') return EINVAL;
    request_end = request + size;
    if (request[0] != CLinuxShims_MOUNT_TAG_VERSION || atoi(request + 1) != CLinuxShims_MOUNT_VERSION) {
        return EPROTONOSUPPORT;
    }
    bool has_host = false;
    int attempts = 0;
    for (const char *string = string_after(request); string < request_end; string = string_after(string)) {
        switch (*string) {
        case CLinuxShims_MOUNT_TAG_HOST:
            if (has_host || attempts > 0) return EINVAL;
            has_host = true;
            break;
        case CLinuxShims_MOUNT_TAG_GO_ON:
            if (attempts > 0) return EINVAL;
            break;
        case CLinuxShims_MOUNT_TAG_TYPE:
            if (++attempts > CLinuxShims_MOUNT_ATTEMPT_LIMIT) return EINVAL;
            break;
        case CLinuxShims_MOUNT_TAG_FLAG:
            if (attempts == 0) return EINVAL;
            break;
        case CLinuxShims_MOUNT_TAG_VALUE:
            string = string_after(string);
            if (attempts == 0 || string >= request_end) return EINVAL;
            break;
        case CLinuxShims_MOUNT_TAG_ADDRESS:
            if (attempts == 0 || !has_host) return EINVAL;
            break;
        default: return EINVAL;
        }
    }
    return attempts > 0 ? 0 : EINVAL;
}

/* The kernel gives one message for each read(2), and ENODATA after the last. */
static void read_kernel_messages(int context, char text[CLinuxShims_MOUNT_TEXT_LIMIT + 1]) {
    size_t used = 0;
    ssize_t count;
    while (used < CLinuxShims_MOUNT_TEXT_LIMIT &&
           (count = read(context, text + used, CLinuxShims_MOUNT_TEXT_LIMIT - used - 1)) > 0) {
        used += (size_t)count;
        text[used++] = '\n';
    }
    text[used] = '\0';
    for (size_t i = 0; i < used; ++i) {
        if (text[i] == '\0') text[i] = '?';
    }
}

/* One attempt, with an address or NULL. Ends the process when it works, returns the errno when not. */
static int make_mount(const char *type, unsigned attempt, const char *address) {
    CLinuxShims_mount_report report = {.kind = CLinuxShims_MOUNT_REPORT_BEGAN, .attempt = attempt};
    report.step = CLinuxShims_MOUNT_STEP_OPEN;
    send_report(report, address != NULL ? address : "", -1);

    char text[CLinuxShims_MOUNT_TEXT_LIMIT + 1] = "";
    int error = 0;
    int context = fsopen(type + 1, FSOPEN_CLOEXEC);
    if (context < 0) {
        error = errno;
        goto failed;
    }

    report.step = CLinuxShims_MOUNT_STEP_SETTING;
    const char *end = settings_end(string_after(type));
    for (const char *setting = string_after(type); setting < end; setting = string_after(setting)) {
        const char *key = setting + 1;
        int result;
        switch (*setting) {
        case CLinuxShims_MOUNT_TAG_FLAG: result = fsconfig(context, FSCONFIG_SET_FLAG, key, NULL, 0); break;
        case CLinuxShims_MOUNT_TAG_ADDRESS: result = fsconfig(context, FSCONFIG_SET_STRING, key, address, 0); break;
        default:
            setting = string_after(setting);
            result = fsconfig(context, FSCONFIG_SET_STRING, key, setting, 0);
        }
        if (result != 0) {
            error = errno;
            goto failed;
        }
        ++report.setting;
    }

    report.step = CLinuxShims_MOUNT_STEP_CREATE;
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0) {
        error = errno;
        goto failed;
    }
    report.step = CLinuxShims_MOUNT_STEP_MOUNT;
    int mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
    if (mount < 0) {
        error = errno;
        goto failed;
    }
    report.kind = CLinuxShims_MOUNT_REPORT_MOUNTED;
    send_report(report, "", mount);
    _exit(0);

failed:
    if (context >= 0) {
        read_kernel_messages(context, text);
        close(context);
    }
    report.kind = CLinuxShims_MOUNT_REPORT_FAILED;
    report.error = error;
    send_report(report, text, -1);
    return error;
}

static bool goes_on_after(int error) {
    for (const char *string = request; string < request_end && *string != CLinuxShims_MOUNT_TAG_TYPE;
         string = string_after(string)) {
        if (*string == CLinuxShims_MOUNT_TAG_GO_ON && atoi(string + 1) == error) return true;
    }
    return false;
}

/* The attempts in their order, at one address. Returns the last errno. */
static int make_one_of_the_mounts(const char *address) {
    const char *type = settings_end(request);
    int error;
    unsigned attempt = 0;
    do {
        error = make_mount(type, attempt++, address);
        type = settings_end(string_after(type));
    } while (type < request_end && goes_on_after(error));
    return error;
}

/* Errors of one address, after which another one of the same host can do better. EACCES is one: a server knows its
   clients by their addresses. */
static bool is_of_the_address(int error) {
    switch (error) {
    case EACCES:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT: return true;
    default: return false;
    }
}

static struct addrinfo *look_up(const char *host) {
    CLinuxShims_mount_report report = {.kind = CLinuxShims_MOUNT_REPORT_BEGAN, .step = CLinuxShims_MOUNT_STEP_LOOKUP};
    send_report(report, "", -1);
    /* Only what the C library has in itself: a statically linked program must not load the machine's modules. */
    __nss_configure_lookup("hosts", "files dns");
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    report.error = getaddrinfo(host, NULL, &hints, &addresses);
    if (report.error == 0) return addresses;
    const char *why = report.error == EAI_SYSTEM ? strerror(errno) : gai_strerror(report.error);
    report.kind = CLinuxShims_MOUNT_REPORT_FAILED;
    send_report(report, why, -1);
    give_up();
}

int main(void) {
    /* The driver made the socket, so the kernel knows it as the peer: when it was gone before the first line, the
       parent is another. */
    struct ucred driver;
    socklen_t size = sizeof driver;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) refuse_to_start(strerror(errno));
    if (getsockopt(CLinuxShims_MOUNT_SOCKET, SOL_SOCKET, SO_PEERCRED, &driver, &size) != 0 || driver.pid != getppid()) {
        refuse_to_start("descriptor 3 is no socket of its parent");
    }
    if (close_range(CLinuxShims_MOUNT_SOCKET + 1, ~0U, 0) != 0) refuse_to_start(strerror(errno));

    CLinuxShims_mount_report report = {.step = CLinuxShims_MOUNT_STEP_REQUEST};
    report.error = check_request(recv(CLinuxShims_MOUNT_SOCKET, request, sizeof request, MSG_TRUNC));
    if (report.error != 0) {
        report.kind = CLinuxShims_MOUNT_REPORT_FAILED;
        send_report(report, "", -1);
        give_up();
    }

    const char *host = NULL;
    for (const char *string = request; string < request_end && *string != CLinuxShims_MOUNT_TAG_TYPE;
         string = string_after(string)) {
        if (*string == CLinuxShims_MOUNT_TAG_HOST) host = string + 1;
    }
    if (host == NULL) {
        make_one_of_the_mounts(NULL);
        give_up();
    }

    int left = CLinuxShims_MOUNT_ADDRESS_LIMIT;
    for (struct addrinfo *found = look_up(host); found != NULL && left > 0; found = found->ai_next, --left) {
        char address[NI_MAXHOST];
        if (getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0) {
            continue;
        }
        if (!is_of_the_address(make_one_of_the_mounts(address))) break;
    }
    give_up();
}
