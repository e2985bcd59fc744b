/* SPDX-License-Identifier: MIT
 *
 * The instruction set as data: the rows of isa.def in C. Everything that works with instructions (decoder,
 * interpreter, translator, encoder of the tests, disassembly of traces) uses this interface.
 *
 * The tables are built once by isa_init() from the patterns in isa.def and are read-only afterwards, so any
 * thread may use them.
 */
#ifndef CPU_ISA_ISA_H
#define CPU_ISA_ISA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define ISA_CACHE_BLOCK 64 /* bytes that cbo.* work on (CMO 2.1; Zic64b) */

/* ---- Extensions ---------------------------------------------------------------------------------------- */

/* X(NAME, "name in the ISA string", on in rv64, on in rv32, text). The order is the canonical order of the
 * ISA string ("ISA Extension Naming Conventions"). */
#define ISA_EXTENSIONS(X)                                                                                    \
    X(I, "i", 1, 1, "base integer instructions")                                                             \
    X(M, "m", 1, 1, "integer multiplication and division")                                                   \
    X(A, "a", 1, 1, "atomic instructions")                                                                   \
    X(F, "f", 1, 1, "single-precision floating point")                                                       \
    X(D, "d", 1, 1, "double-precision floating point")                                                       \
    X(C, "c", 1, 1, "compressed instructions")                                                               \
    X(V, "v", 1, 1, "vector operations")                                                                     \
    X(H, "h", 1, 1, "hypervisor: virtual machines")                                                          \
    X(Zibi, "zibi", 0, 0, "branches that compare with a number")                                             \
    X(Zic64b, "zic64b", 1, 1, "cache blocks of 64 bytes")                                                    \
    X(Zicbom, "zicbom", 1, 1, "cache-block management")                                                      \
    X(Zicbop, "zicbop", 1, 1, "cache-block prefetch hints")                                                  \
    X(Zicboz, "zicboz", 1, 1, "cache-block zero")                                                            \
    X(Ziccamoa, "ziccamoa", 1, 1, "all atomic instructions work on all of RAM")                              \
    X(Ziccif, "ziccif", 1, 1, "an aligned instruction in RAM is fetched as a whole")                         \
    X(Zicclsm, "zicclsm", 1, 1, "misaligned loads and stores in RAM")                                        \
    X(Ziccrse, "ziccrse", 1, 1, "LR and SC on RAM succeed at last")                                          \
    X(Zicfilp, "zicfilp", 1, 1, "landing pads")                                                              \
    X(Zicfiss, "zicfiss", 1, 1, "shadow stacks")                                                             \
    X(Zicntr, "zicntr", 1, 1, "base counters and timers")                                                    \
    X(Zicond, "zicond", 1, 1, "integer conditional operations")                                              \
    X(Zicsr, "zicsr", 1, 1, "CSR instructions")                                                              \
    X(Zifencei, "zifencei", 1, 1, "instruction-fetch fence")                                                 \
    X(Zihintntl, "zihintntl", 1, 1, "non-temporal locality hints")                                           \
    X(Zihintpause, "zihintpause", 1, 1, "pause hint")                                                        \
    X(Zihpm, "zihpm", 1, 1, "hardware performance counters")                                                 \
    X(Zilsd, "zilsd", 0, 0, "RV32: loads and stores of register pairs")                                      \
    X(Zimop, "zimop", 1, 1, "may-be-operations")                                                             \
    X(Za64rs, "za64rs", 1, 1, "reservation sets of at most 64 bytes")                                        \
    X(Zabha, "zabha", 1, 1, "atomic operations on bytes and halves")                                         \
    X(Zacas, "zacas", 1, 1, "atomic compare and swap")                                                       \
    X(Zalasr, "zalasr", 1, 1, "load-acquire and store-release")                                              \
    X(Zama16b, "zama16b", 1, 1, "misaligned atomics inside of 16 bytes")                                     \
    X(Zawrs, "zawrs", 1, 1, "wait on reservation set")                                                       \
    X(Zfa, "zfa", 1, 1, "additional floating-point instructions")                                            \
    X(Zfbfmin, "zfbfmin", 1, 1, "conversions from and to BF16")                                              \
    X(Zfh, "zfh", 1, 1, "half-precision floating point")                                                     \
    X(Zfhmin, "zfhmin", 1, 1, "half-precision loads, stores, moves and conversions")                         \
    X(Zfinx, "zfinx", 0, 0, "single-precision floating point in x registers")                                \
    X(Zdinx, "zdinx", 0, 0, "double-precision floating point in x registers, in pairs of them on RV32")      \
    X(Zcb, "zcb", 1, 1, "additional compressed instructions")                                                \
    X(Zclsd, "zclsd", 0, 0, "RV32: the same, compressed, in the place of those of F")                        \
    X(Zcmop, "zcmop", 1, 1, "compressed may-be-operations")                                                  \
    X(Zcmp, "zcmp", 0, 0, "compressed pushes, pops and moves, in the place of those of D")                   \
    X(Zcmt, "zcmt", 0, 0, "jumps by a table, in the same place")                                             \
    X(Zba, "zba", 1, 1, "address generation")                                                                \
    X(Zbb, "zbb", 1, 1, "basic bit manipulation")                                                            \
    X(Zbc, "zbc", 1, 1, "carry-less multiplication")                                                         \
    X(Zbkb, "zbkb", 1, 1, "bit manipulation for cryptography")                                               \
    X(Zbkc, "zbkc", 1, 1, "carry-less multiplication for cryptography")                                      \
    X(Zbkx, "zbkx", 1, 1, "crossbar permutations")                                                           \
    X(Zbs, "zbs", 1, 1, "single-bit instructions")                                                           \
    X(Zk, "zk", 0, 0, "Zkn, Zkr and Zkt")                                                                    \
    X(Zkn, "zkn", 1, 1, "NIST's algorithms: Zbkb, Zbkc, Zbkx, Zknd, Zkne and Zknh")                          \
    X(Zknd, "zknd", 1, 1, "AES decryption")                                                                  \
    X(Zkne, "zkne", 1, 1, "AES encryption")                                                                  \
    X(Zknh, "zknh", 1, 1, "SHA-2")                                                                           \
    X(Zkr, "zkr", 0, 0, "entropy source")                                                                    \
    X(Zks, "zks", 1, 1, "ShangMi algorithms: Zbkb, Zbkc, Zbkx, Zksed and Zksh")                              \
    X(Zksed, "zksed", 1, 1, "SM4")                                                                           \
    X(Zksh, "zksh", 1, 1, "SM3")                                                                             \
    X(Zkt, "zkt", 0, 0, "time that does not depend on data")                                                 \
    X(Ztso, "ztso", 0, 0, "total store order, which harts here have in any case")                            \
    X(Zvbb, "zvbb", 1, 1, "bit manipulation on vectors")                                                     \
    X(Zvbc, "zvbc", 1, 1, "carry-less multiplication on vectors")                                            \
    X(Zve32f, "zve32f", 1, 1, "part of V: elements of up to 32 bits, with single precision")                 \
    X(Zve32x, "zve32x", 1, 1, "part of V: integer elements of up to 32 bits")                                \
    X(Zve64d, "zve64d", 1, 1, "part of V: elements of up to 64 bits, with double precision")                 \
    X(Zve64f, "zve64f", 1, 1, "part of V: elements of up to 64 bits, with single precision")                 \
    X(Zve64x, "zve64x", 1, 1, "part of V: integer elements of up to 64 bits")                                \
    X(Zvfbfmin, "zvfbfmin", 1, 1, "conversions of vectors from and to BF16")                                 \
    X(Zvfbfwma, "zvfbfwma", 1, 1, "widening multiply-add of vectors of BF16")                                \
    X(Zvfh, "zvfh", 1, 1, "vectors of half precision")                                                       \
    X(Zvfhmin, "zvfhmin", 1, 1, "conversions of vectors from and to half precision")                         \
    X(Zvkb, "zvkb", 1, 1, "bit manipulation on vectors for cryptography")                                    \
    X(Zvkg, "zvkg", 1, 1, "GHASH on vectors")                                                                \
    X(Zvkn, "zvkn", 0, 0, "Zvkned, Zvknhb, Zvkb and Zvkt")                                                   \
    X(Zvknc, "zvknc", 0, 0, "Zvkn and Zvbc")                                                                 \
    X(Zvkned, "zvkned", 1, 1, "AES on vectors")                                                              \
    X(Zvkng, "zvkng", 0, 0, "Zvkn and Zvkg")                                                                 \
    X(Zvknha, "zvknha", 1, 1, "SHA-256 on vectors")                                                          \
    X(Zvknhb, "zvknhb", 1, 1, "SHA-256 and SHA-512 on vectors")                                              \
    X(Zvks, "zvks", 0, 0, "Zvksed, Zvksh, Zvkb and Zvkt")                                                    \
    X(Zvksc, "zvksc", 0, 0, "Zvks and Zvbc")                                                                 \
    X(Zvksed, "zvksed", 1, 1, "SM4 on vectors")                                                              \
    X(Zvksg, "zvksg", 0, 0, "Zvks and Zvkg")                                                                 \
    X(Zvksh, "zvksh", 1, 1, "SM3 on vectors")                                                                \
    X(Zvkt, "zvkt", 0, 0, "time that does not depend on data, of vectors")                                   \
    X(Zhinx, "zhinx", 0, 0, "half-precision floating point in x registers")                                  \
    X(Zhinxmin, "zhinxmin", 0, 0, "half-precision conversions in x registers")                               \
    X(Smaia, "smaia", 0, 0, "advanced interrupts in M-mode")                                                 \
    X(Smepmp, "smepmp", 0, 0, "PMP that binds M-mode, too")                                                  \
    X(Smmpm, "smmpm", 1, 0, "pointer masking in M-mode")                                                     \
    X(Smnpm, "smnpm", 1, 0, "pointer masking in S-mode, set by M-mode")                                      \
    X(Smstateen, "smstateen", 0, 0, "state enable: what lower modes may access (with Ssstateen)")            \
    X(Ssaia, "ssaia", 0, 0, "advanced interrupts in S-mode")                                                 \
    X(Ssccptr, "ssccptr", 1, 1, "page tables in all of RAM")                                                 \
    X(Sscofpmf, "sscofpmf", 0, 0, "counter overflow: of counters that never count")                          \
    X(Sscounterenw, "sscounterenw", 1, 1, "scounteren has a bit for each counter that counts")               \
    X(Ssnpm, "ssnpm", 1, 0, "pointer masking in U-mode, set by S-mode")                                      \
    X(Sstc, "sstc", 1, 1, "supervisor timer compare")                                                        \
    X(Sstvala, "sstvala", 1, 1, "stval always has the address, or the instruction")                          \
    X(Sstvecd, "sstvecd", 1, 1, "stvec may be any multiple of 4")                                            \
    X(Ssu64xl, "ssu64xl", 1, 0, "U-mode of 64 bits")                                                         \
    X(Supm, "supm", 1, 0, "pointer masking in user mode: Ssnpm")                                             \
    X(Svade, "svade", 0, 0, "page fault where A or D is to be set")                                          \
    X(Svadu, "svadu", 1, 1, "hardware update of A and D")                                                    \
    X(Svbare, "svbare", 1, 1, "satp may be Bare")                                                            \
    X(Svinval, "svinval", 1, 1, "fine-grained TLB invalidation")                                             \
    X(Svnapot, "svnapot", 1, 0, "64 KiB contiguous translations")                                            \
    X(Svpbmt, "svpbmt", 1, 0, "page-based memory types")                                                     \
    X(Svvptc, "svvptc", 1, 1, "a page that becomes valid is seen without a fence")                           \
    X(XTheadBa, "xtheadba", 0, 0, "T-Head: address generation")                                              \
    X(XTheadBb, "xtheadbb", 0, 0, "T-Head: basic bit manipulation")                                          \
    X(XTheadBs, "xtheadbs", 0, 0, "T-Head: single-bit instructions")                                         \
    X(XTheadCmo, "xtheadcmo", 0, 0, "T-Head: cache management")                                              \
    X(XTheadCondMov, "xtheadcondmov", 0, 0, "T-Head: conditional moves")                                     \
    X(XTheadFMemIdx, "xtheadfmemidx", 0, 0, "T-Head: floating-point loads and stores with an index")         \
    X(XTheadFmv, "xtheadfmv", 0, 0, "T-Head, RV32: moves of the high half of a double")                      \
    X(XTheadMac, "xtheadmac", 0, 0, "T-Head: multiply and add")                                              \
    X(XTheadMae, "xtheadmae", 0, 0, "T-Head, RV64: memory attributes in page-table entries")                 \
    X(XTheadMemIdx, "xtheadmemidx", 0, 0, "T-Head: loads and stores with an index, or that move a pointer")  \
    X(XTheadMemPair, "xtheadmempair", 0, 0, "T-Head: loads and stores of two registers")                     \
    X(XTheadSync, "xtheadsync", 0, 0, "T-Head: barriers, and fences of other harts")

