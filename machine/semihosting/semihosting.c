/* SPDX-License-Identifier: MIT
 *
 * Semihosting calls; see semihosting.h. A call's argument is a block of words in guest memory, which is read
 * and written through the caller's translation. A call that fails returns what its specification says,
 * usually -1, and leaves an errno for SYS_ERRNO.
 *
 * A guest can ask for more bytes than there is time for. So bytes are moved a piece at a time. If the hart is
 * wanted between two pieces, the call is interrupted: when the hart runs next, it makes the same call again,
 * which continues where it was (struct progress). No byte is moved twice, and none is left out.
 */
#include "machine/semihosting/semihosting.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/hart_view.h"
#include "machine/internal.h"
#include "machine/semihosting/internal.h"
#include "util/log.h"

#define CHUNK 4096u /* bytes moved at a time */

enum operation {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_READC = 0x07,
    SYS_ISERROR = 0x08,
    SYS_ISTTY = 0x09,
    SYS_SEEK = 0x0a,
    SYS_FLEN = 0x0c,
    SYS_TMPNAM = 0x0d,
    SYS_REMOVE = 0x0e,
    SYS_RENAME = 0x0f,
    SYS_CLOCK = 0x10,
    SYS_TIME = 0x11,
    SYS_SYSTEM = 0x12,
    SYS_ERRNO = 0x13,
    SYS_GET_CMDLINE = 0x15,
    SYS_HEAPINFO = 0x16,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
    SYS_ELAPSED = 0x30,
    SYS_TICKFREQ = 0x31,
};
#define APPLICATION_EXIT 0x20026u /* ADP_Stopped_ApplicationExit */
#define FAILED           UINT64_MAX
#define TICKS_HZ         1000000000u

/* One call that is being served. */
struct call {
    struct semihosting *self;
    struct hart *hart;
    uint64_t operation, argument;
    uint64_t words[4];
};

/* ---- Guest memory -------------------------------------------------------------------------------------- */

static unsigned word_size(const struct hart *hart)
{
    return hart_view_isa(hart)->xlen / 8;
}

static bool unreadable(struct call *call)
{
    call->self->error = EFAULT;
    return false;
}

/* Reads the first words of the argument block. */
static bool get_words(struct call *call, unsigned count)
{
    unsigned size = word_size(call->hart);
    for (unsigned i = 0; i < count; i++) {
        call->words[i] = 0;
        if (hart_view_read(call->hart, call->argument + i * size, &call->words[i], size) != size)
            return unreadable(call);
    }
    return true;
}

static bool put_word(struct call *call, uint64_t addr, uint64_t value)
{
    unsigned size = word_size(call->hart);
    return hart_view_write(call->hart, addr, &value, size) == size || unreadable(call);
}

/* Reads a name of `length` bytes. */
static bool get_name(struct call *call, uint64_t addr, uint64_t length, char name[SEMIHOSTING_NAME])
{
    if (length >= SEMIHOSTING_NAME) {
        call->self->error = ENAMETOOLONG;
        return false;
    }
    if (hart_view_read(call->hart, addr, name, length) != length)
        return unreadable(call);
    name[length] = 0;
    return true;
}

/* ---- Calls that go on where they were ------------------------------------------------------------------ */

static struct progress *progress_of(struct call *call)
{
    return &call->self->progress[hart_id(call->hart)];
}

/* Is it the call that this hart interrupted, made again? */
static bool is_same(const struct progress *progress, const struct call *call)
{
    return progress->done && progress->pc == hart_pc(call->hart) && progress->operation == call->operation &&
           progress->argument == call->argument &&
           memcmp(progress->words, call->words, sizeof(progress->words)) == 0;
}

/* Returns how many bytes of the call have already been moved. */
static uint64_t progress_take(struct call *call)
{
    struct progress *progress = progress_of(call);
    uint64_t done = is_same(progress, call) ? progress->done : 0;
    if (done)
        progress->done = 0;
    return done;
}

/* Interrupts the call; it will be made again. */
static enum semihost_answer progress_keep(struct call *call, uint64_t done)
{
    struct progress *progress = progress_of(call);
    *progress = (struct progress){ call->operation, call->argument, hart_pc(call->hart), { 0 }, done };
    memcpy(progress->words, call->words, sizeof(progress->words));
    return SEMIHOST_AGAIN;
}

/* ---- Files and console --------------------------------------------------------------------------------- */

static uint64_t do_open(struct call *call)
{
    char name[SEMIHOSTING_NAME];
    if (!get_words(call, 3) || !get_name(call, call->words[0], call->words[2], name))
        return FAILED;
    return (uint64_t)file_open(call->self, name, call->words[1]);
}

