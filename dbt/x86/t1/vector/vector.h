/* SPDX-License-Identifier: MIT
 *
 * What the lowerings of the V extension share. Between any two instructions, values live in struct hart; a
 * register group is contiguous there (cpu/exec/vector/). An instruction works on its group in pieces, which
 * are as large as the host's registers. Copies of the last results stay in these (copies.c).
 *
 * Two sorts of hosts have code here:
 *
 * AVX2     pieces of 32 bytes (16, if the group has no more). T1V_LIVE has the active elements of the present
 *          piece (avx2.c); the others are put back by blends.
 * AVX-512  pieces of 64, 32 or 16 bytes, and any elements of them: mask register 1 has those of the present
 *          piece. Registers from 16 on are used, so that no upper half has to be cleared for the SSE code
 *          around.
 *
 * A block is made for vl = VLMAX, where no mask is needed, or for any other vl. If an instruction sets vl,
 * the code behind it is for VLMAX, and all else goes on in another block (t1v_go_on_whole()).
 *
 * If some elements of vd may keep their values (masked-off elements, the tail), the old elements are loaded
 * to the result's register first, whatever the policies say. "Active" elements are those that the instruction
 * works on (V 5.3); comments here also call them the elements that are "meant".
 */
#ifndef DBT_X86_T1_VECTOR_VECTOR_H
#define DBT_X86_T1_VECTOR_VECTOR_H

#include "cpu/vector_state.h"
#include "dbt/x86/evex.h"
#include "dbt/x86/t1/fp.h"
#include "dbt/x86/vex.h"

/* Vector registers, as the functions below number them. */
enum {
    T1V_RESULTS = 8, /* 0 to 7: results of pieces, if all are computed before the first one is stored */
    T1V_OPERAND = 8, /* this register and the next one: other operands */
    T1V_TEMP = 10,
    T1V_MOVED = 11, /* used by t1v_op() */
    T1V_CONST = 12,
    T1V_COUNTS = 13,       /* counts of shifts, which are less than an element's width */
    T1V_NANS = T1V_COUNTS, /* which elements were NaNs (AVX2); floating point has no shifts */
    T1V_LIVE = 14,         /* all ones in each active element (AVX2) */
    T1V_SCALAR = 15        /* the scalar operand in each element */
};
/* Mask registers. */
enum { T1V_ACTIVE = 1, T1V_SEEN = 2, T1V_FOUND = 3, T1V_CARRY = 4 };

/* The present instruction's group: `count` pieces of `bytes` bytes; each piece has `elements` elements. */
struct pieces {
    unsigned bytes, count, elements;
    unsigned log2;      /* log2 of an element's bytes */
    struct x86_lanes k; /* the active elements: all of them, or those of T1V_ACTIVE */
};

enum t1v_source { T1V_VECTOR, T1V_SCALAR_X, T1V_IMMEDIATE, T1V_SCALAR_F, T1V_NOTHING };

#define T1V_OP (t->op)

static inline bool t1v_masked(const struct t1 *t)
{
    return !(t->op.bits >> 25 & 1);
}
/* The host's number of register 0, on AVX-512. */
#define T1V_FIRST 16
/* Returns the host's number of a register, for code that may change it. */
static inline unsigned t1v_reg(struct t1 *t, unsigned number)
{
    struct t1_vector *v = &t->vector;
    if (!t->dbt->host.avx512 || number >= T1V_RESULTS)
        return t->dbt->host.avx512 ? T1V_FIRST + number : number;
    if (v->used <= number)
        v->used = (uint8_t)(number + 1);
    unsigned place = (number + v->turn) % T1V_RESULTS;
    v->copies[place].bytes = 0;
    return T1V_FIRST + place;
}
/* Whether the present copy of the instruction need not serve any vl but VLMAX. */
static inline bool t1v_whole_length(const struct t1 *t)
{
    return t->vector.whole && !t->vector_partial;
}
static inline unsigned t1v_vlmax(const struct t1 *t)
{
    return vector_elements(t->hart->vector.vlenb, t->vector.sew, t->vector.lmul);
}
/* Returns the offset of a register of the guest in struct hart. */
static inline size_t t1v_register_at(const struct t1 *t, unsigned guest)
{
    return offsetof(struct hart, v) + guest * t->hart->vector.vlenb;
}
/* The same, from the host register that leads to the hart. */
static inline int32_t t1v_register_disp(const struct t1 *t, unsigned guest)
{
    return (int32_t)t1v_register_at(t, guest) - HART_BIAS;
}
/* Returns lanes in which all elements of a piece are active. */
static inline struct x86_lanes t1v_all(struct pieces p)
{
    return (struct x86_lanes){ (uint8_t)p.bytes, 0, false };
}
/* Returns the same pieces, with all elements active. */
static inline struct pieces t1v_whole(struct pieces p)
{
    p.k = t1v_all(p);
    return p;
}

