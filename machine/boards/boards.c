/* SPDX-License-Identifier: MIT
 *
 * The list of the boards: a new one is a file here, its `extern` in boards.h, and a line.
 */
#include "machine/boards/boards.h"

#include <stddef.h>
#include <string.h>

const struct board *const boards[] = { &board_virt, NULL };

const struct board *board_find(const char *name)
{
    for (const struct board *const *board = boards; *board; board++) {
        if (strcmp((*board)->name, name) == 0)
            return *board;
    }
    return NULL;
}