static uint64_t do_remove(struct call *call)
{
    char name[SEMIHOSTING_NAME];
    if (!get_words(call, 2) || !get_name(call, call->words[0], call->words[1], name))
        return FAILED;
    return (uint64_t)file_remove(call->self, name);
}

static uint64_t do_rename(struct call *call)
{
    char from[SEMIHOSTING_NAME], to[SEMIHOSTING_NAME];
    if (!get_words(call, 4) || !get_name(call, call->words[0], call->words[1], from) ||
        !get_name(call, call->words[2], call->words[3], to))
        return FAILED;
    return (uint64_t)file_rename(call->self, from, to);
}

/* Writes to the console without the lock, since this may wait for the terminal. Returns how many bytes were
 * written: all of them, unless the hart is wanted. */
static size_t unlocked_write(struct call *call, enum handle_kind kind, const void *bytes, size_t length)
{
    pthread_mutex_unlock(&call->self->lock);
    size_t done = console_write(call->self, call->hart, kind, bytes, length);
    pthread_mutex_lock(&call->self->lock);
    return done;
}

static enum semihost_answer do_writec(struct call *call)
{
    uint8_t byte;
    bool written = hart_view_read(call->hart, call->argument, &byte, 1) != 1 ||
                   unlocked_write(call, HANDLE_OUTPUT, &byte, 1) == 1;
    return written ? SEMIHOST_DONE : SEMIHOST_AGAIN;
}

static enum semihost_answer do_write0(struct call *call)
{
    uint8_t bytes[CHUNK];
    for (uint64_t done = progress_take(call);;) {
        if (hart_wanted(call->hart))
            return progress_keep(call, done);
        size_t n = hart_view_read(call->hart, call->argument + done, bytes, CHUNK),
               length = strnlen((char *)bytes, n),
               written = unlocked_write(call, HANDLE_OUTPUT, bytes, length);
        done += written;
        if (written == length && length < CHUNK)
            return SEMIHOST_DONE;
    }
}

static bool is_console(const struct handle *handle)
{
    return handle->kind == HANDLE_INPUT || handle->kind == HANDLE_OUTPUT || handle->kind == HANDLE_ERRORS;
}

/* Writes the next piece. Returns its bytes; 0 or -1 if no more can be written. A console may take fewer bytes
 * than it was given, even none, if the hart is wanted, so the caller looks at *wanted. */
static ssize_t write_piece(struct call *call, struct handle *handle, uint64_t at, uint64_t left, bool *wanted)
{
    uint8_t bytes[CHUNK];
    size_t length = left < CHUNK ? (size_t)left : CHUNK, got = hart_view_read(call->hart, at, bytes, length);
    if (!got)
        return 0;
    if (!is_console(handle))
        return file_transfer(call->self, handle, bytes, got, true);
    size_t done = unlocked_write(call, handle->kind, bytes, got);
    *wanted = done < got;
    return (ssize_t)done;
}

/* The result is the number of bytes that were not written. */
static enum semihost_answer do_write(struct call *call, uint64_t *result)
{
    struct handle *handle = get_words(call, 3) ? file_handle(call->self, call->words[0]) : NULL;
    *result = FAILED;
    if (!handle)
        return SEMIHOST_DONE;
    uint64_t done = progress_take(call), all = call->words[2];
    while (done < all) {
        bool wanted = hart_wanted(call->hart);
        ssize_t n = wanted ? 0 : write_piece(call, handle, call->words[1] + done, all - done, &wanted);
        done += n > 0 ? (uint64_t)n : 0;
        if (wanted && done < all)
            return progress_keep(call, done);
        if (n <= 0)
            break;
    }
    *result = all - done;
    return SEMIHOST_DONE;
}

/* Reads a line, or what has been typed so far. */
static enum semihost_answer read_console(struct call *call, uint64_t *result)
{
    uint8_t bytes[CHUNK];
    uint64_t all = call->words[2];
    pthread_mutex_unlock(&call->self->lock);
    ssize_t n = console_read(call->self, call->hart, bytes, all < CHUNK ? (size_t)all : CHUNK);
    pthread_mutex_lock(&call->self->lock);
    if (n < 0)
        return SEMIHOST_AGAIN;
    *result = all;
    if (n > 0 && hart_view_write(call->hart, call->words[1], bytes, (size_t)n) == (size_t)n)
        *result -= (uint64_t)n;
    return SEMIHOST_DONE;
}

