/* SPDX-License-Identifier: MIT
 *
 * vtype and vl: vsetvli and vsetivli; what a block knows of them; what each instruction checks before it
 * does anything; which elements are active. See vector.h.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

/* ---- What an instruction checks ------------------------------------------------------------------------ */

void t1v_begin(struct t1 *t, bool writes)
{
    t->fp_cold = t->vector_cold = NULL;
    t1_forget_rax(t);
    t1v_look(t, writes);
}

void t1v_look(struct t1 *t, bool writes)
{
    struct x86_emit *e = &t->e;
    if (writes && !t->vector.dirty) {
        x86_load(e, 32, X86_RAX, HART_MEM(mstatus));
        x86_not(e, 32, X86_RAX);
        x86_test_imm32(e, X86_RAX, (int32_t)MSTATUS_VS);
        t1_fp_handler_if(t, x86_jcc(e, X86_NE));
        t->vector.on = t->vector.dirty = true;
    } else if (!t->vector.on) {
        x86_test_mem_imm(e, HART_MEM(mstatus), (int32_t)MSTATUS_VS);
        t1_fp_handler_if(t, x86_jcc(e, X86_E));
        t->vector.on = true;
    }
    if (!t->vector.start_0) { /* as each vector instruction leaves it */
        x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(vector.vstart), 0);
        t1_fp_handler_if(t, x86_jcc(e, X86_NE));
        t->vector.start_0 = true;
    }
}

void t1v_go_partial_if(struct t1 *t, uint8_t *site)
{
    if (t->vector_cold) {
        t1_cold_also(t, t->vector_cold, site);
        return;
    }
    t->vector_cold = t1_cold(t, T1_COLD_PARTIAL, site);
    t->vector_cold->partial = (struct t1_cold_partial){ .index = t->index, .vector = t->vector, .fp = t->fp };
}

void t1v_go_on_whole(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    unsigned next = t->index + 1;
    t->vector.whole = true;
    if (next >= t->block->count)
        return;
    x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(vector.vl), (int32_t)t1v_vlmax(t));
    struct t1_cold *rest = t1_cold(t, T1_COLD_REST, x86_jcc(e, X86_NE));
    rest->where = t->offset + t->op.length;
    rest->size = t->block->count - next;
    rest->upper = t->vector.upper;
}

bool t1v_end(struct t1 *t)
{
    t->vector.upper = !t->dbt->host.avx512;
    if (t->vector_cold)
        t1_set_back(t, t->vector_cold);
    t1_fp_end(t);
    return true;
}

/* ---- Groups and masks ---------------------------------------------------------------------------------- */

static void choose_active(const struct t1 *t, struct pieces *p)
{
    p->k = t1v_all(*p);
    if (t1v_masked(t) || !t1v_whole_length(t) || t1v_vlmax(t) < p->elements)
        p->k.mask = T1V_ACTIVE;
}

bool t1v_group(const struct t1 *t, unsigned eew, unsigned registers, struct pieces *p)
{
    int emul = t->vector.lmul + (int)eew - (int)t->vector.sew;
    if (!t->vector.known || !t->dbt->host.avx2 || emul < -3 || emul > 3 ||
        registers & (t1v_registers(emul) - 1))
        return false;
    unsigned bytes = t1v_vlmax(t) << eew, piece = bytes >= 64 ? 64 : bytes >= 32 ? 32 : 16;
    if (!t->dbt->host.avx512) {
        piece = bytes < 32 ? 16 : 32;
    }
    *p = (struct pieces){
        .bytes = piece, .count = bytes > piece ? bytes / piece : 1, .elements = piece >> eew, .log2 = eew
    };
    choose_active(t, p);
    return p->count <= (t->dbt->host.avx512 ? 2 : 1) * T1V_RESULTS;
}

void t1v_unmask(struct t1 *t, struct pieces *p)
{
    t->op.bits |= 1 << 25;
    choose_active(t, p);
}

