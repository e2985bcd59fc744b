/* SPDX-License-Identifier: MIT
 *
 * Compares Rvive, its interpreter or its translators, with QEMU's user mode. The parts:
 *
 *   values.c   random numbers, corner cases more often than others
 *   rows.c     which rows of isa.def are compared, and the encodings of the compressed ones
 *   generate.c, generate_in_x.c, generate_memory.c, generate_thead.c, generate_jump.c   make snippets from
 * the rows program.c  makes one program from snippets, and an ELF file run.c      runs that program in QEMU
 * and in a hart of this process test_diff.c  compares, counts, and searches for the one instruction that
 * differs
 *
 * A snippet loads all registers from its own block of memory, runs some groups of instructions, and stores
 * all registers there. Snippets share nothing, so a difference belongs to one snippet. Everything has one
 * thread.
 *
 * A block is 4 KiB around an address P that is a multiple of 4096. One register, the snippet's `base`, holds
 * P and is never written. From P - 2048 on are fcsr and x1..x31, f0..f31 that are loaded, 8 bytes each; from
 * P - 512 to P + 511 is the scratch area for loads and stores, with a page boundary in its middle; from
 * P + 1536 on is what is stored at the end.
 */
#ifndef TESTS_DIFF_SNIPPET_H
#define TESTS_DIFF_SNIPPET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/isa/isa.h"

#define BLOCK_SIZE    4096
#define BLOCK_P       2048 /* P's offset in the block */
#define SCRATCH_SIZE  1024
#define SCRATCH_LOW   (-512) /* from P */
#define SCRATCH_HIGH  512
#define BLOCK_INPUT   0
#define BLOCK_SCRATCH (BLOCK_P + SCRATCH_LOW)
#define BLOCK_RESULT  (BLOCK_P + 1536)

#define GROUP_CODES    16
#define SNIPPET_GROUPS 20

/* fcsr (in x[0]), x1..x31 and f0..f31, in the order of a block. */
struct registers {
    uint64_t x[32], f[32];
};

/* Instructions that belong together: the tested row, and instructions that prepare it. */
struct group {
    enum isa_insn insn;
    enum isa_rvc rvc; /* ISA_RVC_COUNT: a 32-bit form */
    unsigned count;
    uint32_t code[GROUP_CODES];
    bool skipped[GROUP_CODES]; /* a jump may skip this one: not counted */
};

struct snippet {
    unsigned base;
    struct registers input;
    uint8_t scratch[SCRATCH_SIZE];
    unsigned count;
    struct group groups[SNIPPET_GROUPS];
};

/* ---- values.c ------------------------------------------------------------------------------------------ */

struct random {
    uint64_t state;
};
uint64_t random_u64(struct random *random);
/* Returns 0..limit - 1; limit > 0. */
unsigned random_below(struct random *random, unsigned limit);
/* True in `percent` of 100 cases. */
bool random_percent(struct random *random, unsigned percent);

/* Formats of a floating-point register's contents, in the order of their widths; an x register may have none.
 */
enum kind { KIND_H, KIND_S, KIND_D, KIND_INTEGER };
uint64_t value_integer(struct random *random);
/* Returns a NaN-boxed value, now and then with a wrong box. */
uint64_t value_float(struct random *random, enum kind kind);
int32_t value_signed(struct random *random, unsigned bits);

/* ---- rows.c -------------------------------------------------------------------------------------------- */

/* One row of isa.def: insn, or, if rvc is not ISA_RVC_COUNT, that compressed form of it. */
struct row {
    enum isa_insn insn;
    enum isa_rvc rvc;
};

struct rows {
    const struct isa_config *config;
    size_t count;
    struct row row[(size_t)ISA_INSN_COUNT + ISA_RVC_COUNT];
    /* The number of encodings of each compressed form. */
    size_t encodings[ISA_RVC_COUNT];
    uint16_t *encoding[ISA_RVC_COUNT];
};
bool rows_create(struct rows *rows, const struct isa_config *config);
void rows_destroy(struct rows *rows);
/* Floating point is in x registers (Zfinx). */
static inline bool rows_in_x(const struct rows *rows)
{
    return isa_has(rows->config, ISA_Zfinx);
}
/* T-Head's extensions, with others between them. */
static inline bool rows_t_head(const struct rows *rows)
{
    return isa_has(rows->config, ISA_XTheadBa);
}
/* Returns why a row is not compared, or NULL. test_diff_vector compares the rows of vector.def. */
const char *rows_excluded(enum isa_insn insn);

