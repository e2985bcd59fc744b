/* SPDX-License-Identifier: MIT
 *
 * VEX encodings; see x86/vex.h. All use the three-byte form of VEX: measurements did not show that code size
 * matters.
 */
#include "dbt/x86/evex.h"
#include "dbt/x86/vex.h"

enum vex_map { MAP_0F = 1, MAP_0F38 = 2, MAP_0F3A = 3 };
enum vex_prefix { PP_NONE = 0, PP_66 = 1, PP_F3 = 2, PP_F2 = 3 };

/* Which instruction, as the manual's "VEX.128.pp.map.W opcode" says. */
struct vex {
    uint8_t opcode;
    uint8_t map, prefix; /* enum vex_map, enum vex_prefix */
    bool wide;           /* W */
    bool whole;          /* L: 32 bytes */
};

/* Most instructions write ModRM.reg; those that write another register call this, too. */
static void note_written(struct x86_emit *e, unsigned reg)
{
    e->vectors |= (uint16_t)(1u << reg);
}

static void prefix(struct x86_emit *e, struct vex form, unsigned reg, unsigned second, unsigned index,
                   unsigned rm)
{
    note_written(e, reg);
    x86_byte(e, 0xc4);
    x86_byte(e, (reg & 8 ? 0 : 0x80u) | (index & 8 ? 0 : 0x40u) | (rm & 8 ? 0 : 0x20u) | form.map);
    x86_byte(e, (form.wide ? 0x80u : 0) | (~second & 15u) << 3 | (form.whole ? 4u : 0) | form.prefix);
    x86_byte(e, form.opcode);
}

/* reg: ModRM.reg; second: VEX.vvvv (0 if there is none); the last operand is ModRM.rm. */
static void emit(struct x86_emit *e, struct vex form, unsigned reg, unsigned second, unsigned rm)
{
    prefix(e, form, reg, second, 0, rm);
    x86_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static void emit_mem(struct x86_emit *e, struct vex form, unsigned reg, unsigned second, struct x86_mem rm)
{
    prefix(e, form, reg, second, rm.index == X86_NONE ? 0 : rm.index, rm.base);
    x86_modrm_mem(e, reg, rm);
}

/* For instructions whose ModRM.reg is no vector register that is written. */
static void emit_sparing(struct x86_emit *e, struct vex form, unsigned reg, unsigned second, unsigned rm)
{
    uint16_t vectors = e->vectors;
    emit(e, form, reg, second, rm);
    e->vectors = vectors;
}

static void emit_mem_sparing(struct x86_emit *e, struct vex form, unsigned reg, unsigned second,
                             struct x86_mem rm)
{
    uint16_t vectors = e->vectors;
    emit_mem(e, form, reg, second, rm);
    e->vectors = vectors;
}

/* The same, followed by an 8-bit immediate. */
static void emit_imm(struct x86_emit *e, struct vex form, unsigned reg, unsigned second, unsigned rm,
                     unsigned immediate)
{
    emit(e, form, reg, second, rm);
    x86_byte(e, immediate);
}

/* ---- Scalar floating point ----------------------------------------------------------------------------- */

static struct vex scalar(unsigned bits, unsigned opcode)
{
    return (struct vex){ (uint8_t)opcode, MAP_0F, bits == 64 ? PP_F2 : PP_F3, false, false };
}

/* Packed forms, whose prefix says the format. */
static struct vex packed(unsigned bits, unsigned opcode)
{
    return (struct vex){ (uint8_t)opcode, MAP_0F, bits == 64 ? PP_66 : PP_NONE, false, false };
}

static struct vex fused(unsigned bits, enum x86_fused op)
{
    return (struct vex){ (uint8_t)op, MAP_0F38, PP_66, bits == 64, false };
}

enum { STORE = 0x11, MOVE_ALL = 0x28, FROM_INTEGER = 0x2a, TO_INTEGER = 0x2d, TRUNCATE = 0x2c };
enum { COMPARE_QUIET = 0x2e, COMPARE = 0x2f };

void x86_vload(struct x86_emit *e, unsigned bits, unsigned to, struct x86_mem from)
{
    emit_mem(e, scalar(bits, X86_SCALAR_MOVE), to, 0, from);
}

void x86_vstore(struct x86_emit *e, unsigned bits, struct x86_mem to, unsigned from)
{
    emit_mem_sparing(e, scalar(bits, STORE), from, 0, to);
}

void x86_vmove(struct x86_emit *e, unsigned to, unsigned from)
{
    emit(e, packed(32, MOVE_ALL), to, 0, from);
}

void x86_vscalar(struct x86_emit *e, enum x86_scalar op, unsigned bits, unsigned to, unsigned a, unsigned b)
{
    emit(e, scalar(bits, op), to, a, b);
}

void x86_vscalar_mem(struct x86_emit *e, enum x86_scalar op, unsigned bits, unsigned to, unsigned a,
                     struct x86_mem b)
{
    emit_mem(e, scalar(bits, op), to, a, b);
}

void x86_vfused(struct x86_emit *e, enum x86_fused op, unsigned bits, unsigned to, unsigned second,
                unsigned third)
{
    emit(e, fused(bits, op), to, second, third);
}

void x86_vfused_mem(struct x86_emit *e, enum x86_fused op, unsigned bits, unsigned to, unsigned second,
                    struct x86_mem third)
{
    emit_mem(e, fused(bits, op), to, second, third);
}

void x86_vcompare(struct x86_emit *e, unsigned bits, bool signals, unsigned a, unsigned b)
{
    emit(e, packed(bits, signals ? COMPARE : COMPARE_QUIET), a, 0, b);
}

void x86_vcvt_from_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, unsigned to,
                           unsigned upper, enum x86_reg from)
{
    struct vex form = scalar(bits, FROM_INTEGER);
    form.wide = integer_bits == 64;
    emit(e, form, to, upper, from);
}

