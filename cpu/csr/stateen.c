/* SPDX-License-Identifier: MIT
 *
 * Smstateen: M-mode says which registers of extensions lower modes may access (Priv. "Smstateen/Ssstateen
 * Extensions"). What sstateen would control, state of U-mode, this version refuses to combine with it
 * (cpu/isa/config.c), so that sstateen is there and holds nothing.
 */
#include "cpu/csr/internal.h"

#define STATEEN_IMSIC  (1ull << 58)
#define STATEEN_AIA    (1ull << 59)
#define STATEEN_CSRIND (1ull << 60)
#define STATEEN_ENVCFG (1ull << 62)
#define STATEEN_SE     (1ull << 63) /* the sstateen of the same number */

bool csr_has_stateen(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_Smstateen);
}
bool csr_has_stateen_rv32(const struct hart *hart)
{
    return csr_has_stateen(hart) && csr_is_rv32(hart);
}
bool csr_has_stateen_s(const struct hart *hart)
{
    return csr_has_stateen(hart) && csr_has_s(hart);
}

static uint64_t stateen_mask(const struct hart *hart, unsigned n)
{
    if (!csr_has_s(hart))
        return 0;
    uint64_t mask = STATEEN_SE;
    if (n)
        return mask;
    mask |= STATEEN_ENVCFG;
    if (csr_has_ssaia(hart))
        mask |= STATEEN_AIA | STATEEN_CSRIND;
    return mask | (csr_has_stopei(hart) ? STATEEN_IMSIC : 0);
}

uint64_t csr_read_mstateen(struct hart *hart, unsigned number)
{
    return hart->mstateen[number & 3];
}
void csr_write_mstateen(struct hart *hart, unsigned number, uint64_t value)
{
    uint64_t *stateen = &hart->mstateen[number & 3];
    *stateen = (csr_is_rv32(hart) ? csr_with_low(*stateen, value) : value) & stateen_mask(hart, number & 3);
}
uint64_t csr_read_mstateenh(struct hart *hart, unsigned number)
{
    return hart->mstateen[number & 3] >> 32;
}
void csr_write_mstateenh(struct hart *hart, unsigned number, uint64_t value)
{
    uint64_t *stateen = &hart->mstateen[number & 3];
    *stateen = csr_with_high(*stateen, value) & stateen_mask(hart, number & 3);
}

/* The bit of mstateen0 that permits a register; 0: none has to. */
static uint64_t controlling_bit(const struct hart *hart, unsigned number)
{
    switch (number) {
    case 0x10a: return STATEEN_ENVCFG; /* senvcfg */
    case 0x114:                        /* sieh */
    case 0x154:                        /* siph */
    case 0xdb0: return STATEEN_AIA;    /* stopi */
    case 0x150: return STATEEN_CSRIND; /* siselect */
    case 0x151:                        /* sireg */
        return STATEEN_CSRIND | (hart->aia.selected[HART_FILE_S] < 0x70 ? STATEEN_AIA : STATEEN_IMSIC);
    case 0x15c: return STATEEN_IMSIC; /* stopei */
    default: return 0;
    }
}

bool csr_stateen_permits(const struct hart *hart, unsigned number)
{
    if ((number & ~3u) == 0x10c) /* sstateen */
        return hart->mstateen[number & 3] & STATEEN_SE;
    return !(controlling_bit(hart, number) & ~hart->mstateen[0]);
}

void csr_stateen_reset(struct hart *hart)
{
    for (unsigned n = 0; n < 4; n++)
        hart->mstateen[n] = 0;
}

void csr_stateen_legalize(struct hart *hart)
{
    for (unsigned n = 0; n < 4; n++)
        hart->mstateen[n] &= csr_has_stateen(hart) ? stateen_mask(hart, n) : 0;
}

void csr_stateen_save(const struct hart *hart, struct state_writer *writer)
{
    static const char *const names[] = { "mstateen0", "mstateen1", "mstateen2", "mstateen3" };
    for (unsigned n = 0; n < 4; n++)
        state_put(writer, names[n], hart->mstateen[n]);
}

void csr_stateen_load(struct hart *hart, struct state_reader *reader)
{
    static const char *const names[] = { "mstateen0", "mstateen1", "mstateen2", "mstateen3" };
    for (unsigned n = 0; n < 4; n++)
        hart->mstateen[n] = state_get(reader, names[n], UINT64_MAX);
}
