/* SPDX-License-Identifier: MIT
 *
 * What T1 counts, and how soon it takes interrupts.
 */
#include <check.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/dbt/guest.h"

/* ---- minstret ------------------------------------------------------------------------------------------ */

#define READINGS 64

/* Between two readings there are n rounds of an inner loop, n from 1 to READINGS * step. */
static void build_minstret(struct guest *guest, const void *argument)
{
    int step = *(const int *)argument;
    guest_put_value(guest, S2, READINGS);
    guest_put_value(guest, S3, DATA);
    I(addi, S4, 0, 0, 1);
    uint64_t outer = guest->at;
    I(csrrs, T0, 0, 0, CSR_MINSTRET);
    I(addi, A0, S4, 0, 0);
    I(addi, A1, A1, 0, 1);
    I(addi, A0, A0, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, A0, 0, guest->at - 8);
    I(csrrs, T1, 0, 0, CSR_MINSTRET);
    I(sub, T1, T1, T0, 0);
    I(sd, 0, S3, T1, 0);
    I(addi, S3, S3, 0, 8);
    I(addi, S4, S4, 0, step);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, outer);
    guest_put_end(guest, 0);
}

static void check_minstret(struct guest *guest, const void *argument)
{
    int step = *(const int *)argument;
    for (int i = 0; i < READINGS; i++)
        ck_assert_uint_eq(guest_word(guest, DATA + 8 * (unsigned)i), 2 + 3 * (uint64_t)(1 + i * step));
}

START_TEST(test_minstret)
{
    static const int steps[] = { 1, 7, 137, 1365 };
    guest_run_tiers(1, build_minstret, check_minstret, &steps[_i]);
}
END_TEST

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

#define INTERRUPTS 20

enum loop { LOOP_SELF, LOOP_SHORT, LOOP_CALL, LOOP_PAGES, LOOP_INDIRECT, LOOPS };

/* The handler counts interrupts through the port, and stores mepc. */
static void put_interrupts(struct guest *guest)
{
    guest->at = HANDLER;
    I(csrrs, T5, 0, 0, CSR_MEPC);
    I(sd, 0, S3, T5, 0);
    I(csrrs, T5, 0, 0, CSR_MCAUSE);
    I(sd, 0, S3, T5, 8);
    I(lui, T5, 0, 0, (int32_t)PORT);
    I(sd, 0, T5, 0, 64);
    I(mret, 0, 0, 0, 0);
    guest->at = START;
    guest_put_value(guest, T5, HANDLER);
    I(csrrw, 0, T5, 0, CSR_MTVEC);
    I(addi, T5, 0, 0, 0x88); /* MTIE, MSIE */
    I(csrrw, 0, T5, 0, CSR_MIE);
    guest_put_value(guest, S3, DATA);
    guest_put_value(guest, T1, START + 0x1000);
    I(csrrsi, 0, 0, 0, CSR_MSTATUS | 8 << 16); /* MIE */
    guest_put_jal(guest, 0, START + 0x1000);
}

static void put_loop(struct guest *guest, enum loop loop)
{
    uint64_t at = guest->at = START + 0x1000;
    if (loop == LOOP_CALL) {
        guest_put_jal(guest, RA, at - 16);
        guest_put_jal(guest, 0, at);
        guest->at = at - 16;
        I(jalr, 0, RA, 0, 0);
    } else if (loop == LOOP_PAGES) {
        guest_put_jal(guest, 0, at + 0x2000);
        guest->at = at + 0x2000;
        guest_put_jal(guest, 0, at);
    } else if (loop == LOOP_INDIRECT) {
        I(jalr, 0, T1, 0, 0);
    } else {
        if (loop == LOOP_SHORT)
            I(addi, A0, A0, 0, 1);
        guest_put_jal(guest, 0, at);
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* How long until the handler has run. */
static double interrupt(struct guest *guest)
{
    unsigned before = atomic_load(&guest->interrupts);
    double start = seconds();
    hart_set_irq(guest->harts[0], guest->irq, true);
    while (atomic_load(&guest->interrupts) == before && seconds() < start + 5)
        usleep(50);
    return seconds() - start;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median is compared, since the machine may be busy. */
START_TEST(test_interrupt)
{
    struct guest guest;
    double delays[INTERRUPTS];
    guest_create(&guest, GUEST_T1, 1);
    put_interrupts(&guest);
    put_loop(&guest, (enum loop)(_i / 2));
    guest.irq = _i % 2 ? 3 : 7;
    guest_start(&guest);
    usleep(20000); /* until the loop runs */
    for (int i = 0; i < INTERRUPTS; i++) {
        delays[i] = interrupt(&guest);
        ck_assert_msg(delays[i] < 5, "interrupt %d was not taken", i);
        usleep(1000);
    }
    hart_request(guest.harts[0], HART_REQUEST_STOP);
    guest_join(&guest);
    qsort(delays, INTERRUPTS, sizeof(delays[0]), by_size);
    ck_assert_msg(delays[INTERRUPTS / 2] < 0.1, "interrupts take %g s", delays[INTERRUPTS / 2]);
    ck_assert_uint_eq(atomic_load(&guest.interrupts), INTERRUPTS);
    ck_assert_uint_eq(guest_word(&guest, DATA + 8), 1ull << 63 | guest.irq);
    ck_assert_uint_lt(guest_word(&guest, DATA) - (START + 0xff0), 0x2020);
    guest_destroy(&guest);
}
END_TEST

void t1_time_add(TCase *tests)
{
    tcase_add_loop_test(tests, test_minstret, 0, 4);
    tcase_add_loop_test(tests, test_interrupt, 0, LOOPS * 2);
}
