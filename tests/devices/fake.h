/* SPDX-License-Identifier: MIT
 *
 * Stand-ins for the board in tests of devices: a piece of guest RAM behind a `struct dma`, an interrupt wire
 * that remembers its level, a bus that checks sizes as the real one does, a serial peer, an FDT to write a
 * node into, and a round trip of the saved state. All functions are static, so that each test stays one file.
 */
#ifndef TESTS_DEVICES_FAKE_H
#define TESTS_DEVICES_FAKE_H

#include <check.h>
#include <libfdt.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/char/chardev.h"
#include "devices/device.h"
#include "util/state.h"

/* ---- one interrupt wire; set from any thread ----------------------------------------------------------- */

struct fake_irq {
    atomic_bool level;
    atomic_uint rises; /* changes from low to high */
};

static inline void fake_irq_set(void *controller, unsigned number, bool level)
{
    struct fake_irq *irq = (struct fake_irq *)controller + number;
    if (!atomic_exchange(&irq->level, level) && level)
        atomic_fetch_add(&irq->rises, 1);
}

static inline struct irq_line fake_irq_line(struct fake_irq *irq)
{
    return (struct irq_line){ .set = fake_irq_set, .controller = irq, .number = 0 };
}

/* ---- guest RAM: [base, base + size) -------------------------------------------------------------------- */

struct fake_ram {
    struct dma dma; /* must be first: the ops cast back */
    uint64_t base, size;
    uint8_t *bytes;
    atomic_uint writes; /* calls of written() */
};

static inline void *fake_ram_map(struct dma *dma, uint64_t paddr, uint64_t length, bool write)
{
    struct fake_ram *ram = (struct fake_ram *)dma;
    (void)write;
    if (paddr < ram->base || paddr - ram->base > ram->size || length > ram->size - (paddr - ram->base))
        return NULL;
    return ram->bytes + (paddr - ram->base);
}

static inline void fake_ram_written(struct dma *dma, uint64_t paddr, uint64_t length)
{
    struct fake_ram *ram = (struct fake_ram *)dma;
    ck_assert_ptr_nonnull(fake_ram_map(dma, paddr, length, true));
    atomic_fetch_add(&ram->writes, 1);
}

static inline void fake_ram_init(struct fake_ram *ram, uint64_t base, uint64_t size)
{
    static const struct dma_ops ops = { .map = fake_ram_map, .written = fake_ram_written };
    memset(ram, 0, sizeof(*ram));
    ram->dma.ops = &ops;
    ram->base = base;
    ram->size = size;
    ram->bytes = calloc(1, size); /* exactly `size`, so that a sanitizer notices an access outside */
    ck_assert_ptr_nonnull(ram->bytes);
}

static inline void fake_ram_destroy(struct fake_ram *ram)
{
    free(ram->bytes);
}

/* ---- the bus: an access that the device has not declared does not reach it ----------------------------- */

static inline bool fake_access_allowed(const struct device *device, uint64_t offset, unsigned size)
{
    const struct device_ops *ops = device->ops;
    return size >= ops->access_min && size <= ops->access_max && offset % size == 0 && offset < ops->size &&
           size <= ops->size - offset;
}

static inline bool fake_bus_read(struct device *device, uint64_t offset, unsigned size, uint64_t *value)
{
    if (!fake_access_allowed(device, offset, size))
        return false;
    *value = device->ops->read(device, offset, size);
    if (size < 8)
        ck_assert_msg(*value >> (size * 8) == 0, "read of %u bytes at %#lx is wider than that", size, offset);
    return true;
}

static inline bool fake_bus_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    if (!fake_access_allowed(device, offset, size))
        return false;
    device->ops->write(device, offset, size, size < 8 ? value & ((1ull << (size * 8)) - 1) : value);
    return true;
}

/* Accesses that the bus must let through. */
static inline uint64_t fake_read(struct device *device, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    ck_assert_msg(fake_bus_read(device, offset, size, &value), "read %#lx size %u refused", offset, size);
    return value;
}

static inline void fake_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    ck_assert_msg(fake_bus_write(device, offset, size, value), "write %#lx size %u refused", offset, size);
}

