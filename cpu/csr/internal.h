/* SPDX-License-Identifier: MIT
 *
 * What the files of cpu/csr share: the functions that csr.def names, and a few helpers.
 */
#ifndef CPU_CSR_INTERNAL_H
#define CPU_CSR_INTERNAL_H

#include "cpu/csr/csr.h"

/* Whether a configuration has the register; its value; what a write keeps of the given value. `number` tells
 * apart registers that share a function. RV32: values have 32 bits. */
typedef bool csr_exists_fn(const struct hart *hart);
typedef uint64_t csr_read_fn(struct hart *hart, unsigned number);
typedef void csr_write_fn(struct hart *hart, unsigned number, uint64_t value);

#define CSRS(name, first, last, exists, read, write)                                                         \
    csr_exists_fn csr_##exists;                                                                              \
    csr_read_fn csr_##read;                                                                                  \
    csr_write_fn csr_##write;
#include "cpu/isa/csr.def"

csr_exists_fn csr_has_f; /* f registers */

/* Registers that are plain storage with a mask. */
#define CSR_PLAIN(name, field, mask)                                                                         \
    uint64_t csr_read_##name(struct hart *hart, unsigned number)                                             \
    {                                                                                                        \
        (void)number;                                                                                        \
        return hart->field;                                                                                  \
    }                                                                                                        \
    void csr_write_##name(struct hart *hart, unsigned number, uint64_t value)                                \
    {                                                                                                        \
        (void)number;                                                                                        \
        hart->field = value & (mask);                                                                        \
    }

enum { CSR_COUNTER_CY = 1, CSR_COUNTER_TM = 2, CSR_COUNTER_IR = 4 }; /* mcounteren, mcountinhibit */

/* The 64-bit value after a write of one half of an RV32 register, which does not change the other half. */
static inline uint64_t csr_with_low(uint64_t old, uint64_t low)
{
    return (old & ~0xffffffffull) | (uint32_t)low;
}
static inline uint64_t csr_with_high(uint64_t old, uint64_t high)
{
    return (uint32_t)old | high << 32;
}

/* Writes of a 64-bit register, as a whole or, on RV32, by halves: `get` is its value, set(hart, value) stores
 * it. */
#define CSR_WRITE_HALVES(name, get, set)                                                                     \
    void csr_write_##name(struct hart *hart, unsigned number, uint64_t value)                                \
    {                                                                                                        \
        (void)number;                                                                                        \
        set(hart, csr_is_rv32(hart) ? csr_with_low(get, value) : value);                                     \
    }                                                                                                        \
    void csr_write_##name##h(struct hart *hart, unsigned number, uint64_t value)                             \
    {                                                                                                        \
        (void)number;                                                                                        \
        set(hart, csr_with_high(get, value));                                                                \
    }
/* The high half of what `read` reads. */
#define CSR_READ_HIGH(name, read)                                                                            \
    uint64_t csr_read_##name(struct hart *hart, unsigned number)                                             \
    {                                                                                                        \
        return csr_read_##read(hart, number) >> 32;                                                          \
    }

/* Sets bits of mip that software owns. */
void csr_soft_irq_write(struct hart *hart, unsigned mask, unsigned value);

/* The timer makes STIP: the hart has Sstc, and menvcfg.STCE is set. On the hart's thread or under timer_lock,
 * which all writers of menvcfg and stimecmp take. */
bool csr_sstc_on(const struct hart *hart);

bool csr_has_zicfilp(const struct hart *hart);

/* The level of a register of Smaia or Ssaia, which in a virtual machine is VS-mode's instead of S-mode's. */
static inline enum hart_file csr_file_of(const struct hart *hart, unsigned number)
{
    unsigned level = number >> 8 & 3;
    return level == 3 ? HART_FILE_M : level == 2 || hart->hyper.virt ? HART_FILE_VS : HART_FILE_S;
}
/* aia.c: S-mode has Smaia's registers. */
csr_exists_fn csr_has_smaia_s;
/* Writes the bits of sip and sie that are not those of mip and mie. */
void csr_virtual_sip_write(struct hart *hart, uint64_t value);
void csr_virtual_sie_write(struct hart *hart, uint64_t value);
/* Whether sireg, mireg, stopei and those of VS-mode exist now for a mode: what is selected does, and M-mode
 * has not kept it to itself. */
