/* SPDX-License-Identifier: MIT
 *
 * EVEX encodings; see x86/evex.h. The four bytes in front of the opcode hold the map, the prefix, W, the
 * length, the mask, and bits 3 and 4 of each register, which are inverted.
 */
#include "dbt/x86/evex.h"

enum evex_map { M0F = 1, M38 = 2, M3A = 3 };
enum evex_prefix { PNO = 0, P66 = 1, PF3 = 2, PF2 = 3 };

/* Which instruction, as the manual's "EVEX.pp.map.W opcode" says. */
struct evex {
    uint8_t prefix, map, opcode;
    bool wide;
};

#define NO                                                                                                   \
    {                                                                                                        \
        0, 0, 0, false                                                                                       \
    }
#define F(mnemonic, prefix, map, opcode, w)                                                                  \
    {                                                                                                        \
        prefix, map, opcode, w                                                                               \
    }
#define EVEX4(name, w8, w16, w32, w64) w8, w16, w32, w64,
static const struct evex forms[X86_EPACKED_COUNT] = {
#include "dbt/x86/evex.def"
};
#undef NO
#undef F

#define NO                      NULL
#define F(mnemonic, p, m, o, w) mnemonic
static const char *const names[X86_EPACKED_COUNT] = {
#include "dbt/x86/evex.def"
};
#undef NO
#undef F
#undef EVEX4

/* ---- Operands ------------------------------------------------------------------------------------------ */

/* `b` and `x` are bits 3 and 4 of the register in ModRM.rm, or bit 3 of the base register and bit 3 of
 * the index register. */
static void prefix(struct x86_emit *e, struct evex form, struct x86_lanes lanes, unsigned reg,
                   unsigned second, unsigned b, unsigned x)
{
    unsigned length = lanes.bytes == 64 ? 2 : lanes.bytes == 32;
    x86_byte(e, 0x62);
    x86_byte(e,
             (reg & 8 ? 0 : 0x80u) | (x ? 0 : 0x40u) | (b ? 0 : 0x20u) | (reg & 16 ? 0 : 0x10u) | form.map);
    x86_byte(e, (form.wide ? 0x80u : 0) | (~second & 15u) << 3 | 4 | form.prefix);
    x86_byte(e, (lanes.zero ? 0x80u : 0) | length << 5 | (second & 16 ? 0 : 8u) | lanes.mask);
    x86_byte(e, form.opcode);
}

