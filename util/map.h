/* SPDX-License-Identifier: MIT
 *
 * Memory of the host in whole pages.
 */
#ifndef UTIL_MAP_H
#define UTIL_MAP_H

#include <stddef.h>

/* Returns zeroed memory of `size` bytes at a multiple of `alignment`; both are multiples of the host's page.
 * The host provides a page when it is first used. Released with munmap(). NULL, with errno set, if the host
 * refuses. Any thread. */
void *map_aligned(size_t size, size_t alignment);
/* The same of addresses alone: nobody may touch them until something is mapped there. */
void *map_reserved(size_t size, size_t alignment);

#endif
