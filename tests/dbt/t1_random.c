/* SPDX-License-Identifier: MIT
 *
 * Random straight-line programs in which some instructions trap: integers, atomics at good and bad addresses,
 * CSRs in each privilege mode with interrupts that become enabled, floating point under changing rounding
 * modes. Each trap and its minstret is logged; all tiers must leave the same log, registers and memory.
 */
#include <check.h>

#include "tests/dbt/guest.h"

#define STEPS     400 /* random instructions of a program */
#define SEEDS     12
#define S_HANDLER (HANDLER + 0x200)

enum { CSR_SSTATUS = 0x100, CSR_SIE = 0x104, CSR_STVEC, CSR_SSCRATCH = 0x140, CSR_SEPC, CSR_SCAUSE };
enum { CSR_STVAL = 0x143, CSR_SIP, CSR_MEDELEG = 0x302, CSR_MIDELEG, CSR_FFLAGS = 1, CSR_FRM, CSR_FCSR };

struct program {
    uint64_t state; /* of the random numbers */
    enum privilege priv;
    void (*step)(struct guest *guest, struct program *program);
};

static unsigned below(struct program *program, unsigned limit)
{
    return guest_random(&program->state, limit);
}

/* Never those that the handlers and the frame use: s3, t4, t5, t6. */
static unsigned any(struct program *program, bool zero)
{
    for (;;) {
        unsigned x = below(program, 32);
        if (x != S3 && x != T4 && x != T5 && x != T6 && (x || zero))
            return x;
    }
}

/* ---- Atomics ------------------------------------------------------------------------------------------- */

static void put_atomic(struct guest *guest, struct program *program)
{
    static const enum isa_insn insns[] = {
#define PAIR(name)  ISA_INSN_##name##_w, ISA_INSN_##name##_d
#define SIZES(name) ISA_INSN_##name##_b, ISA_INSN_##name##_h, PAIR(name)
        SIZES(amoswap), SIZES(amoadd), SIZES(amoxor),  SIZES(amoand),  SIZES(amoor),
        SIZES(amomin),  SIZES(amomax), SIZES(amominu), SIZES(amomaxu), SIZES(amocas),
        PAIR(lr),       PAIR(sc),      PAIR(lr),       PAIR(sc),
#undef SIZES
#undef PAIR
    };
    static const int offsets[] = { 0, 0, 0, 8, 8, 16, 4, 2, 1, 7 };
    struct isa_operands o = { .imm = 0 };
    unsigned address = any(program, false);
    int offset = offsets[below(program, 10)];
    enum isa_insn insn = insns[below(program, sizeof(insns) / sizeof(insns[0]))];
    if (below(program, 20) == 0)
        /* A device, or an address without anything. */
        I(lui, address, 0, 0, (int32_t)(below(program, 2) ? PORT : 0x4000));
    else
        I(addi, address, S3, 0, offset);
    o.rd = (uint8_t)any(program, true);
    o.rs1 = (uint8_t)address;
    o.rs2 = (uint8_t)(insn == ISA_INSN_lr_w || insn == ISA_INSN_lr_d ? 0 : any(program, true));
    o.rm = (uint8_t)below(program, 4);
    uint32_t bits = isa_encode(insn, &o);
    guest_put16(guest, bits & 0xffff);
    guest_put16(guest, bits >> 16);
    if (below(program, 3) == 0)
        I(sd, 0, S3, any(program, false), 8 * (int)below(program, 3));
}

/* ---- Integers ------------------------------------------------------------------------------------------ */

/* There are few registers, so that most instructions read what was just written: this gives pairs that are
 * translated as one, and constants. */
static void put_integer(struct guest *guest, struct program *program)
{
    static const unsigned registers[] = { T0, T1, T2, A0, A1, S4 };
    static const enum isa_insn two[] = { ISA_INSN_add,  ISA_INSN_sub,  ISA_INSN_sll,    ISA_INSN_slt,
                                         ISA_INSN_addw, ISA_INSN_mul,  ISA_INSN_divu,   ISA_INSN_rem,
                                         ISA_INSN_min,  ISA_INSN_bset, ISA_INSN_mulhsu, ISA_INSN_czero_eqz,
                                         ISA_INSN_and,  ISA_INSN_or,   ISA_INSN_xor };
    static const enum isa_insn one[] = { ISA_INSN_addi, ISA_INSN_andi, ISA_INSN_ori, ISA_INSN_xori,
                                         ISA_INSN_addiw };
    unsigned rd = registers[below(program, 6)], rs1 = registers[below(program, 6)];
    unsigned rs2 = registers[below(program, 6)];
    int32_t small = (int32_t)below(program, 4096) - 2048, upper = (int32_t)(below(program, 1 << 20) << 12);
    switch (below(program, 7)) {
    case 0:
        I(slli, rd, rs1, 0, below(program, 2) ? 32 : (int32_t)below(program, 64));
        I(srli, rd, below(program, 8) ? rd : rs2, 0, below(program, 2) ? 32 : (int32_t)below(program, 64));
        break;
    case 1:
        I(lui, rd, 0, 0, upper);
        guest_put(guest, below(program, 2) ? ISA_INSN_addi : ISA_INSN_addiw, below(program, 2) ? rd : rs2, rd,
                  0, small);
        break;
    case 2:
        I(auipc, rd, 0, 0, upper);
        I(addi, below(program, 2) ? rd : rs2, rd, 0, small);
        break;
    case 3:
        I(sd, 0, S3, rs1, 8 * (int32_t)below(program, 8));
        I(ld, rd, S3, 0, 8 * (int32_t)below(program, 8));
        break;
    case 4: /* often of a register with itself, of x0, or by 0: moves and constants */
        guest_put(guest, one[below(program, 5)], rd,
                  below(program, 3)   ? rs1
                  : below(program, 2) ? rd
                                      : 0,
                  0, below(program, 4) ? small : 0);
        break;
    case 5: guest_put(guest, two[below(program, 15)], rd, below(program, 2) ? rd : 0, rs2, 0); break;
    default: guest_put(guest, two[below(program, 15)], rd, rs1, rs2, 0); break;
    }
}

