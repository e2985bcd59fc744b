/* SPDX-License-Identifier: MIT
 *
 * The registers of Nuclei's cores of the series N200 (Bumblebee) for their interrupt controller, the ECLIC
 * (Nuclei "Bumblebee Core Architecture Manual": ECLIC, CSRs, interrupts). The controller is a device; it
 * offers the most urgent of the interrupts that are pending, enabled and above its threshold (HART_CLIC), and
 * the hart takes that if its level is above the present one.
 *
 * An interrupt with a vector goes where the table at mtvt says. One without goes to the common entry of mtvt2
 * (or mtvec), which saves the registers and asks by jalmnxti or mnxti what to serve; one that comes while
 * another ends is served at once ("tail-chaining").
 *
 * Not there: NMI (nothing makes one), the second level of saved states (msavestatus and so on), and wait for
 * event: with `wfe` set, wfi waits for interrupts, too.
 */
#include "cpu/csr/internal.h"

#include "cpu/hart_view.h"
#include "cpu/mmu/mem.h"
#include "cpu/trap.h"
#include "util/log.h"

enum { CSR_MNXTI = 0x345, CSR_PUSHMSUBM = 0x7eb, CSR_JALMNXTI = 0x7ed, CSR_PUSHMCAUSE = 0x7ee };
enum { OPERATION_WRITE, OPERATION_SET, OPERATION_CLEAR };
enum { TYPE_NORMAL, TYPE_INTERRUPT, TYPE_EXCEPTION }; /* msubm.TYP (bits 7:6) and PTYP (9:8) */
enum { X_RA = 1, X_SP = 2 };

#define MSUBM_MASK     0x3c0u
#define MMISC_NMI_TRAP 0x200u /* NMI_CAUSE_FFF: mnvec is mtvec */
#define MMISC_MASK     (MMISC_NMI_TRAP | 0x48u)
#define VECTOR_BASE    (~UINT64_C(63))
#define MCAUSE_INT     (UINT64_C(1) << 31)

bool csr_has_eclic(const struct hart *hart)
{
    return hart->clic.on;
}

CSR_PLAIN(mtvt, clic.mtvt, (uint32_t)VECTOR_BASE)
CSR_PLAIN(mtvt2, clic.mtvt2, ~2u)
CSR_PLAIN(msubm, clic.msubm, MSUBM_MASK)
CSR_PLAIN(mmisc_ctl, clic.mmisc, MMISC_MASK)
CSR_PLAIN(wfe, clic.wfe, 1)
CSR_PLAIN(sleepvalue, clic.sleepvalue, 1)

uint64_t csr_read_mintstatus(struct hart *hart, unsigned number)
{
    (void)number;
    return (uint64_t)hart->clic.level << 24;
}

uint64_t csr_read_mnvec(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->clic.mmisc & MMISC_NMI_TRAP ? hart->mtvec & VECTOR_BASE : hart->reset_pc;
}

/* ---- What is offered ----------------------------------------------------------------------------------- */

unsigned csr_clic_id(unsigned offer)
{
    return (offer - 1) % HART_CLIC_IDS;
}

static unsigned level_of(unsigned offer)
{
    return (offer - 1) / HART_CLIC_IDS % 16 * 16 + 15;
}

static bool is_vectored(unsigned offer)
{
    return (offer - 1) / HART_CLIC_IDS >= 16;
}

static uint64_t entry_of(const struct hart *hart, unsigned offer)
{
    return (uint32_t)(hart->clic.mtvt + 4 * csr_clic_id(offer));
}

unsigned csr_clic_ready(const struct hart *hart)
{
    unsigned offer = atomic_load(&hart->clic.offer);
    if (!offer || (hart->priv == PRIV_M && !(hart->mstatus & MSTATUS_MIE)))
        return 0;
    return hart->priv != PRIV_M || level_of(offer) > hart->clic.level ? offer : 0;
}

/* What mnxti and jalmnxti find: it would have interrupted what is interrupted now, and has no vector. */
static unsigned next_to_serve(const struct hart *hart)
{
    unsigned offer = atomic_load(&hart->clic.offer);
    return offer && !is_vectored(offer) && level_of(offer) > hart->clic.previous ? offer : 0;
}

/* The controller clears the pending bit of an interrupt that is an edge. */
static void tell_taken(struct hart *hart, unsigned offer)
{
    if (hart->clic.taken)
        hart->clic.taken(hart->clic.opaque, csr_clic_id(offer));
}

uint64_t csr_read_mnxti(struct hart *hart, unsigned number)
{
    (void)number;
    unsigned offer = next_to_serve(hart);
    return offer ? entry_of(hart, offer) : 0;
}

/* ---- Traps --------------------------------------------------------------------------------------------- */

bool csr_clic_take(struct hart *hart, unsigned offer, uint64_t *handler)
{
    uint32_t word;
    if (!is_vectored(offer)) {
        *handler = hart->clic.mtvt2 & 1 ? hart->clic.mtvt2 & ~UINT64_C(3) : hart->mtvec & VECTOR_BASE;
        return true; /* the common entry takes it from the controller */
    }
    *handler = entry_of(hart, offer);
    if (hart_view_read_physical(hart, *handler, &word, sizeof(word)) != sizeof(word))
        return false;
    *handler = word & ~UINT64_C(1);
    tell_taken(hart, offer);
    return true;
}