enum isa_extension {
#define X(name, string, rv64, rv32, text) ISA_##name,
    ISA_EXTENSIONS(X)
#undef X
        ISA_EXTENSION_COUNT
};

/* A set of extensions. */
__extension__ typedef unsigned __int128 isa_set;
_Static_assert(ISA_EXTENSION_COUNT <= 128, "a set has 128 bits");
#define ISA_SET(extension) ((isa_set)1 << (extension))
/* Floating point in x registers. Its instructions have the encodings of those of f registers. */
#define ISA_IN_X (ISA_SET(ISA_Zfinx) | ISA_SET(ISA_Zdinx) | ISA_SET(ISA_Zhinx) | ISA_SET(ISA_Zhinxmin))
/* T-Head's, in the space for custom instructions. */
#define ISA_T_HEAD                                                                                           \
    (ISA_SET(ISA_XTheadBa) | ISA_SET(ISA_XTheadBb) | ISA_SET(ISA_XTheadBs) | ISA_SET(ISA_XTheadCmo) |        \
     ISA_SET(ISA_XTheadCondMov) | ISA_SET(ISA_XTheadFMemIdx) | ISA_SET(ISA_XTheadFmv) |                      \
     ISA_SET(ISA_XTheadMac) | ISA_SET(ISA_XTheadMae) | ISA_SET(ISA_XTheadMemIdx) |                           \
     ISA_SET(ISA_XTheadMemPair) | ISA_SET(ISA_XTheadSync))
