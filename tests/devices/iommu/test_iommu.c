/* SPDX-License-Identifier: MIT
 *
 * Translations of the IOMMU: its modes, directories of one to three levels, both stages, process directories,
 * messages, and each cause of a fault that a hostile table can have.
 */
#include "tests/devices/iommu/tables.h"

START_TEST(off_and_bare)
{
    set_up(ONE_LEVEL);
    put(DDTP, 8, OFF);
    faults(5, 0x1234, false, 256, 0);
    faults(0xffff, UINT64_MAX, true, 256, 0);
    put(DDTP, 8, BARE);
    goes_to(5, 0x1234, true, 0x1234);
    goes_to(0, UINT64_MAX, false, UINT64_MAX);
    put(DDTP, 8, 5); /* there is no such mode */
    ck_assert_uint_eq(get(DDTP, 8), BARE);
    iommu->ops->reset(iommu);
    ck_assert_uint_eq(get(DDTP, 8), OFF);
    struct device *other = make_iommu(true);
    ck_assert_uint_eq(fake_read(other, DDTP, 8), BARE);
    other->ops->destroy(other);
}
END_TEST

START_TEST(directories)
{
    for (unsigned mode = ONE_LEVEL; mode <= THREE_LEVELS; mode++) {
        static const uint32_t widths[] = { 6, 15, 24 };
        set_up(mode);
        goes_to(5, 0x1678, true, PAGE_AT(DATA) + 0x678);
        goes_to(5, 0x1000, false, PAGE_AT(DATA));
        faults(6, 0x1000, false, 258, 0); /* not valid */
        if (mode < THREE_LEVELS)
            faults(5u | 1u << widths[mode - ONE_LEVEL], 0x1000, true, 260, 0);
    }
    /* Other entries lead to the same contexts, or nowhere. */
    *word(PAGE_AT(DIRECTORY) + 8) = PPN(PAGE_AT(MIDDLE)) | V;
    *word(PAGE_AT(MIDDLE) + 16) = PPN(PAGE_AT(CONTEXTS)) | V;
    goes_to(1u << 15 | 2u << 6 | 5, 0x1000, false, PAGE_AT(DATA));
    faults(1u << 15 | 3u << 6 | 5, 0x1000, false, 258, 0);
    *word(PAGE_AT(MIDDLE) + 24) = PPN(PAGE_AT(CONTEXTS)) | V | 2;
    faults(1u << 15 | 3u << 6 | 5, 0x1000, false, 259, 0);
    *word(PAGE_AT(MIDDLE) + 24) = PPN(UINT64_C(0x10000000)) | V; /* not RAM */
    faults(1u << 15 | 3u << 6 | 5, 0x1000, false, 257, 0);
    *word(PAGE_AT(DIRECTORY) + 16) = PPN(UINT64_C(0xfffffffffff000)) | V;
    faults(2u << 15 | 5, 0x1000, false, 257, 0);
    put(DDTP, 8, PPN(UINT64_C(0x1000)) | ONE_LEVEL);
    faults(5, 0x1000, false, 257, 0);
}
END_TEST