/* ---- a serial peer: collects what the device writes, and offers input ---------------------------------- */

struct fake_chardev {
    struct chardev chardev; /* must be first: the ops cast back */
    uint8_t output[65536];
    size_t output_length;
    const uint8_t *input;
    size_t input_length;
    bool destroyed;
};

static inline void fake_chardev_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    struct fake_chardev *fake = (struct fake_chardev *)chardev;
    ck_assert_uint_le(length, sizeof(fake->output) - fake->output_length);
    memcpy(fake->output + fake->output_length, bytes, length);
    fake->output_length += length;
}

/* Only notes that there is room: a real backend delivers later, from its own thread; here fake_chardev_pump()
 * does. */
static inline void fake_chardev_input_ready(struct chardev *chardev)
{
    (void)chardev;
}

static inline void fake_chardev_destroy(struct chardev *chardev)
{
    ((struct fake_chardev *)chardev)->destroyed = true;
}

static inline void fake_chardev_init(struct fake_chardev *fake)
{
    static const struct chardev_ops ops = { .name = "fake",
                                            .write = fake_chardev_write,
                                            .input_ready = fake_chardev_input_ready,
                                            .destroy = fake_chardev_destroy };
    memset(fake, 0, sizeof(*fake));
    fake->chardev.ops = &ops;
}

static inline void fake_chardev_offer(struct fake_chardev *fake, const void *bytes, size_t length)
{
    fake->input = bytes;
    fake->input_length = length;
}

/* Hands over as much of the offered input as the front end takes; returns how much that was. */
static inline size_t fake_chardev_pump(struct fake_chardev *fake)
{
    const struct chardev_front *front = &fake->chardev.front;
    size_t total = 0;
    while (front->can_receive && fake->input_length) {
        size_t n = front->can_receive(front->opaque);
        if (n > fake->input_length)
            n = fake->input_length;
        if (!n)
            break;
        front->receive(front->opaque, fake->input, n);
        fake->input += n;
        fake->input_length -= n;
        total += n;
    }
    return total;
}

/* ---- FDT: the tree { / { soc { device's nodes } } }, which the caller frees ---------------------------- */

static inline void *fake_fdt(struct device *device, const struct fdt_place *place)
{
    size_t size = 1 << 16;
    void *fdt = malloc(size);
    ck_assert_int_eq(fdt_create(fdt, size), 0);
    ck_assert_int_eq(fdt_finish_reservemap(fdt), 0);
    ck_assert_int_eq(fdt_begin_node(fdt, ""), 0);
    ck_assert_int_eq(fdt_begin_node(fdt, "soc"), 0);
    ck_assert_int_eq(fdt_property_u32(fdt, "#address-cells", 2), 0);
    ck_assert_int_eq(fdt_property_u32(fdt, "#size-cells", 2), 0);
    ck_assert_int_eq(device->ops->fdt(device, fdt, place), 0);
    ck_assert_int_eq(fdt_end_node(fdt), 0);
    ck_assert_int_eq(fdt_end_node(fdt), 0);
    ck_assert_int_eq(fdt_finish(fdt), 0);
    ck_assert_int_eq(fdt_check_full(fdt, size), 0);
    return fdt;
}

/* Asserts that `property` of the node is exactly these 32-bit cells. */
static inline void fake_fdt_cells(const void *fdt, const char *path, const char *property,
                                  const uint32_t *cells, size_t count)
{
    int node = fdt_path_offset(fdt, path), length = 0;
    ck_assert_msg(node >= 0, "no node %s", path);
    const void *value = fdt_getprop(fdt, node, property, &length);
    ck_assert_msg(value, "%s has no %s", path, property);
    ck_assert_msg(length == (int)(count * 4), "%s/%s has %d bytes", path, property, length);
    for (size_t i = 0; i < count; i++) {
        uint32_t cell = fdt32_ld((const fdt32_t *)((const uint8_t *)value + i * 4));
        ck_assert_msg(cell == cells[i], "%s/%s cell %zu is %#x, not %#x", path, property, i, cell, cells[i]);
    }
}

