/* SPDX-License-Identifier: MIT
 *
 * Vector loads and stores ("Vector Loads and Stores").
 *
 * Consecutive elements are moved in pieces. One look-up of the TLB serves the whole range, which must lie in
 * one page. If it fails (two pages, a device, a watched page), the handler does the instruction element by
 * element, and sets vstart if it traps; nothing has been done before that. Elements that are not active are
 * not accessed: the host's masks suppress that. Fault-only-first loads are the same, since no element of
 * such a range faults.
 *
 * Some segments, and elements at a stride or at offsets in a register, are moved without a loop (segment.c,
 * each.c). All others are moved one by one, in a loop that looks each page up once. If the TLB does not have
 * it, the handler continues with that element, by vstart, as after a trap.
 */
#include "dbt/x86/check.h"
#include "dbt/x86/fragments.h"
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* ---- Consecutive elements ------------------------------------------------------------------------------ */

/* rdx = the addend for vl elements from `base` on, of `bytes` bytes each. If vl is 0, the
 * handler takes over. */
static void look_up_elements(struct t1 *t, enum x86_reg base, unsigned bytes, bool write)
{
    struct x86_emit *e = &t->e;
    x86_load(e, 32, X86_RCX, HART_MEM(vector.vl));
    x86_test(e, 32, X86_RCX, X86_RCX);
    t1_fp_handler_if(t, x86_jcc(e, X86_E));
    if (bytes & (bytes - 1))
        x86_imul_imm(e, 32, X86_RCX, X86_RCX, (int32_t)bytes);
    else if (bytes > 1)
        x86_shift_imm(e, X86_SHL, 32, X86_RCX, (unsigned)__builtin_ctz(bytes));
    x86_lea(e, 64, X86_RCX, x86_mem_index(base, X86_RCX, -1));
    t1_fp_handler_if(t, emit_look_up_to(t->dbt, e, base, t1v_side(write), X86_RDX));
    check_emit_elements(t->dbt, e, x86_mem(base, 0), x86_mem_index(X86_RDX, base, 0), bytes, write,
                        t->offset);
}

/* Moves the whole group. */
static void access_whole(struct t1 *t, struct pieces p, enum x86_reg base, bool write)
{
    unsigned bytes = p.bytes * p.count;
    t1_fp_handler_if(t, t1_look_up(t, base, 0, (int32_t)bytes, t1v_side(write)));
    check_emit(t->dbt, &t->e, x86_mem(base, 0), x86_mem_index(X86_RDX, base, 0), bytes, write, t->offset);
    for (unsigned i = 0; i < p.count; i++) {
        struct x86_mem host = x86_mem_index(X86_RDX, base, (int32_t)(i * p.bytes));
        t1v_load(t, p, 0, write ? t1v_mem(t, OP.rd, p, i) : host);
        t1v_store(t, p, write ? host : t1v_mem(t, OP.rd, p, i), 0);
    }
}

/* On AVX2: all of the group must lie in one page. What is not meant is loaded, and not used. */
static void load_some(struct t1 *t, struct pieces p, enum x86_reg base)
{
    struct x86_emit *e = &t->e;
    unsigned bytes = p.bytes * p.count;
    x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(vector.vl), 0);
    t1_fp_handler_if(t, x86_jcc(e, X86_E));
    t1_fp_handler_if(t, t1_look_up(t, base, 0, (int32_t)bytes, t1v_side(false)));
    check_emit_elements(t->dbt, e, x86_mem(base, 0), x86_mem_index(X86_RDX, base, 0), 1u << p.log2, false,
                        t->offset);
    x86_op(e, X86_ADD, 64, X86_RDX, base);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, 0, t1v_mem(t, OP.rd, p, i));
        t1v_unary_mem(t, X86_E_LOAD + p.log2, p, 0, x86_mem(X86_RDX, (int32_t)(i * p.bytes)));
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
}

/* On AVX2: the host has masks for stores of 4 and 8 bytes. */
static void store_some(struct t1 *t, struct pieces p, enum x86_reg base)
{
    struct x86_emit *e = &t->e;
    look_up_elements(t, base, 1u << p.log2, true);
    x86_op(e, X86_ADD, 64, X86_RDX, base);
    if (!t1v_masked(t)) {
        t1v_store_tail(t, p);
        return;
    }
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, 0, t1v_mem(t, OP.rd, p, i));
        x86_vstore_masked(e, p.log2, p.bytes, x86_mem(X86_RDX, (int32_t)(i * p.bytes)), T1V_LIVE, 0);
    }
}