/* Those whose instructions are in the place of others, which are more usual. */
#define ISA_CLASHING (ISA_SET(ISA_Zclsd) | ISA_SET(ISA_Zcmp) | ISA_SET(ISA_Zcmt) | ISA_IN_X)

/* What one hart implements: -cpu. Passed by value or pointer; never changed after the hart is made. */
struct isa_config {
    unsigned xlen;      /* 32 or 64 */
    isa_set extensions; /* bit n: enum isa_extension n */
    unsigned vlen;      /* of V: bits of a vector register, 128 to 1024 */
    bool embedded;      /* RV32E or RV64E: registers x0 to x15 */
    bool supervisor;    /* S-mode exists */
    bool user;          /* U-mode exists, which it always does with S-mode */
    unsigned satp_max;  /* widest translation mode: 0 (Bare), 32, 39, 48 or 57 */
    bool pmp;
    uint32_t mvendorid; /* 0x5b7: T-Head, whose own cores have th.sxstatus */
    uint64_t marchid, mimpid;
    unsigned priv_spec; /* of the privileged architecture 1.N: 10 to 13; 0: the newest */
    bool eclic;         /* Nuclei's registers for its interrupt controller (cpu/csr/clic.c) */
};
#define ISA_VENDOR_T_HEAD 0x5b7
#define ISA_VENDOR_NUCLEI 0x31e

