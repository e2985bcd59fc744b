/* SPDX-License-Identifier: MIT
 *
 * A terminal that takes no more output holds up neither the end of a machine nor its pause, whichever thread
 * is writing: a virtio console's, or the clock's (HTIF).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/catalog/catalog.h"
#include "machine/internal.h"
#include "tests/suite.h"

#define RAM      UINT64_C(0x80000000)
#define RAM_SIZE (UINT64_C(16) << 20)
#define SLOT     UINT64_C(0x10001000)
#define BYTES    (1u << 20) /* more than the socket and all buffers take */

static struct machine_config config;
static char terminal[16];
static int ends[2];

static const struct board *board(const char *name)
{
    for (const struct board *const *known = boards; *known; known++)
        if (strcmp((*known)->name, name) == 0)
            return *known;
    ck_abort_msg("no board %s", name);
}

static struct machine *make(void)
{
    struct error error = { .text = "" };
    struct machine *machine = machine_create(&config, &error);
    ck_assert_msg(machine != NULL, "%s", error.text);
    return machine;
}

/* `terminal` describes one that nobody reads. */
static void setup(const char *board_name)
{
    struct error error;
    unsetenv("RVIVE_FIRMWARE_DIR");
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    snprintf(terminal, sizeof(terminal), "fd:%d", ends[0]);
    config = (struct machine_config){
        .board = board(board_name), .smp = 1, .ram_size = RAM_SIZE, .bios = "none", .serial = "null"
    };
    ck_assert(isa_config_parse(&config.isa, "rv64", &error));
}

static void put(struct machine *machine, uint64_t paddr, const void *bytes, size_t length)
{
    memcpy(bus_host(machine->bus, paddr, length), bytes, length);
}

/* Offers one buffer to the console's output queue. */
static void write_to_console(struct machine *machine)
{
    static const uint32_t registers[][2] = {
        { 0x70, 0 },          { 0x70, 3 },          { 0x24, 1 }, { 0x20, 1 }, /* VERSION_1 */
        { 0x70, 11 },         { 0x30, 1 },          { 0x38, 2 }, { 0x80, (uint32_t)RAM },
        { 0x90, RAM + 4096 }, { 0xa0, RAM + 8192 }, { 0x44, 1 }, { 0x70, 15 },
        { 0x50, 1 },
    };
    const uint64_t descriptor[2] = { RAM + (1u << 20), BYTES };
    const uint16_t available[3] = { 0, 1, 0 };
    put(machine, RAM, descriptor, sizeof(descriptor));
    put(machine, RAM + 4096, available, sizeof(available));
    for (size_t n = 0; n < sizeof(registers) / sizeof(registers[0]); n++)
        ck_assert(bus_write(machine->bus, SLOT + registers[n][0], 4, registers[n][1]));
}

START_TEST(console_at_the_end)
{
    setup("virt");
    for (const struct device_model *const *known = device_catalog; *known; known++)
        if ((*known)->backend == DEVICE_BACKEND_PORTS)
            config.virtio[0].model = *known;
    config.virtio[0].ports[0] = (struct machine_port){ .chardev = terminal, .is_console = true };
    config.virtio[0].port_count = 1;
    struct machine *machine = make();
    write_to_console(machine);
    usleep(300000);
    machine_destroy(machine);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static uint64_t find_device(struct machine *machine, const char *name)
{
    struct bus_region region;
    for (unsigned n = 0; bus_region(machine->bus, n, &region); n++)
        if (strcmp(region.name, name) == 0)
            return region.base;
    ck_abort_msg("no %s", name);
}

/* The lower half of `tohost` alone counts after a millisecond, which the clock's thread waits for. */
START_TEST(htif_on_the_clock)
{
    setup("spike");
    config.serial = terminal;
    struct machine *machine = make();
    const uint64_t words[8] = { 64, 1, RAM + (1u << 20), BYTES };
    put(machine, RAM + 4096, words, sizeof(words));
    clock_start(machine->clock);
    ck_assert(bus_write(machine->bus, find_device(machine, "htif") + 8, 4, RAM + 4096));
    usleep(300000);
    machine_pause(machine);
    ck_assert(clock_is_stopped(machine->clock));
    machine_destroy(machine);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stopped terminal");
    TCase *tcase = tcase_create("stopped terminal");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, console_at_the_end);
    tcase_add_test(tcase, htif_on_the_clock);
    suite_add_tcase(suite, tcase);
    return suite;
}
