/* SPDX-License-Identifier: MIT
 *
 * Disassembly from the instruction table: the `operands` text of a row is printed, with each name in it
 * replaced by the operand's value. The result is what binutils' objdump prints with -M no-aliases: one space
 * after the mnemonic, no spaces in the operands, compressed forms with their own names, and no dynamic
 * rounding mode.
 */
#include "cpu/isa/tables.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The operands of compressed forms. "rd" and "rs2" of a floating-point instruction are f registers. */
static const char *const form_operands[] = {
    [ISA_FORM_NONE] = "",
    [ISA_FORM_ADDI4SPN] = "rd,rs1,imm12",
    [ISA_FORM_LW] = "rd,imm12(rs1)",
    [ISA_FORM_LD] = "rd,imm12(rs1)",
    [ISA_FORM_LBU] = "rd,imm12(rs1)",
    [ISA_FORM_LH] = "rd,imm12(rs1)",
    [ISA_FORM_SB] = "rs2,imm12(rs1)",
    [ISA_FORM_SH] = "rs2,imm12(rs1)",
    [ISA_FORM_SW] = "rs2,imm12(rs1)",
    [ISA_FORM_SD] = "rs2,imm12(rs1)",
    [ISA_FORM_ADDI] = "rd,imm12",
    [ISA_FORM_LI] = "rd,imm12",
    [ISA_FORM_ADDI16SP] = "rd,imm12",
    [ISA_FORM_LUI] = "rd,uimm20",
    [ISA_FORM_SHAMT3] = "rd,shamt6",
    [ISA_FORM_SHAMT5] = "rd,shamt6",
    [ISA_FORM_ANDI] = "rd,imm12",
    [ISA_FORM_CA] = "rd,rs2",
    [ISA_FORM_CU] = "rd",
    [ISA_FORM_ZEXT_B] = "rd",
    [ISA_FORM_NOT] = "rd",
    [ISA_FORM_JAL] = "jtarget",
    [ISA_FORM_J] = "jtarget",
    [ISA_FORM_BRANCH] = "rs1,btarget",
    [ISA_FORM_LDSP] = "rd,imm12(rs1)",
    [ISA_FORM_LWSP] = "rd,imm12(rs1)",
    [ISA_FORM_JR] = "rs1",
    [ISA_FORM_JALR] = "rs1",
    [ISA_FORM_MV] = "rd,rs2",
    [ISA_FORM_ADD] = "rd,rs2",
    [ISA_FORM_SDSP] = "rs2,imm12(rs1)",
    [ISA_FORM_SWSP] = "rs2,imm12(rs1)",
    [ISA_FORM_MOP] = "",
    [ISA_FORM_SS] = "",
    [ISA_FORM_PUSH32] = "list,-adjust",
    [ISA_FORM_PUSH64] = "list,-adjust",
    [ISA_FORM_POP32] = "list,adjust",
    [ISA_FORM_POP64] = "list,adjust",
    [ISA_FORM_SREGS] = "rs1,rs2",
    [ISA_FORM_TABLE] = "imm12",
};

static const char *const rounding_modes[8] = {
    "rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn"
};

static const char *const fli_values[32] = {
    "-0x1p+0", "min",      "0x1p-16",  "0x1p-15",  "0x1p-8",  "0x1p-7",   "0x1p-4",   "0x1p-3",
    "0x1p-2",  "0x1.4p-2", "0x1.8p-2", "0x1.cp-2", "0x1p-1",  "0x1.4p-1", "0x1.8p-1", "0x1.cp-1",
    "0x1p+0",  "0x1.4p+0", "0x1.8p+0", "0x1.cp+0", "0x1p+1",  "0x1.4p+1", "0x1.8p+1", "0x1p+2",
    "0x1p+3",  "0x1p+4",   "0x1p+7",   "0x1p+8",   "0x1p+15", "0x1p+16",  "inf",      "nan",
};

/* The text written so far; `used` continues to count after the end, as in snprintf. */
struct text {
    char *text;
    size_t size, used;
};

static void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void text_add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = text->used < text->size ? text->size - text->used : 0;
    int length = vsnprintf(room ? text->text + text->used : NULL, room, format, arguments);
    text->used += length > 0 ? (size_t)length : 0;
    va_end(arguments);
}

static void add_fence_set(struct text *text, unsigned set)
{
    if (!set)
        text_add(text, "unknown");
    for (unsigned i = 0; i < 4; i++)
        if (set >> (3 - i) & 1)
            text_add(text, "%c", "iorw"[i]);
}

static bool token_is(const char *token, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(token, name, length) == 0;
}