/* ---- CSRs ---------------------------------------------------------------------------------------------- */

static void put_csr(struct guest *guest, struct program *program)
{
    static const enum isa_insn insns[] = { ISA_INSN_csrrw,  ISA_INSN_csrrs,  ISA_INSN_csrrc,
                                           ISA_INSN_csrrwi, ISA_INSN_csrrsi, ISA_INSN_csrrci };
    static const int csrs[] = { CSR_SSTATUS,  CSR_SSTATUS, CSR_SSTATUS, CSR_SSTATUS, CSR_SIP,
                                CSR_SSCRATCH, CSR_SEPC,    CSR_SCAUSE,  CSR_STVAL,   CSR_FCSR };
    unsigned which = below(program, 6), source = any(program, true);
    int csr = csrs[below(program, 10)];
    if (csr == CSR_SIP) /* only SSIP */
        I(csrrsi, any(program, true), 0, 0, CSR_SIP | 2 << 16);
    else if (which >= 3)
        guest_put(guest, insns[which], any(program, true), 0, 0, csr | (below(program, 3) ? 2 : 31) << 16);
    else
        guest_put(guest, insns[which], any(program, true), below(program, 3) ? source : 0, 0, csr);
    if (below(program, 4) == 0)
        I(lui, any(program, false), 0, 0, (int32_t)(below(program, 0x100000) << 12));
    if (below(program, 4) == 0)
        I(addi, any(program, false), any(program, false), 0, (int32_t)below(program, 0x1ff));
}

/* ---- Floating point ------------------------------------------------------------------------------------ */

static void put_float(struct guest *guest, struct program *program)
{
    static const enum isa_insn insns[] = {
#define FORMATS(name) ISA_INSN_##name##_h, ISA_INSN_##name##_s, ISA_INSN_##name##_d
        FORMATS(fadd),     FORMATS(fsub),     FORMATS(fmul),     FORMATS(fdiv),      FORMATS(fsqrt),
        FORMATS(fmadd),    FORMATS(fnmsub),   FORMATS(fmin),     FORMATS(fmax),      FORMATS(fsgnj),
        FORMATS(fsgnjn),   FORMATS(fsgnjx),   FORMATS(fclass),   FORMATS(fcvt_w),    FORMATS(fcvt_lu),
        ISA_INSN_fcvt_s_d, ISA_INSN_fcvt_d_s, ISA_INSN_fcvt_d_l, ISA_INSN_fcvt_s_lu, ISA_INSN_fmv_d_x,
        ISA_INSN_fcvt_h_d, ISA_INSN_fcvt_d_h, ISA_INSN_fcvt_h_w, ISA_INSN_fcvt_s_h,  ISA_INSN_fmv_h_x,
#undef FORMATS
    };
    enum isa_insn insn = insns[below(program, sizeof(insns) / sizeof(insns[0]))];
    struct isa_operands o = { .imm = 0 };
    bool fd = isa_entry(insn)->flags & ISA_FRD;
    o.rd = (uint8_t)(fd ? below(program, 8) : any(program, true));
    o.rs1 = (uint8_t)(isa_entry(insn)->flags & ISA_FRS1 ? below(program, 8) : any(program, true));
    o.rs2 = (uint8_t)below(program, 8);
    o.rs3 = (uint8_t)below(program, 8);
    o.rm = (uint8_t)(below(program, 3) ? 7 : below(program, 5));
    uint32_t bits = isa_encode(insn, &o);
    guest_put16(guest, bits & 0xffff);
    guest_put16(guest, bits >> 16);
    if (below(program, 12) == 0) /* reserved values, too */
        I(csrrwi, any(program, true), 0, 0, CSR_FRM | (int32_t)(below(program, 6) << 16));
    if (below(program, 2)) { /* a number again, because NaNs spread */
        unsigned f = below(program, 8);
        I(fld, f, S3, 0, 0x200 + 8 * (int)below(program, 8));
        unsigned format = below(program, 4);
        if (format)
            guest_put(guest, format == 1 ? ISA_INSN_fcvt_h_d : ISA_INSN_fcvt_s_d, f, f, 0, 0);
        if (format == 2) {
            I(fsh, 0, S3, f, 0x240);
            I(flh, f, S3, 0, 0x240 + 2 * (int)below(program, 2));
        }
    }
    if (below(program, 12) == 0) /* not a boxed single */
        I(fmv_d_x, below(program, 8), any(program, true), 0, 0);
    if (below(program, 40) == 0)
        I(csrrs, any(program, true), 0, 0, CSR_FFLAGS);
}

