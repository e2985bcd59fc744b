/* SPDX-License-Identifier: MIT
 *
 * Hart 0 rewrites functions while the others run them, and tells them by an interrupt whose handler executes
 * fence.i. Each function returns the version that it was written as. A call must return at least the version
 * that was written before the hart's last fence.i, and at most the newest one (Unpriv. "Zifencei"); an
 * aligned instruction is never seen half written.
 */
#include "litmus.h"

#define PLACES 3
/* The places of the functions: among other code of a page; the last instruction of a page; alone in a page
 * that is written all the time. */
static uint8_t pages[PLACES + 1][4096] __attribute__((aligned(4096)));
static volatile uint32_t *const places[PLACES] = {
    (volatile uint32_t *)&pages[0][256],
    (volatile uint32_t *)&pages[1][4092],
    (volatile uint32_t *)&pages[3][8],
};
#define RET 0x00008067u

static volatile uint64_t newest;
static struct {
    volatile uint64_t version, pad[7];
} fenced[HARTS];
static volatile bool done;
static uint64_t calls[HARTS], wrong[HARTS];
static uint64_t versions;

static uint32_t lui_a0(uint64_t version)
{
    return (uint32_t)version << 12 | 10 << 7 | 0x37;
}

void code_interrupt(unsigned hart)
{
    uint64_t version = newest;
    __asm__ volatile("fence rw, rw\n fence.i" ::: "memory");
    fenced[hart].version = version;
}

static void write_all(uint64_t version)
{
    for (unsigned i = 0; i < PLACES; i++)
        *places[i] = lui_a0(version);
    ((volatile uint64_t *)pages[3])[64] = version; /* data beside the code */
}

static void write_versions(void)
{
    for (uint64_t version = 1; version <= versions; version++) {
        newest = version;
        __asm__ volatile("fence rw, rw" ::: "memory");
        write_all(version);
        __asm__ volatile("fence rw, rw" ::: "memory");
        for (uint32_t hart = 1; hart < HARTS; hart++) {
            newest = version;
            mmio_write32(CLINT + 4 * hart, 1);
        }
        for (unsigned hart = 1; hart < HARTS; hart++)
            while (fenced[hart].version < version)
                ;
    }
    done = true;
}

static void call(unsigned hart, unsigned place)
{
    register uint64_t result __asm__("a0");
    uint64_t least = fenced[hart].version;
    __asm__ volatile("jalr %1" : "=r"(result) : "r"(places[place]) : "ra", "memory");
    uint64_t version = result >> 12;
    calls[hart]++;
    if (version < least || version > newest)
        wrong[hart]++;
}

static void run_versions(unsigned hart)
{
    barrier(HARTS);
    if (hart == 0) {
        write_versions();
        return;
    }
    __asm__ volatile("fence.i\n csrsi mstatus, 8" ::: "memory");
    while (!done)
        for (unsigned i = 0; i < PLACES; i++)
            call(hart, i);
    __asm__ volatile("csrci mstatus, 8" ::: "memory");
}

void run_code(void)
{
    /* As many as lui can hold as a positive number. */
    versions = rounds * 10 < 0x7ffff ? rounds * 10 : 0x7ffff;
    for (unsigned i = 0; i < PLACES; i++)
        places[i][1] = RET;
    write_all(0);
    on_harts(HARTS, run_versions);
    uint64_t all = 0;
    for (unsigned hart = 1; hart < HARTS; hart++) {
        all += calls[hart];
        if (wrong[hart])
            fail("code", "calls of a version too old or too new:", wrong[hart]);
    }
    print("code: ");
    print_number(versions);
    print(" versions, ");
    print_number(all);
    print(" calls\n");
    if (!all)
        fail("code", "calls:", 0);
}
