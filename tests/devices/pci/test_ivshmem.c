/* SPDX-License-Identifier: MIT
 *
 * ivshmem-plain at register level: its identity, the memory at its ends and in all sizes, the registers,
 * sizes that no BAR can have, and saved state.
 */
#include <sys/mman.h>

#include "devices/pci/ivshmem.h"
#include "tests/devices/pci/function.h"
#include "tests/suite.h"

#define SIZE 0x10000u

static struct function_bus board;
static uint8_t *shared;

static uint8_t *map(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(at, MAP_FAILED);
    return at;
}

static void setup(void)
{
    struct error error = { "" };
    shared = map(SIZE);
    const struct ivshmem_config config = { .memory = shared, .size = SIZE };
    function_plug(&board, ivshmem_create(&config, &error));
    function_master(&board, false);
}

static void teardown(void)
{
    function_unplug(&board);
}

START_TEST(identity)
{
    ck_assert_uint_eq(pci_config_read(board.function, 0, 4), 0x11101af4);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_REVISION, 4), 0x05000001);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_INTERRUPT_PIN, 1), 0);
    pci_config_write(board.function, PCI_BAR, 4, ~0u);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_BAR, 4), 0xffffff00);
    pci_config_write(board.function, PCI_BAR + 8, 4, ~0u);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_BAR + 8, 4), 0xffff000c);
}
END_TEST

START_TEST(memory)
{
    struct pci_bar *bar = &board.function->bars[2];
    for (unsigned size = 1; size <= 8; size *= 2) {
        uint64_t value = UINT64_C(0x8877665544332211) >> (64 - 8 * size);
        pci_bar_write(bar, SIZE - size, size, value);
        ck_assert_uint_eq(pci_bar_read(bar, SIZE - size, size), value);
        ck_assert_mem_eq(shared + SIZE - size, &value, size);
        pci_bar_write(bar, SIZE, size, value); /* beyond its end */
        ck_assert_uint_eq(pci_bar_read(bar, SIZE, 1), 0xff);
    }
    shared[5] = 0x42; /* another process writes */
    ck_assert_uint_eq(pci_bar_read(bar, 4, 4), 0x4200);
    pci_function_reset(board.function);
    ck_assert_uint_eq(shared[5], 0x42);
}
END_TEST

START_TEST(registers)
{
    function_put(&board, 0, 4, 0x12345);
    function_put(&board, 4, 4, 1);
    ck_assert_uint_eq(function_get(&board, 0, 4), 0x12345);
    ck_assert_uint_eq(function_get(&board, 4, 4), 1);
    ck_assert_uint_eq(function_get(&board, 4, 4), 0);
    ck_assert_uint_eq(function_get(&board, 8, 4), 0);
    function_put(&board, 0x0c, 4, 0xffffffff);
    function_hammer(&board, fake_seed("registers"), 1000, 0x100);
}
END_TEST

START_TEST(sizes)
{
    static const uint64_t bad[] = { 0, 1, 2048, 0x3000, (uint64_t)3 << 20, UINT64_C(1) << 37, UINT64_MAX };
    struct error error = { "" };
    for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        const struct ivshmem_config config = { .memory = shared, .size = bad[n] };
        ck_assert_ptr_null(ivshmem_create(&config, &error));
    }
}
END_TEST

START_TEST(state)
{
    struct function_bus other;
    struct error error = { "" };
    const struct ivshmem_config config = { .memory = map(SIZE), .size = SIZE };
    function_plug(&other, ivshmem_create(&config, &error));
    function_master(&other, false);
    function_put(&board, 0, 4, 7);
    shared[0] = 1; /* stays where it is */
    function_copy(board.function, other.function);
    ck_assert_uint_eq(function_get(&other, 0, 4), 7);
    ck_assert_uint_eq(config.memory[0], 0);
    function_mutate(other.function, fake_seed("state"), 200);
    function_unplug(&other);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ivshmem");
    TCase *tests = tcase_create("ivshmem");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, identity);
    tcase_add_test(tests, memory);
    tcase_add_test(tests, registers);
    tcase_add_test(tests, sizes);
    tcase_add_test(tests, state);
    suite_add_tcase(suite, tests);
    return suite;
}
