/* SPDX-License-Identifier: MIT
 *
 * Compares Rvive's vector instructions with QEMU 10's user mode; vector.h has the parts.
 *
 * RVIVE_SEED=N          the seed (printed; default: 1)
 * RVIVE_DIFF_ROUNDS=N   cases for each row and VLEN, with the vtypes in turn (default 8). 0: all vtypes, four
 *                       cases for each, in rounds until a difference is found
 * RVIVE_DIFF_VLEN=N     only that VLEN (default: all for RV64, and 256 for RV32)
 * RVIVE_DIFF_ROW=NAME   only rows whose names begin with NAME
 * RVIVE_DIFF_ACCEL, RVIVE_QEMU   see test_diff.c
 * RVIVE_DIFF_HOST, RVIVE_DIFF_CHECK   see make_dbt() in run.c
 *
 * Exit status 1: there is a difference, which is reported with its operands, or a row of vector.def was never
 * executed without a trap.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/diff/vector/vector.h"

#define REPORT_LIMIT 20

/* Rvive and QEMU have the same extensions: all that are tested here. */
#define QEMU_CPU                                                                                             \
    "rv%u,v=true,zfh=true,zvfh=true,zbb=true,zvbb=true,zvbc=true,zfbfmin=true,zvfbfmin=true,zvfbfwma=true,"  \
    "zvkg=true,zvkned=true,zvknhb=true,zvksed=true,zvksh=true,vlen=%u"

static struct {
    struct isa_config config;
    struct random random;
    unsigned vlen, differences;
    uint64_t cases, done[ISA_INSN_COUNT];
    const char *only; /* only rows whose names begin with this */
    struct vector_case *list;
    uint8_t pool[POOL_KINDS * POOL_PART];
} test;

/* ---- One difference ------------------------------------------------------------------------------------ */

/* Makes traps comparable: a trap's number is a signal's of Linux on one side and the hart's on the other, and
 * the address of an illegal instruction does not count. */
static void normalize(struct vector_result *result)
{
    enum { SIG_ILL = 4, SIG_SEGV = 11 };
    static const uint8_t signals[] = { [2] = SIG_ILL, [5] = SIG_SEGV, [7] = SIG_SEGV };
    if (result->trap < sizeof(signals) && signals[result->trap])
        result->trap = signals[result->trap];
    /* Linux reports no address for an access outside its user space, and some hosts report addresses
     * of words of 8 bytes. */
    result->address = result->trap != SIG_SEGV || result->address >> 47 ? 0 : result->address & ~7ull;
}

static void print_vector(const struct vector_case *c, unsigned number, const uint8_t *ours,
                         const uint8_t *theirs)
{
    unsigned bytes = test.vlen / 8;
    ours += sizeof(struct vector_result) + number * bytes;
    theirs += sizeof(struct vector_result) + number * bytes;
    const uint8_t *before = number ? test.pool + c->pool * POOL_PART + c->pool_offset + number * bytes
                                   : test.pool + c->mask_offset;
    if (memcmp(ours, theirs, bytes) == 0)
        return;
    for (unsigned at = 0, told = 0; at < bytes && told < 3; at += 8) {
        uint64_t a, b, was;
        memcpy(&a, ours + at, 8);
        memcpy(&b, theirs + at, 8);
        memcpy(&was, before + at, 8);
        if (a == b)
            continue;
        told++;
        printf("    v%u byte %u: Rvive %016" PRIx64 ", QEMU %016" PRIx64 ", before %016" PRIx64 "\n", number,
               at, a, b, was);
    }
}

static void print_scalars(const struct vector_result *ours, const struct vector_result *theirs)
{
    static const char *const names[] = { "trap", "address", "vstart", "vl", "vtype", "vcsr", "fcsr" };
    const uint64_t *a = (const uint64_t *)ours, *b = (const uint64_t *)theirs;
    for (unsigned i = 0; i < sizeof(*ours) / 8; i++) {
        char name[8];
        unsigned scalar = i - 7;
        if (scalar < 2 * SCALARS)
            snprintf(name, sizeof(name), "%c%u", scalar < SCALARS ? 'x' : 'f', FIRST + scalar % SCALARS);
        if (a[i] != b[i])
            printf("    %s: Rvive %" PRIx64 ", QEMU %" PRIx64 "\n",
                   i < 7     ? names[i]
                   : i == 23 ? "memory"
                             : name,
                   a[i], b[i]);
    }
}

/* Prints the beginning of each vector register that the instruction names, as it was before, and
 * the scalar operands. */
