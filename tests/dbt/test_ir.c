/* SPDX-License-Identifier: MIT
 *
 * The optimiser's passes, one by one. Regions go in as text, and the text that comes out is compared. Random
 * regions, made of random guest code, are evaluated on random states before and after each pass
 * (dbt/ir/eval.h). The text of each region is read back, too.
 *
 * RVIVE_SEED=N: the first seed; RVIVE_REGIONS=N: how many random regions (a failure names its seed).
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbt/ir/eval.h"
#include "dbt/passes/passes.h"
#include "tests/suite.h"

#define REGIONS_DEFAULT 3000
#define STATES          8
#define LIMIT           600 /* guest instructions of an evaluation */

static struct ir before, after, other;
static const bool without[ISA_INSN_COUNT]; /* none is left out */

static char *text_of(const struct ir *ir)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    t2_print(ir, out);
    fclose(out);
    return text;
}

static void parse(struct ir *ir, const char *text)
{
    struct error error;
    unsigned where;
    ck_assert_msg(t2_parse(ir, text, &error), "%s\n%s", error.text, text);
    const char *fault = t2_verify(ir, &where);
    ck_assert_msg(!fault, "%s (operation %u)\n%s", fault, where, text);
}

/* ---- Text in, pass, text out --------------------------------------------------------------------------- */

#define REGION   "region at page 80000000+000, 1 blocks of 000..100\n"
#define REGION32 "region at page 80000000+000, 1 blocks of 000..100, rv32\n"
#define BLOCK    " block 0 at 000..100, 9 instructions -> taken out at -1 next out at 256\n"
#define LOOP     " block 0 at 000..100, 9 instructions -> taken 0 at 0 next out at 256\n"

static void expect(bool (*pass)(struct ir *), const char *in, const char *out)
{
    parse(&after, in);
    parse(&other, out);
    bool changed = pass(&after);
    char *got = text_of(&after), *wanted = text_of(&other);
    ck_assert_str_eq(got, wanted);
    ck_assert(changed == (strcmp(in, out) != 0));
    free(got);
    free(wanted);
}

START_TEST(test_fold_constants)
{
    expect(pass_fold,
           REGION BLOCK " 000 +9 CONST 64 - a0 = 5\n"
                        " 004 +8 ADD   64 - a1 = a0 7\n"
                        " 008 +7 SHL   32 - a2 = a1 30\n"
                        " 00c +6 SET   64 - ltu a3 = a0 a1\n"
                        " 010 +5 XOR   64 - a4 = a4 a0\n"
                        " 100 +0 LEAVE 64 -\n",
           REGION BLOCK " 000 +9 CONST 64 - a0 = 5\n"
                        " 004 +8 CONST 64 - a1 = 12\n"
                        " 008 +7 CONST 64 - a2 = 0\n"
                        " 00c +6 CONST 64 - a3 = 1\n"
                        " 010 +5 XOR   64 - a4 = a4 5\n"
                        " 100 +0 LEAVE 64 -\n");
}
END_TEST

/* slli by 32 and srli; sext.w of a value that is narrow already. */
START_TEST(test_fold_extensions)
{
    expect(pass_fold,
           REGION BLOCK " 000 +9 SHL   64 - a0 = a1 32\n"
                        " 004 +8 SHR   64 - a0 = a0 30\n"
                        " 008 +7 LOAD  32 s a2 = a3 [tlb 0..4]\n"
                        " 00c +6 ADD   32 - a4 = a2 0\n"
                        " 010 +5 ADD   32 - a5 = a1 0\n"
                        " 100 +0 LEAVE 64 -\n",
           REGION BLOCK " 000 +9 EXT   32 - a0 = a1\n"
                        " 004 +8 SHL   64 - a0 = a0 2\n"
                        " 008 +7 LOAD  32 s a2 = a3 [tlb 0..4]\n"
                        " 00c +6 MOV   64 - a4 = a2\n"
                        " 010 +5 EXT   32 s a5 = a1\n"
                        " 100 +0 LEAVE 64 -\n");
}
END_TEST

