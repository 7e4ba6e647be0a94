#include "CLinuxShims.h"

#include <stddef.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW /* Linux 5.14, newer than some headers */
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef SYS_statmount /* Linux 6.8; the same number on every architecture but alpha */
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif
#ifndef ST_NOSYMFOLLOW /* Linux 5.10 */
#define ST_NOSYMFOLLOW 0x2000
#endif

const unsigned CLinuxShims_OPEN_TREE_CLONE = OPEN_TREE_CLONE;
const unsigned CLinuxShims_OPEN_TREE_CLOEXEC = OPEN_TREE_CLOEXEC;
const unsigned CLinuxShims_MOVE_MOUNT_F_EMPTY_PATH = MOVE_MOUNT_F_EMPTY_PATH;
const unsigned CLinuxShims_MOVE_MOUNT_T_EMPTY_PATH = MOVE_MOUNT_T_EMPTY_PATH;
const unsigned CLinuxShims_MOVE_MOUNT_BENEATH = 0x200; // Linux 6.5; not in older headers
const uint64_t CLinuxShims_MOUNT_ATTR_RDONLY = MOUNT_ATTR_RDONLY;
const uint64_t CLinuxShims_MOUNT_ATTR_NOSUID = MOUNT_ATTR_NOSUID;
const uint64_t CLinuxShims_MOUNT_ATTR_NODEV = MOUNT_ATTR_NODEV;
const uint64_t CLinuxShims_MOUNT_ATTR_NOEXEC = MOUNT_ATTR_NOEXEC;
const uint64_t CLinuxShims_MOUNT_ATTR_ATIME = MOUNT_ATTR__ATIME;
const uint64_t CLinuxShims_MOUNT_ATTR_RELATIME = MOUNT_ATTR_RELATIME;
const uint64_t CLinuxShims_MOUNT_ATTR_NOATIME = MOUNT_ATTR_NOATIME;
const uint64_t CLinuxShims_MOUNT_ATTR_STRICTATIME = MOUNT_ATTR_STRICTATIME;
const uint64_t CLinuxShims_MOUNT_ATTR_NODIRATIME = MOUNT_ATTR_NODIRATIME;
const uint64_t CLinuxShims_MOUNT_ATTR_NOSYMFOLLOW = MOUNT_ATTR_NOSYMFOLLOW;
const uint64_t CLinuxShims_MS_PRIVATE = MS_PRIVATE;
const int CLinuxShims_MNT_DETACH = MNT_DETACH;
const int CLinuxShims_UMOUNT_NOFOLLOW = UMOUNT_NOFOLLOW;
const uint64_t CLinuxShims_ST_RDONLY = ST_RDONLY;
const uint64_t CLinuxShims_ST_NOSUID = ST_NOSUID;
const uint64_t CLinuxShims_ST_NODEV = ST_NODEV;
const uint64_t CLinuxShims_ST_NOEXEC = ST_NOEXEC;
const uint64_t CLinuxShims_ST_NOATIME = ST_NOATIME;
const uint64_t CLinuxShims_ST_NODIRATIME = ST_NODIRATIME;
const uint64_t CLinuxShims_ST_RELATIME = ST_RELATIME;
const uint64_t CLinuxShims_ST_NOSYMFOLLOW = ST_NOSYMFOLLOW;

int CLinuxShims_open_tree(int directory, const char *path, unsigned flags) {
    return open_tree(directory, path, flags);
}

int CLinuxShims_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
    return move_mount(from, from_path, to, to_path, flags);
}

int CLinuxShims_fsopen(const char *type) {
    return fsopen(type, FSOPEN_CLOEXEC);
}

int CLinuxShims_mount_setattr(int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                              uint64_t propagation) {
    struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
    return mount_setattr(directory, path, flags, &attributes, sizeof attributes);
}

int CLinuxShims_umount2(const char *path, int flags) { return umount2(path, flags); }

int CLinuxShims_statmount_nothing(void) { return (int)syscall(SYS_statmount, NULL, NULL, (size_t)0, 0); }

int CLinuxShims_listmount_nothing(void) { return (int)syscall(SYS_listmount, NULL, NULL, (size_t)0, 0); }