/* Each context that is misconfigured: what is changed in a good one. */
START_TEST(contexts)
{
    static const struct context rows[] = {
        { .tc = 1 << 1 },  /* EN_ATS */
        { .tc = 1 << 2 },  /* EN_PRI */
        { .tc = 1 << 3 },  /* T2GPA */
        { .tc = 1 << 6 },  /* PRPR */
        { .tc = 1 << 7 },  /* GADE */
        { .tc = 1 << 8 },  /* SADE */
        { .tc = 1 << 9 },  /* DPE without PDTV */
        { .tc = 1 << 10 }, /* SBE */
        { .tc = 1 << 11 }, /* SXL */
        { .tc = 1 << 12 }, /* reserved, and so on */
        { .tc = UINT64_C(1) << 63 },
        { .tc = 1 << 5 }, /* PDTV: mode 8 is none of a process directory */
        { .iohgatp = UINT64_C(1) << 60 },
        { .iohgatp = UINT64_C(7) << 60 },
        { .iohgatp = UINT64_C(11) << 60 },
        { .iohgatp = SV39 | 1 }, /* not aligned to 16 KiB */
        { .ta = 1 },
        { .ta = UINT64_C(1) << 32 },
        { .fsc = UINT64_C(1) << 44 },
        { .fsc = UINT64_C(1) << 59 },
        { .fsc = UINT64_C(3) << 60 }, /* with Sv39: 11 */
        { .fsc = UINT64_C(4) << 60 },
        { .msiptp = UINT64_C(2) << 60 },
        { .msiptp = UINT64_C(1) << 44 },
        { .mask = UINT64_C(1) << 52 },
        { .pattern = UINT64_C(1) << 63 },
        { .reserved = 1 },
    };
    set_up(ONE_LEVEL);
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        uint64_t *at = (uint64_t *)context_of(5), good[8];
        memcpy(good, at, sizeof(good));
        for (unsigned i = 0; i < 8; i++)
            at[i] |= ((const uint64_t *)&rows[n])[i];
        faults(5, 0x1000, false, 259, 0);
        memcpy(at, good, sizeof(good));
    }
    context_of(5)->tc |= 0xff000000; /* bits for custom use */
    context_of(5)->ta |= 0xfffff000;
    goes_to(5, 0x1000, false, PAGE_AT(DATA));
    command_works(IODIR, 0);
    memset(context_of(5), 0xff, sizeof(struct context));
    context_of(5)->tc &= ~(uint64_t)V; /* nothing else counts then */
    faults(5, 0x1000, false, 258, 0);
}
END_TEST

/* Modes of the first stage, with addresses of their widths, and large pages. */
START_TEST(first_stage)
{
    static const uint64_t modes[] = { SV39, SV48, SV57 };
    for (unsigned n = 0; n < 3; n++) {
        unsigned levels = 3 + n, bits = 12 + 9 * levels;
        uint64_t high = UINT64_MAX << (bits - 1);
        set_up(ONE_LEVEL);
        context_of(5)->fsc = modes[n] | PAGE_AT(FIRST) >> 12;
        map_page(FIRST, levels, false, 0x7000, PAGE_AT(DATA + 1));
        goes_to(5, 0x7ff8, true, PAGE_AT(DATA + 1) + 0xff8);
        faults(5, UINT64_C(1) << (bits - 1), false, 13, 0); /* not a copy of the sign */
        faults(5, (high | 0x7000) & ~(UINT64_C(1) << 63), true, 15, 0);
        map_page(FIRST, levels, false, high | 0x7000, PAGE_AT(DATA + 2));
        goes_to(5, high | 0x7008, true, PAGE_AT(DATA + 2) + 8);
    }
    set_up(ONE_LEVEL);
    uint64_t *large = word(PAGE_AT(FIRST + 1) + 8); /* the second 2 MiB */
    *large = PPN(RAM) | LEAF;
    goes_to(5, 0x234567, false, RAM + 0x34567);
    *large = PPN(RAM + 0x1000) | LEAF; /* not aligned */
    faults(5, 0x300000, true, 15, 0);
    *word(PAGE_AT(FIRST) + 8) = PPN(UINT64_C(0x40000000)) | LEAF;
    goes_to(5, 0x40000000 + 0x12345678, false, 0x40000000 + 0x12345678);
    context_of(5)->fsc = 0; /* bare */
    goes_to(5, 0x123456789abc, true, 0x123456789abc);
}
END_TEST

