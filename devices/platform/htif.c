/* SPDX-License-Identifier: MIT
 *
 * HTIF; see htif.h. A command is obeyed on the thread of the hart that wrote it, so what the hart does next
 * finds the answer there, and nothing runs after an exit. Spike polls the words instead.
 *
 * A program may write `tohost` in halves. The command counts when its upper half is written. A program for
 * Spike may leave that out, since it is 0 anyway. So a lower half alone counts when it is written again with
 * the same value (such programs end in a loop that does so), or when the hart's thread has run for a
 * millisecond since. It may not run for a long time on a busy host; after a quarter of a second the hart is
 * taken to rest.
 *
 * An answer waits until the guest has cleared `fromhost`. Only the answers to output are replaced by the
 * next: Spike does not give them, QEMU does, and a program for Spike does not clear them.
 *
 * The lock protects all of the state. It is not held while the chardev or the frontend server is called,
 * since both may wait for the host.
 */
#include "devices/platform/htif.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define ANSWERS    64u /* that wait for the guest to clear fromhost */
#define HALF_NS    UINT64_C(1000000)
#define REST_NS    UINT64_C(250000000)
#define WRITE_PART UINT64_C(4096)  /* bytes of output at a time */
#define WRITE_MAX  UINT64_C(65536) /* of a call: a machine that is to stop waits for it */
#define READ_MAX   UINT64_C(4096)  /* bytes of input at a time */
#define KEY_THERE  0x100u

enum { DEVICE_SYSTEM = 0, DEVICE_CONSOLE = 1 };
enum { CONSOLE_GETC = 0, CONSOLE_PUTC = 1 };
enum { FD_INPUT = 0, FD_OUTPUT = 1, FD_ERRORS = 2 };
enum { CALL_READ = 63, CALL_WRITE = 64, CALL_EXIT = 93 };
enum { OFFSET_TOHOST = 8 }; /* fromhost is at 0: so OpenSBI and QEMU have them */

/* A read of the console that waits for keys. */
struct reading {
    bool waits;
    uint64_t block, addr, length; /* the words of the call; where the bytes go */
};

struct htif {
    struct device device; /* must be first: the ops cast back to the whole */
    struct htif_config config;
    pthread_mutex_t lock;
    uint64_t registers[2];       /* if the words are not in RAM */
    uint64_t *tohost, *fromhost; /* there, or in RAM */
    uint64_t half;               /* the value with a lower half that waits; 0: none */
    struct clock_timer timer;    /* for it */
    clockid_t half_thread;       /* counts the time that the thread which wrote it has run */
    uint64_t half_ran;           /* the time then, in ns */
    uint64_t half_until;         /* when it counts in any case (the machine's clock) */
    uint64_t acknowledged;       /* the answer to output that is in fromhost; 0: none */
    uint64_t answers[ANSWERS];
    unsigned answer_count;
    unsigned keys_wanted; /* commands that wait for a key */
    struct reading reading;
    bool input_ended; /* there is nobody at the chardev's other end */
    bool ended;       /* nothing is obeyed until the reset */
};

/* ---- The words ----------------------------------------------------------------------------------------- */