bool t1v_apart_from_mask(const struct t1 *t, unsigned rd, enum t1v_source source)
{
    return !t1v_masked(t) || (rd && OP.rs2 && (source != T1V_VECTOR || OP.rs1));
}

bool t1v_operands_fit(const struct t1 *t, enum t1v_source source, struct pieces *p)
{
    return t1v_group(t, t->vector.sew, t1v_numbers(t, source), p) && t1v_apart_from_mask(t, OP.rd, source);
}

/* Whether group `number`, whose elements have SEW, is aligned and apart from `wide`, a group whose elements
 * have twice that width. */
static bool narrow_fits(const struct t1 *t, unsigned number, unsigned wide)
{
    unsigned count = t1v_registers(t->vector.lmul);
    return !(number & (count - 1)) && t1v_disjoint(number, count, wide, t1v_registers(t->vector.lmul + 1));
}

static bool wide_group(const struct t1 *t, enum t1v_source source, unsigned registers, struct pieces *p)
{
    return t->vector.known && t->vector.sew < 3 && t1v_group(t, t->vector.sew + 1u, registers, p) &&
           t1v_apart_from_mask(t, OP.rd, source);
}

bool t1v_widening_fits(const struct t1 *t, enum t1v_source source, bool wide, struct pieces *p)
{
    bool vector = source == T1V_VECTOR;
    return wide_group(t, source, OP.rd | (wide ? OP.rs2 : 0u), p) &&
           (wide || narrow_fits(t, OP.rs2, OP.rd)) && (!vector || narrow_fits(t, OP.rs1, OP.rd)) &&
           (!wide || !vector || narrow_fits(t, OP.rs1, OP.rs2));
}

/* vd may also be the low part of vs2 (V 5.2). */
bool t1v_narrowing_fits(const struct t1 *t, enum t1v_source source, struct pieces *p)
{
    bool low_part = OP.rd == OP.rs2 && !(OP.rd & (t1v_registers(t->vector.lmul) - 1));
    return wide_group(t, source, OP.rs2, p) && (low_part || narrow_fits(t, OP.rd, OP.rs2)) &&
           (source != T1V_VECTOR || narrow_fits(t, OP.rs1, OP.rs2));
}

/* eax = the number of elements from `first` on that are below vl. If there are more than 64, it may be any
 * number from 64 to 255. */
static void count_from(struct t1 *t, unsigned first)
{
    struct x86_emit *e = &t->e;
    x86_load(e, 32, X86_RAX, HART_MEM(vector.vl));
    if (first) {
        x86_mov_imm(e, X86_RCX, 0);
        x86_op_imm(e, X86_SUB, 32, X86_RAX, (int32_t)first);
        x86_cmov(e, X86_B, 32, X86_RAX, X86_RCX);
    }
    if (t1v_vlmax(t) - first > UINT8_MAX) {
        x86_mov_imm(e, X86_RCX, 64);
        x86_op(e, X86_CMP, 32, X86_RAX, X86_RCX);
        x86_cmov(e, X86_A, 32, X86_RAX, X86_RCX);
    }
}

void t1v_tail_bits(struct t1 *t, unsigned first)
{
    count_from(t, first);
    x86_mov_imm(&t->e, X86_RCX, -1);
    x86_low_bits(&t->e, X86_RAX, X86_RCX, X86_RAX);
}

/* rax = as many of v0's bits, from `first` on, as rax says, no more than `bits`. They are loaded as wide as a
 * comparison has stored them, since the host does not forward a store to a wider load. It uses rcx. */
static void take_mask_bits(struct t1 *t, unsigned first, unsigned bits)
{
    struct x86_emit *e = &t->e;
    struct x86_mem from = hart_mem(offsetof(struct hart, v) + first / 8);
    if (bits > 32) {
        x86_low_bits_mem(e, X86_RAX, from, X86_RAX);
        return;
    }
    if (bits > 16)
        x86_load(e, 32, X86_RCX, from);
    else
        x86_load_extend(e, bits > 8 ? 16 : 8, false, X86_RCX, from);
    if (first % 8) /* on AVX2, of pieces with less than 8 elements */
        x86_shift_imm(e, X86_SHR, 32, X86_RCX, first % 8);
    x86_low_bits(e, X86_RAX, X86_RCX, X86_RAX);
}