static void print_operands(const struct vector_case *c)
{
    const struct isa_entry *entry = isa_entry(c->insn);
    struct isa_operands o;
    isa_decode(&test.config, c->bits, &o, NULL);
    const struct {
        unsigned flag, number;
    } operands[] = { { ISA_VRD, o.rd }, { ISA_VRS2, o.rs2 }, { ISA_VRS1, o.rs1 } };
    for (unsigned i = 0; i < 3; i++) {
        uint64_t was[2];
        if (!(entry->flags & operands[i].flag))
            continue;
        memcpy(was, test.pool + c->pool * POOL_PART + c->pool_offset + operands[i].number * test.vlen / 8,
               16);
        printf(" v%u=%016" PRIx64 "_%016" PRIx64, operands[i].number, was[1], was[0]);
    }
    if (entry->fields >> ISA_FIELD_rs1 & 1 && !(entry->flags & (ISA_VRS1 | ISA_FRS1)) && o.rs1 >= FIRST)
        printf(" x%u=%" PRIx64, o.rs1, c->x[o.rs1 - FIRST]);
    if (entry->flags & ISA_FRS1)
        printf(" f%u=%" PRIx64, o.rs1, c->f[o.rs1 - FIRST]);
    if (entry->fields >> ISA_FIELD_rs2 & 1 && !(entry->flags & ISA_VRS2))
        printf(" x%u=%" PRIx64, o.rs2, c->x[o.rs2 - FIRST]);
    printf(" v0=%016" PRIx64 "\n", *(const uint64_t *)(const void *)(test.pool + c->mask_offset));
}

static void report(const struct vector_case *c, const uint8_t *ours, const uint8_t *theirs)
{
    char text[128], type[64];
    struct isa_operands o,
        v = { .insn = ISA_INSN_vsetvli, .rvc = ISA_RVC_COUNT, .length = 4, .imm = c->vtype };
    isa_decode(&test.config, c->bits, &o, NULL);
    isa_disassemble(&o, 0, text, sizeof(text));
    isa_disassemble(&v, 0, type, sizeof(type));
    printf("RV%u, VLEN %u: %08" PRIx32 "  %s, %s, avl %u of %u, vstart %u, vcsr %u, frm %u\n   ",
           test.config.xlen, test.vlen, c->bits, text,
           strchr(type, 'e') ? type + strlen("vsetvli zero,zero,") : type, c->avl,
           vector_vlmax(test.vlen, c->vtype), c->vstart, c->vcsr, c->frm);
    print_operands(c);
    const struct vector_result *result = (const struct vector_result *)(const void *)theirs;
    printf("    QEMU: trap %u at %" PRIx64 ", vstart %u, vl %u\n", (unsigned)result->trap, result->address,
           (unsigned)result->vstart, (unsigned)result->vl);
    print_scalars((const struct vector_result *)(const void *)ours,
                  (const struct vector_result *)(const void *)theirs);
    for (unsigned i = 0; i < 32; i++)
        print_vector(c, i, ours, theirs);
}

/* ---- Many cases ---------------------------------------------------------------------------------------- */

static void compare(const struct vector_program *program, struct run *rvive, struct run *qemu)
{
    size_t size = vector_result_size(test.vlen);
    for (size_t i = 0; i < program->count; i++) {
        uint8_t *ours = (uint8_t *)(uintptr_t)vector_result_at(program, rvive->blocks, i);
        uint8_t *theirs = (uint8_t *)(uintptr_t)vector_result_at(program, qemu->blocks, i);
        normalize((struct vector_result *)(void *)ours);
        normalize((struct vector_result *)(void *)theirs);
        test.done[test.list[i].insn] += !((struct vector_result *)(void *)theirs)->trap;
        if (memcmp(ours, theirs, size) != 0 && test.differences++ < REPORT_LIMIT)
            report(&test.list[i], ours, theirs);
    }
    test.cases += program->count;
}

static bool run_cases(size_t count)
{
    struct vector_program program;
    struct run rvive = { 0 }, qemu = { 0 };
    char cpu[256];
    snprintf(cpu, sizeof(cpu), QEMU_CPU, test.config.xlen, test.vlen);
    bool ran = vector_program_create(&program, test.config.xlen, test.list, count, test.vlen, test.pool);
    program.program.qemu_cpu = cpu;
    ran = ran && run_qemu(&program.program, &qemu) && run_hart(&program.program, &test.config, &rvive);
    if (ran && (rvive.fault[0] || qemu.fault[0])) {
        printf("VLEN %u: %s %s\n", test.vlen, rvive.fault, qemu.fault);
        ran = false;
    }
    if (ran)
        compare(&program, &rvive, &qemu);
    run_destroy(&rvive);
    run_destroy(&qemu);
    program_destroy(&program.program);
    return ran;
}

