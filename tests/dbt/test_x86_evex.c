/* SPDX-License-Identifier: MIT
 *
 * Compares the code of every function of dbt/x86/evex.h, for registers of all kinds, with what binutils'
 * objdump reads in it, as test_x86_emit.c does for the other parts of the encoder. The names of the
 * packed forms are those of evex.def, so a wrong opcode, prefix or W shows as another name, or as
 * operands of another size.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "dbt/x86/evex.h"
#include "tests/dbt/listing.h"
#include "tests/suite.h"

static const unsigned registers[] = { 0, 5, 9, 16, 23, 31 };
#define COUNT (sizeof(registers) / sizeof(registers[0]))

/* The operands of one instruction. */
struct operands {
    unsigned to, a, b;
    struct x86_lanes lanes;
    struct x86_mem mem;
};

static char letter(unsigned bytes)
{
    return bytes >= 64 ? 'z' : bytes == 32 ? 'y' : 'x';
}

static struct operands operands_of(unsigned turn, unsigned bytes)
{
    struct operands o = { registers[turn % COUNT],
                          registers[turn / 2 % COUNT],
                          registers[(turn + 3) % COUNT],
                          { (uint8_t)bytes, turn % 8, turn % 8 && turn / 8 % 2 },
                          x86_mem((turn * 3 + 3) % 16, 0x1234) };
    if (turn % 3 == 0)
        o.mem = x86_mem_scaled((turn + 1) % 16, turn & 1 ? X86_R9 : X86_RCX, turn % 4, -64);
    return o;
}

static const char *mask_text(struct x86_lanes lanes)
{
    static char text[16];
    text[0] = 0;
    if (lanes.mask)
        snprintf(text, sizeof(text), "{k%u}%s", lanes.mask, lanes.zero ? "{z}" : "");
    return text;
}

/* Returns the text of an operand in memory, of so many bytes. */
static const char *place(unsigned bytes, struct x86_mem mem)
{
    static char text[112];
    const char *size = bytes == 64   ? "ZMMWORD"
                       : bytes == 32 ? "YMMWORD"
                       : bytes == 16 ? "XMMWORD"
                       : bytes == 8  ? "QWORD"
                       : bytes == 4  ? "DWORD"
                       : bytes == 2  ? "WORD"
                                     : "BYTE";
    snprintf(text, sizeof(text), "%s%s", size, strstr(mem_text(64, mem), " PTR"));
    return text;
}

/* ---- evex.def ------------------------------------------------------------------------------------------ */

static bool of_one(unsigned op)
{
    return op >= X86_E_FSQRT;
}

/* Returns the factor by which the source is smaller than the result, in extensions and in conversions from 32
 * bits to 64; otherwise 1. */
static unsigned smaller(unsigned op)
{
    if ((op >= X86_E_SX8 && op < X86_E_ZX2) || (op >= X86_E_ZX8 && op < X86_E_F_TO_X))
        return 8;
    if ((op >= X86_E_SX4 && op < X86_E_SX8) || (op >= X86_E_ZX4 && op < X86_E_ZX8))
        return 4;
    return (op >= X86_E_SX2 && op < X86_E_SX4) || (op >= X86_E_ZX2 && op < X86_E_ZX4) || op >= X86_E_F_TO_WF
               ? 2
               : 1;
}

static void packed(unsigned op, unsigned turn, unsigned bytes)
{
    const char *name = x86_epacked_name(op);
    struct operands o = operands_of(turn, bytes);
    char r = letter(bytes), from = letter(bytes / smaller(op));
    bool by_count = op >= X86_E_SHL && op < X86_E_SHLV;
    if (strncmp(name, "vpermd", 6) == 0 || strncmp(name, "vpermq", 6) == 0)
        if (bytes == 16) /* x86 does not have this form */
            return;
    if (of_one(op)) {
        x86_epacked(e, op, o.lanes, o.to, 0, o.b);
        expect("%s %cmm%u%s,%cmm%u", name, r, o.to, mask_text(o.lanes), from, o.b);
        x86_epacked_mem(e, op, o.lanes, o.to, 0, o.mem);
        expect("%s %cmm%u%s,%s", name, r, o.to, mask_text(o.lanes), place(bytes / smaller(op), o.mem));
        return;
    }
    x86_epacked(e, op, o.lanes, o.to, o.a, o.b);
    expect("%s %cmm%u%s,%cmm%u,%cmm%u", name, r, o.to, mask_text(o.lanes), r, o.a, by_count ? 'x' : r, o.b);
    x86_epacked_mem(e, op, o.lanes, o.to, o.a, o.mem);
    expect("%s %cmm%u%s,%cmm%u,%s", name, r, o.to, mask_text(o.lanes), r, o.a,
           place(by_count ? 16 : bytes, o.mem));
}

