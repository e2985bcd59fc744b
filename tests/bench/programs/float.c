// SPDX-License-Identifier: MIT
// Floating point, one number at a time: bodies that attract each other, the spectral norm of a matrix, the
// Mandelbrot set, a Fourier transform and functions of the C library.
#include <complex.h>
#include <string.h>

#include "bench.h"

enum { BODIES = 5 };
struct body {
    double place[3], speed[3], mass;
};

static const struct body nbody_start[BODIES] = {
    { { 0, 0, 0 }, { 0, 0, 0 }, 40 },
    { { 5, 0.2, -0.1 }, { 0.1, 2.8, 0.02 }, 0.04 },
    { { -8, 4, 0.3 }, { -1.0, -1.9, 0.05 }, 0.011 },
    { { 12, -9, 0.5 }, { 0.9, 1.3, -0.03 }, 0.0017 },
    { { 3, 25, -1 }, { -1.2, 0.2, 0.01 }, 0.002 },
};

static void nbody_step(struct body *bodies, double time)
{
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            struct body *a = &bodies[i], *b = &bodies[j];
            double x = a->place[0] - b->place[0], y = a->place[1] - b->place[1],
                   z = a->place[2] - b->place[2];
            double square = x * x + y * y + z * z;
            double pull = time / (square * sqrt(square));
            a->speed[0] -= x * b->mass * pull;
            a->speed[1] -= y * b->mass * pull;
            a->speed[2] -= z * b->mass * pull;
            b->speed[0] += x * a->mass * pull;
            b->speed[1] += y * a->mass * pull;
            b->speed[2] += z * a->mass * pull;
        }
    for (int i = 0; i < BODIES; i++)
        for (int axis = 0; axis < 3; axis++)
            bodies[i].place[axis] += time * bodies[i].speed[axis];
}

static double nbody_energy(const struct body *bodies)
{
    double energy = 0;
    for (int i = 0; i < BODIES; i++) {
        const struct body *a = &bodies[i];
        double *v = (double *)a->speed;
        energy += a->mass * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) / 2;
        for (int j = i + 1; j < BODIES; j++) {
            const double *b = bodies[j].place;
            double x = a->place[0] - b[0], y = a->place[1] - b[1], z = a->place[2] - b[2];
            energy -= a->mass * bodies[j].mass / sqrt(x * x + y * y + z * z);
        }
    }
    return energy;
}

static uint64_t nbody_run(void)
{
    struct body bodies[BODIES];
    memcpy(bodies, nbody_start, sizeof bodies);
    for (int i = 0; i < 10000; i++)
        nbody_step(bodies, 0.001);
    return bench_round(nbody_energy(bodies));
}

enum { SPECTRAL_SIDE = 100 };

static double spectral_element(int i, int j)
{
    return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
}

static void spectral_multiply(const double *in, double *out, bool transposed)
{
    for (int i = 0; i < SPECTRAL_SIDE; i++) {
        double sum = 0;
        for (int j = 0; j < SPECTRAL_SIDE; j++)
            sum += (transposed ? spectral_element(j, i) : spectral_element(i, j)) * in[j];
        out[i] = sum;
    }
}

