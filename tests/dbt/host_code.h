/* SPDX-License-Identifier: MIT
 *
 * Decodes host code, for tests that examine what translated code does. It uses capstone, whose names collide
 * with the encoder's, so only host_code.c includes its header.
 */
#ifndef TESTS_DBT_HOST_CODE_H
#define TESTS_DBT_HOST_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The memory operand [base + disp], with base as the hardware numbers it. -1: there is none, or it has
 * another form. */
struct host_mem {
    int base;
    int64_t disp;
};

struct host_insn {
    size_t size;
    uint16_t written;    /* set of general registers, or parts of them */
    bool loads, stores;  /* memory; push, pop, call and ret do not count */
    struct host_mem mem; /* where */
    int stored;          /* a plain move to memory: the register that it stores; -1: another instruction */
    bool call, jump;     /* jump: an unconditional one */
    uint64_t target;     /* of a direct jump or call; 0: none */
};

/* Called once, before the others. */
void host_code_open(void);
void host_code_close(void);
/* Decodes the instruction at `code`, which runs at `address`. False: there is none. */
bool host_code_decode(const uint8_t *code, size_t size, uint64_t address, struct host_insn *insn);

#endif
