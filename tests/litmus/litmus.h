/* SPDX-License-Identifier: MIT
 *
 * Litmus tests on bare metal, for up to four harts of the board `virt`. A test has as many threads as bodies.
 * Each body is run ROWS times per round, each time on the variables of another row, and all threads go
 * through the rows at the same time. After a round the outcome of each row is examined. An outcome that RVWMO
 * forbids fails the program; one that it allows is only counted.
 */
#ifndef LITMUS_H
#define LITMUS_H

#include <stdbool.h>
#include <stdint.h>

#define HARTS 4
#define ROWS  256

/* One row: variables on cache lines of their own, and what the threads read. */
struct row {
    volatile uint64_t x, x_pad[7];
    volatile uint64_t y, y_pad[7];
    uint64_t r[HARTS][2], r_pad[8 - 2 * HARTS % 8];
} __attribute__((aligned(64)));

typedef void body_fn(struct row *row, uint64_t *r);

struct litmus {
    const char *name;
    unsigned threads;
    body_fn *bodies[HARTS];
    /* Does the row have the outcome that the test is about? The row is done. */
    bool (*seen)(const struct row *row);
    bool forbidden;
};

extern const struct litmus litmus_tests[];
extern const unsigned litmus_count;

/* litmus.c: runs the function on all harts below `harts`, each with its number, and waits for them. Only hart
 * 0 may call it. */
void on_harts(unsigned harts, void (*function)(unsigned hart));
/* All harts of on_harts() wait for each other; after it they see each other's earlier stores. */
void barrier(unsigned harts);
void print(const char *text);
void print_number(uint64_t number);
void fail(const char *name, const char *what, uint64_t value);
extern uint64_t rounds;

/* contention.c, code.c; only hart 0 may call them. */
void run_contention(void);
void run_code(void);
/* code.c: a machine software interrupt of this hart. */
void code_interrupt(unsigned hart);

static inline void mmio_write32(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}
#define CLINT 0x2000000u

#endif
