/* SPDX-License-Identifier: MIT
 *
 * Control and status registers.
 */
#ifndef CPU_CSR_CSR_H
#define CPU_CSR_CSR_H

#include "cpu/hart_state.h"

/* Builds the look-up table. It may be called again; not thread-safe. */
void csr_init(void);
/* Sets the values at reset that depend on the hart's configuration. */
void csr_reset(struct hart *hart);
/* Sets the vector registers and CSRs to their values at reset. */
void csr_vector_reset(struct hart *hart);
/* Called after the registers were filled from a saved state: keeps of each what a write would have kept. */
void csr_legalize(struct hart *hart);
/* The same for the registers of V; vtype is the saved value. */
void csr_vector_legalize(struct hart *hart, uint64_t vtype);

/* Whether the hart has a CSR at all. */
bool csr_exists(const struct hart *hart, unsigned number);
/* Whether the hart may access a CSR now: the CSR exists, the hart's privilege and the enable bits of the
 * modes above allow it, and it is writable if `write` (Priv. "CSR Listing", "CSR Field Specifications"). */
bool csr_access_allowed(const struct hart *hart, unsigned number, bool write);

/* While V is 1, of an access that is not allowed: whether it raises a virtual-instruction exception, since
 * HS-mode would be allowed it. */
bool csr_refusal_is_virtual(const struct hart *hart, unsigned number, bool write);

/* The value that an instruction reads; csrrs and csrrc may change another value (mip). RV32: only the low 32
 * bits count. Call it only if the access is allowed. */
uint64_t csr_read(struct hart *hart, unsigned number);
uint64_t csr_read_for_modify(struct hart *hart, unsigned number);
void csr_write(struct hart *hart, unsigned number, uint64_t value);

/* clic.c: the CLIC of Nuclei's cores. Whether interrupts come from it (the mode of mtvec). */
static inline bool csr_clic_used(const struct hart *hart)
{
    return hart->clic.on && (hart->mtvec & 63) == 3;
}
/* Registers whose access does more than to read and write a value. */
static inline bool csr_clic_acts(unsigned number)
{
    return number == 0x345 || number == 0x7eb || (number >= 0x7ed && number <= 0x7ef);
}
/* Executes an access to one of these, which is allowed: csrrw (0), csrrs (1) or csrrc (2) with `source`;
 * `writes` is as for other registers. *rd gets what rd gets. False: the hart is elsewhere now. */
bool csr_clic_operate(struct hart *hart, const struct insn *insn, unsigned operation, uint64_t source,
                      bool writes, uint64_t *rd);
/* What a trap to M-mode does besides; returns the handler's address. clic.taking says what is taken. */
uint64_t csr_clic_enter(struct hart *hart);
/* The offer that the hart may take now; 0: none. */
unsigned csr_clic_ready(const struct hart *hart);
unsigned csr_clic_id(unsigned offer);
/* Where its handler is; it is taken from the controller. False: the table of vectors cannot be read at
 * *handler. */
bool csr_clic_take(struct hart *hart, unsigned offer, uint64_t *handler);
void csr_clic_return(struct hart *hart); /* of mret */
void csr_clic_reset(struct hart *hart);
void csr_clic_save(struct hart *hart, struct state_writer *writer);
void csr_clic_load(struct hart *hart, struct state_reader *reader);

/* V has changed: computes what depends on it. */
void csr_modes_changed(struct hart *hart);

/* NULL if no configuration has such a register. */
const char *csr_name(unsigned number);

/* Smaia. The interrupts of S-mode that M-mode made (mvip), whose bits of sip and sie are not those of mip and
 * mie: where mvien has a bit and mideleg has none. Which are pending, and which S-mode has enabled. */
static inline uint64_t csr_virtual_bits(const struct hart *hart)
{
    return hart->aia.mvien & ~hart->mideleg;
}
static inline uint64_t csr_virtual_sip(const struct hart *hart)
{
    return hart->aia.mvip & csr_virtual_bits(hart);
}
static inline uint64_t csr_virtual_sie(const struct hart *hart)
{
    return hart->aia.sie & csr_virtual_bits(hart);
}
/* The value of mtopi or stopi: the most urgent interrupt that is pending and enabled at a level, << 16, and
 * its priority; 0: none. */
unsigned csr_top_interrupt(struct hart *hart, enum hart_file level);
/* A message makes an identity pending in an interrupt file, as HART_MSI_TO() numbers them. Any thread. */
void csr_imsic_receive(struct hart *hart, unsigned file, unsigned identity);
/* The local interrupts that a hypervisor made pending for its guest (hvip). */
static inline uint64_t csr_guest_vsip(const struct hart *hart)
{
    return hart->aia.hvip & hart->aia.hvien;
}
/* While V is 1: vstopi has an interrupt that neither mip nor vsip has, which hvictl says. */
static inline bool csr_guest_injected(const struct hart *hart)
{
    uint32_t hvictl = hart->aia.hvictl;
    return hvictl & HVICTL_VTI && hvictl >> HVICTL_IID_SHIFT != (HVICTL_VTI >> HVICTL_IID_SHIFT | 9);
}

/* For a saved state: the registers of Smaia, and of Smstateen. csr_legalize() follows. */
void csr_aia_save(struct hart *hart, struct state_writer *writer);
void csr_aia_load(struct hart *hart, struct state_reader *reader);
/* What a hart with H has besides; a state with another number of guests' files is refused. */
void csr_aia_guest_save(struct hart *hart, struct state_writer *writer);
void csr_aia_guest_load(struct hart *hart, struct state_reader *reader);
void csr_stateen_save(const struct hart *hart, struct state_writer *writer);
void csr_stateen_load(struct hart *hart, struct state_reader *reader);

/* Guest time in ticks of the timebase: the value of the time CSR. */
uint64_t csr_time(const struct hart *hart);
/* Called by the clock when stimecmp may have been reached. */
void csr_timer_fired(void *hart);

#endif
