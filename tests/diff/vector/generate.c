/* SPDX-License-Identifier: MIT
 *
 * Makes cases for the rows of vector.def; see vector.h. Most are legal. Now and then registers are misaligned
 * or overlap, or vstart or a rounding mode is not allowed.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/diff/vector/vector.h"

static bool operand_is(const struct isa_entry *entry, const char *name)
{
    return strstr(entry->operands, name) != NULL;
}

static bool starts(const struct isa_entry *entry, const char *name)
{
    return strncmp(entry->name, name, strlen(name)) == 0;
}

static unsigned sew_of(unsigned vtype)
{
    return vtype >> 3 & 7; /* log2 of bytes */
}

/* Returns the number at the end of a memory instruction's name: EEW in bits. */
static unsigned eew_of(const struct isa_entry *entry)
{
    const char *at = entry->name + strlen(entry->name);
    while (at > entry->name && !(at[-1] >= '0' && at[-1] <= '9'))
        at--;
    while (at > entry->name && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return (unsigned)strtoul(at, NULL, 10);
}

static unsigned fields_of(const struct isa_entry *entry)
{
    const char *segment = strstr(entry->name, "seg");
    return segment ? (unsigned)(segment[3] - '0') : 1;
}

static unsigned log2_bytes(unsigned bits)
{
    return bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
}

/* Mostly returns a multiple of eight, so that every group is aligned and two groups meet only if they are the
 * same. */
static unsigned vector_register(struct random *random)
{
    unsigned number = random_percent(random, 85) ? 8 * random_below(random, 4) : random_below(random, 32);
    if (random_percent(random, 10))
        number = 4 * random_below(random, 8) + 2 * random_below(random, 2);
    return number;
}

static bool memory(const struct isa_entry *entry)
{
    return entry->flags & (ISA_LOAD | ISA_STORE);
}

static bool indexed(const struct isa_entry *entry)
{
    return starts(entry, "vlux") || starts(entry, "vlox") || starts(entry, "vsux") || starts(entry, "vsox");
}

static bool strided(const struct isa_entry *entry)
{
    return memory(entry) && operand_is(entry, ",rs2");
}

/* ---- What the registers hold --------------------------------------------------------------------------- */

static enum pool_kind pool_for(const struct vector_case *c, const struct isa_entry *entry,
                               struct random *random)
{
    unsigned sew = sew_of(c->vtype);
    if (indexed(entry))
        return POOL_INDEX_8 + log2_bytes(eew_of(entry));
    if (starts(entry, "vrgather") && random_percent(random, 60))
        return POOL_INDEX_8 + (starts(entry, "vrgatherei16") ? 1 : sew);
    if (!(entry->flags & ISA_FP))
        return random_percent(random, 90) ? POOL_INTEGER : POOL_KINDS - 1;
    if (strstr(entry->name, "_x_") || strstr(entry->name, "_xu_"))
        return random_percent(random, 50) ? POOL_INTEGER : POOL_HALF + random_below(random, 3);
    bool wide = starts(entry, "vfw") || starts(entry, "vfn");
    unsigned kind = wide && random_percent(random, 50) ? sew : sew - 1;
    return kind < 3 && random_percent(random, 95) ? POOL_HALF + kind : POOL_HALF + random_below(random, 3);
}

static uint64_t index_value(struct random *random, unsigned kind)
{
    unsigned limit = kind == POOL_INDEX_8 ? 256 : random_percent(random, 50) ? 64 : WINDOW_FREE / 2;
    return random_below(random, limit) & (random_percent(random, 50) ? ~7u : ~0u);
}

/* Returns a value; values near the limits of the width are frequent. */
static uint64_t integer_of(struct random *random, unsigned bytes)
{
    uint64_t value = value_integer(random), top = 1ull << (8 * bytes - 1);
    switch (random_below(random, 8)) {
    case 0: return top - 1;
    case 1: return top;
    case 2: return top + random_below(random, 3) - 1;
    case 3: return 0;
    case 4: return UINT64_MAX - random_below(random, 2);
    default: return value;
    }
}

/* Makes a number between 1 and 2 of a NaN or an infinity. The translator leaves groups with a NaN in them to
 * handlers, so its own code is tested only if there is none. */
static uint64_t number_of(uint64_t value, unsigned bytes)
{
    uint64_t exponent = bytes == 2 ? 0x7c00 : bytes == 4 ? 0x7f800000 : UINT64_C(0x7ff) << 52;
    return (value & exponent) == exponent ? value & ~(UINT64_C(1) << (8 * bytes - 2)) : value;
}

static void fill_part(uint8_t *part, unsigned kind, struct random *random)
{
    for (size_t at = 0, bytes; at < POOL_PART; at += bytes) {
        uint64_t value;
        if (kind == POOL_INTEGER) {
            bytes = 1u << (at >> 6 & 3);
            value = integer_of(random, (unsigned)bytes);
        } else if (kind < POOL_INDEX_8) {
            bytes = 2u << (kind - POOL_HALF);
            value = value_float(random, (enum kind)(kind - POOL_HALF));
            if (at >= POOL_PART / 2)
                value = number_of(value, (unsigned)bytes);
        } else {
            bytes = 1u << (kind - POOL_INDEX_8);
            value = index_value(random, kind);
        }
        memcpy(part + at, &value, bytes);
    }
}

void vector_fill_pool(uint8_t *pool, struct random *random)
{
    for (unsigned kind = 0; kind < POOL_KINDS; kind++)
        fill_part(pool + kind * POOL_PART, kind, random);
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

/* Returns an address in the middle of the window, or one so near its end that some element faults. */
static uint64_t address_for(uint64_t window, struct random *random)
{
    if (random_percent(random, 70))
        return window + WINDOW_SIZE / 2 + random_below(random, 64) * (random_percent(random, 50) ? 8 : 1);
    return window + WINDOW_SIZE - random_below(random, random_percent(random, 50) ? 64 : 1200);
}

static uint64_t stride_for(struct random *random, unsigned elements)
{
    int limit = elements ? WINDOW_FREE / (int)elements : WINDOW_FREE;
    int stride = (int)random_below(random, 2 * (unsigned)limit + 1) - limit;
    return random_percent(random, 15) ? 0 : (uint64_t)(int64_t)stride;
}

static void generate_memory_operands(struct vector_case *c, const struct isa_entry *entry, unsigned vlen,
                                     uint64_t window, struct isa_operands *o, struct random *random)
{
    unsigned vlmax = vector_vlmax(vlen, c->vtype), elements = c->avl < vlmax ? c->avl : vlmax;
    c->x[o->rs1 - FIRST] = address_for(window, random);
    /* QEMU 10.0 fails an assertion if a load or store of whole registers, or of a mask, crosses a page. */
    if (!(entry->fields >> ISA_FIELD_vm & 1)) {
        c->x[o->rs1 - FIRST] = window + WINDOW_SIZE - (random_percent(random, 80) ? vlen : 0);
        /* There must be an element from vstart on. */
        c->vstart = entry->name[2] == 'm' ? 0 : c->vstart & (vlen / 64 - 1);
    }
    /* QEMU 10.0 also fails it if a segment of a fault-only-first load crosses a page. */
    if (strstr(entry->name, "ff_v")) {
        unsigned segment = fields_of(entry) * eew_of(entry) / 8;
        c->x[o->rs1 - FIRST] = window + WINDOW_SIZE - random_below(random, 40) * segment;
    }
    if (strided(entry)) {
        o->rs2 = (uint8_t)(FIRST + (o->rs1 - FIRST + 1) % SCALARS);
        c->x[o->rs2 - FIRST] = stride_for(random, elements);
    }
    c->stores = entry->flags & ISA_STORE;
}

/* ---- A case -------------------------------------------------------------------------------------------- */

static uint32_t avl_for(struct random *random, unsigned vlmax)
{
    switch (random_below(random, 8)) {
    case 0: return 0;
    case 1: return 1;
    case 2: return vlmax + random_below(random, 3);
    case 3: return random_below(random, vlmax + 1) | 1;
    case 4: return 1 + random_below(random, 8);
    case 5: return random_below(random, vlmax + 1);
    default: return vlmax;
    }
}

static void random_registers(struct vector_case *c, struct random *random)
{
    unsigned sew = sew_of(c->vtype);
    for (unsigned i = 0; i < SCALARS; i++) {
        c->x[i] = random_percent(random, 40) ? random_below(random, 40) : value_integer(random);
        c->f[i] = value_float(random, sew && random_percent(random, 90) ? (enum kind)(sew - 1) : KIND_D);
    }
}

/* Returns any vtype, often a valid one, for vsetvl and its like. */
static int32_t random_vtype(struct random *random, const struct isa_entry *entry)
{
    unsigned vtype = random_below(random, random_percent(random, 80) ? 256 : 2048);
    if (random_percent(random, 60))
        vtype &= 0xdf; /* SEW up to 64 */
    return (int32_t)(strcmp(entry->name, "vsetivli") == 0 ? (vtype & 0x3ff) | random_below(random, 32) << 16
                                                          : vtype);
}

static void generate_bits(struct vector_case *c, const struct isa_entry *entry, unsigned vlen,
                          uint64_t window, struct random *random)
{
    struct isa_operands o = { .insn = c->insn };
    bool vd = entry->flags & ISA_VRD;
    o.rm = random_percent(random, 60); /* vm */
    o.rd = (uint8_t)(vd ? vector_register(random) : FIRST + random_below(random, SCALARS));
    if (vd && !o.rm && o.rd == 0 && random_percent(random, 90))
        o.rd = 8;
    if (!vd && random_percent(random, 10))
        o.rd = 0;
    o.rs1 =
        (uint8_t)(entry->flags & ISA_VRS1 ? vector_register(random) : FIRST + random_below(random, SCALARS));
    o.rs2 =
        (uint8_t)(entry->flags & ISA_VRS2 ? vector_register(random) : FIRST + random_below(random, SCALARS));
    o.imm = (int32_t)random_below(random, 64);
    if (entry->fields >> ISA_FIELD_simm5 & 1)
        o.imm = (int32_t)random_below(random, 32) - 16;
    if (entry->fields >> ISA_FIELD_vtype10 & 1 || entry->fields >> ISA_FIELD_vtype11 & 1)
        o.imm = random_vtype(random, entry);
    if (memory(entry))
        generate_memory_operands(c, entry, vlen, window, &o, random);
    if (starts(entry, "vset") && random_percent(random, 20))
        o.rs1 = 0;
    if (c->insn == ISA_INSN_vsetvl)
        c->x[o.rs2 - FIRST] =
            (uint64_t)random_vtype(random, entry) | (random_percent(random, 10) ? 1ull << 63 : 0);
    /* A scalar that is not NaN-boxed counts as BF16's NaN; QEMU 10.0 takes that of half precision. */
    if (c->insn == ISA_INSN_vfwmaccbf16_vf)
        c->f[o.rs1 - FIRST] |= ~UINT64_C(0xffff);
    c->bits = isa_encode(c->insn, &o);
}

void vector_generate(struct vector_case *c, enum isa_insn insn, unsigned vtype, unsigned vlen,
                     uint64_t window, struct random *random)
{
    const struct isa_entry *entry = isa_entry(insn);
    /* QEMU 10.0 refuses all fractional LMULs; "Vector Cryptography", 1.5, allows some. */
    if (starts(entry, "vsha2") && vtype & 4)
        vtype ^= 4;
    /* Instructions with this opcode work on groups of elements, mostly of 32 bits. */
    bool groups = (entry->match & 0x7f) == 0x77 && random_percent(random, 80);
    if (groups)
        vtype = random_below(random, 4) | (starts(entry, "vsha2") && random_percent(random, 50) ? 3 : 2) << 3;
    /* Extensions from an eighth of SEW have few vtypes. */
    if (strstr(entry->name, "vf8") && random_percent(random, 60))
        vtype = random_below(random, 4) | 3 << 3;
    unsigned vlmax = vector_vlmax(vlen, vtype);
    *c = (struct vector_case){ .insn = insn, .vtype = (uint8_t)(vtype | random_below(random, 4) << 6) };
    c->avl = avl_for(random, vlmax);
    c->vstart = random_percent(random, 85) ? 0 : random_below(random, vlmax + 2) & (vlen - 1);
    if (groups) {
        c->avl &= ~7u;
        c->vstart &= ~7u;
    }
    c->vcsr = (uint8_t)(random_below(random, 4) << 1 | random_percent(random, 20));
    c->frm = (uint8_t)random_below(random, random_percent(random, 97) ? 5 : 8);
    random_registers(c, random);
    generate_bits(c, entry, vlen, window, random);
    c->pool = pool_for(c, entry, random);
    c->pool_offset = random_below(random, (POOL_PART - 32 * vlen / 8) / 8) * 8;
    c->mask_offset = random_below(random, (POOL_PART - vlen / 8) / 8) * 8;
}