void x86_vcvt_to_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, bool truncate,
                         enum x86_reg to, unsigned from)
{
    struct vex form = scalar(bits, truncate ? TRUNCATE : TO_INTEGER);
    form.wide = integer_bits == 64;
    emit(e, form, to, 0, from);
}

/* ---- Bits of xmm registers ----------------------------------------------------------------------------- */

void x86_vbitwise(struct x86_emit *e, enum x86_bitwise op, unsigned to, unsigned a, unsigned b)
{
    emit(e, packed(32, op), to, a, b);
}

void x86_vbitwise_mem(struct x86_emit *e, enum x86_bitwise op, unsigned to, unsigned a, struct x86_mem b)
{
    emit_mem(e, packed(32, op), to, a, b);
}

void x86_vmove_from(struct x86_emit *e, unsigned bits, unsigned to, enum x86_reg from)
{
    emit(e, (struct vex){ 0x6e, MAP_0F, PP_66, bits == 64, false }, to, 0, from);
}

void x86_vmove_to(struct x86_emit *e, unsigned bits, enum x86_reg to, unsigned from)
{
    emit_sparing(e, (struct vex){ 0x7e, MAP_0F, PP_66, bits == 64, false }, from, 0, to);
}

void x86_valign(struct x86_emit *e, unsigned to, unsigned a, unsigned b, unsigned count)
{
    emit_imm(e, (struct vex){ 0x0f, MAP_0F3A, PP_66, false, false }, to, a, b, count);
}

void x86_vmove_high(struct x86_emit *e, enum x86_reg to, unsigned from)
{
    emit_imm(e, (struct vex){ 0x16, MAP_0F3A, PP_66, false, false }, from, 0, to, 1);
}

/* ---- Packed -------------------------------------------------------------------------------------------- */

#define NO_FORM                                                                                              \
    {                                                                                                        \
        0, 0, 0, false, false                                                                                \
    }
#define FORM(opcode)                                                                                         \
    {                                                                                                        \
        opcode, MAP_0F, PP_66, false, false                                                                  \
    }
#define FORM38(opcode)                                                                                       \
    {                                                                                                        \
        opcode, MAP_0F38, PP_66, false, false                                                                \
    }
#define FORM38W(opcode)                                                                                      \
    {                                                                                                        \
        opcode, MAP_0F38, PP_66, true, false                                                                 \
    }
#define SINGLE(opcode)                                                                                       \
    {                                                                                                        \
        opcode, MAP_0F, PP_NONE, false, false                                                                \
    }
