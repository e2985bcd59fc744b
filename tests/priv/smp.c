/* SPDX-License-Identifier: MIT
 *
 * Two harts: counters that both increment by LR/SC and AMO, a lock, message passing, an interrupt from one to
 * the other (Unpriv. 13, 17 RVWMO; Priv. 3.2 CLINT). Needs at least two harts.
 */
#include "test.h"

const char test_name[] = "smp";

#define ROUNDS 100000

static volatile uintptr_t lrsc_count __attribute__((aligned(64)));
static volatile uintptr_t amo_count __attribute__((aligned(64)));
static volatile uintptr_t mixed_count __attribute__((aligned(64)));
static volatile uint32_t lock __attribute__((aligned(64)));
static volatile uint64_t locked_count[2];
static volatile uintptr_t ready;

static void add_lrsc(volatile uintptr_t *count)
{
    uintptr_t old, failed;
#if XLEN == 64
    __asm__ volatile("1: lr.d %0, (%2)\n addi %0, %0, 1\n sc.d %1, %0, (%2)\n bnez %1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(count)
                     : "memory");
#else
    __asm__ volatile("1: lr.w %0, (%2)\n addi %0, %0, 1\n sc.w %1, %0, (%2)\n bnez %1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(count)
                     : "memory");
#endif
}

static void add_amo(volatile uintptr_t *count)
{
#if XLEN == 64
    __asm__ volatile("amoadd.d zero, %1, (%0)" ::"r"(count), "r"(1) : "memory");
#else
    __asm__ volatile("amoadd.w zero, %1, (%0)" ::"r"(count), "r"(1) : "memory");
#endif
}

static void meet(void)
{
    add_amo(&ready);
    while (ready < 2) {
    }
}

static void count(uintptr_t hart)
{
    meet();
    for (unsigned i = 0; i < ROUNDS; i++)
        add_lrsc(&lrsc_count);
    for (unsigned i = 0; i < ROUNDS; i++)
        add_amo(&amo_count);
    for (unsigned i = 0; i < ROUNDS; i++) { /* one by LR/SC, the other by AMO, on the same word */
        if (hart)
            add_lrsc(&mixed_count);
        else
            add_amo(&mixed_count);
    }
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        uint32_t busy;
        do
            __asm__ volatile("amoswap.w.aq %0, %2, (%1)" : "=r"(busy) : "r"(&lock), "r"(1) : "memory");
        while (busy);
        locked_count[0]++; /* plain loads and stores: the lock orders them */
        locked_count[1] = locked_count[0];
        __asm__ volatile("amoswap.w.rl zero, zero, (%0)" ::"r"(&lock) : "memory");
    }
}

/* Message passing with fences: data written before the flag is seen after it. */
static volatile uint32_t message[8] __attribute__((aligned(64)));
static volatile uint32_t flag __attribute__((aligned(64)));
static volatile uint32_t answer __attribute__((aligned(64)));
static volatile uint32_t wrong;

static void receive(uintptr_t rounds)
{
    for (uint32_t i = 1; i <= rounds; i++) {
        for (unsigned turns = 0; flag != i; turns++)
            wait_turn(turns);
        __asm__ volatile("fence r, r" ::: "memory");
        for (unsigned k = 0; k < 8; k++)
            if (message[k] != i * 8 + k)
                wrong++;
        __asm__ volatile("fence r, w" ::: "memory");
        answer = i;
    }
}

static void test_message(void)
{
    hart1_start(receive, 5000);
    uint64_t end = clint_mtime() + 200000000;
    for (uint32_t i = 1; i <= 5000; i++) {
        for (unsigned k = 0; k < 8; k++)
            message[k] = i * 8 + k;
        __asm__ volatile("fence w, w" ::: "memory");
        flag = i;
        for (unsigned turns = 0; answer != i && clint_mtime() < end; turns++)
            wait_turn(turns);
    }
    check_true(hart1_wait(), "message-end");
    check_equal(wrong, 0, "message-passing");
}