/* Whether the hart follows that version of the privileged architecture, 1.N, or a newer one. */
static inline bool isa_since(const struct isa_config *config, unsigned version)
{
    return !config->priv_spec || config->priv_spec >= version;
}

static inline bool isa_has(const struct isa_config *config, enum isa_extension extension)
{
    return config->extensions >> extension & 1;
}

/* Returns the extension of a non-empty set that is first in the canonical order. */
static inline unsigned isa_set_first(isa_set set)
{
    return (uint64_t)set ? (unsigned)__builtin_ctzll((uint64_t)set)
                         : 64 + (unsigned)__builtin_ctzll((uint64_t)(set >> 64));
}

#define ISA_VLEN_MIN     128
#define ISA_VLEN_MAX     1024
#define ISA_VLEN_DEFAULT 256

/* A CPU that -cpu knows by name (isa/model.c). */
struct isa_model {
    const char *name, *text;
    unsigned xlen;
    isa_set extensions; /* extensions in addition to those of `defaults` */
    bool defaults;      /* has everything that is on in isa.h */
    bool bare;          /* no S-mode and no PMP unless they are asked for */
    bool controller;    /* but it has U-mode and PMP, like larger microcontrollers */
    bool profile;       /* -cpu ...,NAME=on adds what it has to another CPU; bare: of U-mode alone */
    bool embedded;
    unsigned satp_max; /* 0: the default */
    uint32_t mvendorid;
    uint64_t marchid, mimpid;
    unsigned priv_spec; /* as of struct isa_config */
    bool eclic;         /* the same */
};
/* Returns a row; NULL after the last one. */
const struct isa_model *isa_model_row(unsigned number);