/* ---- All of them --------------------------------------------------------------------------------------- */

/* SSI: logs sepc and scause, clears SSIP. Uses t5. */
static void put_s_handler(struct guest *guest)
{
    uint64_t back = guest->at;
    guest->at = S_HANDLER;
    I(csrrs, T5, 0, 0, CSR_SEPC);
    I(sd, 0, T4, T5, 0);
    I(csrrs, T5, 0, 0, CSR_SCAUSE);
    I(sd, 0, T4, T5, 8);
    I(addi, T4, T4, 0, 32);
    I(csrrci, 0, 0, 0, CSR_SIP | 2 << 16);
    I(sret, 0, 0, 0, 0);
    guest->at = back;
}

static void put_privilege(struct guest *guest, enum privilege priv)
{
    I(addi, T5, 0, 0, -1);
    I(csrrw, 0, T5, 0, CSR_PMPADDR0);
    I(addi, T5, 0, 0, 0x1f); /* NAPOT, X W R */
    I(csrrw, 0, T5, 0, CSR_PMPCFG0);
    guest_put_value(guest, T5, S_HANDLER);
    I(csrrw, 0, T5, 0, CSR_STVEC);
    I(addi, T5, 0, 0, 2); /* SSI */
    I(csrrw, 0, T5, 0, CSR_MIDELEG);
    I(csrrw, 0, T5, 0, CSR_MIE);
    guest_put_value(guest, T5, 0x6000 | (uint32_t)priv << 11);
    I(csrrw, 0, T5, 0, CSR_MSTATUS);
    I(auipc, T5, 0, 0, 0);
    I(addi, T5, T5, 0, 16);
    I(csrrw, 0, T5, 0, CSR_MEPC);
    I(mret, 0, 0, 0, 0);
}

static void build_random(struct guest *guest, const void *argument)
{
    struct program program = *(const struct program *)argument;
    guest_put_log_traps(guest);
    put_s_handler(guest);
    guest_put_jal(guest, 0, START + 0x1000);
    guest->at = START + 0x1000;
    put_privilege(guest, program.priv);
    guest_put_value(guest, S3, DATA);
    for (unsigned i = 0; i < 8; i++) {
        guest_set_word(guest, DATA + 0x200 + 8 * i, 0x3ff5555555555555u + (uint64_t)i * 0x8012345678921u);
        guest_set_word(guest, DATA + 0x100 + 8 * i, program.state * (2 * i + 1) ^ program.state << (7 * i));
        I(ld, A0 + i, S3, 0, 0x100 + 8 * (int)i);
        I(fld, i, S3, 0, 0x100 + 8 * (int)i);
    }
    I(fcvt_s_d, 1, 2, 0, 0);
    I(fcvt_d_l, 3, A0, 0, 0);
    for (unsigned i = 0; i < STEPS; i++)
        program.step(guest, &program);
    I(lui, T5, 0, 0, (int32_t)PORT);
    I(sd, 0, T5, 0, 0);
    guest_put_jal(guest, 0, guest->at);
}

static void check_random(struct guest *guest, const void *argument)
{
    const struct program *program = argument;
    if (program->step == put_atomic || program->step == put_csr)
        ck_assert_uint_ne(guest_word(guest, LOG + 64), 0); /* something trapped */
}

static void run_random(enum privilege priv, unsigned seed, void (*step)(struct guest *, struct program *))
{
    struct program program = { .state = seed * 0x9e3779b97f4a7c15u + 1, .priv = priv, .step = step };
    guest_run_tiers(1, build_random, check_random, &program);
}

START_TEST(test_integers)
{
    run_random(PRIV_M, (unsigned)_i, put_integer);
}
END_TEST

START_TEST(test_atomics)
{
    run_random(PRIV_M, (unsigned)_i, put_atomic);
}
END_TEST

START_TEST(test_csrs)
{
    static const enum privilege modes[] = { PRIV_S, PRIV_S, PRIV_M, PRIV_U };
    run_random(modes[_i % 4], (unsigned)_i, put_csr);
}
END_TEST

START_TEST(test_floats)
{
    run_random(PRIV_M, (unsigned)_i, put_float);
}
END_TEST

void t1_random_add(TCase *tests)
{
    tcase_add_loop_test(tests, test_integers, 0, SEEDS);
    tcase_add_loop_test(tests, test_atomics, 0, SEEDS);
    tcase_add_loop_test(tests, test_csrs, 0, SEEDS);
    tcase_add_loop_test(tests, test_floats, 0, SEEDS);
}