/* As do_write(), but reads. */
static enum semihost_answer do_read(struct call *call, uint64_t *result)
{
    uint8_t bytes[CHUNK];
    struct handle *handle = get_words(call, 3) ? file_handle(call->self, call->words[0]) : NULL;
    *result = FAILED;
    if (!handle)
        return SEMIHOST_DONE;
    uint64_t all = call->words[2];
    if (all && is_console(handle))
        return read_console(call, result);
    uint64_t done = progress_take(call);
    while (done < all) {
        if (hart_wanted(call->hart))
            return progress_keep(call, done);
        size_t length = all - done < CHUNK ? (size_t)(all - done) : CHUNK;
        ssize_t n = file_transfer(call->self, handle, bytes, length, false);
        if (n <= 0 || hart_view_write(call->hart, call->words[1] + done, bytes, (size_t)n) != (size_t)n)
            break;
        done += (uint64_t)n;
    }
    *result = all - done;
    return SEMIHOST_DONE;
}

static enum semihost_answer do_readc(struct call *call, uint64_t *result)
{
    uint8_t byte = 0;
    pthread_mutex_unlock(&call->self->lock);
    ssize_t n = console_read(call->self, call->hart, &byte, 1);
    pthread_mutex_lock(&call->self->lock);
    *result = n > 0 ? byte : FAILED;
    return n < 0 ? SEMIHOST_AGAIN : SEMIHOST_DONE;
}

static uint64_t do_tmpnam(struct call *call)
{
    char name[32];
    if (!get_words(call, 3))
        return FAILED;
    size_t length = (size_t)snprintf(name, sizeof(name), "tmp-%03u", (unsigned)(call->words[1] & 0xff)) + 1;
    if (length > call->words[2] || hart_view_write(call->hart, call->words[0], name, length) != length)
        return FAILED;
    return 0;
}

/* ---- The program and its surroundings ------------------------------------------------------------------ */

static size_t command_line(const struct machine_config *config, char *text, size_t size)
{
    const struct semihosting_config *semihosting = &config->semihosting;
    size_t used = 0;
    for (unsigned i = 0; i < semihosting->arg_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "", semihosting->args[i]);
    if (!semihosting->arg_count)
        used = (size_t)snprintf(text, size, "%s%s%s", config->kernel ? config->kernel : "",
                                config->append ? " " : "", config->append ? config->append : "");
    return used;
}

static uint64_t do_get_cmdline(struct call *call)
{
    char text[SEMIHOSTING_NAME];
    size_t length = command_line(&call->self->machine->config, text, sizeof(text));
    if (!get_words(call, 2) || length >= sizeof(text) || length >= call->words[1])
        return FAILED;
    if (hart_view_write(call->hart, call->words[0], text, length + 1) != length + 1 ||
        !put_word(call, call->argument + word_size(call->hart), length))
        return FAILED;
    return 0;
}

/* Reports the RAM between the highest image and the device tree: the heap begins at its start, the stack at
 * its end. */
static uint64_t do_heapinfo(struct call *call)
{
    struct machine *machine = call->self->machine;
    uint64_t base = machine->config.board->ram_base, top = base + machine->config.ram_size;
    if (machine->fdt_addr > base)
        top = machine->fdt_addr;
    for (unsigned i = 0; i < machine->loader.count; i++) {
        uint64_t end = machine->loader.blobs[i].paddr + machine->loader.blobs[i].size;
        base = end > base && end <= top ? end : base;
    }
    base = (base + 4095) & ~UINT64_C(4095);
    uint64_t middle = base + (top - base) / 4 * 3, block = 0;
    uint64_t values[4] = { base, middle, top, middle };
    unsigned size = word_size(call->hart);
    if (hart_view_read(call->hart, call->argument, &block, size) != size)
        return FAILED;
    for (unsigned i = 0; i < 4; i++) {
        if (!put_word(call, block + i * size, values[i]))
            return FAILED;
    }
    return 0;
}

static void finish(struct call *call, unsigned status)
{
    run_state_end_boot(call->self->machine, MACHINE_EVENT_POWEROFF, status & 0xff);
}

/* RV64: the block has reason and status. RV32's SYS_EXIT has only the reason. */
static uint64_t do_exit(struct call *call, bool extended)
{
    if (!extended && hart_view_isa(call->hart)->xlen == 32) {
        finish(call, call->argument == APPLICATION_EXIT ? 0 : 1);
    } else if (get_words(call, 2)) {
        finish(call, call->words[0] == APPLICATION_EXIT ? (unsigned)call->words[1] : 1);
    } else {
        finish(call, 1);
    }
    return 0;
}

static uint64_t do_elapsed(struct call *call)
{
    uint64_t ticks = clock_ns(call->self->machine->clock);
    return hart_view_write(call->hart, call->argument, &ticks, 8) == 8 ? 0 : FAILED;
}