static uint64_t get(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void put(struct htif *htif, uint64_t *word, uint64_t value)
{
    uint64_t paddr = word == htif->tohost ? htif->config.tohost : htif->config.fromhost;
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    if (htif->config.in_ram && paddr)
        htif->config.dma->ops->written(htif->config.dma, paddr, 8);
}

/* Shows the next answer, if the guest has taken the last one. [lock] */
static void deliver(struct htif *htif)
{
    uint64_t now = get(htif->fromhost);
    if (now && now == htif->acknowledged)
        now = 0;
    if (now || !htif->answer_count)
        return;
    htif->acknowledged = 0;
    put(htif, htif->fromhost, htif->answers[0]);
    memmove(htif->answers, htif->answers + 1, --htif->answer_count * sizeof(htif->answers[0]));
}

static uint64_t word_of(unsigned device, unsigned command, uint64_t payload)
{
    return (uint64_t)device << 56 | (uint64_t)command << 48 | payload;
}

static void answer(struct htif *htif, unsigned device, unsigned command, uint64_t payload)
{
    if (htif->answer_count == ANSWERS) {
        LOG_GUEST("htif: the guest takes no answers from fromhost: one is lost");
        return;
    }
    htif->answers[htif->answer_count++] = word_of(device, command, payload);
    deliver(htif);
}

/* ---- The console --------------------------------------------------------------------------------------- */

static void unlocked_write(struct htif *htif, const uint8_t *bytes, size_t length)
{
    pthread_mutex_unlock(&htif->lock);
    chardev_write(htif->config.chardev, bytes, length);
    pthread_mutex_lock(&htif->lock);
}

static size_t room_for_keys(const struct htif *htif)
{
    if (htif->reading.waits)
        return (size_t)htif->reading.length;
    return htif->keys_wanted;
}

static size_t front_can_receive(void *opaque)
{
    struct htif *htif = opaque;
    pthread_mutex_lock(&htif->lock);
    size_t room = room_for_keys(htif);
    pthread_mutex_unlock(&htif->lock);
    return room;
}

/* Ends the read that waits; bytes == NULL: there is no RAM for them. [lock] */
static void end_reading(struct htif *htif, const uint8_t *bytes, size_t length)
{
    bool ok = !length || (bytes && dma_write(htif->config.dma, htif->reading.addr, bytes, length));
    int64_t result = ok ? (int64_t)length : -EFAULT;
    htif->reading.waits = false;
    dma_write(htif->config.dma, htif->reading.block, &result, sizeof(result));
    answer(htif, DEVICE_SYSTEM, 0, 1);
}

static void front_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct htif *htif = opaque;
    pthread_mutex_lock(&htif->lock);
    if (length > room_for_keys(htif)) /* it was reset meanwhile */
        length = room_for_keys(htif);
    if (htif->reading.waits && length) {
        end_reading(htif, bytes, length);
    } else {
        for (size_t i = 0; i < length; i++, htif->keys_wanted--)
            answer(htif, DEVICE_CONSOLE, CONSOLE_GETC, KEY_THERE | bytes[i]);
    }
    pthread_mutex_unlock(&htif->lock);
}

/* The end of the input ends a read, with no bytes, and those that follow. A key that was asked for does not
 * come. */
static void front_event(void *opaque, enum chardev_event event)
{
    struct htif *htif = opaque;
    if (event == CHARDEV_EVENT_BREAK)
        return;
    pthread_mutex_lock(&htif->lock);
    htif->input_ended = event == CHARDEV_EVENT_CLOSED;
    if (htif->input_ended && htif->reading.waits)
        end_reading(htif, NULL, 0);
    pthread_mutex_unlock(&htif->lock);
}

/* Returns true if the chardev has to be told that there is room. */
static bool console_command(struct htif *htif, unsigned command, uint64_t payload)
{
    uint8_t byte = (uint8_t)payload;
    switch (command) {
    case CONSOLE_GETC:
        if (htif->keys_wanted == ANSWERS)
            LOG_GUEST("htif: the guest waits for more than %u keys", ANSWERS);
        else
            htif->keys_wanted++;
        return true;
    case CONSOLE_PUTC:
        unlocked_write(htif, &byte, 1);
        if (!htif->answer_count && (!get(htif->fromhost) || get(htif->fromhost) == htif->acknowledged)) {
            htif->acknowledged = word_of(DEVICE_CONSOLE, CONSOLE_PUTC, KEY_THERE | byte);
            put(htif, htif->fromhost, htif->acknowledged);
        }
        return false;
    default: LOG_UNIMP("htif: command %u of the console is not implemented", command); return false;
    }
}

/* ---- System calls -------------------------------------------------------------------------------------- */

/* Output to the console. Returns how many bytes were written, which are those in RAM, or -EFAULT. */
static int64_t write_console(struct htif *htif, uint64_t addr, uint64_t length)
{
    uint8_t bytes[WRITE_PART];
    uint64_t done = 0;
    length = length < WRITE_MAX ? length : WRITE_MAX;
    while (done < length && !htif->ended) {
        uint64_t part = length - done < WRITE_PART ? length - done : WRITE_PART;
        if (!dma_read(htif->config.dma, addr + done, bytes, part))
            return done ? (int64_t)done : -EFAULT;
        unlocked_write(htif, bytes, part);
        done += part;
    }
    return (int64_t)done;
}