static uint64_t spectral_run(void)
{
    double u[SPECTRAL_SIDE], v[SPECTRAL_SIDE], between[SPECTRAL_SIDE];
    for (int i = 0; i < SPECTRAL_SIDE; i++)
        u[i] = 1;
    for (int i = 0; i < 10; i++) {
        spectral_multiply(u, between, false);
        spectral_multiply(between, v, true);
        spectral_multiply(v, between, false);
        spectral_multiply(between, u, true);
    }
    double uv = 0, vv = 0;
    for (int i = 0; i < SPECTRAL_SIDE; i++) {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    return bench_round(sqrt(uv / vv));
}

// Counts the points of a grid that are still near after 100 steps. Points whose result depends on the last
// bit are avoided: the distances in the grid are powers of two, so all numbers are exact at first. It was
// tried that the count is the same everywhere.
static uint64_t mandelbrot_run(void)
{
    uint64_t inside = 0;
    for (int row = 0; row < 128; row++)
        for (int column = 0; column < 128; column++) {
            double x = 0, y = 0, cx = column / 64.0 - 1.5, cy = row / 64.0 - 1.0;
            int step = 0;
            for (; step < 100 && x * x + y * y <= 4; step++) {
                double next = x * x - y * y + cx;
                y = 2 * x * y + cy;
                x = next;
            }
            inside += step == 100;
        }
    return inside;
}

enum { FFT_BITS = 11, FFT_POINTS = 1 << FFT_BITS };
static double fft_real[FFT_POINTS], fft_imaginary[FFT_POINTS];
static double fft_cosine[FFT_POINTS / 2], fft_sine[FFT_POINTS / 2];

static bool fft_prepare(void)
{
    for (int i = 0; i < FFT_POINTS / 2; i++) {
        fft_cosine[i] = cos(2 * M_PI * i / FFT_POINTS);
        fft_sine[i] = sin(2 * M_PI * i / FFT_POINTS);
    }
    return true;
}

static void fft_swap(double *values, unsigned i, unsigned j)
{
    double kept = values[i];
    values[i] = values[j];
    values[j] = kept;
}

static void fft_transform(double *real, double *imaginary, double direction)
{
    for (unsigned i = 1, j = 0; i < FFT_POINTS; i++) {
        unsigned bit = FFT_POINTS >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            fft_swap(real, i, j);
            fft_swap(imaginary, i, j);
        }
    }
    for (unsigned half = 1; half < FFT_POINTS; half *= 2)
        for (unsigned start = 0; start < FFT_POINTS; start += 2 * half)
            for (unsigned k = 0; k < half; k++) {
                unsigned low = start + k, high = low + half, turn = k * (FFT_POINTS / 2 / half);
                double c = fft_cosine[turn], s = direction * fft_sine[turn];
                double x = real[high] * c - imaginary[high] * s, y = real[high] * s + imaginary[high] * c;
                real[high] = real[low] - x;
                imaginary[high] = imaginary[low] - y;
                real[low] += x;
                imaginary[low] += y;
            }
}

static uint64_t fft_run(void)
{
    uint64_t seed = 8, sum = 0;
    for (int i = 0; i < FFT_POINTS; i++) {
        fft_real[i] = (double)(bench_random(&seed) % 2000) - 1000;
        fft_imaginary[i] = 0;
    }
    fft_transform(fft_real, fft_imaginary, -1);
    sum = bench_mix(sum, bench_round(fft_real[5] / 1000));
    fft_transform(fft_real, fft_imaginary, 1);
    for (int i = 0; i < FFT_POINTS; i++)
        sum = bench_mix(sum, (uint64_t)llround(fft_real[i] / FFT_POINTS));
    return sum;
}

static uint64_t libm_run(void)
{
    double sum = 0;
    for (int i = 1; i <= 5000; i++) {
        double x = i * 0.01;
        sum +=
            sin(x) + cos(x) + tan(x / 100) + atan2(x, 3) + exp(-x) + log(x) + pow(x, 0.7) + sqrt(x) + cbrt(x);
        sum += floor(x) + fmod(x, 0.3) + hypot(x, 2);
    }
    return bench_round(sum);
}

const struct bench_program bench_float[] = {
    { "float", "nbody", 80, 0xfffffffffffd176c, NULL, nbody_run, NULL },
    { "float", "spectral", 250, 1274220, NULL, spectral_run, NULL },
    { "float", "mandelbrot", 60, 0x18c6, NULL, mandelbrot_run, NULL },
    { "float", "fft", 1100, 0x91f904043b6c3c7f, fft_prepare, fft_run, NULL },
    { "float", "libm", 80, 0x5296d4fdbd, NULL, libm_run, NULL },
    { 0 },
};
