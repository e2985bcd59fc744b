/* SPDX-License-Identifier: MIT
 *
 * Memory of the host in whole pages.
 */
#ifndef UTIL_MAP_H
#define UTIL_MAP_H

#include <stddef.h>

/* Zeroed memory of `size` bytes at a multiple of `alignment`, both multiples of the host's page; it is there
 * only where it is used. Released with munmap(). NULL, with errno set, where there is none. Any thread. */
void *map_aligned(size_t size, size_t alignment);

#endif