static void emit(struct x86_emit *e, struct evex form, struct x86_lanes lanes, unsigned reg, unsigned second,
                 unsigned rm)
{
    prefix(e, form, lanes, reg, second, rm & 8, rm & 16);
    x86_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static void emit_mem(struct x86_emit *e, struct evex form, struct x86_lanes lanes, unsigned reg,
                     unsigned second, struct x86_mem mem)
{
    bool indexed = mem.index != X86_NONE, sib = indexed || (mem.base & 7) == 4;
    prefix(e, form, lanes, reg, second, mem.base & 8, indexed && mem.index & 8);
    x86_byte(e, 0x80 | (reg & 7) << 3 | (sib ? 4u : mem.base & 7u));
    if (sib)
        x86_byte(e, (unsigned)mem.scale << 6 | (indexed ? mem.index & 7u : 4u) << 3 | (mem.base & 7u));
    x86_dword(e, (uint32_t)mem.disp);
}

/* ---- Packed -------------------------------------------------------------------------------------------- */

bool x86_epacked_is(enum x86_epacked op)
{
    return forms[op].map;
}

const char *x86_epacked_name(enum x86_epacked op)
{
    return names[op];
}

void x86_epacked(struct x86_emit *e, enum x86_epacked op, struct x86_lanes lanes, unsigned to, unsigned a,
                 unsigned b)
{
    emit(e, forms[op], lanes, to, a, b);
}

void x86_epacked_mem(struct x86_emit *e, enum x86_epacked op, struct x86_lanes lanes, unsigned to, unsigned a,
                     struct x86_mem b)
{
    emit_mem(e, forms[op], lanes, to, a, b);
}

void x86_estore(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, struct x86_mem to, unsigned from)
{
    struct evex form = forms[X86_E_LOAD + log2];
    form.opcode = 0x7f;
    emit_mem(e, form, lanes, from, 0, to);
}

void x86_ebroadcast(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, unsigned to, enum x86_reg from)
{
    static const uint8_t opcodes[] = { 0x7a, 0x7b, 0x7c, 0x7c };
    emit(e, (struct evex){ P66, M38, opcodes[log2], log2 == 3 }, lanes, to, 0, from);
}

static struct evex compare_form(unsigned log2, bool sign)
{
    return (struct evex){ P66, M3A, (uint8_t)((log2 < 2 ? 0x3e : 0x1e) | sign), log2 & 1 };
}

void x86_ecompare(struct x86_emit *e, unsigned log2, bool sign, enum x86_predicate predicate,
                  struct x86_lanes lanes, unsigned to, unsigned a, unsigned b)
{
    emit(e, compare_form(log2, sign), lanes, to, a, b);
    x86_byte(e, predicate);
}

void x86_ecompare_mem(struct x86_emit *e, unsigned log2, bool sign, enum x86_predicate predicate,
                      struct x86_lanes lanes, unsigned to, unsigned a, struct x86_mem b)
{
    emit_mem(e, compare_form(log2, sign), lanes, to, a, b);
    x86_byte(e, predicate);
}

void x86_ecompare_float(struct x86_emit *e, unsigned log2, enum x86_fpredicate predicate,
                        struct x86_lanes lanes, unsigned to, unsigned a, unsigned b)
{
    emit(e, (struct evex){ log2 == 3 ? P66 : PNO, M0F, 0xc2, log2 == 3 }, lanes, to, a, b);
    x86_byte(e, predicate);
}

void x86_eternary(struct x86_emit *e, unsigned table, struct x86_lanes lanes, unsigned to, unsigned a,
                  unsigned b)
{
    emit(e, (struct evex){ P66, M3A, 0x25, true }, lanes, to, a, b);
    x86_byte(e, table);
}

void x86_erange(struct x86_emit *e, unsigned log2, bool larger, struct x86_lanes lanes, unsigned to,
                unsigned a, unsigned b)
{
    enum { SIGN_OF_RESULT = 1 << 2 };
    emit(e, (struct evex){ P66, M3A, 0x50, log2 == 3 }, lanes, to, a, b);
    x86_byte(e, SIGN_OF_RESULT | larger);
}

void x86_ecompress(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, unsigned to, unsigned from)
{
    emit(e, (struct evex){ P66, M38, log2 < 2 ? 0x63 : 0x8b, log2 & 1 }, lanes, from, 0, to);
}

void x86_ecut(struct x86_emit *e, enum x86_ecut how, unsigned from_log2, unsigned to_log2,
              struct x86_lanes lanes, unsigned to, unsigned from)
{
    static const uint8_t opcodes[4][3] = { { 0 }, { 0 }, { 1, 3 }, { 2, 4, 5 } };
    emit(e, (struct evex){ PF3, M38, (uint8_t)(how + opcodes[from_log2][to_log2]), false }, lanes, from, 0,
         to);
}

void x86_epacked_quiet(struct x86_emit *e, enum x86_epacked op, bool round, unsigned to, unsigned a,
                       unsigned b)
{
    enum { NO_FLAGS = 0x10, TOWARD_ZERO = 0x60 };
    uint8_t *at = e->at;
    emit(e, forms[op], (struct x86_lanes){ 16, 0, false }, to, a, b);
    if (!e->overflow)
        at[3] |= round ? NO_FLAGS | TOWARD_ZERO : NO_FLAGS;
}

void x86_enarrow_convert(struct x86_emit *e, enum x86_enarrowing op, struct x86_lanes lanes, unsigned to,
                         unsigned from)
{
    static const struct evex narrowings[X86_ENARROWINGS] = {
        { P66, M0F, 0x5a, true }, { PF2, M0F, 0xe6, true }, { PNO, M0F, 0x79, true },
        { P66, M0F, 0xe6, true }, { PNO, M0F, 0x78, true }, { PNO, M0F, 0x5b, true },
        { PF2, M0F, 0x7a, true },
    };
    emit(e, narrowings[op], lanes, to, 0, from);
}

void x86_ehalves(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned from)
{
    emit(e, (struct evex){ P66, M3A, 0x1d, false }, lanes, from, 0, to);
    x86_byte(e, X86_ROUND_MXCSR);
}

void x86_einsert(struct x86_emit *e, unsigned log2, unsigned to, unsigned from, struct x86_mem mem,
                 unsigned number)
{
    static const struct evex inserts[] = { { P66, M3A, 0x20, false },
                                           { P66, M0F, 0xc4, false },
                                           { P66, M3A, 0x22, false },
                                           { P66, M3A, 0x22, true } };
    emit_mem(e, inserts[log2], (struct x86_lanes){ 16, 0, false }, to, from, mem);
    x86_byte(e, number);
}

void x86_einsert_16(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned a, unsigned b,
                    unsigned number)
{
    emit(e, (struct evex){ P66, M3A, 0x38, false }, lanes, to, a, b);
    x86_byte(e, number);
}

void x86_eextract(struct x86_emit *e, unsigned bytes, unsigned to, unsigned from, unsigned number)
{
    struct x86_lanes whole = { 64, 0, false };
    emit(e, (struct evex){ P66, M3A, bytes == 16 ? 0x39 : 0x3b, bytes == 32 }, whole, from, 0, to);
    x86_byte(e, number);
}

void x86_eshift_bytes(struct x86_emit *e, bool left, struct x86_lanes lanes, unsigned to, unsigned from,
                      unsigned count)
{
    emit(e, (struct evex){ P66, M0F, 0x73, false }, lanes, left ? 7 : 3, to, from);
    x86_byte(e, count);
}

void x86_eclmul(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned a, bool a_high, unsigned b,
                bool b_high)
{
    emit(e, (struct evex){ P66, M3A, 0x44, false }, lanes, to, a, b);
    x86_byte(e, (a_high ? 1u : 0) | (b_high ? 0x10u : 0));
}

void x86_eaes(struct x86_emit *e, enum x86_aes op, struct x86_lanes lanes, unsigned to, unsigned a,
              unsigned b)
{
    emit(e, (struct evex){ P66, M38, (uint8_t)op, false }, lanes, to, a, b);
}

void x86_ebroadcast_16(struct x86_emit *e, unsigned to, struct x86_mem from)
{
    emit_mem(e, (struct evex){ P66, M38, 0x5a, false }, (struct x86_lanes){ 64, 0, false }, to, 0, from);
}

void x86_emap(struct x86_emit *e, bool reciprocal, struct x86_lanes lanes, unsigned to, unsigned a,
              unsigned b, unsigned constant)
{
    emit(e, (struct evex){ P66, M3A, reciprocal ? 0xcf : 0xce, true }, lanes, to, a, b);
    x86_byte(e, constant);
}

void x86_eaffine(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned a, unsigned b)
{
    x86_emap(e, false, lanes, to, a, b, 0);
}

void x86_erotate(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, unsigned to, unsigned from,
                 unsigned count)
{
    emit(e, (struct evex){ P66, M0F, 0x72, log2 == 3 }, lanes, 0, to, from);
    x86_byte(e, count);
}

void x86_eshift_right(struct x86_emit *e, unsigned log2, struct x86_lanes lanes, unsigned to, unsigned from,
                      unsigned count)
{
    emit(e, (struct evex){ P66, M0F, log2 == 3 ? 0x73 : 0x72, log2 == 3 }, lanes, 2, to, from);
    x86_byte(e, count);
}

void x86_eshuffle_32(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned from, unsigned order)
{
    emit(e, (struct evex){ P66, M0F, 0x70, false }, lanes, to, 0, from);
    x86_byte(e, order);
}

void x86_ealign_64(struct x86_emit *e, struct x86_lanes lanes, unsigned to, unsigned high, unsigned low,
                   unsigned number)
{
    emit(e, (struct evex){ P66, M3A, 0x03, true }, lanes, to, high, low);
    x86_byte(e, number);
}

static const struct x86_lanes low = { 16, 0, false };

void x86_estore_low(struct x86_emit *e, struct x86_mem to, unsigned from)
{
    emit_mem(e, (struct evex){ P66, M0F, 0xd6, true }, low, from, 0, to);
}

void x86_eload_low(struct x86_emit *e, unsigned to, struct x86_mem from)
{
    emit_mem(e, (struct evex){ PF3, M0F, 0x7e, true }, low, to, 0, from);
}

void x86_emove_to(struct x86_emit *e, enum x86_reg to, unsigned from)
{
    emit(e, (struct evex){ P66, M0F, 0x7e, true }, low, from, 0, to);
}

/* ---- Mask registers, bits: VEX ------------------------------------------------------------------------- */

static void vex(struct x86_emit *e, struct evex form, bool length, unsigned reg, unsigned second, unsigned rm)
{
    x86_byte(e, 0xc4);
    x86_byte(e, (reg & 8 ? 0 : 0x80u) | 0x40 | (rm & 8 ? 0 : 0x20u) | form.map);
    x86_byte(e, (form.wide ? 0x80u : 0) | (~second & 15u) << 3 | (length ? 4u : 0) | form.prefix);
    x86_byte(e, form.opcode);
}

static void vex_reg(struct x86_emit *e, struct evex form, bool length, unsigned reg, unsigned second,
                    unsigned rm)
{
    vex(e, form, length, reg, second, rm);
    x86_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void x86_kmove_from(struct x86_emit *e, unsigned to, enum x86_reg from)
{
    vex_reg(e, (struct evex){ PF2, M0F, 0x92, true }, false, to, 0, from);
}

void x86_kmove_to(struct x86_emit *e, enum x86_reg to, unsigned from)
{
    vex_reg(e, (struct evex){ PF2, M0F, 0x93, true }, false, to, 0, from);
}

void x86_klogic(struct x86_emit *e, enum x86_klogic op, unsigned to, unsigned a, unsigned b)
{
    vex_reg(e, (struct evex){ PNO, M0F, (uint8_t)op, true }, true, to, a, b);
}

void x86_ktest(struct x86_emit *e, unsigned a, unsigned b)
{
    vex_reg(e, (struct evex){ PNO, M0F, 0x98, true }, false, a, 0, b);
}

static const struct evex bzhi = { PNO, M38, 0xf5, true };

void x86_low_bits(struct x86_emit *e, enum x86_reg to, enum x86_reg from, enum x86_reg count)
{
    vex_reg(e, bzhi, false, to, count, from);
}

/* `from` must have no index register. */
void x86_low_bits_mem(struct x86_emit *e, enum x86_reg to, struct x86_mem from, enum x86_reg count)
{
    vex(e, bzhi, false, to, count, from.base);
    x86_modrm_mem(e, to, from);
}
