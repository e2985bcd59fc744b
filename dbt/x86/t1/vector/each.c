/* SPDX-License-Identifier: MIT
 *
 * Elements at a stride, and at offsets in a register, one after the other without a loop: for whole groups of
 * a few elements, without a mask. All others are moved in a loop, by memory.c.
 *
 * Elements at a stride mostly lie in one page. The first and the last of them decide that, once for all,
 * since the others lie between these. Elements at offsets have a look-up each. A load puts elements together
 * in registers, and stores nothing to vd before all are there: if the look-up of one fails, the handler
 * begins again. If one of a store fails, the handler goes on with that element, by vstart, as in memory.c.
 */
#include "dbt/x86/check.h"
#include "dbt/x86/fragments.h"
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

/* The most elements at offsets, accesses at a stride, and registers for 16 bytes each. */
enum { OFFSETS_MAX = 16, ACCESSES_MAX = 64, SIXTEENS_MAX = 16 };

static unsigned sixteens(struct pieces p)
{
    return p.count * (p.bytes / 16);
}

static bool begin(struct t1 *t, const struct t1v_layout *l, struct pieces *p)
{
    /* A check of an access keeps the low halves of xmm registers only. */
    if ((t->dbt->check && !t->dbt->host.avx512) || t1v_masked(t) || !t1v_whole_length(t) ||
        !t1v_group(t, l->eew, OP.rd, p) || l->fields * sixteens(*p) > SIXTEENS_MAX)
        return false;
    t1v_begin(t, !l->write);
    return true;
}

static struct x86_mem element_mem(const struct t1 *t, unsigned guest, unsigned log2, unsigned number)
{
    return hart_mem(t1v_register_at(t, guest) + ((size_t)number << log2));
}

/* ---- What is loaded ------------------------------------------------------------------------------------ */

/* Returns where piece `number` of a field's group is. */
static struct x86_mem field_mem(const struct t1 *t, const struct t1v_layout *l, struct pieces p,
                                unsigned field, unsigned number)
{
    struct x86_mem mem = t1v_mem(t, OP.rd, p, number);
    mem.disp += (int32_t)(field * l->field_bytes);
    return mem;
}

/* Loads an element into its place in the register for 16 bytes of its field. If the group is smaller than
 * that, the bytes behind it stay. */
static void load_element(struct t1 *t, const struct t1v_layout *l, struct pieces p, unsigned number,
                         unsigned field, struct x86_mem from)
{
    struct x86_emit *e = &t->e;
    unsigned each = 16u >> p.log2, place = number % each, to = field * sixteens(p) + number / each;
    const struct pieces low = { .bytes = 16, .log2 = 3, .k = { .bytes = 16 } };
    if (!place && t1v_vlmax(t) < each)
        t1v_load(t, p, to, field_mem(t, l, p, field, 0));
    else if (!place)
        t1v_op(t, X86_E_XOR, low, to, to, to);
    if (t->dbt->host.avx512)
        x86_einsert(e, p.log2, t1v_reg(t, to), t1v_reg(t, to), from, place);
    else
        x86_vinsert(e, p.log2, to, to, from, place);
}

/* Stores those registers to the fields' groups. */
static void store_fields(struct t1 *t, const struct t1v_layout *l, struct pieces p)
{
    for (unsigned i = 0; i < l->fields * p.count; i++) {
        unsigned parts = p.bytes / 16, first = i * parts, piece = t1v_reg(t, first);
        for (unsigned part = 1; part < parts; part++)
            if (t->dbt->host.avx512)
                x86_einsert_16(&t->e, t1v_all(p), piece, piece, t1v_reg(t, first + part), part);
            else
                x86_vjoin(&t->e, piece, piece, first + part);
        t1v_store(t, p, field_mem(t, l, p, i / p.count, i % p.count), first);
    }
}

