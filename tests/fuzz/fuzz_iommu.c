/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the IOMMU: the input writes registers and words of memory, and asks for translations. Good tables
 * and queues are there at the beginning, and words that look like entries are easy to write, so that inputs
 * get deep. Whatever the guest does, the IOMMU stays within memory, each request ends, and the worker comes
 * to rest.
 */
#include <check.h>
#include <stdlib.h>
/* Assertions abort: no test is running that could take note of them. */
#define _mark_point(file, line) ((void)0)
#define _ck_assert_failed(...)  abort()

#include "tests/devices/iommu/tables.h"

struct input {
    const uint8_t *bytes;
    size_t length;
};

static uint64_t take(struct input *input, unsigned count)
{
    uint64_t value = 0;
    for (; count && input->length; count--, input->bytes++, input->length--)
        value = value << 8 | *input->bytes;
    return value;
}

/* A value that may be an entry, a pointer, a command, or anything. */
static uint64_t any(struct input *input)
{
    switch (take(input, 1) % 6) {
    case 0: return take(input, 8);
    case 1: return PPN(PAGE_AT(take(input, 1))) | take(input, 1);
    case 2: return take(input, 1) << 60 | PAGE_AT(take(input, 1)) >> 12;
    case 3: return PAGE_AT(take(input, 1)) | take(input, 2);
    case 4: return take(input, 1) << 40 | take(input, 2);
    default: return take(input, 2);
    }
}

static void step(struct input *input)
{
    static const uint16_t registers[] = { FCTL,  DDTP,     CQB,        CQT,          FQB,
                                          FQH,   CQCSR,    FQCSR,      IPSR,         TR_IOVA,
                                          ICVEC, MESSAGES, TR_CONTROL, MESSAGES + 8, MESSAGES + 16 };
    uint64_t paddr;
    switch (take(input, 1) % 8) {
    case 0:
    case 1: {
        unsigned offset = registers[take(input, 1) % (sizeof(registers) / sizeof(registers[0]))];
        iommu->ops->write(iommu, offset, offset % 8 || take(input, 1) % 2 ? 4 : 8, any(input));
        break;
    }
    case 2: iommu->ops->read(iommu, take(input, 2) % 512 * 8, 8); break;
    case 3:
    case 4:
        *(uint64_t *)(ram.bytes + (take(input, 1) % DATA) * 4096 + take(input, 2) % 512 * 8) = any(input);
        break;
    case 5: ((uint64_t *)context_of(5))[take(input, 1) % 8] = any(input); break;
    default:
        ask((uint32_t)(take(input, 1) ? 5 : take(input, 3)), any(input), take(input, 1) % 2, &paddr);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct input input = { bytes, length };
    if (!iommu)
        before_each();
    set_up(ONE_LEVEL + (unsigned)take(&input, 1) % 3);
    while (input.length)
        step(&input);
    iommu->ops->hold(iommu, true); /* the worker comes to rest */
    iommu->ops->reset(iommu);
    iommu->ops->hold(iommu, false);
    return 0;
}
