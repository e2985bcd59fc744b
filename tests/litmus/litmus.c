/* SPDX-License-Identifier: MIT
 *
 * The harness of the litmus tests; see litmus.h. `-device loader,addr=0x80f00000,data=N,data-len=8` sets the
 * number of rounds.
 */
#include "litmus.h"

#define ROUNDS_AT      0x80f00000u
#define ROUNDS_DEFAULT 40
#define UART           0x10000000u
#define TEST           0x100000u

uint64_t rounds;
static unsigned failures;

/* ---- Output -------------------------------------------------------------------------------------------- */

void print(const char *text)
{
    while (*text)
        *(volatile uint8_t *)UART = (uint8_t)*text++;
}

void print_number(uint64_t number)
{
    char digits[24], *at = digits + sizeof(digits) - 1;
    for (*at = 0; number || !*at; number /= 10)
        *--at = (char)('0' + number % 10);
    print(at);
}

void fail(const char *name, const char *what, uint64_t value)
{
    print("FAIL ");
    print(name);
    print(": ");
    print(what);
    print(" ");
    print_number(value);
    print("\n");
    failures++;
}

/* ---- Harts --------------------------------------------------------------------------------------------- */

static void (*volatile job)(unsigned hart);
static volatile unsigned job_number, job_harts;
static unsigned job_done;
static struct {
    unsigned arrived;
    volatile unsigned turn;
} meeting;

static void fence(void)
{
    __asm__ volatile("fence rw, rw" ::: "memory");
}

void barrier(unsigned harts)
{
    unsigned turn = meeting.turn;
    fence();
    if (__atomic_add_fetch(&meeting.arrived, 1, __ATOMIC_SEQ_CST) == harts) {
        meeting.arrived = 0;
        fence();
        meeting.turn = turn + 1;
    } else {
        while (meeting.turn == turn)
            ;
    }
    fence();
}

void on_harts(unsigned harts, void (*function)(unsigned hart))
{
    job = function;
    job_harts = harts;
    __atomic_store_n(&job_done, 1, __ATOMIC_SEQ_CST);
    fence();
    job_number++;
    fence();
    for (unsigned hart = 1; hart < HARTS; hart++) /* they may be asleep */
        mmio_write32(CLINT + 4 * hart, 1);
    function(0);
    while (__atomic_load_n(&job_done, __ATOMIC_SEQ_CST) != HARTS)
        ;
    fence();
}

static void serve(unsigned hart)
{
    for (unsigned served = 0;; served++) {
        while (job_number == served)
            __asm__ volatile("wfi");
        mmio_write32(CLINT + 4 * hart, 0);
        fence();
        if (hart < job_harts)
            job(hart);
        fence();
        __atomic_add_fetch(&job_done, 1, __ATOMIC_SEQ_CST);
    }
}

/* ---- Tests --------------------------------------------------------------------------------------------- */

static struct row rows[ROWS];
static const struct litmus *test;
static struct {
    volatile uint64_t row, pad[7];
} progress[HARTS];

/* Waits a little for the others to come to the same row, but not for ever, since a hart may have no host
 * processor. */
static void meet(unsigned hart, uint64_t row)
{
    progress[hart].row = row;
    for (unsigned other = 0; other < test->threads; other++)
        for (unsigned patience = 20000; patience > 0 && progress[other].row < row; patience--)
            ;
}

static void run_rows(unsigned hart)
{
    body_fn *body = test->bodies[hart];
    unsigned random = hart + 1;
    for (uint64_t round = 0; round < rounds; round++) {
        barrier(test->threads);
        for (unsigned i = 0; i < ROWS; i++) {
            meet(hart, round * ROWS + i + 1);
            random = random * 1103515245 + 12345;
            for (unsigned delay = random >> 16 & 7; delay > 0; delay--)
                __asm__ volatile("");
            body(&rows[i], rows[i].r[hart]);
        }
        barrier(test->threads);
        if (hart != 0)
            continue;
        for (unsigned i = 0; i < ROWS; i++) {
            extern uint64_t seen_count;
            seen_count += test->seen(&rows[i]);
            rows[i].x = rows[i].y = 0;
        }
    }
}

uint64_t seen_count;

static void run_test(const struct litmus *litmus)
{
    test = litmus;
    seen_count = 0;
    for (unsigned hart = 0; hart < HARTS; hart++)
        progress[hart].row = 0;
    on_harts(litmus->threads, run_rows);
    print(litmus->name);
    print(litmus->forbidden ? ": forbidden, seen " : ": allowed, seen ");
    print_number(seen_count);
    print(" of ");
    print_number(rounds * ROWS);
    print("\n");
    if (litmus->forbidden && seen_count)
        fail(litmus->name, "forbidden outcomes:", seen_count);
}

void hart_main(unsigned hart);
void hart_main(unsigned hart)
{
    __asm__ volatile("csrw mie, %0" ::"r"(8)); /* so that wfi ends; mstatus.MIE is 0 */
    if (hart != 0)
        serve(hart);
    rounds = *(volatile uint64_t *)ROUNDS_AT ? *(volatile uint64_t *)ROUNDS_AT : ROUNDS_DEFAULT;
    for (unsigned i = 0; i < litmus_count; i++)
        run_test(&litmus_tests[i]);
    run_contention();
    run_code();
    print(failures ? "FAILED\n" : "PASSED\n");
    mmio_write32(TEST, failures ? 0x13333 : 0x5555);
}

__attribute__((interrupt("machine"), aligned(4))) void hart_interrupt(void);
void hart_interrupt(void)
{
    uintptr_t cause, hart;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    __asm__ volatile("csrr %0, mhartid" : "=r"(hart));
    if (cause == ((uintptr_t)1 << 63 | 3)) {
        mmio_write32(CLINT + 4 * (uint32_t)hart, 0);
        code_interrupt((unsigned)hart);
        return;
    }
    fail("trap", "mcause", cause);
    mmio_write32(TEST, 0x23333);
}