/* ---- config.c: vtype, vl, masks ------------------------------------------------------------------------ */

/* *p = the group of elements of 1 << eew bytes, with EMUL = LMUL * EEW / SEW; p->k = all elements, or those
 * of T1V_ACTIVE. `registers`: the numbers of all registers that begin such a group, or'ed. Returns false if
 * the group is not legal, or if this host has no code for it. */
bool t1v_group(const struct t1 *t, unsigned eew, unsigned registers, struct pieces *p);
/* AVX2: if the group is whole, not masked, and has 8 or 4 bytes, *p becomes a piece of these alone, which
 * needs no mask. It is for operations that may see any values in the elements behind them. */
void t1v_take_small(const struct t1 *t, struct pieces *p);
/* For an instruction that has vm clear, but whose operand v0 is no mask: *p becomes that of one with vm
 * set. */
void t1v_unmask(struct t1 *t, struct pieces *p);
/* Returns whether no operand overlaps the mask, v0. It is true for every instruction that is not masked. */
bool t1v_apart_from_mask(const struct t1 *t, unsigned rd, enum t1v_source source);
/* Returns whether registers [a, a + count) and [b, b + other) have none in common. */
static inline bool t1v_disjoint(unsigned a, unsigned count, unsigned b, unsigned other)
{
    return a + count <= b || b + other <= a;
}
/* *p = the group of SEW, if all operands are such groups, as t1v_group() does; with a mask, they are apart
 * from v0, too. */
bool t1v_operands_fit(const struct t1 *t, enum t1v_source source, struct pieces *p);
/* The same for instructions whose vd has twice SEW, and vs2, too, if it is `wide`; and for those whose vs2
 * has twice SEW, and vd half of that. *p is the wide group. */
bool t1v_widening_fits(const struct t1 *t, enum t1v_source source, bool wide, struct pieces *p);
bool t1v_narrowing_fits(const struct t1 *t, enum t1v_source source, struct pieces *p);
/* Returns how many registers a group has. */
static inline unsigned t1v_registers(int emul)
{
    return emul > 0 ? 1u << emul : 1;
}
/* Returns pieces whose elements have half the width, with as many elements in each. */
static inline struct pieces t1v_narrow_of(struct pieces p)
{
    p.bytes /= 2;
    p.log2--;
    p.k.bytes = p.bytes < 16 ? 16 : (uint8_t)p.bytes;
    return p;
}
/* Returns pieces whose elements are 1 << `up` times as wide. They are no larger than the host's registers, so
 * there may be more of them. */
static inline struct pieces t1v_wider_of(const struct t1 *t, struct pieces p, unsigned up)
{
    unsigned bytes = p.bytes << up, most = t->dbt->host.avx512 ? 64 : 32;
    unsigned parts = bytes > most ? bytes / most : 1;
    p.bytes = bytes / parts;
    p.count *= parts;
    p.elements /= parts;
    p.log2 += up;
    p.k.bytes = (uint8_t)p.bytes;
    return p;
}
/* Begins an instruction, with code that continues only if vectors are on (and Dirty, if the instruction
 * `writes`) and vstart is 0. Otherwise the handler takes over. */
void t1v_begin(struct t1 *t, bool writes);
/* Emits the same checks for an instruction that has already begun. */
void t1v_look(struct t1 *t, bool writes);
/* The code that follows is for the usual case. From `site`, a jump leads to a second copy of the instruction,
 * in cold code, which does all other cases. */
void t1v_go_partial_if(struct t1 *t, uint8_t *site);
/* Makes the mask of the active elements of piece `number`; it does nothing if all of them are active.
 * It uses rax and rcx. */
void t1v_make_mask(struct t1 *t, struct pieces p, unsigned number);
/* Mask register `to` = v0's bits for the active elements of a piece, for instructions of
 * which v0 is an operand. */
void t1v_take_v0(struct t1 *t, struct pieces p, unsigned to, unsigned number);
/* rax = one bit for each active element of piece `number`; there may be more, for elements behind it. It
 * uses rcx. */
