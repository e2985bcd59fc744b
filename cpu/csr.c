/* SPDX-License-Identifier: MIT
 *
 * Control and status registers: one small read and one small write function each, gathered by csr.def. Fields
 * are WARL: a write keeps what is legal and leaves the rest as it was. Reads and writes see RV32 registers as
 * their low 32 bits.
 */
#include "cpu/csr.h"

#include <string.h>

#include "cpu/mmu.h"
#include "cpu/trap.h"
#include "util/log.h"

#define MSTATUS_SD(hart) (1ull << ((hart)->isa.xlen - 1))

static bool is_rv32(const struct hart *hart)
{
    return hart->isa.xlen == 32;
}

static bool has_d_or_f(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_F);
}

/* ---- Which registers a configuration has
 * ---------------------------------------------------------------------- */

static bool always(const struct hart *hart)
{
    (void)hart;
    return true;
}
static bool has_s(const struct hart *hart)
{
    return hart->isa.supervisor;
}
static bool has_s_rv32(const struct hart *hart)
{
    return has_s(hart) && is_rv32(hart);
}
static bool has_f(const struct hart *hart)
{
    return has_d_or_f(hart);
}
static bool has_zicntr(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_Zicntr);
}
static bool has_zicntr_rv32(const struct hart *hart)
{
    return has_zicntr(hart) && is_rv32(hart);
}
static bool has_zihpm(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_Zihpm);
}
static bool has_zihpm_rv32(const struct hart *hart)
{
    return has_zihpm(hart) && is_rv32(hart);
}
static bool has_sstc(const struct hart *hart)
{
    return has_s(hart) && isa_has(&hart->isa, ISA_Sstc);
}
static bool has_sstc_rv32(const struct hart *hart)
{
    return has_sstc(hart) && is_rv32(hart);
}
static bool has_pmp(const struct hart *hart)
{
    return hart->isa.pmp;
}
/* RV64 has only the even ones; see csr_access_allowed(). */
static bool has_pmpcfg(const struct hart *hart)
{
    return hart->isa.pmp;
}

static uint64_t read_zero(struct hart *hart, unsigned number)
{
    (void)hart, (void)number;
    return 0;
}
static void write_ignored(struct hart *hart, unsigned number, uint64_t value)
{
    (void)hart, (void)number, (void)value;
}

/* Registers that are plain storage under a mask. */
#define CSR_PLAIN(name, field, mask)                                                                         \
    static uint64_t read_##name(struct hart *hart, unsigned number)                                          \
    {                                                                                                        \
        (void)number;                                                                                        \
        return hart->field;                                                                                  \
    }                                                                                                        \
    static void write_##name(struct hart *hart, unsigned number, uint64_t value)                             \
    {                                                                                                        \
        (void)number;                                                                                        \
        hart->field = value & (mask);                                                                        \
    }

/* xepc: bit 0 is zero, and bit 1 without C (Priv. 3.1.14). */
#define EPC_MASK (~(1ull | hart->ialign_mask))

CSR_PLAIN(mscratch, mscratch, UINT64_MAX)
CSR_PLAIN(mepc, mepc, EPC_MASK)
CSR_PLAIN(mcause, mcause, UINT64_MAX)
CSR_PLAIN(mtval, mtval, UINT64_MAX)
CSR_PLAIN(sscratch, sscratch, UINT64_MAX)
CSR_PLAIN(sepc, sepc, EPC_MASK)
CSR_PLAIN(scause, scause, UINT64_MAX)
CSR_PLAIN(stval, stval, UINT64_MAX)
CSR_PLAIN(mcounteren, mcounteren, UINT32_MAX)
CSR_PLAIN(scounteren, scounteren, UINT32_MAX)

/* xtvec: modes 0 and 1; another mode leaves the register's mode alone. */
static uint64_t legal_tvec(uint64_t old, uint64_t value)
{
    return value & 2 ? (value & ~3ull) | (old & 1) : value;
}

static uint64_t read_mtvec(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mtvec;
}
static void write_mtvec(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->mtvec = legal_tvec(hart->mtvec, value);
}
static uint64_t read_stvec(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->stvec;
}
static void write_stvec(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->stvec = legal_tvec(hart->stvec, value);
}

