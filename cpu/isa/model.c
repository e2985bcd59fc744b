/* SPDX-License-Identifier: MIT
 *
 * The CPUs that -cpu knows by name: those with everything, bare ones, the profiles (RISC-V Profiles,
 * "RVA20", "RVA22", "RVA23": the mandatory extensions of the S64 profiles, which include those of U64).
 *
 * A profile's privileged version (Ss1p11 and so on) has no name here. Za128rs is implied by Za64rs, Ssstateen
 * by Smstateen. Sha is H with Ssstateen and names of what H here is like.
 */
#include "cpu/isa/isa.h"

#include <stddef.h>

#define BIT(extension) ISA_SET(ISA_##extension)

#define RVA20                                                                                                \
    (BIT(I) | BIT(M) | BIT(A) | BIT(F) | BIT(D) | BIT(C) | BIT(Zicsr) | BIT(Zicntr) | BIT(Ziccif) |          \
     BIT(Ziccrse) | BIT(Ziccamoa) | BIT(Za64rs) | BIT(Zicclsm) | BIT(Zifencei) | BIT(Svbare) | BIT(Svade) |  \
     BIT(Ssccptr) | BIT(Sstvecd) | BIT(Sstvala))
#define RVA22                                                                                                \
    (RVA20 | BIT(Zihpm) | BIT(Zihintpause) | BIT(Zba) | BIT(Zbb) | BIT(Zbs) | BIT(Zic64b) | BIT(Zicbom) |    \
     BIT(Zicbop) | BIT(Zicboz) | BIT(Zfhmin) | BIT(Zkt) | BIT(Sscounterenw) | BIT(Svpbmt) | BIT(Svinval))
#define RVA23                                                                                                \
    (RVA22 | BIT(H) | BIT(V) | BIT(Zve32f) | BIT(Zve32x) | BIT(Zve64d) | BIT(Zve64f) | BIT(Zve64x) |         \
     BIT(Zvfhmin) | BIT(Zvbb) | BIT(Zvkb) | BIT(Zvkt) | BIT(Zihintntl) | BIT(Zicond) | BIT(Zimop) |          \
     BIT(Zcmop) | BIT(Zcb) | BIT(Zfa) | BIT(Zawrs) | BIT(Supm) | BIT(Svnapot) | BIT(Sstc) | BIT(Sscofpmf) |  \
     BIT(Ssnpm) | BIT(Ssu64xl) | BIT(Smstateen))
/* Of these, what the profiles U64 have. */
#define OF_S64                                                                                               \
    (BIT(H) | BIT(Svbare) | BIT(Svade) | BIT(Ssccptr) | BIT(Sstvecd) | BIT(Sstvala) | BIT(Sscounterenw) |    \
     BIT(Svpbmt) | BIT(Svinval) | BIT(Svnapot) | BIT(Sstc) | BIT(Sscofpmf) | BIT(Ssnpm) | BIT(Ssu64xl) |     \
     BIT(Zifencei) | BIT(Smstateen))
#define RVA22U (RVA22 & ~OF_S64)
#define RVA23U ((RVA23 & ~OF_S64) | BIT(Ssnpm)) /* Supm is Ssnpm here */
/* What max has in addition to the defaults: everything that does not exclude another extension (Svade means
 * that there is no Svadu), except Zkr. Firmware that is older than
 * mseccfg.SSEED (OpenSBI of Debian 12) hides Zkr's CSR from kernels, and these read it at once. */
#define REST                                                                                                 \
    (BIT(Zvkn) | BIT(Zvknc) | BIT(Zvkng) | BIT(Zvks) | BIT(Zvksc) | BIT(Zvksg) | BIT(Zvkt) | BIT(Zkt) |      \
     BIT(Sscofpmf))
#define BARE (BIT(I) | BIT(Zicsr))
/* What SiFive's cores of the years 2016 to 2018 have. Those with S-mode let the hardware set A and D, as on
 * QEMU; in silicon software does. */
#define SIFIVE_E (BARE | BIT(M) | BIT(A) | BIT(C) | BIT(Zicntr) | BIT(Zifencei) | BIT(Zihpm))
#define SIFIVE_U (SIFIVE_E | BIT(F) | BIT(D) | BIT(Svadu))

