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
static atomic_bool failed; /* the file of -D could not be written */
static bool timestamps;
static const char *guest_name; /* NULL: none */

static const char *const category_names[] = {
#define X(name, option, text) option,
    LOG_CATEGORIES(X)
#undef X
};

/* The bits of the category of that name, which is QEMU's or this log's. False: there is none. */
static bool find_category(const char *name, size_t length, unsigned *bits)
{
    static const struct {
        const char *name;
        unsigned bits;
    } qemu[] = {
        { "exec", 1u << LOG_CATEGORY_BLOCK }, { "nochain", 0 }, /* each block is logged in any case */
    };
    for (size_t n = 0; n < sizeof(qemu) / sizeof(qemu[0]); n++) {
        *bits = qemu[n].bits;
        if (strlen(qemu[n].name) == length && strncmp(qemu[n].name, name, length) == 0)
            return true;
    }
    for (unsigned category = 0; category < LOG_CATEGORY_COUNT; category++) {
        *bits = 1u << category;
        if (strlen(category_names[category]) == length &&
            strncmp(category_names[category], name, length) == 0)
            return true;
    }
    return false;
}

bool log_enable(const char *list, const char **bad)
{
    while (*list) {
        size_t length = strcspn(list, ",");
        unsigned bits;
        if (!find_category(list, length, &bits)) {
            *bad = list;
            return false;
        }
        atomic_fetch_or(&log_mask, bits);
        list += length + (list[length] == ',');
    }
    return true;
}

#define FILTERS_MAX 16
static struct range {
    uint64_t first, last;
} filters[FILTERS_MAX];
static unsigned filter_count; /* 0: everything passes */

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

/* Categories with so many lines that one write(2) a line would take most of the time. */
#define GATHERED_CATEGORIES                                                                                  \
    (1u << LOG_CATEGORY_INSN | 1u << LOG_CATEGORY_BLOCK | 1u << LOG_CATEGORY_COMMIT | 1u << LOG_CATEGORY_CPU)

static pthread_mutex_t gather_lock = PTHREAD_MUTEX_INITIALIZER;
static char gathered[1 << 16];
static atomic_size_t gathered_length;

/* At the end by a fault: what a thread is writing while the process dies would be cut off anywhere. So nobody
 * begins to write after `ending` is set, and the fault's handler waits for those that have begun. */
#define FAULT_WAIT_MS 200
static atomic_bool ending;
static atomic_uint writers;
static _Thread_local bool writes; /* this thread is one of them */

static bool begin_write(void)
{
    writes = true;
    atomic_fetch_add(&writers, 1);
    return !atomic_load(&ending);
}

static void end_write(void)
{
    atomic_fetch_sub(&writers, 1);
    writes = false;
}

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

/* [begin_write() was true] The first failure to write the file is reported on stderr. Later lines are still
 * tried. */
static void write_begun(const char *text, size_t length)
{
    if (!try_write(text, length) && atomic_load(&log_fd) != STDERR_FILENO && !atomic_exchange(&failed, true))
        dprintf(STDERR_FILENO, "rvive: -D: the log cannot be written, and will be incomplete: %s\n",
                strerror(errno));
}

static void write_all(const char *text, size_t length)
{
    if (begin_write())
        write_begun(text, length);
    end_write();
}

bool log_failed(void)
{
    return atomic_load(&failed);
}

/* [gather_lock] False: the handler of a fault writes it. */
static bool write_gathered(void)
{
    bool begun = begin_write();
    if (begun) {
        write_begun(gathered, atomic_load_explicit(&gathered_length, memory_order_relaxed));
        atomic_store(&gathered_length, 0);
    }
    end_write();
    return begun;
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
    struct timespec tick = { .tv_nsec = 1000000 };
    atomic_store(&ending, true);
    for (unsigned n = 0; n < FAULT_WAIT_MS && atomic_load(&writers) > writes; n++)
        nanosleep(&tick, NULL);
    size_t length = atomic_load(&gathered_length);
    if (length <= sizeof(gathered))
        try_write(gathered, length); /* a failure is ignored, since the program is about to end */
    atomic_store(&gathered_length, 0);
}

void log_raw(const char *text, size_t length)
{
    if (!(atomic_load_explicit(&log_mask, memory_order_relaxed) & GATHERED_CATEGORIES)) {
        log_flush(); /* writes what was gathered before the category was turned off */
        write_all(text, length);
        return;
    }
    pthread_mutex_lock(&gather_lock);
    size_t used = atomic_load_explicit(&gathered_length, memory_order_relaxed);
    bool room = used + length <= sizeof(gathered);
    if (!room && write_gathered()) {
        used = 0;
        room = length <= sizeof(gathered);
    }
    if (room) {
        memcpy(gathered + used, text, length);
        atomic_store_explicit(&gathered_length, used + length, memory_order_relaxed);
    } else {
        write_all(text, length);
    }
    pthread_mutex_unlock(&gather_lock);
}

void log_set_timestamps(bool on)
{
    timestamps = on;
}

void log_set_guest_name(const char *name)
{
    guest_name = name;
}

size_t log_prefix(char *text, size_t size)
{
    size_t used = 0;
    *text = '\0';
    if (timestamps) {
        struct timespec now;
        struct tm date;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &date);
        used = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &date);
        used += (size_t)snprintf(text + used, size - used, ".%06ldZ ", now.tv_nsec / 1000);
    }
    if (guest_name)
        used += (size_t)snprintf(text + used, size - used, "%.60s ", guest_name);
    return used;
}

static void write_line(const char *prefix, bool message, const char *format, va_list args)
{
    char line[1024];
    int used = message ? (int)log_prefix(line, 128) : 0;
    used += snprintf(line + used, sizeof(line) - (size_t)used, "%s: ", prefix);
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
    write_line("rvive", true, format, args);
    va_end(args);
    log_flush();
}

void log_line(enum log_category category, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(category_names[category], false, format, args);
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