START_TEST(test_packed)
{
    listing_begin();
    for (unsigned op = 0; op < X86_EPACKED_COUNT; op++) {
        ck_assert(x86_epacked_is(op) == (x86_epacked_name(op) != NULL));
        for (unsigned turn = 0; x86_epacked_is(op) && turn < 48; turn++)
            packed(op, turn, 16u << turn % 3);
    }
    listing_end();
}
END_TEST

/* ---- The others ---------------------------------------------------------------------------------------- */

static void compares(unsigned log2, const struct operands *o, unsigned k)
{
    static const char *const predicates[] = { "eq", "lt", "le", "", "neq", "nlt", "nle" };
    static const char *const floats[] = { "eq", "lt", "le", "unord", "neq" };
    unsigned bytes = o->lanes.bytes;
    char r = letter(bytes), mask[8] = "";
    struct x86_lanes lanes = { o->lanes.bytes, o->lanes.mask, false };
    if (lanes.mask)
        snprintf(mask, sizeof(mask), "{k%u}", lanes.mask);
    for (unsigned i = X86_P_EQ; i <= X86_P_GT; i++) {
        if (i == 3)
            continue;
        for (unsigned sign = 0; sign < 2; sign++) {
            const char *u = sign ? "" : "u";
            x86_ecompare(e, log2, sign, i, lanes, k, o->a, o->b);
            expect("vpcmp%s%s%c k%u%s,%cmm%u,%cmm%u", predicates[i], u, "bwdq"[log2], k, mask, r, o -> a, r,
                   o -> b);
            x86_ecompare_mem(e, log2, sign, i, lanes, k, o->a, o->mem);
            expect("vpcmp%s%s%c k%u%s,%cmm%u,%s", predicates[i], u, "bwdq"[log2], k, mask, r, o -> a,
                   place(bytes, o->mem));
        }
    }
    for (unsigned i = X86_FP_EQ; log2 >= 2 && i <= X86_FP_GT; i++) {
        if (i > X86_FP_NE && i < X86_FP_GE)
            continue;
        x86_ecompare_float(e, log2, i, lanes, k, o->a, o->b);
        expect("vcmp%sp%c k%u%s,%cmm%u,%cmm%u",
               i == X86_FP_GE   ? "ge"
               : i == X86_FP_GT ? "gt"
                                : floats[i],
               log2 == 3 ? 'd' : 's', k, mask, r, o->a, r, o->b);
    }
}

static void by_size(unsigned log2, const struct operands *o, unsigned general)
{
    static const char *const stores[] = { "vmovdqu8", "vmovdqu16", "vmovdqu32", "vmovdqu64" };
    unsigned bytes = o->lanes.bytes;
    char r = letter(bytes);
    const char *mask = mask_text(o->lanes);
    struct x86_lanes kept = { o->lanes.bytes, o->lanes.mask, false };
    x86_ebroadcast(e, log2, o->lanes, o->to, general);
    mem_text(64, x86_mem(general, 0));
    expect("vpbroadcast%c %cmm%u%s,%s%s", "bwdq"[log2], r, o -> to, mask,
           log2 == 3 || general >= 8 ? "" : "e",
           log2 == 3 || general < 8 ? names64[general] + (log2 == 3 ? 0 : 1)
           : general < 10           ? (general == 8 ? "r8d" : "r9d")
                                    : "r13d");
    x86_estore(e, log2, kept, o->mem, o->to);
    expect("%s %s%s,%cmm%u", stores[log2], place(bytes, o->mem), mask_text(kept), r, o->to);
    x86_ecompress(e, log2, o->lanes, o->to, o->b);
    expect("vpcompress%c %cmm%u%s,%cmm%u", "bwdq"[log2], r, o -> to, mask_text(o->lanes), r, o -> b);
    if (log2 >= 2)
        for (unsigned larger = 0; larger < 2; larger++) {
            x86_erange(e, log2, larger, o->lanes, o->to, o->a, o->b);
            expect("vrangep%c %cmm%u%s,%cmm%u,%cmm%u,0x%x", log2 == 3 ? 'd' : 's', r, o->to,
                   mask_text(o->lanes), r, o->a, r, o->b, 4 | larger);
        }
}

