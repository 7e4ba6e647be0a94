/* System calls that Glibc does not give Swift: it has no wrapper, the wrapper is variadic, or the struct does not
   import. Each returns what the system call returns: -1 means errno says why. Nothing here decides anything. */
#ifndef CLINUXSHIMS_H
#define CLINUXSHIMS_H

#include "CLinuxShims_mount.h"

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

/* openat2(2): no wrapper in Glibc 2.36. Every open goes through it. */
int CLinuxShims_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);

/* statx(2): Swift's Glibc does not import it. Only the fields that somebody reads. */
typedef struct CLinuxShims_status {
    uint64_t device; /* major << 32 | minor */
    uint64_t inode;
    uint64_t size;
    uint64_t blocks; /* of 512 bytes */
    int64_t modified_seconds;
    uint32_t modified_nanoseconds;
    uint32_t mode;
    uint32_t link_count;
    uint32_t user;
    uint32_t group;
    uint32_t device_major; /* of a device node */
    uint32_t device_minor;
    bool is_mount_root;
    uint64_t mount_id;
} CLinuxShims_status;
/* flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, AT_STATX_FORCE_SYNC, without which attributes are taken as cached
 * (AT_STATX_DONT_SYNC). */
int CLinuxShims_statx(int directory, const char *path, int flags, CLinuxShims_status *status);

/* Whether statx(2) says ids and roots of mounts: 1, 0, or -1. */
int CLinuxShims_statx_knows_mounts(const char *path);

/* fstatfs(2): the struct's fields differ between architectures. */
typedef struct CLinuxShims_file_system {
    uint64_t type; /* magic number */
    uint64_t block_size;
    uint64_t blocks;
    uint64_t blocks_free;
    uint64_t blocks_available; /* to the unprivileged */
    uint64_t files;
    uint64_t files_free;
    uint64_t mount_flags; /* ST_RDONLY ... of this very mount */
    uint64_t id;
} CLinuxShims_file_system;
int CLinuxShims_fstatfs(int descriptor, CLinuxShims_file_system *file_system);

/* ioctl(2) with BLKGETSIZE64: variadic, and its number is a macro that Swift does not import. In bytes. */
int CLinuxShims_block_device_size(int descriptor, uint64_t *size);

/* ioctl_xfs_fsgetxattr(2), for every file system that knows projects: to which project a file or directory belongs,
   and whether what is made in a directory belongs to it as well. */
int CLinuxShims_get_project(int descriptor, uint32_t *project, bool *is_inherited);
int CLinuxShims_set_project(int descriptor, uint32_t project, bool is_inherited);

/* quotactl_fd(2) for project quota (Linux 5.14), which Glibc 2.36 has no wrapper for: of the file system that the
   descriptor is on. */
int CLinuxShims_project_quota_state(int descriptor, bool *is_accounted, bool *is_enforced);

/* In bytes; a limit of 0 is none. */
typedef struct CLinuxShims_project_quota {
    uint32_t project;
    uint64_t bytes;
    uint64_t files;
    uint64_t byte_limit;
    uint64_t soft_byte_limit;
    uint64_t file_limit;
    uint64_t soft_file_limit;
} CLinuxShims_project_quota;
int CLinuxShims_get_project_quota(int descriptor, uint32_t project, CLinuxShims_project_quota *quota);
/* Of this project, or the next one that the file system has something of: ENOENT when there is none. */
int CLinuxShims_next_project_quota(int descriptor, uint32_t project, CLinuxShims_project_quota *quota);
/* The hard limit, and no soft one; 0 takes both away. `project` is not 0, which would be every new project's limit. */
int CLinuxShims_set_project_limit(int descriptor, uint32_t project, uint64_t bytes);

/* renameat2(2). */
int CLinuxShims_renameat2(int from, const char *from_name, int to, const char *to_name, unsigned flags);

/* fcntl(2) with F_OFD_SETLK on the whole file: variadic. */
int CLinuxShims_lock_whole_file(int descriptor);
int CLinuxShims_syncfs(int descriptor);

/* open_tree(2), move_mount(2), mount_setattr(2): no wrapper in Glibc 2.36's Swift import. */
int CLinuxShims_open_tree(int directory, const char *path, unsigned flags);
int CLinuxShims_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags);
/* fsopen(2): a superblock that is not made yet. */
int CLinuxShims_fsopen(const char *type);
int CLinuxShims_mount_setattr(int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                              uint64_t propagation);

/* umount2(2). */
int CLinuxShims_umount2(const char *path, int flags);

/* statmount(2) and listmount(2), Linux 6.8: newer than the headers. Without a request, which both refuse with EFAULT
   where they exist: enough to know whether they do. */
int CLinuxShims_statmount_nothing(void);
int CLinuxShims_listmount_nothing(void);

