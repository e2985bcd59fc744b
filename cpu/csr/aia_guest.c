/* SPDX-License-Identifier: MIT
 *
 * Advanced interrupts of virtual machines (AIA 1.0 "Interrupts for Virtual Machines (VS Level)"): what a
 * hypervisor makes pending (hvien, hvip, hvictl), the priorities of VS-mode's interrupts (hviprio1,
 * hviprio2), the most urgent of them (vstopi), and which guest's interrupt file VS-mode has (hgeie; imsic.c
 * has the files). vsip, vsie and hvip are in hyper.c; here is what they have of local interrupts.
 *
 * Local interrupts are those that the standard has numbers for, 13 to 23 and 32 to 47. None is delegated by
 * hideleg.
 */
#include "cpu/csr/internal.h"

#include <string.h>

#include "cpu/trap.h"

#define LOCAL_INTERRUPTS UINT64_C(0x0000ffff00ffe000)

enum { EXTERNAL = 9 };
/* How urgent an interrupt is; less is more urgent. 1 to 255 are priority numbers. */
enum { ORDER_ABOVE = 0, ORDER_EXTERNAL = 256, ORDER_BELOW = 257, ORDER_NONE = 258 };

#define HVICTL_IPRIO  0xffu
#define HVICTL_IPRIOM (1u << 8)
#define HVICTL_DPR    (1u << 9)
#define HVICTL_FIELDS (HVICTL_VTI | HVICTL_IID | HVICTL_DPR | HVICTL_IPRIOM | HVICTL_IPRIO)

static unsigned hvictl_iid(const struct hart *hart)
{
    return (hart->aia.hvictl & HVICTL_IID) >> HVICTL_IID_SHIFT;
}

/* ---- Plain storage ------------------------------------------------------------------------------------- */

uint64_t csr_guest_local(const struct hart *hart)
{
    return csr_has_h_ssaia(hart) ? LOCAL_INTERRUPTS : 0;
}

static void set_hvien(struct hart *hart, uint64_t value)
{
    hart->aia.hvien = value & csr_guest_local(hart);
}
uint64_t csr_read_hvien(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->aia.hvien;
}
CSR_READ_HIGH(hvienh, hvien)
CSR_WRITE_HALVES(hvien, hart->aia.hvien, set_hvien)
CSR_PLAIN(hvictl, aia.hvictl, HVICTL_FIELDS)

/* ---- Priorities ---------------------------------------------------------------------------------------- */

/* The interrupts whose priorities the bytes of hviprio1 and hviprio2 are; those of 0, 4 and 8 are 0. */
static const uint8_t places[2][8] = { { 0, 1, 4, 5, 8, 13, 14, 15 }, { 16, 17, 18, 19, 20, 21, 22, 23 } };

static bool has_priority(unsigned interrupt)
{
    return interrupt == 1 || interrupt == 5 || (interrupt >= 13 && interrupt <= 23);
}

static uint64_t get_hviprio(const struct hart *hart, unsigned which)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < 8; n++)
        value |= (uint64_t)hart->aia.iprio[HART_FILE_VS][places[which][n]] << 8 * n;
    return value;
}
static void set_hviprio(struct hart *hart, unsigned which, uint64_t value)
{
    for (unsigned n = 0; n < 8; n++)
        if (has_priority(places[which][n]))
            hart->aia.iprio[HART_FILE_VS][places[which][n]] = (uint8_t)(value >> 8 * n);
}

static void set_hviprio1(struct hart *hart, uint64_t value)
{
    set_hviprio(hart, 0, value);
}
static void set_hviprio2(struct hart *hart, uint64_t value)
{
    set_hviprio(hart, 1, value);
}
uint64_t csr_read_hviprio1(struct hart *hart, unsigned number)
{
    (void)number;
    return get_hviprio(hart, 0);
}
uint64_t csr_read_hviprio2(struct hart *hart, unsigned number)
{
    (void)number;
    return get_hviprio(hart, 1);
}
CSR_READ_HIGH(hviprio1h, hviprio1)
CSR_READ_HIGH(hviprio2h, hviprio2)
CSR_WRITE_HALVES(hviprio1, get_hviprio(hart, 0), set_hviprio1)
CSR_WRITE_HALVES(hviprio2, get_hviprio(hart, 1), set_hviprio2)

