/* SPDX-License-Identifier: MIT
 *
 * Smaia and Ssaia (RISC-V Advanced Interrupt Architecture 1.0): the priorities of major interrupts, the most
 * urgent of them (mtopi, stopi), the window to registers behind miselect and siselect, and virtual interrupts
 * for S-mode (mvien, mvip). imsic.c has the interrupt files, aia_guest.c what VS-mode has.
 *
 * Of mvien only the bits of software and external interrupts can be set. Without an IMSIC, the priorities of
 * major interrupts cannot be changed: what comes from another controller is one wire without a priority.
 */
#include "cpu/csr/internal.h"

#include <string.h>

#include "cpu/trap.h"

#define MVIEN_BITS  (IRQ_SSI | IRQ_SEI)
#define SELECT_MASK 0xfffu

enum { SELECT_IPRIO = 0x30, SELECT_IPRIO_END = 0x3f, SELECT_IMSIC = 0x70, SELECT_IMSIC_END = 0xff };
enum { PRIORITY_LAST = 256 }; /* lower than all that can be configured */

/* ---- Which registers there are ------------------------------------------------------------------------- */

bool csr_has_smaia(const struct hart *hart)
{
    return hart->aia.on;
}
bool csr_has_smaia_rv32(const struct hart *hart)
{
    return csr_has_smaia(hart) && csr_is_rv32(hart);
}
bool csr_has_smaia_s(const struct hart *hart)
{
    return csr_has_smaia(hart) && csr_has_s(hart);
}
bool csr_has_smaia_s_rv32(const struct hart *hart)
{
    return csr_has_smaia_s(hart) && csr_is_rv32(hart);
}
bool csr_has_ssaia(const struct hart *hart)
{
    return csr_has_smaia_s(hart) && isa_has(&hart->isa, ISA_Ssaia);
}
bool csr_has_ssaia_rv32(const struct hart *hart)
{
    return csr_has_ssaia(hart) && csr_is_rv32(hart);
}
bool csr_has_h_ssaia(const struct hart *hart)
{
    return csr_has_h(hart) && csr_has_ssaia(hart);
}
bool csr_has_h_ssaia_rv32(const struct hart *hart)
{
    return csr_has_h_ssaia(hart) && csr_is_rv32(hart);
}
bool csr_has_mtopei(const struct hart *hart)
{
    return csr_has_smaia(hart) && hart->aia.imsic;
}
bool csr_has_stopei(const struct hart *hart)
{
    return csr_has_ssaia(hart) && hart->aia.imsic;
}
bool csr_has_vstopei(const struct hart *hart)
{
    return csr_has_h(hart) && csr_has_stopei(hart);
}

/* ---- Virtual interrupts -------------------------------------------------------------------------------- */

void csr_virtual_sip_write(struct hart *hart, uint64_t value)
{
    uint64_t bits = csr_virtual_bits(hart);
    hart->aia.mvip = (hart->aia.mvip & ~bits) | (value & bits);
}
void csr_virtual_sie_write(struct hart *hart, uint64_t value)
{
    uint64_t bits = csr_virtual_bits(hart);
    hart->aia.sie = (hart->aia.sie & ~bits) | (value & bits);
}

uint64_t csr_read_mvien(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->aia.mvien;
}
/* Bit 9 of mvip keeps its value, whether it is the software's part of mip.SEIP or not. */
void csr_write_mvien(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    value &= MVIEN_BITS;
    uint64_t changed = hart->aia.mvien ^ value;
    if (changed & value & IRQ_SEI) {
        unsigned soft = atomic_fetch_and(&hart->irq_soft, ~IRQ_SEI);
        hart->aia.mvip = (hart->aia.mvip & ~(uint64_t)IRQ_SEI) | (soft & IRQ_SEI);
    } else if (changed & IRQ_SEI) {
        csr_soft_irq_write(hart, IRQ_SEI, (unsigned)hart->aia.mvip);
        hart->aia.mvip &= ~(uint64_t)IRQ_SEI;
    }
    hart->aia.mvien = value;
}

/* The bits of mvip that are those of mip which software owns. */
static unsigned mvip_aliases(const struct hart *hart)
{
    unsigned aliases = (IRQ_SSI | IRQ_SEI) & ~(unsigned)hart->aia.mvien;
    return aliases | (csr_sstc_on(hart) ? 0 : IRQ_STI);
}
uint64_t csr_read_mvip(struct hart *hart, unsigned number)
{
    (void)number;
    return (hart->aia.mvip & hart->aia.mvien) | (atomic_load(&hart->irq_soft) & mvip_aliases(hart));
}
void csr_write_mvip(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->aia.mvip = value & hart->aia.mvien;
    csr_soft_irq_write(hart, mvip_aliases(hart), (unsigned)value);
}

/* ---- The most urgent interrupt ------------------------------------------------------------------------- */

/* Interrupts of decreasing default priority; the first one of a level is its external interrupt. */
static const uint8_t default_order[] = { 11, 3, 7, 9, 1, 5, 12, 10, 2, 6, 13 };

