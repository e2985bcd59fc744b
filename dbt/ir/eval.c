/* SPDX-License-Identifier: MIT
 *
 * Runs a region's operations; see eval.h.
 */
#include "dbt/ir/eval.h"

#include <string.h>

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t z = a * 0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

enum page { PAGE_MISSING, PAGE_READ_ONLY, PAGE_WRITABLE };

static enum page page_of(const struct ir_state *s, uint64_t address)
{
    unsigned chance = mix(s->seed, address & PAGE_MASK) % 8;
    return chance == 0 ? PAGE_MISSING : chance == 1 ? PAGE_READ_ONLY : PAGE_WRITABLE;
}

/* Whether [address, address + size) lies in one page that may be accessed so. */
static bool accessible(const struct ir_state *s, uint64_t address, uint64_t size, bool write)
{
    enum page page = page_of(s, address);
    if (s->xlen == 32 && address >> 32)
        return false;
    return !((address ^ (address + size - 1)) & PAGE_MASK) && page != PAGE_MISSING &&
           (!write || page == PAGE_WRITABLE);
}

static uint8_t load_byte(const struct ir_state *s, uint64_t address)
{
    for (unsigned i = s->store_count; i-- > 0;)
        if (s->stores[i].address == address)
            return s->stores[i].value;
    return (uint8_t)mix(s->seed + 1, address);
}

static uint64_t load(const struct ir_state *s, uint64_t address, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)load_byte(s, address + i) << 8 * i;
    return value;
}

static bool store_byte(struct ir_state *s, uint64_t address, uint8_t value)
{
    unsigned i = 0;
    while (i < s->store_count && s->stores[i].address != address)
        i++;
    if (i == IR_STORES_MAX)
        return false;
    s->stores[i] = (struct ir_store){ address, value };
    s->store_count += i == s->store_count;
    return true;
}

/* ---- Integers ------------------------------------------------------------------------------------------ */

static uint64_t extend(uint64_t value, unsigned bits, bool sign)
{
    unsigned shift = 64 - bits;
    return sign ? (uint64_t)((int64_t)(value << shift) >> shift) : value << shift >> shift;
}

static bool holds(const struct t2_insn *insn, uint64_t a, uint64_t b)
{
    if (insn->bits == 32) {
        a = extend(a, 32, true); /* which keeps the order of unsigned numbers, too */
        b = extend(b, 32, true);
    }
    switch (insn->cond) {
    case T2_EQ: return a == b;
    case T2_NE: return a != b;
    case T2_LT: return (int64_t)a < (int64_t)b;
    case T2_GE: return (int64_t)a >= (int64_t)b;
    case T2_LTU: return a < b;
    case T2_GEU: return a >= b;
    default: return (int64_t)a <= (int64_t)b;
    }
}

/* "Division Operations": a division by zero gives all ones and the dividend; an overflow, the dividend and
 * 0. */
static uint64_t divide(const struct t2_insn *insn, uint64_t a, uint64_t b)
{
    bool quotient = insn->op == T2_DIV;
    a = extend(a, insn->bits, insn->sign);
    b = extend(b, insn->bits, insn->sign);
    if (b == 0)
        return quotient ? UINT64_MAX : a;
    if (insn->sign && b == UINT64_MAX)
        return quotient ? 0 - a : 0;
    if (insn->sign)
        return (uint64_t)(quotient ? (int64_t)a / (int64_t)b : (int64_t)a % (int64_t)b);
    return quotient ? a / b : a % b;
}

static uint64_t multiply_high(const struct t2_insn *insn, uint64_t a, uint64_t b)
{
    bool a_signed = insn->op == T2_MULHSU || insn->sign, b_signed = insn->op == T2_MULH && insn->sign;
    if (insn->bits == 32)
        return extend(a, 32, a_signed) * extend(b, 32, b_signed) >> 32;
    uint64_t high = (uint64_t)((unsigned __int128)a * b >> 64);
    if (a_signed && (int64_t)a < 0)
        high -= b;
    if (b_signed && (int64_t)b < 0)
        high -= a;
    return high;
}

static uint64_t shift(const struct t2_insn *insn, uint64_t a, uint64_t b)
{
    unsigned n = (unsigned)b & (insn->bits - 1u), back = -n & (insn->bits - 1u);
    a = extend(a, insn->bits, insn->op == T2_SAR);
    switch (insn->op) {
    case T2_SHL: return a << n;
    case T2_SHR: return a >> n;
    case T2_SAR: return (uint64_t)((int64_t)a >> n);
    case T2_ROL: return n ? a << n | a >> back : a;
    default: return n ? a >> n | a << back : a;
    }
}

static uint64_t count(const struct t2_insn *insn, uint64_t a)
{
    a = extend(a, insn->bits, false);
    if (insn->op == T2_CPOP)
        return (uint64_t)__builtin_popcountll(a);
    if (!a)
        return insn->bits;
    return insn->op == T2_CLZ ? (uint64_t)__builtin_clzll(a) - (64 - insn->bits)
                              : (uint64_t)__builtin_ctzll(a);
}