void t1v_active_bits(struct t1 *t, struct pieces p, unsigned number);
/* rax = v0's bits for the elements of piece `number`; there are more. */
void t1v_chosen_bits(struct t1 *t, struct pieces p, unsigned number);
/* rax = one bit for each element below vl, from `first` on, for up to 64 elements. It uses rcx. */
void t1v_tail_bits(struct t1 *t, unsigned first);
bool t1v_end(struct t1 *t);

/* For instructions that look for something in all pieces: T1V_FOUND collects the elements of all of them.
 * Returns the mask register that the comparison of piece `number` writes. */
static inline unsigned t1v_seen_by(unsigned number)
{
    return number ? T1V_SEEN : T1V_FOUND;
}
static inline void t1v_note_seen(struct t1 *t, unsigned number)
{
    if (number)
        x86_klogic(&t->e, X86_KOR, T1V_FOUND, T1V_FOUND, T1V_SEEN);
}

struct t1v_layout;
/* ---- avx2.c: what hosts without AVX-512 need ------------------------------------------------------------
 */

/* T1V_LIVE = the active elements of a piece; `to` = all ones in the elements whose bits rax has. They use rax
 * and rcx. */
void t1v_make_live(struct t1 *t, struct pieces p, unsigned number);
void t1v_spread_bits(struct t1 *t, struct pieces p, unsigned to);
/* Register `to` = all ones in the first rax bytes of a piece, which has no less. It uses rax and rcx. */
void t1v_first_bytes(struct t1 *t, struct pieces p, unsigned to);
/* The active elements of `to` = those of `from`; all of `to` = `from`. */
void t1v_blend(struct t1 *t, struct pieces p, unsigned to, unsigned from);
void t1v_copy(struct t1 *t, struct pieces p, unsigned to, unsigned from);
/* Elements of floating point that are not active raise no flags if they are 1. T1V_CONST = that number, and
 * no NaN has been seen; then: returns a register, `to` or `from`, in which such elements of `from` are 1. */
void t1v_begin_calm(struct t1 *t, struct pieces p);
unsigned t1v_calm(struct t1 *t, struct pieces p, unsigned to, unsigned from);
/* Piece `number` of vd = the lower halves of from's elements, of a piece w, for the active ones. */
void t1v_put_halves(struct t1 *t, struct pieces w, unsigned number, unsigned from);
/* Stores vl elements of vd's group to the host's address in rdx. */
void t1v_store_tail(struct t1 *t, struct pieces p);

/* avx2_compare.c: these make and write the bits of a comparison that has begun, and end the instruction. */
bool t1v_compare_on_avx2(struct t1 *t, struct pieces p, enum t1v_source source, bool sign,
                         enum x86_predicate predicate);
bool t1v_compare_floats_on_avx2(struct t1 *t, struct pieces p, enum t1v_source source,
                                enum x86_fpredicate predicate);
/* avx2_fixed.c: sums of 8 and 16 bits that saturate; what begins and ends instructions that do; and a piece
 * of vd = the elements of reg, a piece w, no less than register `least` (or no less than 0, if that is reg)
 * and no more than `most`. */
bool t1v_saturating_on_avx2(struct t1 *t, unsigned first, unsigned plain, enum t1v_source source);
void t1v_begin_saturating_on_avx2(struct t1 *t);
bool t1v_end_saturating_on_avx2(struct t1 *t);
void t1v_put_clipped_on_avx2(struct t1 *t, struct pieces w, unsigned number, unsigned reg, unsigned least,
                             unsigned most);
/* avx2_segment.c: as t1v_move_segments(). */
bool t1v_move_segments_on_avx2(struct t1 *t, const struct t1v_layout *l);
/* avx2_slide.c: these move the pieces of vs2 to vd. rdx is the offset, no more than VLMAX; or T1V_SCALAR has
 * the scalar that comes in. */
void t1v_slide_down_on_avx2(struct t1 *t, struct pieces p);
void t1v_slide_up_on_avx2(struct t1 *t, struct pieces p);
void t1v_slide_1_on_avx2(struct t1 *t, struct pieces p, bool up);
/* avx2_permute.c: whole instructions. They return false if the group is too large. */
bool t1v_gather_on_avx2(struct t1 *t, struct pieces p);
bool t1v_compress_on_avx2(struct t1 *t, struct pieces p);
/* avx2_polynomials.c: vgmul and, with `sum`, vghsh. The bits of each byte of a register's 16 bytes are
 * reversed; before the first one, t1v_begin_reversing() takes tables to T1V_OPERAND + 1, T1V_COUNTS and
 * T1V_SCALAR. It uses T1V_TEMP and T1V_MOVED. */
