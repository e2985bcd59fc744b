/* SPDX-License-Identifier: MIT
 *
 * The instruction set as data: what isa.def says, in C. Everything that needs to know instructions (decoder,
 * interpreter, translator, encoder of the tests, disassembly of traces) asks here.
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

/* X(NAME, "name in the ISA string", on in rv64, on in rv32, text). NAME's order is the canonical order of the
 * ISA string ("ISA Extension Naming Conventions"). */
#define ISA_EXTENSIONS(X)                                                                                    \
    X(I, "i", 1, 1, "base integer instructions")                                                             \
    X(M, "m", 1, 1, "integer multiplication and division")                                                   \
    X(A, "a", 1, 1, "atomic instructions")                                                                   \
    X(F, "f", 1, 1, "single-precision floating point")                                                       \
    X(D, "d", 1, 1, "double-precision floating point")                                                       \
    X(C, "c", 1, 1, "compressed instructions")                                                               \
    X(V, "v", 0, 0, "vector operations")                                                                     \
    X(Zicbom, "zicbom", 1, 1, "cache-block management")                                                      \
    X(Zicbop, "zicbop", 1, 1, "cache-block prefetch hints")                                                  \
    X(Zicboz, "zicboz", 1, 1, "cache-block zero")                                                            \
    X(Zicntr, "zicntr", 1, 1, "base counters and timers")                                                    \
    X(Zicond, "zicond", 1, 1, "integer conditional operations")                                              \
    X(Zicsr, "zicsr", 1, 1, "CSR instructions")                                                              \
    X(Zifencei, "zifencei", 1, 1, "instruction-fetch fence")                                                 \
    X(Zihintntl, "zihintntl", 1, 1, "non-temporal locality hints")                                           \
    X(Zihintpause, "zihintpause", 1, 1, "pause hint")                                                        \
    X(Zihpm, "zihpm", 1, 1, "hardware performance counters")                                                 \
    X(Zacas, "zacas", 1, 1, "atomic compare and swap")                                                       \
    X(Zawrs, "zawrs", 1, 1, "wait on reservation set")                                                       \
    X(Zfa, "zfa", 1, 1, "additional floating-point instructions")                                            \
    X(Zfh, "zfh", 1, 1, "half-precision floating point")                                                     \
    X(Zfhmin, "zfhmin", 1, 1, "half-precision loads, stores, moves and conversions")                         \
    X(Zcb, "zcb", 1, 1, "additional compressed instructions")                                                \
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
    X(Zvbb, "zvbb", 0, 0, "bit manipulation on vectors")                                                     \
    X(Zvbc, "zvbc", 0, 0, "carry-less multiplication on vectors")                                            \
    X(Zve32f, "zve32f", 0, 0, "part of V: elements of up to 32 bits, with single precision")                 \
    X(Zve32x, "zve32x", 0, 0, "part of V: integer elements of up to 32 bits")                                \
    X(Zve64d, "zve64d", 0, 0, "part of V: elements of up to 64 bits, with double precision")                 \
    X(Zve64f, "zve64f", 0, 0, "part of V: elements of up to 64 bits, with single precision")                 \
    X(Zve64x, "zve64x", 0, 0, "part of V: integer elements of up to 64 bits")                                \
    X(Zvfbfmin, "zvfbfmin", 0, 0, "conversions of vectors from and to BF16")                                 \
    X(Zvfbfwma, "zvfbfwma", 0, 0, "widening multiply-add of vectors of BF16")                                \
    X(Zvfh, "zvfh", 0, 0, "vectors of half precision")                                                       \
    X(Zvfhmin, "zvfhmin", 0, 0, "conversions of vectors from and to half precision")                         \
    X(Zvkb, "zvkb", 0, 0, "bit manipulation on vectors for cryptography")                                    \
    X(Zvkg, "zvkg", 0, 0, "GHASH on vectors")                                                                \
    X(Zvkn, "zvkn", 0, 0, "Zvkned, Zvknhb, Zvkb and Zvkt")                                                   \
    X(Zvknc, "zvknc", 0, 0, "Zvkn and Zvbc")                                                                 \
    X(Zvkned, "zvkned", 0, 0, "AES on vectors")                                                              \
    X(Zvkng, "zvkng", 0, 0, "Zvkn and Zvkg")                                                                 \
    X(Zvknha, "zvknha", 0, 0, "SHA-256 on vectors")                                                          \
    X(Zvknhb, "zvknhb", 0, 0, "SHA-256 and SHA-512 on vectors")                                              \
    X(Zvks, "zvks", 0, 0, "Zvksed, Zvksh, Zvkb and Zvkt")                                                    \
    X(Zvksc, "zvksc", 0, 0, "Zvks and Zvbc")                                                                 \
    X(Zvksed, "zvksed", 0, 0, "SM4 on vectors")                                                              \
    X(Zvksg, "zvksg", 0, 0, "Zvks and Zvkg")                                                                 \
    X(Zvksh, "zvksh", 0, 0, "SM3 on vectors")                                                                \
    X(Zvkt, "zvkt", 0, 0, "time that does not depend on data, of vectors")                                   \
    X(Sstc, "sstc", 1, 1, "supervisor timer compare")                                                        \
    X(Svade, "svade", 0, 0, "page fault where A or D is to be set")                                          \
    X(Svadu, "svadu", 1, 1, "hardware update of A and D")                                                    \
    X(Svinval, "svinval", 1, 1, "fine-grained TLB invalidation")                                             \
    X(Svnapot, "svnapot", 1, 0, "64 KiB contiguous translations")                                            \
    X(Svpbmt, "svpbmt", 1, 0, "page-based memory types")

