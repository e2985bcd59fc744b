// SPDX-License-Identifier: MIT
// The Mandelbrot set and bodies that attract each other in plain C.
#include "../kernels.h"

void kernel_mandelbrot(size_t count, float left, float step, float y, uint32_t limit, uint32_t *steps)
{
    for (size_t i = 0; i < count; i++) {
        float x = (float)(uint32_t)i * step + left, re = 0, im = 0;
        uint32_t taken;
        for (taken = 0; taken < limit; taken++) {
            float re2 = re * re, im2 = im * im;
            if (!(re2 + im2 <= 4))
                break;
            im = __builtin_fmaf(re + re, im, y);
            re = re2 - im2 + x;
        }
        steps[i] = taken;
    }
}

struct point {
    double x, y, z, mass;
};

// Adds to all accelerations what one body causes.
static void pull(size_t count, struct point by, double softening, const double *restrict x,
                 const double *restrict y, const double *restrict z, double *restrict ax, double *restrict ay,
                 double *restrict az)
{
    for (size_t i = 0; i < count; i++) {
        double dx = by.x - x[i], dy = by.y - y[i], dz = by.z - z[i];
        double square = __builtin_fma(dx, dx, softening);
        square = __builtin_fma(dy, dy, square);
        square = __builtin_fma(dz, dz, square);
        double strength = by.mass / (square * __builtin_sqrt(square));
        ax[i] = __builtin_fma(dx, strength, ax[i]);
        ay[i] = __builtin_fma(dy, strength, ay[i]);
        az[i] = __builtin_fma(dz, strength, az[i]);
    }
}

void kernel_forces(size_t count, const struct kernel_bodies *b, double softening)
{
    for (size_t i = 0; i < count; i++)
        b->ax[i] = b->ay[i] = b->az[i] = 0;
    for (size_t j = 0; j < count; j++) {
        struct point by = { b->x[j], b->y[j], b->z[j], b->mass[j] };
        pull(count, by, softening, b->x, b->y, b->z, b->ax, b->ay, b->az);
    }
}