/* Store buffering: each hart stores to its own word, fences, and reads the other's. With fence rw, rw (in
 * particular w, r) at least one sees the other's store (RVWMO, "SB+fences"). The harts meet before every
 * round. */
#define SB_ROUNDS 3000
static volatile uint32_t sb_word[SB_ROUNDS][2], sb_seen[2][SB_ROUNDS];
static volatile uint32_t sb_arrived[2] __attribute__((aligned(64)));

static void store_buffer(uintptr_t hart)
{
    for (uint32_t i = 0; i < SB_ROUNDS; i++) {
        sb_arrived[hart] = i + 1;
        for (unsigned turns = 0; sb_arrived[!hart] < i + 1; turns++)
            wait_turn(turns);
        sb_word[i][hart] = 1;
        __asm__ volatile("fence rw, rw" ::: "memory");
        sb_seen[hart][i] = sb_word[i][!hart];
    }
}

static void test_store_buffer(void)
{
    hart1_start(store_buffer, 1);
    store_buffer(0);
    check_true(hart1_wait(), "store-buffer-end");
    unsigned neither = 0;
    for (unsigned i = 0; i < SB_ROUNDS; i++)
        neither += !sb_seen[0][i] && !sb_seen[1][i];
    check_equal(neither, 0, "store-buffer-fence");
}

static void test_counters(void)
{
    hart1_start(count, 1);
    count(0);
    check_true(hart1_wait(), "hart1-end");
    check_equal(lrsc_count, 2 * ROUNDS, "lr-sc-counter");
    check_equal(amo_count, 2 * ROUNDS, "amo-counter");
    check_equal(mixed_count, 2 * ROUNDS, "mixed-counter");
    check_equal(locked_count[0], 2 * ROUNDS / 10, "locked-counter");
    check_equal(locked_count[1], 2 * ROUNDS / 10, "locked-copy");
}

/* Hart 1 raises hart 0's MSIP while hart 0 waits in wfi. */
static void poke(uintptr_t delay)
{
    uint64_t end = clint_mtime() + delay;
    while (clint_mtime() < end) {
    }
    clint_set_msip(0, true);
}

static void test_ipi(void)
{
    csr_write(CSR_MIE, MIP_MSIP);
    for (unsigned i = 0; i < 20; i++) {
        hart1_start(poke, 1000 * i);
        run_status = run_status_default | STATUS_MPIE;
        struct trap trap = run_insn(MODE_M, WFI, ARGS(0));
        run_status = run_status_default;
        check_cause(&trap, INTERRUPT(IRQ_MSI), "ipi");
        clint_set_msip(0, false);
        check_true(hart1_wait(), "ipi-end");
    }
    csr_write(CSR_MIE, 0);
}

/* A reservation is lost when the other hart stores to the reserved word. */
static volatile uint32_t reserved __attribute__((aligned(64)));

static void store_plain(uintptr_t value)
{
    reserved = (uint32_t)value;
}

static void test_reservation(void)
{
    uint32_t value, failed;
    unsigned failures = 0;
    for (unsigned i = 1; i <= 50; i++) {
        reserved = 0;
        __asm__ volatile("lr.w %0, (%1)" : "=r"(value) : "r"(&reserved) : "memory");
        hart1_start(store_plain, i);
        bool ended = hart1_wait();
        __asm__ volatile("sc.w %0, %2, (%1)" : "=r"(failed) : "r"(&reserved), "r"(1000) : "memory");
        check_true(ended, "reservation-hart1-end");
        failures += failed;
        if (!failed || reserved != i)
            break;
    }
    check_equal(failures, 50, "sc-after-other-hart's-store-fails");
}

void test_main(void)
{
    test_counters();
    test_message();
    test_store_buffer();
    test_ipi();
    test_reservation();
}
