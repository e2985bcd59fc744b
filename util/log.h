/* SPDX-License-Identifier: MIT
 *
 * The log: one line an event, to stderr or to the file of -D. A category is a bit; -d turns categories on.
 * Callable from any thread; a line is written with one write and never torn.
 *
 * Guest misbehaviour toward a device goes through LOG_GUEST, which is rate-limited for each call site, so
 * that a hostile guest cannot fill the user's disk or terminal.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* name, value of -d, what it shows */
#define LOG_CATEGORIES(X)                                                                                    \
    X(GUEST, "guest_errors", "a guest that uses a device or a CSR wrongly")                                  \
    X(UNIMP, "unimp", "things that the guest asked for and Rvive does not implement")                        \
    X(INT, "int", "traps and interrupts taken by the harts")                                                 \
    X(IN_ASM, "in_asm", "guest code, once for each block that is decoded")                                   \
    X(OUT_ASM, "out_asm", "guest code beside the host code that it was translated into")                     \
    X(IR, "ir", "operations of the regions that the optimiser makes")

enum log_category {
#define X(name, option, text) LOG_CATEGORY_##name,
    LOG_CATEGORIES(X)
#undef X
        LOG_CATEGORY_COUNT
};

extern atomic_uint log_mask; /* bit n: category n is on */

static inline bool log_enabled(enum log_category category)
{
    return atomic_load_explicit(&log_mask, memory_order_relaxed) >> category & 1;
}

/* Turns on the categories named in a comma-separated list (the argument of -d). Returns false at a name that
 * is not one, with *bad set to it (it points into `list`). */
bool log_enable(const char *list, const char **bad);

/* Limits what is logged of code to ranges of guest addresses (the argument of -dfilter): START..LAST,
 * START+SIZE or START-SIZE (SIZE bytes up to START), with commas between. False at what is none of these,
 * with *bad set to it. Before other threads log. */
bool log_set_filter(const char *ranges, const char **bad);
/* Whether code at the guest address is to be logged. */
bool log_filter_passes(uint64_t vaddr);

/* Sends the log to a file (truncated) instead of stderr. False and errno set where it cannot be opened. */
bool log_open(const char *path);

/* One line without category: warnings about the host or about the command line. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line of a category, unconditionally: callers test log_enabled() first. */
void log_line(enum log_category category, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* State of one rate-limited call site: at most LOG_GUEST_BURST lines a second, then one that says how many
 * were left out. */
struct log_site {
    _Atomic uint64_t window; /* second, CLOCK_MONOTONIC */
    atomic_uint count;
};
#define LOG_GUEST_BURST 5
bool log_site_allows(struct log_site *site);

#define LOG_RATE_LIMITED(category, ...)                                                                      \
    do {                                                                                                     \
        static struct log_site log_site_;                                                                    \
        if (log_enabled(category) && log_site_allows(&log_site_))                                            \
            log_line(category, __VA_ARGS__);                                                                 \
    } while (0)

#define LOG_GUEST(...) LOG_RATE_LIMITED(LOG_CATEGORY_GUEST, __VA_ARGS__)
#define LOG_UNIMP(...) LOG_RATE_LIMITED(LOG_CATEGORY_UNIMP, __VA_ARGS__)

#endif