static void access_some(struct t1 *t, struct pieces p, enum x86_reg base, bool write)
{
    struct x86_emit *e = &t->e;
    if (!t->dbt->host.avx512) {
        if (write)
            store_some(t, p, base);
        else
            load_some(t, p, base);
        return;
    }
    look_up_elements(t, base, 1u << p.log2, write);
    x86_op(e, X86_ADD, 64, X86_RDX, base);
    for (unsigned i = 0; i < p.count; i++) {
        struct x86_mem host = x86_mem(X86_RDX, (int32_t)(i * p.bytes));
        t1v_make_mask(t, p, i);
        t1v_load(t, p, 0, t1v_mem(t, OP.rd, p, i));
        if (write) {
            x86_estore(e, p.log2, p.k, host, REG(0));
        } else {
            t1v_unary_mem(t, X86_E_LOAD + p.log2, p, 0, host);
            t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
        }
    }
}

/* Moves all of a group of less than 16 bytes. A load stores 16 bytes to vd, the loaded ones and the old ones
 * behind them: the host does not forward a store to a load that is wider than it. */
static bool access_small(struct t1 *t, struct pieces p, unsigned bytes, bool write)
{
    struct x86_emit *e = &t->e;
    t1v_begin(t, !write);
    enum x86_reg base = t1_pointer(t);
    t1_fp_handler_if(t, t1_look_up(t, base, 0, (int32_t)bytes, t1v_side(write)));
    struct x86_mem host = x86_mem_index(X86_RDX, base, 0), own = t1v_mem(t, OP.rd, p, 0);
    check_emit(t->dbt, e, x86_mem(base, 0), host, bytes, write, t->offset);
    if (write) {
        x86_load(e, bytes == 8 ? 64 : 32, X86_RCX, own);
        x86_store(e, 8 * bytes, host, X86_RCX);
    } else {
        t1v_load(t, p, 0, own);
        x86_einsert(e, (unsigned)__builtin_ctz(bytes), REG(0), REG(0), host, 0);
        t1v_store(t, p, own, 0);
    }
    return t1v_end(t);
}

static bool move_each(struct t1 *t, const struct t1v_layout *l, bool strided);

static bool access_group(struct t1 *t, unsigned eew, bool write)
{
    struct pieces p;
    if (!t1v_group(t, eew, OP.rd, &p) || (t1v_masked(t) && !OP.rd))
        return false;
    if (!t->dbt->host.avx512 && write && t1v_masked(t) && eew < 2) {
        struct t1v_layout l = { .eew = eew, .fields = 1, .write = true };
        return move_each(t, &l, false);
    }
    unsigned bytes = t1v_vlmax(t) << eew;
    t1v_take_small(t, &p);
    if (bytes < 16 && p.bytes >= 16 && !t1v_masked(t) && t1v_whole_length(t) &&
        (write || t->dbt->host.avx512))
        return access_small(t, p, bytes, write);
    t1v_begin(t, !write);
    enum x86_reg base = t1_pointer(t);
    if (p.k.mask)
        access_some(t, p, base, write);
    else
        access_whole(t, p, base, write);
    return t1v_end(t);
}

/* Inside the range of which the look-up is right, nothing faults. Otherwise the handler may make vl smaller.
 */
static bool access_until_fault(struct t1 *t, unsigned eew)
{
    if (!access_group(t, eew, false))
        return false;
    if (t->vector.whole)
        t1v_go_on_whole(t);
    return true;
}

/* ---- One by one ---------------------------------------------------------------------------------------- */

/* Registers that a loop uses besides rax, rcx and rdx. The guest's registers that are pinned in them are kept
 * in memory meanwhile. If the address of an element is less than LIMIT above PAGE, all of the element lies in
 * that page, and its host address is ADDEND further. */
#define AT        X86_RSI /* element */
#define END       X86_RDI /* vl */
#define MASK_BITS X86_R8
#define STRIDE    X86_R9 /* or the base, for indexed accesses */
#define VADDR     X86_R10
#define PAGE      X86_R11
#define LIMIT     X86_R12
#define ADDEND    X86_RBX

static void keep_pinned(struct t1 *t, bool restore)
{
    static const enum x86_reg used[] = { AT, END, MASK_BITS, STRIDE, VADDR, PAGE, LIMIT, ADDEND };
    for (unsigned i = 0; i < DBT_PINNED_COUNT; i++)
        for (unsigned k = 0; k < sizeof(used) / sizeof(used[0]); k++) {
            if (dbt_pinned_map[i].host != used[k])
                continue;
            if (restore)
                x86_load(&t->e, 64, used[k], hart_mem(8 * dbt_pinned_map[i].guest));
            else
                x86_store(&t->e, 64, hart_mem(8 * dbt_pinned_map[i].guest), used[k]);
        }
}