static uint64_t read_mhartid(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->id;
}
static uint64_t read_misa(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->misa;
}

/* ---- Floating point
 * ------------------------------------------------------------------------------------------- */

static uint64_t read_fflags(struct hart *hart, unsigned number)
{
    (void)number;
    return fp_flags_get(&hart->fp);
}
static void write_fflags(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    fp_flags_set(&hart->fp, value & 31);
    hart->mstatus |= MSTATUS_FS;
}
static uint64_t read_frm(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->fp.frm;
}
static void write_frm(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    fp_rm_set(&hart->fp, value & 7);
    hart->mstatus |= MSTATUS_FS;
}
static uint64_t read_fcsr(struct hart *hart, unsigned number)
{
    return read_fflags(hart, number) | read_frm(hart, number) << 5;
}
static void write_fcsr(struct hart *hart, unsigned number, uint64_t value)
{
    write_fflags(hart, number, value);
    write_frm(hart, number, value >> 5);
}

/* ---- Counters (Priv. "Hardware Performance Monitor", "Machine Counter-Inhibit Register")
 * ------------------------
 *
 * A counter is the hart's raw count of retired instructions plus a base; an inhibited one is the base alone.
 * One instruction takes one cycle. The raw count already has the reading instruction in it, which is the last
 * of its block: the value before it is one less. A write is seen by the next instruction as it was written.
 */

enum { COUNTER_CY = 1, COUNTER_TM = 2, COUNTER_IR = 4 };

static uint64_t raw_count(const struct hart *hart)
{
    return atomic_load_explicit(&hart->instret, memory_order_relaxed);
}

static uint64_t counter_value(const struct hart *hart, uint64_t base, uint32_t bit)
{
    return hart->mcountinhibit & bit ? base : base + raw_count(hart) - 1;
}

static void counter_set(const struct hart *hart, uint64_t *base, uint32_t bit, uint64_t value)
{
    *base = hart->mcountinhibit & bit ? value : value - raw_count(hart);
}

static uint64_t read_cycle(struct hart *hart, unsigned number)
{
    (void)number;
    return counter_value(hart, hart->cycle_base, COUNTER_CY);
}
static uint64_t read_cycleh(struct hart *hart, unsigned number)
{
    return read_cycle(hart, number) >> 32;
}
static uint64_t read_instret(struct hart *hart, unsigned number)
{
    (void)number;
    return counter_value(hart, hart->instret_base, COUNTER_IR);
}
static uint64_t read_instreth(struct hart *hart, unsigned number)
{
    return read_instret(hart, number) >> 32;
}

/* The half that a write of an RV32 counter leaves alone. */
static uint64_t with_low(uint64_t old, uint64_t low)
{
    return (old & ~0xffffffffull) | (uint32_t)low;
}
static uint64_t with_high(uint64_t old, uint64_t high)
{
    return (uint32_t)old | high << 32;
}

static void write_mcycle(struct hart *hart, unsigned number, uint64_t value)
{
    uint64_t whole = is_rv32(hart) ? with_low(read_cycle(hart, number), value) : value;
    counter_set(hart, &hart->cycle_base, COUNTER_CY, whole);
}
static void write_mcycleh(struct hart *hart, unsigned number, uint64_t value)
{
    counter_set(hart, &hart->cycle_base, COUNTER_CY, with_high(read_cycle(hart, number), value));
}
static void write_minstret(struct hart *hart, unsigned number, uint64_t value)
{
    uint64_t whole = is_rv32(hart) ? with_low(read_instret(hart, number), value) : value;
    counter_set(hart, &hart->instret_base, COUNTER_IR, whole);
}
static void write_minstreth(struct hart *hart, unsigned number, uint64_t value)
{
    counter_set(hart, &hart->instret_base, COUNTER_IR, with_high(read_instret(hart, number), value));
}

