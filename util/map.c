/* SPDX-License-Identifier: MIT
 *
 * See map.h.
 */
#include "util/map.h"

#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void *map(size_t size, size_t alignment, int rights)
{
    size_t room = size + alignment;
    uint8_t *all = mmap(NULL, room, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)all % alignment;
    if (before)
        munmap(all, before);
    munmap(all + before + size, alignment - before);
    return all + before;
}

void *map_aligned(size_t size, size_t alignment)
{
    return map(size, alignment, PROT_READ | PROT_WRITE);
}

bool map_collapse(void *at)
{
    return madvise(at, MAP_HUGE_SIZE, MADV_COLLAPSE) == 0;
}

void *map_reserved(size_t size, size_t alignment)
{
    return map(size, alignment, PROT_NONE);
}