/* Parses the argument of -cpu: a model's name, then ",NAME=on|off|true|false" for any extension,
 * "sv32/sv39/sv48/sv57", "pmp", "s" and "u" (modes: S needs U), "e" (the base with 16 registers, instead of
 * "i"), a profile (which cannot be taken away), "vlen=BITS", "priv_spec=v1.N.0", and "mvendorid=N",
 * "marchid=N" and "mimpid=N". An extension that is on by default is dropped if an extension
 * that it needs is off; for an extension that was asked for by name this is an error. False, with *error
 * filled. */
bool isa_config_parse(struct isa_config *config, const char *cpu, struct error *error);

#define ISA_STRING_SIZE (ISA_EXTENSION_COUNT * 16) /* room for any */
/* The riscv,isa string ("rv64imafdc_zicbom_..."), of at most 511 characters: config.c says why, and what a
 * longer one is without. Returns its length as snprintf does. */
size_t isa_config_string(const struct isa_config *config, char *text, size_t size);
/* The name of an extension as it stands in riscv,isa-extensions. */
const char *isa_extension_name(enum isa_extension extension);
/* The same, with the name that this configuration uses: I is "e" on an RV32E or RV64E hart. */
const char *isa_extension_in(const struct isa_config *config, enum isa_extension extension);
/* Returns the extension that also has the ISA_SHARED rows of this one; either of the two is enough for
 * them. */
enum isa_extension isa_sharer(enum isa_extension extension);

/* ---- Instructions -------------------------------------------------------------------------------------- */

/* Flags of an instruction, for the decoder and the translators. */
enum {
    ISA_LOAD = 1 << 0,   /* reads memory */
    ISA_STORE = 1 << 1,  /* writes memory */
    ISA_TRAPS = 1 << 2,  /* may trap for reasons other than memory */
    ISA_END = 1 << 3,    /* ends a block: pc or mode may change */
    ISA_FP = 1 << 4,     /* floating point; of f registers: needs mstatus.FS != Off (derived) */
    ISA_CSR = 1 << 5,    /* reads or writes a CSR */
    ISA_RV32 = 1 << 6,   /* exists only where XLEN = 32 */
    ISA_RV64 = 1 << 7,   /* exists only where XLEN = 64 */
    ISA_RM = 1 << 8,     /* has a rounding-mode field (derived) */
    ISA_BRANCH = 1 << 9, /* conditional, pc-relative */
    ISA_FRD = 1 << 10,   /* rd, rs1, rs2, rs3 name floating-point registers (derived) */
    ISA_FRS1 = 1 << 11,
    ISA_FRS2 = 1 << 12,
    ISA_FRS3 = 1 << 13,
    ISA_HINT = 1 << 14,     /* lies inside another pattern and may be executed as that one */
    ISA_ALSO_D = 1 << 15,   /* needs D too, or of Zhinxmin Zdinx */
    ISA_ALSO_ZFH = 1 << 16, /* needs Zfh too */
    ISA_EXACT = 1 << 17,    /* has a rounding-mode field that cannot matter: assemblers write 0 */
    ISA_SHARED = 1 << 18,   /* isa_sharer() of its extension has it, too */
    ISA_VRD = 1 << 19,      /* rd, rs1, rs2 name vector registers (derived) */
    ISA_VRS1 = 1 << 20,
    ISA_VRS2 = 1 << 21,
    ISA_ALSO_ZACAS = 1 << 22, /* needs Zacas too */
    ISA_RD_NZ = 1 << 23,      /* with rd = x0 the encoding is another instruction */
};

