/* SPDX-License-Identifier: MIT
 *
 * Compares Rvive with QEMU 10's user mode, instruction by instruction; snippet.h has the parts.
 *
 * RVIVE_SEED=N           the seed (printed; default: 1)
 * RVIVE_DIFF_COUNT=N     instructions for each XLEN (default 400000); 0: runs until a difference is found
 * RVIVE_DIFF_XLEN=N      only that XLEN
 * RVIVE_DIFF_T_HEAD=on   T-Head's extensions, and the instructions of I, M, F, D and C
 * RVIVE_DIFF_IN_X=on     floating point in x registers (Zfinx), and the integer instructions
 * RVIVE_DIFF_ACCEL=t1    the translator that runs in Rvive: t1 or t2 (default: the interpreter)
 * RVIVE_DIFF_WINDOWS=on  accesses of translated code use windows
 * RVIVE_QEMU=DIR         where tests/peers/qemu10.sh put QEMU
 *
 * A long run by hand: RVIVE_SEED=$RANDOM RVIVE_DIFF_COUNT=0 build/tests/diff/test_diff
 *
 * Exit status 1: there is a difference, which is traced back to one instruction with its operands, or a row
 * of isa.def was never executed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/diff/snippet.h"

#define BATCH        1000 /* snippets in a program */
#define REPORT_LIMIT 10   /* differences reported in full */

struct test {
    char cpu[256]; /* -cpu of Rvive, and of QEMU if it is not its widest one */
    struct isa_config config;
    struct rows rows;
    struct row_walk walk;
    struct random random;
    uint64_t seed, instructions;
    uint64_t insn_count[ISA_INSN_COUNT], rvc_count[ISA_RVC_COUNT];
    unsigned differences;
};

/* ---- One difference ------------------------------------------------------------------------------------ */

static void register_name(unsigned index, char *name, size_t size)
{
    if (index == 0)
        snprintf(name, size, "fcsr");
    else
        snprintf(name, size, "%s", index < 32 ? isa_x_names[index] : isa_f_names[index - 32]);
}

static uint64_t register_value(const uint8_t *registers, unsigned index)
{
    uint64_t value;
    memcpy(&value, registers + index * 8, 8);
    return value;
}

static void print_registers(const uint8_t *before, const uint8_t *rvive, const uint8_t *qemu)
{
    for (unsigned i = 0; i < 64; i++) {
        char name[8];
        uint64_t was = register_value(before, i), ours = register_value(rvive, i),
                 theirs = register_value(qemu, i);
        if (ours == theirs)
            continue;
        register_name(i, name, sizeof(name));
        printf("    %-5s Rvive %016" PRIx64 ", QEMU %016" PRIx64 ", before %016" PRIx64 "\n", name, ours,
               theirs, was);
    }
}

static void print_memory(const uint8_t *before, const uint8_t *rvive, const uint8_t *qemu)
{
    for (int i = 0; i < BLOCK_RESULT; i++)
        if (rvive[i] != qemu[i])
            printf("    P%+d: Rvive %02x, QEMU %02x, before %02x\n", i - BLOCK_P, rvive[i], qemu[i],
                   before[i]);
}

/* The registers that an instruction reads, with their values before the group. */
static void print_operands(const struct isa_operands *o, const struct registers *input)
{
    const struct isa_entry *entry = isa_entry(o->insn);
    const struct {
        unsigned field, flag, number;
    } sources[] = { { ISA_FIELD_rd, 0, o->rd }, /* amocas, c.sub */
                    { ISA_FIELD_rs1, ISA_FRS1, o->rs1 },
                    { ISA_FIELD_rs2, ISA_FRS2, o->rs2 },
                    { ISA_FIELD_rs3, ISA_FRS3, o->rs3 } };
    for (unsigned i = 0; i < 4; i++) {
        if (!(entry->fields >> sources[i].field & 1) || (i == 0 && strncmp(entry->name, "amocas", 6)))
            continue;
        bool floating = sources[i].flag && entry->flags & sources[i].flag;
        unsigned n = sources[i].number;
        printf(" %s=%016" PRIx64, floating ? isa_f_names[n] : isa_x_names[n],
               floating ? input->f[n]
               : n      ? input->x[n]
                        : 0);
    }
}

static void print_group(const struct test *test, const struct snippet *snippet, unsigned index, uint64_t pc)
{
    const struct group *group = &snippet->groups[index];
    for (unsigned i = 0; i < group->count; i++) {
        char text[128];
        struct isa_operands o;
        isa_decode(&test->config, group->code[i], &o, NULL);
        isa_disassemble(&o, pc, text, sizeof(text));
        printf("  %08" PRIx64 "  %0*" PRIx32 "%*s  %-36s", pc, o.length * 2, o.bits, 8 - o.length * 2, "",
               text);
        print_operands(&o, &snippet->input);
        printf("\n");
        pc += o.length;
    }
}

