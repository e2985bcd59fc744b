/* SPDX-License-Identifier: MIT
 *
 * Compares what the rows of dbt/x86/t1/t1.def claim about their code with the code. Each row is translated
 * with registers of every kind (pinned, in memory, x0, equal ones), and capstone decodes the host code.
 *
 * An instruction that reads rd, the row's destination, follows the row's instruction. If it takes rd from
 * rax, the translator believes that rax holds rd; then nothing may write rax after the store of rd, on any
 * path through the code.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/block.h"
#include "cpu/vector_state.h"
#include "dbt/x86/t1/t1.h"
#include "dbt/x86/t1/translate.h"
#include "tests/dbt/guest.h"
#include "tests/dbt/host_code.h"
#include "tests/suite.h"

#define CODE_MAX 8192

/* Host code that the listener was given. */
struct piece {
    const uint8_t *run;
    uint8_t bytes[CODE_MAX];
    size_t size;
};

static struct guest guest;
static struct piece hot, cold;
static uint32_t starts[3 + 1];
static bool told;
static struct isa_operands decoded; /* of the row */

static void keep(struct piece *piece, const uint8_t *run, size_t size)
{
    ck_assert_uint_le(size, CODE_MAX);
    piece->run = run;
    piece->size = size;
    if (size)
        memcpy(piece->bytes, run, size);
}

static void listen(void *opaque, const struct dbt_code *code)
{
    (void)opaque;
    keep(&hot, code->host, code->host_size);
    keep(&cold, code->cold, code->cold_size);
    memcpy(starts, code->starts, (code->count + 1) * sizeof(starts[0]));
    told = true;
}

/* ---- Host code ----------------------------------------------------------------------------------------- */

/* What a row's code does. */
struct seen {
    unsigned rd;
    bool writes_rdx, reads_home, other_store, calls;
    bool writes_vector; /* from a general register */
    bool rax_is_rd;     /* on the path so far */
    bool rax_lost;      /* a path continues after the row, and rax is not rd */
};

static bool is_home(struct host_mem mem, unsigned guest_register)
{
    return mem.base == HOST_HART && mem.disp == 8 * (int)guest_register - HART_BIAS;
}

static bool is_vector(struct host_mem mem)
{
    int64_t at = mem.disp + HART_BIAS - (int64_t)offsetof(struct hart, v);
    return mem.base == HOST_HART && at >= 0 && at < (int64_t)sizeof(guest.harts[0]->v);
}

static void look(const struct host_insn *insn, struct seen *seen)
{
    bool home = is_home(insn->mem, seen->rd);
    seen->writes_rdx |= insn->written >> X86_RDX & 1;
    seen->calls |= insn->call;
    seen->reads_home |= home && insn->loads;
    seen->other_store |= insn->stores && !home;
    seen->writes_vector |= insn->stores && insn->stored >= 0 && is_vector(insn->mem);
    if (insn->written >> X86_RAX & 1 || insn->call)
        seen->rax_is_rd = false;
    if (insn->stores && home)
        seen->rax_is_rd = insn->stored == X86_RAX;
}

/* Examines [from, to) of the piece. */
static void look_at(const struct piece *piece, size_t from, size_t to, struct seen *seen)
{
    const uint64_t first = (uint64_t)(uintptr_t)hot.run, behind = first + starts[1];
    struct host_insn insn;
    for (size_t at = from; at < to; at += insn.size) {
        ck_assert(
            host_code_decode(piece->bytes + at, to - at, (uint64_t)(uintptr_t)(piece->run + at), &insn));
        look(&insn, seen);
        if (!insn.jump)
            continue;
        /* Out of cold code, back to the row's end; another piece begins. */
        seen->rax_lost |= insn.target > first && insn.target <= behind && !seen->rax_is_rd;
        seen->rax_is_rd = false;
    }
}

/* ---- Guest code ---------------------------------------------------------------------------------------- */

struct registers {
    uint8_t rd, rs1, rs2, rs3;
};

static uint32_t encode(enum isa_insn insn, const struct registers *r)
{
    unsigned flags = isa_entry(insn)->flags;
    struct isa_operands o = { .rd = r->rd, .rs1 = r->rs1, .rs2 = r->rs2, .rs3 = r->rs3 };
    o.rm = flags & ISA_RM ? 7 : 0;
    bool range = insn == ISA_INSN_th_ext || insn == ISA_INSN_th_extu;
    o.imm = flags & ISA_CSR ? 0x340 | 1 << 16 : insn == ISA_INSN_aes64ks1i ? 1 : range ? 20 << 6 | 3 : 8;
    return isa_encode(insn, &o);
}

/* Translates the row's instruction and a reader of rd. False: with these operands the hart does not have the
 * instruction. */
static bool translate(enum isa_insn insn, const struct registers *r)
{
    struct hart *hart = guest.harts[0];
    uint32_t bits = encode(insn, r);
    isa_decode(&hart->isa, bits, &decoded, NULL);
    if (decoded.insn != insn)
        return false;
    guest.at = (guest.at + 63) & ~(uint64_t)63;
    hart->pc = guest.at;
    const uint32_t code[] = { bits, guest_encode(ISA_INSN_slti, T3, r->rd, 0, 1),
                              guest_encode(ISA_INSN_jal, 0, 0, 0, 8) };
    memcpy(guest.ram + (guest.at - RAM_BASE), code, sizeof(code));
    guest.at += sizeof(code);
    struct block *block = block_find(hart);
    ck_assert_ptr_nonnull(block);
    bool full;
    told = false;
    pthread_mutex_lock(&guest.dbt->lock);
    const struct t1_block *translated = t1_translate(guest.dbt, hart, block, &full);
    pthread_mutex_unlock(&guest.dbt->lock);
    ck_assert_msg(translated && told, "%s was not translated", isa_entry(insn)->name);
    return true;
}

