// SPDX-License-Identifier: MIT
// The kernels of the group "vector". Each exists twice: as plain C in scalar/, which is also compiled for the
// host, and in the assembler of V 1.0 in rvv/. A program has one of the two, and the results are the same to
// the last bit: integers are exact, and both do the same operations on floating-point numbers in the same
// order. (A multiplication and an addition are fused only where the C says fma; the compiler may not fuse
// others.) The loops of compiled/ exist once, and are compiled twice. VLEN is 128 to 1024.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- Bytes: what the functions of these names do in the C library --------------------------------------
void *kernel_memcpy(void *to, const void *from, size_t bytes);
void *kernel_memset(void *to, int value, size_t bytes);
size_t kernel_strlen(const char *text);
char *kernel_strchr(const char *text, int wanted);
int kernel_memcmp(const void *a, const void *b, size_t bytes);

// ---- Linear algebra ------------------------------------------------------------------------------------
// y += a x, fused.
void kernel_saxpy(size_t count, float a, const float *x, float *y);
void kernel_daxpy(size_t count, double a, const double *x, double *y);
// c = a b, matrices of `side` rows and columns, row by row; `side` is a multiple of 4.
void kernel_sgemm(size_t side, const float *a, const float *b, float *c);
void kernel_dgemm(size_t side, const double *a, const double *b, double *c);
int32_t kernel_dot_i8(const int8_t *a, const int8_t *b, size_t count);
// To half precision (to nearest, ties to even; numbers that are too large become infinite) and back. No NaNs.
void kernel_to_half(size_t count, const float *from, uint16_t *to);
void kernel_from_half(size_t count, const uint16_t *from, float *to);

// ---- Pixels and arrays ---------------------------------------------------------------------------------
// Converts red, green and blue, a byte each, to one plane of grey, and to three planes (BT.601, studio
// range).
void kernel_grey(size_t pixels, const uint8_t *rgb, uint8_t *grey);
void kernel_yuv(size_t pixels, const uint8_t *rgb, uint8_t *y, uint8_t *u, uint8_t *v);
// sums[i] = numbers[0] + ... + numbers[i], modulo 2^32.
void kernel_prefix(size_t count, const uint32_t *numbers, uint32_t *sums);
// Where x[i] > limit: y[i] = x[i] - y[i].
void kernel_update(size_t count, float limit, const float *x, float *y);
// Counts how often each byte occurs. `scratch` has room for 256 × 64 words.
void kernel_histogram(size_t count, const uint8_t *bytes, uint32_t bins[256], uint32_t *scratch);
// Moves the keys below `pivot` to the front of `keys`, the others behind them, both in their order; returns
// how many are below. `spare` has room for all.
size_t kernel_partition(uint32_t *keys, size_t count, uint32_t pivot, uint32_t *spare);

// ---- Science -------------------------------------------------------------------------------------------
// For each point of a row (left + i × step, y): how many steps, up to `limit`, it takes to leave the circle
// of radius 2.
void kernel_mandelbrot(size_t count, float left, float step, float y, uint32_t limit, uint32_t *steps);
struct kernel_bodies {
    const double *x, *y, *z, *mass;
    double *ax, *ay, *az; // accelerations by all other bodies
};
void kernel_forces(size_t count, const struct kernel_bodies *bodies, double softening);

// ---- Text ----------------------------------------------------------------------------------------------
// `bytes` is a multiple of 3; writes four characters for each three bytes.
void kernel_base64(size_t bytes, const uint8_t *from, char *to);
bool kernel_utf8(const uint8_t *text, size_t bytes);

// ---- Sums and ciphers ----------------------------------------------------------------------------------
// CRC-32 (IEEE 802.3, as in zlib); crc is 0 at first. kernel_crc_setup() makes the tables.
void kernel_crc_setup(void);
uint32_t kernel_crc(uint32_t crc, const uint8_t *data, size_t bytes);
// AES-128 in counter mode (SP 800-38A): the last four bytes of the counter are a big-endian number that grows
// by one each block. `keys` are the eleven round keys, in the order of FIPS 197's bytes.
void kernel_aes_expand(const uint8_t key[16], uint8_t keys[176]);
void kernel_aes_ctr(size_t blocks, const uint8_t keys[176], const uint8_t counter[16], const uint8_t *from,
                    uint8_t *to);
// GHASH (SP 800-38D): for each block, sum = (sum ^ block) × h.
void kernel_ghash(uint8_t sum[16], const uint8_t h[16], const uint8_t *data, size_t blocks);
extern const uint32_t kernel_sha256_constants[64];
void kernel_sha256(uint32_t state[8], const uint8_t *data, size_t blocks);
// ChaCha20 (RFC 8439): `state` is the block function's input, whose word 12 counts blocks.
void kernel_chacha(size_t blocks, const uint32_t state[16], const uint8_t *from, uint8_t *to);
