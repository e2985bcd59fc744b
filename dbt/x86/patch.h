/* SPDX-License-Identifier: MIT
 *
 * Changing where a jump leads, also while harts run: all that dbt/runtime/ knows of host code.
 */
#ifndef DBT_X86_PATCH_H
#define DBT_X86_PATCH_H

#include <stddef.h>
#include <stdint.h>

/* Sets the rel32 at `site` so that it leads to `target` (an address where code runs); one store. An address
 * where a byte runs = address where it is written + run. */
void x86_patch(uint8_t *site, ptrdiff_t run, const uint8_t *target);

#endif
