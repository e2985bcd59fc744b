/* SPDX-License-Identifier: MIT
 *
 * The C library's functions on bytes, in the manner of those that use vectors: strips of eight registers, and
 * fault-only-first loads where the end is not known.
 */
#include "rvv.inc"

/* void *kernel_memcpy(void *to, const void *from, size_t bytes) */
FUNCTION kernel_memcpy
    mv a3, a0
1:  vsetvli t0, a2, e8, m8, ta, ma
    vle8.v v0, (a1)
    add a1, a1, t0
    sub a2, a2, t0
    vse8.v v0, (a3)
    add a3, a3, t0
    bnez a2, 1b
    ret

/* void *kernel_memset(void *to, int value, size_t bytes) */
FUNCTION kernel_memset
    mv a3, a0
    vsetvli t0, a2, e8, m8, ta, ma
    vmv.v.x v0, a1
1:  vsetvli t0, a2, e8, m8, ta, ma
    vse8.v v0, (a3)
    sub a2, a2, t0
    add a3, a3, t0
    bnez a2, 1b
    ret

/* size_t kernel_strlen(const char *text) */
FUNCTION kernel_strlen
    mv a3, a0
1:  vsetvli t0, zero, e8, m8, ta, ma
    vle8ff.v v8, (a3)
    csrr t0, vl
    vmseq.vi v0, v8, 0
    vfirst.m t1, v0
    add a3, a3, t0
    bltz t1, 1b
    sub a3, a3, t0
    add a3, a3, t1
    sub a0, a3, a0
    ret

/* char *kernel_strchr(const char *text, int wanted) */
FUNCTION kernel_strchr
    andi a1, a1, 255
1:  vsetvli t0, zero, e8, m4, ta, ma
    vle8ff.v v8, (a0)
    csrr t0, vl
    vmseq.vx v1, v8, a1
    vmseq.vi v2, v8, 0
    vmor.mm v0, v1, v2
    vfirst.m t1, v0
    add a0, a0, t0
    bltz t1, 1b
    sub a0, a0, t0
    add a0, a0, t1
    lbu t2, 0(a0)
    beq t2, a1, 2f
    li a0, 0
2:  ret

/* int kernel_memcmp(const void *a, const void *b, size_t bytes) */
FUNCTION kernel_memcmp
1:  vsetvli t0, a2, e8, m8, ta, ma
    vle8.v v8, (a0)
    vle8.v v16, (a1)
    vmsne.vv v0, v8, v16
    vfirst.m t1, v0
    bgez t1, 2f
    add a0, a0, t0
    add a1, a1, t0
    sub a2, a2, t0
    bnez a2, 1b
    li a0, 0
    ret
2:  add a0, a0, t1
    add a1, a1, t1
    lbu a0, 0(a0)
    lbu a1, 0(a1)
    sub a0, a0, a1
    ret
