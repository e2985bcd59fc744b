/* SPDX-License-Identifier: MIT
 *
 * For programs that make a document from tables of the sources, and check that the file is current.
 */
#ifndef TESTS_DOCUMENT_H
#define TESTS_DOCUMENT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Is the file equal to `made`? If not, reports the first line that differs, and that `maker` makes it. */
static inline bool document_is_current(const char *made, const char *path, const char *maker)
{
    FILE *file = fopen(path, "r");
    char line[2048];
    bool same = file != NULL;
    for (unsigned number = 1; same && fgets(line, sizeof(line), file); number++) {
        size_t length = strlen(line);
        same = strncmp(made, line, length) == 0;
        made += same ? length : 0;
        if (!same)
            fprintf(stderr, "%s:%u: %s", path, number, line);
    }
    if (file)
        fclose(file);
    if (!same || *made)
        fprintf(stderr, "%s is not what the tables say: run %s > %s\n", path, maker, path);
    return same && !*made;
}

#endif