/* ---- The most urgent interrupt ------------------------------------------------------------------------- */

/* The default order ("Major interrupts"), of those that VS-mode can have. */
static const uint8_t default_order[] = { 47, 23, 46, 45, 22, 44, 43, 21, 42, 41, 20, 40, EXTERNAL, 1,  5,
                                         13, 14, 15, 39, 19, 38, 37, 18, 36, 35, 17, 34, 33,       16, 32 };

/* Of the external interrupt, which is pending and enabled. */
static unsigned external_order(struct hart *hart)
{
    unsigned top = csr_has_guest_file(hart) ? csr_imsic_top(hart, HART_FILE_VS) : 0;
    unsigned given = hart->aia.hvictl & HVICTL_IPRIO;
    if (top)
        return top;
    bool without_file = !(hart->hyper.hstatus & HSTATUS_VGEIN);
    return without_file && hvictl_iid(hart) == EXTERNAL && given ? given : ORDER_EXTERNAL;
}

/* Of those that vsip and vsie have. Returns its number, and its order in *order, which is ORDER_NONE if there
 * is none. */
static unsigned top_pending(struct hart *hart, unsigned *order)
{
    uint64_t pending = csr_read_vsip(hart, 0) & csr_read_vsie(hart, 0);
    unsigned best = 0, otherwise = ORDER_ABOVE;
    *order = ORDER_NONE;
    if (hart->aia.hvictl & HVICTL_VTI) /* which hides all others */
        pending &= 1u << EXTERNAL;
    for (unsigned n = 0; pending && n < sizeof(default_order); n++) {
        unsigned interrupt = default_order[n], priority = hart->aia.iprio[HART_FILE_VS][interrupt];
        if (interrupt == EXTERNAL)
            otherwise = ORDER_BELOW; /* for all that follow */
        if (!(pending >> interrupt & 1))
            continue;
        unsigned own = interrupt == EXTERNAL ? external_order(hart) : priority ? priority : otherwise;
        if (own >= *order)
            continue;
        *order = own;
        best = interrupt;
    }
    return best;
}

unsigned csr_guest_top(struct hart *hart)
{
    unsigned order, hvictl = hart->aia.hvictl;
    unsigned best = top_pending(hart, &order);
    if (csr_guest_injected(hart)) {
        unsigned given = hvictl & HVICTL_IPRIO;
        unsigned own = given ? given : hvictl & HVICTL_DPR ? ORDER_BELOW : ORDER_ABOVE;
        if (own < order || (own == order && !(hvictl & HVICTL_DPR))) {
            best = hvictl_iid(hart);
            order = own;
        }
    }
    if (order == ORDER_NONE)
        return 0;
    return best << 16 | (!(hvictl & HVICTL_IPRIOM) ? 1 : order < ORDER_EXTERNAL ? order : 255);
}

uint64_t csr_read_vstopi(struct hart *hart, unsigned number)
{
    (void)number;
    return csr_guest_top(hart);
}

/* ---- Interrupt files ----------------------------------------------------------------------------------- */

bool csr_has_guest_file(const struct hart *hart)
{
    unsigned number = (hart->hyper.hstatus & HSTATUS_VGEIN) >> HSTATUS_VGEIN_SHIFT;
    return number && number <= hart->aia.guest_files;
}

static uint64_t hgeie_mask(const struct hart *hart)
{
    return ((UINT64_C(2) << hart->aia.guest_files) - 1) & ~UINT64_C(1);
}

