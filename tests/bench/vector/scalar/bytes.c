// SPDX-License-Identifier: MIT
// The functions of the C library: scalar programs use these.
#include <string.h>

#include "../kernels.h"

void *kernel_memcpy(void *to, const void *from, size_t bytes)
{
    return memcpy(to, from, bytes);
}

void *kernel_memset(void *to, int value, size_t bytes)
{
    return memset(to, value, bytes);
}

size_t kernel_strlen(const char *text)
{
    return strlen(text);
}

char *kernel_strchr(const char *text, int wanted)
{
    return strchr(text, wanted);
}

int kernel_memcmp(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes);
}