static uint64_t read_mcountinhibit(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mcountinhibit;
}
static void write_mcountinhibit(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    /* The writing instruction itself still counts as the old setting says; the next ones as the new. */
    uint32_t old = hart->mcountinhibit;
    uint64_t cycle = read_cycle(hart, 0) + !(old & COUNTER_CY);
    uint64_t instret = read_instret(hart, 0) + !(old & COUNTER_IR);
    hart->mcountinhibit = value & (COUNTER_CY | COUNTER_IR);
    counter_set(hart, &hart->cycle_base, COUNTER_CY, cycle);
    counter_set(hart, &hart->instret_base, COUNTER_IR, instret);
}

uint64_t csr_time(const struct hart *hart)
{
    uint64_t ticks = (uint64_t)((unsigned __int128)clock_ns(hart->clock) * hart->timebase_hz / 1000000000u);
    return ticks + (hart->mtime_offset
                        ? (uint64_t)atomic_load_explicit(hart->mtime_offset, memory_order_relaxed)
                        : 0);
}

static uint64_t read_time(struct hart *hart, unsigned number)
{
    (void)number;
    return csr_time(hart);
}
static uint64_t read_timeh(struct hart *hart, unsigned number)
{
    (void)number;
    return csr_time(hart) >> 32;
}

/* ---- mstatus, sstatus
 * ----------------------------------------------------------------------------------------- */

static uint64_t mstatus_value(const struct hart *hart)
{
    return hart->mstatus | ((hart->mstatus & MSTATUS_FS) == MSTATUS_FS ? MSTATUS_SD(hart) : 0);
}

static uint64_t mstatus_writable(const struct hart *hart)
{
    uint64_t mask = MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP;
    if (has_s(hart))
        mask |= MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_MPRV | MSTATUS_SUM | MSTATUS_MXR |
                MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR;
    if (has_d_or_f(hart))
        mask |= MSTATUS_FS;
    return mask;
}

#define SSTATUS_MASK                                                                                         \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR | MSTATUS_UXL)

static void set_mstatus(struct hart *hart, uint64_t value, uint64_t mask)
{
    uint64_t old_mpp = hart->mstatus & MSTATUS_MPP;
    uint64_t new = (hart->mstatus & ~mask) | (value & mask);
    unsigned mpp = (unsigned)(new >> MSTATUS_MPP_SHIFT & 3);
    if (mpp == 2 || (!has_s(hart) && mpp != PRIV_M))
        new = (new & ~MSTATUS_MPP) | old_mpp;
    hart->mstatus = new;
    tlb_select(hart);
}

static uint64_t read_mstatus(struct hart *hart, unsigned number)
{
    (void)number;
    return mstatus_value(hart);
}
static void write_mstatus(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    set_mstatus(hart, value, mstatus_writable(hart));
}
static uint64_t read_sstatus(struct hart *hart, unsigned number)
{
    (void)number;
    return mstatus_value(hart) & (SSTATUS_MASK | MSTATUS_SD(hart));
}
static void write_sstatus(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    set_mstatus(hart, value, mstatus_writable(hart) & SSTATUS_MASK);
}

/* ---- Interrupts and delegation
 * -------------------------------------------------------------------------------- */

#define S_INTERRUPTS (IRQ_SSI | IRQ_STI | IRQ_SEI)
#define M_INTERRUPTS (IRQ_MSI | IRQ_MTI | IRQ_MEI)

/* All exceptions but ecall from M-mode, which is never taken below it. */
#define MEDELEG_MASK 0xb3ffull

static bool sstc_on(const struct hart *hart)
{
    return has_sstc(hart) && hart->menvcfg & ENVCFG_STCE;
}

CSR_PLAIN(medeleg, medeleg, MEDELEG_MASK)
CSR_PLAIN(mideleg, mideleg, S_INTERRUPTS)

static uint64_t read_mie(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mie;
}
static void write_mie(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->mie = value & (M_INTERRUPTS | (has_s(hart) ? S_INTERRUPTS : 0));
}
static uint64_t read_sie(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mie & hart->mideleg;
}
static void write_sie(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->mie = (hart->mie & ~hart->mideleg) | (value & hart->mideleg & S_INTERRUPTS);
}

static uint64_t read_mip(struct hart *hart, unsigned number)
{
    (void)number;
    return trap_pending(hart);
}