/* A result that is read, or that an exit needs, is not dead. */
START_TEST(test_dead)
{
    expect(pass_dead,
           REGION BLOCK " 000 +9 CONST 64 - a0 = 1\n"
                        " 004 +8 CONST 64 - a1 = 2\n"
                        " 008 +7 MOV   64 - a2 = a0\n"
                        " 00c +6 CONST 64 - a0 = 3\n"
                        " 010 +5 CONST 64 - a1 = 4\n"
                        " 014 +4 STORE 64 - s0 a1 [tlb write 0..8]\n"
                        " 018 +3 CONST 64 - a1 = 5\n"
                        " 100 +0 LEAVE 64 -\n",
           REGION BLOCK " 000 +9 CONST 64 - a0 = 1\n"
                        " 004 +8 NOP   64 -\n"
                        " 008 +7 MOV   64 - a2 = a0\n"
                        " 00c +6 CONST 64 - a0 = 3\n"
                        " 010 +5 CONST 64 - a1 = 4\n"
                        " 014 +4 STORE 64 - s0 a1 [tlb write 0..8]\n"
                        " 018 +3 CONST 64 - a1 = 5\n"
                        " 100 +0 LEAVE 64 -\n");
}
END_TEST

/* One check for a group, with its pointer's steps; word arithmetic ends the group. */
START_TEST(test_access_groups)
{
    expect(pass_access,
           REGION BLOCK " 000 +9 LOAD  64 s a0 = s0 8 [tlb 8..16]\n"
                        " 004 +8 ADD   64 - s0 = s0 16\n"
                        " 008 +7 STORE 32 - s0 a0 -4 [tlb write -4..0]\n"
                        " 00c +6 ADD   32 - s0 = s0 16\n"
                        " 010 +5 LOAD  8 - a1 = s0 [tlb 0..1]\n"
                        " 100 +0 LEAVE 64 -\n",
           REGION BLOCK " 000 +9 LOAD  64 s a0 = s0 8 [tlb write 8..16 slot 0]\n"
                        " 004 +8 ADD   64 - s0 = s0 16\n"
                        " 008 +7 STORE 32 - s0 a0 -4 [checked 0..0 slot 0]\n"
                        " 00c +6 ADD   32 - s0 = s0 16\n"
                        " 010 +5 LOAD  8 - a1 = s0 [tlb 0..1]\n"
                        " 100 +0 LEAVE 64 -\n");
}
END_TEST

/* A pointer of RV32 may wrap at 2^32 after its check, unless it lies in the range that was checked. */
START_TEST(test_access_wraps)
{
    expect(pass_access,
           REGION32 BLOCK " 000 +9 LOAD  32 s a0 = s0 8 [tlb 8..12]\n"
                          " 004 +8 ADD   32 - s0 = s0 16\n"
                          " 008 +7 STORE 32 - s0 a0 -4 [tlb write -4..0]\n"
                          " 00c +6 LOAD  32 s a0 = s0 [tlb 0..4]\n"
                          " 100 +0 LEAVE 64 -\n",
           REGION32 BLOCK " 000 +9 LOAD  32 s a0 = s0 8 [tlb write 8..20 slot 0]\n"
                          " 004 +8 ADD   32 - s0 = s0 16\n"
                          " 008 +7 STORE 32 - s0 a0 -4 [checked 0..0 slot 0 cut]\n"
                          " 00c +6 LOAD  32 s a0 = s0 [checked 0..0 slot 0]\n"
                          " 100 +0 LEAVE 64 -\n");
}
END_TEST

/* Constants of RV32 keep their sign in the text; nothing has an upper half to extend. */
START_TEST(test_fold_rv32)
{
    expect(pass_fold,
           REGION32 BLOCK " 000 +9 CONST 32 - a0 = -2147483648\n"
                          " 004 +8 ADD   32 - a1 = a0 -1\n"
                          " 008 +7 SET   32 - lt a2 = a0 a1\n"
                          " 00c +6 SET   32 - ltu a3 = a0 a1\n"
                          " 010 +5 ADD   32 - a4 = a5 0\n"
                          " 100 +0 LEAVE 64 -\n",
           REGION32 BLOCK " 000 +9 CONST 32 - a0 = -2147483648\n"
                          " 004 +8 CONST 64 - a1 = 2147483647\n"
                          " 008 +7 CONST 64 - a2 = 1\n"
                          " 00c +6 CONST 64 - a3 = 0\n"
                          " 010 +5 MOV   64 - a4 = a5\n"
                          " 100 +0 LEAVE 64 -\n");
}
END_TEST

