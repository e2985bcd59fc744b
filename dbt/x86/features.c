/* SPDX-License-Identifier: MIT
 *
 * What the host has; see features.h.
 */
#include "dbt/x86/features.h"

#include <cpuid.h>

/* clang 14 knows no names for these in __builtin_cpu_supports(). */
static bool has_lzcnt(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && ecx >> 5 & 1;
}

static bool has_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx >> 29 & 1;
}

static bool has_sha(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ebx >> 29 & 1;
}

static bool has_gfni_and_vpclmulqdq(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ecx >> 8 & 1 && ecx >> 10 & 1;
}

static bool has_vaes(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ecx >> 9 & 1;
}

struct x86_features x86_features(void)
{
    struct x86_features host = {
        .aes = __builtin_cpu_supports("aes"),
        .bmi = __builtin_cpu_supports("bmi"),
        .fma = __builtin_cpu_supports("fma"),
        .lzcnt = has_lzcnt(),
        .pclmul = __builtin_cpu_supports("pclmul"),
        .popcnt = __builtin_cpu_supports("popcnt"),
        .sha = has_sha(),
        .sse41 = __builtin_cpu_supports("sse4.1"),
        .ssse3 = __builtin_cpu_supports("ssse3"),
    };
    host.v3 = host.bmi && host.fma && host.lzcnt && host.popcnt && has_f16c() &&
              __builtin_cpu_supports("avx") && __builtin_cpu_supports("bmi2");
    host.avx2 = host.v3 && __builtin_cpu_supports("avx2");
    host.avx512 = host.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    host.avx512_vbmi = host.avx512 && __builtin_cpu_supports("avx512vbmi");
    host.avx512_vbmi2 = host.avx512_vbmi && __builtin_cpu_supports("avx512vbmi2");
    host.avx512_bits = host.avx512 && __builtin_cpu_supports("avx512bitalg") &&
                       __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512cd");
    host.avx512_polynomials = host.avx512 && has_gfni_and_vpclmulqdq();
    host.avx512_aes = host.avx512 && has_vaes();
    return host;
}

void x86_features_without_avx512(struct x86_features *host)
{
    host->avx512 = host->avx512_vbmi = host->avx512_vbmi2 = host->avx512_bits = host->avx512_polynomials =
        host->avx512_aes = false;
}
