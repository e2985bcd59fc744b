/* SPDX-License-Identifier: MIT
 *
 * NOR flash; see pflash_cfi.h. The array is in memory. A thread of its own writes what the guest changes to
 * the image, so that no hart waits for a disk: 4 KiB at a time, followed by a flush when nothing more is to
 * be written. Both chips get the same commands and answer alike, as drivers use them: the low byte of a write
 * is the command, and an answer is given in both halves of a word.
 *
 * What could not be saved is not given up: the writer tries again every second and once more at the end. As
 * long as it fails, the guest's programs and erases end with an error, though memory has what they wrote.
 *
 * Programming only clears bits; only erasing sets them. After reset no block is locked.
 *
 * `lock` covers everything except reads by instruction fetches, which see the bytes as they are.
 */
#include "devices/platform/pflash_cfi.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "devices/fdt_node.h"
#include "util/check.h"
#include "util/log.h"
#include "util/thread.h"
#include "util/thread_signals.h"

#define BLOCK_BYTES   (256u << 10) /* of both chips together */
#define BLOCK_COUNT   (PFLASH_BANK_BYTES / BLOCK_BYTES)
#define PAGE_BYTES    4096u
#define PAGE_COUNT    (PFLASH_BANK_BYTES / PAGE_BYTES)
#define BUFFER_BITS   11 /* log2 of the write buffer's size in bytes */
#define CHIP_BITS     24 /* log2 of one chip's size in bytes */
#define RETRY_SECONDS 1  /* between two attempts to save what could not be saved */
#define ID_MAKER      0x89
#define ID_DEVICE     0x18

enum { /* status register */
       STATUS_READY = 0x80,
       STATUS_ERASE_ERROR = 0x20,
       STATUS_PROGRAM_ERROR = 0x10,
       STATUS_LOCKED = 0x02,
};

enum command {
    CMD_LOCK_CONFIRM = 0x01,
    CMD_PROGRAM = 0x10,
    CMD_ERASE = 0x20,
    CMD_PROGRAM_WORD = 0x40,
    CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK_SETUP = 0x60,
    CMD_READ_STATUS = 0x70,
    CMD_READ_ID = 0x90,
    CMD_CFI_QUERY = 0x98,
    CMD_CONFIRM = 0xd0,
    CMD_BUFFERED = 0xe8,
    CMD_READ_ARRAY = 0xff,
};

/* What the next write means. */
enum step { STEP_COMMAND, STEP_PROGRAM, STEP_ERASE, STEP_LOCK, STEP_COUNT, STEP_DATA, STEP_CONFIRM };
enum mode { MODE_ARRAY, MODE_STATUS, MODE_ID, MODE_CFI };

struct pflash {
    struct device device;
    struct pflash_config config;
    uint8_t *bytes;
    pthread_mutex_t lock;
    enum mode mode;
    enum step step;
    uint8_t status;
    uint64_t buffer_at;  /* offset of the buffered program's first word */
    uint32_t count;      /* words that are still missing */
    bool buffer_started; /* its first word has been written */
    uint8_t buffer[1u << BUFFER_BITS];
    uint8_t touched[1u << BUFFER_BITS]; /* which bytes of the buffer were written */
    uint8_t locked[BLOCK_COUNT];

    pthread_t writer;
    bool has_writer, stop;
    pthread_cond_t wake;
    uint64_t dirty[PAGE_COUNT / 64];   /* a bit a page: to be written to the image */
    uint64_t written[PAGE_COUNT / 64]; /* a bit a page: written, but not flushed yet */
    bool any_dirty;
    bool failing; /* the last attempt to save failed */
};

/* ---- The image ----------------------------------------------------------------------------------------- */

/* Takes the next dirty page; PAGE_COUNT: there is none. [locked] */
static unsigned take_dirty(struct pflash *flash)
{
    CHECK_HELD(&flash->lock);
    for (unsigned n = 0; n < PAGE_COUNT / 64; n++) {
        if (flash->dirty[n]) {
            unsigned bit = (unsigned)__builtin_ctzll(flash->dirty[n]);
            flash->dirty[n] &= flash->dirty[n] - 1;
            return n * 64 + bit;
        }
    }
    flash->any_dirty = false;
    return PAGE_COUNT;
}

