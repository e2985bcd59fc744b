/* SPDX-License-Identifier: MIT
 *
 * What the guest's RAM is made of on the host: files, memory to share, memory that is taken at once
 * (-mem-path, -mem-prealloc, -object memory-backend-...).
 */
#ifndef MACHINE_RAM_H
#define MACHINE_RAM_H

#include "machine/machine.h"

/* Puts what config->memory asks for in the place of the mapping at `ram`, of config->ram_size bytes, before
 * anything is in it. False, with *error filled. */
bool ram_prepare(const struct machine_config *config, uint8_t *ram, struct error *error);

/* Maps memory of its own, which the caller unmaps. NULL, with *error filled. */
uint8_t *ram_map(const struct machine_memory *memory, struct error *error);

/* Of memory that is a private copy of a file, gives back what was written, so that the file's bytes show
 * again and are shared with all who have mapped it. The mapping at `ram` is that of ram_prepare(), and nobody
 * uses it meanwhile. */
void ram_drop_copies(const struct machine_config *config, uint8_t *ram);

/* Returns whether all of it is in files that have names: which are written to (`shared`), or of which it is a
 * private copy. */
bool ram_is_file(const struct machine_config *config, bool shared);

/* Returns whether some of it will belong to a file of its own: then nothing else may map the RAM. */
bool ram_is_replaced(const struct machine_config *config);

#endif