/* Two shifts that are put together are a rotation: of words, and of whole registers. */
START_TEST(test_rotate)
{
    expect(pass_rotate,
           REGION BLOCK " 000 +9 SHL   32 - a1 = a0 7\n"
                        " 004 +8 SHR   32 - a2 = a0 25\n"
                        " 008 +7 OR    64 - a3 = a1 a2\n"
                        " 00c +6 SHR   64 - a1 = a0 24\n"
                        " 010 +5 SHL   64 - a2 = a0 40\n"
                        " 014 +4 ADD   64 - a2 = a2 a1\n"
                        " 100 +0 LEAVE 64 -\n",
           REGION BLOCK " 000 +9 SHL   32 - a1 = a0 7\n"
                        " 004 +8 SHR   32 - a2 = a0 25\n"
                        " 008 +7 ROL   32 - a3 = a0 7\n"
                        " 00c +6 SHR   64 - a1 = a0 24\n"
                        " 010 +5 SHL   64 - a2 = a0 40\n"
                        " 014 +4 ROL   64 - a2 = a0 40\n"
                        " 100 +0 LEAVE 64 -\n");
}
END_TEST

/* Not so: the value changes between, or is gone; numbers that do not add up; a sum of 32 bits. */
START_TEST(test_rotate_not)
{
    static const char *const texts[] = {
        REGION BLOCK " 000 +9 SHL 32 - a1 = a0 7\n 004 +8 ADD 64 - a0 = a0 1\n 008 +7 SHR 32 - a2 = a0 25\n"
                     " 00c +6 OR 64 - a3 = a1 a2\n 100 +0 LEAVE 64 -\n",
        REGION BLOCK " 000 +9 SHL 32 - a1 = a0 7\n 004 +8 SHR 32 - a2 = a0 25\n 008 +7 ADD 64 - a0 = a0 1\n"
                     " 00c +6 OR 64 - a3 = a1 a2\n 100 +0 LEAVE 64 -\n",
        REGION BLOCK " 000 +9 SHL 32 - a1 = a0 7\n 004 +8 SHR 32 - a0 = a0 25\n 00c +6 OR 64 - a3 = a1 a0\n"
                     " 100 +0 LEAVE 64 -\n",
        REGION BLOCK " 000 +9 SHL 32 - a1 = a0 7\n 004 +8 SHR 32 - a2 = a0 26\n 00c +6 OR 64 - a3 = a1 a2\n"
                     " 100 +0 LEAVE 64 -\n",
        REGION BLOCK " 000 +9 SHL 64 - a1 = a0 7\n 004 +8 SHR 64 - a2 = a0 57\n 00c +6 ADD 32 - a3 = a1 a2\n"
                     " 100 +0 LEAVE 64 -\n",
    };
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect(pass_rotate, texts[i], texts[i]);
}
END_TEST

/* A result that nobody but an exit reads is computed there; not if somebody reads it, an operand has changed
 * at the exit, or the register is not written again. */
START_TEST(test_sink)
{
#define BEHIND                                                                                               \
    " 004 +8 ADD   64 - a2 = a0 a3\n"                                                                        \
    " 008 +7 MOV   64 - a4 = a3\n"                                                                           \
    " 00c +6 STORE 64 - s0 a4 [tlb write 0..8]\n"                                                            \
    " 010 +5 CONST 64 - a3 = 1\n"                                                                            \
    " 014 +4 LOAD  64 - a1 = s0 [tlb 0..8]\n"                                                                \
    " 018 +3 CONST 64 - a2 = 1\n"                                                                            \
    " 01c +2 CONST 64 - a4 = 1\n"                                                                            \
    " 100 +0 LEAVE 64 -\n"
    expect(pass_sink, REGION BLOCK " 000 +9 SHL   64 - a1 = a0 7\n" BEHIND,
           REGION BLOCK " 000 +9 SHL   64 - a1 = a0 7 [sunk 5]\n" BEHIND);
#undef BEHIND
}
END_TEST