enum isa_extension {
#define X(name, string, rv64, rv32, text) ISA_##name,
    ISA_EXTENSIONS(X)
#undef X
        ISA_EXTENSION_COUNT
};

/* A set of extensions. */
__extension__ typedef unsigned __int128 isa_set;
#define ISA_SET(extension) ((isa_set)1 << (extension))

/* What one hart implements: -cpu. Passed by value or pointer, never changed after the hart is made. */
struct isa_config {
    unsigned xlen;      /* 32 or 64 */
    isa_set extensions; /* bit n: enum isa_extension n */
    unsigned vlen;      /* of V: bits of a vector register, 128 to 1024 */
    bool supervisor;    /* S-mode and U-mode exist */
    unsigned satp_max;  /* widest translation mode: 0 (Bare), 32, 39, 48 or 57 */
    bool pmp;
};

static inline bool isa_has(const struct isa_config *config, enum isa_extension extension)
{
    return config->extensions >> extension & 1;
}

/* The extension of a set that is not empty that stands first in the canonical order. */
static inline unsigned isa_set_first(isa_set set)
{
    return (uint64_t)set ? (unsigned)__builtin_ctzll((uint64_t)set)
                         : 64 + (unsigned)__builtin_ctzll((uint64_t)(set >> 64));
}

#define ISA_VLEN_MIN     128
#define ISA_VLEN_MAX     1024
#define ISA_VLEN_DEFAULT 256

/* Parses the argument of -cpu: "rv64", "rv32", "max", then ",NAME=on|off|true|false" for any extension,
 * "sv32/sv39/sv48/sv57", "pmp", and "vlen=BITS". Dependencies between extensions are checked. False, with
 * *error filled. */
bool isa_config_parse(struct isa_config *config, const char *cpu, struct error *error);

/* The riscv,isa string ("rv64imafdc_zicbom_..."); returns its length as snprintf does. */
size_t isa_config_string(const struct isa_config *config, char *text, size_t size);
/* The name of an extension as it stands in riscv,isa-extensions. */
const char *isa_extension_name(enum isa_extension extension);
/* The extension that has the ISA_SHARED rows of this one, too: either is enough for them. */
enum isa_extension isa_sharer(enum isa_extension extension);

/* ---- Instructions -------------------------------------------------------------------------------------- */

/* Flags of an instruction, for the decoder and the translators. */
enum {
    ISA_LOAD = 1 << 0,   /* reads memory */
    ISA_STORE = 1 << 1,  /* writes memory */
    ISA_TRAPS = 1 << 2,  /* may trap for another reason than memory */
    ISA_END = 1 << 3,    /* ends a block: pc or mode may change */
    ISA_FP = 1 << 4,     /* needs mstatus.FS != Off (derived: F, D, Zfh, Zfa) */
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
    ISA_ALSO_D = 1 << 15,   /* needs D too */
    ISA_ALSO_ZFH = 1 << 16, /* needs Zfh too */
    ISA_EXACT = 1 << 17,    /* has a rounding-mode field that cannot matter: assemblers write 0 */
    ISA_SHARED = 1 << 18,   /* is in isa_sharer() of its extension, too */
    ISA_VRD = 1 << 19,      /* rd, rs1, rs2 name vector registers (derived) */
    ISA_VRS1 = 1 << 20,
    ISA_VRS2 = 1 << 21,
};