static void set_page(uint64_t *pages, unsigned page)
{
    pages[page / 64] |= 1ull << page % 64;
}

/* Writes all dirty pages that can be written. [locked]; releases the lock meanwhile. */
static int write_pages(struct pflash *flash)
{
    CHECK_HELD(&flash->lock);
    uint8_t page[PAGE_BYTES];
    uint64_t failed[PAGE_COUNT / 64] = { 0 };
    unsigned n;
    int rc = 0;
    while ((n = take_dirty(flash)) < PAGE_COUNT) {
        memcpy(page, flash->bytes + n * PAGE_BYTES, PAGE_BYTES);
        pthread_mutex_unlock(&flash->lock);
        int error = blockdev_pwrite(flash->config.blockdev, page, PAGE_BYTES, (uint64_t)n * PAGE_BYTES);
        pthread_mutex_lock(&flash->lock);
        set_page(error ? failed : flash->written, n);
        rc = rc ? rc : error;
    }
    for (n = 0; n < PAGE_COUNT / 64; n++)
        flash->dirty[n] |= failed[n];
    return rc;
}

/* Notes whether saving worked. The user is told when this changes. [locked] */
static void tell_of(struct pflash *flash, int rc)
{
    CHECK_HELD(&flash->lock);
    if (rc && !flash->failing)
        log_warn("pflash: what the guest wrote cannot be saved: %s; it is tried again every second",
                 strerror(-rc));
    else if (!rc && flash->failing)
        log_warn("pflash: what the guest wrote is saved now");
    flash->failing = rc != 0;
    flash->any_dirty |= flash->failing;
}

/* Saves all changes to the image. [locked]; releases the lock meanwhile. */
static void write_dirty(struct pflash *flash)
{
    CHECK_HELD(&flash->lock);
    int rc = write_pages(flash);
    pthread_mutex_unlock(&flash->lock);
    int flushed = blockdev_flush(flash->config.blockdev);
    pthread_mutex_lock(&flash->lock);
    for (unsigned n = 0; n < PAGE_COUNT / 64; n++) {
        flash->dirty[n] |= flushed ? flash->written[n] : 0;
        flash->written[n] = 0;
    }
    tell_of(flash, rc ? rc : flushed);
}

/* [locked] */
static void wait_for_retry(struct pflash *flash)
{
    CHECK_HELD(&flash->lock);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += RETRY_SECONDS;
    while (!flash->stop && pthread_cond_timedwait(&flash->wake, &flash->lock, &until) != ETIMEDOUT)
        ;
}

static void *writer_main(void *opaque)
{
    struct pflash *flash = opaque;
    bool last;
    pthread_mutex_lock(&flash->lock);
    do {
        last = flash->stop;
        if (flash->any_dirty)
            write_dirty(flash);
        if (flash->failing && !last)
            wait_for_retry(flash);
        else if (!flash->any_dirty && !flash->stop)
            pthread_cond_wait(&flash->wake, &flash->lock);
    } while (!last);
    pthread_mutex_unlock(&flash->lock);
    return NULL;
}

static bool read_only(const struct pflash *flash)
{
    return flash->config.blockdev && flash->config.blockdev->read_only;
}