/* XuanTie C906 and C910, without the vectors of an old draft; A and D as above. */
#define T_HEAD                                                                                               \
    (SIFIVE_U | BIT(Zfh) | BIT(Zfhmin) | BIT(Ziccamoa) | BIT(Ziccif) | BIT(Zicclsm) | BIT(Ziccrse) |         \
     BIT(Ssccptr) | (ISA_T_HEAD & ~(BIT(XTheadFmv) | BIT(XTheadMae))))

#define IBEX                                                                                                 \
    ((SIFIVE_E & ~BIT(A)) | BIT(Zic64b) | BIT(Ziccif) | BIT(Zicclsm) | BIT(Zba) | BIT(Zbb) | BIT(Zbc) |      \
     BIT(Zbs) | BIT(Smepmp))
#define NANHU                                                                                                \
    (SIFIVE_U | BIT(Zic64b) | BIT(Ziccamoa) | BIT(Ziccif) | BIT(Zicclsm) | BIT(Ziccrse) | BIT(Za64rs) |      \
     BIT(Zba) | BIT(Zbb) | BIT(Zbc) | BIT(Zbkb) | BIT(Zbkc) | BIT(Zbkx) | BIT(Zbs) | BIT(Zknd) | BIT(Zkne) | \
     BIT(Zknh) | BIT(Zksed) | BIT(Zksh) | BIT(Ssccptr) | BIT(Sscounterenw) | BIT(Sstvala) | BIT(Sstvecd) |   \
     BIT(Ssu64xl) | BIT(Svinval))

/* Tenstorrent Ascalon. */
#define ASCALON                                                                                              \
    (BIT(I) | BIT(M) | BIT(A) | BIT(F) | BIT(D) | BIT(C) | BIT(H) | BIT(V) | BIT(Zic64b) | BIT(Zicbom) |     \
     BIT(Zicbop) | BIT(Zicboz) | BIT(Ziccamoa) | BIT(Ziccif) | BIT(Zicclsm) | BIT(Ziccrse) | BIT(Zicond) |   \
     BIT(Zicntr) | BIT(Zicsr) | BIT(Zifencei) | BIT(Zihintntl) | BIT(Zihintpause) | BIT(Zihpm) |             \
     BIT(Zimop) | BIT(Za64rs) | BIT(Zawrs) | BIT(Zfa) | BIT(Zfbfmin) | BIT(Zfh) | BIT(Zfhmin) | BIT(Zcb) |   \
     BIT(Zcmop) | BIT(Zba) | BIT(Zbb) | BIT(Zbs) | BIT(Zkt) | BIT(Zvbb) | BIT(Zvbc) | BIT(Zve32f) |          \
     BIT(Zve32x) | BIT(Zve64f) | BIT(Zve64d) | BIT(Zve64x) | BIT(Zvfbfmin) | BIT(Zvfbfwma) | BIT(Zvfh) |     \
     BIT(Zvfhmin) | BIT(Zvkb) | BIT(Zvkg) | BIT(Zvkn) | BIT(Zvkned) | BIT(Zvkng) | BIT(Zvknhb) | BIT(Zvkt) | \
     BIT(Smaia) | BIT(Smstateen) | BIT(Ssaia) | BIT(Ssccptr) | BIT(Sscofpmf) | BIT(Sscounterenw) |           \
     BIT(Sstc) | BIT(Sstvala) | BIT(Sstvecd) | BIT(Ssu64xl) | BIT(Svade) | BIT(Svbare) | BIT(Svinval) |      \
     BIT(Svnapot) | BIT(Svpbmt))

