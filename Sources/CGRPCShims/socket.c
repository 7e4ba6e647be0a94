// Unix socket addresses.

#include "CGRPCShims.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

const size_t CGRPCShims_unixPathLimit = sizeof((struct sockaddr_un *)0)->sun_path - 1;

int CGRPCShims_unixSocket(void) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static bool fill(struct sockaddr_un *address, const char *path) {
    size_t length = strlen(path);
    if (length > CGRPCShims_unixPathLimit) {
        errno = ENAMETOOLONG;
        return false;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, length);
    return true;
}

int CGRPCShims_unixBind(int descriptor, const char *path) {
    struct sockaddr_un address;
    if (!fill(&address, path)) return -1;
    return bind(descriptor, (const struct sockaddr *)&address, sizeof address);
}

int CGRPCShims_unixConnect(int descriptor, const char *path) {
    struct sockaddr_un address;
    if (!fill(&address, path)) return -1;
    return connect(descriptor, (const struct sockaddr *)&address, sizeof address);
}