static bool read_console(struct htif *htif, uint64_t block, uint64_t addr, uint64_t length)
{
    length = length < READ_MAX ? length : READ_MAX;
    htif->reading = (struct reading){ .waits = true, .block = block, .addr = addr, .length = length };
    if (!length || htif->input_ended)
        end_reading(htif, NULL, 0);
    else if (!htif->config.dma->ops->map(htif->config.dma, addr, length, true))
        end_reading(htif, NULL, length);
    return true;
}

static void end(struct htif *htif, uint64_t code)
{
    /* The status of a process has 8 bits; a failure must not look like success. */
    htif->ended = true;
    htif->config.exit(htif->config.opaque, code > 255 ? 255 : (unsigned)code);
}

static bool is_console(uint64_t fd)
{
    return fd == FD_OUTPUT || fd == FD_ERRORS;
}

/* As console_command(). */
static bool system_call(struct htif *htif, uint64_t block)
{
    uint64_t words[HTIF_CALL_WORDS];
    int64_t result;
    if (!dma_read(htif->config.dma, block, words, sizeof(words))) {
        LOG_GUEST("htif: the words of a system call at %#llx are not in RAM", (unsigned long long)block);
        return false;
    }
    if (words[0] == CALL_READ && words[1] == FD_INPUT)
        return read_console(htif, block, words[2], words[3]);
    if (words[0] == CALL_EXIT) {
        end(htif, words[1]);
        return false;
    }
    if (words[0] == CALL_WRITE && is_console(words[1])) {
        result = write_console(htif, words[2], words[3]);
    } else {
        pthread_mutex_unlock(&htif->lock);
        result = htif->config.call(htif->config.opaque, words);
        pthread_mutex_lock(&htif->lock);
    }
    dma_write(htif->config.dma, block, &result, sizeof(result));
    answer(htif, DEVICE_SYSTEM, 0, 1);
    return false;
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

/* Obeys what is in tohost. Returns true if the chardev has to be told that there is room. [lock] */
static bool obey(struct htif *htif)
{
    uint64_t value = get(htif->tohost), payload = value & (UINT64_MAX >> 16);
    unsigned device = value >> 56, command = value >> 48 & 0xff;
    htif->half = 0;
    if (!value || htif->ended)
        return false;
    put(htif, htif->tohost, 0);
    if (device == DEVICE_CONSOLE)
        return console_command(htif, command, payload);
    if (device == DEVICE_SYSTEM && command == 0 && payload & 1)
        end(htif, payload >> 1);
    else if (device == DEVICE_SYSTEM && command == 0)
        return system_call(htif, payload);
    else
        LOG_UNIMP("htif: command %u of device %u is not implemented", command, device);
    return false;
}

/* How long a thread has run. */
static uint64_t thread_ns(clockid_t thread)
{
    struct timespec ran;
    return clock_gettime(thread, &ran) ? UINT64_MAX
                                       : (uint64_t)ran.tv_sec * 1000000000 + (uint64_t)ran.tv_nsec;
}

/* The present thread has written a half. [lock] */
static void half_written(struct htif *htif)
{
    uint64_t now = clock_ns(htif->config.clock);
    pthread_getcpuclockid(pthread_self(), &htif->half_thread);
    htif->half_ran = thread_ns(htif->half_thread);
    htif->half_until = now + REST_NS;
    clock_timer_arm(&htif->timer, now + HALF_NS);
}

/* Bytes `first` to `last` of tohost were written. [lock] */
static bool tohost_written(struct htif *htif, unsigned first, unsigned last)
{
    uint64_t value = get(htif->tohost);
    if (last == 7 || (value && value == htif->half && first == 0))
        return obey(htif);
    htif->half = value;
    if (value)
        half_written(htif);
    return false;
}

/* The hart may be between its two stores. Its thread is another one after a pause or a load. [lock] */
static bool half_is_fresh(const struct htif *htif, uint64_t now)
{
    uint64_t ran = thread_ns(htif->half_thread);
    return now < htif->half_until && (ran == UINT64_MAX || ran - htif->half_ran < HALF_NS);
}

static void half_waited(void *opaque)
{
    struct htif *htif = opaque;
    pthread_mutex_lock(&htif->lock);
    uint64_t now = clock_ns(htif->config.clock);
    bool waits = htif->half && get(htif->tohost) == htif->half, room = false;
    if (waits && half_is_fresh(htif, now))
        clock_timer_arm(&htif->timer, now + HALF_NS);
    else if (waits)
        room = obey(htif);
    pthread_mutex_unlock(&htif->lock);
    if (room)
        chardev_input_ready(htif->config.chardev);
}

static bool meets(uint64_t word, uint64_t paddr, unsigned size)
{
    return word && paddr < word + 8 && word < paddr + size;
}

void htif_stored(struct device *device, uint64_t paddr, unsigned size)
{
    struct htif *htif = (struct htif *)device;
    uint64_t tohost = htif->config.tohost, end = paddr + size;
    bool room = false;
    if (!meets(tohost, paddr, size) && !meets(htif->config.fromhost, paddr, size))
        return;
    pthread_mutex_lock(&htif->lock);
    if (meets(htif->config.fromhost, paddr, size))
        deliver(htif);
    if (meets(tohost, paddr, size))
        room = tohost_written(htif, paddr > tohost ? (unsigned)(paddr - tohost) : 0,
                              end >= tohost + 8 ? 7 : (unsigned)(end - tohost - 1));
    pthread_mutex_unlock(&htif->lock);
    if (room)
        chardev_input_ready(htif->config.chardev);
}

/* ---- As registers -------------------------------------------------------------------------------------- */

static uint64_t htif_read(struct device *device, uint64_t offset, unsigned size)
{
    struct htif *htif = (struct htif *)device;
    pthread_mutex_lock(&htif->lock);
    uint64_t value = get(offset < OFFSET_TOHOST ? htif->fromhost : htif->tohost);
    pthread_mutex_unlock(&htif->lock);
    return value >> 8 * (offset % 8) & (UINT64_MAX >> (64 - 8 * size));
}

static void htif_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct htif *htif = (struct htif *)device;
    unsigned first = offset % 8;
    uint64_t mask = (UINT64_MAX >> (64 - 8 * size)) << 8 * first;
    bool room = false;
    pthread_mutex_lock(&htif->lock);
    uint64_t *word = offset < OFFSET_TOHOST ? htif->fromhost : htif->tohost;
    put(htif, word, (get(word) & ~mask) | (value << 8 * first & mask));
    if (word == htif->fromhost)
        deliver(htif);
    else
        room = tohost_written(htif, first, first + size - 1);
    pthread_mutex_unlock(&htif->lock);
    if (room)
        chardev_input_ready(htif->config.chardev);
}