static uint64_t do_iserror(struct call *call)
{
    if (!get_words(call, 1))
        return 1;
    return call->words[0] >> (8 * word_size(call->hart) - 1) & 1;
}

static uint64_t unknown(struct call *call, uint64_t operation)
{
    LOG_UNIMP("semihosting: hart %u at pc 0x%" PRIx64 ": operation 0x%" PRIx64 " is not there%s",
              hart_id(call->hart), hart_pc(call->hart), operation,
              operation == SYS_SYSTEM ? ": commands of the host are not run" : "");
    call->self->error = ENOSYS;
    return FAILED;
}

/* ---- The call ------------------------------------------------------------------------------------------ */

static uint64_t on_handle(struct call *call, uint64_t operation)
{
    if (!get_words(call, operation == SYS_SEEK ? 2 : 1))
        return FAILED;
    switch (operation) {
    case SYS_CLOSE: return (uint64_t)file_close(call->self, call->words[0]);
    case SYS_ISTTY: return (uint64_t)file_is_terminal(call->self, call->words[0]);
    case SYS_SEEK: return (uint64_t)file_seek(call->self, call->words[0], call->words[1]);
    default: return (uint64_t)file_length(call->self, call->words[0]);
    }
}

static uint64_t serve(struct call *call, uint64_t operation)
{
    struct clock *clock = call->self->machine->clock;
    switch (operation) {
    case SYS_OPEN: return do_open(call);
    case SYS_CLOSE:
    case SYS_ISTTY:
    case SYS_SEEK:
    case SYS_FLEN: return on_handle(call, operation);
    case SYS_ISERROR: return do_iserror(call);
    case SYS_TMPNAM: return do_tmpnam(call);
    case SYS_REMOVE: return do_remove(call);
    case SYS_RENAME: return do_rename(call);
    case SYS_CLOCK: return clock_ns(clock) / 10000000;
    case SYS_TIME: return clock_wall_ns(clock) / 1000000000;
    case SYS_ERRNO: return (uint64_t)call->self->error;
    case SYS_GET_CMDLINE: return do_get_cmdline(call);
    case SYS_HEAPINFO: return do_heapinfo(call);
    case SYS_EXIT: return do_exit(call, false);
    case SYS_EXIT_EXTENDED: return do_exit(call, true);
    case SYS_ELAPSED: return do_elapsed(call);
    case SYS_TICKFREQ: return TICKS_HZ;
    default: return unknown(call, operation);
    }
}

/* Also serves calls that may take long, or wait for the user. */
static enum semihost_answer serve_any(struct call *call, uint64_t *result)
{
    *result = 0;
    switch (call->operation) {
    case SYS_READ: return do_read(call, result);
    case SYS_READC: return do_readc(call, result);
    case SYS_WRITE: return do_write(call, result);
    case SYS_WRITE0: return do_write0(call);
    case SYS_WRITEC: return do_writec(call);
    default: *result = serve(call, call->operation); return SEMIHOST_DONE;
    }
}

static enum semihost_answer on_call(struct semihost *semihost, struct hart *hart, uint64_t operation,
                                    uint64_t argument, uint64_t *result)
{
    struct semihosting *self = (struct semihosting *)semihost;
    struct call call = { .self = self, .hart = hart, .operation = operation, .argument = argument };
    pthread_mutex_lock(&self->lock);
    enum semihost_answer answer = serve_any(&call, result);
    pthread_mutex_unlock(&self->lock);
    return answer;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static bool open_parts(struct semihosting *self, struct error *error)
{
    return guest_folder_open(self->config->path, &self->root, error) && console_open(self, error);
}

struct semihosting *semihosting_create(struct machine *machine, struct error *error)
{
    struct semihosting *self = calloc(1, sizeof(*self));
    if (!self) {
        error_set(error, "out of memory for semihosting");
        return NULL;
    }
    self->machine = machine;
    self->config = &machine->config.semihosting;
    self->semihost = (struct semihost){ .call = on_call, .userspace = self->config->userspace };
    pthread_mutex_init(&self->lock, NULL);
    if (!open_parts(self, error)) {
        semihosting_destroy(self);
        return NULL;
    }
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_set_semihost(machine->harts[i], &self->semihost);
    return self;
}

void semihosting_reset(struct semihosting *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 1; i <= SEMIHOSTING_FILES; i++)
        file_close(self, i);
    pthread_mutex_unlock(&self->lock);
    memset(self->progress, 0, sizeof(self->progress));
}

void semihosting_destroy(struct semihosting *self)
{
    if (!self)
        return;
    semihosting_reset(self);
    if (self->root >= 0)
        close(self->root);
    console_close(self);
    pthread_mutex_destroy(&self->lock);
    free(self);
}