/* Bits that software owns (Priv. 3.1.9): STIP is the timer's with Sstc. */
static void write_soft(struct hart *hart, unsigned mask, unsigned value)
{
    unsigned old = atomic_load(&hart->irq_soft);
    while (!atomic_compare_exchange_weak(&hart->irq_soft, &old, (old & ~mask) | (value & mask))) {
    }
}

static void write_mip(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    if (has_s(hart))
        write_soft(hart, IRQ_SSI | IRQ_SEI | (sstc_on(hart) ? 0 : IRQ_STI), (unsigned)value);
}
static uint64_t read_sip(struct hart *hart, unsigned number)
{
    return read_mip(hart, number) & hart->mideleg;
}
static void write_sip(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    write_soft(hart, IRQ_SSI & (unsigned)hart->mideleg, (unsigned)value);
}

/* ---- Sstc
 * ----------------------------------------------------------------------------------------------------- */

/* STIP = (time >= stimecmp) while menvcfg.STCE is set; the timer is armed for the moment that changes. */
static void timer_update(struct hart *hart)
{
    pthread_mutex_lock(&hart->timer_lock);
    bool on = sstc_on(hart);
    uint64_t now = csr_time(hart);
    bool level = on && now >= hart->stimecmp;
    uint64_t deadline = CLOCK_NEVER;
    if (on && !level) {
        uint64_t offset = hart->mtime_offset ? (uint64_t)atomic_load(hart->mtime_offset) : 0;
        unsigned __int128 scaled =
            (unsigned __int128)(hart->stimecmp - offset) * 1000000000u + hart->timebase_hz - 1;
        scaled /= hart->timebase_hz;
        deadline = scaled < CLOCK_NEVER ? (uint64_t)scaled : CLOCK_NEVER;
    }
    if (level)
        atomic_fetch_or(&hart->irq_lines, IRQ_STI);
    else
        atomic_fetch_and(&hart->irq_lines, ~IRQ_STI);
    clock_timer_arm(&hart->timer, deadline);
    pthread_mutex_unlock(&hart->timer_lock);
    if (level)
        hart_request(hart, HART_REQUEST_IRQ);
}

void csr_timer_fired(void *opaque)
{
    timer_update(opaque);
}

static void set_stimecmp(struct hart *hart, uint64_t value)
{
    pthread_mutex_lock(&hart->timer_lock);
    hart->stimecmp = value;
    pthread_mutex_unlock(&hart->timer_lock);
    timer_update(hart);
}

static uint64_t read_stimecmp(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->stimecmp;
}
static void write_stimecmp(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    set_stimecmp(hart, is_rv32(hart) ? with_low(hart->stimecmp, value) : value);
}
static uint64_t read_stimecmph(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->stimecmp >> 32;
}
static void write_stimecmph(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    set_stimecmp(hart, with_high(hart->stimecmp, value));
}

/* ---- envcfg
 * ----------------------------------------------------------------------------------------------------- */

static uint64_t senvcfg_mask(const struct hart *hart)
{
    uint64_t mask = ENVCFG_FIOM;
    if (isa_has(&hart->isa, ISA_Zicbom))
        mask |= ENVCFG_CBIE | ENVCFG_CBCFE;
    if (isa_has(&hart->isa, ISA_Zicboz))
        mask |= ENVCFG_CBZE;
    return mask;
}

static uint64_t menvcfg_mask(const struct hart *hart)
{
    uint64_t mask = senvcfg_mask(hart);
    if (isa_has(&hart->isa, ISA_Svadu))
        mask |= ENVCFG_ADUE;
    if (isa_has(&hart->isa, ISA_Svpbmt))
        mask |= ENVCFG_PBMTE;
    if (isa_has(&hart->isa, ISA_Sstc))
        mask |= ENVCFG_STCE;
    return mask;
}

/* CBIE = 2 is reserved. */
static uint64_t legal_envcfg(uint64_t old, uint64_t value, uint64_t mask)
{
    if ((value & ENVCFG_CBIE) == 2 << 4)
        value = (value & ~ENVCFG_CBIE) | (old & ENVCFG_CBIE);
    return value & mask;
}