/* Entries with which nothing, or only some of it, is allowed. */
START_TEST(first_stage_faults)
{
    static const struct {
        uint64_t entry;
        bool read, write;
    } rows[] = {
        { LEAF & ~V, false, false },
        { LEAF & ~U, false, false },
        { LEAF & ~A, false, false },
        { LEAF & ~D, true, false },
        { LEAF & ~W, true, false },
        { LEAF & ~R, false, false }, /* reserved: W without R */
        { V | W | U | A | D, false, false },
        { V | X | U | A | D, false, false },
        { V, false, false },     /* a table, where there is none below */
        { V | U, false, false }, /* the same, with a bit that tables do not have */
        { LEAF | UINT64_C(1) << 63, false, false },
        { LEAF | UINT64_C(1) << 61, false, false },
        { LEAF | UINT64_C(1) << 54, false, false },
        { LEAF | 0x300, true, true }, /* for software */
    };
    set_up(ONE_LEVEL);
    uint64_t *entry = map_page(FIRST, 3, false, 0x1000, 0);
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        *entry = PPN(PAGE_AT(DATA)) | rows[n].entry;
        command_works(IOTINVAL, 0);
        if (rows[n].read)
            goes_to(5, 0x1000, false, PAGE_AT(DATA));
        else
            faults(5, 0x1000, false, 13, 0);
        if (rows[n].write)
            goes_to(5, 0x1000, true, PAGE_AT(DATA));
        else
            faults(5, 0x1000, true, 15, 0);
    }
    /* A table that leads to itself, one that is not RAM, and one with a reserved bit. */
    command_works(IOTINVAL, 0);
    *word(PAGE_AT(FIRST)) = PPN(PAGE_AT(FIRST)) | V;
    faults(5, 0, false, 13, 0);
    *word(PAGE_AT(FIRST)) = PPN(UINT64_C(0x10000000)) | V;
    faults(5, 0x1000, false, 5, 0);
    faults(5, 0x1000, true, 7, 0);
    *word(PAGE_AT(FIRST)) = PPN(PAGE_AT(FIRST + 1)) | V | A;
    faults(5, 0x1000, true, 15, 0);
}
END_TEST

/* Two stages: tables of the first one are at addresses of the second one. */
static void set_two_stages(uint64_t mode, unsigned levels)
{
    set_up(ONE_LEVEL);
    context_of(5)->iohgatp = mode | PAGE_AT(SECOND) >> 12 | UINT64_C(3) << 44;
    for (unsigned n = 0; n < 3; n++)
        map_page(SECOND, levels, true, PAGE_AT(FIRST + n), PAGE_AT(FIRST + n));
    map_page(SECOND, levels, true, PAGE_AT(DATA), PAGE_AT(DATA + 9));
}

START_TEST(two_stages)
{
    static const uint64_t modes[] = { SV39, SV48, SV57 };
    for (unsigned n = 0; n < 3; n++) {
        unsigned levels = 3 + n;
        set_two_stages(modes[n], levels);
        goes_to(5, 0x1010, true, PAGE_AT(DATA + 9) + 0x10);
        command_works(IOTINVAL | 1 << 7, 0);
        uint64_t *leaf = map_page(SECOND, levels, true, PAGE_AT(DATA), PAGE_AT(DATA + 9));
        *leaf &= ~(uint64_t)D;
        goes_to(5, 0x1010, false, PAGE_AT(DATA + 9) + 0x10);
        faults(5, 0x1010, true, 23, PAGE_AT(DATA) + 0x10);
        *leaf &= ~(uint64_t)U;
        command_works(IOTINVAL | 1 << 7, 0);
        faults(5, 0x1010, false, 21, PAGE_AT(DATA) + 0x10);
        /* A table of the first stage that the second one does not have: an implicit access. */
        *map_page(SECOND, levels, true, PAGE_AT(FIRST + 1), 0) = 0;
        faults(5, 0x1010, true, 23, PAGE_AT(FIRST + 1) | 1);
        /* An address that is wider than the guest's. */
        *map_page(FIRST, 3, false, 0x1000, 0) = PPN(UINT64_C(1) << (14 + 9 * levels)) | LEAF;
        map_page(SECOND, levels, true, PAGE_AT(FIRST + 1), PAGE_AT(FIRST + 1));
        if (levels < 5)
            faults(5, 0x1018, false, 21, UINT64_C(1) << (14 + 9 * levels) | 0x18);
        *word(PAGE_AT(SECOND)) = *word(PAGE_AT(SECOND) + 16) = PPN(UINT64_C(0x10000000)) | V;
        faults(5, 0x1010, true, 7, 0);
    }
    /* The second stage alone, and the last page of its root. */
    set_two_stages(SV39, 3);
    context_of(5)->fsc = 0;
    goes_to(5, PAGE_AT(DATA) + 1, false, PAGE_AT(DATA + 9) + 1);
    map_page(SECOND, 3, true, UINT64_C(0x1ffffffffff), PAGE_AT(DATA));
    goes_to(5, UINT64_C(0x1ffffffffff), false, PAGE_AT(DATA) + 0xfff);
    faults(5, UINT64_C(0x20000000000), false, 21, UINT64_C(0x20000000000));
}
END_TEST