/* The results of `count` snippets in both. */
struct comparison {
    struct program program;
    struct run rvive, qemu;
};

static bool comparison_run(struct comparison *c, const struct test *test,
                           const struct snippet *const *snippets, size_t count)
{
    *c = (struct comparison){ 0 };
    if (!program_create(&c->program, &test->config, snippets, count))
        return false;
    c->program.qemu_cpu = rows_in_x(&test->rows) || rows_t_head(&test->rows) ? test->cpu : NULL;
    return run_qemu(&c->program, &c->qemu) && run_hart(&c->program, &test->config, &c->rvive);
}

static void comparison_destroy(struct comparison *c)
{
    run_destroy(&c->rvive);
    run_destroy(&c->qemu);
    program_destroy(&c->program);
}

static bool comparison_differs(const struct comparison *c, size_t index)
{
    size_t at = index * BLOCK_SIZE;
    return index >= c->rvive.completed || index >= c->qemu.completed ||
           memcmp(c->rvive.blocks + at, c->qemu.blocks + at, BLOCK_SIZE) != 0;
}

static void print_comparison(const struct test *test, const struct comparison *c,
                             const struct snippet *snippet, size_t index, unsigned first)
{
    const uint8_t *before = c->program.data + index * BLOCK_SIZE;
    const uint8_t *rvive = c->rvive.blocks + index * BLOCK_SIZE, *qemu = c->qemu.blocks + index * BLOCK_SIZE;
    for (unsigned i = first; i < snippet->count; i++)
        print_group(test, snippet, i, program_group_address(&c->program, snippet, index, i));
    printf("    fcsr=%02" PRIx64 " P in %s\n", snippet->input.x[0], isa_x_names[snippet->base]);
    if (index >= c->rvive.completed)
        printf("    %s\n", c->rvive.fault);
    if (index >= c->qemu.completed)
        printf("    %s\n", c->qemu.fault);
    if (index >= c->rvive.completed || index >= c->qemu.completed)
        return;
    print_registers(before + BLOCK_INPUT, rvive + BLOCK_RESULT, qemu + BLOCK_RESULT);
    print_memory(before, rvive, qemu);
}

/* Makes a snippet of the last group only, from the state that QEMU had after all groups before it. */
static void take_last_group(struct snippet *single, const struct snippet *snippet, const uint8_t *block)
{
    *single = (struct snippet){ .base = snippet->base, .count = 1 };
    memcpy(&single->input, block + BLOCK_RESULT, sizeof(single->input));
    memcpy(single->scratch, block + BLOCK_SCRATCH, SCRATCH_SIZE);
    single->groups[0] = snippet->groups[snippet->count - 1];
}

/* Runs all beginnings of the snippet, shortest first. The last group of the first one that differs is the
 * cause. */
static bool report_difference(const struct test *test, const struct snippet *snippet)
{
    struct snippet *beginnings = calloc(SNIPPET_GROUPS + 1, sizeof(*beginnings));
    const struct snippet *pointers[SNIPPET_GROUPS + 1];
    struct comparison all, one = { 0 };
    for (unsigned i = 0; beginnings && i <= snippet->count; i++) {
        beginnings[i] = *snippet;
        beginnings[i].count = i;
        pointers[i] = &beginnings[i];
    }
    bool ran = beginnings && comparison_run(&all, test, pointers, snippet->count + 1);
    unsigned guilty = 0;
    while (ran && guilty <= snippet->count && !comparison_differs(&all, guilty))
        guilty++;
    if (ran && guilty > snippet->count) {
        printf("  the snippet alone does not differ\n");
    } else if (ran && guilty == 0) {
        printf("  loading and storing the registers\n");
        print_comparison(test, &all, &beginnings[0], 0, 0);
    } else if (ran) {
        struct snippet single;
        const struct snippet *pointer = &single;
        take_last_group(&single, &beginnings[guilty], all.qemu.blocks + (guilty - 1) * BLOCK_SIZE);
        ran = comparison_run(&one, test, &pointer, 1);
        if (ran && comparison_differs(&one, 0))
            print_comparison(test, &one, &single, 0, 0);
        else if (ran)
            print_comparison(test, &all, &beginnings[guilty], guilty, 0);
        comparison_destroy(&one);
    }
    comparison_destroy(&all);
    free(beginnings);
    return ran;
}

/* ---- Many snippets ------------------------------------------------------------------------------------- */

static void count_snippet(struct test *test, const struct snippet *snippet)
{
    for (unsigned i = 0; i < snippet->count; i++) {
        const struct group *group = &snippet->groups[i];
        for (unsigned j = 0; j < group->count; j++)
            test->instructions += !group->skipped[j];
        test->insn_count[group->insn]++;
        if (group->rvc != ISA_RVC_COUNT)
            test->rvc_count[group->rvc]++;
    }
}