/* ---- State --------------------------------------------------------------------------------------------- */

/* Words in RAM are what the program's file says. */
static void htif_reset(struct device *device)
{
    struct htif *htif = (struct htif *)device;
    clock_timer_cancel(&htif->timer);
    pthread_mutex_lock(&htif->lock);
    htif->registers[0] = htif->registers[1] = 0;
    htif->half = htif->acknowledged = 0;
    htif->answer_count = htif->keys_wanted = 0;
    htif->reading = (struct reading){ 0 };
    htif->ended = false;
    pthread_mutex_unlock(&htif->lock);
}

static void htif_save(struct device *device, struct state_writer *writer)
{
    struct htif *htif = (struct htif *)device;
    pthread_mutex_lock(&htif->lock);
    state_section(writer, htif->device.ops->name, 1);
    state_put(writer, "tohost", htif->registers[0]);
    state_put(writer, "fromhost", htif->registers[1]);
    state_put(writer, "half", htif->half);
    state_put(writer, "acknowledged", htif->acknowledged);
    state_put(writer, "answer_count", htif->answer_count);
    for (unsigned i = 0; i < htif->answer_count; i++) {
        char name[16] = { 'a', (char)('0' + i / 10), (char)('0' + i % 10), 0 };
        state_put(writer, name, htif->answers[i]);
    }
    state_put(writer, "keys_wanted", htif->keys_wanted);
    state_put(writer, "reading", htif->reading.waits);
    state_put(writer, "reading_block", htif->reading.block);
    state_put(writer, "reading_addr", htif->reading.addr);
    state_put(writer, "reading_length", htif->reading.length);
    state_put(writer, "ended", htif->ended);
    pthread_mutex_unlock(&htif->lock);
}

