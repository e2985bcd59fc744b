/* SPDX-License-Identifier: MIT
 *
 * Windows by themselves: what a window says about its pages is what the host's kernel says when it is asked
 * to read and to write there, after any sequence of mapping, protecting and dropping; and /proc/self/maps has
 * as many mappings as the window counts.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cpu/accel.h"
#include "cpu/mmu/tlb.h"
#include "cpu/mmu/window.h"
#include "tests/suite.h"

#define RAM_BASE  0x80000000u
#define RAM_PAGES 64u
#define RAM_SIZE  (RAM_PAGES * PAGE_SIZE)

static struct hart_bus bus;
static struct isa_config isa;
static struct clock *clock_;
static struct hart *hart;
static struct code_watch *watch;
static int probe[2]; /* a pipe */

static uint8_t *bus_page(struct hart_bus *side, uint64_t paddr, bool *writable)
{
    *writable = true;
    return paddr >= RAM_BASE && paddr - RAM_BASE < RAM_SIZE ? side->ram.host + (paddr - RAM_BASE) : NULL;
}

static struct hart *make_hart(void)
{
    struct error error = { .text = "" };
    struct hart_config config = { .isa = &isa,
                                  .bus = &bus,
                                  .clock = clock_,
                                  .timebase_hz = 1,
                                  .reset_pc = RAM_BASE,
                                  .windows = HART_WINDOWS_KERNEL };
    struct hart *made = hart_create(&config, &error);
    ck_assert_msg(made != NULL, "%s", error.text);
    return made;
}

static void setup(const char *cpu)
{
    static const struct hart_bus_ops ops = { .page = bus_page };
    struct error error = { .text = "" };
    isa_init();
    ck_assert_msg(isa_config_parse(&isa, cpu, &error), "%s", error.text);
    int fd = memfd_create("ram", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, RAM_SIZE), 0);
    uint8_t *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(ram != MAP_FAILED);
    for (unsigned i = 0; i < RAM_PAGES; i++)
        memset(ram + i * PAGE_SIZE, (int)i + 1, PAGE_SIZE);
    bus = (struct hart_bus){ .ops = &ops,
                             .ram = { .fd = fd, .host = ram, .base = RAM_BASE, .size = RAM_SIZE } };
    clock_ = clock_create(&error);
    ck_assert_ptr_nonnull(clock_);
    ck_assert_int_eq(pipe(probe), 0);
    hart = make_hart();
    ck_assert_ptr_null(hart_windows_refused(hart));
    watch = code_watch_create(RAM_BASE, RAM_SIZE, &error);
    ck_assert_ptr_nonnull(watch);
    code_watch_add_hart(watch, hart);
}

static void setup_32(void)
{
    setup("rv32");
}

static void setup_64(void)
{
    setup("rv64");
}

static void teardown(void)
{
    hart_destroy(hart);
    ck_assert_uint_eq(window_limits().used, 0);
    code_watch_destroy(watch);
    clock_destroy(clock_);
    munmap(bus.ram.host, RAM_SIZE);
    close(bus.ram.fd);
    close(probe[0]);
    close(probe[1]);
}

/* ---- What the host says -------------------------------------------------------------------------------- */

static uint8_t *at(const struct window *window, uint64_t vaddr)
{
    return window->base + (vaddr - window->first);
}

/* Returns the byte there; -1: it cannot be read. */
static int byte_at(const uint8_t *host)
{
    uint8_t byte;
    ssize_t wrote = write(probe[1], host, 1);
    if (wrote != 1) {
        ck_assert_int_eq(errno, EFAULT);
        return -1;
    }
    ck_assert_int_eq(read(probe[0], &byte, 1), 1);
    return byte;
}

/* Returns whether the byte there can be stored to. If the byte is `byte`, it does not change. */
static bool can_store(uint8_t *host, int byte)
{
    uint8_t value = (uint8_t)byte, rest;
    ck_assert_int_eq(write(probe[1], &value, 1), 1);
    if (read(probe[0], host, 1) == 1)
        return true;
    ck_assert_int_eq(errno, EFAULT);
    ck_assert_int_eq(read(probe[0], &rest, 1), 1);
    return false;
}

/* The mappings in the window and next to it. */
static unsigned mappings_of(const struct window *window)
{
    uint64_t first = (uint64_t)(uintptr_t)window->base - PAGE_SIZE;
    uint64_t end = first + ((uint64_t)(window->page_count + 2) << PAGE_SHIFT), low, high;
    char line[512];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps))
        if (sscanf(line, "%" SCNx64 "-%" SCNx64, &low, &high) == 2 && low < end && high > first)
            count++;
    fclose(maps);
    return count;
}

/* ---- A model ------------------------------------------------------------------------------------------- */

#define MODEL_PAGES 1024u /* in two parts of the window: its beginning and its end */

struct model {
    uint16_t frame; /* + 1; 0: not mapped */
    bool store;
};
static struct model model[MODEL_PAGES];