START_TEST(messages)
{
    static const struct {
        uint64_t entry[2];
        unsigned cause;
    } rows[] = {
        { { 0, 0 }, 262 },
        { { V, 0 }, 263 },          /* M = 0 */
        { { V | 1 << 1, 0 }, 263 }, /* M = 1: in memory, not offered */
        { { V | 2 << 1, 0 }, 263 },
        { { V | 3 << 1 | 8, 0 }, 263 },
        { { V | 3 << 1 | UINT64_C(1) << 54, 0 }, 263 },
        { { V | 3 << 1 | UINT64_C(1) << 63, 0 }, 263 },
        { { V | 3 << 1, 1 }, 263 },
    };
    set_up(ONE_LEVEL);
    context_of(5)->fsc = 0;
    context_of(5)->msiptp = UINT64_C(1) << 60 | PAGE_AT(MSI) >> 12;
    context_of(5)->mask = 0x105; /* bits 8, 2 and 0 of the page */
    context_of(5)->pattern = 0x30000;
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        memcpy(word(PAGE_AT(MSI) + 16 * 5), rows[n].entry, 16);
        faults(5, UINT64_C(0x30101004), true, rows[n].cause, 0); /* page 0x30101: bits 1, 0, 1 */
    }
    *word(PAGE_AT(MSI) + 16 * 5) = PPN(FILES) | 3 << 1 | V;
    *word(PAGE_AT(MSI) + 16 * 5 + 8) = 0;
    goes_to(5, UINT64_C(0x30101004), true, FILES + 4);
    goes_to(5, UINT64_C(0x30102004), true, UINT64_C(0x30102004)); /* bit 1 must be that of the pattern */
    context_of(5)->msiptp = UINT64_C(1) << 60 | 0x1000;
    faults(5, UINT64_C(0x30101004), true, 261, 0);
    context_of(5)->mask = UINT64_C(0xfffffffffffff); /* every page is one */
    context_of(5)->msiptp = UINT64_C(1) << 60 | PAGE_AT(MSI) >> 12;
    faults(5, UINT64_MAX & -UINT64_C(4), true, 261, 0);
}
END_TEST

/* By the registers for debugging, which know processes. Returns the response. */
static uint64_t request(uint32_t process, unsigned bits, uint64_t iova)
{
    put(TR_IOVA, 8, iova);
    put(TR_CONTROL, 8, UINT64_C(5) << 40 | UINT64_C(1) << 32 | (uint64_t)process << 12 | bits | 1);
    ck_assert_uint_eq(get(TR_CONTROL, 8) & 1, 0);
    return get(TR_RESPONSE, 8);
}

static unsigned last_cause(void)
{
    uint32_t last = ((uint32_t)get(FQT, 4) + 31) % 32;
    put(FQH, 4, get(FQT, 4));
    return *word(PAGE_AT(FAULTS) + 32ull * last) & 0xfff;
}