/* What may not be sunk is found. */
START_TEST(test_sunk_verify)
{
    static const char *const bad[][2] = {
        { " 000 +9 SHL 64 - a1 = a0 7 [sunk 1]\n 004 +8 MOV 64 - a2 = a0\n", "an operation cannot be sunk" },
        { " 000 +9 MUL 64 - a1 = a1 a0 [sunk 1]\n 004 +8 CONST 64 - a1 = 1\n",
          "an operation cannot be sunk" },
        { " 000 +9 SHL 64 - a1 = a0 7 [sunk 1]\n 004 +8 ADD 64 - a1 = a1 1\n",
          "the result of a sunk operation is read" },
        { " 000 +9 SHL 64 - a1 = a0 7 [sunk 2]\n 004 +8 CONST 64 - a0 = 1\n"
          " 008 +7 LOAD 64 - a1 = s0 [tlb 0..8]\n",
          "an exit lacks the operands of a sunk operation" },
        { " 000 +9 SHL 64 - a1 = a0 7 [sunk 9]\n 004 +8 CONST 64 - a1 = 1\n", "an operation cannot be sunk" },
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error error;
        unsigned where;
        char text[512];
        snprintf(text, sizeof(text), REGION BLOCK "%s 100 +0 LEAVE 64 -\n", bad[i][0]);
        ck_assert_msg(t2_parse(&after, text, &error), "%s", error.text);
        ck_assert_pstr_eq(t2_verify(&after, &where), bad[i][1]);
        ck_assert_uint_eq(where, 0);
    }
}
END_TEST

/* A pointer that steps while a loop runs remembers its page. */
START_TEST(test_access_loops)
{
    expect(pass_access,
           REGION LOOP " 000 +9 LOAD  64 s a0 = s0 [tlb 0..8]\n"
                       " 004 +8 ADD   64 - s0 = s0 8\n"
                       " 100 +0 BRANCH 64 - ne s0 s1\n",
           REGION LOOP " 000 +9 LOAD  64 s a0 = s0 [page 0..8 slot 0]\n"
                       " 004 +8 ADD   64 - s0 = s0 8\n"
                       " 100 +0 BRANCH 64 - ne s0 s1\n");
}
END_TEST

/* A value that T1 has in a register stays there; another value gets a register that is free. */
START_TEST(test_alloc)
{
    expect(pass_alloc, REGION LOOP " 000 +9 ADD 64 - a0 = a0 s5\n 100 +0 BRANCH 64 - ne a0 s5\n",
           REGION LOOP " 000 +9 ADD 64 - a0@6 = a0@6 s5@0\n 100 +0 BRANCH 64 - ne a0@6 s5@0\n");
}
END_TEST

START_TEST(test_parse_errors)
{
    static const char *const bad[][2] = {
        { "region at page 0+0, 1 blocks of 000..100\n block 1", "line 2: the number of the next block" },
        { REGION BLOCK " 000 +9 FROB 64 -\n", "line 3: there is no such operation" },
        { REGION BLOCK " 000 +9 ADD 64 - a0 = a0 q\n", "line 3: the operation takes no such operand" },
        { REGION BLOCK " 000 +9 SET 64 - xx a0 = a0 1\n", "line 3: that is no condition" },
        { REGION " block 0 at 000..100, 9 instructions\n", "line 2: -> is wanted" },
        { "region at page 0+2000, 1 blocks of 0..1", "line 1: the region's address is wanted" },
        { " 000 +9 NOP 64 -\n", "line 1: there is no room for it" },
        { "", "the text has no block" },
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error error;
        ck_assert(!t2_parse(&other, bad[i][0], &error));
        ck_assert_msg(strncmp(error.text, bad[i][1], strlen(bad[i][1])) == 0, "%s", error.text);
    }
}
END_TEST

/* ---- Evaluation ---------------------------------------------------------------------------------------- */

/* The oracle notices what it must notice: an access beyond its check, to a page that is missing. */
START_TEST(test_eval_faults)
{
    parse(&after, REGION BLOCK " 000 +9 LOAD 64 s a0 = s0 [tlb 0..8]\n 100 +0 LEAVE 64 -\n");
    unsigned left = 0, faults = 0;
    for (uint64_t page = 0; page < 64; page++) {
        struct ir_state state = { .seed = 1 };
        state.x[8] = page << PAGE_SHIFT;
        struct ir_outcome outcome = ir_eval(&after, &state, LIMIT, false);
        ck_assert_ptr_null(outcome.fault);
        left += outcome.offset == 0;
        struct t2_insn *insn = &after.insns[0];
        insn->check = T2_CHECK_NONE;
        faults += ir_eval(&after, &state, LIMIT, false).fault != NULL;
        insn->check = T2_CHECK_TLB;
    }
    ck_assert_uint_gt(left, 0);
    ck_assert_uint_eq(left, faults);
}
END_TEST

