/* SPDX-License-Identifier: MIT
 *
 * Smstateen: M-mode says which registers of extensions lower modes may access, and HS-mode which of them a
 * virtual machine may (Priv. "Smstateen/Ssstateen Extensions"; AIA "Access control by the state-enable
 * CSRs"). What sstateen would control, state of U-mode, this version refuses to combine with it
 * (cpu/isa/config.c), so that sstateen is there and holds nothing.
 */
#include "cpu/csr/internal.h"

#define STATEEN_P1P13  (1ull << 56)
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

bool csr_has_stateen_h(const struct hart *hart)
{
    return csr_has_stateen(hart) && csr_has_h(hart);
}
bool csr_has_stateen_h_rv32(const struct hart *hart)
{
    return csr_has_stateen_h(hart) && csr_is_rv32(hart);
}

static uint64_t stateen_mask(const struct hart *hart, unsigned n)
{
    if (!csr_has_s(hart))
        return 0;
    uint64_t mask = STATEEN_SE;
    if (n)
        return mask;
    mask |= STATEEN_ENVCFG | (csr_has_h(hart) && isa_since(&hart->isa, 13) ? STATEEN_P1P13 : 0);
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

/* What is clear in mstateen is read-only zero. */
static void set_hstateen(struct hart *hart, unsigned n, uint64_t value)
{
    uint64_t mask = stateen_mask(hart, n) & hart->mstateen[n];
    hart->hyper.hstateen[n] = (hart->hyper.hstateen[n] & ~mask) | (value & mask);
}
static uint64_t hstateen(const struct hart *hart, unsigned n)
{
    return hart->hyper.hstateen[n] & hart->mstateen[n];
}
uint64_t csr_read_hstateen(struct hart *hart, unsigned number)
{
    return hstateen(hart, number & 3);
}
void csr_write_hstateen(struct hart *hart, unsigned number, uint64_t value)
{
    uint64_t old = hart->hyper.hstateen[number & 3];
    set_hstateen(hart, number & 3, csr_is_rv32(hart) ? csr_with_low(old, value) : value);
}
uint64_t csr_read_hstateenh(struct hart *hart, unsigned number)
{
    return hstateen(hart, number & 3) >> 32;
}
void csr_write_hstateenh(struct hart *hart, unsigned number, uint64_t value)
{
    set_hstateen(hart, number & 3, csr_with_high(hart->hyper.hstateen[number & 3], value));
}

/* What is behind sireg or vsireg. VS-mode has no priorities. */
static uint64_t selected_bit(const struct hart *hart, enum hart_file level)
{
    unsigned selected = hart->aia.selected[level];
    if (selected >= 0x70)
        return hart->aia.imsic ? STATEEN_IMSIC : 0;
    return level == HART_FILE_VS ? 0 : STATEEN_AIA;
}

/* clang-format off */
/* The bits of mstateen0 that permit a register; 0: none has to. In a virtual machine, sireg is vsireg. */
static uint64_t controlling_bits(const struct hart *hart, unsigned number)
{
    switch (number) {
    case 0x612: return STATEEN_P1P13;                                   /* hedelegh */
    case 0x10a: case 0x60a: case 0x61a: return STATEEN_ENVCFG;          /* senvcfg, henvcfg, henvcfgh */
    case 0x114: case 0x154: case 0xdb0: return STATEEN_AIA;             /* sieh, siph, stopi */
    case 0x214: case 0x254: case 0xeb0: return STATEEN_AIA;             /* vsieh, vsiph, vstopi */
    case 0x608: case 0x609: case 0x613: case 0x618: return STATEEN_AIA; /* hvien, hvictl, hidelegh, hvienh */
    case 0x646: case 0x647: return STATEEN_AIA;                         /* hviprio1, hviprio2 */
    case 0x655: case 0x656: case 0x657: return STATEEN_AIA;             /* hviph, hviprio1h, hviprio2h */
    case 0x150: case 0x250: return STATEEN_CSRIND;                      /* siselect, vsiselect */
    case 0x151: return STATEEN_CSRIND | selected_bit(hart, csr_file_of(hart, number));
    case 0x251: return STATEEN_CSRIND | (hart->hyper.virt ? 0 : selected_bit(hart, HART_FILE_VS));
    case 0x15c: case 0x25c: return hart->aia.imsic ? STATEEN_IMSIC : 0; /* stopei, vstopei */
    default: return 0;
    }
}
/* clang-format on */

bool csr_stateen_permits(const struct hart *hart, unsigned number, bool virt)
{
    const uint64_t *enabled = virt ? hart->hyper.hstateen : hart->mstateen;
    if ((number & ~3u) == 0x10c || (number & ~0x13u) == 0x60c) /* sstateen, hstateen, hstateenh */
        return enabled[number & 3] & STATEEN_SE;
    return !(controlling_bits(hart, number) & ~enabled[0]);
}

void csr_stateen_reset(struct hart *hart)
{
    for (unsigned n = 0; n < 4; n++)
        hart->mstateen[n] = hart->hyper.hstateen[n] = 0;
}

void csr_stateen_legalize(struct hart *hart)
{
    for (unsigned n = 0; n < 4; n++) {
        uint64_t mask = csr_has_stateen(hart) ? stateen_mask(hart, n) : 0;
        hart->mstateen[n] &= mask;
        hart->hyper.hstateen[n] &= csr_has_h(hart) ? mask : 0;
    }
}

static const char *const hstateen_names[] = { "hstateen0", "hstateen1", "hstateen2", "hstateen3" };

void csr_stateen_save(const struct hart *hart, struct state_writer *writer)
{
    static const char *const names[] = { "mstateen0", "mstateen1", "mstateen2", "mstateen3" };
    for (unsigned n = 0; n < 4; n++)
        state_put(writer, names[n], hart->mstateen[n]);
    for (unsigned n = 0; n < 4 && csr_has_h(hart); n++)
        state_put(writer, hstateen_names[n], hart->hyper.hstateen[n]);
}

void csr_stateen_load(struct hart *hart, struct state_reader *reader)
{
    static const char *const names[] = { "mstateen0", "mstateen1", "mstateen2", "mstateen3" };
    for (unsigned n = 0; n < 4; n++)
        hart->mstateen[n] = state_get(reader, names[n], UINT64_MAX);
    for (unsigned n = 0; n < 4 && csr_has_h(hart); n++)
        hart->hyper.hstateen[n] = state_get(reader, hstateen_names[n], UINT64_MAX);
}