static const struct isa_model models[] = {
    { .name = "rv64",
      .text = "64 bits, with all extensions that are on by default",
      .xlen = 64,
      .defaults = true },
    { .name = "rv32", .text = "32 bits, the same", .xlen = 32, .defaults = true },
    { .name = "max",
      .text = "64 bits, with every extension but Zkr that does not exclude another",
      .xlen = 64,
      .defaults = true,
      .extensions = REST,
      .satp_max = 48 },
    { .name = "max32", .text = "32 bits, the same", .xlen = 32, .defaults = true, .extensions = REST },
    { .name = "rva20s64",
      .text = "the mandatory extensions of RVA20S64",
      .xlen = 64,
      .extensions = RVA20,
      .satp_max = 39,
      .profile = true },
    { .name = "rva22s64",
      .text = "the mandatory extensions of RVA22S64",
      .xlen = 64,
      .extensions = RVA22,
      .satp_max = 39,
      .profile = true },
    { .name = "rva23s64",
      .text = "the mandatory extensions of RVA23S64",
      .xlen = 64,
      .extensions = RVA23,
      .satp_max = 39,
      .profile = true },
    { .name = "rva22u64",
      .text = "the mandatory extensions of RVA22U64, with M- and U-mode",
      .xlen = 64,
      .extensions = RVA22U,
      .bare = true,
      .controller = true,
      .profile = true },
    { .name = "rva23u64",
      .text = "the mandatory extensions of RVA23U64, with M- and U-mode",
      .xlen = 64,
      .extensions = RVA23U,
      .bare = true,
      .controller = true,
      .profile = true },
    { .name = "rv64i",
      .text = "64 bits, the base alone: what else there is to be is asked for, S-mode (s=on) and PMP too",
      .xlen = 64,
      .extensions = BARE,
      .bare = true },
    { .name = "rv64e",
      .text = "the same with 16 registers",
      .xlen = 64,
      .extensions = BARE,
      .bare = true,
      .embedded = true },
    { .name = "rv32i", .text = "32 bits, the base alone", .xlen = 32, .extensions = BARE, .bare = true },
    { .name = "rv32e",
      .text = "the same with 16 registers",
      .xlen = 32,
      .extensions = BARE,
      .bare = true,
      .embedded = true },
    { .name = "sifive-e31",
      .text = "RV32IMAC with M- and U-mode, of HiFive1",
      .xlen = 32,
      .extensions = SIFIVE_E,
      .bare = true,
      .controller = true,
      .priv_spec = 10 },
    { .name = "sifive-e34",
      .text = "the same with single-precision floating point",
      .xlen = 32,
      .extensions = SIFIVE_E | BIT(F),
      .bare = true,
      .controller = true,
      .priv_spec = 10 },
    { .name = "sifive-e51",
      .text = "RV64IMAC with M- and U-mode, the first hart of HiFive Unleashed",
      .xlen = 64,
      .extensions = SIFIVE_E,
      .bare = true,
      .controller = true,
      .priv_spec = 10 },
    { .name = "sifive-u34",
      .text = "RV32GC with Sv32",
      .xlen = 32,
      .extensions = SIFIVE_U,
      .satp_max = 32,
      .priv_spec = 10 },
    { .name = "sifive-u54",
      .text = "RV64GC with Sv39, the other harts of HiFive Unleashed",
      .xlen = 64,
      .extensions = SIFIVE_U,
      .satp_max = 39,
      .priv_spec = 10 },
    { .name = "gd32v",
      .text = "RV32IMAC with M- and U-mode and Nuclei's interrupts, of GD32VF103",
      .xlen = 32,
      .extensions = SIFIVE_E,
      .bare = true,
      .controller = true,
      .mvendorid = ISA_VENDOR_NUCLEI,
      .marchid = 0x80000022,
      .mimpid = 0x100,
      .priv_spec = 11,
      .eclic = true },
    { .name = "thead-c906",
      .text = "RV64GC with Sv39 and T-Head's extensions, without vectors",
      .xlen = 64,
      .extensions = T_HEAD,
      .satp_max = 39,
      .mvendorid = ISA_VENDOR_T_HEAD,
      .priv_spec = 11 },
    { .name = "thead-c910",
      .text = "the same",
      .xlen = 64,
      .extensions = T_HEAD,
      .satp_max = 39,
      .mvendorid = ISA_VENDOR_T_HEAD,
      .priv_spec = 11 },
    { .name = "lowrisc-ibex",
      .text = "RV32IMC with bit manipulation, M- and U-mode and Smepmp, of OpenTitan",
      .xlen = 32,
      .extensions = IBEX,
      .bare = true,
      .controller = true },
    { .name = "shakti-c",
      .text = "RV64GC with Sv39, SHAKTI C",
      .xlen = 64,
      .extensions = SIFIVE_U,
      .satp_max = 39,
      .priv_spec = 10 },
    { .name = "xiangshan-nanhu",
      .text = "RV64GC with Sv39, bit manipulation and scalar cryptography",
      .xlen = 64,
      .extensions = NANHU,
      .satp_max = 39 },
    { .name = "tt-ascalon",
      .text = "Tenstorrent Ascalon: RVA23 and more, with Sv57",
      .xlen = 64,
      .extensions = ASCALON,
      .satp_max = 57 },
};

const struct isa_model *isa_model_row(unsigned number)
{
    return number < sizeof(models) / sizeof(models[0]) ? &models[number] : NULL;
}
