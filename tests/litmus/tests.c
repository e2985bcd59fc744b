/* SPDX-License-Identifier: MIT
 *
 * The tests: the usual names and shapes (Unpriv. "RVWMO Memory Consistency Model" and its appendix of
 * examples). The bodies are assembly, so that no compiler moves anything.
 */
#include "litmus.h"

#define BODY(name, text)                                                                                     \
    static void name(struct row *row, uint64_t *r)                                                           \
    {                                                                                                        \
        uint64_t a = 0, b = 0, one = 1;                                                                      \
        __asm__ volatile(text : "+&r"(a), "+&r"(b) : "r"(&row->x), "r"(&row->y), "r"(one) : "memory", "t0"); \
        r[0] = a;                                                                                            \
        r[1] = b;                                                                                            \
    }
/* %0 and %1: the results; %2 and %3: the addresses of x and y; %4: 1 */
#define READ_X_Y "ld %0, (%2)\n ld %1, (%3)"
#define WRITE_X  "sd %4, (%2)"
#define WRITE_Y  "sd %4, (%3)"
#define FULL     "\n fence rw, rw\n"
#define FENCE_WW "\n fence w, w\n"
#define FENCE_RR "\n fence r, r\n"

/* Message passing: x is the data, y the flag. */
BODY(mp_write, WRITE_X "\n" WRITE_Y)
BODY(mp_write_fence, WRITE_X FENCE_WW WRITE_Y)
BODY(mp_write_release, WRITE_X "\n amoswap.d.rl zero, %4, (%3)")
BODY(mp_read, "ld %0, (%3)\n ld %1, (%2)")
BODY(mp_read_fence, "ld %0, (%3)" FENCE_RR "ld %1, (%2)")
BODY(mp_read_acquire, "lr.d.aq %0, (%3)\n ld %1, (%2)")
BODY(mp_read_address, "ld %0, (%3)\n xor t0, %0, %0\n add t0, t0, %2\n ld %1, (t0)")
static bool mp_seen(const struct row *row)
{
    return row->r[1][0] == 1 && row->r[1][1] == 0;
}

/* Store buffering. */
BODY(sb_0, WRITE_X "\n ld %0, (%3)")
BODY(sb_1, WRITE_Y "\n ld %0, (%2)")
BODY(sb_0_fence, WRITE_X FULL "ld %0, (%3)")
BODY(sb_1_fence, WRITE_Y FULL "ld %0, (%2)")
BODY(sb_0_amo, "amoswap.d.aqrl zero, %4, (%2)\n ld %0, (%3)")
BODY(sb_1_amo, "amoswap.d.aqrl zero, %4, (%3)\n ld %0, (%2)")
BODY(sb_0_lr, "amoswap.d.rl zero, %4, (%2)\n lr.d.aqrl %0, (%3)")
BODY(sb_1_lr, "amoswap.d.rl zero, %4, (%3)\n lr.d.aqrl %0, (%2)")
static bool sb_seen(const struct row *row)
{
    return row->r[0][0] == 0 && row->r[1][0] == 0;
}

/* Load buffering. */
BODY(lb_0, "ld %0, (%2)\n" WRITE_Y)
BODY(lb_1, "ld %0, (%3)\n" WRITE_X)
BODY(lb_0_fence, "ld %0, (%2)" FULL WRITE_Y)
BODY(lb_1_fence, "ld %0, (%3)" FULL WRITE_X)
BODY(lb_0_data, "ld %0, (%2)\n xor t0, %0, %0\n add t0, t0, %4\n sd t0, (%3)")
BODY(lb_1_data, "ld %0, (%3)\n xor t0, %0, %0\n add t0, t0, %4\n sd t0, (%2)")
static bool lb_seen(const struct row *row)
{
    return row->r[0][0] == 1 && row->r[1][0] == 1;
}

