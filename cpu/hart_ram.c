/* SPDX-License-Identifier: MIT
 *
 * Huge pages of the host for RAM that is a file's; see hart_bus.h.
 */
#include "cpu/hart_bus.h"

void hart_ram_make_huge(const struct hart_ram *ram, uint64_t chunk)
{
    uint64_t *word = &ram->used[chunk / 64], bit = UINT64_C(1) << chunk % 64;
    if (__atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit)
        return; /* another thread does it */
    uint8_t *at = ram->host + chunk * MAP_HUGE_SIZE;
    (void)*(const volatile uint8_t *)at; /* the host needs a page of it to begin with */
    map_collapse(at);
}