static void cuts(const struct operands *o)
{
    static const struct {
        enum x86_ecut how;
        const char *name;
    } hows[] = { { X86_CUT, "" }, { X86_CUT_SIGNED, "s" }, { X86_CUT_UNSIGNED, "us" } };
    for (unsigned from = 1; from < 4; from++)
        for (unsigned to = 0; to < from; to++)
            for (unsigned i = 0; i < 3; i++) {
                x86_ecut(e, hows[i].how, from, to, o->lanes, o->to, o->b);
                expect("vpmov%s%c%c %cmm%u%s,%cmm%u", hows[i].name, "bwdq"[from], "bwdq"[to],
                       letter(o->lanes.bytes >> (from - to)), o -> to, mask_text(o->lanes),
                       letter(o->lanes.bytes), o -> b);
            }
}

static void quiet(const struct operands *o)
{
    for (unsigned log2 = 2; log2 < 4; log2++) {
        x86_epacked_quiet(e, X86_E_FDIV + log2, true, o->to, o->a, o->b);
        expect("vdivp%c zmm%u,zmm%u,zmm%u{rz-sae}", log2 == 3 ? 'd' : 's', o->to, o->a, o->b);
    }
    x86_epacked_quiet(e, X86_E_FT_TO_X_32, false, o->to, 0, o->b);
    expect("vcvttps2dq zmm%u,zmm%u{sae}", o->to, o->b);
    x86_epacked_quiet(e, X86_E_FT_TO_X_64, false, o->to, 0, o->b);
    expect("vcvttpd2qq zmm%u,zmm%u{sae}", o->to, o->b);
}

static void narrowings(const struct operands *o)
{
    static const char *const names[] = { "vcvtpd2ps",   "vcvtpd2dq", "vcvtpd2udq", "vcvttpd2dq",
                                         "vcvttpd2udq", "vcvtqq2ps", "vcvtuqq2ps" };
    x86_ehalves(e, o->lanes, o->to, o->b);
    expect("vcvtps2ph %cmm%u%s,%cmm%u,0x4", letter(o->lanes.bytes / 2), o->to, mask_text(o->lanes),
           letter(o->lanes.bytes), o->b);
    for (unsigned i = 0; i < X86_ENARROWINGS; i++) {
        x86_enarrow_convert(e, i, o->lanes, o->to, o->b);
        expect("%s %cmm%u%s,%cmm%u", names[i], letter(o->lanes.bytes / 2), o->to, mask_text(o->lanes),
               letter(o->lanes.bytes), o->b);
    }
}

