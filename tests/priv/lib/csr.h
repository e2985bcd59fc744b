/* SPDX-License-Identifier: MIT
 *
 * CSR numbers and fields (Priv. 2.2, 3.1, 4.1) and access to them from C in M-mode.
 */
#ifndef CSR_H
#define CSR_H

#define XLEN __riscv_xlen

#define CSR_FFLAGS        0x001
#define CSR_FRM           0x002
#define CSR_FCSR          0x003
#define CSR_SEED          0x015
#define CSR_CYCLE         0xc00
#define CSR_TIME          0xc01
#define CSR_INSTRET       0xc02
#define CSR_HPMCOUNTER3   0xc03
#define CSR_CYCLEH        0xc80
#define CSR_TIMEH         0xc81
#define CSR_INSTRETH      0xc82
#define CSR_SSTATUS       0x100
#define CSR_SIE           0x104
#define CSR_STVEC         0x105
#define CSR_SCOUNTEREN    0x106
#define CSR_SENVCFG       0x10a
#define CSR_SSCRATCH      0x140
#define CSR_SEPC          0x141
#define CSR_SCAUSE        0x142
#define CSR_STVAL         0x143
#define CSR_SIP           0x144
#define CSR_STIMECMP      0x14d
#define CSR_STIMECMPH     0x15d
#define CSR_SATP          0x180
#define CSR_MSTATUS       0x300
#define CSR_MISA          0x301
#define CSR_MEDELEG       0x302
#define CSR_MIDELEG       0x303
#define CSR_MIE           0x304
#define CSR_MTVEC         0x305
#define CSR_MCOUNTEREN    0x306
#define CSR_MENVCFG       0x30a
#define CSR_MSTATUSH      0x310
#define CSR_MENVCFGH      0x31a
#define CSR_MCOUNTINHIBIT 0x320
#define CSR_MHPMEVENT3    0x323
#define CSR_MSCRATCH      0x340
#define CSR_MEPC          0x341
#define CSR_MCAUSE        0x342
#define CSR_MTVAL         0x343
#define CSR_MIP           0x344
#define CSR_PMPCFG0       0x3a0
#define CSR_PMPADDR0      0x3b0
#define CSR_MSECCFG       0x747
#define CSR_TSELECT       0x7a0
#define CSR_TDATA1        0x7a1
#define CSR_TDATA2        0x7a2
#define CSR_TDATA3        0x7a3
#define CSR_TINFO         0x7a4
#define CSR_MCYCLE        0xb00
#define CSR_MINSTRET      0xb02
#define CSR_MHPMCOUNTER3  0xb03
#define CSR_MCYCLEH       0xb80
#define CSR_MINSTRETH     0xb82
#define CSR_MVENDORID     0xf11
#define CSR_MARCHID       0xf12
#define CSR_MIMPID        0xf13
#define CSR_MHARTID       0xf14
#define CSR_MCONFIGPTR    0xf15

#define STATUS_SIE          (1ul << 1)
#define STATUS_MIE          (1ul << 3)
#define STATUS_SPIE         (1ul << 5)
#define STATUS_UBE          (1ul << 6)
#define STATUS_MPIE         (1ul << 7)
#define STATUS_SPP          (1ul << 8)
#define STATUS_MPP          (3ul << 11)
#define STATUS_MPP_OF(mode) ((uintptr_t)(mode) << 11)
#define STATUS_FS           (3ul << 13)
#define STATUS_FS_OFF       0ul
#define STATUS_FS_INITIAL   (1ul << 13)
#define STATUS_FS_CLEAN     (2ul << 13)
#define STATUS_FS_DIRTY     (3ul << 13)
#define STATUS_MPRV         (1ul << 17)
#define STATUS_SUM          (1ul << 18)
#define STATUS_MXR          (1ul << 19)
#define STATUS_TVM          (1ul << 20)
#define STATUS_TW           (1ul << 21)
#define STATUS_TSR          (1ul << 22)
#define STATUS_SD           (1ul << (XLEN - 1))
#if XLEN == 64
#define STATUS_XL (0xaul << 32) /* UXL = SXL = 64 */
#else
#define STATUS_XL 0ul
#endif

#define IRQ_SSI  1
#define IRQ_MSI  3
#define IRQ_STI  5
#define IRQ_MTI  7
#define IRQ_SEI  9
#define IRQ_MEI  11
#define MIP_SSIP (1ul << IRQ_SSI)
#define MIP_MSIP (1ul << IRQ_MSI)
#define MIP_STIP (1ul << IRQ_STI)
#define MIP_MTIP (1ul << IRQ_MTI)
#define MIP_SEIP (1ul << IRQ_SEI)
#define MIP_MEIP (1ul << IRQ_MEI)

#define MENVCFG_FIOM  (1ull << 0)
#define MENVCFG_CBIE  (3ull << 4)
#define MENVCFG_CBCFE (1ull << 6)
#define MENVCFG_CBZE  (1ull << 7)
#define MENVCFG_ADUE  (1ull << 61)
#define MENVCFG_PBMTE (1ull << 62)
#define MENVCFG_STCE  (1ull << 63)

#define MSECCFG_USEED (1ul << 8)
#define MSECCFG_SSEED (1ul << 9)

#define csr_read(csr)                                                                                        \
    ({                                                                                                       \
        uintptr_t csr_value;                                                                                 \
        __asm__ volatile("csrr %0, %1" : "=r"(csr_value) : "i"(csr) : "memory");                             \
        csr_value;                                                                                           \
    })
#define csr_write(csr, value) __asm__ volatile("csrw %0, %1" ::"i"(csr), "rK"((uintptr_t)(value)) : "memory")
#define csr_set(csr, value)   __asm__ volatile("csrs %0, %1" ::"i"(csr), "rK"((uintptr_t)(value)) : "memory")
#define csr_clear(csr, value) __asm__ volatile("csrc %0, %1" ::"i"(csr), "rK"((uintptr_t)(value)) : "memory")

#define misa_has(letter) (csr_read(CSR_MISA) >> ((letter) - 'A') & 1)

static inline void menvcfg_write(uint64_t value)
{
    csr_write(CSR_MENVCFG, (uintptr_t)value);
#if XLEN == 32
    csr_write(CSR_MENVCFGH, (uintptr_t)(value >> 32));
#endif
}

static inline uint64_t menvcfg_read(void)
{
    uint64_t value = csr_read(CSR_MENVCFG);
#if XLEN == 32
    value |= (uint64_t)csr_read(CSR_MENVCFGH) << 32;
#endif
    return value;
}

#endif
