/* SPDX-License-Identifier: MIT
 *
 * Tests of the encoder: code is written between listing_begin() and listing_end(), and what objdump reads of
 * it must be the lines that were expected meanwhile, put together from the operands.
 */
#ifndef TESTS_DBT_LISTING_H
#define TESTS_DBT_LISTING_H

#include "dbt/x86/emit.h"

#define CODE_START 0x10000000u /* where the code would run */

extern const char *const names64[16];
extern struct x86_emit emit;
#define e (&emit)

void listing_begin(void);
/* Aborts the test if something differs. */
void listing_end(void);
__attribute__((format(printf, 1, 2))) void expect(const char *format, ...);
/* "DWORD PTR [rbx+rcx*1-0x10]"; the result is in one of several buffers, which take turns. */
const char *mem_text(unsigned bits, struct x86_mem mem);

#endif
