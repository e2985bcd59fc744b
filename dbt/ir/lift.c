/* SPDX-License-Identifier: MIT
 *
 * Makes operations from guest instructions. A table has a row for each instruction that regions can have. All
 * others end a region (T2_LEAVE), and T1 continues with them: calls, returns, system instructions, AMOs, half
 * precision, vectors.
 */
#include "dbt/ir/ir.h"

/* Where operands come from. The first letter is d, the others are a, b and c. X: an x register; F: an f
 * register; I, U: the immediate; MEM: an address, rs1 and the immediate. */
enum form {
    NONE,
    XU,
    XPC,
    XXX,
    XXI,
    XX,
    X_MEM,
    MEM_X,
    F_MEM,
    MEM_F,
    FFF,
    FF,
    FFFF,
    XFF,
    XF,
    FX,
    NOTHING,
    FENCE_
};

/* In a row's `bits`: as many as the hart's x registers have. */
#define XLEN 0

struct row {
    uint8_t op, form, bits, cond;
    bool sign;
    uint8_t imm;
};

#define R(name, op_, form_, ...) [ISA_INSN_##name] = { .op = op_, .form = form_, .bits = __VA_ARGS__ }

/* The rows of one floating-point format; formats differ in one letter. */
#define FORMAT(s, n)                                                                                         \
    R(fadd_##s, T2_FADD, FFF, n), R(fsub_##s, T2_FSUB, FFF, n), R(fmul_##s, T2_FMUL, FFF, n),                \
        R(fdiv_##s, T2_FDIV, FFF, n), R(fsqrt_##s, T2_FSQRT, FF, n), R(fmadd_##s, T2_FMADD, FFFF, n),        \
        R(fmsub_##s, T2_FMSUB, FFFF, n), R(fnmsub_##s, T2_FNMSUB, FFFF, n),                                  \
        R(fnmadd_##s, T2_FNMADD, FFFF, n), R(fmin_##s, T2_FMIN, FFF, n), R(fmax_##s, T2_FMAX, FFF, n),       \
        R(fsgnj_##s, T2_FSGNJ, FFF, n), R(fsgnjn_##s, T2_FSGNJN, FFF, n), R(fsgnjx_##s, T2_FSGNJX, FFF, n),  \
        R(feq_##s, T2_FCMP, XFF, n, .cond = T2_EQ), R(flt_##s, T2_FCMP, XFF, n, .cond = T2_LT),              \
        R(fle_##s, T2_FCMP, XFF, n, .cond = T2_LE),                                                          \
        R(fcvt_w_##s, T2_FCVTIF, XF, n, .cond = T2_EQ, .sign = true, .imm = 32),                             \
        R(fcvt_wu_##s, T2_FCVTIF, XF, n, .cond = T2_EQ, .imm = 32),                                          \
        R(fcvt_l_##s, T2_FCVTIF, XF, n, .cond = T2_EQ, .sign = true, .imm = 64),                             \
        R(fcvt_lu_##s, T2_FCVTIF, XF, n, .cond = T2_EQ, .imm = 64),                                          \
        R(fcvt_##s##_w, T2_FCVTFI, FX, n, .sign = true, .imm = 32),                                          \
        R(fcvt_##s##_wu, T2_FCVTFI, FX, n, .imm = 32),                                                       \
        R(fcvt_##s##_l, T2_FCVTFI, FX, n, .sign = true, .imm = 64),                                          \
        R(fcvt_##s##_lu, T2_FCVTFI, FX, n, .imm = 64)

static const struct row rows[ISA_INSN_COUNT] = {
    R(lui, T2_CONST, XU, XLEN),
    R(auipc, T2_PC, XPC, XLEN),
    R(addi, T2_ADD, XXI, XLEN),
    R(slti, T2_SET, XXI, XLEN, .cond = T2_LT),
    R(sltiu, T2_SET, XXI, XLEN, .cond = T2_LTU),
    R(xori, T2_XOR, XXI, XLEN),
    R(ori, T2_OR, XXI, XLEN),
    R(andi, T2_AND, XXI, XLEN),
    R(slli, T2_SHL, XXI, 64),
    R(srli, T2_SHR, XXI, 64),
    R(srai, T2_SAR, XXI, 64),
    R(slli32, T2_SHL, XXI, 32),
    R(srli32, T2_SHR, XXI, 32),
    R(srai32, T2_SAR, XXI, 32),
    R(add, T2_ADD, XXX, XLEN),
    R(sub, T2_SUB, XXX, XLEN),
    R(sll, T2_SHL, XXX, XLEN),
    R(slt, T2_SET, XXX, XLEN, .cond = T2_LT),
    R(sltu, T2_SET, XXX, XLEN, .cond = T2_LTU),
    R(xor, T2_XOR, XXX, XLEN),
    R(srl, T2_SHR, XXX, XLEN),
    R(sra, T2_SAR, XXX, XLEN),
    R(or, T2_OR, XXX, XLEN),
    R(and, T2_AND, XXX, XLEN),
    R(addiw, T2_ADD, XXI, 32),
    R(slliw, T2_SHL, XXI, 32),
    R(srliw, T2_SHR, XXI, 32),
    R(sraiw, T2_SAR, XXI, 32),
    R(addw, T2_ADD, XXX, 32),
    R(subw, T2_SUB, XXX, 32),
    R(sllw, T2_SHL, XXX, 32),
    R(srlw, T2_SHR, XXX, 32),
    R(sraw, T2_SAR, XXX, 32),
    R(mul, T2_MUL, XXX, XLEN),
    R(mulw, T2_MUL, XXX, 32),
    R(mulh, T2_MULH, XXX, XLEN, .sign = true),
    R(mulhu, T2_MULH, XXX, XLEN),
    R(mulhsu, T2_MULHSU, XXX, XLEN),
    R(div, T2_DIV, XXX, XLEN, .sign = true),
    R(divu, T2_DIV, XXX, XLEN),
    R(rem, T2_REM, XXX, XLEN, .sign = true),
    R(remu, T2_REM, XXX, XLEN),
    R(divw, T2_DIV, XXX, 32, .sign = true),
    R(divuw, T2_DIV, XXX, 32),
    R(remw, T2_REM, XXX, 32, .sign = true),
    R(remuw, T2_REM, XXX, 32),
    R(sh1add, T2_SHADD, XXX, XLEN, .sign = true, .imm = 1),
    R(sh2add, T2_SHADD, XXX, XLEN, .sign = true, .imm = 2),
    R(sh3add, T2_SHADD, XXX, XLEN, .sign = true, .imm = 3),
    R(add_uw, T2_SHADD, XXX, 64),
    R(sh1add_uw, T2_SHADD, XXX, 64, .imm = 1),
    R(sh2add_uw, T2_SHADD, XXX, 64, .imm = 2),
    R(sh3add_uw, T2_SHADD, XXX, 64, .imm = 3),
    R(andn, T2_ANDN, XXX, XLEN),
    R(orn, T2_ORN, XXX, XLEN),
    R(xnor, T2_XNOR, XXX, XLEN),
    R(clz, T2_CLZ, XX, XLEN),
    R(ctz, T2_CTZ, XX, XLEN),
    R(cpop, T2_CPOP, XX, XLEN),
    R(clzw, T2_CLZ, XX, 32),
    R(ctzw, T2_CTZ, XX, 32),
    R(cpopw, T2_CPOP, XX, 32),
    R(max, T2_SELECT, XXX, XLEN, .cond = T2_GE),
    R(maxu, T2_SELECT, XXX, XLEN, .cond = T2_GEU),
    R(min, T2_SELECT, XXX, XLEN, .cond = T2_LT),
    R(minu, T2_SELECT, XXX, XLEN, .cond = T2_LTU),
    R(sext_b, T2_EXT, XX, 8, .sign = true),
    R(sext_h, T2_EXT, XX, 16, .sign = true),
    R(zext_h, T2_EXT, XX, 16),
    R(zext_h_32, T2_EXT, XX, 16),
    R(rol, T2_ROL, XXX, XLEN),
    R(ror, T2_ROR, XXX, XLEN),
    R(rori, T2_ROR, XXI, 64),
    R(rori32, T2_ROR, XXI, 32),
    R(rolw, T2_ROL, XXX, 32),
    R(rorw, T2_ROR, XXX, 32),
    R(roriw, T2_ROR, XXI, 32),
    R(rev8, T2_REV8, XX, 64),
    R(rev8_32, T2_REV8, XX, 32),
    R(bclr, T2_BCLR, XXX, XLEN),
    R(bext, T2_BEXT, XXX, XLEN),
    R(binv, T2_BINV, XXX, XLEN),
    R(bset, T2_BSET, XXX, XLEN),
    R(bclri, T2_BCLR, XXI, 64),
    R(bexti, T2_BEXT, XXI, 64),
    R(binvi, T2_BINV, XXI, 64),
    R(bseti, T2_BSET, XXI, 64),
    R(bclri32, T2_BCLR, XXI, 32),
    R(bexti32, T2_BEXT, XXI, 32),
    R(binvi32, T2_BINV, XXI, 32),
    R(bseti32, T2_BSET, XXI, 32),
    R(czero_eqz, T2_CZERO, XXX, XLEN, .cond = T2_EQ),
    R(czero_nez, T2_CZERO, XXX, XLEN, .cond = T2_NE),
    R(lb, T2_LOAD, X_MEM, 8, .sign = true),
    R(lh, T2_LOAD, X_MEM, 16, .sign = true),
    R(lw, T2_LOAD, X_MEM, 32, .sign = true),
    R(ld, T2_LOAD, X_MEM, 64, .sign = true),
    R(lbu, T2_LOAD, X_MEM, 8),
    R(lhu, T2_LOAD, X_MEM, 16),
    R(lwu, T2_LOAD, X_MEM, 32),
    R(sb, T2_STORE, MEM_X, 8),
    R(sh, T2_STORE, MEM_X, 16),
    R(sw, T2_STORE, MEM_X, 32),
    R(sd, T2_STORE, MEM_X, 64),
    R(flw, T2_FLOAD, F_MEM, 32),
    R(fld, T2_FLOAD, F_MEM, 64),
    R(fsw, T2_FSTORE, MEM_F, 32),
    R(fsd, T2_FSTORE, MEM_F, 64),
    FORMAT(s, 32),
    FORMAT(d, 64),
    R(fcvt_s_d, T2_FCVTFF, FF, 32),
    R(fcvt_d_s, T2_FCVTFF, FF, 64),
    R(fmv_x_w, T2_FMVX, XF, 32),
    R(fmv_x_d, T2_FMVX, XF, 64),
    R(fmv_w_x, T2_XMVF, FX, 32),
    R(fmv_d_x, T2_XMVF, FX, 64),
    R(fence, T2_FENCE, FENCE_, 64),
    R(fence_tso, T2_NOP, NOTHING, 64),
    R(ntl_p1, T2_NOP, NOTHING, 64),
    R(ntl_pall, T2_NOP, NOTHING, 64),
    R(ntl_s1, T2_NOP, NOTHING, 64),
    R(ntl_all, T2_NOP, NOTHING, 64),
    R(prefetch_i, T2_NOP, NOTHING, 64),
    R(prefetch_r, T2_NOP, NOTHING, 64),
    R(prefetch_w, T2_NOP, NOTHING, 64),
};

/* ---- frflags rd; flt, fle or feq; fsflags rd: a comparison that raises nothing ------------------------- */

enum { CSR_FFLAGS = 0x001 };

static bool reads_flags(const struct isa_operands *op)
{
    return op->insn == ISA_INSN_csrrs && (op->imm & 0xfff) == CSR_FFLAGS && op->rs1 == 0 && op->rd != 0;
}

static bool restores_flags(const struct isa_operands *op, unsigned from)
{
    return op->insn == ISA_INSN_csrrw && (op->imm & 0xfff) == CSR_FFLAGS && op->rd == 0 && op->rs1 == from;
}

static bool is_compare(const struct isa_operands *op)
{
    return rows[op->insn].op == T2_FCMP;
}

/* The second or third of the three. */
static bool ends_quiet_compare(const struct ir *r, unsigned offset, const struct isa_operands *op)
{
    struct isa_operands compare, first;
    return op->insn == ISA_INSN_csrrw && offset >= 8 && t2_decode(r, offset - 4, &compare) &&
           compare.length == 4 && is_compare(&compare) && compare.rd != op->rs1 &&
           t2_decode(r, offset - 8, &first) && reads_flags(&first) && restores_flags(op, first.rd);
}

static bool begins_quiet_compare(const struct ir *r, unsigned offset, const struct isa_operands *op)
{
    struct isa_operands compare, last;
    return reads_flags(op) && t2_decode(r, offset + 4, &compare) && is_compare(&compare) &&
           compare.rd != op->rd && t2_decode(r, offset + 8, &last) && restores_flags(&last, op->rd);
}

/* ---- What can be done ---------------------------------------------------------------------------------- */

/* MXCSR must round as wanted at the entry, and stays so: a region has one static mode, and frm. */
static bool rounding_fits(const struct ir *r, const struct isa_operands *op, const struct row *row)
{
    if (!(isa_entry(op->insn)->flags & ISA_RM) || op->rm == 7)
        return true;
    if (op->rm > 3)
        return false;
    if (row->op == T2_FCVTIF && op->rm == 1)
        return true;
    return r->rm_static < 0 || r->rm_static == op->rm;
}

bool t2_has_row(enum isa_insn insn)
{
    return rows[insn].form != NONE;
}

bool t2_can(const struct ir *r, unsigned offset, const struct isa_operands *op)
{
    if (op->insn == ISA_INSN_ILLEGAL || r->without[op->insn])
        return false;
    /* Straight code goes on behind the page: by T1's last block, since a region cannot be linked to there. */
    if (offset + op->length == PAGE_SIZE)
        return false;
    if (op->insn == ISA_INSN_csrrs)
        return reads_flags(op);
    if (op->insn == ISA_INSN_csrrw)
        return ends_quiet_compare(r, offset, op);
    return rows[op->insn].form != NONE && rounding_fits(r, op, &rows[op->insn]);
}

/* ---- Building ------------------------------------------------------------------------------------------ */

struct build {
    struct ir *r;
    struct t2_block *block;
    struct isa_operands op;
    unsigned offset, limit;
    bool quiet; /* between frflags and fsflags */
};

static struct t2_insn *append(struct build *b, enum t2_op op)
{
    struct ir *r = b->r;
    if (r->insn_count == T2_INSNS_MAX) {
        r->full = true;
        r->insn_count--;
    }
    struct t2_insn *insn = &r->insns[r->insn_count++];
    *insn = (struct t2_insn){ .op = (uint8_t)op,
                              .d = T2_NONE,
                              .a = T2_NONE,
                              .b = T2_NONE,
                              .c = T2_NONE,
                              .bits = 64,
                              .offset = (uint16_t)b->offset,
                              .slot = T2_NONE };
    insn->left = b->block->guest_insns; /* before this one; build_block() makes it those from this one on */
    b->block->count++;
    return insn;
}

static uint8_t f(unsigned number)
{
    return (uint8_t)(T2_F0 + number);
}

static void set_operands(const struct isa_operands *op, unsigned form, struct t2_insn *insn)
{
    bool d_is_f = form == F_MEM || form == FFF || form == FF || form == FFFF || form == FX;
    bool a_is_f = form == FFF || form == FF || form == FFFF || form == XFF || form == XF;
    if (form != MEM_X && form != MEM_F)
        insn->d = d_is_f ? f(op->rd) : op->rd;
    if (form != XU && form != XPC)
        insn->a = a_is_f ? f(op->rs1) : op->rs1;
    switch (form) {
    case XXI: insn->b = T2_IMM; break;
    case XXX:
    case MEM_X: insn->b = op->rs2; break;
    case MEM_F:
    case FFF:
    case FFFF:
    case XFF: insn->b = f(op->rs2); break;
    }
    if (form == FFFF)
        insn->c = f(op->rs3);
}

static void note_fp(struct build *b, const struct row *row, const struct t2_insn *insn)
{
    struct ir *r = b->r;
    unsigned flags = isa_entry(b->op.insn)->flags;
    r->fp_used |= (flags & ISA_FP) != 0;
    /* T1 sets FS to Dirty for all that writes an f register or flags. */
    r->fp_written |= (flags & ISA_FP) && row->op != T2_FSTORE;
    if (!(flags & ISA_RM))
        return;
    if (b->op.rm == 7)
        r->rm_dynamic = true;
    else if (!(insn->op == T2_FCVTIF && b->op.rm == 1))
        r->rm_static = b->op.rm;
}

/* Makes the access check itself, so that the region is valid before any pass has looked at its accesses. */
static void check_by_itself(struct t2_insn *insn)
{
    insn->check = T2_CHECK_TLB;
    insn->lo = (int32_t)insn->imm;
    insn->hi = insn->lo + insn->bits / 8;
    insn->write = t2_is_store(insn);
}

static void build_insn(struct build *b)
{
    const struct isa_operands *op = &b->op;
    const struct row *row = &rows[op->insn];
    if (op->insn == ISA_INSN_csrrs) {
        append(b, T2_FFLAGS)->d = op->rd;
        b->r->fp_used = true;
        /* Not where somebody may jump to its middle. */
        b->quiet = b->offset + 8 < b->limit && begins_quiet_compare(b->r, b->offset, op);
        return;
    }
    if (op->insn == ISA_INSN_csrrw) {
        b->r->fp_written = true;
        b->quiet = false;
        return;
    }
    if (row->form == NOTHING || (row->form == FENCE_ && !(op->imm >> 4 & 5 && op->imm & 10)))
        return;
    bool writes_x = row->form <= X_MEM || row->form == XFF || row->form == XF;
    bool effect = t2_ops[row->op].flags & T2_KEEP;
    if (writes_x && op->rd == 0 && !effect)
        return;
    struct t2_insn *insn = append(b, row->op);
    if (row->form == FENCE_)
        return;
    insn->bits = row->bits == XLEN ? (uint8_t)b->r->isa.xlen : row->bits;
    insn->cond = row->cond;
    insn->sign = row->sign || (row->op == T2_FCMP && b->quiet);
    insn->imm = row->imm ? row->imm : op->imm;
    if (row->form == XXX || row->form >= FFF)
        insn->imm = row->imm;
    if (row->op == T2_FCVTIF && op->rm != 1)
        insn->cond = T2_NE;
    if (row->form == XPC)
        insn->imm = (int64_t)op->imm + (int64_t)b->offset;
    set_operands(op, row->form, insn);
    if (t2_is_access(insn))
        check_by_itself(insn);
    if (writes_x && op->rd == 0)
        insn->d = T2_NONE;
    note_fp(b, row, insn);
}

static enum t2_cond branch_cond(enum isa_insn insn)
{
    switch (insn) {
    case ISA_INSN_beq: return T2_EQ;
    case ISA_INSN_bne: return T2_NE;
    case ISA_INSN_blt: return T2_LT;
    case ISA_INSN_bge: return T2_GE;
    case ISA_INSN_bltu: return T2_LTU;
    default: return T2_GEU;
    }
}

/* The block's last operation. A jump to outside of the page is left to T1. */
static void build_end(struct build *b, bool decoded)
{
    const struct isa_operands *op = &b->op;
    struct t2_block *block = b->block;
    bool branch = decoded && isa_entry(op->insn)->flags & ISA_BRANCH;
    bool jump = decoded && op->insn == ISA_INSN_jal && op->rd == 0;
    bool inside = block->next_offset >= 0 && block->next_offset < (int32_t)PAGE_SIZE &&
                  (!branch || (block->taken_offset >= 0 && block->taken_offset < (int32_t)PAGE_SIZE));
    if ((branch || jump) && inside) {
        struct t2_insn *insn = append(b, branch ? T2_BRANCH : T2_JUMP);
        block->guest_insns++;
        b->r->span_last = b->offset + op->length > b->r->span_last ? b->offset + op->length : b->r->span_last;
        if (!branch)
            return;
        insn->bits = (uint8_t)b->r->isa.xlen;
        insn->cond = (uint8_t)branch_cond(op->insn);
        insn->a = op->rs1;
        insn->b = op->rs2;
    } else if (block->next != T2_NOT_HERE && !decoded && (int32_t)b->offset == block->next_offset) {
        append(b, T2_JUMP); /* falls into the next block */
    } else {
        append(b, T2_LEAVE);
        b->r->full |= b->offset >= PAGE_SIZE; /* T1 cannot be linked to there */
        block->taken = block->next = T2_NOT_HERE;
    }
}

static void build_block(struct ir *r, struct t2_block *block, unsigned limit)
{
    struct build b = { .r = r, .block = block, .offset = block->offset, .limit = limit };
    block->first = (uint16_t)r->insn_count;
    bool decoded = false;
    while (b.offset < limit && (decoded = t2_decode(r, b.offset, &b.op))) {
        if (isa_entry(b.op.insn)->flags & (ISA_BRANCH) || b.op.insn == ISA_INSN_jal ||
            !t2_can(r, b.offset, &b.op) || (b.op.insn == ISA_INSN_csrrw && !b.quiet))
            break;
        build_insn(&b);
        block->guest_insns++;
        b.offset += b.op.length;
        r->span_last = b.offset > r->span_last ? b.offset : r->span_last;
        decoded = false;
    }
    build_end(&b, decoded);
    for (unsigned i = block->first; i < r->insn_count; i++)
        r->insns[i].left = (uint16_t)(block->guest_insns - r->insns[i].left);
}

void t2_build(struct ir *r)
{
    r->span_first = PAGE_SIZE;
    for (unsigned i = 0; i < r->block_count; i++) {
        struct t2_block *block = &r->blocks[i];
        /* Up to where another block begins. */
        unsigned limit = block->limit;
        r->span_first = block->offset < r->span_first ? block->offset : r->span_first;
        build_block(r, block, limit);
    }
}
