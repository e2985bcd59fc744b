/* SPDX-License-Identifier: MIT
 *
 * Every function of dbt/x86/emit.h and dbt/x86/vex.h, with all registers and addressing forms, against
 * binutils' objdump: its listing must be the text that this file builds from the operands.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "dbt/x86/evex.h"
#include "dbt/x86/vex.h"
#include "tests/dbt/listing.h"
#include "tests/suite.h"

static const char *const names32[] = { "eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
                                       "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d" };
static const char *const names16[] = { "ax",  "cx",  "dx",   "bx",   "sp",   "bp",   "si",   "di",
                                       "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w" };
static const char *const names8[] = { "al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
                                      "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b" };

static const struct {
    enum x86_alu op;
    const char *name;
} alus[] = { { X86_ADD, "add" }, { X86_OR, "or" },   { X86_AND, "and" },
             { X86_SUB, "sub" }, { X86_XOR, "xor" }, { X86_CMP, "cmp" } };
static const struct {
    enum x86_shift op;
    const char *name;
} shifts[] = {
    { X86_ROL, "rol" }, { X86_ROR, "ror" }, { X86_SHL, "shl" }, { X86_SHR, "shr" }, { X86_SAR, "sar" }
};
static const struct {
    enum x86_cond cond;
    const char *name;
} conds[] = { { X86_B, "b" },   { X86_AE, "ae" }, { X86_E, "e" }, { X86_NE, "ne" }, { X86_A, "a" },
              { X86_S, "s" },   { X86_NS, "ns" }, { X86_P, "p" }, { X86_NP, "np" }, { X86_L, "l" },
              { X86_GE, "ge" }, { X86_LE, "le" }, { X86_G, "g" } };
static const struct {
    unsigned op;
    const char *name;
} sses[] = { { X86_SCALAR_ADD, "add" },  { X86_SCALAR_MUL, "mul" }, { X86_SCALAR_SUB, "sub" },
             { X86_SCALAR_DIV, "div" },  { X86_SCALAR_MIN, "min" }, { X86_SCALAR_MAX, "max" },
             { X86_SCALAR_SQRT, "sqrt" } },
  fmas[] = { { X86_FMADD213, "vfmadd213" },
             { X86_FMSUB213, "vfmsub213" },
             { X86_FNMADD213, "vfnmadd213" },
             { X86_FNMSUB213, "vfnmsub213" } },
  logics[] = {
      { X86_VAND, "vandps" }, { X86_VANDN, "vandnps" }, { X86_VOR, "vorps" }, { X86_VXOR, "vxorps" }
  };
#define EACH(i, array) for (unsigned i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

static const int32_t immediates[] = { 0, 1, -1, 127, 128, -128, -129, 0x12345678, INT32_MIN, INT32_MAX };

/* ---- What is expected ---------------------------------------------------------------------------------- */

static const char *name_of(unsigned bits, unsigned reg)
{
    return (bits == 64 ? names64 : bits == 32 ? names32 : bits == 16 ? names16 : names8)[reg];
}

