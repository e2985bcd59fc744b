/* SPDX-License-Identifier: MIT
 *
 * A recording from a hostile source: takes a good one apart, changes some of its sections, puts it together
 * with right checksums, and reads it into a machine. Arguments: the recording, its number of harts, a seed.
 * With a fourth one, a file: only writes one there from which a replay differs. RVIVE_ROUNDS=n reads n
 * changed ones, instead of 50.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine/timeline/format.h"
#include "tests/machine/state/saved.h"
#include "util/log.h"

#define ROUNDS 50

static struct saved good;
static struct machine_config config = { .ram_size = 1 << 20,
                                        .accel = MACHINE_ACCEL_INTERP,
                                        .bios = "none",
                                        .serial = "null",
                                        .virtio_legacy = true,
                                        .icount = { .on = true },
                                        .record_memory = 1 << 20,
                                        .replay_plugs = "" };

static void change(struct saved *saved)
{
    struct saved_section *section = &saved->sections[rand() % (int)saved->count];
    size_t at = section->length ? (size_t)rand() % section->length : 0;
    switch (rand() % 6) {
    case 0: section->place ^= UINT64_C(1) << (rand() & 63); break;
    case 1: section->length = at; break;
    case 2: *section = saved->sections[rand() % (int)saved->count]; break;
    default:
        for (int n = rand() % 4; n >= 0 && section->length; n--)
            section->bytes[(size_t)rand() % section->length] ^= (uint8_t)(1 << (rand() & 7));
    }
}

/* Sections that were swapped share their bytes, so these are copied first and freed one by one. */
static bool try_changed(int file, int changes)
{
    static uint8_t *owned[SAVED_MAX];
    struct saved saved = good;
    struct error error = { "" };
    for (unsigned n = 0; n < good.count; n++) {
        saved.sections[n].bytes = owned[n] = malloc(good.sections[n].length + 1);
        memcpy(owned[n], good.sections[n].bytes, good.sections[n].length);
    }
    for (int n = 0; n < changes; n++)
        change(&saved);
    saved_write(&saved, file);
    for (unsigned n = 0; n < good.count; n++)
        free(owned[n]);
    struct machine *machine = machine_create(&config, &error);
    if (!machine && !error.text[0])
        abort();
    if (!machine && !changes)
        fprintf(stderr, "%s\n", error.text);
    machine_destroy(machine);
    return machine != NULL;
}

/* Random bytes as a log: nothing that is read may be outside of them, or of the limits. */
static void try_random(void)
{
    uint8_t bytes[64];
    for (unsigned n = 0; n < sizeof(bytes); n++)
        bytes[n] = (uint8_t)(rand() % 3 ? rand() % 16 : rand());
    struct log_reader log = {
        .bytes = bytes, .stop = bytes + sizeof(bytes), .at = 5, .end = 500, .harts = 2
    };
    enum log_kind kind = LOG_VALUE;
    while (log.bytes < log.stop && (kind = log_read(&log)) != LOG_DAMAGED)
        if (log.bytes > log.stop || (kind == LOG_EVENT && (log.event.at > 500 || log.event.hart > 1)))
            abort();
}

/* Writes the recording to another file, with one thing changed that a hart gives to a device: the replay goes
 * another way than the log says. */
static int write_other(const char *path)
{
    int out = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (unsigned n = 0; out >= 0 && n < good.count; n++) {
        struct saved_section *section = &good.sections[n];
        struct log_reader log = { .bytes = section->bytes,
                                  .stop = section->bytes + section->length,
                                  .end = UINT64_MAX,
                                  .harts = config.smp };
        while (section->kind == CONTAINER_LOG && log.bytes < log.stop) {
            size_t value = (size_t)(log.bytes - section->bytes) + 1;
            if (log_read(&log) != LOG_VALUE || log.value < 0x10000000)
                continue; /* not an address and a value */
            section->bytes[value] ^= 1;
            saved_write(&good, out);
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    static char path[64];
    const char *given = getenv("RVIVE_ROUNDS");
    int rounds = given ? atoi(given) : ROUNDS;
    if (argc != 4 && argc != 5)
        return 2;
    config.smp = (unsigned)atoi(argv[2]);
    srand((unsigned)atoi(argv[3]));
    int fd = open(argv[1], O_RDONLY), file = saved_file();
    struct error error;
    if (!isa_config_parse(&config.isa, "rv64", &error))
        return 2;
    saved_read(&good, fd);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    config.replay_file = path;
    if (argc == 5)
        return write_other(argv[4]);
    if (!try_changed(file, 0))
        return 1;
    unsigned taken = 0;
    for (int n = 0; n < rounds; n++)
        taken += try_changed(file, 1 + rand() % 3);
    for (int n = 0; n < 100000; n++)
        try_random();
    printf("%u of %d changed recordings could be read\n", taken, rounds);
    saved_free(&good);
    return 0;
}
