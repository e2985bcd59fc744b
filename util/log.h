/* SPDX-License-Identifier: MIT
 *
 * The log: one line an event, to stderr or to the file of -D. A category is a bit; -d turns categories on.
 * Callable from any thread; a line is never torn.
 *
 * A line is written at once, but while a category is on that has a line for each instruction or block: then
 * lines are gathered and written in large pieces, in their order. log_flush() writes what was gathered; it is
 * called when the harts stop, when one sleeps, at the end, at a fault of the program, and every now and then.
 *
 * What a guest can cause is rate-limited for each call site, so that a hostile guest cannot fill the user's
 * disk or terminal: its misbehaviour toward a device (LOG_GUEST), and every warning (log_warn), since it is
 * hard to see of a warning about the host that no guest can cause it again and again.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, value of -d, what it shows */
#define LOG_CATEGORIES(X)                                                                                    \
    X(GUEST, "guest_errors", "a guest that uses a device or a CSR wrongly")                                  \
    X(UNIMP, "unimp", "things that the guest asked for and Rvive does not implement")                        \
    X(INT, "int", "traps and interrupts taken by the harts")                                                 \
    X(IN_ASM, "in_asm", "guest code, once for each block that is decoded")                                   \
    X(INSN, "insn", "every instruction that is executed, and its result (slow: interpreter)")                \
    X(BLOCK, "block", "every block of instructions that is entered (slow: interpreter)")                     \
    X(COMMIT, "commit", "every instruction that retires, and every trap, as Spike's commit log has them")    \
    X(MMIO, "mmio", "accesses of the harts to devices")                                                      \
    X(CSR, "csr", "accesses to control and status registers")                                                \
    X(IRQ, "irq", "interrupt wires of the harts and the PLIC")                                               \
    X(VIRTIO, "virtio", "requests of virtio drivers and their ends")                                         \
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
/* The same for a line about a pc, or (mmio) about where an access goes. */
static inline bool log_wants(uint64_t addr)
{
    return log_filter_passes(addr);
}

/* Sends the log to a file (truncated) instead of stderr. False and errno set where it cannot be opened. */
bool log_open(const char *path);

/* A line, or several, as they are: with a newline at the end and without a category. */
void log_raw(const char *text, size_t length);
/* Writes what was gathered. */
void log_flush(void);
/* Whether a line is missing in the file of -D because it could not be written; stderr has been told then. */
bool log_failed(void);
/* log_flush() in a signal's handler, where a thread may be in the midst of it: then its last line may be
 * missing. */
void log_flush_at_fault(void);

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

/* One line without category, unconditionally. For log_warn() and the log itself. */
void log_warn_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Warnings about the host or about the command line: one line without category, printed whatever -d says. */
#define log_warn(...)                                                                                        \
    do {                                                                                                     \
        static struct log_site log_site_;                                                                    \
        if (log_site_allows(&log_site_))                                                                     \
            log_warn_line(__VA_ARGS__);                                                                      \
    } while (0)

#define LOG_RATE_LIMITED(category, ...)                                                                      \
    do {                                                                                                     \
        static struct log_site log_site_;                                                                    \
        if (log_enabled(category) && log_site_allows(&log_site_))                                            \
            log_line(category, __VA_ARGS__);                                                                 \
    } while (0)

#define LOG_GUEST(...) LOG_RATE_LIMITED(LOG_CATEGORY_GUEST, __VA_ARGS__)
#define LOG_UNIMP(...) LOG_RATE_LIMITED(LOG_CATEGORY_UNIMP, __VA_ARGS__)

#endif