static uint64_t model_vaddr(const struct window *window, unsigned page)
{
    uint64_t number = page < MODEL_PAGES / 2 ? page : window->page_count - MODEL_PAGES + page;
    return window->first + (number << PAGE_SHIFT);
}

static void check_page(const struct window *window, unsigned page)
{
    uint64_t vaddr = model_vaddr(window, page) + 123;
    const struct model *want = &model[page];
    ck_assert_int_eq(byte_at(at(window, vaddr)), want->frame ? want->frame : -1);
    ck_assert(window_has(window, vaddr, false) == (want->frame != 0));
    ck_assert(window_has(window, vaddr, true) == want->store);
    ck_assert(can_store(at(window, vaddr), want->frame) == want->store);
    if (want->frame)
        ck_assert_ptr_eq(window_host(window, vaddr),
                         bus.ram.host + (want->frame - 1) * (uint64_t)PAGE_SIZE + 123);
}

static void check_all(const struct window *window)
{
    unsigned mapped = 0;
    for (unsigned i = 0; i < MODEL_PAGES; i++) {
        check_page(window, i);
        mapped += model[i].frame != 0;
    }
    ck_assert_uint_eq(window->mapped, mapped);
    ck_assert_uint_eq(mappings_of(window), window->mappings + 1);
    ck_assert_int_eq(byte_at(window->base - 1), -1);
    ck_assert_int_eq(byte_at(at(window, model_vaddr(window, MODEL_PAGES - 1)) + PAGE_SIZE), -1);
}

static void model_map(struct window *window, unsigned page, unsigned frame, unsigned count, bool store)
{
    ck_assert(window_map(hart, window, model_vaddr(window, page), bus.ram.host + frame * (size_t)PAGE_SIZE,
                         count, PAGE_SIZE, store));
    for (unsigned i = 0; i < count; i++)
        model[page + i] = (struct model){ (uint16_t)(frame + i + 1), store };
}

static uint32_t state;

static unsigned below(unsigned limit)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % limit;
}

static void do_something(struct window *window)
{
    unsigned page = below(MODEL_PAGES), frame = below(RAM_PAGES);
    switch (below(8)) {
    case 0:
        window_drop_page(hart, window, model_vaddr(window, page) + below(PAGE_SIZE));
        model[page] = (struct model){ 0 };
        break;
    case 1:
        window_forget_writes_to(hart, window, bus.ram.host + frame * (size_t)PAGE_SIZE);
        for (unsigned i = 0; i < MODEL_PAGES; i++)
            if (model[i].frame == frame + 1)
                model[i].store = false;
        break;
    case 2:
        if (below(20) == 0) {
            window_clear(hart, window);
            memset(model, 0, sizeof(model));
        }
        break;
    default: {
        unsigned count = 1 + below(16);
        if (page % (MODEL_PAGES / 2) + count <= MODEL_PAGES / 2 && frame + count <= RAM_PAGES)
            model_map(window, page, frame, count, below(2));
    }
    }
}

START_TEST(is_what_the_host_has)
{
    struct window *window = hart->tlb_data->window;
    state = (uint32_t)_i + 1;
    memset(model, 0, sizeof(model));
    ck_assert(window_open(hart->tlb_data, isa.xlen == 64 && _i & 1));
    check_all(window);
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 100; i++)
            do_something(window);
        check_all(window);
    }
    window_clear(hart, window);
    memset(model, 0, sizeof(model));
    check_all(window);
    ck_assert_uint_eq(window->mappings, 0);
}
END_TEST

/* ---- The TLB's rules ----------------------------------------------------------------------------------- */

START_TEST(obeys_fences)
{
    hart->priv = PRIV_S;
    tlb_select(hart);
    struct window *window = hart->tlb_data->window;
    memset(model, 0, sizeof(model));
    ck_assert(window_open(hart->tlb_data, false));
    model_map(window, 10, 5, 8, true);
    tlb_flush(hart, false, model_vaddr(window, 12), true, 0);
    model[12] = (struct model){ 0 };
    check_all(window);
    tlb_flush(hart, false, model_vaddr(window, 100), true, 0);
    check_all(window);
    /* A large page is dropped as a whole, whichever address of it is fenced; everything else stays. */
    model_map(window, MODEL_PAGES - 9, 5, 8, true);
    ck_assert(window_map(hart, window, model_vaddr(window, 100), bus.ram.host, 4, 1 << 21, true));
    tlb_flush(hart, false, (1 << 21) - 1, true, 0);
    for (unsigned i = 0; i < MODEL_PAGES / 2; i++)
        model[i] = (struct model){ 0 };
    check_all(window);
    ck_assert(window_map(hart, window, 1 << 30, bus.ram.host, 4, 1 << 30, false));
    tlb_flush(hart, false, (2u << 30) - 1, true, 0);
    memset(model, 0, sizeof(model));
    check_all(window);
    model_map(window, 10, 5, 8, true);
    tlb_flush(hart, true, 0, true, 0);
    memset(model, 0, sizeof(model));
    check_all(window);
}
END_TEST