/* Reads of one place go forward in time (CoRR); the reader runs against the writer of x. */
BODY(write_x, WRITE_X)
BODY(write_y, WRITE_Y)
BODY(corr_read, "ld %0, (%2)\n ld %1, (%2)")
static bool corr_seen(const struct row *row)
{
    return row->r[1][0] == 1 && row->r[1][1] == 0;
}

/* Independent reads of independent writes. */
BODY(read_x_y, READ_X_Y)
BODY(read_y_x, "ld %0, (%3)\n ld %1, (%2)")
BODY(read_x_y_fence, "ld %0, (%2)" FULL "ld %1, (%3)")
BODY(read_y_x_fence, "ld %0, (%3)" FULL "ld %1, (%2)")
static bool iriw_seen(const struct row *row)
{
    return row->r[2][0] == 1 && row->r[2][1] == 0 && row->r[3][0] == 1 && row->r[3][1] == 0;
}

/* Write to read causality: hart 1 passes on what it read from hart 0. */
BODY(wrc_1, "ld %0, (%2)\n fence r, rw\n sd %0, (%3)")
static bool wrc_seen(const struct row *row)
{
    return row->r[1][0] == 1 && row->r[2][0] == 1 && row->r[2][1] == 0;
}

/* Two writes each, in opposite order: which of them remain (2+2W). */
BODY(ww_0_fence, "li t0, 2\n sd %4, (%2)" FENCE_WW "sd t0, (%3)")
BODY(ww_1_fence, "li t0, 2\n sd %4, (%3)" FENCE_WW "sd t0, (%2)")
static bool ww_seen(const struct row *row)
{
    return row->x == 1 && row->y == 1;
}

/* Another hart stores between LR and SC: x may be 1 at the end only if the store came after the SC. Hart 0
 * adds 2, hart 1 stores 1: the end is 3 or 1, never 2. */
BODY(lrsc_add, "1: lr.d %0, (%2)\n addi t0, %0, 2\n sc.d t0, t0, (%2)\n bnez t0, 1b")
static bool lrsc_seen(const struct row *row)
{
    return row->x != 1 && row->x != 3;
}

const struct litmus litmus_tests[] = {
    { "MP", 2, { mp_write, mp_read }, mp_seen, false },
    { "MP+fence.w.w+fence.r.r", 2, { mp_write_fence, mp_read_fence }, mp_seen, true },
    { "MP+fence.w.w+addr", 2, { mp_write_fence, mp_read_address }, mp_seen, true },
    { "MP+rl+aq", 2, { mp_write_release, mp_read_acquire }, mp_seen, true },
    { "SB", 2, { sb_0, sb_1 }, sb_seen, false },
    { "SB+fence.rw.rws", 2, { sb_0_fence, sb_1_fence }, sb_seen, true },
    { "SB+amo.aqrls", 2, { sb_0_amo, sb_1_amo }, sb_seen, true },
    { "SB+amo.rl+lr.aqrls", 2, { sb_0_lr, sb_1_lr }, sb_seen, true },
    { "LB", 2, { lb_0, lb_1 }, lb_seen, false },
    { "LB+fence.rw.rws", 2, { lb_0_fence, lb_1_fence }, lb_seen, true },
    { "LB+datas", 2, { lb_0_data, lb_1_data }, lb_seen, true },
    { "CoRR", 2, { write_x, corr_read }, corr_seen, true },
    { "2+2W+fence.w.ws", 2, { ww_0_fence, ww_1_fence }, ww_seen, true },
    { "LRSC+store", 2, { lrsc_add, write_x }, lrsc_seen, true },
    { "WRC+fences", 3, { write_x, wrc_1, mp_read_fence }, wrc_seen, true },
    { "IRIW", 4, { write_x, write_y, read_x_y, read_y_x }, iriw_seen, false },
    { "IRIW+fence.rw.rws", 4, { write_x, write_y, read_x_y_fence, read_y_x_fence }, iriw_seen, true },
};
const unsigned litmus_count = sizeof(litmus_tests) / sizeof(litmus_tests[0]);
