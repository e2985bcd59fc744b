/* SPDX-License-Identifier: MIT
 *
 * Support for bare-metal tests of the privileged architecture. A test is a C file with
 *
 *     void test_main(void);            const char test_name[];
 *
 * It builds a few instructions in a code buffer (code_begin(), emit()), runs them in M, S or U (run_code())
 * and compares the trap that ended them with what the specification says. "Priv." is the RISC-V Privileged
 * Architecture 1.13, "Unpriv." the unprivileged one.
 *
 * Every check has a name; a failed one prints "FAIL subject/name: ...". Output goes to the UART at
 * 0x10000000, the end to sifive_test at 0x100000, so any board with the address map of `virt` runs these
 * programs.
 */
#ifndef TEST_H
#define TEST_H

#include <stdbool.h>
#include <stdint.h>

#include "csr.h"
#include "insn.h"

enum mode { MODE_U = 0, MODE_S = 1, MODE_M = 3 };

enum cause {
    CAUSE_FETCH_MISALIGNED = 0,
    CAUSE_FETCH_ACCESS = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_BREAK = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_ECALL_S = 9,
    CAUSE_ECALL_M = 11,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
};
#define CAUSE_NONE   ((uintptr_t)-1) /* the code returned */
#define INTERRUPT(n) (((uintptr_t)1 << (XLEN - 1)) | (n))

/* One trap as the hart reported it. */
struct trap {
    uintptr_t cause; /* CAUSE_NONE: the code ran to its end */
    uintptr_t epc, tval;
    uintptr_t status;  /* mstatus or sstatus in the handler */
    enum mode handler; /* which mode's handler it went to */
    intptr_t vector;   /* entry of the vector table; -1: the base address itself */
    uintptr_t x[32];   /* registers when it was taken */
};

/* The layout that start.S relies on. */
struct context {
    uintptr_t x[32], sx[32];
    uintptr_t m_cause, m_epc, m_tval, m_status;
    intptr_t m_vector;
    uintptr_t s_cause, s_epc, s_tval, s_status;
    intptr_t s_vector;
    uintptr_t s_taken;
    uintptr_t armed;
    uintptr_t host[16];
    uintptr_t base_status;
    uintptr_t s_break; /* s_entry leaves by ebreak rather than ecall */
};

extern char run_return[], m_entry[], s_entry[], m_vectors[], s_vectors[], image_end[];
extern struct context contexts[];

/* ---- Checks -------------------------------------------------------------------------------------------- */

extern const char test_name[];
void test_main(void);
void print(const char *format, ...); /* %s %d %u %x (uintptr_t) %X (uint64_t) */
void check_true(bool condition, const char *name);
void check_equal(uint64_t got, uint64_t want, const char *name);
/* The trap has this cause, epc and tval. */
void check_trap(const struct trap *trap, uintptr_t cause, uintptr_t epc, uintptr_t tval, const char *name);
void check_cause(const struct trap *trap, uintptr_t cause, const char *name);
void skip(const char *name, const char *why);
_Noreturn void test_finish(void);

/* ---- Running code in a mode ---------------------------------------------------------------------------- */

/* mstatus while the code runs, without MPP; test_main() starts with run_status_default. MPIE becomes MIE. */
extern uintptr_t run_status;
extern const uintptr_t run_status_default;
/* Added to the addresses of code, stack and return stub (vm.h maps aliases); 0: the addresses at which they
 * are linked. */
extern uintptr_t run_offset;
/* Leave s_entry by ebreak, if ecall from S is delegated. */
extern bool run_s_break;

/* Runs the function at pc in the mode, with registers a0..a5 from args, until it returns or traps. */
struct trap run(enum mode mode, uintptr_t pc, const uintptr_t args[6]);
#define ARGS(...) ((const uintptr_t[6]){ __VA_ARGS__ })

/* A buffer of 16 KiB for instructions, page-aligned. */
extern uint8_t code_buffer[];
void code_begin(void);         /* empties it */
uintptr_t emit(uint32_t insn); /* one instruction, 2 or 4 bytes; returns its address */
struct trap run_code(enum mode mode, const uintptr_t args[6]); /* adds ret, executes fence.i, runs the code */
/* Runs one instruction alone; it is at code_buffer. */
struct trap run_insn(enum mode mode, uint32_t insn, const uintptr_t args[6]);
#define CODE ((uintptr_t)code_buffer)

/* csrrs a0, csr, x0 or csrrw a0, csr, a0 in a mode. */
struct trap csr_try_read(enum mode mode, unsigned csr);
struct trap csr_try_write(enum mode mode, unsigned csr, uintptr_t value);
/* Does the CSR exist, and is it readable in M? */
bool csr_exists(unsigned csr);

/* ---- Board --------------------------------------------------------------------------------------------- */

void hart1_start(void (*function)(uintptr_t), uintptr_t argument);
bool hart1_wait(void); /* false: it did not end within some seconds */

/* One turn of a loop that waits for the other hart; `turns` counts them, from 0. Both are fast when both
 * harts have a processor of the host. When they do not, each turn but the first thousand lets the other run
 * (Zihintpause): without it, every meeting of the two would last a time slice. */
static inline void wait_turn(unsigned turns)
{
    if (turns >= 1000)
        __asm__ volatile(".4byte 0x0100000f" ::: "memory");
}

void mmio_write32(uintptr_t address, uint32_t value);
uint32_t mmio_read32(uintptr_t address);
uint64_t clint_mtime(void);
void clint_set_mtimecmp(unsigned hart, uint64_t value);
void clint_set_msip(unsigned hart, bool set);

#define CLINT 0x2000000
#define PLIC  0xc000000
#define UART  0x10000000
/* On the board `virt` nothing is mapped here. */
#define HOLE 0x8000000

#endif