static unsigned long long imm_of(unsigned bits, int64_t value)
{
    return bits == 64 ? (unsigned long long)value : (uint32_t)value;
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

static void two_registers(unsigned bits, unsigned to, unsigned from)
{
    const char *a = name_of(bits, to), *b = name_of(bits, from);
    if (to != from || bits == 32)
        expect("mov %s,%s", a, b);
    x86_mov(e, bits, to, from); /* emits nothing if the move would do nothing */
    EACH(i, alus)
    {
        x86_op(e, alus[i].op, bits, to, from);
        expect("%s %s,%s", alus[i].name, a, b);
    }
    x86_test(e, bits, to, from);
    expect("test %s,%s", a, b);
    x86_imul(e, bits, to, from);
    expect("imul %s,%s", a, b);
    EACH(i, immediates)
    {
        x86_imul_imm(e, bits, to, from, immediates[i]);
        expect("imul %s,%s,0x%llx", a, b, imm_of(bits, immediates[i]));
    }
    EACH(i, conds)
    {
        x86_cmov(e, conds[i].cond, bits, to, from);
        expect("cmov%s %s,%s", conds[i].name, a, b);
    }
    x86_count(e, X86_POPCNT, bits, to, from);
    expect("popcnt %s,%s", a, b);
    x86_count(e, X86_TZCNT, bits, to, from);
    expect("tzcnt %s,%s", a, b);
    x86_count(e, X86_LZCNT, bits, to, from);
    expect("lzcnt %s,%s", a, b);
}

static void extensions(unsigned to, unsigned from)
{
    for (unsigned bits = 8; bits <= 16; bits += 8) {
        x86_extend(e, bits, false, to, from);
        expect("movzx %s,%s", names32[to], name_of(bits, from));
        x86_extend(e, bits, true, to, from);
        expect("movsx %s,%s", names64[to], name_of(bits, from));
        x86_extend_to(e, 32, bits, true, to, from);
        expect("movsx %s,%s", names32[to], name_of(bits, from));
    }
    x86_extend_to(e, 32, 32, true, to, from);
    expect("mov %s,%s", names32[to], names32[from]);
    x86_extend(e, 32, false, to, from);
    expect("mov %s,%s", names32[to], names32[from]);
    x86_extend(e, 32, true, to, from);
    expect("movsxd %s,%s", names64[to], names32[from]);
}

static void one_register(unsigned bits, unsigned reg)
{
    const char *name = name_of(bits, reg);
    EACH(i, alus) EACH(j, immediates)
    {
        x86_op_imm(e, alus[i].op, bits, reg, immediates[j]);
        expect("%s %s,0x%llx", alus[i].name, name, imm_of(bits, immediates[j]));
    }
    EACH(i, shifts)
    {
        for (unsigned count = 0; count < bits; count += count < 2 ? 1 : 7) {
            x86_shift_imm(e, shifts[i].op, bits, reg, count);
            expect("%s %s,0x%x", shifts[i].name, name, count);
        }
        x86_shift_cl(e, shifts[i].op, bits, reg);
        expect("%s %s,cl", shifts[i].name, name);
    }
    x86_not(e, bits, reg);
    expect("not %s", name);
    x86_neg(e, bits, reg);
    expect("neg %s", name);
    x86_mul(e, false, bits, reg);
    expect("mul %s", name);
    x86_mul(e, true, bits, reg);
    expect("imul %s", name);
}

static void only_64(unsigned reg)
{
    static const int64_t values[] = { 0,          1,           0x7fffffff,     0x80000000,
                                      0xffffffff, 0x100000000, INT64_MAX,      INT64_MIN,
                                      -1,         INT32_MIN,   INT32_MIN - 1ll };
    const char *name = names64[reg];
    EACH(i, values)
    {
        bool zero = values[i] >= 0 && values[i] <= UINT32_MAX, sign = values[i] == (int32_t)values[i];
        x86_mov_imm(e, reg, values[i]);
        expect("%s %s,0x%llx", zero || sign ? "mov" : "movabs", zero ? names32[reg] : name,
               (unsigned long long)values[i]);
    }
    EACH(i, conds)
    {
        x86_setcc(e, conds[i].cond, reg);
        expect("set%s %s", conds[i].name, names8[reg]);
    }
    x86_bswap(e, 64, reg);
    expect("bswap %s", name);
    x86_bswap(e, 32, reg);
    expect("bswap %s", names32[reg]);
    x86_jmp_reg(e, reg);
    expect("jmp %s", name);
    x86_call_reg(e, reg);
    expect("call %s", name);
    x86_push(e, reg);
    expect("push %s", name);
    x86_pop(e, reg);
    expect("pop %s", name);
}

START_TEST(test_registers)
{
    listing_begin();
    for (unsigned to = 0; to < 16; to++) {
        for (unsigned from = 0; from < 16; from++) {
            two_registers(32, to, from);
            two_registers(64, to, from);
            extensions(to, from);
        }
        one_register(32, to);
        one_register(64, to);
        only_64(to);
    }
    x86_mfence(e);
    expect("mfence");
    x86_ret(e);
    expect("ret");
    listing_end();
}
END_TEST

/* ---- Memory -------------------------------------------------------------------------------------------- */

static void general_memory(unsigned bits, unsigned reg, struct x86_mem mem, int32_t imm)
{
    const char *text = mem_text(bits, mem), *name = name_of(bits, reg);
    x86_load(e, bits, reg, mem);
    expect("mov %s,%s", name, text);
    x86_store(e, bits, mem, reg);
    expect("mov %s,%s", text, name);
    x86_store_imm(e, bits, mem, imm);
    expect("mov %s,0x%llx", text, imm_of(bits, imm));
    x86_lea(e, bits, reg, mem);
    expect("lea %s,%s", name, strchr(text, '['));
    EACH(i, alus)
    {
        x86_op_mem(e, alus[i].op, bits, reg, mem);
        expect("%s %s,%s", alus[i].name, name, text);
        x86_mem_op(e, alus[i].op, bits, mem, reg);
        expect("%s %s,%s", alus[i].name, text, name);
        x86_mem_op_imm(e, alus[i].op, bits, mem, imm);
        expect("%s %s,0x%llx", alus[i].name, text, imm_of(bits, imm));
    }
}

static void narrow_memory(unsigned reg, struct x86_mem mem, int32_t imm)
{
    for (unsigned bits = 8; bits <= 16; bits += 8) {
        const char *text = mem_text(bits, mem);
        x86_store(e, bits, mem, reg);
        expect("mov %s,%s", text, name_of(bits, reg));
        x86_load_extend(e, bits, false, reg, mem);
        expect("movzx %s,%s", names32[reg], text);
        x86_load_extend(e, bits, true, reg, mem);
        expect("movsx %s,%s", names64[reg], text);
        x86_load_extend_to(e, 32, bits, true, reg, mem);
        expect("movsx %s,%s", names32[reg], text);
    }
    x86_load_extend_to(e, 32, 32, true, reg, mem);
    expect("mov %s,%s", names32[reg], mem_text(32, mem));
    x86_load_extend(e, 32, false, reg, mem);
    expect("mov %s,%s", names32[reg], mem_text(32, mem));
    x86_load_extend(e, 32, true, reg, mem);
    expect("movsxd %s,%s", names64[reg], mem_text(32, mem));
    x86_load_extend(e, 64, false, reg, mem);
    expect("mov %s,%s", names64[reg], mem_text(64, mem));
    x86_test_mem_imm(e, mem, imm);
    expect("test %s,0x%x", mem_text(32, mem), (uint32_t)imm);
    x86_jmp_mem(e, mem);
    expect("jmp %s", mem_text(64, mem));
    x86_call_mem(e, mem);
    expect("call %s", mem_text(64, mem));
}

static void sse_memory(unsigned bits, unsigned reg, struct x86_mem mem)
{
    const char *text = mem_text(bits, mem);
    char s = bits == 64 ? 'd' : 's';
    x86_sse_load(e, bits, reg, mem);
    expect("movs%c xmm%u,%s", s, reg, text);
    x86_sse_store(e, bits, mem, reg);
    expect("movs%c %s,xmm%u", s, text, reg);
    x86_ldmxcsr(e, mem);
    expect("ldmxcsr %s", mem_text(32, mem));
    x86_stmxcsr(e, mem);
    expect("stmxcsr %s", mem_text(32, mem));
    text = mem_text(bits, mem);
    EACH(i, sses)
    {
        x86_sse_op_mem(e, bits, sses[i].op, reg, mem);
        expect("%ss%c xmm%u,%s", sses[i].name, s, reg, text);
    }
    for (unsigned to = 32; to <= 64; to += 32) {
        x86_cvtt_to_integer(e, bits, to, reg, mem);
        expect("cvtts%c2si %s,%s", s, name_of(to, reg), text);
    }
}

static void all_memory(unsigned reg, struct x86_mem mem, int32_t imm)
{
    general_memory(32, reg, mem, imm);
    general_memory(64, reg, mem, imm);
    narrow_memory(reg, mem, imm);
    sse_memory(32, reg, mem);
    sse_memory(64, reg, mem);
}

/* Every base with every index and length of displacement; every register with every base. */
START_TEST(test_memory)
{
    static const int32_t disps[] = { 0, 8, -128, 127, 128, -129, 0x12345678 };
    unsigned turn = 0;
    listing_begin();
    for (unsigned base = (unsigned)_i; base < 16; base += 4) {
        for (unsigned index = 0; index <= X86_NONE; index++)
            for (unsigned i = turn % 2; i < 7 && index != X86_RSP; i += index == X86_NONE ? 1 : 2, turn++)
                all_memory(turn * 5 % 16,
                           x86_mem_scaled(base, index, index == X86_NONE ? 0 : turn % 4, disps[i]),
                           immediates[turn % 10]);
        for (unsigned reg = 0; reg < 16; reg++)
            all_memory(reg, x86_mem(base, disps[reg % 7]), immediates[reg % 10]);
    }
    listing_end();
}
END_TEST

/* ---- SSE ----------------------------------------------------------------------------------------------- */

static void sse_registers(unsigned bits, unsigned to, unsigned from)
{
    char s = bits == 64 ? 'd' : 's';
    EACH(i, sses)
    {
        x86_sse_op(e, bits, sses[i].op, to, from);
        expect("%ss%c xmm%u,xmm%u", sses[i].name, s, to, from);
    }
    x86_ucomis(e, bits, to, from);
    expect("ucomis%c xmm%u,xmm%u", s, to, from);
    x86_comis(e, bits, to, from);
    expect("comis%c xmm%u,xmm%u", s, to, from);
    for (unsigned integer = 32; integer <= 64; integer += 32) {
        x86_cvt_from_integer(e, bits, integer, to, from);
        expect("cvtsi2s%c xmm%u,%s", s, to, name_of(integer, from));
    }
}

static void fused_memory(unsigned bits, unsigned to, unsigned second)
{
    for (unsigned base = 0; base < 16; base++) {
        if ((base & 7) == X86_RSP)
            continue;
        struct x86_mem mem = x86_mem(base, base & 1 ? -0x4567 : 0x1234);
        EACH(i, fmas)
        {
            x86_fma_mem(e, bits, fmas[i].op, to, second, mem);
            expect("%ss%c xmm%u,xmm%u,%s", fmas[i].name, bits == 64 ? 'd' : 's', to, second,
                   mem_text(bits, mem));
        }
    }
}

static void fused_registers(unsigned bits, unsigned to, unsigned second)
{
    for (unsigned from = 0; from < 8; from++) {
        EACH(i, fmas)
        {
            x86_fma(e, bits, fmas[i].op, to, second, from);
            expect("%ss%c xmm%u,xmm%u,xmm%u", fmas[i].name, bits == 64 ? 'd' : 's', to, second, from);
        }
    }
}

START_TEST(test_sse)
{
    listing_begin();
    for (unsigned bits = 32; bits <= 64; bits += 32)
        for (unsigned to = 0; to < 16; to++)
            for (unsigned from = 0; from < 16; from++) {
                sse_registers(bits, to, from);
                if (to < 8 && from < 8) {
                    fused_memory(bits, to, from);
                    fused_registers(bits, to, from);
                }
            }
    listing_end();
}
END_TEST

/* ---- Atomics, division, single bits, packed ------------------------------------------------------------ */

static void atomics(unsigned bits, unsigned reg, struct x86_mem mem)
{
    const char *text = mem_text(bits, mem), *name = name_of(bits, reg);
    x86_lock(e);
    x86_xadd(e, bits, mem, reg);
    expect("lock xadd %s,%s", text, name);
    x86_lock(e);
    x86_cmpxchg(e, bits, mem, reg);
    expect("lock cmpxchg %s,%s", text, name);
    x86_lock(e);
    x86_mem_op(e, X86_OR, bits, mem, reg);
    expect("lock or %s,%s", text, name);
    x86_xchg(e, bits, mem, reg);
    expect("xchg %s,%s", text, name);
}

static void division(unsigned bits, unsigned reg)
{
    x86_div(e, false, bits, reg);
    expect("div %s", name_of(bits, reg));
    x86_div(e, true, bits, reg);
    expect("idiv %s", name_of(bits, reg));
    x86_sign_to_rdx(e, bits);
    expect("%s", bits == 64 ? "cqo" : "cdq");
}

static void bits_of(unsigned bits, unsigned to, unsigned from)
{
    static const struct {
        enum x86_bit op;
        const char *name;
    } ops[] = { { X86_BT, "bt" }, { X86_BTS, "bts" }, { X86_BTR, "btr" }, { X86_BTC, "btc" } };
    EACH(i, ops)
    {
        x86_bit_op(e, ops[i].op, bits, to, from);
        expect("%s %s,%s", ops[i].name, name_of(bits, to), name_of(bits, from));
    }
}

static void packed(unsigned to, unsigned from)
{
    x86_movq_from(e, to, from);
    expect("movq xmm%u,%s", to, names64[from]);
    x86_movq_to(e, from, to);
    expect("movq %s,xmm%u", names64[from], to);
    x86_pextrq(e, from, to, 1);
    expect("pextrq %s,xmm%u,0x1", names64[from], to);
    x86_pclmul(e, to, from);
    expect("pclmullqlqdq xmm%u,xmm%u", to, from);
    x86_pshufb(e, to, from);
    expect("pshufb xmm%u,xmm%u", to, from);
    x86_broadcast_dword(e, to, from, 1);
    expect("pshufd xmm%u,xmm%u,0x55", to, from);
    static const struct {
        enum x86_aes op;
        const char *name;
    } aes[] = { { X86_AESIMC, "aesimc" },
                { X86_AESENC, "aesenc" },
                { X86_AESENCLAST, "aesenclast" },
                { X86_AESDEC, "aesdec" },
                { X86_AESDECLAST, "aesdeclast" } };
    EACH(i, aes)
    {
        x86_aes(e, aes[i].op, to, from);
        expect("%s xmm%u,xmm%u", aes[i].name, to, from);
    }
    static const char *const sha[] = { "sha256rnds2", "sha256msg1", "sha256msg2" };
    EACH(i, sha)
    {
        x86_sha(e, X86_SHA256_ROUNDS + i, to, from);
        expect("%s xmm%u,xmm%u%s", sha[i], to, from, i ? "" : ",xmm0");
    }
    x86_aes_key(e, to, from, 0x1b);
    expect("aeskeygenassist xmm%u,xmm%u,0x1b", to, from);
    x86_packed_logic(e, X86_PUNPCKLQDQ, to, from);
    expect("punpcklqdq xmm%u,xmm%u", to, from);
    x86_packed_logic(e, X86_PADDUSB, to, from);
    expect("paddusb xmm%u,xmm%u", to, from);
    x86_packed_logic(e, X86_PXOR, to, from);
    expect("pxor xmm%u,xmm%u", to, from);
    x86_packed_logic(e, X86_POR, to, from);
    expect("por xmm%u,xmm%u", to, from);
    x86_packed_logic(e, X86_PAND, to, from);
    expect("pand xmm%u,xmm%u", to, from);
    x86_packed_logic(e, X86_PCMPEQD, to, from);
    expect("pcmpeqd xmm%u,xmm%u", to, from);
    for (unsigned bits = 32; bits <= 64; bits += 32) {
        char s = bits == 64 ? 'd' : 's';
        for (unsigned integer = 32; integer <= 64; integer += 32) {
            x86_cvt_to_integer(e, bits, integer, to, from);
            expect("cvts%c2si %s,xmm%u", s, name_of(integer, to), from);
            x86_cvtt_to_integer_reg(e, bits, integer, to, from);
            expect("cvtts%c2si %s,xmm%u", s, name_of(integer, to), from);
        }
        x86_round(e, bits, to, from, X86_ROUND_UP | X86_ROUND_QUIET);
        expect("rounds%c xmm%u,xmm%u,0xa", s, to, from);
    }
    x86_movups_store(e, x86_mem_index(from, X86_RAX, 48), to);
    expect("movups XMMWORD PTR %s,xmm%u", strchr(mem_text(64, x86_mem_index(from, X86_RAX, 48)), '['), to);
}

static void extracts(unsigned to, unsigned from)
{
    for (unsigned bits = 32; bits <= 64; bits += 32)
        for (unsigned control = 0; control < 16; control++) {
            x86_extract(e, bits, to, from, control);
            expect("bextr %s,%s,%s", name_of(bits, to), name_of(bits, from), name_of(bits, control));
        }
}

static void halves(unsigned to, unsigned from)
{
    static const int32_t places[] = { 0, 16, -129 };
    x86_halves_to_singles(e, to, from);
    expect("vcvtph2ps xmm%u,xmm%u", to, from);
    EACH(i, places)
    {
        struct x86_mem mem = i == 1 ? x86_mem_index(from, X86_R9, 16) : x86_mem(from, places[i]);
        x86_halves_to_singles_mem(e, to, mem);
        expect("vcvtph2ps xmm%u,%s", to, mem_text(64, mem));
        x86_singles_to_halves_mem(e, mem, to, i + 2);
        expect("vcvtps2ph %s,xmm%u,0x%x", mem_text(64, mem), to, i + 2);
    }
}

/* ---- VEX: scalar floating point, bits ------------------------------------------------------------------ */

static void vex_scalar(unsigned bits, unsigned to, unsigned a, unsigned b)
{
    char s = bits == 64 ? 'd' : 's';
    struct x86_mem mem = b & 1 ? x86_mem_index(b, X86_R9, 16) : x86_mem(b, -129);
    const char *text = mem_text(bits, mem);
    EACH(i, sses)
    {
        x86_vscalar(e, sses[i].op, bits, to, a, b);
        expect("v%ss%c xmm%u,xmm%u,xmm%u", sses[i].name, s, to, a, b);
        x86_vscalar_mem(e, sses[i].op, bits, to, a, mem);
        expect("v%ss%c xmm%u,xmm%u,%s", sses[i].name, s, to, a, text);
    }
    EACH(i, fmas)
    {
        x86_vfused(e, fmas[i].op, bits, to, a, b);
        expect("%ss%c xmm%u,xmm%u,xmm%u", fmas[i].name, s, to, a, b);
        x86_vfused_mem(e, fmas[i].op, bits, to, a, mem);
        expect("%ss%c xmm%u,xmm%u,%s", fmas[i].name, s, to, a, text);
    }
    x86_vscalar(e, X86_SCALAR_CONVERT, bits, to, a, b);
    expect("vcvts%c2s%c xmm%u,xmm%u,xmm%u", s, bits == 64 ? 's' : 'd', to, a, b);
    for (unsigned integer = 32; integer <= 64; integer += 32) {
        x86_vcvt_from_integer(e, bits, integer, to, a, b);
        expect("vcvtsi2s%c xmm%u,xmm%u,%s", s, to, a, name_of(integer, b));
    }
}

static void vex_two(unsigned bits, unsigned to, unsigned from)
{
    char s = bits == 64 ? 'd' : 's';
    struct x86_mem mem = x86_mem(from, 8);
    x86_vload(e, bits, to, mem);
    expect("vmovs%c xmm%u,%s", s, to, mem_text(bits, mem));
    x86_vstore(e, bits, mem, to);
    expect("vmovs%c %s,xmm%u", s, mem_text(bits, mem), to);
    x86_vcompare(e, bits, false, to, from);
    expect("vucomis%c xmm%u,xmm%u", s, to, from);
    x86_vcompare(e, bits, true, to, from);
    expect("vcomis%c xmm%u,xmm%u", s, to, from);
    x86_vmove_from(e, bits, to, from);
    expect("vmov%c xmm%u,%s", bits == 64 ? 'q' : 'd', to, name_of(bits, from));
    x86_vmove_to(e, bits, to, from);
    expect("vmov%c %s,xmm%u", bits == 64 ? 'q' : 'd', name_of(bits, to), from);
    for (unsigned integer = 32; integer <= 64; integer += 32) {
        x86_vcvt_to_integer(e, bits, integer, false, to, from);
        expect("vcvts%c2si %s,xmm%u", s, name_of(integer, to), from);
        x86_vcvt_to_integer(e, bits, integer, true, to, from);
        expect("vcvtts%c2si %s,xmm%u", s, name_of(integer, to), from);
    }
}

static void vex_bits(unsigned to, unsigned from)
{
    unsigned other = (to + from + 3) % 16;
    EACH(i, logics)
    {
        struct x86_mem mem = x86_mem(from, -129);
        x86_vbitwise(e, logics[i].op, to, other, from);
        expect("%s xmm%u,xmm%u,xmm%u", logics[i].name, to, other, from);
        x86_vbitwise_mem(e, logics[i].op, to, other, mem);
        expect("%s xmm%u,xmm%u,XMMWORD%s", logics[i].name, to, other, strchr(mem_text(64, mem), ' '));
    }
    x86_vmove(e, to, from);
    expect("vmovaps xmm%u,xmm%u", to, from);
    x86_valign(e, to, other, from, 4);
    expect("vpalignr xmm%u,xmm%u,xmm%u,0x4", to, other, from);
    x86_vmove_high(e, to, from);
    expect("vpextrd %s,xmm%u,0x1", names32[to], from);
    x86_and_not(e, to, other, from);
    expect("andn %s,%s,%s", names64[to], names64[other], names64[from]);
}

/* In the order of enum x86_vpacked, then by log2 of the bytes of an element; NULL: there is none. */
static const char *const packed_names[][4] = {
    { "vpaddb", "vpaddw", "vpaddd", "vpaddq" },
    { "vpsubb", "vpsubw", "vpsubd", "vpsubq" },
    { "vpminsb", "vpminsw", "vpminsd" },
    { "vpminub", "vpminuw", "vpminud" },
    { "vpmaxsb", "vpmaxsw", "vpmaxsd" },
    { "vpmaxub", "vpmaxuw", "vpmaxud" },
    { NULL, "vpmullw", "vpmulld" },
    { NULL, "vpsllw", "vpslld", "vpsllq" },
    { NULL, "vpsrlw", "vpsrld", "vpsrlq" },
    { NULL, "vpsraw", "vpsrad" },
    { NULL, NULL, "vpsllvd", "vpsllvq" },
    { NULL, NULL, "vpsrlvd", "vpsrlvq" },
    { NULL, NULL, "vpsravd" },
    { "vpand", "vpand", "vpand", "vpand" },
    { "vpor", "vpor", "vpor", "vpor" },
    { "vpxor", "vpxor", "vpxor", "vpxor" },
    { NULL, NULL, "vaddps", "vaddpd" },
    { NULL, NULL, "vsubps", "vsubpd" },
    { NULL, NULL, "vmulps", "vmulpd" },
    { NULL, NULL, "vdivps", "vdivpd" },
    { NULL, NULL, "vfmadd213ps", "vfmadd213pd" },
    { NULL, NULL, "vfmsub213ps", "vfmsub213pd" },
    { NULL, NULL, "vfnmadd213ps", "vfnmadd213pd" },
    { NULL, NULL, "vfnmsub213ps", "vfnmsub213pd" },
    { NULL, NULL, "vfmadd231ps", "vfmadd231pd" },
    { NULL, NULL, "vfmsub231ps", "vfmsub231pd" },
    { NULL, NULL, "vfnmadd231ps", "vfnmadd231pd" },
    { NULL, NULL, "vfnmsub231ps", "vfnmsub231pd" },
};
_Static_assert(sizeof(packed_names) / sizeof(char *) == X86_VPACKED_COUNT, "a name for each form");

static void vex_packed(unsigned bytes, unsigned to, unsigned a, unsigned b)
{
    char r = bytes == 32 ? 'y' : 'x';
    struct x86_mem mem = b & 1 ? x86_mem_index(b, X86_R9, 16) : x86_mem(b, -129);
    char text[96];
    snprintf(text, sizeof(text), "%cMMWORD%s", r - 32, strstr(mem_text(64, mem), " PTR"));
    for (unsigned op = 0; op < X86_VPACKED_COUNT; op++) {
        const char *name = packed_names[op / 4][op % 4];
        bool by_count = op >= X86_VSHL_8 && op < X86_VSHLV_8;
        ck_assert(x86_vpacked_is(op) == (name != NULL));
        if (!name)
            continue;
        x86_vpacked(e, op, bytes, to, a, b);
        expect("%s %cmm%u,%cmm%u,%cmm%u", name, r, to, r, a, by_count ? 'x' : r, b);
        if (by_count)
            continue;
        x86_vpacked_mem(e, op, bytes, to, a, mem);
        expect("%s %cmm%u,%cmm%u,%s", name, r, to, r, a, text);
    }
    x86_vload_packed(e, bytes, to, mem);
    expect("vmovdqu %cmm%u,%s", r, to, text);
    x86_vstore_packed(e, bytes, mem, to);
    expect("vmovdqu %s,%cmm%u", text, r, to);
    for (unsigned log2 = 0; log2 < 4; log2++) {
        x86_vbroadcast(e, log2, bytes, to, b);
        expect("vpbroadcast%c %cmm%u,xmm%u", "bwdq"[log2], r, to, b);
    }
    for (unsigned bits = 32; bits <= 64; bits += 32) {
        x86_vsqrt_packed(e, bits, bytes, to, b);
        expect("vsqrtp%c %cmm%u,%cmm%u", bits == 64 ? 'd' : 's', r, to, r, b);
        x86_vnan_packed(e, bits, bytes, to, b);
        expect("vcmpunordp%c %cmm%u,%cmm%u,%cmm%u", bits == 64 ? 'd' : 's', r, to, r, b, r, b);
    }
}

/* Operations of evex.def that have VEX forms, too. The sources of those that widen have fewer bytes. */
static void vex_of_evex(unsigned bytes, unsigned to, unsigned a, unsigned b)
{
    char r = bytes == 32 ? 'y' : 'x';
    for (unsigned op = X86_VPACKED_COUNT; op < X86_EPACKED_COUNT; op++) {
        bool widens = (op >= X86_E_SX2 && op < X86_E_F_TO_X) || op >= X86_E_F_TO_WF;
        if (!x86_vpacked_is(op) || (op == X86_E_PERMUTE_32 && bytes == 16))
            continue;
        const char *name = strcmp(x86_epacked_name(op), "vpandnd") && strcmp(x86_epacked_name(op), "vpandnq")
                               ? x86_epacked_name(op)
                               : "vpandn";
        if (op < X86_E_FSQRT) {
            x86_vpacked(e, op, bytes, to, a, b);
            expect("%s %cmm%u,%cmm%u,%cmm%u", name, r, to, r, a, r, b);
        } else {
            x86_vpacked(e, op, bytes, to, 0, b);
            expect("%s %cmm%u,%cmm%u", name, r, to, widens ? 'x' : r, b);
        }
    }
}

static void vex_compares(unsigned bytes, unsigned to, unsigned a, unsigned b)
{
    char r = bytes == 32 ? 'y' : 'x', text[96];
    struct x86_mem mem = x86_mem(to, 64);
    snprintf(text, sizeof(text), "%cMMWORD%s", r - 32, strstr(mem_text(64, mem), " PTR"));
    for (unsigned log2 = 0; log2 < 4; log2++) {
        x86_vequal(e, log2, bytes, to, a, b);
        expect("vpcmpeq%c %cmm%u,%cmm%u,%cmm%u", "bwdq"[log2], r, to, r, a, r, b);
        x86_vequal_mem(e, log2, bytes, to, a, mem);
        expect("vpcmpeq%c %cmm%u,%cmm%u,%s", "bwdq"[log2], r, to, r, a, text);
        x86_vgreater(e, log2, bytes, to, a, b);
        expect("vpcmpgt%c %cmm%u,%cmm%u,%cmm%u", "bwdq"[log2], r, to, r, a, r, b);
    }
    x86_vcompare_packed(e, 32, X86_FP_LT, bytes, to, a, b);
    expect("vcmpltps %cmm%u,%cmm%u,%cmm%u", r, to, r, a, r, b);
    x86_vcompare_packed(e, 64, X86_FP_GE, bytes, to, a, b);
    expect("vcmpgepd %cmm%u,%cmm%u,%cmm%u", r, to, r, a, r, b);
    x86_vsigns(e, 0, bytes, to, b);
    expect("vpmovmskb %s,%cmm%u", names32[to], r, b);
    x86_vsigns(e, 2, bytes, to, b);
    expect("vmovmskps %s,%cmm%u", names32[to], r, b);
    x86_vsigns(e, 3, bytes, to, b);
    expect("vmovmskpd %s,%cmm%u", names32[to], r, b);
    x86_vblend(e, bytes, to, a, b, 15 - a);
    expect("vpblendvb %cmm%u,%cmm%u,%cmm%u,%cmm%u", r, to, r, a, r, b, r, 15 - a);
    for (unsigned log2 = 2; log2 < 4; log2++) {
        x86_vstore_masked(e, log2, bytes, mem, a, b);
        expect("vpmaskmov%c %s,%cmm%u,%cmm%u", "bwdq"[log2], text, r, a, r, b);
    }
}

static void vex_of_16_bytes(unsigned to, unsigned a, unsigned b)
{
    struct x86_mem mem = x86_mem(to, 64);
    x86_vshift_bytes_left(e, to, b, 8);
    expect("vpslldq xmm%u,xmm%u,0x8", to, b);
    x86_vclmul(e, to, a, true, b, true);
    expect("vpclmulhqhqdq xmm%u,xmm%u,xmm%u", to, a, b);
    x86_vclmul(e, to, a, false, b, false);
    expect("vpclmullqlqdq xmm%u,xmm%u,xmm%u", to, a, b);
    x86_vload_twice(e, a, mem);
    expect("vbroadcasti128 ymm%u,XMMWORD%s", a, strstr(mem_text(64, mem), " PTR"));
    x86_vjoin_mem(e, a, b, mem);
    expect("vinserti128 ymm%u,ymm%u,XMMWORD%s,0x1", a, b, strstr(mem_text(64, mem), " PTR"));
}

/* What the encoder notes: registers that are written, but not those that are only read. */
START_TEST(test_written_registers)
{
    uint8_t code[256];
    struct x86_emit here = { code, code + sizeof(code), 0, false, 0 }, *w = &here;
    x86_vstore_packed(w, 32, x86_mem(X86_RBX, 0), 3);
    x86_vstore(w, 64, x86_mem(X86_RBX, 0), 4);
    x86_vmove_to(w, 64, X86_RAX, 5);
    x86_vsigns(w, 0, 32, X86_RDX, 6);
    x86_extract(w, 64, X86_RSI, X86_RAX, X86_R15);
    x86_rotate_right(w, 64, X86_RDI, X86_RAX, 3);
    x86_vtest(w, 32, 2, 7);
    ck_assert_uint_eq(w->vectors, 0);
    x86_vpacked(w, X86_VADD_8, 32, 9, 2, 3);
    x86_vshift_imm(w, true, 2, 32, 10, 2, 3);
    x86_vshift_bytes(w, 16, 11, 2, 3);
    x86_vshift_bytes_left(w, 12, 2, 3);
    x86_vload_packed(w, 32, 13, x86_mem(X86_RBX, 0));
    ck_assert_uint_eq(w->vectors & 0xff00, 0x3e00);
    x86_vupper(w, 14, 8);
    x86_vhalves(w, 32, 15, 8);
    ck_assert_uint_eq(w->vectors & 0xfe00, 0xfe00);
}
END_TEST

static void vex_moves(unsigned bytes, unsigned to, unsigned a, unsigned b)
{
    char r = bytes == 32 ? 'y' : 'x';
    x86_vpack_signed(e, bytes, to, a, b);
    expect("vpacksswb %cmm%u,%cmm%u,%cmm%u", r, to, r, a, r, b);
    x86_vshift_bytes(e, bytes, to, b, 4);
    expect("vpsrldq %cmm%u,%cmm%u,0x4", r, to, r, b);
    for (unsigned log2 = 1; log2 < 4; log2++) {
        x86_vshift_imm(e, true, log2, bytes, to, b, 3);
        expect("vpsll%c %cmm%u,%cmm%u,0x3", "bwdq"[log2], r, to, r, b);
        x86_vshift_imm(e, false, log2, bytes, to, b, 5);
        expect("vpsrl%c %cmm%u,%cmm%u,0x5", "bwdq"[log2], r, to, r, b);
    }
    x86_vextreme(e, 32, true, bytes, to, a, b);
    expect("vmaxps %cmm%u,%cmm%u,%cmm%u", r, to, r, a, r, b);
    x86_vextreme(e, 64, false, bytes, to, a, b);
    expect("vminpd %cmm%u,%cmm%u,%cmm%u", r, to, r, a, r, b);
    x86_vhalves(e, bytes, to, b);
    expect("vcvtps2ph xmm%u,%cmm%u,0x4", to, r, b);
    static const char *const sizes[] = { "BYTE", "WORD", "DWORD", "QWORD" };
    for (unsigned log2 = 0; log2 < 4; log2++) {
        struct x86_mem mem = x86_mem(to, 64);
        x86_vinsert(e, log2, to, b, mem, 1);
        expect("vpinsr%c xmm%u,xmm%u,%s%s,0x1", "bwdq"[log2], to, b, sizes[log2],
               strstr(mem_text(64, mem), " PTR"));
    }
    for (unsigned log2 = 0; log2 < 4; log2++) {
        x86_vinsert_from(e, log2, to, a, (enum x86_reg)b, 0);
        expect("vpinsr%c xmm%u,xmm%u,%s,0x0", "bwdq"[log2], to, a, log2 == 3 ? names64[b] : names32[b]);
    }
    x86_vmove_packed(e, bytes, to, b);
    expect("vmovdqa %cmm%u,%cmm%u", r, to, r, b);
    x86_vtest(e, bytes, to, b);
    expect("vptest %cmm%u,%cmm%u", r, to, r, b);
    x86_vblend_32(e, bytes, to, a, b, 0xf);
    expect("vpblendd %cmm%u,%cmm%u,%cmm%u,0xf", r, to, r, a, r, b);
    vex_of_16_bytes(to, a, b);
    x86_vupper(e, to, b);
    expect("vextracti128 xmm%u,ymm%u,0x1", to, b);
    x86_vjoin(e, to, a, b);
    expect("vinserti128 ymm%u,ymm%u,xmm%u,0x1", to, a, b);
    x86_vorder_64(e, to, b, 8);
    expect("vpermq ymm%u,ymm%u,0x8", to, b);
}

START_TEST(test_vex_packed)
{
    listing_begin();
    for (unsigned to = 0; to < 16; to++)
        for (unsigned b = 0; b < 16; b += 1 + to % 3) {
            vex_packed(16, to, (to * 5 + b) % 16, b);
            vex_packed(32, to, (to * 5 + b) % 16, b);
            for (unsigned bytes = 16; bytes <= 32; bytes *= 2) {
                vex_of_evex(bytes, to, (to * 3 + b) % 16, b);
                vex_compares(bytes, to, (to * 3 + b) % 16, b);
                vex_moves(bytes, to, (to * 3 + b) % 16, b);
            }
        }
    x86_vzeroupper(e);
    expect("vzeroupper");
    listing_end();
}
END_TEST

START_TEST(test_vex)
{
    listing_begin();
    for (unsigned to = 0; to < 16; to++)
        for (unsigned from = 0; from < 16; from++) {
            for (unsigned bits = 32; bits <= 64; bits += 32) {
                vex_two(bits, to, from);
                vex_scalar(bits, to, (to * 5 + from) % 16, from);
            }
            vex_bits(to, from);
        }
    listing_end();
}
END_TEST

START_TEST(test_other)
{
    listing_begin();
    for (unsigned to = 0; to < 16; to++) {
        for (unsigned bits = 8; bits <= 64; bits *= 2)
            for (unsigned base = 0; base < 16; base++)
                atomics(bits, to, base & 1 ? x86_mem(base, 16) : x86_mem_index(base, X86_RAX, 0));
        for (unsigned bits = 32; bits <= 64; bits += 32)
            division(bits, to);
        for (unsigned from = 0; from < 16; from++) {
            bits_of(32, to, from);
            bits_of(64, to, from);
            packed(to, from);
            halves(to, from);
            extracts(to, from);
        }
        x86_test_imm32(e, to, 0x40000);
        expect("test %s,0x40000", names32[to]);
    }
    x86_test_imm8(e, X86_RBX, 7);
    expect("test bl,0x7");
    listing_end();
}
END_TEST

/* ---- Control ------------------------------------------------------------------------------------------- */

static const uint8_t *target(int64_t distance)
{
    return (const uint8_t *)(uintptr_t)(CODE_START + distance);
}

START_TEST(test_control)
{
    static const int64_t distances[] = { 0, 1, 0x1000, -0x1000, 0x7000000, -0x7000000 };
    listing_begin();
    EACH(i, distances) for (unsigned shift = 0; shift < 4; shift++)
    {
        unsigned long long to = (unsigned long long)(CODE_START + distances[i]);
        x86_jmp_to(e, target(distances[i]));
        expect("jmp 0x%llx", to);
        x86_call_to(e, target(distances[i]));
        expect("call 0x%llx", to);
        EACH(j, conds)
        {
            x86_patch(x86_jcc(e, conds[j].cond), e->run, target(distances[i]));
            expect("j%s 0x%llx", conds[j].name, to);
            x86_jcc_to(e, conds[j].cond, target(distances[i]));
            expect("j%s 0x%llx", conds[j].name, to);
        }
        uint8_t *call = x86_call(e);
        expect("call 0x%llx", to);
        uint8_t *jump = x86_jmp(e);
        expect("jmp 0x%llx", to);
        x86_patch(jump, e->run, target(0)); /* will be replaced */
        x86_patch(call, e->run, target(distances[i]));
        x86_patch(jump, e->run, target(distances[i]));
        x86_ret(e); /* the next round at another alignment */
        expect("ret");
    }
    listing_end();
}
END_TEST

/* The rel32 lies within 8 aligned bytes; the padding precedes the comparison. */
START_TEST(test_align_patch)
{
    static const char *const nops[] = { "", "nop", "xchg ax,ax", "nop DWORD PTR [rax]" };
    listing_begin();
    for (unsigned shift = 0; shift < 16; shift++)
        for (unsigned opcode = 1; opcode <= 2; opcode++) {
            for (unsigned i = 0; i < shift; i++, expect("ret"))
                x86_ret(e);
            uint8_t *compare = e->at;
            if (opcode == 2)
                x86_op(e, X86_CMP, 64, X86_RAX, X86_RCX);
            uint8_t *before = e->at;
            x86_align_patch_at(e, compare, opcode);
            ck_assert_int_lt(e->at - before, 4);
            if (e->at > before)
                expect("%s", nops[e->at - before]);
            if (opcode == 2)
                expect("cmp rax,rcx");
            const uint8_t *here = x86_here(e);
            uint8_t *site = opcode == 1 ? x86_jmp(e) : x86_jcc(e, X86_NE);
            ck_assert_uint_le((uintptr_t)site & 7, 4);
            ck_assert_ptr_eq(site, here - e->run + opcode);
            x86_patch(site, e->run, here);
            expect("%s 0x%llx", opcode == 1 ? "jmp" : "jne", (unsigned long long)(uintptr_t)here);
        }
    listing_end();
}
END_TEST

/* However much room there is, nothing is written beyond it, and overflow says whether all code fitted. */
START_TEST(test_overflow)
{
    _Alignas(64) uint8_t whole[64], part[64];
    for (size_t room = 0; room < 48; room++) {
        memset(part, 0xa5, sizeof(part));
        struct x86_emit runs[] = { { whole, whole + 64, 0, false, 0 }, { part, part + room, 0, false, 0 } };
        for (unsigned i = 0; i < 2; i++) {
            x86_mov_imm(&runs[i], X86_R9, 0x123456789abcdef);
            x86_mem_op_imm(&runs[i], X86_ADD, 64, x86_mem_index(X86_RBX, X86_R15, 0x12345), 0x54321);
            x86_align_patch(&runs[i], 1);
            x86_jmp(&runs[i]);
            x86_fma_mem(&runs[i], 64, 0xa9, 1, 2, x86_mem(X86_RBP, 8));
        }
        size_t size = (size_t)(runs[0].at - whole);
        ck_assert_uint_lt(size, 48);
        ck_assert_int_eq(runs[1].overflow, room < size);
        ck_assert_mem_eq(part, whole, room < size ? room : size);
        for (size_t i = room; i < sizeof(part); i++)
            ck_assert_uint_eq(part[i], 0xa5);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("x86_emit");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_registers);
    tcase_add_loop_test(tests, test_memory, 0, 4);
    tcase_add_test(tests, test_sse);
    tcase_add_test(tests, test_vex);
    tcase_add_test(tests, test_vex_packed);
    tcase_add_test(tests, test_written_registers);
    tcase_add_test(tests, test_other);
    tcase_add_test(tests, test_control);
    tcase_add_test(tests, test_align_patch);
    tcase_add_test(tests, test_overflow);
    suite_add_tcase(suite, tests);
    return suite;
}