static uint64_t bit(const struct t2_insn *insn, uint64_t a, uint64_t b)
{
    uint64_t mask = UINT64_C(1) << (b & (insn->bits - 1u));
    switch (insn->op) {
    case T2_BEXT: return (a & mask) != 0;
    case T2_BSET: return a | mask;
    case T2_BCLR: return a & ~mask;
    default: return a ^ mask;
    }
}

static uint64_t integer(const struct ir_state *s, const struct t2_insn *insn, uint64_t a, uint64_t b)
{
    switch (insn->op) {
    case T2_CONST: return (uint64_t)insn->imm;
    case T2_PC: return s->page + (uint64_t)insn->imm;
    case T2_ADD: return a + b;
    case T2_SUB: return a - b;
    case T2_AND: return a & b;
    case T2_OR: return a | b;
    case T2_XOR: return a ^ b;
    case T2_MUL: return a * b;
    case T2_MULH:
    case T2_MULHSU: return multiply_high(insn, a, b);
    case T2_DIV:
    case T2_REM: return divide(insn, a, b);
    case T2_ANDN: return a & ~b;
    case T2_ORN: return a | ~b;
    case T2_XNOR: return ~(a ^ b);
    case T2_SHADD: return (extend(a, insn->sign ? 64 : 32, false) << insn->imm) + b;
    case T2_SET: return holds(insn, a, b);
    case T2_SELECT: return holds(insn, a, b) ? a : b;
    case T2_CZERO: return holds(insn, b, 0) ? 0 : a;
    case T2_REV8: return insn->bits == 32 ? __builtin_bswap32((uint32_t)a) : __builtin_bswap64(a);
    case T2_CLZ:
    case T2_CTZ:
    case T2_CPOP: return count(insn, a);
    default:
        return t2_ops[insn->op].class == T2_CLASS_SHIFT ? shift(insn, a, b)
               : t2_ops[insn->op].class == T2_CLASS_BIT ? bit(insn, a, b)
                                                        : a;
    }
}

static uint64_t integer_result(const struct ir_state *s, const struct t2_insn *insn, uint64_t a, uint64_t b)
{
    uint64_t value = integer(s, insn, a, b);
    if (insn->op == T2_EXT)
        return extend(value, insn->bits, insn->sign);
    return insn->bits == 32 && t2_ops[insn->op].class != T2_CLASS_COMPARE ? extend(value, 32, true) : value;
}

/* ---- Operations ---------------------------------------------------------------------------------------- */

static uint64_t value_of(const struct ir_state *s, const struct t2_insn *insn, unsigned operand)
{
    if (operand == T2_IMM)
        return (uint64_t)insn->imm;
    if (operand >= T2_VARS)
        return 0;
    return t2_is_f(operand) ? s->f[operand - T2_F0] : operand ? s->x[operand] : 0;
}

static void set(struct ir_state *s, unsigned variable, uint64_t value)
{
    if (t2_is_f(variable))
        s->f[variable - T2_F0] = value;
    else if (variable < 32 && variable != T2_X0)
        s->x[variable] = s->xlen == 32 ? (uint32_t)value : value;
}

static const uint64_t box = 0xffffffff00000000;

/* True: the region is left before the access. */
static bool access(struct ir_state *s, const struct t2_insn *insn, const char **fault)
{
    uint64_t base = value_of(s, insn, insn->a), address = base + (uint64_t)insn->imm;
    unsigned bytes = insn->bits / 8u;
    if (insn->cut)
        address = (uint32_t)address;
    uint64_t first = base + (uint64_t)(int64_t)insn->lo;
    if (insn->check != T2_CHECK_NONE && !accessible(s, first, (uint64_t)(insn->hi - insn->lo), insn->write)) {
        s->wrapped = s->xlen == 32 && first >> 32;
        return true;
    }
    if (!accessible(s, address, bytes, t2_is_store(insn))) {
        *fault = "an access goes to a page that was not checked";
        return true;
    }
    if (insn->op == T2_LOAD) {
        set(s, insn->d, extend(load(s, address, bytes), insn->bits, insn->sign));
    } else if (insn->op == T2_FLOAD) {
        set(s, insn->d, load(s, address, bytes) | (bytes == 4 ? box : 0));
    } else {
        uint64_t value = value_of(s, insn, insn->b);
        for (unsigned i = 0; i < bytes; i++)
            if (!store_byte(s, address + i, (uint8_t)(value >> 8 * i)))
                *fault = "there are too many stores";
    }
    return false;
}