static void load_fields(struct htif *htif, struct state_reader *reader)
{
    htif->registers[0] = state_get(reader, "tohost", UINT64_MAX);
    htif->registers[1] = state_get(reader, "fromhost", UINT64_MAX);
    htif->half = state_get(reader, "half", UINT64_MAX);
    htif->acknowledged = state_get(reader, "acknowledged", UINT64_MAX);
    htif->answer_count = (unsigned)state_get(reader, "answer_count", ANSWERS);
    for (unsigned i = 0; i < htif->answer_count; i++) {
        char name[16] = { 'a', (char)('0' + i / 10), (char)('0' + i % 10), 0 };
        htif->answers[i] = state_get(reader, name, UINT64_MAX);
    }
    htif->keys_wanted = (unsigned)state_get(reader, "keys_wanted", ANSWERS);
    htif->reading.waits = state_get(reader, "reading", 1);
    htif->reading.block = state_get(reader, "reading_block", UINT64_MAX);
    htif->reading.addr = state_get(reader, "reading_addr", UINT64_MAX);
    htif->reading.length = state_get(reader, "reading_length", READ_MAX);
    htif->ended = state_get(reader, "ended", 1);
}

static bool htif_load(struct device *device, struct state_reader *reader)
{
    struct htif *htif = (struct htif *)device;
    if (!state_open(reader, htif->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&htif->lock);
    load_fields(htif, reader);
    if (htif->half)
        half_written(htif);
    pthread_mutex_unlock(&htif->lock);
    chardev_input_ready(htif->config.chardev);
    return !reader->failed;
}

static void htif_destroy(struct device *device)
{
    struct htif *htif = (struct htif *)device;
    clock_timer_cancel(&htif->timer);
    pthread_mutex_destroy(&htif->lock);
    free(htif);
}

/* The node lies beside /soc; words in RAM are found by those who know the symbols. */
static int htif_fdt_root(struct device *device, void *fdt)
{
    const struct htif_config *config = &((struct htif *)device)->config;
    struct fdt_node node = fdt_node_begin_plain(fdt, "htif");
    fdt_node_compatible(&node, "ucb,htif0");
    fdt32_t *reg = config->in_ram ? NULL : fdt_node_cells(&node, "reg", 4);
    if (reg) {
        fdt32_st(reg, (uint32_t)(config->base >> 32));
        fdt32_st(reg + 1, (uint32_t)config->base);
        fdt32_st(reg + 2, 0);
        fdt32_st(reg + 3, 0x1000);
    }
    return fdt_node_end(&node);
}

static const struct device_ops htif_ops = {
    .name = "htif",
    .size = 16,
    .access_min = 1,
    .access_max = 8,
    .read = htif_read,
    .write = htif_write,
    .reset = htif_reset,
    .save = htif_save,
    .load = htif_load,
    .destroy = htif_destroy,
    .fdt_root = htif_fdt_root,
};

static bool find_words(struct htif *htif, struct error *error)
{
    const struct htif_config *config = &htif->config;
    htif->tohost = &htif->registers[0];
    htif->fromhost = &htif->registers[1];
    if (!config->in_ram)
        return true;
    htif->tohost = config->dma->ops->map(config->dma, config->tohost, 8, true);
    if (config->fromhost)
        htif->fromhost = config->dma->ops->map(config->dma, config->fromhost, 8, true);
    return (htif->tohost && htif->fromhost && config->tohost % 8 == 0 && config->fromhost % 8 == 0) ||
           error_set(error, "htif: tohost at %#llx and fromhost at %#llx are not aligned words of RAM",
                     (unsigned long long)config->tohost, (unsigned long long)config->fromhost);
}

struct device *htif_create(const struct htif_config *config, struct error *error)
{
    struct htif *htif = calloc(1, sizeof(*htif));
    if (!htif) {
        error_set(error, "htif: out of memory");
        return NULL;
    }
    htif->device.ops = &htif_ops;
    htif->config = *config;
    if (!find_words(htif, error)) {
        free(htif);
        return NULL;
    }
    pthread_mutex_init(&htif->lock, NULL);
    clock_timer_init(&htif->timer, config->clock, half_waited, htif);
    chardev_attach(config->chardev, &(struct chardev_front){ .can_receive = front_can_receive,
                                                             .receive = front_receive,
                                                             .event = front_event,
                                                             .opaque = htif });
    return &htif->device;
}
