/* SPDX-License-Identifier: MIT
 *
 * See map.h.
 */
#include "util/map.h"

#include <stdint.h>
#include <sys/mman.h>

void *map_aligned(size_t size, size_t alignment)
{
    size_t room = size + alignment;
    uint8_t *all =
        mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)all % alignment;
    if (before)
        munmap(all, before);
    munmap(all + before + size, alignment - before);
    return all + before;
}
