/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: the file of a saved machine from a hostile source. The first byte says how it is made:
 *
 *   0 to 15    the rest of the input is the file, behind a good header
 *   others     a good file whose sections are changed by the records that follow, and get right checksums:
 *              section, what (place, length, kind, swap with another, or bytes at an offset), offset (3
 *              bytes), a value or the number of bytes, up to 16, that are combined by exclusive or
 *
 * The machine has a random source on each bus, a network card, a keyboard and a tablet. It is made once and
 * never runs; a loaded state must not make anything worse than a message.
 */
#include <stdio.h>

#include "devices/catalog/catalog.h"
#include "tests/machine/state/saved.h"
#include "util/log.h"

#define RAM_SIZE (UINT64_C(1) << 20)

static struct machine *machine;
static struct saved good;
static int file;

static void die(const char *what)
{
    fprintf(stderr, "fuzz_machine_state: %s\n", what);
    exit(1);
}

static const struct device_model *model(const char *name)
{
    for (const struct device_model *const *known = device_catalog; *known; known++)
        if (strcmp((*known)->name, name) == 0)
            return *known;
    die(name);
    return NULL;
}

static void start(void)
{
    struct error error = { "" };
    static struct machine_config config = {
        .smp = 2, .ram_size = RAM_SIZE, .bios = "none", .serial = "null", .start_paused = true, .pci_count = 2
    };
    if (!isa_config_parse(&config.isa, "rv64", &error))
        die(error.text);
    struct display *display = display_create(640, 480, &error);
    config.display = display;
    config.virtio[0].model = model("virtio-rng");
    config.virtio[1].model = model("virtio-keyboard");
    config.virtio[2].model = model("virtio-net");
    config.pci[0] = (struct machine_pci){ .plug.model = model("virtio-rng"),
                                          .slot = 1,
                                          .vectors = VIRTIO_PCI_VECTORS_DEFAULT };
    config.pci[1] = (struct machine_pci){ .plug.model = model("virtio-tablet"),
                                          .slot = 2,
                                          .vectors = VIRTIO_PCI_VECTORS_DEFAULT };
    machine = machine_create(&config, &error);
    if (!machine)
        die(error.text);
    int fd = saved_make(machine);
    saved_read(&good, fd);
    close(fd);
    file = saved_file();
}

static const uint8_t *change(struct saved *saved, const uint8_t *at, const uint8_t *end)
{
    struct saved_section *section = &saved->sections[at[0] % saved->count];
    size_t offset = at[2] | (size_t)at[3] << 8 | (size_t)at[4] << 16;
    uint8_t value = at[5];
    unsigned what = at[1] % 8;
    at += 6;
    if (what == 0) {
        section->place ^= (uint64_t)offset << (value & 63);
    } else if (what == 1) {
        section->length = section->length ? offset % section->length : 0;
    } else if (what == 2) {
        section->kind = value % 4 == 3 ? CONTAINER_PAGES : (enum container_kind)(value % 4 + 1);
        if (section->kind == CONTAINER_TEXT && section->length > CONTAINER_TEXT_MAX)
            section->length = CONTAINER_TEXT_MAX;
    } else if (what == 3) {
        struct saved_section swap = *section;
        *section = saved->sections[value % saved->count];
        saved->sections[value % saved->count] = swap;
    } else {
        for (unsigned n = 0; n <= value % 16u && at < end; n++, at++)
            if (section->length)
                section->bytes[(offset + n) % section->length] ^= *at;
    }
    return at;
}

static void make_changed(const uint8_t *at, const uint8_t *end)
{
    struct saved saved = { .count = good.count };
    for (unsigned n = 0; n < good.count; n++) {
        saved.sections[n] = good.sections[n];
        saved.sections[n].bytes = malloc(good.sections[n].length + 1);
        memcpy(saved.sections[n].bytes, good.sections[n].bytes, good.sections[n].length);
    }
    while (end - at >= 6)
        at = change(&saved, at, end);
    saved_write(&saved, file);
    saved_free(&saved);
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct error error;
    if (!machine)
        start();
    if (!size)
        return 0;
    if (bytes[0] < 16)
        make_raw(bytes + 1, size - 1);
    else
        make_changed(bytes + 1, bytes + size);
    saved_load(machine, file, &error);
    return 0;
}