/* Registers: rd, rs1..3 by the flags of a row, fd, fs1..3 always floating-point, pd, ps1..3 the first of a
 * pair, vd, vs1..3 vectors. */
static bool add_register(struct text *text, const struct isa_operands *o, unsigned flags, const char *token,
                         size_t length)
{
    const struct {
        const char *name;
        uint8_t number;
        bool floating;
    } registers[] = {
        { "rd", o->rd, flags & ISA_FRD },
        { "rs1", o->rs1, flags & ISA_FRS1 },
        { "rs2", o->rs2, flags & ISA_FRS2 },
        { "rs3", o->rs3, flags & ISA_FRS3 },
        { "fd", o->rd, true },
        { "fs1", o->rs1, true },
        { "fs2", o->rs2, true },
        { "fs3", o->rs3, true },
        { "pd", o->rd, false },
        { "ps1", o->rs1, false },
        { "ps2", o->rs2, false },
        { "ps3", o->rs3, false },
    };
    const struct {
        const char *name;
        uint8_t number;
    } vectors[] = { { "vd", o->rd }, { "vs1", o->rs1 }, { "vs2", o->rs2 }, { "vs3", o->rd } };
    for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        if (token_is(token, length, vectors[i].name)) {
            text_add(text, "v%u", vectors[i].number);
            return true;
        }
    }
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        if (token_is(token, length, registers[i].name)) {
            const char *const *names = registers[i].floating ? isa_f_names : isa_x_names;
            text_add(text, "%s", names[registers[i].number & 31]);
            return true;
        }
    }
    return false;
}

/* "e32,m1,ta,mu", or the number if the value is invalid ("Vector Type (vtype) Register"). */
static void add_vtype(struct text *text, unsigned vtype)
{
    static const char *const groups[] = { "m1", "m2", "m4", "m8", NULL, "mf8", "mf4", "mf2" };
    if (vtype >> 8 || (vtype >> 3 & 7) > 3 || !groups[vtype & 7])
        text_add(text, "%u", vtype);
    else
        text_add(text, "e%u,%s,%s,%s", 8u << (vtype >> 3 & 7), groups[vtype & 7],
                 vtype >> 6 & 1 ? "ta" : "tu", vtype >> 7 ? "ma" : "mu");
}

/* Zcmp: "{ra,s0-s3}". */
static void add_list(struct text *text, unsigned list)
{
    unsigned last = list == 15 ? 11 : list - 5;
    if (list < 4)
        text_add(text, "{}");
    else if (list == 4)
        text_add(text, "{ra}");
    else if (list == 5)
        text_add(text, "{ra,s0}");
    else
        text_add(text, "{ra,s0-s%u}", last);
}

static void add_value(struct text *text, const struct isa_operands *o, uint64_t pc, const char *token,
                      size_t length)
{
    char csr[16];
    if (token_is(token, length, "imm12") || token_is(token, length, "simm") ||
        token_is(token, length, "phi7")) {
        text_add(text, "%" PRId32, o->imm);
    } else if (token_is(token, length, "btarget") || token_is(token, length, "jtarget")) {
        text_add(text, "0x%" PRIx64, pc + (uint64_t)(int64_t)o->imm);
    } else if (token_is(token, length, "uimm20")) {
        text_add(text, "0x%" PRIx32, (uint32_t)o->imm >> 12);
    } else if (token_is(token, length, "shamt5") || token_is(token, length, "shamt6") ||
               token_is(token, length, "bs2") || token_is(token, length, "rnum4")) {
        text_add(text, "0x%" PRIx32, (uint32_t)o->imm);
    } else if (token_is(token, length, "csr12")) {
        isa_csr_name((unsigned)o->imm & 0xfff, csr, sizeof(csr));
        text_add(text, "%s", csr);
    } else if (token_is(token, length, "uimm5")) {
        text_add(text, "%u", (unsigned)o->imm >> 16 & 31);
    } else if (token_is(token, length, "avl")) {
        text_add(text, "%u", (unsigned)o->imm >> 16 & 31);
    } else if (token_is(token, length, "list")) {
        add_list(text, (unsigned)o->imm >> 16 & 15);
    } else if (token_is(token, length, "adjust") || token_is(token, length, "-adjust")) {
        text_add(text, "%d", (*token == '-' ? -1 : 1) * (int)(o->imm & 0xffff));
    } else if (token_is(token, length, "cimm")) {
        text_add(text, "%d", o->rs2 ? o->rs2 : -1);
    } else if (token_is(token, length, "simm5") || token_is(token, length, "zimm5") ||
               token_is(token, length, "zimm6")) {
        text_add(text, "%" PRId32, o->imm);
    } else if (token_is(token, length, "vtype10") || token_is(token, length, "vtype11")) {
        add_vtype(text, (unsigned)o->imm & 0x7ff);
    } else if (token_is(token, length, "vm")) {
        text_add(text, "v0.t");
    } else if (token_is(token, length, "sh2")) {
        text_add(text, "%u", o->rm);
    } else if (token_is(token, length, "step5")) {
        text_add(text, "%" PRId32, o->imm >> o->rm);
    } else if (token_is(token, length, "number6")) {
        text_add(text, "%" PRId32, o->imm);
    } else if (token_is(token, length, "msb6")) {
        text_add(text, "%" PRId32, o->imm >> 6);
    } else if (token_is(token, length, "lsb6")) {
        text_add(text, "%" PRId32, o->imm & 63);
    } else if (token_is(token, length, "fli")) {
        text_add(text, "%s", fli_values[o->imm & 31]);
    } else if (token_is(token, length, "pred4")) {
        add_fence_set(text, (unsigned)o->imm >> 4 & 15);
    } else if (token_is(token, length, "succ4")) {
        add_fence_set(text, (unsigned)o->imm & 15);
    } else {
        text_add(text, "%.*s", (int)length, token);
    }
}