START_TEST(processes)
{
    enum { PRIVILEGED = 2, EXECUTE = 4, NO_WRITE = 8 };
    uint64_t fsc = SV39 | PAGE_AT(FIRST) >> 12;
    for (unsigned mode = 1; mode <= 3; mode++) {
        static const unsigned widths[] = { 8, 17, 20 };
        unsigned process = mode == 1 ? 0x9 : mode == 2 ? 0x109 : 0x20109;
        set_up(ONE_LEVEL);
        ck_assert_uint_eq(request(9, 0, 0x1000), 1);
        ck_assert_uint_eq(last_cause(), 260); /* the device has no processes */
        context_of(5)->tc |= 1 << 5;
        context_of(5)->fsc = (uint64_t)mode << 60 | PAGE_AT(PROCESSES) >> 12;
        uint64_t leaf = PAGE_AT(PROCESSES + mode - 1);
        if (mode > 1)
            *word(PAGE_AT(PROCESSES + mode - 2) + 8) = PPN(leaf) | V;
        if (mode > 2)
            *word(PAGE_AT(PROCESSES) + 8) = PPN(PAGE_AT(PROCESSES + 1)) | V;
        uint64_t *context = word(leaf + 16 * 9);
        context[0] = V | 0x5000;
        context[1] = fsc;
        ck_assert_uint_eq(request(process, 0, 0x1000), PPN(PAGE_AT(DATA)));
        ck_assert_uint_eq(request(process, EXECUTE, 0x1000), PPN(PAGE_AT(DATA)));
        if (mode < 3) {
            ck_assert_uint_eq(request(1u << widths[mode - 1], 0, 0x1000), 1);
            ck_assert_uint_eq(last_cause(), 260);
        }
        ck_assert_uint_eq(request(process + 1, 0, 0x1000), 1);
        ck_assert_uint_eq(last_cause(), 266);
        ck_assert_uint_eq(request(process, PRIVILEGED, 0x1000), 1);
        ck_assert_uint_eq(last_cause(), 260); /* ENS is 0 */
        context[0] |= 2;
        ck_assert_uint_eq(request(process, PRIVILEGED | NO_WRITE, 0x1000), 1);
        ck_assert_uint_eq(last_cause(), 13); /* U without SUM */
        context[0] |= 4;
        ck_assert_uint_eq(request(process, PRIVILEGED, 0x1000), PPN(PAGE_AT(DATA)));
        ck_assert_uint_eq(request(process, PRIVILEGED | EXECUTE, 0x1000), 1);
        ck_assert_uint_eq(last_cause(), 12);
        context[0] |= 8;
        ck_assert_uint_eq(request(process, 0, 0x1000), 1);
        ck_assert_uint_eq(last_cause(), 267);
        context[0] = V;
        context[1] = UINT64_C(5) << 60;
        ck_assert_uint_eq(request(process, 0, 0x1000), 1);
        ck_assert_uint_eq(last_cause(), 267);
    }
    /* Without a process: bare, or with DPE that of process 0. */
    goes_to(5, 0x1000, false, 0x1000);
    context_of(5)->tc |= 1 << 9;
    command_works(IODIR, 0);
    faults(5, 0x1000, false, 266, 0); /* its root entry is not valid */
    *word(PAGE_AT(PROCESSES)) = PPN(PAGE_AT(PROCESSES + 1)) | V;
    *word(PAGE_AT(PROCESSES + 1)) = PPN(PAGE_AT(PROCESSES + 2)) | V;
    *word(PAGE_AT(PROCESSES + 2)) = V;
    *word(PAGE_AT(PROCESSES + 2) + 8) = fsc;
    goes_to(5, 0x1000, false, PAGE_AT(DATA));
    command_works(IODIR, 0);
    *word(PAGE_AT(PROCESSES + 1)) |= 2;
    faults(5, 0x1000, false, 267, 0);
    context_of(5)->fsc = UINT64_C(3) << 60 | 0x1000;
    faults(5, 0x1000, false, 265, 0);
    /* The directory is at addresses of the guest. */
    context_of(5)->fsc = UINT64_C(1) << 60 | PAGE_AT(PROCESSES) >> 12;
    context_of(5)->iohgatp = SV39 | PAGE_AT(SECOND) >> 12;
    faults(5, 0x1000, true, 23, PAGE_AT(PROCESSES) | 1);
}
END_TEST