bool csr_aia_permits(const struct hart *hart, enum privilege priv, unsigned number);
/* The same in a virtual machine, and what hvictl.VTI makes trap. */
bool csr_aia_guest_permits(const struct hart *hart, unsigned number, bool write);
/* Whether the refusal of csr_aia_guest_permits() is a virtual-instruction exception. */
bool csr_aia_guest_knows(const struct hart *hart, unsigned number);
/* aia_guest.c: hstatus.VGEIN is the number of a guest's interrupt file. */
bool csr_has_guest_file(const struct hart *hart);
/* The local interrupts that hvien, hvip and vsie may have. */
uint64_t csr_guest_local(const struct hart *hart);
/* The value of vstopi. */
unsigned csr_guest_top(struct hart *hart);
void csr_aia_guest_reset(struct hart *hart);
void csr_aia_guest_legalize(struct hart *hart);
/* Which registers of interrupt files and priorities can be selected at a level. */
bool csr_aia_selects(const struct hart *hart, enum hart_file level, unsigned selected);
/* stateen.c: whether mstateen permits a register to the modes below M; or (virt) hstateen to virtual
 * machines, which mstateen must permit, too. */
bool csr_stateen_permits(const struct hart *hart, unsigned number, bool virt);
/* imsic.c: the register that miselect or siselect selects, and the most urgent identity (0: none). */
uint64_t csr_imsic_read(struct hart *hart, enum hart_file level, unsigned selected);
void csr_imsic_write(struct hart *hart, enum hart_file level, unsigned selected, uint64_t value);
unsigned csr_imsic_top(struct hart *hart, enum hart_file level);
/* Of the files of guests: hstatus.VGEIN and hgeie, which say where their signals go. */
void csr_imsic_set_guest(struct hart *hart, unsigned vgein, uint64_t hgeie);
void csr_imsic_guest_save(struct hart *hart, struct state_writer *writer);
void csr_imsic_guest_load(struct hart *hart, struct state_reader *reader);
void csr_imsic_reset(struct hart *hart);
void csr_imsic_legalize(struct hart *hart);
void csr_imsic_save(struct hart *hart, struct state_writer *writer);
void csr_imsic_load(struct hart *hart, struct state_reader *reader);
/* pmp.c: whether an entry has bit L. */
bool csr_pmp_any_locked(const struct hart *hart);

/* Returns whether shadow stacks are enabled in a mode: xSSE ("Shadow-Stack-Enabled (SSE) State"). */
bool csr_shadow_stack(const struct hart *hart, enum privilege priv, bool virt);

/* Whether a mode may read the entropy source. */
bool csr_seed_allowed(const struct hart *hart, enum privilege priv);

/* Of henvcfg, with the bits that menvcfg hides. */
uint64_t csr_henvcfg_legal(const struct hart *hart, uint64_t value);
void csr_timer_update(struct hart *hart);
/* What a write of satp, vsatp or hgatp may have as MODE. */
bool csr_satp_mode_supported(const struct hart *hart, uint64_t satp);
/* sip and sie of VS-mode, which are parts of hip and hie. */
csr_read_fn csr_read_vsip, csr_read_vsie, csr_read_vstimecmp;
csr_write_fn csr_write_vsip, csr_write_vsie, csr_write_vstimecmp, csr_write_vstimecmph;
csr_exists_fn csr_has_h, csr_has_h_ssaia;
/* Changes a register that the timer's thread reads. */
void csr_timer_store(struct hart *hart, uint64_t *field, uint64_t value);

/* Reset values of the registers that one file keeps. */
void csr_counter_reset(struct hart *hart);
void csr_status_reset(struct hart *hart);
void csr_trap_reset(struct hart *hart);
void csr_pmp_reset(struct hart *hart);
void csr_envcfg_reset(struct hart *hart);
void csr_hyper_reset(struct hart *hart);
void csr_aia_reset(struct hart *hart);
void csr_stateen_reset(struct hart *hart);

/* Makes the fields legal that a saved state may have set to anything. */
void csr_pmp_legalize(struct hart *hart);
void csr_status_legalize(struct hart *hart);
void csr_trap_legalize(struct hart *hart);
void csr_envcfg_legalize(struct hart *hart);
void csr_hyper_legalize(struct hart *hart);
void csr_aia_legalize(struct hart *hart);
void csr_stateen_legalize(struct hart *hart);

#endif
