/* SPDX-License-Identifier: MIT
 *
 * How vector instructions are executed. Each row of vector.def has one function, vector_NAME(), for both
 * XLEN; the handler in cpu/exec/vector.c calls it. Most of these functions consist of a shape, which says how
 * wide the operands are, and of one loop for each SEW.
 *
 * vector_run() checks whether the instruction is legal with the present vtype ("Vector Instruction Formats",
 * "Vector Operands", "Reserved Encodings"), collects the operands in a struct vop, calls the loop for this
 * SEW for the elements from vstart to vl - 1, and sets vstart to 0.
 *
 * Elements that a policy calls agnostic stay unchanged, as undisturbed elements must. QEMU does the same by
 * default.
 *
 * A register group is contiguous in hart->v, so element i of an operand is element i of an array.
 */
#ifndef CPU_EXEC_VECTOR_VECTOR_H
#define CPU_EXEC_VECTOR_VECTOR_H

#include "cpu/hart_state.h"
#include "cpu/vector_state.h"

typedef bool vector_fn(struct hart *hart, const struct insn *insn);

#define INSN(name, mnemonic, pattern, operands, extension, flags) vector_fn vector_##name;
#include "cpu/isa/vector.def"
#undef INSN

__extension__ typedef unsigned __int128 vector_u128;
__extension__ typedef __int128 vector_s128;

/* The operands of one instruction. */
struct vop {
    struct hart *hart;
    uint8_t *vd;
    const uint8_t *vs2, *vs1;
    const uint8_t *v0;   /* the mask register */
    const uint8_t *mask; /* v0, or NULL if the instruction is not masked */
    uint64_t x;          /* the scalar operand: x register or immediate, sign-extended; f register, unboxed */
    uint64_t ux;         /* the x register as an unsigned number */
    uint32_t start, vl;
    uint32_t vlmax;
    unsigned rm; /* frm for floating point, otherwise vxrm */
};

typedef void vector_loop(const struct vop *op);

/* The width of an operand: log2 of its EEW / SEW, from -3 to 1, or one of these. */
enum {
    V_MASK = 8, /* a register of bits */
    V_ONE,      /* one element of SEW; the register need not be aligned */
    V_ONE_WIDE, /* the same with twice the SEW */
    V_EI16,     /* elements of 16 bits, whatever SEW is */
    V_NONE,
};

enum vector_scalar { V_V, V_X, V_I, V_F }; /* what the instruction has in place of vs1 */

enum {
    V_START_0 = 1,   /* vstart must be 0 */
    V_APART = 2,     /* vd overlaps no source, and not v0 if v0 is the mask */
    V_FLOAT = 4,     /* depends on mstatus.FS and frm; SEW must be the width of a format */
    V_KEEPS = 8,     /* writes no vector register */
    V_CONVERTS = 16, /* a V_FLOAT whose format is twice as wide as SEW */
    V_V0 = 64,       /* v0 is an operand, not the mask: another operand may be v0, too */
    V_READS_D = 128, /* vd is a source, too */
    V_BF16 = 256,    /* a V_FLOAT of BF16, which does not need Zvfh */
    V_MINIMAL = 32,  /* a V_FLOAT for which Zvfhmin is enough with SEW = 16 */
};

struct vshape {
    int8_t d, s2, s1;
    uint8_t scalar; /* enum vector_scalar */
    unsigned flags;
};

/* Checks that the shape is legal for this instruction now, and fills in the operands; false after raising the
 * trap. */
bool vector_prepare(struct hart *hart, const struct insn *insn, const struct vshape *shape, struct vop *op);
/* Executes the whole instruction. A NULL loop means that the instruction does not have this SEW. */
bool vector_run(struct hart *hart, const struct insn *insn, const struct vshape *shape,
                vector_loop *const loops[4]);
/* Ends the instruction after the last element. */
static inline bool vector_done(struct hart *hart)
{
    hart->vector.vstart = 0;
    return true;
}
/* Raises an illegal-instruction trap; returns false. */
bool vector_illegal(struct hart *hart, const struct insn *insn);