/* ---- Random regions ------------------------------------------------------------------------------------ */

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static unsigned below(unsigned limit)
{
    return (unsigned)(next_random() >> 20) % limit;
}

#define PICK(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

static enum isa_insn known[ISA_INSN_COUNT]; /* those that T2 can do */
static unsigned known_count;

/* The hart has the instruction; T2 may or may not be able to do it. */
static bool exists(enum isa_insn insn)
{
    return !(isa_entry(insn)->flags & (before.isa.xlen == 32 ? ISA_RV64 : ISA_RV32));
}

static void find_known(const char *cpu)
{
    memset(&before, 0, sizeof(before));
    struct error error;
    ck_assert(isa_config_parse(&before.isa, cpu, &error));
    before.without = without;
    before.rm_static = -1;
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++) {
        struct isa_operands op = { .insn = (enum isa_insn)i, .length = 4, .rm = 7 };
        if (!(isa_entry(op.insn)->flags & (ISA_BRANCH | ISA_CSR)) && exists(op.insn) &&
            t2_can(&before, 0, &op))
            known[known_count++] = op.insn;
    }
    ck_assert_uint_gt(known_count, 100);
}

/* What passes look for: constants, extensions, words, pointers that step. There are few registers, so that
 * instructions use each other's results. */
static const enum isa_insn often[] = {
    ISA_INSN_addi,   ISA_INSN_addi,   ISA_INSN_addi, ISA_INSN_lui,  ISA_INSN_auipc, ISA_INSN_add,
    ISA_INSN_sub,    ISA_INSN_addiw,  ISA_INSN_addw, ISA_INSN_slli, ISA_INSN_slli,  ISA_INSN_srli,
    ISA_INSN_slliw,  ISA_INSN_and,    ISA_INSN_or,   ISA_INSN_sltu, ISA_INSN_slt,   ISA_INSN_sra,
    ISA_INSN_sh2add, ISA_INSN_add_uw, ISA_INSN_ld,   ISA_INSN_sd,   ISA_INSN_lw,    ISA_INSN_sw,
    ISA_INSN_lbu,    ISA_INSN_fld,    ISA_INSN_fsd,
};
static const uint8_t registers[] = { 0, 10, 11, 12, 8, 5, 20 };

static uint32_t random_insn(void)
{
    static const int32_t immediates[] = { 0, 0, 1, -1, 8, -8, 16, 32, 31, 63, 2047, -2048 };
    enum isa_insn insn = below(4) ? PICK(often) : known[below(known_count)];
    if (!exists(insn))
        insn = known[below(known_count)];
    struct isa_operands o = {
        .rd = PICK(registers), .rs1 = PICK(registers), .rs2 = PICK(registers), .rm = 7
    };
    o.rs3 = PICK(registers);
    o.imm = below(2) ? PICK(immediates) : (int32_t)below(64);
    if (isa_entry(insn)->flags & (ISA_LOAD | ISA_STORE) && below(4))
        o.rs1 = 8; /* a pointer */
    if (insn == ISA_INSN_addi && below(2))
        o.rs1 = 0;
    else if (insn == ISA_INSN_addi && below(2))
        o.rd = o.rs1 = below(2) ? 8 : o.rd;
    if (insn == ISA_INSN_lui || insn == ISA_INSN_auipc)
        o.imm = (int32_t)((uint32_t)o.imm << 12);
    return isa_encode(insn, &o);
}

/* slli and srli of a value, as extensions are written. */
static void random_extension(uint32_t code[2])
{
    struct isa_operands o = { .rd = PICK(registers), .rs1 = PICK(registers), .imm = below(4) ? 32 : 48 };
    code[0] = isa_encode(ISA_INSN_slli, &o);
    o.rs1 = o.rd;
    o.rd = below(4) ? o.rd : PICK(registers);
    o.imm = below(2) ? 32 : (int32_t)below(64);
    code[1] = isa_encode(ISA_INSN_srli, &o);
}

