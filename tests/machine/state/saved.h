/* SPDX-License-Identifier: MIT
 *
 * A saved machine in memory, taken apart and put together again with right checksums, so that tests and the
 * fuzzer reach what is behind them. All functions are static, so that each program stays one file.
 */
#ifndef TESTS_MACHINE_STATE_SAVED_H
#define TESTS_MACHINE_STATE_SAVED_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine/machine.h"
#include "machine/state/container.h"
#include "machine/state/state.h"

#define SAVED_MAX 256 /* sections */

struct saved_section {
    enum container_kind kind;
    uint64_t place;
    uint8_t *bytes;
    size_t length;
};
struct saved {
    struct saved_section sections[SAVED_MAX]; /* without the end */
    unsigned count;
};

static inline int saved_file(void)
{
    int fd = memfd_create("saved", MFD_CLOEXEC);
    if (fd < 0)
        abort();
    return fd;
}

/* Saves a machine that does not run into a new file. */
static inline int saved_make(struct machine *machine)
{
    struct machine_state_progress progress = { 0 };
    struct error error = { .text = "" };
    bool running;
    int fd = saved_file();
    if (!machine_freeze(machine, MACHINE_FREEZE_TO_SAVE, &running, &error) ||
        !machine_save(machine, fd, running, &progress, &error)) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    machine_thaw(machine, false, false);
    return fd;
}

static inline bool saved_load(struct machine *machine, int fd, struct error *error)
{
    struct machine_state_progress progress = { 0 };
    bool running = false;
    error->text[0] = 0;
    lseek(fd, 0, SEEK_SET);
    return machine_load(machine, fd, &progress, &running, error);
}

static inline void saved_read(struct saved *saved, int fd)
{
    struct container_reader reader;
    struct error error;
    lseek(fd, 0, SEEK_SET);
    saved->count = 0;
    if (!container_read_begin(&reader, fd, NULL, &error))
        abort();
    while (container_read(&reader) && reader.kind != CONTAINER_END && saved->count < SAVED_MAX) {
        struct saved_section *section = &saved->sections[saved->count++];
        *section =
            (struct saved_section){ reader.kind, reader.place, malloc(reader.length + 1), reader.length };
        memcpy(section->bytes, reader.bytes, reader.length);
    }
    if (reader.failed)
        abort();
    container_reader_destroy(&reader);
}

static inline void saved_write(const struct saved *saved, int fd)
{
    struct container_writer writer;
    struct error error;
    bool ok = ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
              container_write_begin(&writer, fd, NULL, &error);
    for (unsigned n = 0; ok && n < saved->count; n++)
        ok = container_write(&writer, saved->sections[n].kind, saved->sections[n].place,
                             saved->sections[n].bytes, saved->sections[n].length);
    if (!ok || !container_write_end(&writer))
        abort();
    container_writer_destroy(&writer);
}

static inline void saved_free(struct saved *saved)
{
    for (unsigned n = 0; n < saved->count; n++)
        free(saved->sections[n].bytes);
    saved->count = 0;
}

#endif