/* What was translated stays so until a command invalidates it; what was denied does not. */
START_TEST(cache)
{
    set_up(ONE_LEVEL);
    uint64_t *entry = map_page(FIRST, 3, false, 0x1000, PAGE_AT(DATA));
    goes_to(5, 0x1000, true, PAGE_AT(DATA));
    *entry = PPN(PAGE_AT(DATA + 1)) | LEAF;
    goes_to(5, 0x1000, true, PAGE_AT(DATA));
    command_works(IOTINVAL | 1 << 10, UINT64_C(0x1000) >> 2);
    goes_to(5, 0x1000, true, PAGE_AT(DATA + 1));
    *entry = 0;
    command_works(IOTINVAL | UINT64_C(1) << 32, 0);
    faults(5, 0x1000, false, 13, 0);
    *entry = PPN(PAGE_AT(DATA)) | (LEAF & ~W);
    goes_to(5, 0x1000, false, PAGE_AT(DATA));
    faults(5, 0x1000, true, 15, 0);
    *entry |= W; /* more rights need no command: the write was not kept */
    goes_to(5, 0x1000, true, PAGE_AT(DATA));
    context_of(5)->fsc = 0;
    goes_to(5, 0x1000, true, PAGE_AT(DATA));
    command_works(IODIR | UINT64_C(1) << 33 | UINT64_C(5) << 40, 0);
    goes_to(5, 0x1000, true, 0x1000);
}
END_TEST

/* How much is contiguous, and copies over pages that are not. */
START_TEST(pieces)
{
    struct pci_iommu *pci = iommu_platform_for_pci(iommu);
    uint64_t length = 0x5000, paddr;
    set_up(ONE_LEVEL);
    map_page(FIRST, 3, false, 0x2000, PAGE_AT(DATA + 1));
    map_page(FIRST, 3, false, 0x3000, PAGE_AT(DATA + 7));
    ck_assert(pci->translate(pci, 5, 0x1800, &length, true, &paddr));
    ck_assert_uint_eq(length, 0x1800);
    length = 0x100;
    ck_assert(pci->translate(pci, 5, 0x1800, &length, true, &paddr));
    ck_assert_uint_eq(length, 0x100);
    length = UINT64_MAX;
    ck_assert(pci->translate(pci, 5, 0x3fff, &length, true, &paddr));
    ck_assert_uint_eq(length, 1);
    ck_assert_uint_eq(get(FQT, 4), 0);     /* what was not asked for has no faults */
    *word(PAGE_AT(FIRST)) = PPN(0) | LEAF; /* 1 GiB */
    command_works(IOTINVAL, 0);
    length = UINT64_MAX;
    ck_assert(pci->translate(pci, 5, 0, &length, true, &paddr));
    ck_assert_uint_eq(length, 2 << 20); /* not longer, whatever is asked for */
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("iommu");
    TCase *cases = tcase_create("translations");
    tcase_add_checked_fixture(cases, before_each, after_each);
    tcase_add_test(cases, off_and_bare);
    tcase_add_test(cases, directories);
    tcase_add_test(cases, contexts);
    tcase_add_test(cases, first_stage);
    tcase_add_test(cases, first_stage_faults);
    tcase_add_test(cases, two_stages);
    tcase_add_test(cases, messages);
    tcase_add_test(cases, processes);
    tcase_add_test(cases, cache);
    tcase_add_test(cases, pieces);
    suite_add_tcase(all, cases);
    return all;
}

FAKE_MAIN(suite)