/* A rotation, most often; and a store or a load between. */
static void random_rotation(uint32_t code[4])
{
    bool rv64 = exists(ISA_INSN_slli), word = rv64 && below(2);
    unsigned bits = word || !rv64 ? 32 : 64, by = 1 + below(bits - 1);
    static const enum isa_insn together[] = { ISA_INSN_or, ISA_INSN_or, ISA_INSN_xor, ISA_INSN_add };
    struct isa_operands left = { .rd = PICK(registers), .rs1 = PICK(registers), .imm = (int32_t)by };
    struct isa_operands right = { .rd = PICK(registers), .rs1 = left.rs1, .imm = (int32_t)(bits - by) };
    struct isa_operands both = { .rd = PICK(registers), .rs1 = left.rd, .rs2 = right.rd };
    struct isa_operands access = { .rd = PICK(registers), .rs1 = 8, .rs2 = PICK(registers) };
    right.imm = below(8) ? right.imm : (int32_t)below(bits);
    code[0] = isa_encode(word ? ISA_INSN_slliw : rv64 ? ISA_INSN_slli : ISA_INSN_slli32, &left);
    code[1] = isa_encode(word ? ISA_INSN_srliw : rv64 ? ISA_INSN_srli : ISA_INSN_srli32, &right);
    code[2] = isa_encode(PICK(together), &both);
    code[3] = isa_encode(below(2) ? ISA_INSN_lw : ISA_INSN_sw, &access);
}

static uint32_t random_branch(unsigned at, unsigned count)
{
    static const enum isa_insn branches[] = { ISA_INSN_beq, ISA_INSN_bne,  ISA_INSN_blt,
                                              ISA_INSN_bge, ISA_INSN_bltu, ISA_INSN_bgeu };
    struct isa_operands o = { .rs1 = PICK(registers), .rs2 = PICK(registers) };
    o.imm = 4 * ((int32_t)below(count) - (int32_t)at);
    return isa_encode(PICK(branches), &o);
}

static bool make_region(void)
{
    struct isa_config isa = before.isa;
    unsigned count = 2 + below(40);
    memset(&before, 0, offsetof(struct ir, blocks));
    before.isa = isa;
    before.without = without;
    before.page = 0x80000000;
    memset(before.home, T2_IN_HART, sizeof(before.home));
    for (unsigned i = 0; i < count; i++) {
        uint32_t code[2] = { i + 1 < count && below(8) ? random_insn() : random_branch(i, count) };
        bool two = i + 2 < count && !below(12) && exists(ISA_INSN_slli);
        if (two)
            random_extension(code);
        memcpy(before.code + 4 * i, code, two ? 8 : 4);
        i += two;
        if (i + 5 < count && !below(12)) {
            uint32_t rotation[4];
            random_rotation(rotation);
            memcpy(before.code + 4 * (i + 1), rotation, sizeof(rotation));
            i += 4;
        }
    }
    t2_region_find(&before);
    t2_build(&before);
    return !before.full && before.blocks[0].guest_insns;
}

static void make_state(struct ir_state *state)
{
    static const uint64_t values[] = { 0,          1,          UINT64_MAX, 0x7fffffff, 0xffffffff80000000,
                                       0x80000000, 0xffffffff, 32,         INT64_MIN,  0x1000 };
    memset(state, 0, offsetof(struct ir_state, stores));
    state->store_count = 0;
    state->seed = next_random();
    state->page = 0x40000000;
    for (unsigned i = 1; i < 32; i++) {
        uint64_t pointer = ((uint64_t)below(8) << PAGE_SHIFT) + 8 * below(512);
        state->x[i] = below(3) ? pointer : below(2) ? PICK(values) : next_random();
        state->f[i] = next_random();
    }
    state->x[8] = ((uint64_t)below(8) << PAGE_SHIFT) + 8 * below(512);
    for (unsigned i = 1; i < 32 && before.isa.xlen == 32; i++)
        state->x[i] = (uint32_t)(state->x[i] - (i == 8 && below(2) ? 4 * PAGE_SIZE : 0)); /* around 2^32 */
}