/* Flags of a compressed form: operand values that belong to another form, or are reserved. */
enum {
    RVC_RD_NZ = 1 << 24,
    RVC_RS1_NZ = 1 << 25,
    RVC_RS2_NZ = 1 << 26,
    RVC_IMM_NZ = 1 << 27,
    RVC_RD_NOT_SP = 1 << 28,
};

enum isa_insn {
    ISA_INSN_ILLEGAL,
#define INSN(name, mnemonic, pattern, operands, extension, flags) ISA_INSN_##name,
#include "cpu/isa/isa.def"
    ISA_INSN_COUNT
};

/* The rows of vector.def stand behind all others. */
static inline bool isa_is_vector(enum isa_insn insn)
{
    return insn >= ISA_INSN_vsetvli;
}

/* Rows of isa.def that are compressed forms: each expands to one instruction above. */
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
    X(vtype10, 10)

enum isa_field {
#define X(name, width) ISA_FIELD_##name,
    ISA_FIELDS(X)
#undef X
        ISA_FIELD_COUNT
};

/* One row, parsed. */
struct isa_entry {
    const char *name;     /* C identifier, "addi" */
    const char *mnemonic; /* as assemblers print it, "fence.i" */
    const char *pattern;  /* the text in isa.def */
    const char *operands; /* "rd,rs1,imm12": see isa_disassemble() */
    enum isa_extension extension;
    unsigned flags;
    uint32_t match, mask; /* (bits & mask) == match: this instruction */
    uint32_t fields;      /* bit n: field n occurs */
    uint8_t shift[ISA_FIELD_COUNT];
};

/* Operands of one instruction, in the form all tiers use. */
struct isa_operands {
    enum isa_insn insn;
    enum isa_rvc rvc;          /* ISA_RVC_COUNT: a 32-bit encoding */
    uint8_t length;            /* bytes: 2 or 4 */
    uint8_t rd, rs1, rs2, rs3; /* 0..31; 0 where the format has none */
    uint8_t rm;                /* rounding mode as encoded; aq << 1 | rl for atomics; vm of a vector's */
    int32_t imm; /* sign-extended immediate; shamt, CSR number or vtype | uimm5 << 16, fence bits, bs, rnum */
    uint32_t bits; /* as fetched; upper half zero for a compressed one */
};

/* Builds the tables. Aborts with a message where isa.def is malformed (two patterns overlap, a pattern has
 * not 32 or 16 bits): that is a fault of the build, found by every test. Idempotent, not thread-safe. */
void isa_init(void);

const struct isa_entry *isa_entry(enum isa_insn insn);
const struct isa_entry *isa_rvc_entry(enum isa_rvc rvc);

/* Decodes the instruction at the front of `bits` (32 bits fetched; of a compressed one only the low 16
 * count). Always fills *operands; insn is ISA_INSN_ILLEGAL where `config` has no such instruction: then, if
 * `missing` is not NULL, *missing is the extension that would have it, or ISA_EXTENSION_COUNT. */
void isa_decode(const struct isa_config *config, uint32_t bits, struct isa_operands *operands,
                enum isa_extension *missing);

/* The inverse for a 32-bit form: puts the operands that the row has into its fields; what does not fit is
 * cut. */
uint32_t isa_encode(enum isa_insn insn, const struct isa_operands *operands);

/* "addi a0,a0,-1": disassembly from the table, as objdump -M no-aliases prints it (isa/print.c). pc is for
 * pc-relative targets. Returns the length as snprintf does. Any thread. */
size_t isa_disassemble(const struct isa_operands *operands, uint64_t pc, char *text, size_t size);

extern const char *const isa_x_names[32]; /* "zero", "ra", ... */
extern const char *const isa_f_names[32]; /* "ft0", ... */

#endif
