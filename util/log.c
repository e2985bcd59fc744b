/* SPDX-License-Identifier: MIT
 *
 * The log; see log.h. A line is formatted on the stack; it leaves by one write(2), or waits with others in
 * `gathered`, which is guarded by gather_lock.
 */
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/host_time.h"

atomic_uint log_mask;
static atomic_int log_fd = STDERR_FILENO;
static atomic_bool failed; /* the file of -D */

static const char *const category_names[] = {
#define X(name, option, text) option,
    LOG_CATEGORIES(X)
#undef X
};

bool log_enable(const char *list, const char **bad)
{
    while (*list) {
        size_t length = strcspn(list, ",");
        unsigned category = 0;
        while (category < LOG_CATEGORY_COUNT && (strlen(category_names[category]) != length ||
                                                 strncmp(category_names[category], list, length) != 0))
            category++;
        if (category == LOG_CATEGORY_COUNT) {
            *bad = list;
            return false;
        }
        atomic_fetch_or(&log_mask, 1u << category);
        list += length + (list[length] == ',');
    }
    return true;
}

#define FILTERS_MAX 16
static struct range {
    uint64_t first, last;
} filters[FILTERS_MAX];
static unsigned filter_count; /* 0: all passes */

static bool parse_range(const char *text, size_t length, struct range *range)
{
    char *end = NULL;
    uint64_t first = strtoull(text, &end, 0), second;
    size_t sign = (size_t)(end - text);
    if (end == text || sign >= length || *text == '-')
        return false;
    bool to = strncmp(end, "..", 2) == 0;
    char *number = end + (to ? 2 : 1);
    second = strtoull(number, &end, 0);
    if (end == number || (size_t)(end - text) != length || *number == '-' || (!second && !to))
        return false;
    if (to)
        *range = (struct range){ first, second };
    else if (text[sign] == '+')
        *range = (struct range){ first, first + second - 1 };
    else if (text[sign] == '-')
        *range = (struct range){ first - second + 1, first };
    else
        return false;
    return range->first <= range->last;
}

bool log_set_filter(const char *ranges, const char **bad)
{
    for (*bad = ranges; **bad;) {
        size_t length = strcspn(*bad, ",");
        if (filter_count == FILTERS_MAX || !parse_range(*bad, length, &filters[filter_count]))
            return false;
        filter_count++;
        *bad += length + ((*bad)[length] == ',');
    }
    return true;
}

bool log_filter_passes(uint64_t vaddr)
{
    bool passes = !filter_count;
    for (unsigned i = 0; i < filter_count; i++)
        passes |= vaddr >= filters[i].first && vaddr <= filters[i].last;
    return passes;
}

bool log_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    int old = atomic_exchange(&log_fd, fd);
    if (old != STDERR_FILENO)
        close(old);
    return true;
}

/* ---- Gathering ----------------------------------------------------------------------------------------- */

/* Categories with so many lines that a write(2) for each would be most of the time. */
#define GATHERED_CATEGORIES (1u << LOG_CATEGORY_INSN | 1u << LOG_CATEGORY_BLOCK | 1u << LOG_CATEGORY_COMMIT)

static pthread_mutex_t gather_lock = PTHREAD_MUTEX_INITIALIZER;
static char gathered[1 << 16];
static atomic_size_t gathered_length;

static bool try_write(const char *text, size_t length)
{
    while (length) {
        ssize_t done = write(atomic_load(&log_fd), text, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        text += done;
        length -= (size_t)done;
    }
    return true;
}

/* The first time that a file takes no more is told to stderr. What comes later is still tried. */
static void write_all(const char *text, size_t length)
{
    if (!try_write(text, length) && atomic_load(&log_fd) != STDERR_FILENO && !atomic_exchange(&failed, true))
        dprintf(STDERR_FILENO, "rvive: -D: the log cannot be written, and will be incomplete: %s\n",
                strerror(errno));
}

bool log_failed(void)
{
    return atomic_load(&failed);
}

/* [gather_lock] */
static void write_gathered(void)
{
    write_all(gathered, atomic_load_explicit(&gathered_length, memory_order_relaxed));
    atomic_store_explicit(&gathered_length, 0, memory_order_relaxed);
}

void log_flush(void)
{
    if (!atomic_load_explicit(&gathered_length, memory_order_relaxed))
        return;
    pthread_mutex_lock(&gather_lock);
    write_gathered();
    pthread_mutex_unlock(&gather_lock);
}

void log_flush_at_fault(void)
{
    size_t length = atomic_load(&gathered_length);
    if (length <= sizeof(gathered))
        try_write(gathered, length); /* the program ends by the fault in any case */
    atomic_store(&gathered_length, 0);
}

void log_raw(const char *text, size_t length)
{
    if (!(atomic_load_explicit(&log_mask, memory_order_relaxed) & GATHERED_CATEGORIES)) {
        log_flush(); /* of before the category was turned off */
        write_all(text, length);
        return;
    }
    pthread_mutex_lock(&gather_lock);
    size_t used = atomic_load_explicit(&gathered_length, memory_order_relaxed);
    if (used + length > sizeof(gathered)) {
        write_gathered();
        used = 0;
    }
    if (length <= sizeof(gathered)) {
        memcpy(gathered + used, text, length);
        atomic_store_explicit(&gathered_length, used + length, memory_order_relaxed);
    } else {
        write_all(text, length);
    }
    pthread_mutex_unlock(&gather_lock);
}

static void write_line(const char *prefix, const char *format, va_list args)
{
    char line[1024];
    int used = snprintf(line, sizeof(line), "%s: ", prefix);
    int more = vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
    size_t length = more < 0 ? (size_t)used : (size_t)used + (size_t)more;
    if (length > sizeof(line) - 2)
        length = sizeof(line) - 2;
    line[length++] = '\n';
    log_raw(line, length);
}

void log_warn_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line("rvive", format, args);
    va_end(args);
    log_flush();
}

void log_line(enum log_category category, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(category_names[category], format, args);
    va_end(args);
}

bool log_site_allows(struct log_site *site)
{
    uint64_t second = host_now_ms() / 1000 + 1;
    if (atomic_exchange(&site->window, second) != second) {
        unsigned count = atomic_exchange(&site->count, 0);
        if (count > LOG_GUEST_BURST)
            log_warn_line("(%u lines like the next one were left out)", count - LOG_GUEST_BURST);
    }
    return atomic_fetch_add(&site->count, 1) < LOG_GUEST_BURST;
}