/* Returns where the guest's register group `guest`, and `further` bytes behind it, has element AT. */
static struct x86_mem element_mem(const struct t1 *t, unsigned guest, unsigned eew, unsigned further)
{
    size_t own = offsetof(struct hart, v) + guest * t->hart->vector.vlenb + further;
    return x86_mem_scaled(HOST_HART, AT, eew, (int32_t)own - HART_BIAS);
}

void t1v_load_element(struct t1 *t, unsigned eew, struct x86_mem from)
{
    if (eew < 2)
        x86_load_extend(&t->e, 8u << eew, false, X86_RAX, from);
    else
        x86_load(&t->e, 8u << eew, X86_RAX, from);
}

static void move_fields(struct t1 *t, const struct t1v_layout *l)
{
    struct x86_emit *e = &t->e;
    for (unsigned i = 0; i < l->fields; i++) {
        int32_t at = (int32_t)(i << l->eew);
        struct x86_mem own = element_mem(t, OP.rd, l->eew, i * l->field_bytes);
        struct x86_mem host = x86_mem_index(VADDR, ADDEND, at);
        check_emit(t->dbt, e, x86_mem(VADDR, at), host, 1u << l->eew, l->write, t->offset);
        t1v_load_element(t, l->eew, l->write ? own : host);
        x86_store(e, 8u << l->eew, l->write ? host : own, X86_RAX);
    }
}

/* Sets STRIDE and VADDR, from rs1, and from rs2 or the segment's size. */
static void begin_loop(struct t1 *t, const struct t1v_layout *l, bool strided)
{
    struct x86_emit *e = &t->e;
    if (strided)
        t1_copy(t, X86_RCX, OP.rs2);
    t1_copy(t, X86_RDX, OP.rs1);
    keep_pinned(t, false);
    if (strided)
        x86_mov(e, 64, STRIDE, X86_RCX);
    else if (l->indexed)
        x86_mov(e, 64, STRIDE, X86_RDX);
    else
        x86_mov_imm(e, STRIDE, l->fields << l->eew);
    x86_mov(e, 64, VADDR, X86_RDX);
    x86_mov_imm(e, AT, 0);
    x86_mov_imm(e, LIMIT, 0); /* no page is known yet */
    x86_load(e, 32, END, HART_MEM(vector.vl));
}

/* Sets PAGE, LIMIT and ADDEND for VADDR, if the TLB has it; otherwise the handler goes on with this
 * element, by vstart. */
static void look_up_element(struct t1 *t, const struct t1v_layout *l)
{
    struct x86_emit *e = &t->e;
    x86_lea(e, 64, X86_RCX, x86_mem(VADDR, (int32_t)(l->fields << l->eew) - 1));
    uint8_t *miss = emit_look_up_to(t->dbt, e, VADDR, t1v_side(l->write), ADDEND);
    x86_mov(e, 64, PAGE, VADDR);
    x86_op_imm(e, X86_AND, 64, PAGE, -(int32_t)PAGE_SIZE);
    x86_mov_imm(e, LIMIT, PAGE_SIZE + 1 - (l->fields << l->eew));
    uint8_t *found = x86_jmp(e);
    x86_land(e, miss);
    x86_store(e, 32, HART_MEM(vector.vstart), AT);
    keep_pinned(t, true);
    t1_fp_handler_if(t, x86_jmp(e));
    x86_land(e, found);
}

/* Moves each element, or segment, by itself. */
static bool move_each(struct t1 *t, const struct t1v_layout *l, bool strided)
{
    struct x86_emit *e = &t->e;
    uint8_t *skip = NULL;
    t1v_begin(t, !l->write);
    begin_loop(t, l, strided);
    x86_test(e, 32, END, END);
    uint8_t *none = x86_jcc(e, X86_E);
    const uint8_t *loop = x86_here(e);
    if (t1v_masked(t)) {
        t1v_look_at_mask_bit(t, MASK_BITS, AT);
        skip = x86_jcc(e, X86_AE);
    }
    if (l->indexed) {
        t1v_load_element(t, l->index_eew, element_mem(t, OP.rs2, l->index_eew, 0));
        x86_op(e, X86_ADD, XLEN, X86_RAX, STRIDE);
        x86_mov(e, 64, VADDR, X86_RAX);
    }
    x86_mov(e, 64, X86_RCX, VADDR);
    x86_op(e, X86_SUB, 64, X86_RCX, PAGE);
    x86_op(e, X86_CMP, 64, X86_RCX, LIMIT);
    uint8_t *same = x86_jcc(e, X86_B);
    look_up_element(t, l);
    x86_land(e, same);
    move_fields(t, l);
    if (skip)
        x86_land(e, skip);
    if (!l->indexed)
        x86_op(e, X86_ADD, XLEN, VADDR, STRIDE);
    x86_op_imm(e, X86_ADD, 32, AT, 1);
    x86_op(e, X86_CMP, 32, AT, END);
    x86_jcc_to(e, X86_NE, loop);
    x86_land(e, none);
    keep_pinned(t, true);
    t1v_forget_copies(t);
    t1_fp_end(t);
    return true;
}