static void mark_dirty(struct pflash *flash, uint64_t offset, uint64_t length)
{
    if (!flash->has_writer)
        return;
    for (uint64_t page = offset / PAGE_BYTES; page <= (offset + length - 1) / PAGE_BYTES; page++)
        set_page(flash->dirty, (unsigned)page);
    flash->any_dirty = true;
    pthread_cond_signal(&flash->wake);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* The CFI table (JESD68 section 2 and the command set's own part), a byte a word. */
static uint8_t cfi_byte(unsigned word)
{
    static const uint8_t table[] = {
        [0x10] = 'Q',
        'R',
        'Y',
        0x01,
        0x00, /* command set 1 */
        0x31,
        0x00, /* where its own part is */
        0x00,
        0x00,
        0x00,
        0x00, /* no other command set */
        0x45,
        0x55,
        0x00,
        0x00, /* supply 4.5 to 5.5 V, no programming supply */
        0x07,
        0x07,
        0x0a,
        0x00, /* typical times, log2: word 128 us, buffer 128 us, block 1 s */
        0x04,
        0x04,
        0x04,
        0x00, /* the longest: 16 times as long */
        CHIP_BITS,
        0x02,
        0x00, /* size; 8 and 16 bits wide */
        BUFFER_BITS - 1,
        0x00, /* write buffer of one chip */
        0x01, /* regions of blocks: one */
        (BLOCK_COUNT - 1) & 0xff,
        (BLOCK_COUNT - 1) >> 8,
        (BLOCK_BYTES / 2 / 256) & 0xff,
        (BLOCK_BYTES / 2 / 256) >> 8,
        'P',
        'R',
        'I',
        '1',
        '0',
        0x20,
        0x00,
        0x00,
        0x00, /* features: blocks can be locked one by one */
        0x00, /* nothing while erasing is suspended */
        0x01,
        0x00, /* one lock bit a block */
        0x50,
        0x00, /* supplies */
    };
    return word < sizeof(table) ? table[word] : 0;
}

static uint16_t id_word(const struct pflash *flash, uint64_t offset)
{
    switch (offset / 4 & 0xff) {
    case 0: return ID_MAKER;
    case 1: return ID_DEVICE;
    case 2: return flash->locked[offset / BLOCK_BYTES];
    default: return 0;
    }
}

/* Reads one word of both chips in a mode other than reading the array. */
static uint32_t answer(const struct pflash *flash, uint64_t offset)
{
    uint32_t half = flash->status;
    if (flash->mode == MODE_ID)
        half = id_word(flash, offset);
    else if (flash->mode == MODE_CFI)
        half = cfi_byte((unsigned)(offset / 4 & 0xff));
    return half << 16 | half;
}

static uint64_t pflash_read(struct device *device, uint64_t offset, unsigned size)
{
    struct pflash *flash = (struct pflash *)device;
    uint64_t value = 0;
    pthread_mutex_lock(&flash->lock);
    if (flash->mode == MODE_ARRAY) {
        memcpy(&value, flash->bytes + offset, size);
    } else {
        uint64_t words = (uint64_t)answer(flash, offset + 4) << 32 | answer(flash, offset);
        value = words >> 8 * (offset % 4) & UINT64_MAX >> (64 - 8 * size);
    }
    pthread_mutex_unlock(&flash->lock);
    return value;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* May the block be changed? If not, the status says why. The status also reports that changes cannot be saved
 * at present. */
static bool allowed(struct pflash *flash, uint64_t offset, uint8_t error)
{
    if (flash->locked[offset / BLOCK_BYTES] || read_only(flash)) {
        flash->status |= STATUS_LOCKED | error;
        return false;
    }
    flash->status |= flash->failing ? error : 0;
    return true;
}

static void program(struct pflash *flash, uint64_t offset, const uint8_t *bytes, unsigned length)
{
    if (!allowed(flash, offset, STATUS_PROGRAM_ERROR))
        return;
    for (unsigned n = 0; n < length; n++)
        flash->bytes[offset + n] &= bytes[n];
    mark_dirty(flash, offset, length);
}

static void erase(struct pflash *flash, uint64_t offset)
{
    offset &= ~(uint64_t)(BLOCK_BYTES - 1);
    if (!allowed(flash, offset, STATUS_ERASE_ERROR))
        return;
    memset(flash->bytes + offset, 0xff, BLOCK_BYTES);
    mark_dirty(flash, offset, BLOCK_BYTES);
}

static void to_status(struct pflash *flash, enum step step)
{
    flash->mode = MODE_STATUS;
    flash->step = step;
}

static void command(struct pflash *flash, uint8_t byte)
{
    flash->step = STEP_COMMAND;
    switch (byte) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_WORD: to_status(flash, STEP_PROGRAM); break;
    case CMD_ERASE: to_status(flash, STEP_ERASE); break;
    case CMD_LOCK_SETUP: to_status(flash, STEP_LOCK); break;
    case CMD_BUFFERED: to_status(flash, STEP_COUNT); break;
    case CMD_READ_STATUS: flash->mode = MODE_STATUS; break;
    case CMD_CLEAR_STATUS: flash->status = STATUS_READY; break;
    case CMD_READ_ID: flash->mode = MODE_ID; break;
    case CMD_CFI_QUERY: flash->mode = MODE_CFI; break;
    case 0x00: /* some drivers leave a mode with these two */
    case 0xf0:
    case CMD_READ_ARRAY: flash->mode = MODE_ARRAY; break;
    default:
        LOG_GUEST("pflash: unknown command 0x%02x", byte);
        flash->mode = MODE_ARRAY;
        break;
    }
}

/* The second write of an erase, or of a change of lock bits. */
static void confirm(struct pflash *flash, uint64_t offset, uint8_t byte)
{
    bool erasing = flash->step == STEP_ERASE;
    flash->step = STEP_COMMAND;
    if (byte == CMD_READ_ARRAY)
        flash->mode = MODE_ARRAY;
    else if (erasing && byte == CMD_CONFIRM)
        erase(flash, offset);
    else if (!erasing && (byte == CMD_CONFIRM || byte == CMD_LOCK_CONFIRM))
        flash->locked[offset / BLOCK_BYTES] = byte == CMD_LOCK_CONFIRM;
    else
        flash->status |= STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR; /* there is no such sequence */
}

/* A word of the buffered program. It must lie within the buffer, which begins at the first word, and within
 * one block. */
static void buffer_word(struct pflash *flash, uint64_t offset, const uint8_t *bytes, unsigned size)
{
    if (!flash->buffer_started) {
        flash->buffer_started = true;
        flash->buffer_at = offset;
        memset(flash->touched, 0, sizeof(flash->touched));
    }
    uint64_t at = offset - flash->buffer_at;
    bool fits = at < sizeof(flash->buffer) && size <= sizeof(flash->buffer) - at &&
                offset / BLOCK_BYTES == flash->buffer_at / BLOCK_BYTES;
    if (fits) {
        memcpy(flash->buffer + at, bytes, size);
        memset(flash->touched + at, 1, size);
    } else {
        flash->status |= STATUS_PROGRAM_ERROR;
    }
    if (--flash->count == 0)
        flash->step = STEP_CONFIRM;
}

static void buffer_program(struct pflash *flash, uint8_t byte)
{
    flash->step = STEP_COMMAND;
    if (byte != CMD_CONFIRM || flash->status & STATUS_PROGRAM_ERROR) {
        flash->status |= STATUS_PROGRAM_ERROR;
        return;
    }
    for (unsigned n = 0; n < sizeof(flash->buffer); n++) {
        if (flash->touched[n])
            program(flash, flash->buffer_at + n, &flash->buffer[n], 1);
    }
}

static void pflash_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pflash *flash = (struct pflash *)device;
    uint8_t bytes[8];
    memcpy(bytes, &value, sizeof(bytes));
    pthread_mutex_lock(&flash->lock);
    switch (flash->step) {
    case STEP_COMMAND: command(flash, bytes[0]); break;
    case STEP_PROGRAM:
        program(flash, offset, bytes, size);
        flash->step = STEP_COMMAND;
        break;
    case STEP_ERASE:
    case STEP_LOCK: confirm(flash, offset, bytes[0]); break;
    case STEP_COUNT:
        flash->count = (value & 0xffff) + 1;
        flash->buffer_started = false;
        flash->step = STEP_DATA;
        break;
    case STEP_DATA: buffer_word(flash, offset, bytes, size); break;
    case STEP_CONFIRM: buffer_program(flash, bytes[0]); break;
    }
    pthread_mutex_unlock(&flash->lock);
}

/* ---- The device ---------------------------------------------------------------------------------------- */

static void pflash_reset(struct device *device)
{
    struct pflash *flash = (struct pflash *)device;
    pthread_mutex_lock(&flash->lock);
    flash->mode = MODE_ARRAY;
    flash->step = STEP_COMMAND;
    flash->status = STATUS_READY;
    flash->count = 0;
    memset(flash->locked, 0, sizeof(flash->locked));
    pthread_mutex_unlock(&flash->lock);
}

static void pflash_save(struct device *device, struct state_writer *writer)
{
    struct pflash *flash = (struct pflash *)device;
    pthread_mutex_lock(&flash->lock);
    state_section(writer, "pflash", 1);
    state_put(writer, "mode", flash->mode);
    state_put(writer, "step", flash->step);
    state_put(writer, "status", flash->status);
    state_put(writer, "buffer_at", flash->buffer_at);
    state_put(writer, "count", flash->count);
    state_put(writer, "buffer_started", flash->buffer_started);
    state_put_bytes(writer, "buffer", flash->buffer, sizeof(flash->buffer));
    state_put_bytes(writer, "touched", flash->touched, sizeof(flash->touched));
    state_put_bytes(writer, "locked", flash->locked, sizeof(flash->locked));
    state_put(writer, "has_bytes", flash->has_writer);
    if (flash->has_writer) /* otherwise the image has them */
        state_put_bytes(writer, "bytes", flash->bytes, PFLASH_BANK_BYTES);
    pthread_mutex_unlock(&flash->lock);
}

/* What was written of the buffer lies in the block of its first word, as buffer_word() has it. */
static bool buffer_fits(const struct pflash *flash)
{
    uint64_t room = BLOCK_BYTES - flash->buffer_at % BLOCK_BYTES;
    for (uint64_t n = room; n < sizeof(flash->touched); n++)
        if (flash->touched[n])
            return false;
    return true;
}

static bool pflash_load(struct device *device, struct state_reader *reader)
{
    struct pflash *flash = (struct pflash *)device;
    pflash_reset(device);
    if (!state_open(reader, "pflash", 1))
        return false;
    pthread_mutex_lock(&flash->lock);
    flash->mode = (enum mode)state_get(reader, "mode", MODE_CFI);
    flash->step = (enum step)state_get(reader, "step", STEP_CONFIRM);
    flash->status = (uint8_t)state_get(reader, "status", UINT8_MAX);
    flash->buffer_at = state_get(reader, "buffer_at", PFLASH_BANK_BYTES - 1);
    flash->count = (uint32_t)state_get(reader, "count", 0x10000);
    flash->buffer_started = state_get(reader, "buffer_started", 1);
    state_get_bytes(reader, "buffer", flash->buffer, sizeof(flash->buffer));
    state_get_bytes(reader, "touched", flash->touched, sizeof(flash->touched));
    state_get_bytes(reader, "locked", flash->locked, sizeof(flash->locked));
    if (flash->step == STEP_DATA && !flash->count)
        flash->step = STEP_COMMAND;
    if (!reader->failed && !buffer_fits(flash)) {
        reader->failed = true;
        error_set(reader->error, "saved state: pflash: the buffer at 0x%llx leaves its block",
                  (unsigned long long)flash->buffer_at);
    }
    if (state_get(reader, "has_bytes", 1) && flash->has_writer) {
        state_get_bytes(reader, "bytes", flash->bytes, PFLASH_BANK_BYTES);
        mark_dirty(flash, 0, PFLASH_BANK_BYTES);
    }
    pthread_mutex_unlock(&flash->lock);
    if (reader->failed)
        pflash_reset(device);
    return !reader->failed;
}

static void pflash_destroy(struct device *device)
{
    struct pflash *flash = (struct pflash *)device;
    if (flash->has_writer) {
        pthread_mutex_lock(&flash->lock);
        flash->stop = true;
        pthread_cond_signal(&flash->wake);
        pthread_mutex_unlock(&flash->lock);
        thread_join(&flash->writer);
        if (flash->failing)
            log_warn("pflash: what the guest wrote is lost: it could not be saved");
    }
    pthread_cond_destroy(&flash->wake);
    pthread_mutex_destroy(&flash->lock);
    munmap(flash->bytes, PFLASH_BANK_BYTES);
    free(flash);
}

/* One node describes all banks, as on QEMU's board. */
static int pflash_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    unsigned banks = ((struct pflash *)device)->config.fdt_banks;
    if (!banks)
        return 0;
    char name[32];
    snprintf(name, sizeof(name), "flash@%llx", (unsigned long long)place->base);
    struct fdt_node node = fdt_node_begin_plain(fdt, name);
    fdt_node_compatible(&node, "cfi-flash");
    fdt32_t *cells = fdt_node_cells(&node, "reg", 4 * (size_t)banks);
    for (unsigned n = 0; cells && n < banks; n++) {
        uint64_t base = place->base + n * place->size;
        fdt32_st(cells + 4 * n, (uint32_t)(base >> 32));
        fdt32_st(cells + 4 * n + 1, (uint32_t)base);
        fdt32_st(cells + 4 * n + 2, (uint32_t)(place->size >> 32));
        fdt32_st(cells + 4 * n + 3, (uint32_t)place->size);
    }
    fdt_node_u32(&node, "bank-width", 4);
    return fdt_node_end(&node);
}