/* Flags of an instruction of 32 bits that has a second result, in one of these registers. If that is rd, too,
 * or, of a load, the pointer, the encoding is reserved. */
enum {
    ISA_ALSO_RS1 = 1 << 24,
    ISA_ALSO_RS2 = 1 << 25,
    ISA_ALSO_SVINVAL = 1 << 26, /* needs Svinval too */
};

/* Flags of a compressed form: operand values that belong to another form, or are reserved. */
enum {
    RVC_RD_NZ = 1 << 24,
    RVC_RS1_NZ = 1 << 25,
    RVC_RS2_NZ = 1 << 26,
    RVC_IMM_NZ = 1 << 27,
    RVC_RD_NOT_SP = 1 << 28,
    /* Precedes a form that contains its encoding: without its extension it is that form. */
    RVC_HINT = 1 << 29,
    RVC_ALSO_ZCMOP = 1 << 30, /* needs Zcmop too */
};

/* An instruction that exists only in compressed forms; it has no pattern. */
#define ISA_NO_WIDE (1u << 31)

enum isa_insn {
    ISA_INSN_ILLEGAL,
#define INSN(name, mnemonic, pattern, operands, extension, flags) ISA_INSN_##name,
#include "cpu/isa/isa.def"
    ISA_INSN_COUNT
};

/* The rows of vector.def come after all others. */
static inline bool isa_is_vector(enum isa_insn insn)
{
    return insn >= ISA_INSN_vsetvli;
}

/* Floating point in x registers: cpu/isa/zfinx.def. */
static inline bool isa_is_in_x(enum isa_extension extension)
{
    return ISA_IN_X >> extension & 1;
}

/* Rows of isa.def that are compressed forms: each expands to one of the instructions above. */
enum isa_rvc {
#define RVC(name, mnemonic, pattern, expands, form, extension, flags) ISA_RVC_##name,
#include "cpu/isa/isa.def"
    ISA_RVC_COUNT
};

/* The operand fields of a 32-bit pattern, by the names isa.def uses. */
#define ISA_FIELDS(X)                                                                                        \
    X(rd, 5)                                                                                                 \
    X(rs1, 5)                                                                                                \
    X(rs2, 5)                                                                                                \
    X(rs3, 5)                                                                                                \
    X(rm, 3)      /* rounding mode */                                                                        \
    X(aqrl, 2)    /* acquire, release */                                                                     \
    X(imm12, 12)  /* I-type */                                                                               \
    X(immhi7, 7)  /* S-type, [11:5] */                                                                       \
    X(immlo5, 5)  /* S-type, [4:0] */                                                                        \
    X(bhi7, 7)    /* B-type, [12|10:5] */                                                                    \
    X(blo5, 5)    /* B-type, [4:1|11] */                                                                     \
    X(imm20, 20)  /* U-type, [31:12] */                                                                      \
    X(jimm20, 20) /* J-type, [20|10:1|11|19:12] */                                                           \
    X(shamt5, 5)                                                                                             \
    X(shamt6, 6)                                                                                             \
    X(csr12, 12)                                                                                             \
    X(uimm5, 5) /* csr*i's immediate, fli's index */                                                         \
    X(fm4, 4)   /* fence */                                                                                  \
    X(pred4, 4)                                                                                              \
    X(succ4, 4)                                                                                              \
    X(phi7, 7)  /* prefetch offset [11:5] */                                                                 \
    X(bs2, 2)   /* which byte */                                                                             \
    X(rnum4, 4) /* AES round */                                                                              \
    X(vm, 1)    /* 0: masked by v0 */                                                                        \
    X(simm5, 5)                                                                                              \
    X(zimm5, 5)                                                                                              \
    X(uimm1, 1) /* zimm5's bit 5 */                                                                          \
    X(vtype11, 11)                                                                                           \
    X(vtype10, 10)                                                                                           \
    X(mop1, 1)  /* a may-be-operation's number: [4] or [2], ... */                                           \
    X(mop2, 2)  /* [3:2] or [1:0] */                                                                         \
    X(mopl2, 2) /* [1:0] */                                                                                  \
    X(sh2, 2)   /* T-Head: a shift */                                                                        \
    X(step5, 5) /* how far the pointer moves, before it is shifted */                                        \
    X(msb6, 6)                                                                                               \
    X(lsb6, 6)

