/* SPDX-License-Identifier: MIT
 *
 * Disassembly by binutils' objdump of Debian 13, in the folder that RVIVE_QEMU names (default: qemu10 in
 * RVIVE_CACHE, default .cache in the checkout).
 */
#ifndef TESTS_ISA_OBJDUMP_H
#define TESTS_ISA_OBJDUMP_H

#include <stddef.h>
#include <stdint.h>

/* Disassembles `count` encodings (a compressed one is in the low half) that lie one after the other from
 * address `base` on, for an RV`xlen` with the extensions that the ISA string `arch` has after "rv64" or
 * "rv32". Returns `count` texts ("addi a0,a0,-1"); the caller frees each of them and the array. NULL, with a
 * message on stderr, if objdump cannot be run or prints something unexpected. */
char **objdump_disassemble(unsigned xlen, const char *arch, uint64_t base, const uint32_t *bits,
                           size_t count);

#endif