/* Stores an element of the guest's registers, by way of rcx, or of rax if rcx has a stride. */
static void store_element(struct t1 *t, const struct t1v_layout *l, unsigned number, unsigned field,
                          struct x86_mem to)
{
    enum x86_reg value = l->indexed ? X86_RCX : X86_RAX;
    struct x86_mem own = element_mem(t, OP.rd, l->eew, number);
    own.disp += (int32_t)(field * l->field_bytes);
    x86_load(&t->e, l->eew == 3 ? 64 : 32, value, own);
    x86_store(&t->e, 8u << l->eew, to, value);
}

/* ---- At offsets ---------------------------------------------------------------------------------------- */

/* rax = the address of element `number`, and rdx = what the host adds to it. Returns the jump that is taken
 * if the TLB does not have it. */
static uint8_t *find_element(struct t1 *t, const struct t1v_layout *l, unsigned number)
{
    struct x86_emit *e = &t->e;
    t1v_load_element(t, l->index_eew, element_mem(t, OP.rs2, l->index_eew, number));
    t1_op_guest(t, X86_ADD, XLEN, X86_RAX, OP.rs1);
    x86_lea(e, 64, X86_RCX, x86_mem(X86_RAX, (1 << l->eew) - 1));
    return emit_look_up_to(t->dbt, e, X86_RAX, t1v_side(l->write), X86_RDX);
}

/* Follows the code for a store: for each element whose address the TLB does not have, sets vstart, so that
 * the handler goes on with that element. */
static void leave_at_misses(struct t1 *t, uint8_t *const *misses, unsigned count)
{
    struct x86_emit *e = &t->e;
    uint8_t *here[OFFSETS_MAX];
    for (unsigned i = 0; i < count; i++) {
        x86_land(e, misses[i]);
        x86_store_imm(e, 32, HART_MEM(vector.vstart), (int32_t)i);
        here[i] = x86_jmp(e);
    }
    for (unsigned i = 0; i < count; i++)
        x86_land(e, here[i]);
}

bool t1v_move_indexed(struct t1 *t, const struct t1v_layout *l)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    unsigned count = t1v_vlmax(t);
    uint8_t *misses[OFFSETS_MAX];
    if (l->fields > 1 || count > OFFSETS_MAX || !begin(t, l, &p))
        return false;
    for (unsigned i = 0; i < count; i++) {
        struct x86_mem host = x86_mem_index(X86_RAX, X86_RDX, 0);
        misses[i] = find_element(t, l, i);
        check_emit(t->dbt, e, x86_mem(X86_RAX, 0), host, 1u << l->eew, l->write, t->offset);
        if (l->write)
            store_element(t, l, i, 0, host);
        else
            load_element(t, l, p, i, 0, host);
    }
    if (!l->write)
        store_fields(t, l, p);
    uint8_t *found = x86_jmp(e);
    if (l->write)
        leave_at_misses(t, misses, count);
    for (unsigned i = 0; !l->write && i < count; i++)
        x86_land(e, misses[i]);
    t1_fp_handler_if(t, x86_jmp(e));
    x86_land(e, found);
    return t1v_end(t);
}

/* ---- At a stride --------------------------------------------------------------------------------------- */

/* rcx = the stride, whose sign is extended. */
static void take_stride(struct t1 *t)
{
    t1_copy(t, X86_RCX, OP.rs2);
    if (XLEN == 32)
        x86_extend(&t->e, 32, true, X86_RCX, X86_RCX);
}

/* rdx = the host's address of the first of `count` segments, all of which lie in its page, and rcx = the
 * stride; otherwise the instruction's other copy does it. Strides of a page or more are left to that copy,
 * too: their last segment could be in the first one's page after a turn around the address space. */