enum isa_field {
#define X(name, width) ISA_FIELD_##name,
    ISA_FIELDS(X)
#undef X
        ISA_FIELD_COUNT
};

/* Operands of a row that are pairs of x registers on RV32 (derived from isa.def's pd, ps1, ps2, ps3). */
enum { ISA_PAIR_RD = 1, ISA_PAIR_RS1 = 2, ISA_PAIR_RS2 = 4, ISA_PAIR_RS3 = 8 };

/* One row, parsed. */
struct isa_entry {
    const char *name;     /* C identifier, "addi" */
    const char *mnemonic; /* as assemblers print it, "fence.i" */
    const char *pattern;  /* the text in isa.def */
    const char *operands; /* "rd,rs1,imm12": see isa_disassemble() */
    enum isa_extension extension;
    unsigned flags;
    uint32_t match, mask; /* (bits & mask) == match: this instruction */
    uint64_t fields;      /* bit n: field n occurs */
    uint8_t shift[ISA_FIELD_COUNT];
    uint8_t pairs; /* ISA_PAIR_*: operands that on RV32 are two x registers, the first of which is even */
};

/* Operands of one instruction, in the form all tiers use. */
struct isa_operands {
    enum isa_insn insn;
    enum isa_rvc rvc;          /* ISA_RVC_COUNT: a 32-bit encoding */
    uint8_t length;            /* bytes: 2 or 4 */
    uint8_t rd, rs1, rs2, rs3; /* 0..31; 0 if the format does not have it */
    uint8_t rm;                /* rounding mode as encoded; aq << 1 | rl for atomics; vm of a vector's; sh2 */
    int32_t imm;   /* sign-extended immediate; shamt, CSR number or vtype | uimm5 << 16, fence bits, bs, rnum,
                      mop, step5 << sh2, msb6 << 6 | lsb6 */
    uint32_t bits; /* as fetched; upper half zero for a compressed one */
};

/* Builds the tables. Aborts with a message if isa.def is wrong (two patterns overlap, or a pattern does not
 * have 32 or 16 bits): this is an error of the build, which every test finds. Idempotent, not thread-safe. */
void isa_init(void);

const struct isa_entry *isa_entry(enum isa_insn insn);
const struct isa_entry *isa_rvc_entry(enum isa_rvc rvc);

/* Decodes the instruction at the beginning of `bits` (32 fetched bits; only the low 16 count for a compressed
 * instruction). Always fills *operands; insn is ISA_INSN_ILLEGAL if `config` has no such instruction. Then,
 * if `missing` is not NULL, *missing is the extension that would have it, or ISA_EXTENSION_COUNT. */
void isa_decode(const struct isa_config *config, uint32_t bits, struct isa_operands *operands,
                enum isa_extension *missing);

/* Returns the x register that is the instruction's second result (ISA_ALSO_RS1, ISA_ALSO_RS2); 0: none. */
static inline unsigned isa_also_written(const struct isa_operands *operands)
{
    unsigned flags = isa_entry(operands->insn)->flags;
    return flags & ISA_ALSO_RS1 ? operands->rs1 : flags & ISA_ALSO_RS2 ? operands->rs2 : 0;
}

/* The inverse for a 32-bit form: puts the operands that the row has into its fields. Values are truncated to
 * the width of the field. */
uint32_t isa_encode(enum isa_insn insn, const struct isa_operands *operands);

/* "addi a0,a0,-1": disassembles by the table, in the form of objdump -M no-aliases (isa/print.c). pc is for
 * pc-relative targets. Returns the length as snprintf does. Any thread. */
size_t isa_disassemble(const struct isa_operands *operands, uint64_t pc, char *text, size_t size);

/* Zicfilp: returns whether jalr through this register may go to any address: it is a return, or a jump that
 * the program has checked ("Landing Pad Enforcement"). All other jumps must lead to a landing pad. */
static inline bool isa_is_guarded_jump(unsigned rs1)
{
    return rs1 == 1 || rs1 == 5 || rs1 == 7;
}

extern const char *const isa_x_names[32]; /* "zero", "ra", ... */
extern const char *const isa_f_names[32]; /* "ft0", ... */

#endif