/* ---- generate.c ---------------------------------------------------------------------------------------- */

struct generator {
    const struct rows *rows;
    struct random *random;
    struct snippet *snippet;
    struct group *group;
    enum kind kind[32]; /* what the f registers hold, or the x registers if floating point is in those */
};

/* Fills *snippet; `next` walks over the rows, in an order that changes on each round. */
struct row_walk {
    size_t order[(size_t)ISA_INSN_COUNT + ISA_RVC_COUNT];
    size_t at;
};
void snippet_generate(struct snippet *snippet, const struct rows *rows, struct row_walk *walk,
                      struct random *random);

/* For the other two files of the generator. */
void generate_emit(struct generator *generator, uint32_t code);
void generate_insn(struct generator *generator, enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2,
                   int32_t imm);
unsigned generate_source(struct generator *generator);
/* Returns a register other than the base register; x0 only if `zero`. */
unsigned generate_destination(struct generator *generator, bool zero);
/* Chooses an encoding of a compressed form that does not write the base register; false: there is none. */
bool generate_rvc(struct generator *generator, enum isa_rvc rvc, struct isa_operands *operands);
/* Chooses random registers, a rounding mode and an immediate for a row. */
void generate_operands(struct generator *generator, enum isa_insn insn, struct isa_operands *operands);
/* The formats of a mnemonic's operands and of its result. */
enum kind generate_source_kind(const char *mnemonic);
enum kind generate_result_kind(const char *mnemonic);
/* Of floating point in x registers: numbers into some of them, operands for a row, what goes in front of it,
 * and what its result is. */
void generate_in_x_state(struct generator *generator);
void generate_in_x_operands(struct generator *generator, struct isa_operands *operands);
void generate_in_x_product(struct generator *generator, const struct isa_operands *operands);
void generate_in_x_result(struct generator *generator, const struct isa_operands *operands);
/* Emit the groups of loads, stores, atomics and cache-block operations; and of branches and jumps. `operands`
 * were generated or decoded. */
bool generate_memory(struct generator *generator, struct row row, struct isa_operands *operands);
/* Emits x[rb] = P + offset; chooses an offset at which an access of `size` bytes lies in the scratch area. */
void generate_address(struct generator *generator, unsigned rb, int offset);
int generate_place(struct generator *generator, unsigned size);
bool generate_t_head_memory(struct generator *generator, struct isa_operands *operands);
bool generate_jump(struct generator *generator, struct row row, struct isa_operands *operands);

/* ---- program.c ----------------------------------------------------------------------------------------- */

#define PROGRAM_CODE 0x10000000u
#define PROGRAM_DATA 0x20000800u /* the first block */

struct program {
    unsigned xlen;
    bool without_f;       /* there are no f registers */
    const char *qemu_cpu; /* NULL: max */
    uint32_t hart_start;  /* where a hart begins, in bytes of code after the place where QEMU begins */
    uint8_t *code, *data;
    size_t code_size, code_room, data_size;
    size_t count;      /* snippets */
    uint32_t *address; /* of each snippet's code */
};
/* For harts of that configuration, which have f registers or not. */
bool program_create(struct program *program, const struct isa_config *config,
                    const struct snippet *const *snippets, size_t count);
void program_destroy(struct program *program);
/* Returns where a group of a snippet starts. */
uint64_t program_group_address(const struct program *program, const struct snippet *snippet, size_t index,
                               unsigned group);
bool program_write_elf(const struct program *program, const char *path);

/* ---- run.c --------------------------------------------------------------------------------------------- */

struct run {
    uint8_t *blocks;  /* their contents after the run */
    size_t completed; /* snippets */
    char fault[256];  /* why it did not get further */
};
/* False, with a message on stderr, if the run itself was not possible. */
bool run_qemu(const struct program *program, struct run *run);
bool run_hart(const struct program *program, const struct isa_config *config, struct run *run);
void run_destroy(struct run *run);

#endif
