/* SPDX-License-Identifier: MIT
 *
 * See fd_sets.h. The entries are sorted by set, and in a set by age; `lock` protects them.
 */
#include "util/fd_sets.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES 64u
#define FOLDER  "/dev/fdset/"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fd_sets_entry entries[ENTRIES];
static unsigned count;

/* The lowest number that no set has. */
static int64_t unused_set(void)
{
    int64_t set = 0;
    for (unsigned n = 0; n < count; n++)
        if (entries[n].set == set)
            set++;
    return set;
}

int64_t fd_sets_add(int64_t set, int fd, const char *text, struct error *error)
{
    pthread_mutex_lock(&lock);
    if (count == ENTRIES) {
        pthread_mutex_unlock(&lock);
        error_set(error, "there are %u descriptors in sets, and no more are possible", ENTRIES);
        return -1;
    }
    set = set < 0 ? unused_set() : set;
    unsigned at = count++;
    for (; at && entries[at - 1].set > set; at--)
        entries[at] = entries[at - 1];
    entries[at].set = set;
    entries[at].fd = fd;
    snprintf(entries[at].text, sizeof(entries[at].text), "%s", text ? text : "");
    pthread_mutex_unlock(&lock);
    return set;
}

bool fd_sets_remove(int64_t set, int fd)
{
    unsigned kept = 0;
    pthread_mutex_lock(&lock);
    unsigned before = count;
    for (unsigned n = 0; n < count; n++) {
        if (entries[n].set == set && (fd < 0 || entries[n].fd == fd))
            close(entries[n].fd);
        else
            entries[kept++] = entries[n];
    }
    count = kept;
    pthread_mutex_unlock(&lock);
    return kept != before;
}

bool fd_sets_at(unsigned number, struct fd_sets_entry *entry)
{
    pthread_mutex_lock(&lock);
    bool found = number < count;
    if (found)
        *entry = entries[number];
    pthread_mutex_unlock(&lock);
    return found;
}

bool fd_sets_has_name(const char *path)
{
    return strncmp(path, FOLDER, strlen(FOLDER)) == 0;
}

int fd_sets_open(const char *path, bool writable)
{
    char *end;
    const char *number = path + strlen(FOLDER);
    bool known = false;
    int found = -1;
    errno = 0;
    long long set =
        fd_sets_has_name(path) && *number >= '0' && *number <= '9' ? strtoll(number, &end, 10) : -1;
    if (set < 0 || *end || errno) {
        errno = ENOENT;
        return -1;
    }
    pthread_mutex_lock(&lock);
    for (unsigned n = 0; n < count; n++) {
        if (entries[n].set != set)
            continue;
        int mode = fcntl(entries[n].fd, F_GETFL) & O_ACCMODE;
        known = true;
        /* For reading, one that can do nothing else comes first. */
        if (mode == (writable ? O_RDWR : O_RDONLY) || (!writable && mode == O_RDWR && found < 0))
            found = entries[n].fd;
    }
    int fd = found < 0 ? -1 : fcntl(found, F_DUPFD_CLOEXEC, 3);
    int why = found >= 0 ? errno : known ? EACCES : ENOENT;
    pthread_mutex_unlock(&lock);
    errno = why;
    return fd;
}