static void find_segments(struct t1 *t, const struct t1v_layout *l, unsigned count)
{
    struct x86_emit *e = &t->e;
    int32_t last = (int32_t)(l->fields << l->eew) - 1;
    take_stride(t);
    t1_copy(t, X86_RAX, OP.rs1);
    x86_lea(e, 64, X86_RDX, x86_mem(X86_RCX, PAGE_SIZE));
    x86_op_imm(e, X86_CMP, 64, X86_RDX, 2 * PAGE_SIZE);
    t1v_go_partial_if(t, x86_jcc(e, X86_AE));
    x86_imul_imm(e, 64, X86_RCX, X86_RCX, (int32_t)count - 1);
    x86_op(e, X86_ADD, 64, X86_RCX, X86_RAX);
    x86_lea(e, 64, X86_RDX, x86_mem(X86_RCX, last));
    x86_op(e, X86_XOR, 64, X86_RCX, X86_RAX);
    x86_op(e, X86_XOR, 64, X86_RDX, X86_RAX);
    x86_op(e, X86_OR, 64, X86_RDX, X86_RCX);
    x86_op_imm(e, X86_AND, 64, X86_RDX, -(int32_t)PAGE_SIZE);
    t1v_go_partial_if(t, x86_jcc(e, X86_NE));
    x86_lea(e, 64, X86_RCX, x86_mem(X86_RAX, last));
    t1v_go_partial_if(t, emit_look_up_to(t->dbt, e, X86_RAX, t1v_side(l->write), X86_RDX));
    x86_op(e, X86_ADD, 64, X86_RDX, X86_RAX);
    take_stride(t);
}

/* Compares the access with the MMU if the user asks for that; rdx has the host's address of the
 * segment. It uses rax. */
static void check_strided(struct t1 *t, const struct t1v_layout *l, unsigned number, unsigned field)
{
    int32_t at = (int32_t)(field << l->eew);
    if (!t->dbt->check)
        return;
    x86_imul_imm(&t->e, 64, X86_RAX, X86_RCX, (int32_t)number);
    t1_op_guest(t, X86_ADD, XLEN, X86_RAX, OP.rs1);
    check_emit(t->dbt, &t->e, x86_mem(X86_RAX, at), x86_mem(X86_RDX, at), 1u << l->eew, l->write, t->offset);
    take_stride(t);
}

bool t1v_move_strided(struct t1 *t, const struct t1v_layout *l)
{
    struct pieces p;
    unsigned count = t1v_vlmax(t);
    if (count * l->fields > ACCESSES_MAX || !begin(t, l, &p))
        return false;
    find_segments(t, l, count);
    for (unsigned i = 0; i < count; i++) {
        for (unsigned field = 0; field < l->fields; field++) {
            struct x86_mem host = x86_mem(X86_RDX, (int32_t)(field << l->eew));
            check_strided(t, l, i, field);
            if (l->write)
                store_element(t, l, i, field, host);
            else
                load_element(t, l, p, i, field, host);
        }
        if (i + 1 < count)
            x86_op(&t->e, X86_ADD, 64, X86_RDX, X86_RCX);
    }
    if (!l->write)
        store_fields(t, l, p);
    return t1v_end(t);
}

/* ---- Segments of more than four fields ----------------------------------------------------------------- */

bool t1v_move_many_fields(struct t1 *t, const struct t1v_layout *l)
{
    struct pieces p;
    unsigned accesses = t1v_vlmax(t) * l->fields, bytes = accesses << l->eew;
    if (t->dbt->host.avx512 || accesses > ACCESSES_MAX || !begin(t, l, &p))
        return false;
    enum x86_reg base = t1_pointer(t);
    t1v_go_partial_if(t, t1_look_up(t, base, 0, (int32_t)bytes, t1v_side(l->write)));
    x86_op(&t->e, X86_ADD, 64, X86_RDX, base);
    for (unsigned i = 0; i < accesses; i++) {
        struct x86_mem host = x86_mem(X86_RDX, (int32_t)(i << l->eew));
        if (l->write)
            store_element(t, l, i / l->fields, i % l->fields, host);
        else
            load_element(t, l, p, i / l->fields, i % l->fields, host);
    }
    if (!l->write)
        store_fields(t, l, p);
    return t1v_end(t);
}