/* ---- The claims ---------------------------------------------------------------------------------------- */

/* Each block begins with a subtraction from the budget. */
#define BUDGET_SIZE 4

static unsigned kept; /* how often rax was taken as rd */

/* False: with these operands it is another instruction. */
static bool check_row(enum isa_insn insn, const struct registers *r)
{
    unsigned claims = t1_rows[insn].claims;
    const char *name = isa_entry(insn)->name;
    uint64_t handlers = guest.dbt->counters.calls;
    if (!translate(insn, r))
        return false;
    handlers = guest.dbt->counters.calls - handlers;
    struct seen own = { .rd = r->rd }, reader = { .rd = r->rd }, out_of_line = { .rd = r->rd };
    look_at(&hot, 0, starts[1], &own);
    look_at(&cold, 0, cold.size, &out_of_line);
    if (claims & T1_SPARES_RDX)
        ck_assert_msg(!own.writes_rdx, "%s writes rdx", name);
    if (claims & T1_PURE)
        ck_assert_msg(decoded.rd == r->rd && !own.other_store && (r->rd || starts[1] == BUDGET_SIZE),
                      "%s does not only write rd", name);
    if (!(claims & (T1_MAY_TRAP | T1_ENDS)))
        ck_assert_msg(!own.calls && !out_of_line.calls, "%s calls", name);
    if (claims & T1_KEEPS_COPIES && !handlers)
        ck_assert_msg(!own.calls && !own.writes_vector, "%s loses copies of vector registers", name);
    if (claims & T1_ENDS)
        return true;
    look_at(&hot, starts[1], starts[2], &reader);
    if (!r->rd || dbt_pinned(r->rd) != X86_NONE || reader.reads_home)
        return true;
    kept++;
    ck_assert_msg(claims & T1_KEEPS_RAX, "rax is taken for the result of %s, whose row does not say so",
                  name);
    ck_assert_msg(own.rax_is_rd, "%s does not end with its result in rax", name);
    ck_assert_msg(!out_of_line.rax_lost, "%s comes back from cold code without its result in rax", name);
    return true;
}

static void check_insn(enum isa_insn insn)
{
    static const struct registers choices[] = {
        { T0, T1, T2, 7 }, { A0, A1, A2, 3 }, { T0, A1, T1, 6 }, { T0, T0, T0, 5 }, { A0, A0, A0, 10 },
        { T0, T0, A0, 5 }, { T0, 0, T1, 0 },  { T0, T1, 0, 0 },  { 0, T1, A0, 0 },  { A0, T0, A0, 1 },
    };
    if (!t1_rows[insn].lower)
        return;
    /* Every row decodes, but for those of f registers where those of x registers do. */
    bool in_x = isa_is_in_x(isa_entry(insn)->extension);
    guest.harts[0]->isa.extensions = in_x ? ~(isa_set)0 : ~ISA_IN_X;
    for (unsigned xlen = 32; xlen <= 64; xlen += 32) {
        bool checked = isa_entry(insn)->flags & (xlen == 32 ? ISA_RV64 : ISA_RV32);
        guest.harts[0]->isa.xlen = xlen;
        for (unsigned i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
            checked |= check_row(insn, &choices[i]);
        ck_assert_msg(checked, "%s was not encoded for RV%u", isa_entry(insn)->name, xlen);
    }
}

/* A process tests many rows, because starting one, and having a sanitizer look for leaks at its end, takes
 * far longer than testing a row. */
#define ROWS_AT_ONCE 32

START_TEST(test_rows)
{
    for (unsigned i = 0; i < ROWS_AT_ONCE; i++) {
        unsigned insn = (unsigned)_i * ROWS_AT_ONCE + i;
        if (insn > 0 && insn < ISA_INSN_COUNT)
            check_insn((enum isa_insn)insn);
    }
}
END_TEST

/* These instructions leave rd in rax, and the translator uses that: so the test above does test the claim. */
START_TEST(test_kept)
{
    static const struct registers r = { T0, A1, A2, 0 };
    static const enum isa_insn some[] = { ISA_INSN_sub, ISA_INSN_mul, ISA_INSN_ld, ISA_INSN_packh };
    for (unsigned i = 0; i < 4; i++) {
        kept = 0;
        check_row(some[i], &r);
        ck_assert_msg(kept == 1, "%s", isa_entry(some[i])->name);
    }
}
END_TEST

static void setup(void)
{
    guest_create(&guest, GUEST_T1, 1);
    struct hart *hart = guest.harts[0];
    hart->isa.extensions = ~ISA_IN_X;
    vector_set_type(hart, 2 << 3); /* words, of which one register has VLMAX */
    hart->vector.vl = vector_elements(hart->vector.vlenb, hart->vector.sew, hart->vector.lmul);
    x86_features_without_avx512(&guest.dbt->host); /* not all of which capstone knows */
    dbt_listen(guest.dbt, listen, NULL);
    host_code_open();
}

static void teardown(void)
{
    host_code_close();
    guest_destroy(&guest);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("t1_rows");
    TCase *rows = tcase_create("rows");
    isa_init();
    tcase_set_timeout(rows, 120); /* with sanitizers */
    /* Checked: a process that is forked while another thread of its parent begins may wait for a lock for
     * ever. */
    tcase_add_checked_fixture(rows, setup, teardown);
    tcase_add_loop_test(rows, test_rows, 0, (ISA_INSN_COUNT + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE);
    tcase_add_test(rows, test_kept);
    suite_add_tcase(suite, rows);
    return suite;
}