bool t1v_ghash_on_avx2(struct t1 *t, bool sum);
void t1v_begin_reversing(struct t1 *t);
void t1v_reverse_bits(struct t1 *t, unsigned reg);

/* ---- copies.c ------------------------------------------------------------------------------------------ */

/* Returns the host's register that has a copy of these bytes of struct hart, or T1V_NO_COPY. It may be read,
 * but not be changed. */
#define T1V_NO_COPY 0
unsigned t1v_copy_of(struct t1 *t, struct x86_mem mem, unsigned bytes);
/* `bytes` bytes were stored to `mem` from register `from`. If that is a result (on AVX2: any register), a
 * copy stays. */
#define T1V_NO_RESULT 16
void t1v_stored(struct t1 *t, struct x86_mem mem, unsigned bytes, unsigned from);

/* ---- operands.c ---------------------------------------------------------------------------------------- */

/* Returns where piece `number` of a register's group is. */
struct x86_mem t1v_mem(const struct t1 *t, unsigned guest, struct pieces p, unsigned number);
/* These access all of a piece, whichever elements are active. */
void t1v_load(struct t1 *t, struct pieces p, unsigned to, struct x86_mem from);
void t1v_store(struct t1 *t, struct pieces p, struct x86_mem to, unsigned from);
/* Loads the old piece of vd into result register `to`, before that is written, if some elements may
 * keep their values. */
void t1v_keep_old(struct t1 *t, struct pieces p, unsigned to, unsigned number);
/* to = a op b for the active elements. The operation is one of enum x86_vpacked, or, on AVX-512, of enum
 * x86_epacked. */
void t1v_op(struct t1 *t, unsigned op, struct pieces p, unsigned to, unsigned a, unsigned b);
void t1v_op_mem(struct t1 *t, unsigned op, struct pieces p, unsigned to, unsigned a, struct x86_mem b);
/* Operations with one operand; for AVX-512 only. */
void t1v_unary(struct t1 *t, enum x86_epacked op, struct pieces p, unsigned to, unsigned b);
void t1v_unary_mem(struct t1 *t, enum x86_epacked op, struct pieces p, unsigned to, struct x86_mem b);
bool t1v_op_is(const struct t1 *t, unsigned op);
/* Piece `number` of vd = register `from`, for the active elements; their mask has been made already. */
void t1v_put(struct t1 *t, struct pieces p, unsigned number, unsigned from);
/* The same, and makes that mask. */
void t1v_put_active(struct t1 *t, struct pieces p, unsigned number, unsigned from);
/* T1V_SCALAR = the scalar operand in each element, with SEW's width: rs1, whose sign is extended if SEW is 64
 * on RV32, or the immediate, or f[rs1]. */
void t1v_take_scalar(struct t1 *t, struct pieces p, enum t1v_source source);
/* rax = the scalar operand; only its low SEW bits count. */
void t1v_scalar_to_rax(struct t1 *t, enum t1v_source source);
/* rax = the number of bits by which rs1 or the immediate shifts an element of `width` bits. */
void t1v_count_to_rax(struct t1 *t, enum t1v_source source, unsigned width);
/* Register `to` = rax, as the count of shifts that shift all elements equally far. */
void t1v_take_count(struct t1 *t, unsigned to);
/* Each element of register `to` = the low bits of rax. */
void t1v_spread(struct t1 *t, struct pieces p, unsigned to);
/* Each element of register `to` = the low bits of `value`, which rax has, too, afterwards. */
void t1v_spread_constant(struct t1 *t, struct pieces p, unsigned to, int64_t value);
/* to = a op the other source, which is vs1's piece or the scalar. */
void t1v_operate(struct t1 *t, unsigned op, struct pieces p, unsigned to, unsigned a, enum t1v_source source,
                 unsigned number);
/* Returns the register that has the other source: T1V_SCALAR, or `to`, into which it loads vs1's piece. */
unsigned t1v_source(struct t1 *t, struct pieces p, unsigned to, enum t1v_source source, unsigned number);
/* The same for elements of SEW that are extended to those of w, if w's are wider: to = guest's piece; the
 * other source; and each element of `to` = rs1's low SEW bits. */
void t1v_load_extended(struct t1 *t, struct pieces w, unsigned to, unsigned guest, bool sign,
                       unsigned number);
unsigned t1v_source_extended(struct t1 *t, struct pieces w, unsigned to, enum t1v_source source, bool sign,
                             unsigned number);