/* When a TLB is used for another address space, its window has no pages of the one before. */
START_TEST(is_empty_for_the_next_address_space)
{
    struct window *window = hart->tlb_data->window;
    memset(model, 0, sizeof(model));
    ck_assert(window_open(hart->tlb_data, false));
    model_map(window, 0, 0, 16, false);
    hart->tlb_data->kind = TLB_KIND_LOW;
    hart->priv = PRIV_U; /* S-mode may have one for all address spaces */
    for (unsigned i = 1; i <= TLB_POOL; i++) {
        hart->satp = i; /* no paging, but another key */
        tlb_select(hart);
        ck_assert_uint_eq(hart->tlb_data->kind, TLB_KIND_LOOKS);
    }
    memset(model, 0, sizeof(model));
    check_all(window);
}
END_TEST

START_TEST(keeps_nobody_from_watching)
{
    struct window *window = hart->tlb_data->window;
    memset(model, 0, sizeof(model));
    ck_assert(window_open(hart->tlb_data, false));
    ck_assert(code_watch_may_store(watch, hart, RAM_BASE + 7 * PAGE_SIZE));
    model_map(window, 3, 7, 1, true);
    model_map(window, 9, 6, 3, true);
    code_watch_keep(watch, hart, RAM_BASE + 7 * PAGE_SIZE + 64, 4, bus.ram.host + 7 * PAGE_SIZE + 64);
    model[3].store = model[10].store = false;
    check_all(window);
    /* The request of another hart: it asks, and this hart does the work. */
    model_map(window, 20, 8, 4, true);
    code_watch_keep(watch, NULL, RAM_BASE + 9 * PAGE_SIZE, 4, bus.ram.host + 9 * PAGE_SIZE);
    tlb_forget_writes(hart);
    model[21].store = false;
    check_all(window);
}
END_TEST

/* ---- Limits -------------------------------------------------------------------------------------------- */

/* Windows are emptied before there are too many mappings; the first is the one that was not mapped to for the
 * longest time. */
START_TEST(stays_below_the_limit)
{
    struct window *present = hart->tlb_data->window;
    struct window *other = hart->tlb_pool[TLB_POOL - 1]->window;
    ck_assert_ptr_ne(present, other);
    ck_assert(window_open(hart->tlb_data, false) && window_open(hart->tlb_pool[TLB_POOL - 1], false));
    window_set_limit(64);
    memset(model, 0, sizeof(model));
    for (unsigned i = 0; i < 10; i++)
        ck_assert(window_map(hart, other, i * 2 * PAGE_SIZE, bus.ram.host, 1, PAGE_SIZE, false));
    ck_assert_uint_eq(other->mappings, 20);
    for (unsigned i = 0; i < 200; i++) {
        ck_assert(window_map(hart, present, i * 2 * PAGE_SIZE, bus.ram.host, 1, PAGE_SIZE, true));
        ck_assert_uint_le(window_limits().used, 64);
        ck_assert_int_eq(byte_at(at(present, i * 2 * PAGE_SIZE)), 1);
        ck_assert_uint_eq(mappings_of(present), present->mappings + 1);
        ck_assert(other->mapped == (i < 22 ? 10 : 0));
    }
    window_clear(hart, present);
    window_clear(hart, other);
    ck_assert_uint_eq(window_limits().used, 0);
}
END_TEST

/* The host has too little address space, or no file for RAM: the hart is created nevertheless. */
START_TEST(says_why_there_is_none)
{
    struct hart_ram ram = bus.ram;
    bus.ram.size = 0;
    struct hart *without = make_hart();
    ck_assert_ptr_nonnull(hart_windows_refused(without));
    ck_assert_ptr_null(without->tlb_data->window);
    hart_destroy(without);
    bus.ram = ram;
#if !defined(__SANITIZE_ADDRESS__)
    unsigned long pages;
    FILE *statm = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(statm);
    ck_assert_int_eq(fscanf(statm, "%lu", &pages), 1);
    fclose(statm);
    const struct rlimit little = { (pages << PAGE_SHIFT) + (1u << 30), RLIM_INFINITY };
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &little), 0); /* this limit is for this test's process only */
    without = make_hart();
    ck_assert_ptr_nonnull(strstr(hart_windows_refused(without), "address space"));
    hart_destroy(without);
#endif
}
END_TEST

static void add(Suite *suite, const char *name, void (*set_up)(void))
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, set_up, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, is_what_the_host_has, 0, 4);
    tcase_add_test(tests, obeys_fences);
    tcase_add_test(tests, is_empty_for_the_next_address_space);
    tcase_add_test(tests, keeps_nobody_from_watching);
    tcase_add_test(tests, stays_below_the_limit);
    tcase_add_test(tests, says_why_there_is_none);
    suite_add_tcase(suite, tests);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("window");
    add(suite, "rv32", setup_32);
    add(suite, "rv64", setup_64);
    return suite;
}
