/* SPDX-License-Identifier: MIT
 *
 * The file of a saved machine: what is loaded is what was saved, another machine is refused with a message
 * that says what differs, and no damage, random or clever, does more than fail. The seed is printed.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "devices/catalog/catalog.h"
#include "machine/internal.h"
#include "tests/machine/state/saved.h"
#include "tests/suite.h"

#define RAM_BASE 0x80000000u
#define RAM_SIZE (UINT64_C(3) << 20 | 0x5000) /* the last chunk is shorter */

static struct machine_config config;
static unsigned seed;

static const struct device_model *model(const char *name)
{
    for (const struct device_model *const *known = device_catalog; *known; known++)
        if (strcmp((*known)->name, name) == 0)
            return *known;
    ck_abort_msg("no %s", name);
}

static void setup(void)
{
    struct error error;
    unsetenv("RVIVE_FIRMWARE_DIR");
    config = (struct machine_config){
        .smp = 2, .ram_size = RAM_SIZE, .bios = "none", .serial = "null", .start_paused = true
    };
    ck_assert(isa_config_parse(&config.isa, "rv64", &error));
    config.virtio[0].model = model("virtio-rng");
    config.pci_count = 1;
    config.pci[0] = (struct machine_pci){ .plug.model = model("virtio-rng"),
                                          .slot = 1,
                                          .vectors = VIRTIO_PCI_VECTORS_DEFAULT };
    seed = (unsigned)time(NULL);
    fprintf(stderr, "seed %u\n", seed);
}

static struct machine *make(void)
{
    struct error error = { .text = "" };
    struct machine *machine = machine_create(&config, &error);
    ck_assert_msg(machine != NULL, "%s", error.text);
    return machine;
}

static uint8_t *memory(struct machine *machine)
{
    return bus_host(machine->bus, RAM_BASE, RAM_SIZE);
}

/* Random pages, some of them zeroes. */
static void fill(struct machine *machine)
{
    uint8_t bytes[64];
    for (uint64_t at = 0; at < RAM_SIZE; at += 64) {
        bool zero = at >> 12 & rand_r(&seed) && at % 4096 == 0;
        for (unsigned n = 0; n < sizeof(bytes); n++)
            bytes[n] = zero || at >> 20 == 1 ? 0 : (uint8_t)(rand_r(&seed) >> 8);
        memcpy(memory(machine) + at, bytes, sizeof(bytes));
    }
}

static size_t content(int fd, uint8_t **bytes)
{
    off_t length = lseek(fd, 0, SEEK_END);
    *bytes = malloc((size_t)length);
    ck_assert_int_eq(pread(fd, *bytes, (size_t)length, 0), length);
    return (size_t)length;
}

/* The clock is another part of it: it shows the host's time. */
static void expect_same_file(int first, int second)
{
    struct saved one, two;
    saved_read(&one, first);
    saved_read(&two, second);
    ck_assert_uint_eq(one.count, two.count);
    for (unsigned n = 0; n < one.count; n++) {
        const struct saved_section *a = &one.sections[n], *b = &two.sections[n];
        ck_assert(a->kind == b->kind && a->place == b->place && a->length == b->length);
        ck_assert(memcmp(a->bytes, b->bytes, a->length) == 0 || (a->kind == CONTAINER_STATE && !a->place));
    }
    saved_free(&one);
    saved_free(&two);
}

START_TEST(round_trip)
{
    setup();
    struct error error;
    struct machine *from = make(), *to = make();
    fill(from);
    fill(to);
    int first = saved_make(from);
    ck_assert_msg(saved_load(to, first, &error), "%s", error.text);
    int second = saved_make(to);
    expect_same_file(first, second);
    ck_assert_mem_eq(memory(from), memory(to), RAM_SIZE);
    close(first);
    close(second);
    machine_destroy(from);
    machine_destroy(to);
}
END_TEST

static void refused(int fd, const char *why)
{
    struct error error;
    struct machine *machine = make();
    ck_assert(!saved_load(machine, fd, &error));
    ck_assert_msg(strstr(error.text, why) != NULL, "%s", error.text);
    machine_destroy(machine);
}

START_TEST(other_machines)
{
    setup();
    struct error error;
    struct machine *machine = make();
    struct machine_config saved = config;
    int fd = saved_make(machine);
    machine_destroy(machine);
    config.ram_size += 4096;
    refused(fd, "-m 3092K");
    config = saved;
    config.smp = 3;
    refused(fd, "number of harts 2, this one 3");
    config = saved;
    ck_assert(isa_config_parse(&config.isa, "rv64,zba=off", &error));
    refused(fd, "the saved machine has the CPU extension zba, which this one lacks");
    ck_assert(isa_config_parse(&config.isa, "rv32", &error));
    refused(fd, "-cpu");
    config = saved;
    config.virtio[0].model = NULL;
    refused(fd, "the saved machine has the device virtio-mmio@10001000 virtio-rng");
    config = saved;
    config.pci[1] = config.pci[0];
    config.pci[1].slot = 2;
    config.pci_count = 2;
    refused(fd, "this machine has the device pci@02.0");
    config = saved;
    config.strict = true;
    refused(fd, "set of settings");
    close(fd);
}
END_TEST