void t1v_take_scalar_extended(struct t1 *t, struct pieces w, unsigned to, bool sign);
/* Begins an instruction with that other source. The code checks that vectors are on (and floating point, if
 * the source is an f register), and takes the scalar to T1V_SCALAR. */
void t1v_begin_with(struct t1 *t, struct pieces p, enum t1v_source source);
/* For results of half the width, whose pieces may have less than 16 bytes: the same as t1v_keep_old(), and a
 * store from a register to vd. */
void t1v_keep_old_half(struct t1 *t, struct pieces half, unsigned to, unsigned number);
void t1v_store_half(struct t1 *t, struct pieces half, unsigned number, unsigned from);
/* Piece `number` of vd = the elements of `from`, a piece of w, cut to SEW if they are wider, for the active
 * elements; their mask has been made already. */
void t1v_put_cut(struct t1 *t, struct pieces w, unsigned number, unsigned from, enum x86_ecut how);
/* The host's carry flag = v0's bit of the element whose number is in `element`. It uses `scratch`. */
void t1v_look_at_mask_bit(struct t1 *t, enum x86_reg scratch, enum x86_reg element);
/* AVX2: the low 8 << log2 bits of register `guest` = those of a general register. All else of it is stored
 * again, too, since the host does not forward several stores to one load. It uses register 0 and T1V_MOVED.
 */
void t1v_put_low(struct t1 *t, unsigned guest, unsigned log2, enum x86_reg from);
/* Returns the numbers of vd, vs2, and vs1 if it is a vector, or'ed. */
static inline unsigned t1v_numbers(const struct t1 *t, enum t1v_source source)
{
    return t->op.rd | t->op.rs2 | (source == T1V_VECTOR ? t->op.rs1 : 0u);
}

/* ---- wider.c: computing with elements of twice the width, or of 32 bits -------------------------------- */

/* Returns the host's product of elements of 1 << log2 bytes that were extended from half of that, with
 * their sign or with zeros. To multiply two numbers of 32 bits, the host has an operation that is faster
 * than the one for all 64. */
static inline unsigned t1v_product(unsigned log2, bool sign_2, bool sign_1)
{
    if (log2 < 3 || sign_2 != sign_1)
        return X86_E_MUL + log2;
    return sign_2 ? X86_E_MUL_EVEN_64 : X86_E_MULU_EVEN_64;
}
/* Whole instructions: vd = the low, or the high, half of vs2 * (vs1, rs1); vd = vd +- vs1 * vs2, or, with
 * `times_d`, vs2 +- vs1 * vd; shifts by vs1 (`first` is X86_E_SHLV or its like); rotations; leading zeros of
 * elements of less than 32 bits. */
bool t1v_wider_product(struct t1 *t, enum t1v_source source, bool sign_2, bool sign_1, bool high);
bool t1v_wider_multiply_add(struct t1 *t, enum t1v_source source, bool times_d, bool subtract);
bool t1v_wider_shift_each(struct t1 *t, unsigned first);
bool t1v_wider_rotate(struct t1 *t, enum t1v_source source, bool left);
bool t1v_wider_leading_zeros(struct t1 *t);

/* ---- memory.c, segment.c ------------------------------------------------------------------------------- */

/* How the elements of a load or store lie in memory. */
struct t1v_layout {
    unsigned eew, fields; /* eew: log2 of an element's bytes */
    unsigned field_bytes; /* the distance from a field's register to the next field's */
    bool write;
    bool indexed;
    unsigned index_eew;
};
static inline size_t t1v_side(bool write)
{
    return write ? offsetof(struct tlb, write) : offsetof(struct tlb, read);
}
/* Moves segments that follow each other, if all of them lie in one page. Returns false if the host's
 * permutations cannot do it. */
bool t1v_move_segments(struct t1 *t, const struct t1v_layout *l);
/* Moves elements, or segments, at a stride, if all of them lie in one page, and elements at offsets in a
 * register. The group must be whole and have few elements. Returns false if there are too many, or if a mask
 * chooses some of them. */
bool t1v_move_strided(struct t1 *t, const struct t1v_layout *l);
/* AVX2: moves segments that follow each other, element by element, under the same conditions. */
bool t1v_move_many_fields(struct t1 *t, const struct t1v_layout *l);
bool t1v_move_indexed(struct t1 *t, const struct t1v_layout *l);
/* rax = an element of 1 << eew bytes, extended with zeros. */
void t1v_load_element(struct t1 *t, unsigned eew, struct x86_mem from);
/* Register `to` = 0, n, 2 n, ...: the low 8 bits of each number. n is from 1 to 8. It uses rax. */
void t1v_multiples(struct t1 *t, struct pieces p, unsigned to, unsigned n);