#define FLOATS(opcode) NO_FORM, NO_FORM, SINGLE(opcode), FORM(opcode)
#define FUSED(opcode)  NO_FORM, NO_FORM, FORM38(opcode), FORM38W(opcode)
#define ALL(opcode)    FORM(opcode), FORM(opcode), FORM(opcode), FORM(opcode)

/* In the order of enum x86_vpacked. */
static const struct vex packed_forms[X86_VPACKED_COUNT] = {
    FORM(0xfc),   FORM(0xfd),   FORM(0xfe),   FORM(0xd4),    /* add */
    FORM(0xf8),   FORM(0xf9),   FORM(0xfa),   FORM(0xfb),    /* sub */
    FORM38(0x38), FORM(0xea),   FORM38(0x39), NO_FORM,       /* min, signed */
    FORM(0xda),   FORM38(0x3a), FORM38(0x3b), NO_FORM,       /* unsigned */
    FORM38(0x3c), FORM(0xee),   FORM38(0x3d), NO_FORM,       /* max, signed */
    FORM(0xde),   FORM38(0x3e), FORM38(0x3f), NO_FORM,       /* unsigned */
    NO_FORM,      FORM(0xd5),   FORM38(0x40), NO_FORM,       /* mul */
    NO_FORM,      FORM(0xf1),   FORM(0xf2),   FORM(0xf3),    /* shl */
    NO_FORM,      FORM(0xd1),   FORM(0xd2),   FORM(0xd3),    /* shr */
    NO_FORM,      FORM(0xe1),   FORM(0xe2),   NO_FORM,       /* sar */
    NO_FORM,      NO_FORM,      FORM38(0x47), FORM38W(0x47), /* shl by elements */
    NO_FORM,      NO_FORM,      FORM38(0x45), FORM38W(0x45), /* shr */
    NO_FORM,      NO_FORM,      FORM38(0x46), NO_FORM,       /* sar */
    ALL(0xdb),    ALL(0xeb),    ALL(0xef),                   /* and, or, xor */
    FLOATS(0x58), FLOATS(0x5c), FLOATS(0x59), FLOATS(0x5e),  /* add, sub, mul, div */
    FUSED(0xa8),  FUSED(0xaa),  FUSED(0xac),  FUSED(0xae),   /* 213 */
    FUSED(0xb8),  FUSED(0xba),  FUSED(0xbc),  FUSED(0xbe),   /* 231 */
};

/* The operations of evex.def, most of which have the same map, prefix and opcode in VEX. */
enum { PNO = PP_NONE, P66 = PP_66, PF3 = PP_F3, PF2 = PP_F2, M0F = MAP_0F, M38 = MAP_0F38, M3A = MAP_0F3A };
#define NO NO_FORM
#define F(mnemonic, prefix, map, opcode, w)                                                                  \
    {                                                                                                        \
        opcode, map, prefix, w, false                                                                        \
    }
#define EVEX4(name, w8, w16, w32, w64) w8, w16, w32, w64,
static const struct vex evex_forms[X86_EPACKED_COUNT] = {
#include "dbt/x86/evex.def"
};
#undef NO
#undef F
#undef EVEX4

/* Those beyond enum x86_vpacked that AVX2 has. Conversions between 64 bits and anything but singles are new
 * in AVX-512, and so are unsigned ones. */
static bool is_in_avx2(unsigned op)
{
    switch (op & ~3u) {
    case X86_E_ANDN:
    case X86_E_MULH:
    case X86_E_MULHU:
    case X86_E_MUL_EVEN:
    case X86_E_MULU_EVEN:
    case X86_E_ADDS:
    case X86_E_ADDUS:
    case X86_E_SUBS:
    case X86_E_SUBUS:
    case X86_E_LOW_HALVES:
    case X86_E_HIGH_HALVES:
    case X86_E_SHUFFLE:
    case X86_E_AVG:
    case X86_E_MULHRS:
    case X86_E_FSQRT:
    case X86_E_SX2:
    case X86_E_SX4:
    case X86_E_SX8:
    case X86_E_ZX2:
    case X86_E_ZX4:
    case X86_E_ZX8:
    case X86_E_H_TO_F: return true;
    default:
        return op == X86_E_PERMUTE_32 || op == X86_E_F_TO_X_32 || op == X86_E_FT_TO_X_32 ||
               op == X86_E_X_TO_F_32 || op == X86_E_F_TO_WF_32 || op == X86_E_X_TO_WF_32;
    }
}