/* A rounding mode is left out, with its comma, if an assembler would supply it. */
static bool rounding_mode_implied(const struct isa_entry *entry, unsigned rm)
{
    return entry->flags & ISA_EXACT ? rm == 0 : rm == 7;
}

static void add_operands(struct text *text, const struct isa_operands *o, const struct isa_entry *entry,
                         const char *operands, uint64_t pc)
{
    for (const char *p = operands; *p;) {
        size_t punctuation = strspn(p, ",()");
        size_t length = strcspn(p + punctuation, ",()");
        bool mode = token_is(p + punctuation, length, "rm");
        bool unmasked = token_is(p + punctuation, length, "vm") && o->rm;
        if (unmasked || (mode && rounding_mode_implied(entry, o->rm))) {
            text_add(text, "%.*s", (int)punctuation - 1, p); /* without the comma */
            return;
        }
        text_add(text, "%.*s", (int)punctuation, p);
        p += punctuation;
        if (mode)
            text_add(text, "%s", rounding_modes[o->rm & 7]);
        else if (!add_register(text, o, entry->flags, p, length))
            add_value(text, o, pc, p, length);
        p += length;
    }
}

static void add_rvc(struct text *text, const struct isa_operands *o, uint64_t pc)
{
    enum isa_rvc_form form = isa_rvc_forms[o->rvc];
    const char *operands = form_operands[form];
    text_add(text, "%s", isa_rvc_entry(o->rvc)->mnemonic);
    if (form == ISA_FORM_MOP)
        text_add(text, ".%u", o->bits >> 7 & 31);
    /* The manual's table of hints: a shift by 0 is the encoding of a shift by 64 on RV128. */
    if ((form == ISA_FORM_SHAMT3 || form == ISA_FORM_SHAMT5) && o->imm == 0) {
        text_add(text, "64");
        operands = "rd";
    }
    if (form == ISA_FORM_SS)
        operands = isa_entry(o->insn)->operands;
    text_add(text, *operands ? " " : "");
    add_operands(text, o, isa_entry(o->insn), operands, pc);
}

size_t isa_disassemble(const struct isa_operands *operands, uint64_t pc, char *text, size_t size)
{
    struct text out = { .text = text, .size = size };
    const struct isa_entry *entry = isa_entry(operands->insn);
    if (size)
        text[0] = 0;
    if (operands->insn == ISA_INSN_ILLEGAL && operands->length == 2 && operands->bits == 0) {
        text_add(&out, "c.unimp"); /* this encoding is always illegal */
    } else if (operands->insn == ISA_INSN_ILLEGAL) {
        text_add(&out, ".insn %u, 0x%0*" PRIx32, operands->length, operands->length * 2, operands->bits);
    } else if (operands->rvc != ISA_RVC_COUNT) {
        add_rvc(&out, operands, pc);
    } else {
        text_add(&out, "%s", entry->mnemonic);
        if (entry->fields >> ISA_FIELD_aqrl & 1)
            text_add(&out, "%s", (const char *const[]){ "", ".rl", ".aq", ".aqrl" }[operands->rm & 3]);
        if (entry->fields >> ISA_FIELD_mop1 & 1)
            text_add(&out, ".%" PRId32, operands->imm);
        text_add(&out, *entry->operands ? " " : "");
        add_operands(&out, operands, entry, entry->operands, pc);
    }
    return out.used;
}