/* ---- crypto.c, sha512.c, sm4.c: groups of four elements ------------------------------------------------ */

enum { T1V_GROUPS_MAX = 32 };
/* The places from which code leaves its sequence of groups. */
struct t1v_walk {
    uint8_t *ends[T1V_GROUPS_MAX];
    unsigned count;
};
struct x86_mem t1v_group_mem(const struct t1 *t, unsigned guest, unsigned number);
unsigned t1v_groups(const struct t1 *t);
/* Returns whether the register groups are whole and aligned. */
bool t1v_groups_fit(const struct t1 *t, unsigned registers);
/* These begin and end code for one group after the other, as far as vl goes. vl is in edx meanwhile. */
void t1v_begin_walk(struct t1 *t, struct t1v_walk *walk);
void t1v_next_group(struct t1 *t, struct t1v_walk *walk);
bool t1v_end_walk(struct t1 *t, struct t1v_walk *walk);
/* Begins code for the pieces of a register group of words of 32 bits, on AVX-512 with GFNI. */
bool t1v_begin_groups(struct t1 *t, unsigned registers, struct pieces *p);
/* With SEW = 64: vsha2cl and vsha2ch, and vsha2ms. */
bool t1v_sha512_rounds(struct t1 *t, bool high);
bool t1v_sha512_message(struct t1 *t);

/* ---- permute.c ----------------------------------------------------------------------------------------- */

/* Returns whether a slide, or a gather of one element, can be done here. `apart`: vd must not be vs2. */
bool t1v_slide_fits(const struct t1 *t, bool apart, struct pieces *p);
/* Begins a slide or gather by an offset: rdx = the offset, or VLMAX if the offset is more than that. */
bool t1v_begin_by_offset(struct t1 *t, enum t1v_source source, bool apart, struct pieces *p);

/* ---- float.c ------------------------------------------------------------------------------------------- */

/* Checks mstatus.FS and the rounding mode, as every floating-point instruction does. */
void t1v_begin_float(struct t1 *t);
/* Returns whether SEW is the width of a floating-point format. */
static inline bool t1v_has_format(const struct t1 *t)
{
    return t->vector.sew >= 2 || (t->vector.sew == 1 && isa_has(&t->hart->isa, ISA_Zvfh));
}

/* ---- half.c: half precision, computed in pieces w of singles ------------------------------------------- */

/* `to` = a piece of halves as singles; elements that are not active become 0. */
void t1v_load_halves(struct t1 *t, struct pieces w, unsigned to, unsigned guest, unsigned number);
/* Returns the register that has the other source: T1V_SCALAR, or T1V_OPERAND + 1, into which it loads vs1's
 * piece. */
unsigned t1v_source_halves(struct t1 *t, struct pieces w, enum t1v_source source, unsigned number);
/* T1V_SCALAR = f[rs1] as a single in each element. If it is a NaN, the handler takes over. */
void t1v_take_half(struct t1 *t, struct pieces w);
/* T1V_OPERAND = the doubles in it, a piece w, as singles, rounded to odd: the last bit that is kept becomes 1
 * if any bit that is lost is 1. t1v_take_lost() must have set T1V_CONST before. It uses T1V_TEMP. */
void t1v_take_lost(struct t1 *t, struct pieces w);
void t1v_round_to_odd(struct t1 *t, struct pieces w);
/* Whole instructions, as float.c and convert.c have them for other formats. */
bool t1v_half_arithmetic(struct t1 *t, unsigned first, enum t1v_source source, bool swapped);
bool t1v_half_square_root(struct t1 *t);
bool t1v_half_choose(struct t1 *t, enum t1v_source source, bool larger);
bool t1v_half_fused(struct t1 *t, unsigned first, enum t1v_source source);
bool t1v_half_to_integers(struct t1 *t, unsigned first, bool sign);
bool t1v_half_from_integers(struct t1 *t, bool sign);

/* ---- narrow.c: whole instructions that narrow to less than 32 bits ------------------------------------- */

/* `first`: the conversion of singles to integers of 32 bits that rounds in the same way. */
bool t1v_narrow_to_integers(struct t1 *t, unsigned first, bool sign);
bool t1v_halves_from_words(struct t1 *t, bool sign);

#endif
