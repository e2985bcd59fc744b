/* SPDX-License-Identifier: MIT
 *
 * The log; see log.h. A line is formatted on the stack and leaves by one write(2).
 */
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

atomic_uint log_mask;
static atomic_int log_fd = STDERR_FILENO;

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

/* ---- -dfilter -------------------------------------------------------------------------------------- */

#define FILTER_MAX 32

unsigned log_filter_count;
static struct {
    uint64_t first, last;
} filter[FILTER_MAX];

bool log_filter_has(uint64_t addr)
{
    for (unsigned i = 0; i < log_filter_count; i++) {
        if (addr >= filter[i].first && addr <= filter[i].last)
            return true;
    }
    return false;
}

static bool parse_range(const char *text, const char **end, uint64_t *first, uint64_t *last)
{
    char *next;
    *first = strtoull(text, &next, 0);
    bool span = strncmp(next, "..", 2) == 0;
    char operation = *next;
    if (next == text || (!span && operation != '+' && operation != '-'))
        return false;
    const char *second = next + (span ? 2 : 1);
    uint64_t value = strtoull(second, &next, 0);
    *end = next;
    *last = span ? value : operation == '+' ? *first + value - 1 : *first;
    if (operation == '-')
        *first = *first - value + 1;
    return next != second && *first <= *last && (span || value);
}

bool log_filter(const char *ranges, const char **bad)
{
    while (*ranges) {
        uint64_t first, last;
        *bad = ranges;
        if (log_filter_count == FILTER_MAX || !parse_range(ranges, &ranges, &first, &last) ||
            (*ranges && *ranges != ','))
            return false;
        filter[log_filter_count].first = first;
        filter[log_filter_count++].last = last;
        ranges += *ranges == ',';
    }
    return true;
}

/* ---- Lines ------------------------------------------------------------------------------------------ */

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

static void write_line(const char *prefix, const char *format, va_list args)
{
    char line[1024];
    int used = snprintf(line, sizeof(line), "%s: ", prefix);
    int more = vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
    size_t length = more < 0 ? (size_t)used : (size_t)used + (size_t)more;
    if (length > sizeof(line) - 2)
        length = sizeof(line) - 2;
    line[length++] = '\n';
    /* A log that cannot be written has nowhere to complain. */
    ssize_t ignored = write(atomic_load(&log_fd), line, length);
    (void)ignored;
}

void log_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line("rvive", format, args);
    va_end(args);
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
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t second = (uint64_t)now.tv_sec + 1;
    if (atomic_exchange(&site->window, second) != second) {
        unsigned count = atomic_exchange(&site->count, 0);
        if (count > LOG_GUEST_BURST)
            log_warn("(%u lines like the next one were left out)", count - LOG_GUEST_BURST);
    }
    return atomic_fetch_add(&site->count, 1) < LOG_GUEST_BURST;
}
