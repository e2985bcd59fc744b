/* SPDX-License-Identifier: MIT
 *
 * Memory of the host in whole pages.
 */
#ifndef UTIL_MAP_H
#define UTIL_MAP_H

#include <stdbool.h>
#include <stddef.h>

/* Returns zeroed memory of `size` bytes at a multiple of `alignment`; both are multiples of the host's page.
 * The host provides a page when it is first used. Released with munmap(). NULL, with errno set, if the host
 * refuses. Any thread. */
void *map_aligned(size_t size, size_t alignment);
/* The same of addresses alone: nobody may touch them until something is mapped there. */
void *map_reserved(size_t size, size_t alignment);

/* The host's huge page. */
#define MAP_HUGE_SIZE ((size_t)2 << 20)
/* Makes the MAP_HUGE_SIZE bytes at `at`, a multiple of that, one huge page of the host, whatever its settings
 * say for shared memory (Linux 6.1). They keep their content; other threads may use them meanwhile. At least
 * one page of them must have been used. False, with errno set: they stay small pages; EINVAL means that the
 * host does not know how. It takes as long as clearing, or copying, that much memory. Any thread. */
bool map_collapse(void *at);

#endif
