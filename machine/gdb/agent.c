/* SPDX-License-Identifier: MIT
 *
 * Conditions of breakpoints, as gdb compiles them (gdb manual, "The GDB Agent Expression Mechanism"): a stack
 * machine on 64-bit values. They are evaluated on the hart's own thread, so a breakpoint whose condition is
 * seldom true needs no exchange with gdb. The code comes from outside, so the stack, the jumps and the number
 * of steps are bounded. If a bound is exceeded, an operation is unknown or memory cannot be read, the
 * condition is true.
 */
#include <string.h>

#include "cpu/hart_view.h"
#include "machine/gdb/internal.h"

enum opcode {
    OP_ADD = 0x02,
    OP_SUB,
    OP_MUL,
    OP_DIV_SIGNED,
    OP_DIV_UNSIGNED,
    OP_REM_SIGNED,
    OP_REM_UNSIGNED,
    OP_LSH,
    OP_RSH_SIGNED,
    OP_RSH_UNSIGNED,
    OP_LOG_NOT = 0x0e,
    OP_BIT_AND,
    OP_BIT_OR,
    OP_BIT_XOR,
    OP_BIT_NOT,
    OP_EQUAL,
    OP_LESS_SIGNED,
    OP_LESS_UNSIGNED,
    OP_EXT,
    OP_REF8,
    OP_REF16,
    OP_REF32,
    OP_REF64,
    OP_IF_GOTO = 0x20,
    OP_GOTO,
    OP_CONST8,
    OP_CONST16,
    OP_CONST32,
    OP_CONST64,
    OP_REG,
    OP_END,
    OP_DUP,
    OP_POP,
    OP_ZERO_EXT,
    OP_SWAP,
    OP_PICK = 0x32,
    OP_ROT,
};

#define STACK_MAX 64
#define STEPS_MAX 10000

struct agent {
    struct hart *hart;
    const uint8_t *code;
    size_t length, at;
    uint64_t stack[STACK_MAX];
    unsigned depth;
    bool failed;
};

static uint64_t pop(struct agent *agent)
{
    if (agent->depth == 0) {
        agent->failed = true;
        return 0;
    }
    return agent->stack[--agent->depth];
}

static void push(struct agent *agent, uint64_t value)
{
    if (agent->depth == STACK_MAX)
        agent->failed = true;
    else
        agent->stack[agent->depth++] = value;
}