static void set_menvcfg(struct hart *hart, uint64_t value)
{
    uint64_t old = hart->menvcfg;
    hart->menvcfg = legal_envcfg(old, value, menvcfg_mask(hart));
    uint64_t changed = old ^ hart->menvcfg;
    if (changed & (ENVCFG_ADUE | ENVCFG_PBMTE))
        tlb_flush_all(hart);
    if (changed & ENVCFG_STCE) {
        /* STIP changes hands; what software had written into it is not seen while the timer has it. */
        if (sstc_on(hart))
            write_soft(hart, IRQ_STI, 0);
        timer_update(hart);
    }
}

static uint64_t read_menvcfg(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->menvcfg;
}
static void write_menvcfg(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    set_menvcfg(hart, is_rv32(hart) ? with_low(hart->menvcfg, value) : value);
}
static uint64_t read_menvcfgh(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->menvcfg >> 32;
}
static void write_menvcfgh(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    set_menvcfg(hart, with_high(hart->menvcfg, value));
}
static uint64_t read_senvcfg(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->senvcfg;
}
static void write_senvcfg(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->senvcfg = legal_envcfg(hart->senvcfg, value, senvcfg_mask(hart));
}

/* ---- satp (Priv. "Supervisor Address Translation and Protection (satp) Register")
 * ------------------------------- */

static bool satp_mode_supported(const struct hart *hart, uint64_t satp)
{
    if (is_rv32(hart))
        return !(satp >> 31) || hart->isa.satp_max == 32;
    switch (satp >> 60) {
    case 0: return true;
    case 8: return hart->isa.satp_max >= 39;
    case 9: return hart->isa.satp_max >= 48;
    case 10: return hart->isa.satp_max >= 57;
    default: return false;
    }
}

static uint64_t read_satp(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->satp;
}
static void write_satp(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    if (!satp_mode_supported(hart, value))
        return;
    hart->satp = value;
    tlb_select(hart);
}

/* ---- PMP
 * ----------------------------------------------------------------------------------------------------------
 */

enum { PMPCFG_L = 0x80, PMPCFG_MASK = 0x9f, PMPCFG_TOR = 1 };

static uint64_t read_pmpcfg(struct hart *hart, unsigned number)
{
    unsigned first = (number - 0x3a0) * 4;
    uint64_t value = 0;
    for (unsigned i = 0; i < hart->isa.xlen / 8; i++)
        value |= (uint64_t)hart->pmpcfg[first + i] << 8 * i;
    return value;
}

static void write_pmpcfg(struct hart *hart, unsigned number, uint64_t value)
{
    unsigned first = (number - 0x3a0) * 4;
    for (unsigned i = 0; i < hart->isa.xlen / 8; i++) {
        uint8_t cfg = value >> 8 * i & PMPCFG_MASK;
        if (hart->pmpcfg[first + i] & PMPCFG_L)
            continue;
        if ((cfg & 3) == 2) /* R = 0, W = 1 is reserved */
            cfg &= (uint8_t)~2u;
        hart->pmpcfg[first + i] = cfg;
    }
    pmp_update(hart);
    tlb_flush_all(hart);
}

static uint64_t read_pmpaddr(struct hart *hart, unsigned number)
{
    return hart->pmpaddr[number - 0x3b0];
}

static void write_pmpaddr(struct hart *hart, unsigned number, uint64_t value)
{
    unsigned i = number - 0x3b0;
    bool next_locks =
        i + 1 < PMP_COUNT && hart->pmpcfg[i + 1] & PMPCFG_L && (hart->pmpcfg[i + 1] >> 3 & 3) == PMPCFG_TOR;
    if (hart->pmpcfg[i] & PMPCFG_L || next_locks)
        return;
    hart->pmpaddr[i] = value & (is_rv32(hart) ? 0xffffffffull : (1ull << 54) - 1);
    pmp_update(hart);
    tlb_flush_all(hart);
}

/* ---- The table
 * ---------------------------------------------------------------------------------------------------- */

struct csr_entry {
    const char *name;
    uint16_t first, last;
    bool (*exists)(const struct hart *hart);
    uint64_t (*read)(struct hart *hart, unsigned number);
    void (*write)(struct hart *hart, unsigned number, uint64_t value);
};

static const struct csr_entry entries[] = {
#define CSRS(name, first, last, exists, read, write) { #name, first, last, exists, read, write },
#include "cpu/csr.def"
};

