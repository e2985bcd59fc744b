/* SPDX-License-Identifier: MIT
 *
 * Host code taken apart, for tests that ask what translated code does; by capstone, whose names collide with
 * the encoder's, so only host_code.c sees them.
 */
#ifndef TESTS_DBT_HOST_CODE_H
#define TESTS_DBT_HOST_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The memory operand [base + disp]; base as the hardware numbers it, or -1: there is none, or it is another
 * form. */
struct host_mem {
    int base;
    int64_t disp;
};

struct host_insn {
    size_t size;
    uint16_t written;    /* set of general registers, or parts of them */
    bool loads, stores;  /* memory, but for the stack by push, pop, call and ret */
    struct host_mem mem; /* where */
    int stored;          /* a plain move to memory: from this register; -1: another instruction */
    bool call, jump;     /* jump: not conditional */
    uint64_t target;     /* of a direct jump or call; 0: none */
};

/* Once, before the others. */
void host_code_open(void);
void host_code_close(void);
/* The instruction at `code`, which runs at `address`. False: it is none. */
bool host_code_decode(const uint8_t *code, size_t size, uint64_t address, struct host_insn *insn);

#endif