enum { PACKED_LOAD = 0x6f, PACKED_STORE = 0x7f, PACKED_SIGNS = 0x50, PACKED_COMPARE = 0xc2 };
enum { BYTE_SIGNS = 0xd7, BLEND = 0x4c, PACK_SIGNED = 0x63, UPPER = 0x39, JOIN = 0x38, STORE_MASKED = 0x8e };
enum { SHIFT_IMM = 0x70, SMALLER = 0x5d, LARGER = 0x5f, TO_HALVES = 0x1d };
enum { CLMUL = 0x44, SHIFT_BYTES_LEFT = 7 };
enum { TEST = 0x17, BLEND_32 = 0x02, TWICE = 0x5a };
enum { ORDER_64 = 0x00, SHIFT_BYTES = 0x73, SHIFT_BYTES_RIGHT = 3 };
enum { COMPARE_UNORDERED = 3 };

static struct vex of_bytes(struct vex form, unsigned bytes)
{
    form.whole = bytes == 32;
    return form;
}

static struct vex form_of(unsigned op)
{
    if (op < X86_VPACKED_COUNT)
        return packed_forms[op];
    return is_in_avx2(op) ? evex_forms[op] : (struct vex)NO_FORM;
}

bool x86_vpacked_is(unsigned op)
{
    return op < X86_EPACKED_COUNT && form_of(op).map;
}

void x86_vpacked(struct x86_emit *e, unsigned op, unsigned bytes, unsigned to, unsigned a, unsigned b)
{
    emit(e, of_bytes(form_of(op), bytes), to, a, b);
}

void x86_vpacked_mem(struct x86_emit *e, unsigned op, unsigned bytes, unsigned to, unsigned a,
                     struct x86_mem b)
{
    emit_mem(e, of_bytes(form_of(op), bytes), to, a, b);
}

void x86_vload_packed(struct x86_emit *e, unsigned bytes, unsigned to, struct x86_mem from)
{
    emit_mem(e, of_bytes((struct vex){ PACKED_LOAD, MAP_0F, PP_F3, false, false }, bytes), to, 0, from);
}

void x86_vstore_packed(struct x86_emit *e, unsigned bytes, struct x86_mem to, unsigned from)
{
    emit_mem_sparing(e, of_bytes((struct vex){ PACKED_STORE, MAP_0F, PP_F3, false, false }, bytes), from, 0,
                     to);
}

void x86_vmove_packed(struct x86_emit *e, unsigned bytes, unsigned to, unsigned from)
{
    emit(e, of_bytes((struct vex){ PACKED_LOAD, MAP_0F, PP_66, false, false }, bytes), to, 0, from);
}

void x86_vtest(struct x86_emit *e, unsigned bytes, unsigned a, unsigned b)
{
    emit_sparing(e, of_bytes((struct vex)FORM38(TEST), bytes), a, 0, b);
}

void x86_vbroadcast(struct x86_emit *e, unsigned log2, unsigned bytes, unsigned to, unsigned from)
{
    static const struct vex forms[] = { FORM38(0x78), FORM38(0x79), FORM38(0x58), FORM38(0x59) };
    emit(e, of_bytes(forms[log2], bytes), to, 0, from);
}

void x86_vsqrt_packed(struct x86_emit *e, unsigned bits, unsigned bytes, unsigned to, unsigned from)
{
    emit(e, of_bytes(packed(bits, X86_SCALAR_SQRT), bytes), to, 0, from);
}

void x86_vnan_packed(struct x86_emit *e, unsigned bits, unsigned bytes, unsigned to, unsigned from)
{
    emit_imm(e, of_bytes(packed(bits, PACKED_COMPARE), bytes), to, from, from, COMPARE_UNORDERED);
}

