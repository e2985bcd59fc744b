/* SPDX-License-Identifier: MIT
 *
 * Prints, checks, and runs code in a mode: see test.h.
 */
#include "test.h"

#include <stdarg.h>

#define SIFIVE_TEST 0x100000
#define CODE_BYTES  16384
#define MODE_STACK  8192

const uintptr_t run_status_default = STATUS_FS_DIRTY | STATUS_XL;
uintptr_t run_status, run_offset;
bool run_s_break;
uint8_t code_buffer[CODE_BYTES] __attribute__((aligned(4096)));
extern char mode_stacks[];
extern volatile uintptr_t hart1_function, hart1_argument;
void run_asm(struct context *context, uintptr_t pc, uintptr_t mstatus, const uintptr_t *args, uintptr_t sp,
             uintptr_t ra);
_Noreturn void test_start(void);
_Noreturn void test_unexpected_trap(const struct context *context);
void *memcpy(void *restrict to, const void *restrict from, __SIZE_TYPE__ size);
void *memset(void *to, int byte, __SIZE_TYPE__ size);

static unsigned checks, failures;
static uintptr_t code_used;

/* The compiler calls these two. */
void *memcpy(void *restrict to, const void *restrict from, __SIZE_TYPE__ size)
{
    for (__SIZE_TYPE__ i = 0; i < size; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int byte, __SIZE_TYPE__ size)
{
    for (__SIZE_TYPE__ i = 0; i < size; i++)
        ((volatile char *)to)[i] = (char)byte;
    return to;
}

/* ---- Output -------------------------------------------------------------------------------------------- */

void mmio_write32(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

uint32_t mmio_read32(uintptr_t address)
{
    return *(volatile uint32_t *)address;
}

static void print_char(char c)
{
    volatile uint8_t *uart = (volatile uint8_t *)UART;
    while (!(uart[5] & 0x20)) {
    }
    uart[0] = (uint8_t)c;
}

static void print_hex(uint64_t value)
{
    int shift = 60;
    while (shift > 0 && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        print_char("0123456789abcdef"[value >> shift & 15]);
}

static void print_decimal(uint32_t value)
{
    if (value >= 10)
        print_decimal(value / 10);
    print_char((char)('0' + value % 10));
}

void print(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    for (; *format; format++) {
        if (*format != '%') {
            print_char(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            for (const char *text = va_arg(list, const char *); *text; text++)
                print_char(*text);
            break;
        case 'u': print_decimal(va_arg(list, uint32_t)); break;
        case 'x': print_hex(va_arg(list, uintptr_t)); break;
        case 'X': print_hex(va_arg(list, uint64_t)); break;
        default: print_char(*format);
        }
    }
    va_end(list);
}

/* ---- Checks -------------------------------------------------------------------------------------------- */

static bool check(bool condition, const char *name)
{
    checks++;
    if (!condition) {
        failures++;
        print("FAIL %s/%s: ", test_name, name);
    }
    return condition;
}

void check_true(bool condition, const char *name)
{
    if (!check(condition, name))
        print("not so\n");
}

void check_equal(uint64_t got, uint64_t want, const char *name)
{
    if (!check(got == want, name))
        print("0x%X, expected 0x%X\n", got, want);
}

void check_trap(const struct trap *trap, uintptr_t cause, uintptr_t epc, uintptr_t tval, const char *name)
{
    bool same = trap->cause == cause && (cause == CAUSE_NONE || (trap->epc == epc && trap->tval == tval));
    if (!check(same, name))
        print("cause 0x%x epc 0x%x tval 0x%x, expected cause 0x%x epc 0x%x tval 0x%x\n", trap->cause,
              trap->epc, trap->tval, cause, epc, tval);
}

void check_cause(const struct trap *trap, uintptr_t cause, const char *name)
{
    if (!check(trap->cause == cause, name))
        print("cause 0x%x (epc 0x%x tval 0x%x), expected 0x%x\n", trap->cause, trap->epc, trap->tval, cause);
}

void skip(const char *name, const char *why)
{
    print("SKIP %s/%s: %s\n", test_name, name, why);
}

_Noreturn void test_finish(void)
{
    print("%s %s: %u checks, %u failed\n", failures || !checks ? "FAILED" : "PASSED", test_name, checks,
          failures);
    uint32_t code = failures > 255 ? 255 : failures;
    if (!checks)
        code = 1;
    mmio_write32(SIFIVE_TEST, code ? code << 16 | 0x3333 : 0x5555);
    for (;;)
        __asm__ volatile("wfi");
}

_Noreturn void test_unexpected_trap(const struct context *context)
{
    check(false, "unexpected-trap");
    print("cause 0x%x epc 0x%x tval 0x%x ra 0x%x\n", context->m_cause, context->m_epc, context->m_tval,
          context->x[1]);
    test_finish();
}

_Noreturn void test_start(void)
{
    for (unsigned hart = 0; hart < 2; hart++)
        contexts[hart].base_status = run_status_default;
    csr_write(CSR_MSTATUS, run_status_default);
    if (misa_has('U'))
        csr_write(CSR_MCOUNTEREN, 7);
    if (misa_has('S')) {
        csr_write(CSR_STVEC, (uintptr_t)s_entry);
        csr_write(CSR_MEDELEG, 0);
        csr_write(CSR_MIDELEG, 0);
        csr_write(CSR_SATP, 0);
        csr_write(CSR_SCOUNTEREN, 7);
    }
    for (unsigned hart = 0; hart < 2; hart++)
        clint_set_mtimecmp(hart, UINT64_MAX);
    run_status = run_status_default;
    if (misa_has('S') && csr_exists(CSR_MENVCFG)) /* older privileged versions have none */
        menvcfg_write(0);
    test_main();
    test_finish();
}

/* ---- Running code -------------------------------------------------------------------------------------- */

struct trap run(enum mode mode, uintptr_t pc, const uintptr_t args[6])
{
    struct context *context = &contexts[csr_read(CSR_MHARTID)];
    context->m_vector = context->s_vector = -1;
    context->s_taken = 0;
    context->s_break = run_s_break;
    uintptr_t stub = (uintptr_t)run_return + run_offset;
    uintptr_t status = (run_status & ~STATUS_MPP) | STATUS_MPP_OF(mode);
    uintptr_t stack = (uintptr_t)mode_stacks + MODE_STACK * (csr_read(CSR_MHARTID) + 1) + run_offset;
    run_asm(context, pc + run_offset, status, args, stack, stub);

    struct trap trap;
    if (context->s_taken) {
        trap = (struct trap){ .cause = context->s_cause,
                              .epc = context->s_epc,
                              .tval = context->s_tval,
                              .status = context->s_status,
                              .vector = context->s_vector,
                              .handler = MODE_S };
        memcpy(trap.x, context->sx, sizeof(trap.x));
    } else {
        trap = (struct trap){ .cause = context->m_cause,
                              .epc = context->m_epc,
                              .tval = context->m_tval,
                              .status = context->m_status,
                              .vector = context->m_vector,
                              .handler = MODE_M };
        memcpy(trap.x, context->x, sizeof(trap.x));
    }
    if (trap.epc == stub && trap.cause >= CAUSE_ECALL_U && trap.cause <= CAUSE_ECALL_M)
        trap.cause = CAUSE_NONE;
    return trap;
}

void code_begin(void)
{
    code_used = 0;
}

uintptr_t emit(uint32_t insn)
{
    uintptr_t address = CODE + code_used;
    unsigned size = (insn & 3) == 3 ? 4 : 2;
    for (unsigned i = 0; i < size && code_used < CODE_BYTES; i++)
        code_buffer[code_used++] = (uint8_t)(insn >> 8 * i);
    return address;
}

struct trap run_code(enum mode mode, const uintptr_t args[6])
{
    emit(RET);
    __asm__ volatile("fence.i" ::: "memory");
    return run(mode, CODE, args);
}

struct trap run_insn(enum mode mode, uint32_t insn, const uintptr_t args[6])
{
    code_begin();
    emit(insn);
    return run_code(mode, args);
}

struct trap csr_try_read(enum mode mode, unsigned csr)
{
    return run_insn(mode, CSRRS(A0, csr, ZERO), ARGS(0));
}

struct trap csr_try_write(enum mode mode, unsigned csr, uintptr_t value)
{
    return run_insn(mode, CSRRW(A0, csr, A0), ARGS(value));
}

bool csr_exists(unsigned csr)
{
    struct trap trap = csr_try_read(MODE_M, csr);
    return trap.cause == CAUSE_NONE;
}

/* ---- Board --------------------------------------------------------------------------------------------- */

void hart1_start(void (*function)(uintptr_t), uintptr_t argument)
{
    hart1_argument = argument;
    __asm__ volatile("fence" ::: "memory");
    hart1_function = (uintptr_t)function;
    __asm__ volatile("fence" ::: "memory");
    clint_set_msip(1, true);
}

bool hart1_wait(void)
{
    uint64_t end = clint_mtime() + 100000000; /* 10 s */
    for (unsigned turns = 0; hart1_function; turns++) {
        wait_turn(turns);
        if (clint_mtime() > end)
            return false;
    }
    __asm__ volatile("fence" ::: "memory");
    return true;
}

uint64_t clint_mtime(void)
{
    uint32_t high, low;
    do {
        high = mmio_read32(CLINT + 0xbffc);
        low = mmio_read32(CLINT + 0xbff8);
    } while (high != mmio_read32(CLINT + 0xbffc));
    return (uint64_t)high << 32 | low;
}

void clint_set_mtimecmp(unsigned hart, uint64_t value)
{
    mmio_write32(CLINT + 0x4004 + 8 * hart, UINT32_MAX);
    mmio_write32(CLINT + 0x4000 + 8 * hart, (uint32_t)value);
    mmio_write32(CLINT + 0x4004 + 8 * hart, (uint32_t)(value >> 32));
}

void clint_set_msip(unsigned hart, bool set)
{
    mmio_write32(CLINT + 4 * hart, set);
}