static void show_and_fail(const char *what, enum pass pass, uint64_t seed)
{
    fprintf(stderr, "RVIVE_SEED=%" PRIu64 " RVIVE_REGIONS=1: before %s\n", seed, pass_name(pass));
    t2_print(&before, stderr);
    fprintf(stderr, "after\n");
    t2_print(&after, stderr);
    ck_abort_msg("seed %" PRIu64 ", pass %s: %s", seed, pass_name(pass), what);
}

static uint64_t evaluated, exits;

/* The pass may leave the region earlier than before, but then with the state that the region had at that
 * point. */
static void compare(enum pass pass, uint64_t seed)
{
    static struct ir_state first, second;
    for (unsigned i = 0; i < STATES; i++) {
        make_state(&first);
        memcpy(&second, &first, sizeof(first));
        struct ir_outcome got = ir_eval(&after, &second, LIMIT, false);
        if (got.fault)
            show_and_fail(got.fault, pass, seed);
        struct ir_outcome wanted = ir_eval(&before, &first, got.done, true);
        /* Such an access leaves the region if it has a check of its own, and not if it is cut. */
        if (first.wrapped && wanted.done < got.done)
            continue;
        if (wanted.fault || wanted.done < got.done)
            show_and_fail("it does not leave where it did", pass, seed);
        if (!ir_same_state(&first, &second))
            show_and_fail("it leaves another state", pass, seed);
        evaluated++;
        exits += got.left;
    }
}

static void round_trip(uint64_t seed)
{
    struct error error;
    char *text = text_of(&after);
    ck_assert_msg(t2_parse(&other, text, &error), "seed %" PRIu64 ": %s\n%s", seed, error.text, text);
    char *again = text_of(&other);
    ck_assert_str_eq(text, again);
    free(text);
    free(again);
}

static void try_region(uint64_t seed)
{
    static bool (*const passes[])(struct ir *) = {
#define PASS(name, flags, text) pass_##name,
#include "dbt/passes/passes.def"
#undef PASS
    };
    random_state = seed * 0x9e3779b97f4a7c15 + 1;
    if (!make_region())
        return;
    memcpy(&after, &before, sizeof(before));
    round_trip(seed);
    for (unsigned i = 0; i < PASS_COUNT; i++) {
        unsigned where;
        bool changed = passes[i](&after);
        const char *fault = t2_verify(&after, &where);
        if (fault)
            show_and_fail(fault, i, seed);
        if (changed) {
            round_trip(seed);
            compare(i, seed);
        }
        memcpy(&before, &after, sizeof(before));
    }
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

START_TEST(test_random)
{
    uint64_t seed = number("RVIVE_SEED", 1), count = number("RVIVE_REGIONS", REGIONS_DEFAULT);
    find_known(_i ? "rv32" : "rv64");
    for (uint64_t i = 0; i < count; i++)
        try_region(seed + i);
    printf("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " evaluations, %" PRIu64 " left\n", seed,
           seed + count - 1, evaluated, exits);
    ck_assert(count < 100 || (exits > evaluated / 4 && exits < evaluated));
}
END_TEST

Suite *test_suite(void)
{
    isa_init();
    Suite *suite = suite_create("ir");
    TCase *tests = tcase_create("passes");
    tcase_add_test(tests, test_fold_constants);
    tcase_add_test(tests, test_fold_extensions);
    tcase_add_test(tests, test_dead);
    tcase_add_test(tests, test_rotate);
    tcase_add_test(tests, test_rotate_not);
    tcase_add_test(tests, test_sink);
    tcase_add_test(tests, test_sunk_verify);
    tcase_add_test(tests, test_access_groups);
    tcase_add_test(tests, test_access_wraps);
    tcase_add_test(tests, test_fold_rv32);
    tcase_add_test(tests, test_access_loops);
    tcase_add_test(tests, test_alloc);
    tcase_add_test(tests, test_parse_errors);
    tcase_add_test(tests, test_eval_faults);
    suite_add_tcase(suite, tests);
    TCase *random = tcase_create("random");
    tcase_set_timeout(random, 200);
    tcase_add_loop_test(random, test_random, 0, 2);
    suite_add_tcase(suite, random);
    return suite;
}