static unsigned external_of(enum hart_file level)
{
    return level == HART_FILE_M ? 11 : 9;
}

/* Returns the priority number of an interrupt at a level; 0: it has the default. */
static unsigned priority_of(struct hart *hart, enum hart_file level, unsigned interrupt)
{
    if (interrupt != external_of(level))
        return hart->aia.iprio[level][interrupt];
    unsigned top = csr_imsic_top(hart, level);
    return top ? top : PRIORITY_LAST;
}

static uint64_t pending_at(const struct hart *hart, enum hart_file level)
{
    uint64_t pending = trap_pending(hart) & hart->mie;
    if (level == HART_FILE_M)
        return pending & ~hart->mideleg;
    return (pending & hart->mideleg & ~hart->hyper.hideleg) | (csr_virtual_sip(hart) & csr_virtual_sie(hart));
}

/* Everything but the external interrupt has a lower default priority than that. */
unsigned csr_top_interrupt(struct hart *hart, enum hart_file level)
{
    if (level == HART_FILE_VS)
        return csr_guest_top(hart);
    uint64_t pending = pending_at(hart, level);
    unsigned best = 0, best_order = UINT32_MAX;
    for (unsigned n = 0; pending && n < sizeof(default_order); n++) {
        unsigned interrupt = default_order[n];
        if (!(pending >> interrupt & 1))
            continue;
        unsigned priority = hart->aia.imsic ? priority_of(hart, level, interrupt) : 0;
        unsigned order = priority ? priority : PRIORITY_LAST + 1;
        if (order >= best_order)
            continue;
        best_order = order;
        best = interrupt << 16 | (!hart->aia.imsic ? 1 : order < PRIORITY_LAST ? order : 255);
    }
    return best;
}

uint64_t csr_read_mtopi(struct hart *hart, unsigned number)
{
    (void)number;
    return csr_top_interrupt(hart, HART_FILE_M);
}
uint64_t csr_read_stopi(struct hart *hart, unsigned number)
{
    (void)number;
    return csr_top_interrupt(hart, hart->hyper.virt ? HART_FILE_VS : HART_FILE_S);
}

/* The bits of interrupts 32 to 63, none of which S-mode has; VS-mode has virtual ones. */
uint64_t csr_read_sieh(struct hart *hart, unsigned number)
{
    return hart->hyper.virt ? csr_read_vsieh(hart, number) : 0;
}
void csr_write_sieh(struct hart *hart, unsigned number, uint64_t value)
{
    if (hart->hyper.virt)
        csr_write_vsieh(hart, number, value);
}
uint64_t csr_read_siph(struct hart *hart, unsigned number)
{
    return hart->hyper.virt ? csr_read_vsiph(hart, number) : 0;
}
void csr_write_siph(struct hart *hart, unsigned number, uint64_t value)
{
    if (hart->hyper.virt)
        csr_write_vsiph(hart, number, value);
}

/* ---- miselect and mireg, siselect and sireg ------------------------------------------------------------ */

uint64_t csr_read_iselect(struct hart *hart, unsigned number)
{
    return hart->aia.selected[csr_file_of(hart, number)];
}
void csr_write_iselect(struct hart *hart, unsigned number, uint64_t value)
{
    hart->aia.selected[csr_file_of(hart, number)] = value & SELECT_MASK;
}

/* With 64 bits, two registers are one, which has the even number. */
static bool is_odd(const struct hart *hart, unsigned selected, unsigned first)
{
    return !csr_is_rv32(hart) && selected >= first && selected & 1;
}

bool csr_aia_selects(const struct hart *hart, enum hart_file level, unsigned selected)
{
    if (selected >= SELECT_IPRIO && selected <= SELECT_IPRIO_END)
        return level != HART_FILE_VS && !is_odd(hart, selected, SELECT_IPRIO);
    if (selected < SELECT_IMSIC || selected > SELECT_IMSIC_END || is_odd(hart, selected, 0x80))
        return false;
    return level == HART_FILE_VS ? csr_has_guest_file(hart) : hart->aia.imsic;
}

bool csr_aia_permits(const struct hart *hart, enum privilege priv, unsigned number)
{
    bool filtered = priv == PRIV_S && hart->aia.mvien & IRQ_SEI;
    switch (number) {
    case 0x15c: return !filtered;
    case 0x25c: return csr_has_guest_file(hart);
    case 0x351: return csr_aia_selects(hart, HART_FILE_M, hart->aia.selected[HART_FILE_M]);
    case 0x251: return csr_aia_selects(hart, HART_FILE_VS, hart->aia.selected[HART_FILE_VS]);
    case 0x151: break;
    default: return true;
    }
    unsigned selected = hart->aia.selected[HART_FILE_S];
    return csr_aia_selects(hart, HART_FILE_S, selected) && !(selected >= SELECT_IMSIC && filtered);
}

/* Which interrupts have a priority that can be set: those whose bit of mie (sie) can, but for the external
 * interrupt of the level. */