static bool compare_batch(struct test *test, struct snippet *snippets, const struct snippet *const *pointers)
{
    struct comparison c;
    for (unsigned i = 0; i < BATCH; i++)
        snippet_generate(&snippets[i], &test->rows, &test->walk, &test->random);
    bool ran = comparison_run(&c, test, pointers, BATCH);
    for (unsigned i = 0; ran && i < BATCH; i++) {
        bool stopped = i >= c.rvive.completed || i >= c.qemu.completed;
        count_snippet(test, &snippets[i]);
        if (!comparison_differs(&c, i))
            continue;
        if (test->differences++ < REPORT_LIMIT) {
            printf("RV%u, RVIVE_SEED=%" PRIu64 ": difference %u\n", test->config.xlen, test->seed,
                   test->differences);
            ran = report_difference(test, &snippets[i]);
        }
        if (stopped)
            break;
    }
    comparison_destroy(&c);
    fflush(stdout);
    return ran;
}

static bool print_counts(const struct test *test)
{
    uint64_t extensions[ISA_EXTENSION_COUNT] = { 0 };
    unsigned missing = 0;
    printf("RV%u: %" PRIu64 " instructions, %zu rows; of each row:\n", test->config.xlen, test->instructions,
           test->rows.count);
    for (size_t i = 0; i < test->rows.count; i++) {
        struct row row = test->rows.row[i];
        bool rvc = row.rvc != ISA_RVC_COUNT;
        const struct isa_entry *entry = rvc ? isa_rvc_entry(row.rvc) : isa_entry(row.insn);
        uint64_t count = rvc ? test->rvc_count[row.rvc] : test->insn_count[row.insn];
        printf("%s%s %" PRIu64, i % 8 ? ", " : i ? ",\n  " : "  ", entry->name, count);
        extensions[entry->extension] += count;
        missing += count == 0;
        if (!count)
            fprintf(stderr, "RV%u: %s was never executed\n", test->config.xlen, entry->name);
    }
    printf("\nof each extension:");
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++)
        if (extensions[i])
            printf(" %s %" PRIu64, isa_extension_name(i), extensions[i]);
    printf("\nnot compared:");
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++)
        if (rows_excluded(i))
            printf(" %s (%s)", isa_entry(i)->name, rows_excluded(i));
    printf("\n");
    return missing == 0;
}

/* RVIVE_DIFF_IN_X, RVIVE_DIFF_T_HEAD */
static bool choose_cpu(struct test *test, unsigned xlen, struct error *error)
{
    const char *in_x = getenv("RVIVE_DIFF_IN_X");
    bool on = in_x && strcmp(in_x, "on") == 0;
    const char *t_head = getenv("RVIVE_DIFF_T_HEAD");
    bool also = t_head && strcmp(t_head, "on") == 0;
    snprintf(test->cpu, sizeof(test->cpu), "rv%u%s%s%s", xlen,
             on ? ",f=off,d=off,zfa=off,zfinx=on,zdinx=on,zhinx=on" : "",
             also ? ",xtheadba=on,xtheadbb=on,xtheadbs=on,xtheadcmo=on,xtheadcondmov=on,xtheadfmemidx=on,"
                    "xtheadmac=on,xtheadmemidx=on,xtheadmempair=on,xtheadsync=on"
                  : "",
             also && xlen == 32 ? ",xtheadfmv=on" : "");
    return isa_config_parse(&test->config, test->cpu, error);
}

static bool test_xlen(unsigned xlen, uint64_t seed, uint64_t instructions)
{
    struct test *test = calloc(1, sizeof(*test));
    struct snippet *snippets = calloc(BATCH, sizeof(*snippets));
    const struct snippet *pointers[BATCH];
    struct error error = { "out of memory" };
    bool good = test && snippets && choose_cpu(test, xlen, &error) && rows_create(&test->rows, &test->config);
    if (!good)
        fprintf(stderr, "%s\n", error.text);
    for (unsigned i = 0; i < BATCH; i++)
        pointers[i] = snippets + i;
    if (good) {
        test->seed = seed;
        test->random.state = seed;
        while (good && test->differences < 10 * REPORT_LIMIT &&
               (instructions == 0 ? test->differences == 0 : test->instructions < instructions))
            good = compare_batch(test, snippets, pointers);
        good = good && print_counts(test) && test->differences == 0;
        printf("RV%u: %s, %u differences\n", xlen, good ? "passed" : "failed", test->differences);
        rows_destroy(&test->rows);
    }
    free(snippets);
    free(test);
    return good;
}

static uint64_t environment_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

int main(void)
{
    uint64_t seed = environment_number("RVIVE_SEED", 1),
             count = environment_number("RVIVE_DIFF_COUNT", 400000);
    uint64_t only = environment_number("RVIVE_DIFF_XLEN", 0);
    isa_init();
    printf("RVIVE_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    bool good = true;
    for (unsigned xlen = 64; xlen >= 32; xlen -= 32)
        if (only == 0 || only == xlen)
            good = test_xlen(xlen, seed, count) && good;
    return good ? 0 : 1;
}