void t1v_active_bits(struct t1 *t, struct pieces p, unsigned number)
{
    unsigned first = number * p.elements;
    if (t1v_masked(t)) {
        unsigned there = t1v_vlmax(t) - first, bits = there < p.elements ? there : p.elements;
        if (t1v_whole_length(t))
            x86_mov_imm(&t->e, X86_RAX, bits);
        else
            count_from(t, first);
        take_mask_bits(t, first, bits);
    } else {
        t1v_tail_bits(t, first);
    }
}

void t1v_chosen_bits(struct t1 *t, struct pieces p, unsigned number)
{
    unsigned first = number * p.elements;
    x86_load(&t->e, 32, X86_RAX, hart_mem(offsetof(struct hart, v) + first / 8));
    if (first % 8)
        x86_shift_imm(&t->e, X86_SHR, 32, X86_RAX, first % 8);
}

void t1v_make_mask(struct t1 *t, struct pieces p, unsigned number)
{
    if (!p.k.mask)
        return;
    if (!t->dbt->host.avx512) {
        t1v_make_live(t, p, number);
        return;
    }
    t1v_active_bits(t, p, number);
    x86_kmove_from(&t->e, T1V_ACTIVE, X86_RAX);
}

void t1v_take_v0(struct t1 *t, struct pieces p, unsigned to, unsigned number)
{
    x86_load(&t->e, 64, X86_RAX, hart_mem(offsetof(struct hart, v) + number * p.elements / 8));
    x86_kmove_from(&t->e, to, X86_RAX);
    if (p.k.mask)
        x86_klogic(&t->e, X86_KAND, to, to, T1V_ACTIVE);
}

/* ---- What a block finds -------------------------------------------------------------------------------- */

/* Returns the word that t1_vtype_of() makes of the hart's state. */
static uint32_t type_word(unsigned vtype, unsigned sew, int lmul)
{
    return vtype | (uint32_t)sew << 8 | (uint32_t)(uint8_t)lmul << 16;
}

/* Returns whether an instruction may be one of vectors, by its major opcode (LOAD-FP, STORE-FP, OP-V, OP-VE),
 * so that most instructions need not be decoded. */
static bool may_be_vector(const struct t1 *t, unsigned index)
{
    unsigned opcode = t->source->code[t->source->insns[index].offset] & 0x7f;
    return opcode == 0x07 || opcode == 0x27 || opcode == 0x57 || opcode == 0x77;
}

/* What of the hart's state the block's code is to be made for. */
struct needs {
    bool vtype; /* and vl: an instruction needs them before one has set them */
    bool vxrm;  /* an instruction rounds by it; only CSR instructions change it, and they end a block */
};

static struct needs needs_of_block(struct t1 *t)
{
    struct needs needs = { 0 };
    bool set = false;
    for (unsigned i = 0; i < t->block->count; i++) {
        struct isa_operands op;
        if (!may_be_vector(t, i))
            continue;
        t1_decode(t, i, &op);
        const struct t1_row *row = &t1_rows[op.insn];
        set |= t1_forgets_vtype(op.insn) || t1_sets_vtype(op.insn);
        if (!isa_is_vector(op.insn) || !row->lower || t->dbt->without[op.insn])
            continue;
        needs.vtype |= !set && !(row->claims & T1_ANY_VTYPE);
        needs.vxrm |= (row->claims & T1_VXRM) != 0;
    }
    return needs;
}

/* The code that follows is for the present value of the hart's vxrm. */
static void look_at_vxrm(struct t1 *t)
{
    t->block->vxrm = t->hart->vector.vxrm;
    x86_load_extend(&t->e, 8, false, X86_RAX, HART_MEM(vector.vxrm));
    x86_op_imm(&t->e, X86_CMP, 32, X86_RAX, t->block->vxrm);
    t1_cold(t, T1_COLD_FIND, x86_jcc(&t->e, X86_NE))->where = t->source->paddr & (PAGE_SIZE - 1);
}

