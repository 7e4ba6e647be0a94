#include "CLinuxShims.h"

#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The commands with an X are XFS's by name; the kernel answers them for every file system that has quota. */
static int project_quota(int descriptor, int command, uint32_t project, void *argument) {
    return (int)syscall(SYS_quotactl_fd, descriptor, (unsigned)QCMD(command, PRJQUOTA), project, argument);
}

/* What fs_disk_quota counts blocks in. */
enum { basic_block = 512 };

int CLinuxShims_get_project(int descriptor, uint32_t *project, bool *is_inherited) {
    struct fsxattr attributes;
    if (ioctl(descriptor, FS_IOC_FSGETXATTR, &attributes) != 0) return -1;
    *project = attributes.fsx_projid;
    *is_inherited = (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0;
    return 0;
}

int CLinuxShims_set_project(int descriptor, uint32_t project, bool is_inherited) {
    struct fsxattr attributes;
    if (ioctl(descriptor, FS_IOC_FSGETXATTR, &attributes) != 0) return -1;
    attributes.fsx_projid = project;
    attributes.fsx_xflags &= ~(uint32_t)FS_XFLAG_PROJINHERIT;
    if (is_inherited) attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    return ioctl(descriptor, FS_IOC_FSSETXATTR, &attributes);
}

int CLinuxShims_project_quota_state(int descriptor, bool *is_accounted, bool *is_enforced) {
    struct fs_quota_statv state = {.qs_version = FS_QSTATV_VERSION1};
    if (project_quota(descriptor, Q_XGETQSTATV, 0, &state) != 0) return -1;
    *is_accounted = (state.qs_flags & FS_QUOTA_PDQ_ACCT) != 0;
    *is_enforced = (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0;
    return 0;
}

static int read_quota(int descriptor, int command, uint32_t project, CLinuxShims_project_quota *quota) {
    struct fs_disk_quota found;
    memset(&found, 0, sizeof found);
    if (project_quota(descriptor, command, project, &found) != 0) return -1;
    *quota = (CLinuxShims_project_quota){
        .project = found.d_id,
        .bytes = found.d_bcount * basic_block,
        .files = found.d_icount,
        .byte_limit = found.d_blk_hardlimit * basic_block,
        .soft_byte_limit = found.d_blk_softlimit * basic_block,
        .file_limit = found.d_ino_hardlimit,
        .soft_file_limit = found.d_ino_softlimit,
    };
    return 0;
}

int CLinuxShims_get_project_quota(int descriptor, uint32_t project, CLinuxShims_project_quota *quota) {
    return read_quota(descriptor, Q_XGETQUOTA, project, quota);
}

int CLinuxShims_next_project_quota(int descriptor, uint32_t project, CLinuxShims_project_quota *quota) {
    return read_quota(descriptor, Q_XGETNEXTQUOTA, project, quota);
}

int CLinuxShims_set_project_limit(int descriptor, uint32_t project, uint64_t bytes) {
    struct fs_disk_quota limit;
    memset(&limit, 0, sizeof limit);
    limit.d_version = FS_DQUOT_VERSION;
    limit.d_flags = FS_PROJ_QUOTA;
    limit.d_id = project;
    limit.d_fieldmask = FS_DQ_BHARD | FS_DQ_BSOFT;
    limit.d_blk_hardlimit = bytes / basic_block + (bytes % basic_block != 0);
    return project_quota(descriptor, Q_XSETQLIM, project, &limit);
}