/* posix_spawn(3), whose attributes and file actions are C's own: a process with the default signals, a process group of
   its own, no arguments and no environment. It has `socket` as descriptor `number`, /dev/null as 0 and 1, and 2 as the
   caller has it; everything else must be close-on-exec. Returns 0 or an error number. */
int CLinuxShims_spawn(const char *program, int socket, int number, pid_t *process);

/* pidfd_open(2), and pidfd_send_signal(2) with SIGKILL: newer than Swift's import of Glibc. */
int CLinuxShims_pidfd_open(pid_t process);
int CLinuxShims_pidfd_kill(int pidfd);

/* recvmsg(2) of one message, with at most one descriptor (SCM_RIGHTS: macros), without waiting. `received` is the
   length of the message, which can be more than `size`; 0 when nobody is at the other end any more. `descriptor`,
   close-on-exec, is the caller's, or -1. */
int CLinuxShims_receive(int socket, void *bytes, size_t size, size_t *received, int *descriptor);

/* pthread_create(3) with pthread_setname_np(3), which Swift's Glibc lacks: a detached thread that blocks every signal.
   `name` is copied, at most 15 bytes of it. Returns 0 or an error number. */
int CLinuxShims_start_thread(const char *name, void (*body)(void *context), void *context);

/* sem_clockwait(3) on CLOCK_MONOTONIC, which Swift's Glibc lacks: 0, or -1 with ETIMEDOUT or EINTR. */
int CLinuxShims_wait_semaphore(sem_t *semaphore, int64_t nanoseconds);

/* mallopt(3): blocks of `bytes` and more are mapped each by itself, so that they go back to the kernel when they are
   freed; at most `arenas` heaps. 0, or -1 when Glibc refuses. */
int CLinuxShims_bound_heap(int bytes, int arenas);

/* One number that belongs to the calling thread, 0 until it is set: Swift has no thread-local storage. */
uintptr_t CLinuxShims_thread_group(void);
void CLinuxShims_set_thread_group(uintptr_t group);

extern const int CLinuxShims_AT_FDCWD;
extern const int CLinuxShims_AT_EMPTY_PATH;
extern const int CLinuxShims_AT_SYMLINK_NOFOLLOW;
extern const int CLinuxShims_AT_STATX_FORCE_SYNC;
extern const int CLinuxShims_AT_REMOVEDIR;
extern const unsigned CLinuxShims_RENAME_NOREPLACE;
extern const uint64_t CLinuxShims_RESOLVE_BENEATH;
extern const uint64_t CLinuxShims_RESOLVE_NO_SYMLINKS;
extern const uint64_t CLinuxShims_RESOLVE_NO_MAGICLINKS;
extern const uint64_t CLinuxShims_RESOLVE_NO_XDEV;
extern const uint64_t CLinuxShims_O_PATH;
extern const unsigned CLinuxShims_OPEN_TREE_CLONE;
extern const unsigned CLinuxShims_OPEN_TREE_CLOEXEC;
extern const unsigned CLinuxShims_MOVE_MOUNT_F_EMPTY_PATH;
extern const unsigned CLinuxShims_MOVE_MOUNT_T_EMPTY_PATH;
extern const unsigned CLinuxShims_MOVE_MOUNT_BENEATH;
extern const uint64_t CLinuxShims_MOUNT_ATTR_RDONLY;
extern const uint64_t CLinuxShims_MOUNT_ATTR_NOSUID;
extern const uint64_t CLinuxShims_MOUNT_ATTR_NODEV;
extern const uint64_t CLinuxShims_MOUNT_ATTR_NOEXEC;
extern const uint64_t CLinuxShims_MOUNT_ATTR_ATIME;
extern const uint64_t CLinuxShims_MOUNT_ATTR_RELATIME;
extern const uint64_t CLinuxShims_MOUNT_ATTR_NOATIME;
extern const uint64_t CLinuxShims_MOUNT_ATTR_STRICTATIME;
extern const uint64_t CLinuxShims_MOUNT_ATTR_NODIRATIME;
extern const uint64_t CLinuxShims_MOUNT_ATTR_NOSYMFOLLOW;
extern const uint64_t CLinuxShims_MS_PRIVATE;
extern const int CLinuxShims_MNT_DETACH;
extern const int CLinuxShims_UMOUNT_NOFOLLOW;
extern const uint64_t CLinuxShims_ST_RDONLY;
extern const uint64_t CLinuxShims_ST_NOSUID;
extern const uint64_t CLinuxShims_ST_NODEV;
extern const uint64_t CLinuxShims_ST_NOEXEC;
extern const uint64_t CLinuxShims_ST_NOATIME;
extern const uint64_t CLinuxShims_ST_NODIRATIME;
extern const uint64_t CLinuxShims_ST_RELATIME;
extern const uint64_t CLinuxShims_ST_NOSYMFOLLOW;

#pragma clang assume_nonnull end
#endif