/* Fills in the vtypes that are valid; returns their number. */
static unsigned legal_vtypes(uint8_t vtypes[32])
{
    unsigned count = 0;
    for (unsigned vtype = 0; vtype < 32; vtype++)
        if ((vtype & 7) != 4 && vector_vlmax(64, vtype)) /* these are valid with ELEN 64 */
            vtypes[count++] = (uint8_t)vtype;
    return count;
}

static bool wanted(unsigned insn)
{
    return isa_is_vector(insn) && strncmp(isa_entry(insn)->name, test.only, strlen(test.only)) == 0;
}

static unsigned missing_rows(void)
{
    unsigned missing = 0;
    for (unsigned insn = 1; insn < ISA_INSN_COUNT; insn++)
        missing += wanted(insn) && !test.done[insn];
    return missing;
}

static bool configure(unsigned xlen, unsigned vlen)
{
    char cpu[64];
    struct error error;
    test.vlen = vlen;
    snprintf(cpu, sizeof(cpu), "rv%u,v=on,vlen=%u", xlen, vlen);
    bool good = isa_config_parse(&test.config, cpu, &error);
    if (!good)
        fprintf(stderr, "%s\n", error.text);
    return good;
}

/* Tests each row with `rounds` vtypes; the next row continues with the next vtype. If `rounds` is
 * 0, tests each row with all vtypes, four times. `missing`: tests only rows that were never
 * executed without a trap. */
static bool test_rows(unsigned rounds, bool missing)
{
    enum { BATCH = 8192 };
    uint8_t vtypes[32];
    unsigned vtype_count = legal_vtypes(vtypes), next = random_below(&test.random, vtype_count);
    uint64_t window = vector_window(BATCH, test.vlen); /* its place if the batch is full */
    size_t count = 0;
    bool good = true;
    vector_fill_pool(test.pool, &test.random);
    for (unsigned insn = 1; good && insn < ISA_INSN_COUNT; insn++) {
        unsigned cases = rounds ? rounds : 4 * vtype_count;
        for (unsigned i = 0; good && wanted(insn) && !(missing && test.done[insn]) && i < cases; i++) {
            vector_generate(&test.list[count++], insn, vtypes[next++ % vtype_count], test.vlen, window,
                            &test.random);
            if (count == BATCH) {
                good = run_cases(count);
                count = 0;
            }
        }
    }
    for (size_t i = 0; good && count && count + i < BATCH; i++)
        test.list[count + i] = test.list[i % count];
    return good && (!count || run_cases(BATCH));
}

/* Tests all VLENs with RV64, and one with RV32; then the rows that, by chance, were never
 * executed without a trap. */
static bool test_all(unsigned rounds, unsigned only_vlen)
{
    bool good = true;
    for (unsigned vlen = ISA_VLEN_MIN; good && vlen <= ISA_VLEN_MAX; vlen *= 2)
        if (!only_vlen || only_vlen == vlen)
            good = configure(64, vlen) && test_rows(rounds, false);
    if (good && (!only_vlen || only_vlen == ISA_VLEN_DEFAULT))
        good = configure(32, ISA_VLEN_DEFAULT) && test_rows(rounds, false);
    for (unsigned i = 0; good && i < 4 && missing_rows(); i++)
        good = configure(64, only_vlen ? only_vlen : ISA_VLEN_DEFAULT) && test_rows(100, true);
    return good;
}

static bool print_counts(void)
{
    unsigned rows = 0;
    for (unsigned insn = 1; insn < ISA_INSN_COUNT; insn++) {
        rows += wanted(insn);
        if (wanted(insn) && !test.done[insn])
            fprintf(stderr, "%s never got through an execution\n", isa_entry(insn)->name);
    }
    printf("%" PRIu64 " cases, %u rows, %u differences\n", test.cases, rows, test.differences);
    return !missing_rows() && !test.differences;
}

static uint64_t environment_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

int main(void)
{
    unsigned rounds = (unsigned)environment_number("RVIVE_DIFF_ROUNDS", 8);
    unsigned only_vlen = (unsigned)environment_number("RVIVE_DIFF_VLEN", 0);
    const char *row = getenv("RVIVE_DIFF_ROW");
    test.only = row ? row : "";
    isa_init();
    test.random.state = environment_number("RVIVE_SEED", 1);
    test.list = calloc(8192, sizeof(*test.list));
    printf("RVIVE_SEED=%" PRIu64 "\n", test.random.state);
    bool good = test.list != NULL;
    do {
        good = good && test_all(rounds, only_vlen);
        fflush(stdout);
    } while (good && !rounds && !test.differences);
    good = good && print_counts();
    free(test.list);
    return good ? 0 : 1;
}