/* The code that follows is for vl = VLMAX, or for any other vl, as the hart's is at present. */
static void look_at_vl(struct t1 *t)
{
    enum t1_length length = t1_length_of(t->hart);
    t->block->length = (uint8_t)length;
    t->vector.whole = length == T1_WHOLE;
    x86_mem_op_imm(&t->e, X86_CMP, 32, HART_MEM(vector.vl), (int32_t)t1v_vlmax(t));
    x86_align_patch(&t->e, 2);
    uint8_t *other = x86_jcc(&t->e, length == T1_WHOLE ? X86_NE : X86_E);
    t1_add_link(t, other, t->source->paddr & (PAGE_SIZE - 1));
}

void t1v_enter_block(struct t1 *t)
{
    const struct hart_vector *v = &t->hart->vector;
    if (!v->vlenb || !t->dbt->host.avx2)
        return;
    const struct needs needs = needs_of_block(t);
    if (needs.vxrm)
        look_at_vxrm(t);
    if (v->vill || !needs.vtype)
        return;
    t->vector.known = true;
    t->vector.sew = v->sew;
    t->vector.lmul = v->lmul;
    t->block->vtype = t1_vtype_of(t->hart);
    x86_mem_op_imm(&t->e, X86_CMP, 32, HART_MEM(vector.vtype), (int32_t)t->block->vtype);
    t1_cold(t, T1_COLD_FIND, x86_jcc(&t->e, X86_NE))->where = t->source->paddr & (PAGE_SIZE - 1);
    look_at_vl(t);
}

/* ---- vsetvli, vsetivli --------------------------------------------------------------------------------- */

/* Returns false if vtype becomes vill. */
static bool learn_type(struct t1 *t, unsigned vtype)
{
    t->vector.known = vector_decode_type(vtype, &t->vector.sew, &t->vector.lmul);
    return t->vector.known;
}

/* If mstatus.VS is Off, the handler takes over; otherwise it is Dirty from here on. */
static void look_at_status(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    t->fp_cold = t->vector_cold = NULL;
    t1_forget_rax(t);
    if (t->vector.dirty)
        return;
    x86_load(e, 32, X86_RAX, HART_MEM(mstatus));
    x86_test_imm32(e, X86_RAX, (int32_t)MSTATUS_VS);
    t1_fp_handler_if(t, x86_jcc(e, X86_E));
    x86_mem_op_imm(e, X86_OR, 32, HART_MEM(mstatus), (int32_t)MSTATUS_VS);
    t->vector.on = t->vector.dirty = true;
}

/* Sets vtype, and vl, which is in rax. */
static void set_type(struct t1 *t, unsigned vtype)
{
    struct x86_emit *e = &t->e;
    _Static_assert(offsetof(struct hart_vector, sew) == offsetof(struct hart_vector, vtype) + 1 &&
                       offsetof(struct hart_vector, lmul) == offsetof(struct hart_vector, vtype) + 2 &&
                       offsetof(struct hart_vector, vill) == offsetof(struct hart_vector, vtype) + 3,
                   "one word");
    _Static_assert(offsetof(struct hart_vector, vstart) == offsetof(struct hart_vector, vl) + 4, "one word");
    uint32_t word = type_word(vtype, t->vector.sew, t->vector.lmul);
    x86_store_imm(e, 32, HART_MEM(vector.vtype), (int32_t)word);
    x86_store(e, 64, HART_MEM(vector.vl), X86_RAX); /* this sets vstart to 0, too */
    t->vector.word = word | T1_WORD_KNOWN;
    if (OP.rd)
        t1_set(t, X86_RAX);
    t->vector.start_0 = true;
    t1_fp_end(t);
}

/* AVX2: rs1 has a number of elements that is most often VLMAX or more, and other instructions of the block
 * follow: their code is for VLMAX. Any smaller number is cold code's. */
