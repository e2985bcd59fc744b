/* SPDX-License-Identifier: MIT
 *
 * The log: one line an event, to stderr or to the file of -D. A category is a bit; -d turns categories on.
 * Callable from any thread; a line is never torn.
 *
 * A line is written at once, with one exception: while a category that has a line for each instruction or
 * block is on, lines are gathered and written in large pieces, in their order. log_flush() writes what was
 * gathered. It is called when the harts stop, when a hart sleeps, at the end, at a fault of the program, and
 * every now and then.
 *
 * What a guest can cause is limited in rate for each call site, so that a hostile guest cannot fill the
 * user's disk or terminal. This holds for the guest's misbehaviour toward a device (LOG_GUEST) and for every
 * warning (log_warn), since it is hard to be sure that a guest cannot cause a warning about the host again
 * and again.
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
    X(CPU, "cpu", "the registers of a hart before every block that is entered (slow: interpreter)")          \
    X(CPU_RESET, "cpu_reset", "the registers of a hart before it is reset")                                  \
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

/* Turns on the categories in a comma-separated list (the argument of -d). QEMU's names are accepted, too, if
 * they mean the same. Returns false at an unknown name, with *bad set to it (it points into `list`). */
bool log_enable(const char *list, const char **bad);

/* Limits what is logged about code to ranges of guest addresses (the argument of -dfilter): START..LAST,
 * START+SIZE or START-SIZE (SIZE bytes up to START), separated by commas. Returns false at a range of another
 * form, with *bad set to it. To be called before other threads log. */
bool log_set_filter(const char *ranges, const char **bad);
/* Whether code at the guest address is to be logged. */
bool log_filter_passes(uint64_t vaddr);
/* The same for a line about the code at `addr`, or (category mmio) about an access to `addr`. */
static inline bool log_wants(uint64_t addr)
{
    return log_filter_passes(addr);
}

/* Sends the log to a file (truncated) instead of stderr. Returns false, with errno set, if it cannot be
 * opened. */
bool log_open(const char *path);

/* What stands before each warning and message (-msg): the time, and a guest's name (NULL: none), which the
 * caller keeps. Before other threads log. */
void log_set_timestamps(bool on);
void log_set_guest_name(const char *name);
/* Writes both, each with a blank behind it; returns the length. */
size_t log_prefix(char *text, size_t size);

/* Writes a line, or several, as they are. The text ends with a newline; no category is put before it. */
void log_raw(const char *text, size_t length);
/* Writes what was gathered. */
void log_flush(void);
/* Whether a line is missing in the file of -D because it could not be written; a message on stderr has said
 * so. */
bool log_failed(void);
/* log_flush() for a signal's handler. If another thread is adding a line at that moment, its last line may be
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

/* One line without category, unconditionally; used by log_warn() and by the log itself. */
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