/* Returns whether the registers of a segment are legal: EMUL * fields is at most 8. */
static bool fields_fit(struct t1 *t, struct t1v_layout *l)
{
    int emul = t->vector.lmul + (int)l->eew - (int)t->vector.sew;
    unsigned group = t1v_registers(emul);
    l->field_bytes = group * t->hart->vector.vlenb;
    return t->vector.known && t->dbt->host.v3 && emul >= -3 && emul <= 3 && group * l->fields <= 8 &&
           !(OP.rd & (group - 1)) && OP.rd + group * l->fields <= 32 && !(t1v_masked(t) && !OP.rd);
}

static bool access_segments(struct t1 *t, unsigned eew, unsigned fields, bool write)
{
    struct t1v_layout l = { .eew = eew, .fields = fields, .write = write };
    return fields_fit(t, &l) &&
           (t1v_move_segments(t, &l) || t1v_move_many_fields(t, &l) || move_each(t, &l, false));
}

static bool access_strided(struct t1 *t, unsigned eew, unsigned fields, bool write)
{
    struct t1v_layout l = { .eew = eew, .fields = fields, .write = write };
    return fields_fit(t, &l) && (t1v_move_strided(t, &l) || move_each(t, &l, true));
}

/* Returns whether the data's registers [rd, rd + data) may overlap those of the offsets, [first, first +
 * group): if both have elements of one width. For a load, the narrower data may also begin where the
 * offsets do, and the wider data may end where they do (V 5.2). So no element is written over an offset
 * that is still to be read. */
static bool may_overlap(const struct t1v_layout *l, unsigned rd, unsigned data, unsigned first,
                        unsigned group, int emul)
{
    if (l->fields > 1)
        return false;
    if (l->eew == l->index_eew)
        return true;
    return !l->write && (l->eew < l->index_eew ? rd == first : emul >= 0 && first + group == rd + data);
}

/* Accesses elements of SEW at offsets in vs2, a group of another width. */
static bool access_indexed(struct t1 *t, unsigned index_eew, unsigned fields, bool write)
{
    struct t1v_layout l = { t->vector.sew, fields, 0, write, true, index_eew };
    int emul = t->vector.lmul + (int)index_eew - (int)t->vector.sew;
    unsigned group = t1v_registers(emul);
    if (!fields_fit(t, &l) || emul < -3 || emul > 3 || OP.rs2 & (group - 1) || (t1v_masked(t) && !OP.rs2) ||
        (XLEN == 32 && index_eew > 2))
        return false;
    unsigned data = fields * (l.field_bytes / t->hart->vector.vlenb);
    return (t1v_disjoint(OP.rd, data, OP.rs2, group) || may_overlap(&l, OP.rd, data, OP.rs2, group, emul)) &&
           (t1v_move_indexed(t, &l) || move_each(t, &l, false));
}

/* ---- Whole registers ----------------------------------------------------------------------------------- */

static struct pieces pieces_of(const struct t1 *t, unsigned bytes)
{
    unsigned piece = t->dbt->host.avx512 && bytes >= 64 ? 64 : bytes >= 32 ? 32 : 16;
    struct pieces p = { .bytes = piece, .count = bytes / piece, .elements = piece / 8, .log2 = 3 };
    return t1v_whole(p);
}

/* Accesses whole registers, which does not depend on vtype. */
static bool access_registers(struct t1 *t, unsigned count, bool write)
{
    unsigned bytes = count * t->hart->vector.vlenb;
    if (!t->dbt->host.avx2 || !bytes || OP.rd & (count - 1))
        return false;
    t1v_begin(t, !write);
    access_whole(t, pieces_of(t, bytes), t1_pointer(t), write);
    return t1v_end(t);
}

/* vmv1r.v and the like: vtype must be legal. */
static bool move_registers(struct t1 *t, unsigned count)
{
    struct pieces p = pieces_of(t, count * t->hart->vector.vlenb);
    if (!t->vector.known || !t->dbt->host.avx2 || (OP.rd | OP.rs2) & (count - 1))
        return false;
    t1v_begin(t, true);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_load(t, p, 0, t1v_mem(t, OP.rs2, p, i));
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VMEMORY(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