static const struct vex equal[] = { FORM(0x74), FORM(0x75), FORM(0x76), FORM38(0x29) };
static const struct vex greater[] = { FORM(0x64), FORM(0x65), FORM(0x66), FORM38(0x37) };

void x86_vequal(struct x86_emit *e, unsigned log2, unsigned bytes, unsigned to, unsigned a, unsigned b)
{
    emit(e, of_bytes(equal[log2], bytes), to, a, b);
}

void x86_vequal_mem(struct x86_emit *e, unsigned log2, unsigned bytes, unsigned to, unsigned a,
                    struct x86_mem b)
{
    emit_mem(e, of_bytes(equal[log2], bytes), to, a, b);
}

void x86_vgreater(struct x86_emit *e, unsigned log2, unsigned bytes, unsigned to, unsigned a, unsigned b)
{
    emit(e, of_bytes(greater[log2], bytes), to, a, b);
}

void x86_vcompare_packed(struct x86_emit *e, unsigned bits, unsigned predicate, unsigned bytes, unsigned to,
                         unsigned a, unsigned b)
{
    emit_imm(e, of_bytes(packed(bits, PACKED_COMPARE), bytes), to, a, b, predicate);
}

/* Forms of the third map, with an immediate. */
static struct vex form_3a(unsigned opcode, bool wide, unsigned bytes)
{
    return of_bytes((struct vex){ (uint8_t)opcode, MAP_0F3A, PP_66, wide, false }, bytes);
}

void x86_vblend(struct x86_emit *e, unsigned bytes, unsigned to, unsigned a, unsigned b, unsigned mask)
{
    emit_imm(e, form_3a(BLEND, false, bytes), to, a, b, mask << 4);
}

void x86_vsigns(struct x86_emit *e, unsigned log2, unsigned bytes, enum x86_reg to, unsigned from)
{
    struct vex form = log2 ? packed(8u << log2, PACKED_SIGNS) : packed(64, BYTE_SIGNS);
    emit_sparing(e, of_bytes(form, bytes), to, 0, from);
}

void x86_vpack_signed(struct x86_emit *e, unsigned bytes, unsigned to, unsigned a, unsigned b)
{
    emit(e, of_bytes((struct vex)FORM(PACK_SIGNED), bytes), to, a, b);
}

void x86_vupper(struct x86_emit *e, unsigned to, unsigned from)
{
    emit_imm(e, form_3a(UPPER, false, 32), from, 0, to, 1);
    note_written(e, to);
}

void x86_vjoin(struct x86_emit *e, unsigned to, unsigned low, unsigned high)
{
    emit_imm(e, form_3a(JOIN, false, 32), to, low, high, 1);
}

void x86_vorder_64(struct x86_emit *e, unsigned to, unsigned from, unsigned order)
{
    emit_imm(e, form_3a(ORDER_64, true, 32), to, 0, from, order);
}

void x86_vshift_bytes(struct x86_emit *e, unsigned bytes, unsigned to, unsigned from, unsigned count)
{
    emit_imm(e, of_bytes((struct vex)FORM(SHIFT_BYTES), bytes), SHIFT_BYTES_RIGHT, to, from, count);
    note_written(e, to);
}

static const struct vex insertions[] = { { 0x20, MAP_0F3A, PP_66, false, false },
                                         { 0xc4, MAP_0F, PP_66, false, false },
                                         { 0x22, MAP_0F3A, PP_66, false, false },
                                         { 0x22, MAP_0F3A, PP_66, true, false } };

void x86_vinsert(struct x86_emit *e, unsigned log2, unsigned to, unsigned from, struct x86_mem mem,
                 unsigned number)
{
    emit_mem(e, insertions[log2], to, from, mem);
    x86_byte(e, number);
}

void x86_vshift_bytes_left(struct x86_emit *e, unsigned to, unsigned from, unsigned count)
{
    emit_imm(e, (struct vex)FORM(SHIFT_BYTES), SHIFT_BYTES_LEFT, to, from, count);
    note_written(e, to);
}

void x86_vclmul(struct x86_emit *e, unsigned to, unsigned a, bool a_high, unsigned b, bool b_high)
{
    emit_imm(e, form_3a(CLMUL, false, 16), to, a, b, (unsigned)a_high | (unsigned)b_high << 4);
}

