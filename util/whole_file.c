/* SPDX-License-Identifier: MIT
 *
 * See whole_file.h.
 */
#include "util/whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool whole_file_begin(const char *path, char *part, size_t size)
{
    struct stat there;
    bool as_it_is = lstat(path, &there) == 0 && !S_ISREG(there.st_mode);
    int length = snprintf(part, size, "%s%s", path, as_it_is ? "" : ".part");
    return length >= 0 && (size_t)length < size;
}

bool whole_file_end(const char *path, const char *part, bool ok)
{
    if (strcmp(path, part) == 0 || (ok && rename(part, path) == 0))
        return ok;
    int saved = errno;
    unlink(part);
    errno = saved;
    return false;
}