uint64_t csr_clic_enter(struct hart *hart)
{
    struct hart_clic *clic = &hart->clic;
    unsigned type = clic->taking ? TYPE_INTERRUPT : TYPE_EXCEPTION;
    clic->msubm = ((clic->msubm << 2 & 0x300) | type << 6) & MSUBM_MASK;
    clic->previous = clic->level;
    clic->fetching = false;
    if (!clic->taking)
        return hart->mtvec & VECTOR_BASE;
    clic->level = level_of(clic->taking);
    return clic->handler;
}

void csr_clic_return(struct hart *hart)
{
    struct hart_clic *clic = &hart->clic;
    clic->msubm = clic->msubm >> 2 & 0xc0;
    if (csr_clic_used(hart))
        clic->level = clic->previous;
}

/* ---- Registers that act -------------------------------------------------------------------------------- */

static void serve(struct hart *hart, unsigned offer)
{
    hart->clic.level = level_of(offer);
    hart->mcause = MCAUSE_INT | csr_clic_id(offer);
    tell_taken(hart, offer);
}

/* mnxti: reads where the next handler's address is; what is written are bits of mstatus. */
static bool operate_mnxti(struct hart *hart, unsigned operation, uint64_t source, bool writes, uint64_t *rd)
{
    unsigned offer = next_to_serve(hart);
    uint64_t status = csr_read(hart, 0x300);
    *rd = offer ? entry_of(hart, offer) : 0;
    if (!writes)
        return true;
    if (operation == OPERATION_WRITE)
        status = (status & ~UINT64_C(31)) | (source & 31);
    else
        status = operation == OPERATION_SET ? status | (source & 31) : status & ~(source & 31);
    csr_write(hart, 0x300, status);
    if (offer)
        serve(hart, offer);
    return true;
}

/* jalmnxti: calls the next handler with interrupts enabled; it returns to this instruction, which then finds
 * the one after it. Nothing to serve: nothing happens. */
static bool operate_jalmnxti(struct hart *hart, const struct insn *insn)
{
    unsigned offer = next_to_serve(hart);
    uint64_t pc = hart_insn_pc(hart, insn), handler;
    if (!offer)
        return true;
    if (!mem_read(hart, insn, entry_of(hart, offer), 4, &handler))
        return false;
    if (!trap_leave_behind(hart, insn))
        hart->exit_link = NULL;
    serve(hart, offer);
    csr_write(hart, 0x300, csr_read(hart, 0x300) | MSTATUS_MIE);
    hart->x[X_RA] = pc;
    hart->pc = handler & ~UINT64_C(1);
    return false;
}

bool csr_clic_operate(struct hart *hart, const struct insn *insn, unsigned operation, uint64_t source,
                      bool writes, uint64_t *rd)
{
    unsigned number = insn->imm & 0xfff;
    if (number == CSR_MNXTI)
        return operate_mnxti(hart, operation, source, writes, rd);
    if (number == CSR_JALMNXTI)
        return operate_jalmnxti(hart, insn);
    *rd = 0;
    uint64_t value = number == CSR_PUSHMSUBM    ? hart->clic.msubm
                     : number == CSR_PUSHMCAUSE ? csr_read(hart, 0x342)
                                                : hart->mepc;
    uint64_t at = (uint32_t)(hart->x[X_SP] + 4 * (source & 31));
    bool leave = false;
    return mem_write_element(hart, insn, at, 4, value, &leave);
}

/* ---- Reset, and a saved state -------------------------------------------------------------------------- */

void csr_clic_reset(struct hart *hart)
{
    struct hart_clic *clic = &hart->clic;
    clic->level = clic->previous = 0;
    clic->fetching = false;
    clic->mtvt = clic->mtvt2 = clic->msubm = clic->mmisc = clic->wfe = clic->sleepvalue = 0;
}

void csr_clic_save(struct hart *hart, struct state_writer *writer)
{
    const struct hart_clic *clic = &hart->clic;
    state_put(writer, "level", clic->level);
    state_put(writer, "previous", clic->previous);
    state_put(writer, "fetching", clic->fetching);
    state_put(writer, "mtvt", clic->mtvt);
    state_put(writer, "mtvt2", clic->mtvt2);
    state_put(writer, "msubm", clic->msubm);
    state_put(writer, "mmisc", clic->mmisc);
    state_put(writer, "wfe", clic->wfe);
    state_put(writer, "sleepvalue", clic->sleepvalue);
}

/* What is offered comes from the controller, which is loaded, too. */
void csr_clic_load(struct hart *hart, struct state_reader *reader)
{
    struct hart_clic *clic = &hart->clic;
    clic->level = (unsigned)state_get(reader, "level", 255);
    clic->previous = (unsigned)state_get(reader, "previous", 255);
    clic->fetching = state_get(reader, "fetching", 1);
    clic->mtvt = (uint32_t)state_get(reader, "mtvt", UINT32_MAX) & (uint32_t)VECTOR_BASE;
    clic->mtvt2 = (uint32_t)state_get(reader, "mtvt2", UINT32_MAX) & ~2u;
    clic->msubm = (uint32_t)state_get(reader, "msubm", MSUBM_MASK) & MSUBM_MASK;
    clic->mmisc = (uint32_t)state_get(reader, "mmisc", MMISC_MASK) & MMISC_MASK;
    clic->wfe = (uint32_t)state_get(reader, "wfe", 1);
    clic->sleepvalue = (uint32_t)state_get(reader, "sleepvalue", 1);
}