static const struct device_ops pflash_ops = {
    .name = "pflash",
    .size = PFLASH_BANK_BYTES,
    .access_min = 1,
    .access_max = 8,
    .read = pflash_read,
    .write = pflash_write,
    .reset = pflash_reset,
    .save = pflash_save,
    .load = pflash_load,
    .destroy = pflash_destroy,
    .fdt = pflash_fdt,
};

uint8_t *pflash_cfi_bytes(struct device *device)
{
    return ((struct pflash *)device)->bytes;
}

static bool read_image(struct pflash *flash, struct error *error)
{
    struct blockdev *blockdev = flash->config.blockdev;
    if (!blockdev)
        return true;
    if (blockdev->size != PFLASH_BANK_BYTES)
        return error_set(error,
                         "pflash: the image has %llu bytes, and a bank of flash %u; pad it with: truncate -s "
                         "%u FILE",
                         (unsigned long long)blockdev->size, PFLASH_BANK_BYTES, PFLASH_BANK_BYTES);
    int rc = blockdev_pread(blockdev, flash->bytes, PFLASH_BANK_BYTES, 0);
    return !rc || error_set(error, "pflash: the image cannot be read: %s", strerror(-rc));
}

static bool start_writer(struct pflash *flash, struct error *error)
{
    if (!flash->config.blockdev || flash->config.blockdev->read_only)
        return true;
    sigset_t before;
    thread_signals_block(&before);
    int rc = thread_create(&flash->writer, THREAD_WORKER, "flash", writer_main, flash);
    thread_signals_restore(&before);
    flash->has_writer = !rc;
    return !rc || error_set(error, "pflash: cannot start its thread: %s", strerror(rc));
}

struct device *pflash_cfi_create(const struct pflash_config *config, struct error *error)
{
    struct pflash *flash = calloc(1, sizeof(*flash));
    void *bytes = mmap(NULL, PFLASH_BANK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!flash || bytes == MAP_FAILED) {
        if (bytes != MAP_FAILED)
            munmap(bytes, PFLASH_BANK_BYTES);
        free(flash);
        error_set(error, "pflash: out of memory");
        return NULL;
    }
    flash->device.ops = &pflash_ops;
    flash->config = *config;
    flash->bytes = bytes;
    pthread_mutex_init(&flash->lock, NULL);
    pthread_cond_init(&flash->wake, NULL);
    pflash_reset(&flash->device);
    if (read_image(flash, error) && start_writer(flash, error))
        return &flash->device;
    pflash_destroy(&flash->device);
    return NULL;
}
