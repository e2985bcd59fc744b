/* SPDX-License-Identifier: MIT
 *
 * Bare programs for one or two harts of this process, with RAM, a port through which they report, and no
 * other device; see guest.c. A test writes its program once and has the interpreter and the translator run
 * it; both must leave the same registers, the same memory and the same minstret.
 */
#ifndef TESTS_DBT_GUEST_H
#define TESTS_DBT_GUEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "cpu/hart_state.h"
#include "dbt/runtime/state.h"

#define RAM_BASE 0x80000000u
#define RAM_SIZE (6u << 20)
#define START    RAM_BASE                  /* where hart 0 begins; hart n begins n pages later */
#define HANDLER  (RAM_BASE + 0x800)        /* mtvec of guest_put_log_traps() */
#define LOG      (RAM_BASE + 0x300000)     /* where that handler writes */
#define DATA     (RAM_BASE + 0x200000)     /* for the programs */
#define STACK    (RAM_BASE + RAM_SIZE - 8) /* top */
#define PORT     0x10000000u               /* stores: + 8 n ends hart n; + 64 an interrupt was taken */

enum { RA = 1, SP = 2, T0 = 5, T1 = 6, T2 = 7, S0 = 8, S1 = 9, A0 = 10, A1, A2, A3, A4, A5, A6, A7, S2, S3 };
enum { S4 = 20, S5, S6, S7, T3 = 28, T4 = 29, T5 = 30, T6 = 31 };
enum { CSR_MSTATUS = 0x300, CSR_MIE = 0x304, CSR_MTVEC = 0x305, CSR_MEPC = 0x341, CSR_MCAUSE = 0x342 };
enum { CSR_MTVAL = 0x343, CSR_SATP = 0x180, CSR_PMPCFG0 = 0x3a0, CSR_PMPADDR0 = 0x3b0, CSR_MINSTRET = 0xb02 };

enum guest_tier { GUEST_INTERPRETER, GUEST_T1, GUEST_T1_WITHOUT_ALL, GUEST_TIERS };

struct guest {
    struct hart_bus bus; /* must be first: the harts hand it back */
    uint8_t *ram;
    int ram_fd;  /* the file that holds it */
    uint64_t at; /* where the next instruction of the program goes */
    struct clock *clock;
    struct dbt *dbt; /* NULL: the interpreter runs the program */
    struct hart *harts[2];
    unsigned hart_count;
    pthread_t threads[2];
    unsigned irq;           /* the input that goes low again once the interrupt was taken */
    atomic_uint interrupts; /* how many were taken */
};

/* XLEN of the harts of guests made from now on: 64, unless a test says 32. */
extern unsigned guest_xlen;
/* What such a hart has in addition to the default, as `-cpu` takes it: ",v=on"; "": nothing. */
extern const char *guest_cpu;
/* Size of the code cache of guests made from now on, in bytes. Each test runs in a process of its own. */
extern size_t guest_cache_size;
/* Aborts the test if the host has no memory. */
void guest_create(struct guest *guest, enum guest_tier tier, unsigned harts);
/* Starts each hart on a thread of its own, until guest_join(). */
void guest_start(struct guest *guest);
void guest_join(struct guest *guest);
void guest_destroy(struct guest *guest);

/* Writes the program by build(), runs it on each tier, lets check() (which may be NULL) look at what each
 * tier left, and compares the tiers. */
typedef void guest_fn(struct guest *guest, const void *argument);
void guest_run_tiers(unsigned harts, guest_fn *build, guest_fn *check, const void *argument);

/* This text precedes the message of a failure: a seed, for example. */
extern const char *guest_label;

/* Doubleword of RAM. */
uint64_t guest_word(const struct guest *guest, uint64_t paddr);
void guest_set_word(struct guest *guest, uint64_t paddr, uint64_t value);

/* Returns a random number below `limit`, and changes the generator's state. */
unsigned guest_random(uint64_t *state, unsigned limit);

/* ---- Writing programs: each appends at guest->at ------------------------------------------------------- */

uint32_t guest_encode(enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2, int32_t imm);
void guest_put(struct guest *guest, enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2, int32_t imm);
void guest_put16(struct guest *guest, unsigned bits);
/* sd, or RV32's sw: stores a whole register. */
void guest_put_save(struct guest *guest, unsigned base, unsigned value, int32_t imm);
/* rd = a value of 32 bits, zero-extended: always four instructions. */
void guest_put_value(struct guest *guest, unsigned rd, uint32_t value);
/* jal to an absolute address; a branch to one. */
void guest_put_jal(struct guest *guest, unsigned rd, uint64_t target);
void guest_put_branch(struct guest *guest, enum isa_insn insn, unsigned rs1, unsigned rs2, uint64_t target);
/* Stops the hart. Uses t5. The other hart must have minstret in t6 before (in M-mode). */
void guest_put_stop(struct guest *guest, unsigned hart);
void guest_put_end(struct guest *guest, unsigned hart);
/* Sets mtvec to a handler that appends mcause, mepc, mtval, minstret to the log (t4 points to its end) and
 * continues after the 4-byte instruction that trapped. Uses t5. */
void guest_put_log_traps(struct guest *guest);

#define I(name, rd, rs1, rs2, imm) guest_put(guest, ISA_INSN_##name, rd, rs1, rs2, imm)

/* The parts of test_t1: each adds its tests. */
struct TCase;
void t1_calls_add(struct TCase *tests);
void t1_memory_add(struct TCase *tests);
void t1_code_add(struct TCase *tests);
void t1_time_add(struct TCase *tests);
void t1_evict_add(struct TCase *tests);
void t1_random_add(struct TCase *tests);
void t1_half_add(struct TCase *tests);
void t1_vector_add(struct TCase *tests);
void t1_vector_mix_add(struct TCase *tests);

#endif