static bool set_whole(struct t1 *t, unsigned vtype)
{
    struct x86_emit *e = &t->e;
    unsigned vlmax = t1v_vlmax(t);
    uint32_t word = type_word(vtype, t->vector.sew, t->vector.lmul);
    bool stored = t->vector.word == (word | T1_WORD_KNOWN) && t->vector.whole && t->vector.start_0;
    look_at_status(t);
    enum x86_reg wanted = t1_use(t, OP.rs1, X86_RAX);
    x86_op_imm(e, X86_CMP, 64, wanted, (int32_t)vlmax);
    struct t1_cold *fewer = t1_cold(t, T1_COLD_FEWER, x86_jcc(e, X86_B));
    fewer->where = t->offset + t->op.length;
    fewer->size = t->block->count - t->index - 1;
    fewer->upper = t->vector.upper;
    fewer->guest = OP.rd;
    fewer->fewer = (struct t1_cold_fewer){ word, wanted };
    if (!stored) {
        x86_store_imm(e, 32, HART_MEM(vector.vtype), (int32_t)word);
        x86_store_imm(e, 64, HART_MEM(vector.vl), (int32_t)vlmax); /* this sets vstart to 0, too */
    }
    t->vector.word = word | T1_WORD_KNOWN;
    if (OP.rd) {
        x86_mov_imm(e, t1_dest(t), vlmax);
        t1_set(t, t1_dest(t));
    }
    t->vector.start_0 = t->vector.whole = true;
    t1_fp_end(t);
    return true;
}

/* Sets vtype, with which VLMAX and vl stay what they are. vstart is 0. */
static void keep_length(struct t1 *t, unsigned vtype)
{
    uint32_t word = type_word(vtype, t->vector.sew, t->vector.lmul);
    look_at_status(t);
    x86_store_imm(&t->e, 32, HART_MEM(vector.vtype), (int32_t)word);
    t->vector.word = word | T1_WORD_KNOWN;
    t1_fp_end(t);
}

/* vl = the smaller one of rs1 and VLMAX, or VLMAX if rs1 is x0. If both rs1 and rd are x0, vl stays, unless
 * it is larger than VLMAX. */
static bool set_by_register(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    struct t1_vector before = t->vector;
    unsigned vtype = (unsigned)OP.imm;
    bool keep = !OP.rs1 && !OP.rd;
    if (!learn_type(t, vtype))
        return false;
    bool same = before.known && before.lmul - before.sew == t->vector.lmul - t->vector.sew; /* VLMAX */
    if (OP.rs1 && !t->dbt->host.avx512 && t->index + 1 < t->block->count)
        return set_whole(t, vtype);
    if (keep && same && before.start_0) {
        keep_length(t, vtype);
        return true;
    }
    look_at_status(t);
    x86_mov_imm(e, OP.rs1 || keep ? X86_RCX : X86_RAX, t1v_vlmax(t));
    if (keep)
        x86_load(e, 32, X86_RAX, HART_MEM(vector.vl));
    else if (OP.rs1)
        t1_copy(t, X86_RAX, OP.rs1);
    if (keep || OP.rs1) {
        x86_op(e, X86_CMP, 64, X86_RAX, X86_RCX);
        x86_cmov(e, X86_A, 64, X86_RAX, X86_RCX);
    }
    set_type(t, vtype);
    if (keep ? !same : OP.rs1)
        t1v_go_on_whole(t);
    else if (!keep)
        t->vector.whole = true;
    return true;
}

static bool set_by_immediate(struct t1 *t)
{
    unsigned vtype = (unsigned)OP.imm & 0x3ff, avl = (unsigned)OP.imm >> 16 & 31;
    if (!learn_type(t, vtype))
        return false;
    look_at_status(t);
    t->vector.whole = avl >= t1v_vlmax(t);
    x86_mov_imm(&t->e, X86_RAX, t->vector.whole ? t1v_vlmax(t) : avl);
    set_type(t, vtype);
    return true;
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VCONFIG(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