#define FAKE_FDT_CELLS(fdt, path, property, ...)                                                             \
    fake_fdt_cells(fdt, path, property, (const uint32_t[]){ __VA_ARGS__ },                                   \
                   sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

/* Asserts that `property` of the node is exactly this string list: pass "a\0b" for two strings. */
#define FAKE_FDT_STRINGS(fdt, path, property, strings)                                                       \
    do {                                                                                                     \
        int length_ = 0;                                                                                     \
        const void *value_ = fdt_getprop(fdt, fdt_path_offset(fdt, path), property, &length_);               \
        ck_assert_ptr_nonnull(value_);                                                                       \
        ck_assert_int_eq(length_, (int)sizeof(strings));                                                     \
        ck_assert_mem_eq(value_, strings, sizeof(strings));                                                  \
    } while (0)

/* ---- state: `to` must load what `from` saves, and save the same bytes again ---------------------------- */

static inline void fake_state_copy(struct device *from, struct device *to)
{
    struct state_writer first, second;
    struct state_reader reader;
    struct error error = { .text = "" };
    state_writer_init(&first);
    state_writer_init(&second);
    from->ops->save(from, &first);
    ck_assert(!first.failed && first.length > 0);
    state_reader_init(&reader, first.bytes, first.length, &error);
    ck_assert_msg(to->ops->load(to, &reader), "load: %s", error.text);
    ck_assert_msg(!reader.failed, "load: %s", error.text);
    to->ops->save(to, &second);
    ck_assert_uint_eq(first.length, second.length);
    ck_assert_mem_eq(first.bytes, second.bytes, first.length);
    state_writer_destroy(&first);
    state_writer_destroy(&second);
}

/* Gives load() the saved state with random bytes changed or its end cut off: it may refuse or take it, but
 * must stay in bounds. */
static inline void fake_state_mutate(struct device *device, unsigned seed, unsigned rounds)
{
    struct state_writer writer;
    state_writer_init(&writer);
    device->ops->save(device, &writer);
    for (unsigned i = 0; i < rounds; i++) {
        size_t length = writer.length;
        uint8_t *copy = malloc(length + 1);
        memcpy(copy, writer.bytes, length);
        for (int n = rand_r(&seed) % 4; n >= 0; n--)
            copy[(size_t)rand_r(&seed) % length] = (uint8_t)rand_r(&seed);
        if (rand_r(&seed) % 4 == 0)
            length = (size_t)rand_r(&seed) % (length + 1);
        /* Of exactly that length, so that the sanitizer notices reads beyond the end. */
        copy = realloc(copy, length ? length : 1);
        struct error error;
        struct state_reader reader;
        state_reader_init(&reader, copy, length, &error);
        if (!device->ops->load(device, &reader))
            ck_assert(reader.failed && strnlen(error.text, sizeof(error.text)) < sizeof(error.text));
        free(copy);
    }
    state_writer_destroy(&writer);
}

/* ---- waiting for what another thread does, for at most ten seconds ------------------------------------- */

#define FAKE_WAIT(condition)                                                                                 \
    do {                                                                                                     \
        int tries_ = 0;                                                                                      \
        while (!(condition) && tries_++ < 10000)                                                             \
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);                                       \
        ck_assert_msg(tries_ <= 10000, "waited in vain for %s", #condition);                                 \
    } while (0)

/* A seed that differs from run to run. It is printed, so that FAKE_SEED=n repeats a run that failed. */
static inline unsigned fake_seed(const char *test)
{
    const char *given = getenv("FAKE_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
    fprintf(stderr, "%s: FAKE_SEED=%u\n", test, seed);
    return seed;
}

/* main() of a test file with one suite. */
#define FAKE_MAIN(suite)                                                                                     \
    int main(void)                                                                                           \
    {                                                                                                        \
        SRunner *runner_ = srunner_create(suite());                                                          \
        srunner_run_all(runner_, CK_ENV);                                                                    \
        int failed_ = srunner_ntests_failed(runner_);                                                        \
        srunner_free(runner_);                                                                               \
        return failed_ ? EXIT_FAILURE : EXIT_SUCCESS;                                                        \
    }

#endif
