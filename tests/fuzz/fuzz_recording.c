/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a recording from a hostile source, which is read, and then replayed for some thousand
 * instructions. The first byte says how it is made:
 *
 *   0 to 15     the rest of the input is the file, behind a good header
 *   16 to 31    a good beginning whose sections are changed: records of section, offset (2 bytes), and a byte
 *               that is combined by exclusive or
 *   others      a good beginning, and the rest is a log: how many instructions it has (2 bytes), its records
 *
 * The guest reads the time and a device, writes to the device, and takes an interrupt.
 */
#include <stdio.h>

#include "machine/inspect.h"
#include "machine/state/internal.h"
#include "machine/timeline/format.h"
#include "machine/timeline/timeline.h"
#include "tests/machine/state/saved.h"

#define RAM_SIZE (UINT64_C(1) << 20)
#define REPLAYED 5000 /* instructions at most */
#define ASKED    20   /* times 20 ms, then a replay is ended */

static struct saved good;
static int file;
static char path[64];
static unsigned asked;
static struct machine_config config = { .smp = 2,
                                        .ram_size = RAM_SIZE,
                                        .accel = MACHINE_ACCEL_INTERP,
                                        .bios = "none",
                                        .serial = "null",
                                        .icount = { .on = true },
                                        .record_memory = 1 << 20,
                                        .replay_plugs = "" };

/* handler: csrw mie, x0; mret. The loop: csrr t2, time; lbu t4, 5(UART); sb t4, 0(UART). */
static const uint32_t program[] = { 0x00000297, 0x02c28293, 0x30529073, 0xfff00313, 0x30431073,
                                    0x30046073, 0xc01023f3, 0x10000e37, 0x005e4e83, 0x01de0023,
                                    0xff1ff06f, 0x30401073, 0x30200073 };

static void die(const char *what)
{
    fprintf(stderr, "fuzz_recording: %s\n", what);
    exit(1);
}

static void add(enum container_kind kind, uint64_t place, const char *name, const void *bytes, size_t length)
{
    struct saved_section *section = &good.sections[good.count++];
    size_t before = name ? strlen(name) + 1 : 0;
    *section = (struct saved_section){ kind, place, malloc(before + length + 1), before + length };
    if (name)
        memcpy(section->bytes, name, before);
    memcpy(section->bytes + before, bytes, length);
}

static void add_fields(uint64_t place, const char *name, struct state_writer *fields)
{
    add(CONTAINER_STATE, place, name, fields->bytes, fields->length);
    state_writer_destroy(fields);
}

static void add_parts(struct machine *machine)
{
    struct state_writer fields;
    for (unsigned i = 0; i < config.smp; i++) {
        state_writer_init(&fields);
        hart_save(machine->harts[i], &fields);
        add_fields(i, "hart", &fields);
    }
    state_writer_init(&fields);
    state_section(&fields, "turns", LOG_VERSION);
    state_put(&fields, "hart", 0);
    state_put(&fields, "waits", 0);
    add_fields(0, "turns", &fields);
}

/* A machine that has not run gives the beginning. */
static void start(void)
{
    struct error error = { "" };
    struct saved saved;
    if (!isa_config_parse(&config.isa, "rv64", &error))
        die(error.text);
    struct machine *machine = machine_create(&config, &error);
    if (!machine)
        die(error.text);
    memcpy(bus_host(machine->bus, 0x80000000, sizeof(program)), program, sizeof(program));
    char *own = describe_machine(machine, false), *text = NULL;
    if (!own || asprintf(&text, "%srecording %u\n", own, LOG_VERSION) < 0)
        die("out of memory");
    add(CONTAINER_TEXT, 0, NULL, text, strlen(text));
    int fd = saved_make(machine);
    saved_read(&saved, fd);
    close(fd);
    for (unsigned n = 0; n < saved.count; n++)
        if (saved.sections[n].kind == CONTAINER_MEMORY)
            add(CONTAINER_MEMORY, saved.sections[n].place, NULL, saved.sections[n].bytes,
                saved.sections[n].length);
    saved_free(&saved);
    add_parts(machine);
    machine_destroy(machine);
    free(own);
    free(text);
    file = saved_file();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    config.replay_file = path;
}

static void make_raw(const uint8_t *bytes, size_t size)
{
    struct container_writer writer;
    struct error error;
    if (ftruncate(file, 0) || lseek(file, 0, SEEK_SET) ||
        !container_write_begin(&writer, file, NULL, &error) || write(file, bytes, size) != (ssize_t)size)
        die("cannot write");
    container_writer_destroy(&writer);
}

/* The changes are taken back afterwards. */
static void make_changed(const uint8_t *bytes, size_t size)
{
    for (unsigned twice = 0; twice < 2; twice++) {
        for (size_t at = 0; at + 4 <= size; at += 4) {
            struct saved_section *section = &good.sections[bytes[at] % good.count];
            size_t offset = bytes[at + 1] | (size_t)bytes[at + 2] << 8;
            if (section->length)
                section->bytes[offset % section->length] ^= bytes[at + 3];
        }
        if (!twice)
            saved_write(&good, file);
    }
}

static void make_log(const uint8_t *bytes, size_t size)
{
    uint64_t end = size < 2 ? 0 : bytes[0] | (uint64_t)bytes[1] << 8;
    size_t skip = size < 2 ? size : 2;
    good.sections[good.count++] =
        (struct saved_section){ CONTAINER_LOG, end, (uint8_t *)(uintptr_t)bytes + skip, size - skip };
    saved_write(&good, file);
    good.count--;
}

static bool ask(void *opaque)
{
    (void)opaque;
    return ++asked > ASKED;
}

/* To the end, back to the beginning, and to the middle: what is there a second time must be what it was. */
static void replay(struct machine *machine)
{
    struct error error;
    struct timeline *timeline = machine_timeline(machine);
    uint64_t first = timeline_first(timeline), present = timeline_present(timeline);
    uint64_t last = present - first < REPLAYED ? present : first + REPLAYED;
    asked = 0;
    timeline_ask(timeline, ask, NULL);
    bool ok = timeline_goto(timeline, last, &error) && timeline_goto(timeline, first, &error);
    if (ok && !timeline_goto(timeline, last, &error) && asked <= ASKED)
        die("a replay that went to its end does not do so again");
    timeline_ask(timeline, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct error error = { "" };
    if (!file)
        start();
    if (!size)
        return 0;
    if (bytes[0] < 16)
        make_raw(bytes + 1, size - 1);
    else if (bytes[0] < 32)
        make_changed(bytes + 1, size - 1);
    else
        make_log(bytes + 1, size - 1);
    struct machine *machine = machine_create(&config, &error);
    if (machine)
        replay(machine);
    else if (!error.text[0])
        die("it failed without a message");
    machine_destroy(machine);
    return 0;
}
