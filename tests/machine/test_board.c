/* SPDX-License-Identifier: MIT
 *
 * If something is plugged in for which the board has no place, the error names the board. The machines here
 * have a board that is `virt` with fewer places.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/catalog/catalog.h"
#include "machine/machine.h"
#include "tests/suite.h"

static struct board board;
static struct machine_config config;

static void setup(void)
{
    struct error error;
    unsetenv("RVIVE_FIRMWARE_DIR");
    board = *boards[0];
    board.name = "small";
    config = (struct machine_config){
        .board = &board, .smp = 1, .ram_size = UINT64_C(16) << 20, .bios = "none", .serial = "null"
    };
    ck_assert(isa_config_parse(&config.isa, "rv64", &error));
}

static void refused(const char *why)
{
    struct error error = { .text = "" };
    ck_assert_ptr_null(machine_create(&config, &error));
    ck_assert_msg(strstr(error.text, "-machine small") && strstr(error.text, why), "%s", error.text);
}

static const struct device_model *model(const char *name)
{
    for (const struct device_model *const *known = device_catalog; *known; known++)
        if (strcmp((*known)->name, name) == 0)
            return *known;
    ck_abort_msg("no %s", name);
}

START_TEST(fewer_slots)
{
    board.virtio_slots = 3;
    config.virtio[3].model = model("virtio-rng");
    refused("no slot 3");
}
END_TEST

START_TEST(fewer_banks)
{
    board.flash_banks = 1;
    config.pflash[1].present = true;
    refused("no bank 1");
}
END_TEST

START_TEST(no_pci)
{
    board.pci_irq = 0;
    config.pci_count = 1;
    config.pci[0].plug.model = model("virtio-rng");
    refused("no PCI bus");
}
END_TEST

START_TEST(no_firmware)
{
    static const struct board_firmware none[] = { { 0, NULL } };
    board.firmware = none;
    config.bios = NULL;
    refused("no default firmware");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("board");
    TCase *tests = tcase_create("places");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, fewer_slots);
    tcase_add_test(tests, fewer_banks);
    tcase_add_test(tests, no_pci);
    tcase_add_test(tests, no_firmware);
    suite_add_tcase(suite, tests);
    return suite;
}
