#include "CLinuxShims.h"

#include <malloc.h>

int CLinuxShims_bound_heap(int bytes, int arenas) {
    return mallopt(M_MMAP_THRESHOLD, bytes) == 1 && mallopt(M_ARENA_MAX, arenas) == 1 ? 0 : -1;
}