static void whole(const struct operands *o, unsigned general)
{
    char r = letter(o->lanes.bytes);
    struct x86_lanes all = { o->lanes.bytes, 0, false };
    x86_eternary(e, 0xca, o->lanes, o->to, o->a, o->b);
    expect("vpternlogq %cmm%u%s,%cmm%u,%cmm%u,0xca", r, o->to, mask_text(o->lanes), r, o->a, r, o->b);
    static const char *const inserts[] = { "vpinsrb", "vpinsrw", "vpinsrd", "vpinsrq" };
    for (unsigned i = 0; i < 4; i++) {
        x86_einsert(e, i, o->to, o->a, o->mem, 1);
        expect("%s xmm%u,xmm%u,%s,0x1", inserts[i], o->to, o->a, place(1u << i, o->mem));
    }
    if (o->lanes.bytes > 16) {
        x86_einsert_16(e, o->lanes, o->to, o->a, o->b, 1);
        expect("vinserti32x4 %cmm%u%s,%cmm%u,xmm%u,0x1", r, o->to, mask_text(o->lanes), r, o->a, o->b);
    }
    x86_eextract(e, 32, o->to, o->b, 1);
    expect("vextracti64x4 ymm%u,zmm%u,0x1", o->to, o->b);
    x86_eextract(e, 16, o->to, o->b, 1);
    expect("vextracti32x4 xmm%u,zmm%u,0x1", o->to, o->b);
    for (unsigned left = 0; left < 2; left++) {
        x86_eshift_bytes(e, left, all, o->to, o->b, 8);
        expect("%s %cmm%u,%cmm%u,0x8", left ? "vpslldq" : "vpsrldq", r, o->to, r, o->b);
    }
    static const char *const products[] = { "lqlq", "hqlq", "lqhq", "hqhq" };
    for (unsigned i = 0; i < 4; i++) {
        x86_eclmul(e, all, o->to, o->a, i & 1, o->b, i & 2);
        expect("vpclmul%sdq %cmm%u,%cmm%u,%cmm%u", products[i], r, o->to, r, o->a, r, o->b);
    }
    static const char *const rounds[] = { "vaesenc", "vaesenclast", "vaesdec", "vaesdeclast" };
    for (unsigned i = 0; i < 4; i++) {
        x86_eaes(e, X86_AESENC + i, all, o->to, o->a, o->b);
        expect("%s %cmm%u,%cmm%u,%cmm%u", rounds[i], r, o->to, r, o->a, r, o->b);
    }
    x86_ebroadcast_16(e, o->to, o->mem);
    expect("vbroadcasti32x4 zmm%u,%s", o->to, place(16, o->mem));
    x86_emap(e, true, o->lanes, o->to, o->a, o->b, 0x63);
    expect("vgf2p8affineinvqb %cmm%u%s,%cmm%u,%cmm%u,0x63", r, o->to, mask_text(o->lanes), r, o->a, r, o->b);
    for (unsigned i = 2; i < 4; i++) {
        x86_erotate(e, i, o->lanes, o->to, o->b, 9);
        expect("vpror%c %cmm%u%s,%cmm%u,0x9", i == 2 ? 'd' : 'q', r, o->to, mask_text(o->lanes), r, o->b);
        x86_eshift_right(e, i, o->lanes, o->to, o->b, 9);
        expect("vpsrl%c %cmm%u%s,%cmm%u,0x9", i == 2 ? 'd' : 'q', r, o->to, mask_text(o->lanes), r, o->b);
    }
    x86_eshuffle_32(e, o->lanes, o->to, o->b, 0x55);
    expect("vpshufd %cmm%u%s,%cmm%u,0x55", r, o->to, mask_text(o->lanes), r, o->b);
    x86_ealign_64(e, o->lanes, o->to, o->a, o->b, 1);
    expect("valignq %cmm%u%s,%cmm%u,%cmm%u,0x1", r, o->to, mask_text(o->lanes), r, o->a, r, o->b);
    x86_eaffine(e, o->lanes, o->to, o->a, o->b);
    expect("vgf2p8affineqb %cmm%u%s,%cmm%u,%cmm%u,0x0", r, o->to, mask_text(o->lanes), r, o->a, r, o->b);
    x86_estore_low(e, o->mem, o->to);
    expect("vmovq %s,xmm%u", place(8, o->mem), o->to);
    x86_eload_low(e, o->to, o->mem);
    expect("vmovq xmm%u,%s", o->to, place(8, o->mem));
    x86_emove_to(e, general, o->b);
    expect("vmovq %s,xmm%u", names64[general], o->b);
}

START_TEST(test_other)
{
    static const unsigned generals[] = { X86_RAX, X86_RCX, X86_R8, X86_R9, X86_R13 };
    listing_begin();
    for (unsigned turn = 0; turn < 96; turn++)
        for (unsigned log2 = 0; log2 < 4; log2++) {
            struct operands o = operands_of(turn, 16u << (turn + log2) % 3);
            compares(log2, &o, (turn + 1) % 8);
            by_size(log2, &o, generals[turn % 5]);
            if (log2 == 3)
                narrowings(&o), cuts(&o), quiet(&o);
            whole(&o, generals[(turn + log2) % 5]);
        }
    listing_end();
}
END_TEST

START_TEST(test_masks)
{
    static const struct {
        enum x86_klogic op;
        const char *name;
    } logics[] = {
        { X86_KAND, "kandq" }, { X86_KANDN, "kandnq" }, { X86_KOR, "korq" }, { X86_KXOR, "kxorq" }
    };
    listing_begin();
    for (unsigned k = 0; k < 8; k++)
        for (unsigned reg = 0; reg < 16; reg++) {
            unsigned other = (k + reg) % 8;
            x86_kmove_from(e, k, reg);
            expect("kmovq k%u,%s", k, names64[reg]);
            x86_kmove_to(e, reg, k);
            expect("kmovq %s,k%u", names64[reg], k);
            x86_ktest(e, k, other);
            expect("kortestq k%u,k%u", k, other);
            for (unsigned i = 0; i < 4; i++) {
                x86_klogic(e, logics[i].op, k, other, reg % 8);
                expect("%s k%u,k%u,k%u", logics[i].name, k, other, reg % 8);
            }
            struct x86_mem mem = x86_mem(reg, k % 2 ? 0x123 : -8);
            x86_low_bits(e, k * 2, reg, other);
            expect("bzhi %s,%s,%s", names64[k * 2], names64[reg], names64[other]);
            x86_low_bits_mem(e, k * 2, mem, other);
            expect("bzhi %s,%s,%s", names64[k * 2], mem_text(64, mem), names64[other]);
        }
    listing_end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("x86_evex");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_packed);
    tcase_add_test(tests, test_other);
    tcase_add_test(tests, test_masks);
    suite_add_tcase(suite, tests);
    return suite;
}
