/* What LinuxSystem and moorage-mount say to each other, over one socket of whole messages (SOCK_SEQPACKET): one
   request, then reports until one of them is the last. */
#ifndef CLINUXSHIMS_MOUNT_H
#define CLINUXSHIMS_MOUNT_H

#include <stdint.h>

enum {
    CLinuxShims_MOUNT_SOCKET = 3, /* the descriptor that moorage-mount is started with */
    CLinuxShims_MOUNT_REQUEST_LIMIT = 32 << 10,
    CLinuxShims_MOUNT_ATTEMPT_LIMIT = 16,
    CLinuxShims_MOUNT_ADDRESS_LIMIT = 16, /* of one host; more are not tried */
    CLinuxShims_MOUNT_TEXT_LIMIT = 1 << 10,
};

/* The request is a row of strings, each with its NUL. The first byte of each says what the rest is. */
enum {
    CLinuxShims_MOUNT_TAG_VERSION = 'v', /* CLinuxShims_MOUNT_VERSION in decimal; comes first */
    CLinuxShims_MOUNT_TAG_HOST = 'h',    /* a name or an address; at most one, before the first attempt */
    CLinuxShims_MOUNT_TAG_GO_ON = 'e',   /* an errno in decimal: after it the next attempt is made */
    CLinuxShims_MOUNT_TAG_TYPE = 't',    /* a file system type: begins an attempt, to which what follows belongs */
    CLinuxShims_MOUNT_TAG_FLAG = 'f',    /* a key of fsconfig(2) */
    CLinuxShims_MOUNT_TAG_VALUE = 's',   /* a key; the string that follows is its value and has no such first byte */
    CLinuxShims_MOUNT_TAG_ADDRESS = 'a', /* a key whose value is the host's address */
};
enum { CLinuxShims_MOUNT_VERSION = 1 };

/* A report: this, then at most CLinuxShims_MOUNT_TEXT_LIMIT bytes of text without a NUL. */
typedef struct CLinuxShims_mount_report {
    uint32_t version;
    uint32_t kind;
    uint32_t step;
    uint32_t attempt; /* from 0, as in the request */
    uint32_t setting; /* from 0, in its attempt: of a failed CLinuxShims_MOUNT_STEP_SETTING */
    int32_t error;    /* an errno; of a failed CLinuxShims_MOUNT_STEP_LOOKUP what getaddrinfo(3) returned */
} CLinuxShims_mount_report;
_Static_assert(sizeof(CLinuxShims_mount_report) == 24, "a message has no padding");

enum {
    CLinuxShims_MOUNT_REPORT_BEGAN = 1, /* a step that can hang; the text of an attempt is the address it goes to */
    CLinuxShims_MOUNT_REPORT_FAILED,    /* the text is the kernel's own messages, one a line, or why a lookup failed */
    CLinuxShims_MOUNT_REPORT_MOUNTED,   /* the last: brings the mount's descriptor (SCM_RIGHTS) */
    CLinuxShims_MOUNT_REPORT_GAVE_UP,   /* the last: nothing is left to try */
};

enum {
    CLinuxShims_MOUNT_STEP_REQUEST = 1,
    CLinuxShims_MOUNT_STEP_LOOKUP,  /* getaddrinfo(3) */
    CLinuxShims_MOUNT_STEP_OPEN,    /* fsopen(2) */
    CLinuxShims_MOUNT_STEP_SETTING, /* fsconfig(2) with one key */
    CLinuxShims_MOUNT_STEP_CREATE,  /* fsconfig(2), FSCONFIG_CMD_CREATE */
    CLinuxShims_MOUNT_STEP_MOUNT,   /* fsmount(2) */
};

#endif