/* Any bit that is changed, and any end that is missing, makes loading fail. */
START_TEST(damage)
{
    setup();
    struct error error;
    struct machine *machine = make();
    uint8_t *bytes;
    int good = saved_make(machine), bad = saved_file();
    size_t length = content(good, &bytes);
    for (unsigned round = 0; round < 3000; round++) {
        size_t at = (size_t)rand_r(&seed) % length;
        uint8_t bit = (uint8_t)(1u << rand_r(&seed) % 8);
        bool cut = round % 3 == 0;
        bytes[at] ^= cut ? 0 : bit;
        ck_assert_int_eq(ftruncate(bad, 0), 0);
        ck_assert_int_eq(pwrite(bad, bytes, cut ? at : length, 0), (ssize_t)(cut ? at : length));
        ck_assert_msg(!saved_load(machine, bad, &error), "byte %zu, bit 0x%02x, cut %d", at, bit, cut);
        ck_assert_uint_ne(strlen(error.text), 0);
        bytes[at] ^= cut ? 0 : bit;
    }
    ck_assert_msg(saved_load(machine, good, &error), "%s", error.text);
    free(bytes);
    close(good);
    close(bad);
    machine_destroy(machine);
}
END_TEST

/* Somebody who forges the checksums as well may be refused or not, but the emulator survives. */
static void forge(struct saved *saved)
{
    struct saved_section *section = &saved->sections[(unsigned)rand_r(&seed) % saved->count];
    unsigned other = (unsigned)rand_r(&seed) % saved->count;
    switch (rand_r(&seed) % 8) {
    case 0: section->place = (uint64_t)rand_r(&seed) << 12; break;
    case 1: section->length = section->length ? (size_t)rand_r(&seed) % section->length : 0; break;
    case 2: {
        struct saved_section swap = *section;
        *section = saved->sections[other];
        saved->sections[other] = swap;
        break;
    }
    case 3: section->kind = (enum container_kind)(rand_r(&seed) % 3 + 1); break;
    default:
        for (unsigned n = 0; n < 4 && section->length; n++)
            section->bytes[(size_t)rand_r(&seed) % section->length] = (uint8_t)rand_r(&seed);
    }
    if (section->kind == CONTAINER_TEXT && section->length > CONTAINER_TEXT_MAX)
        section->length = CONTAINER_TEXT_MAX;
}

START_TEST(forgery)
{
    setup();
    struct machine *machine = make();
    struct error error;
    fill(machine);
    int good = saved_make(machine), bad = saved_file();
    unsigned loaded = 0;
    for (unsigned round = 0; round < 200; round++) {
        struct saved saved;
        saved_read(&saved, good);
        for (unsigned n = rand_r(&seed) % 4 + 1; n; n--)
            forge(&saved);
        saved_write(&saved, bad);
        loaded += saved_load(machine, bad, &error);
        saved_free(&saved);
    }
    fprintf(stderr, "%u of 200 forgeries were taken\n", loaded);
    ck_assert_msg(saved_load(machine, good, &error), "%s", error.text);
    int again = saved_make(machine);
    expect_same_file(good, again); /* nothing of a forgery is left */
    close(good);
    close(bad);
    close(again);
    machine_destroy(machine);
}
END_TEST

/* A description that is no text has no version that the message could name. */
START_TEST(description_is_no_text)
{
    setup();
    struct machine *machine = make();
    struct error error;
    struct saved saved;
    int good = saved_make(machine), bad = saved_file();
    saved_read(&saved, good);
    saved.sections[0].bytes[0] = 1;
    saved_write(&saved, bad);
    ck_assert(!saved_load(machine, bad, &error));
    ck_assert_str_eq(error.text, "the saved machine: its description is damaged");
    saved_free(&saved);
    close(good);
    close(bad);
    machine_destroy(machine);
}
END_TEST

START_TEST(full_disk)
{
    setup();
    struct machine_state_progress progress = { 0 };
    struct error error = { .text = "" };
    struct machine *machine = make();
    int fd = open("/dev/full", O_WRONLY);
    ck_assert(!machine_save(machine, fd, true, &progress, &error));
    ck_assert_msg(strstr(error.text, "No space left") != NULL, "%s", error.text);
    close(fd);
    fd = saved_file();
    atomic_store(&progress.cancel, true);
    ck_assert(!machine_save(machine, fd, true, &progress, &error));
    ck_assert_msg(strstr(error.text, "cancelled") != NULL, "%s", error.text);
    close(fd);
    machine_destroy(machine);
}
END_TEST

/* ---- While it runs ------------------------------------------------------------------------------------- */