/* Returns whether vectors are enabled: mstatus.VS is not Off. */
static inline bool vector_on(const struct hart *hart)
{
    return hart->mstatus & MSTATUS_VS;
}
static inline void vector_dirty(struct hart *hart)
{
    hart->mstatus |= MSTATUS_VS;
}
static inline uint8_t *vector_register(struct hart *hart, unsigned number)
{
    return hart->v + number * hart->vector.vlenb;
}
static inline bool vector_masked(const struct insn *insn)
{
    return !(insn->aux >> 25 & 1);
}
/* Returns the registers of a group whose size is given as a logarithm. */
static inline unsigned vector_group(int emul)
{
    return emul > 0 ? 1u << emul : 1;
}
/* Returns the elements of a group of the present vtype. */
static inline uint32_t vector_vlmax(const struct hart *hart)
{
    return vector_elements(hart->vector.vlenb, hart->vector.sew, hart->vector.lmul);
}
static inline bool vector_bit(const uint8_t *mask, uint32_t number)
{
    return mask[number >> 3] >> (number & 7) & 1;
}
static inline void vector_set_bit(uint8_t *mask, uint32_t number, bool value)
{
    uint8_t bit = (uint8_t)(1 << (number & 7));
    mask[number >> 3] = (uint8_t)(value ? mask[number >> 3] | bit : mask[number >> 3] & ~bit);
}

/* ---- Loops --------------------------------------------------------------------------------------------- */

/* Runs the body for each active element. Compilers vectorize the loop without a mask. */
#define V_EACH(...)                                                                                          \
    do {                                                                                                     \
        if (!op->mask) {                                                                                     \
            for (uint32_t i = op->start; i < op->vl; i++) {                                                  \
                __VA_ARGS__;                                                                                 \
            }                                                                                                \
        } else {                                                                                             \
            for (uint32_t i = op->start; i < op->vl; i++)                                                    \
                if (vector_bit(op->mask, i)) {                                                               \
                    __VA_ARGS__;                                                                             \
                }                                                                                            \
        }                                                                                                    \
    } while (0)

/* Defines one loop. U and S are the unsigned and signed types of the elements, UW and SW those of twice the
 * width, and BITS is the width. */
#define V_LOOP(name, bits, u, s, uw, sw, ...)                                                                \
    static void name##bits(const struct vop *op)                                                             \
    {                                                                                                        \
        typedef u U __attribute__((unused));                                                                 \
        typedef s S __attribute__((unused));                                                                 \
        typedef uw UW __attribute__((unused));                                                               \
        typedef sw SW __attribute__((unused));                                                               \
        enum { BITS = bits };                                                                                \
        __VA_ARGS__;                                                                                         \
    }

/* Loops for each SEW with a type of twice the width (8 to 32), and for each SEW. */
#define V_LOOPS_TO_32(name, ...)                                                                             \
    V_LOOP(name, 8, uint8_t, int8_t, uint16_t, int16_t, __VA_ARGS__)                                         \
    V_LOOP(name, 16, uint16_t, int16_t, uint32_t, int32_t, __VA_ARGS__)                                      \
    V_LOOP(name, 32, uint32_t, int32_t, uint64_t, int64_t, __VA_ARGS__)
#define V_LOOPS(name, ...)                                                                                   \
    V_LOOPS_TO_32(name, __VA_ARGS__)                                                                         \
    V_LOOP(name, 64, uint64_t, int64_t, vector_u128, vector_s128, __VA_ARGS__)

#define V_OPERANDS(D, T2, T1)                                                                                \
    D *vd = (D *)op->vd;                                                                                     \
    const T2 *vs2 = (const T2 *)op->vs2;                                                                     \
    const T1 *vs1 = (const T1 *)op->vs1;                                                                     \
    (void)vd, (void)vs2, (void)vs1

#define V_RUN(name, loop, ...)                                                                               \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { __VA_ARGS__ };                                                  \
        static vector_loop *const loops[4] = { loop##8, loop##16, loop##32, loop##64 };                      \
        return vector_run(hart, insn, &shape, loops);                                                        \
    }
/* Defines a loop for each format; f, t and bits are the format, its type and its width, for example
 * fp_f32_add, uint32_t, 32. */
#define V_FLOAT_LOOPS(LOOP, name, ...)                                                                       \
    LOOP(name##16, f16, uint16_t, 16, __VA_ARGS__)                                                           \
    LOOP(name##32, f32, uint32_t, 32, __VA_ARGS__)                                                           \
    LOOP(name##64, f64, uint64_t, 64, __VA_ARGS__)
#define V_RUN_FLOAT(name, loop, ...)                                                                         \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { __VA_ARGS__ };                                                  \
        static vector_loop *const loops[4] = { NULL, loop##16, loop##32, loop##64 };                         \
        return vector_run(hart, insn, &shape, loops);                                                        \
    }
#define V_RUN_TO_32(name, loop, ...)                                                                         \
    bool vector_##name(struct hart *hart, const struct insn *insn)                                           \
    {                                                                                                        \
        static const struct vshape shape = { __VA_ARGS__ };                                                  \
        static vector_loop *const loops[4] = { loop##8, loop##16, loop##32, NULL };                          \
        return vector_run(hart, insn, &shape, loops);                                                        \
    }

#endif