void x86_vinsert_from(struct x86_emit *e, unsigned log2, unsigned to, unsigned from, enum x86_reg element,
                      unsigned number)
{
    emit_imm(e, insertions[log2], to, from, element, number);
}

void x86_vblend_32(struct x86_emit *e, unsigned bytes, unsigned to, unsigned a, unsigned b, unsigned bits)
{
    emit_imm(e, form_3a(BLEND_32, false, bytes), to, a, b, bits);
}

void x86_vload_twice(struct x86_emit *e, unsigned to, struct x86_mem from)
{
    emit_mem(e, of_bytes((struct vex)FORM38(TWICE), 32), to, 0, from);
}

void x86_vjoin_mem(struct x86_emit *e, unsigned to, unsigned low, struct x86_mem high)
{
    emit_mem(e, form_3a(JOIN, false, 32), to, low, high);
    x86_byte(e, 1);
}

void x86_vshift_imm(struct x86_emit *e, bool left, unsigned log2, unsigned bytes, unsigned to, unsigned from,
                    unsigned count)
{
    struct vex form = { (uint8_t)(SHIFT_IMM + log2), MAP_0F, PP_66, false, false };
    emit_imm(e, of_bytes(form, bytes), left ? 6 : 2, to, from, count);
    note_written(e, to);
}

void x86_vextreme(struct x86_emit *e, unsigned bits, bool larger, unsigned bytes, unsigned to, unsigned a,
                  unsigned b)
{
    emit(e, of_bytes(packed(bits, larger ? LARGER : SMALLER), bytes), to, a, b);
}

void x86_vhalves(struct x86_emit *e, unsigned bytes, unsigned to, unsigned from)
{
    emit_imm(e, form_3a(TO_HALVES, false, bytes), from, 0, to, X86_ROUND_MXCSR);
    note_written(e, to);
}

void x86_vstore_masked(struct x86_emit *e, unsigned log2, unsigned bytes, struct x86_mem to, unsigned mask,
                       unsigned from)
{
    struct vex form = { STORE_MASKED, MAP_0F38, PP_66, log2 == 3, false };
    emit_mem(e, of_bytes(form, bytes), from, mask, to);
}

void x86_vzeroupper(struct x86_emit *e)
{
    x86_byte(e, 0xc5);
    x86_byte(e, 0xf8);
    x86_byte(e, 0x77);
}

/* ---- Half precision, and integers ---------------------------------------------------------------------- */

static const struct vex from_halves = { 0x13, MAP_0F38, PP_66, false, false };
static const struct vex to_halves = { 0x1d, MAP_0F3A, PP_66, false, false };

void x86_halves_to_singles(struct x86_emit *e, unsigned to, unsigned from)
{
    emit(e, from_halves, to, 0, from);
}

void x86_halves_to_singles_mem(struct x86_emit *e, unsigned to, struct x86_mem from)
{
    emit_mem(e, from_halves, to, 0, from);
}

void x86_singles_to_halves_mem(struct x86_emit *e, struct x86_mem to, unsigned from, unsigned mode)
{
    emit_mem(e, to_halves, from, 0, to);
    x86_byte(e, mode);
}

void x86_shift_by(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to, enum x86_reg from,
                  enum x86_reg count)
{
    unsigned pp = op == X86_SHL ? PP_66 : op == X86_SHR ? PP_F2 : PP_F3;
    emit_sparing(e, (struct vex){ 0xf7, MAP_0F38, (uint8_t)pp, bits == 64, false }, to, count, from);
}

void x86_extract(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, enum x86_reg control)
{
    emit_sparing(e, (struct vex){ 0xf7, MAP_0F38, 0, bits == 64, false }, to, control, from);
}

void x86_and_not(struct x86_emit *e, enum x86_reg to, enum x86_reg a, enum x86_reg b)
{
    emit_sparing(e, (struct vex){ 0xf2, MAP_0F38, PP_NONE, true, false }, to, a, b);
}

void x86_rotate_right(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, unsigned count)
{
    emit_sparing(e, (struct vex){ 0xf0, MAP_0F3A, PP_F2, bits == 64, false }, to, 0, from);
    x86_byte(e, count);
}
