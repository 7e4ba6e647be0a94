#include "CLinuxShims.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

const int CLinuxShims_AT_FDCWD = AT_FDCWD;
const int CLinuxShims_AT_EMPTY_PATH = AT_EMPTY_PATH;
const int CLinuxShims_AT_SYMLINK_NOFOLLOW = AT_SYMLINK_NOFOLLOW;
const int CLinuxShims_AT_STATX_FORCE_SYNC = AT_STATX_FORCE_SYNC;
const int CLinuxShims_AT_REMOVEDIR = AT_REMOVEDIR;
const unsigned CLinuxShims_RENAME_NOREPLACE = RENAME_NOREPLACE;
const uint64_t CLinuxShims_RESOLVE_BENEATH = RESOLVE_BENEATH;
const uint64_t CLinuxShims_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS;
const uint64_t CLinuxShims_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
const uint64_t CLinuxShims_RESOLVE_NO_XDEV = RESOLVE_NO_XDEV;
const uint64_t CLinuxShims_O_PATH = O_PATH;

int CLinuxShims_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int CLinuxShims_statx(int directory, const char *path, int flags, CLinuxShims_status *status) {
    struct statx s;
    unsigned mask = STATX_BASIC_STATS | STATX_MNT_ID;
    if ((flags & AT_STATX_SYNC_TYPE) == 0) flags |= AT_STATX_DONT_SYNC;
    if (statx(directory, path, flags | AT_NO_AUTOMOUNT, mask, &s) != 0) return -1;
    *status = (CLinuxShims_status){
        .device = (uint64_t)s.stx_dev_major << 32 | s.stx_dev_minor,
        .inode = s.stx_ino,
        .size = s.stx_size,
        .blocks = s.stx_blocks,
        .modified_seconds = s.stx_mtime.tv_sec,
        .modified_nanoseconds = s.stx_mtime.tv_nsec,
        .mode = s.stx_mode,
        .link_count = s.stx_nlink,
        .user = s.stx_uid,
        .group = s.stx_gid,
        .device_major = s.stx_rdev_major,
        .device_minor = s.stx_rdev_minor,
        .is_mount_root = (s.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0,
        .mount_id = s.stx_mnt_id,
    };
    return 0;
}

int CLinuxShims_statx_knows_mounts(const char *path) {
    struct statx s;
    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_MNT_ID, &s) != 0) return -1;
    return (s.stx_mask & STATX_MNT_ID) != 0 && (s.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0;
}

int CLinuxShims_fstatfs(int descriptor, CLinuxShims_file_system *file_system) {
    struct statfs s;
    if (fstatfs(descriptor, &s) != 0) return -1;
    *file_system = (CLinuxShims_file_system){
        .type = (uint64_t)s.f_type,
        .block_size = (uint64_t)s.f_bsize,
        .blocks = s.f_blocks,
        .blocks_free = s.f_bfree,
        .blocks_available = s.f_bavail,
        .files = s.f_files,
        .files_free = s.f_ffree,
        .mount_flags = (uint64_t)s.f_flags,
        .id = (uint64_t)(uint32_t)s.f_fsid.__val[0] << 32 | (uint32_t)s.f_fsid.__val[1],
    };
    return 0;
}

int CLinuxShims_block_device_size(int descriptor, uint64_t *size) { return ioctl(descriptor, BLKGETSIZE64, size); }

int CLinuxShims_renameat2(int from, const char *from_name, int to, const char *to_name, unsigned flags) {
    return renameat2(from, from_name, to, to_name, flags);
}

int CLinuxShims_lock_whole_file(int descriptor) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_OFD_SETLK, &whole);
}

int CLinuxShims_syncfs(int descriptor) {
    return syncfs(descriptor);
}