uint64_t csr_read_hgeie(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->aia.hgeie;
}
void csr_write_hgeie(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    csr_imsic_set_guest(hart, hart->aia.vgein, value & hgeie_mask(hart));
}

/* ---- What VS-mode may access --------------------------------------------------------------------------- */

bool csr_aia_guest_permits(const struct hart *hart, unsigned number, bool write)
{
    bool traps = hart->aia.hvictl & HVICTL_VTI;
    switch (number) {
    case 0x104:                                  /* sie */
    case 0x114:                                  /* sieh */
    case 0x144:                                  /* sip */
    case 0x154: return !traps;                   /* siph */
    case 0x14d:                                  /* stimecmp */
    case 0x15d: return !(traps && write);        /* stimecmph */
    case 0x15c: return csr_has_guest_file(hart); /* stopei */
    case 0x151: return csr_aia_selects(hart, HART_FILE_VS, hart->aia.selected[HART_FILE_VS]);
    default: return true;
    }
}

bool csr_aia_guest_knows(const struct hart *hart, unsigned number)
{
    unsigned selected = hart->aia.selected[HART_FILE_VS];
    return number != 0x151 || (selected >= 0x30 && selected <= 0x3f) ||
           (selected >= 0x70 && selected <= 0xff);
}

/* ---- Reset, and a saved state -------------------------------------------------------------------------- */

void csr_aia_guest_reset(struct hart *hart)
{
    hart->aia.hvien = hart->aia.hvip = hart->aia.vsie = 0;
    hart->aia.hvictl = 0;
}

void csr_aia_guest_legalize(struct hart *hart)
{
    struct hart_aia *aia = &hart->aia;
    uint64_t local = csr_guest_local(hart);
    aia->hvien &= local;
    aia->hvip &= local;
    aia->vsie &= local;
    aia->hvictl &= csr_has_h_ssaia(hart) ? HVICTL_FIELDS : 0;
    for (unsigned n = 0; n < sizeof(aia->iprio[0]); n++)
        if (!has_priority(n) || !csr_has_h_ssaia(hart))
            aia->iprio[HART_FILE_VS][n] = 0;
    unsigned vgein = (hart->hyper.hstatus & HSTATUS_VGEIN) >> HSTATUS_VGEIN_SHIFT;
    csr_imsic_set_guest(hart, vgein, aia->hgeie & hgeie_mask(hart));
}

void csr_aia_guest_save(struct hart *hart, struct state_writer *writer)
{
    const struct hart_aia *aia = &hart->aia;
    state_put(writer, "files", aia->guest_files);
    state_put(writer, "vsiselect", aia->selected[HART_FILE_VS]);
    state_put_bytes(writer, "vsiprio", aia->iprio[HART_FILE_VS], sizeof(aia->iprio[0]));
    state_put(writer, "hvien", aia->hvien);
    state_put(writer, "hvip", aia->hvip);
    state_put(writer, "vsie", aia->vsie);
    state_put(writer, "hvictl", aia->hvictl);
    csr_imsic_guest_save(hart, writer);
}

void csr_aia_guest_load(struct hart *hart, struct state_reader *reader)
{
    struct hart_aia *aia = &hart->aia;
    if (state_get(reader, "files", HART_GUEST_FILES_MAX) != aia->guest_files) {
        reader->failed = true;
        return;
    }
    aia->selected[HART_FILE_VS] = (unsigned)state_get(reader, "vsiselect", UINT32_MAX);
    state_get_bytes(reader, "vsiprio", aia->iprio[HART_FILE_VS], sizeof(aia->iprio[0]));
    aia->hvien = state_get(reader, "hvien", UINT64_MAX);
    aia->hvip = state_get(reader, "hvip", UINT64_MAX);
    aia->vsie = state_get(reader, "vsie", UINT64_MAX);
    aia->hvictl = (uint32_t)state_get(reader, "hvictl", UINT32_MAX);
    csr_imsic_guest_load(hart, reader);
}