static const struct csr_entry *by_number[4096];

void csr_init(void)
{
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        for (unsigned number = entries[i].first; number <= entries[i].last; number++)
            by_number[number] = &entries[i];
}

const char *csr_name(unsigned number)
{
    return by_number[number & 4095] ? by_number[number & 4095]->name : NULL;
}

/* Counters below M-mode: enabled by mcounteren, below S-mode by scounteren too (Priv. 3.1.11). */
static bool counter_enabled(const struct hart *hart, unsigned number)
{
    uint32_t bit = 1u << (number & 31);
    if (hart->priv == PRIV_M || !has_s(hart))
        return true;
    return hart->mcounteren & bit && (hart->priv == PRIV_S || hart->scounteren & bit);
}

static bool is_counter(unsigned number)
{
    return (number & ~0x9fu) == 0xc00;
}

bool csr_access_allowed(const struct hart *hart, unsigned number, bool write)
{
    const struct csr_entry *entry = by_number[number];
    if (!entry || !entry->exists(hart) || (number >> 8 & 3) > hart->priv || (write && number >> 10 == 3))
        return false;
    if (number <= 3)
        return hart->mstatus & MSTATUS_FS;
    if (is_counter(number))
        return counter_enabled(hart, number);
    if (number == 0x180) /* satp */
        return !(hart->priv == PRIV_S && hart->mstatus & MSTATUS_TVM);
    if (number == 0x14d || number == 0x15d) /* stimecmp */
        return hart->priv == PRIV_M || (hart->mcounteren & COUNTER_TM && hart->menvcfg & ENVCFG_STCE);
    if ((number & ~3u) == 0x3a0) /* pmpcfg: RV64 has no odd ones */
        return is_rv32(hart) || !(number & 1);
    return true;
}

uint64_t csr_read(struct hart *hart, unsigned number)
{
    return by_number[number]->read(hart, number);
}

uint64_t csr_read_for_modify(struct hart *hart, unsigned number)
{
    uint64_t value = csr_read(hart, number);
    if (number == 0x344) /* Priv. 3.1.9: the PLIC's SEIP is not written back into the software bit */
        value = (value & ~(uint64_t)IRQ_SEI) | (atomic_load(&hart->irq_soft) & IRQ_SEI);
    return value;
}

void csr_write(struct hart *hart, unsigned number, uint64_t value)
{
    by_number[number]->write(hart, number, is_rv32(hart) ? (uint32_t)value : value);
    /* It may have enabled an interrupt. */
    hart_request_self(hart, HART_REQUEST_IRQ);
}

void csr_reset(struct hart *hart)
{
    hart->mstatus = (uint64_t)(hart->isa.supervisor ? PRIV_U : PRIV_M) << MSTATUS_MPP_SHIFT;
    if (!is_rv32(hart) && hart->isa.supervisor)
        hart->mstatus |= 2ull << 32 | 2ull << 34; /* UXL, SXL: 64 */
    hart->medeleg = hart->mideleg = hart->mie = 0;
    hart->mtvec = hart->mscratch = hart->mepc = hart->mcause = hart->mtval = 0;
    hart->stvec = hart->sscratch = hart->sepc = hart->scause = hart->stval = hart->satp = 0;
    hart->senvcfg = 0;
    /* Firmware that does not know Svade, Svadu or Svpbmt expects them to be there, as on QEMU. */
    hart->menvcfg = isa_has(&hart->isa, ISA_Svade) ? 0 : ENVCFG_ADUE & menvcfg_mask(hart);
    hart->menvcfg |= ENVCFG_PBMTE & menvcfg_mask(hart);
    hart->mcounteren = hart->scounteren = hart->mcountinhibit = 0;
    hart->cycle_base = hart->instret_base = -raw_count(hart);
    hart->stimecmp = 0;
    memset(hart->pmpcfg, 0, sizeof(hart->pmpcfg));
    memset(hart->pmpaddr, 0, sizeof(hart->pmpaddr));
    pmp_update(hart);
    fp_rm_set(&hart->fp, 0);
    fp_flags_set(&hart->fp, 0);
    atomic_store(&hart->irq_soft, 0);
    timer_update(hart);
}