static bool has_priority(const struct hart *hart, enum hart_file level, unsigned interrupt)
{
    uint64_t there = IRQ_SSI | IRQ_STI | IRQ_SEI | (csr_has_sscofpmf(hart) ? IRQ_LCOFI : 0);
    there = csr_has_s(hart) ? there : 0;
    there |= level == HART_FILE_M ? IRQ_MSI | IRQ_MTI : csr_has_h(hart) ? IRQ_VS | IRQ_SGEI : 0;
    return hart->aia.imsic && interrupt != external_of(level) && there >> interrupt & 1;
}

static uint64_t read_iprio(const struct hart *hart, enum hart_file level, unsigned first)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < hart->isa.xlen / 8; n++)
        value |= (uint64_t)hart->aia.iprio[level][first + n] << 8 * n;
    return value;
}
static void write_iprio(struct hart *hart, enum hart_file level, unsigned first, uint64_t value)
{
    for (unsigned n = 0; n < hart->isa.xlen / 8; n++)
        if (has_priority(hart, level, first + n))
            hart->aia.iprio[level][first + n] = (uint8_t)(value >> 8 * n);
}

/* A debugger may read or write whatever is selected; an instruction asks csr_aia_permits() before. */
uint64_t csr_read_ireg(struct hart *hart, unsigned number)
{
    enum hart_file level = csr_file_of(hart, number);
    unsigned selected = hart->aia.selected[level];
    if (!csr_aia_selects(hart, level, selected))
        return 0;
    return selected <= SELECT_IPRIO_END ? read_iprio(hart, level, (selected - SELECT_IPRIO) * 4)
                                        : csr_imsic_read(hart, level, selected);
}
void csr_write_ireg(struct hart *hart, unsigned number, uint64_t value)
{
    enum hart_file level = csr_file_of(hart, number);
    unsigned selected = hart->aia.selected[level];
    if (!csr_aia_selects(hart, level, selected))
        return;
    if (selected <= SELECT_IPRIO_END)
        write_iprio(hart, level, (selected - SELECT_IPRIO) * 4, value);
    else
        csr_imsic_write(hart, level, selected, value);
}

/* ---- Reset, and a saved state -------------------------------------------------------------------------- */

void csr_aia_reset(struct hart *hart)
{
    struct hart_aia *aia = &hart->aia;
    memset(aia->selected, 0, sizeof(aia->selected));
    memset(aia->iprio, 0, sizeof(aia->iprio));
    aia->mvien = aia->mvip = aia->sie = 0;
    csr_aia_guest_reset(hart);
    csr_imsic_reset(hart);
}

void csr_aia_legalize(struct hart *hart)
{
    struct hart_aia *aia = &hart->aia;
    aia->selected[HART_FILE_VS] &= csr_has_h(hart) ? SELECT_MASK : 0;
    for (unsigned level = 0; level < HART_FILES; level++) {
        aia->selected[level] &= SELECT_MASK;
        for (unsigned n = 0; n < sizeof(aia->iprio[level]); n++)
            if (!has_priority(hart, (enum hart_file)level, n))
                aia->iprio[level][n] = 0;
    }
    aia->mvien &= csr_has_smaia_s(hart) ? MVIEN_BITS : 0;
    aia->mvip &= aia->mvien;
    aia->sie &= aia->mvien;
    if (aia->mvien & IRQ_SEI)
        atomic_fetch_and(&hart->irq_soft, ~IRQ_SEI);
    csr_aia_guest_legalize(hart);
    csr_imsic_legalize(hart);
}

void csr_aia_save(struct hart *hart, struct state_writer *writer)
{
    struct hart_aia *aia = &hart->aia;
    state_put(writer, "miselect", aia->selected[HART_FILE_M]);
    state_put(writer, "siselect", aia->selected[HART_FILE_S]);
    state_put_bytes(writer, "miprio", aia->iprio[HART_FILE_M], sizeof(aia->iprio[0]));
    state_put_bytes(writer, "siprio", aia->iprio[HART_FILE_S], sizeof(aia->iprio[0]));
    state_put(writer, "mvien", aia->mvien);
    state_put(writer, "mvip", aia->mvip);
    state_put(writer, "sie", aia->sie);
    csr_imsic_save(hart, writer);
}

void csr_aia_load(struct hart *hart, struct state_reader *reader)
{
    struct hart_aia *aia = &hart->aia;
    aia->selected[HART_FILE_M] = (unsigned)state_get(reader, "miselect", SELECT_MASK);
    aia->selected[HART_FILE_S] = (unsigned)state_get(reader, "siselect", SELECT_MASK);
    state_get_bytes(reader, "miprio", aia->iprio[HART_FILE_M], sizeof(aia->iprio[0]));
    state_get_bytes(reader, "siprio", aia->iprio[HART_FILE_S], sizeof(aia->iprio[0]));
    aia->mvien = state_get(reader, "mvien", UINT64_MAX);
    aia->mvip = state_get(reader, "mvip", UINT64_MAX);
    aia->sie = state_get(reader, "sie", UINT64_MAX);
    csr_imsic_load(hart, reader);
}