/* Reads an operand from the code; it is big-endian. */
static uint64_t operand(struct agent *agent, unsigned bytes)
{
    uint64_t value = 0;
    if (agent->length - agent->at < bytes) {
        agent->failed = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | agent->code[agent->at++];
    return value;
}

static void jump(struct agent *agent, uint64_t target, bool taken)
{
    if (taken && target >= agent->length)
        agent->failed = true;
    else if (taken)
        agent->at = (size_t)target;
}

/* Division and remainder. Division by zero fails, and the one possible overflow wraps. */
static uint64_t divide(struct agent *agent, enum opcode op, uint64_t a, uint64_t b)
{
    bool remainder = op == OP_REM_SIGNED || op == OP_REM_UNSIGNED;
    if (b == 0) {
        agent->failed = true;
        return 0;
    }
    if (op == OP_DIV_UNSIGNED || op == OP_REM_UNSIGNED)
        return remainder ? a % b : a / b;
    if (b == UINT64_MAX)
        return remainder ? 0 : -a;
    return (uint64_t)(remainder ? (int64_t)a % (int64_t)b : (int64_t)a / (int64_t)b);
}

static void binary(struct agent *agent, enum opcode op)
{
    uint64_t b = pop(agent), a = pop(agent), value = 0;
    switch (op) {
    case OP_ADD: value = a + b; break;
    case OP_SUB: value = a - b; break;
    case OP_MUL: value = a * b; break;
    case OP_LSH: value = b < 64 ? a << b : 0; break;
    case OP_RSH_SIGNED: value = (uint64_t)((int64_t)a >> (b < 64 ? b : 63)); break;
    case OP_RSH_UNSIGNED: value = b < 64 ? a >> b : 0; break;
    case OP_BIT_AND: value = a & b; break;
    case OP_BIT_OR: value = a | b; break;
    case OP_BIT_XOR: value = a ^ b; break;
    case OP_EQUAL: value = a == b; break;
    case OP_LESS_SIGNED: value = (int64_t)a < (int64_t)b; break;
    case OP_LESS_UNSIGNED: value = a < b; break;
    default: value = divide(agent, op, a, b); break;
    }
    push(agent, value);
}

static void extend(struct agent *agent, bool sign)
{
    uint64_t bits = operand(agent, 1), value = pop(agent);
    if (bits == 0 || bits > 64) {
        agent->failed = true;
        return;
    }
    unsigned shift = 64 - (unsigned)bits;
    push(agent, sign ? (uint64_t)((int64_t)(value << shift) >> shift) : value << shift >> shift);
}

static void load(struct agent *agent, unsigned size)
{
    uint64_t value = 0, vaddr = pop(agent);
    if (hart_view_read(agent->hart, vaddr, &value, size) != size)
        agent->failed = true;
    push(agent, value);
}

static void load_register(struct agent *agent)
{
    uint64_t value = 0;
    if (!gdb_register_get(agent->hart, (unsigned)operand(agent, 2), &value))
        agent->failed = true;
    push(agent, value);
}

static void shuffle(struct agent *agent, enum opcode op)
{
    uint64_t depth = op == OP_PICK ? operand(agent, 1) : 0, a, b, c;
    switch (op) {
    case OP_DUP:
        a = pop(agent);
        push(agent, a);
        push(agent, a);
        break;
    case OP_SWAP:
        a = pop(agent), b = pop(agent);
        push(agent, a);
        push(agent, b);
        break;
    case OP_ROT: /* a b c => c a b */
        c = pop(agent), b = pop(agent), a = pop(agent);
        push(agent, c);
        push(agent, a);
        push(agent, b);
        break;
    default:
        if (depth >= agent->depth)
            agent->failed = true;
        else
            push(agent, agent->stack[agent->depth - 1 - depth]);
    }
}

static void unary(struct agent *agent, enum opcode op)
{
    uint64_t target = op == OP_IF_GOTO || op == OP_GOTO ? operand(agent, 2) : 0;
    switch (op) {
    case OP_LOG_NOT: push(agent, !pop(agent)); break;
    case OP_BIT_NOT: push(agent, ~pop(agent)); break;
    case OP_POP: pop(agent); break;
    case OP_IF_GOTO: jump(agent, target, pop(agent) != 0); break;
    case OP_GOTO: jump(agent, target, true); break;
    default: agent->failed = true;
    }
}

static void execute(struct agent *agent, enum opcode op)
{
    switch (op) {
    case OP_EXT: extend(agent, true); break;
    case OP_ZERO_EXT: extend(agent, false); break;
    case OP_REF8:
    case OP_REF16:
    case OP_REF32:
    case OP_REF64: load(agent, 1u << (op - OP_REF8)); break;
    case OP_CONST8:
    case OP_CONST16:
    case OP_CONST32:
    case OP_CONST64: push(agent, operand(agent, 1u << (op - OP_CONST8))); break;
    case OP_REG: load_register(agent); break;
    case OP_DUP:
    case OP_SWAP:
    case OP_PICK:
    case OP_ROT: shuffle(agent, op); break;
    case OP_LOG_NOT:
    case OP_BIT_NOT:
    case OP_POP:
    case OP_IF_GOTO:
    case OP_GOTO: unary(agent, op); break;
    default:
        if (op < OP_ADD || op > OP_LESS_UNSIGNED || op == 0x0c || op == 0x0d)
            agent->failed = true;
        else
            binary(agent, op);
    }
}

bool gdb_agent_true(struct hart *hart, const uint8_t *code, size_t length)
{
    struct agent agent = { .hart = hart, .code = code, .length = length };
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        enum opcode op = (enum opcode)operand(&agent, 1);
        if (!agent.failed && op == OP_END)
            return pop(&agent) != 0 || agent.failed;
        if (!agent.failed)
            execute(&agent, op);
        if (agent.failed)
            return true;
    }
    return true;
}