/* A guest that writes between any two rounds: random bytes, zeroes where something was, and something where
 * zeroes were. */
struct writer {
    struct machine *machine;
    unsigned rounds;
    bool frozen, refuses;
};

static void write_a_little(void *opaque)
{
    struct writer *writer = opaque;
    if (writer->rounds++ && !writer->frozen)
        for (unsigned n = 0; n < 40; n++) {
            uint8_t *page = memory(writer->machine) + (uint64_t)rand_r(&seed) % (RAM_SIZE / 4096) * 4096;
            if (n % 3)
                page[rand_r(&seed) % 4096] ^= (uint8_t)(1 + rand_r(&seed) % 255);
            else
                memset(page, 0, 4096);
        }
}

static bool freeze(void *opaque, bool *running, struct error *error)
{
    struct writer *writer = opaque;
    write_a_little(writer); /* while it goes to stop */
    if (writer->refuses)
        return error_set(error, "it does not stop");
    writer->frozen = machine_freeze(writer->machine, MACHINE_FREEZE_TO_SAVE, running, error);
    return writer->frozen;
}

static int save_live(struct writer *writer, uint64_t bandwidth)
{
    struct machine_live live = { .downtime_ms = 1000,
                                 .bandwidth = bandwidth,
                                 .begin_round = write_a_little,
                                 .freeze = freeze,
                                 .opaque = writer };
    struct machine_state_progress progress = { 0 };
    struct error error = { .text = "" };
    int fd = saved_file();
    bool ok = machine_save_live(writer->machine, fd, &live, &progress, &error);
    ck_assert_msg(ok != writer->refuses, "%s", error.text);
    if (writer->frozen)
        machine_thaw(writer->machine, false, false);
    return fd;
}

START_TEST(in_rounds)
{
    setup();
    struct machine *from = make(), *to = make();
    struct error error;
    for (unsigned n = 0; n < 10; n++) {
        struct writer writer = { .machine = from };
        fill(from);
        fill(to);
        int fd = save_live(&writer, n % 2 ? UINT64_C(20) << 20 : 0);
        ck_assert_uint_ge(writer.rounds, 4); /* two, the stop, and the last one */
        ck_assert_msg(saved_load(to, fd, &error), "%s", error.text);
        ck_assert_mem_eq(memory(from), memory(to), RAM_SIZE);
        close(fd);
    }
    int first = saved_make(from), second = saved_make(to);
    expect_same_file(first, second);
    close(first);
    close(second);
    struct writer writer = { .machine = from, .refuses = true };
    close(save_live(&writer, 0));
    machine_destroy(from);
    machine_destroy(to);
}
END_TEST

/* What two rounds of a forger may hold: each is refused by name. */
START_TEST(forged_rounds)
{
    setup();
    static const struct {
        uint64_t place;
        unsigned page; /* whose bit is set */
        int more;      /* bytes */
        const char *why;
    } cases[] = { { RAM_BASE + 0x1000, 0, 0, "none there" },
                  { RAM_BASE - 0x100000, 0, 0, "none there" },
                  { UINT64_MAX - 0xfffff, 0, 0, "none there" },
                  { RAM_BASE + RAM_SIZE, 0, 0, "none there" },
                  { RAM_BASE + 0x300000, 5, 0, "too long" }, /* the last chunk has five pages */
                  { RAM_BASE, 3, 1, "damaged" },
                  { RAM_BASE, 3, -1, "damaged" } };
    struct machine *machine = make();
    struct writer writer = { .machine = machine };
    fill(machine);
    int good = save_live(&writer, 0), bad = saved_file();
    for (unsigned n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct saved saved;
        struct error error;
        uint8_t *bytes = calloc(1, 32 + 4096 + 1);
        saved_read(&saved, good);
        ck_assert_int_eq(saved.sections[1].kind, CONTAINER_PAGES);
        free(saved.sections[1].bytes);
        bytes[cases[n].page / 8] = (uint8_t)(1u << cases[n].page % 8);
        saved.sections[1] = (struct saved_section){ CONTAINER_PAGES, cases[n].place, bytes,
                                                    (size_t)(32 + 4096 + cases[n].more) };
        saved_write(&saved, bad);
        ck_assert(!saved_load(machine, bad, &error));
        ck_assert_msg(strstr(error.text, cases[n].why) != NULL, "%u: %s", n, error.text);
        saved_free(&saved);
    }
    close(good);
    close(bad);
    machine_destroy(machine);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("saved machine");
    TCase *tcase = tcase_create("file");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, round_trip);
    tcase_add_test(tcase, other_machines);
    tcase_add_test(tcase, damage);
    tcase_add_test(tcase, forgery);
    tcase_add_test(tcase, description_is_no_text);
    tcase_add_test(tcase, full_disk);
    tcase_add_test(tcase, in_rounds);
    tcase_add_test(tcase, forged_rounds);
    suite_add_tcase(suite, tcase);
    return suite;
}