/* The same for floating point. */
static bool floating(struct ir_state *s, const struct t2_insn *insn)
{
    const struct t2_op_info *op = &t2_ops[insn->op];
    uint64_t a = value_of(s, insn, insn->a), b = value_of(s, insn, insn->b), c = value_of(s, insn, insn->c);
    uint64_t what = insn->op | (uint64_t)insn->bits << 8 | (uint64_t)insn->cond << 16 |
                    (uint64_t)insn->sign << 24 | (uint64_t)(uint32_t)insn->imm << 32;
    uint64_t result = mix(mix(mix(what, a), b), c);
    if (op->flags & T2_EXIT && mix(s->seed, result) % 64 == 0)
        return true;
    if (op->class != T2_CLASS_MOVE && op->class != T2_CLASS_SIGN && insn->op != T2_FFLAGS)
        s->flags = mix(s->flags, result);
    switch (insn->op) {
    case T2_FMVX: result = insn->bits == 32 ? extend(a, 32, true) : a; break;
    case T2_XMVF: result = insn->bits == 32 ? a | box : a; break;
    case T2_FFLAGS: result = s->flags & 31; break;
    case T2_FCMP: result &= 1; break;
    case T2_FCVTIF: result = insn->imm == 32 ? extend(result, 32, true) : result; break;
    default: result |= insn->bits == 32 ? box : 0; break;
    }
    set(s, insn->d, result);
    return false;
}

/* The same for all operations except control, which the caller does. */
static bool operate(struct ir_state *s, const struct t2_insn *insn, const char **fault)
{
    const struct t2_op_info *op = &t2_ops[insn->op];
    if (op->class == T2_CLASS_ACCESS)
        return access(s, insn, fault);
    if (op->type == T2_TYPE_FP)
        return floating(s, insn);
    if (op->class != T2_CLASS_NOTHING && op->class != T2_CLASS_ORDER)
        set(s, insn->d, integer_result(s, insn, value_of(s, insn, insn->a), value_of(s, insn, insn->b)));
    return false;
}

/* ---- Regions ------------------------------------------------------------------------------------------- */

struct run {
    const struct ir *ir;
    struct ir_state *state;
    struct ir_outcome outcome;
    uint64_t begun; /* guest instructions of the blocks before this one */
    unsigned block;
};

static bool leave(struct run *run, bool left, uint64_t done, int32_t offset)
{
    run->outcome.left = left;
    run->outcome.done = done;
    run->outcome.offset = offset;
    return false;
}

/* Goes where the block's end leads. False: the region is left. */
static bool go_on(struct run *run, const struct t2_insn *end)
{
    const struct t2_block *block = &run->ir->blocks[run->block];
    struct ir_state *s = run->state;
    uint64_t done = run->begun + block->guest_insns;
    if (end->op == T2_LEAVE)
        return leave(run, true, done - end->left, end->offset);
    bool taken = end->op == T2_BRANCH && holds(end, value_of(s, end, end->a), value_of(s, end, end->b));
    unsigned to = taken ? block->taken : block->next;
    if (to == T2_NOT_HERE)
        return leave(run, true, done, taken ? block->taken_offset : block->next_offset);
    run->begun = done;
    run->block = to;
    return true;
}

/* The region is left in front of the operation: what was sunk is computed. */
static void compute_sunk(struct run *run, const struct t2_block *block, unsigned position)
{
    for (unsigned i = block->first; i < position; i++) {
        const struct t2_insn *insn = &run->ir->insns[i];
        if (insn->sunk && i + insn->sunk >= position)
            operate(run->state, insn, &run->outcome.fault);
    }
}

static bool run_block(struct run *run, uint64_t limit, bool exact)
{
    const struct t2_block *block = &run->ir->blocks[run->block];
    if (run->begun >= limit)
        return leave(run, false, run->begun, block->offset);
    for (unsigned i = block->first; i < block->first + block->count; i++) {
        const struct t2_insn *insn = &run->ir->insns[i];
        uint64_t done = run->begun + block->guest_insns - insn->left;
        if (exact && done >= limit) {
            compute_sunk(run, block, i);
            return leave(run, false, done, insn->offset);
        }
        if (insn->sunk)
            continue;
        if (t2_ops[insn->op].flags & T2_END)
            return go_on(run, insn);
        if (operate(run->state, insn, &run->outcome.fault) || run->outcome.fault) {
            compute_sunk(run, block, i);
            return leave(run, true, done, insn->offset);
        }
    }
    return leave(run, true, run->begun, block->offset);
}

struct ir_outcome ir_eval(const struct ir *ir, struct ir_state *state, uint64_t limit, bool exact)
{
    struct run run = { .ir = ir, .state = state };
    state->xlen = ir->isa.xlen;
    while (run_block(&run, limit, exact))
        ;
    return run.outcome;
}

static bool has_byte(const struct ir_state *s, const struct ir_store *byte)
{
    for (unsigned i = 0; i < s->store_count; i++)
        if (s->stores[i].address == byte->address)
            return s->stores[i].value == byte->value;
    return false;
}

bool ir_same_state(const struct ir_state *a, const struct ir_state *b)
{
    if (memcmp(a->x + 1, b->x + 1, sizeof(a->x) - sizeof(a->x[0])) != 0 ||
        memcmp(a->f, b->f, sizeof(a->f)) != 0 || a->flags != b->flags || a->store_count != b->store_count)
        return false;
    for (unsigned i = 0; i < a->store_count; i++)
        if (!has_byte(b, &a->stores[i]))
            return false;
    return true;
}
