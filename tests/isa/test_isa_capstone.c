/* SPDX-License-Identifier: MIT
 *
 * isa_disassemble() against capstone 5, by its program cstool of Debian 13 (Debian 12's capstone 4 knows no
 * RISC-V), in the folder that RVIVE_QEMU names (default: qemu10 in RVIVE_CACHE, default .cache in the
 * checkout).
 *
 * Capstone prints aliases ("mv"): then only the name of the instruction is compared, which cstool prints,
 * too. It prints immediates in another base: they are compared as numbers.
 */
#include <check.h>
#include <string.h>

#include "tests/isa/rows.h"
#include "tests/suite.h"

#define ROUNDS 40
#define CHUNK  2000 /* encodings on one command line */
#define STRIDE 8    /* bytes: two c.nop follow each encoding, so that an unknown one does not hide the next */

static uint64_t seed = 3;
static const unsigned xlens[] = { 32, 64 };

/* What capstone prints for one encoding; empty if it does not know it. */
struct answer {
    char name[32];
    char text[128];
};

static void peer_folder(char *folder, size_t size)
{
    const char *qemu = getenv("RVIVE_QEMU"), *cache = getenv("RVIVE_CACHE");
    if (qemu)
        snprintf(folder, size, "%s", qemu);
    else
        snprintf(folder, size, "%s/qemu10", cache ? cache : SOURCE_DIR "/.cache");
}

static void add_hex(char **at, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *at += sprintf(*at, "%02x", value >> 8 * i & 0xff);
}

/* Turns "80000000  13 05 f5 ff  addi\ta0, a0, -1" into "addi a0,a0,-1". */
static void take_text(const char *bytes, struct answer *answer)
{
    const char *mnemonic = strstr(bytes, "  ");
    char *out = answer->text;
    while (mnemonic && *mnemonic == ' ')
        mnemonic++;
    for (const char *p = mnemonic; p && *p && *p != '\n'; p++) {
        if (out < answer->text + sizeof(answer->text) - 1 && *p != ' ')
            *out++ = *p == '\t' ? ' ' : *p;
    }
    while (out > answer->text && out[-1] == ' ')
        out--;
    *out = 0;
}

static void read_answers(FILE *listing, struct answer *answers, size_t count)
{
    struct answer *current = NULL;
    char line[512];
    while (fgets(line, sizeof(line), listing)) {
        char *end;
        unsigned long long address = strtoull(line, &end, 16);
        if (end != line && *end == ' ' && line[0] != '\t') {
            current = address % STRIDE == 0 && address / STRIDE < count ? &answers[address / STRIDE] : NULL;
            if (current)
                take_text(end + strspn(end, " "), current);
            if (current && strncmp(current->text, ".byte", 5) == 0)
                current->text[0] = 0;
        } else if (current && strncmp(line, "\tID: ", 5) == 0) {
            const char *name = strchr(line, '(');
            snprintf(current->name, sizeof(current->name), "%.*s", name ? (int)strcspn(name + 1, ")") : 0,
                     name ? name + 1 : "");
        }
    }
}

static void run_cstool(const char *options, unsigned xlen, const uint32_t *bits, size_t count,
                       struct answer *answers)
{
    char folder[512];
    size_t size = sizeof(folder) + 512 + count * STRIDE * 2;
    char *command = malloc(size), *at = command;
    ck_assert_ptr_nonnull(command);
    peer_folder(folder, sizeof(folder));
    at += snprintf(at, size, "sh '" SOURCE_DIR "/tests/peers/qemu' '%s' cstool %s riscv%u ", folder, options,
                   xlen);
    for (size_t i = 0; i < count; i++) {
        unsigned length = (bits[i] & 3) == 3 ? 4 : 2;
        add_hex(&at, bits[i], length);
        for (unsigned pad = length; pad < STRIDE; pad += 2)
            add_hex(&at, 0x0001, 2);
    }
    FILE *listing = popen(command, "r");
    ck_assert_ptr_nonnull(listing);
    read_answers(listing, answers, count);
    ck_assert_msg(pclose(listing) == 0,
                  "cstool cannot be run from %s: run tests/peers/qemu10.sh, or set RVIVE_QEMU", folder);
    free(command);
}

/* The first run finds which encodings capstone knows; the second one asks only for the details of those,
 * since unknown bytes make cstool crash when it prints details. Answers move together with their encodings;
 * returns how many are left. */
static size_t ask_capstone(unsigned xlen, uint32_t *bits, size_t count, struct answer *answers)
{
    size_t known = 0;
    memset(answers, 0, count * sizeof(*answers));
    run_cstool("-s", xlen, bits, count, answers);
    for (size_t i = 0; i < count; i++)
        if (answers[i].text[0])
            bits[known++] = bits[i];
    memset(answers, 0, count * sizeof(*answers));
    if (known)
        run_cstool("-d", xlen, bits, known, answers);
    return known;
}

static bool number_starts(const char *text)
{
    text += *text == '-';
    return *text >= '0' && *text <= '9';
}

static bool same_text(const char *a, const char *b)
{
    while (*a && *b) {
        if (number_starts(a) && number_starts(b)) {
            char *end_a, *end_b;
            if (strtoull(a, &end_a, 0) != strtoull(b, &end_b, 0))
                return false;
            a = end_a;
            b = end_b;
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return !*a && !*b;
}

struct tally {
    unsigned names, texts;
    bool rows[ISA_INSN_COUNT]; /* rows whose operands were compared */
};

/* A CSR for which one side has a name and the other a number, or the name of an old draft. */
static bool other_csr(const struct isa_operands *o, const char *text, const struct answer *answer)
{
    char csr[16], expect[128];
    isa_csr_name((unsigned)o->imm & 0xfff, csr, sizeof(csr));
    const char *name = strstr(text, csr);
    if (!name)
        return false;
    snprintf(expect, sizeof(expect), "%.*s%d%s", (int)(name - text), text, (int)o->imm & 0xfff,
             name + strlen(csr));
    return csr[0] == '0' || same_text(expect, answer->text);
}

/* Where capstone's assembly language differs: jalr's and jal's older operands, hints under the name of the
 * instruction whose encoding they use, c.nop, a compressed shift by 0 (a hint), and CSRs without a name. */
static bool other_language(const struct isa_operands *o, const char *text, const struct answer *answer)
{
    char expect[128] = "";
    const char *x = isa_x_names[o->rd];
    bool shift =
        o->rvc != ISA_RVC_COUNT && (isa_entry(o->insn)->fields >> ISA_FIELD_shamt5 & 3) && o->imm == 0;
    if (isa_entry(o->insn)->flags & ISA_HINT)
        return strcmp(answer->name, "add") == 0 || strcmp(answer->name, "ori") == 0 ||
               strcmp(answer->name, "fence") == 0 || strcmp(answer->name, "auipc") == 0;
    if (o->rvc == ISA_RVC_addi && o->rd == 0)
        return strcmp(answer->text, "c.nop") == 0;
    if (shift)
        snprintf(expect, sizeof(expect), "%s %s,0", isa_rvc_entry(o->rvc)->mnemonic, x);
    else if (o->insn == ISA_INSN_jalr)
        snprintf(expect, sizeof(expect), "jalr %s,%s,%d", x, isa_x_names[o->rs1], (int)o->imm);
    else if (o->insn == ISA_INSN_jal && o->rd == 1)
        snprintf(expect, sizeof(expect), "jal %d", (int)o->imm);
    else if (o->insn == ISA_INSN_sfence_vma && o->rs2 == 0)
        snprintf(expect, sizeof(expect), "sfence.vma%s%s", o->rs1 ? " " : "",
                 o->rs1 ? isa_x_names[o->rs1] : "");
    else if (isa_entry(o->insn)->flags & ISA_CSR)
        return other_csr(o, text, answer);
    return expect[0] && same_text(expect, answer->text);
}

/* Reserved encodings that capstone prints: c.lui and c.addi16sp by 0, on RV32 compressed shifts by 32 and
 * more. */
static bool reserved(unsigned xlen, uint32_t bits)
{
    bool shift = (bits & 0xf003) == 0x1002 || (bits & 0xf803) == 0x9001;
    return (bits & 0xf07f) == 0x6001 || (xlen == 32 && shift);
}

static void compare(unsigned xlen, uint32_t bits, const struct answer *answer, struct tally *tally)
{
    struct isa_config config = rows_config(xlen);
    struct isa_operands o;
    char text[128], name[32];
    isa_decode(&config, bits, &o, NULL);
    isa_disassemble(&o, 0, text, sizeof(text));
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, " "), text);
    ck_assert_msg(answer->name[0], "RV%u %08x: capstone has no name for it", xlen, bits);
    tally->names++;
    bool newer = o.insn == ISA_INSN_ILLEGAL || o.rvc == ISA_RVC_mop || o.rvc == ISA_RVC_sspush ||
                 o.rvc == ISA_RVC_sspopchk; /* than capstone */
    if ((newer && reserved(xlen, bits)) || other_language(&o, text, answer))
        return;
    ck_assert_msg(strcmp(name, answer->name) == 0, "RV%u %08x: \"%s\", capstone's is %s, \"%s\"", xlen, bits,
                  text, answer->name, answer->text);
    size_t length = strcspn(answer->text, " ");
    if (strlen(name) != length || strncmp(name, answer->text, length) != 0)
        return; /* an alias */
    tally->texts++;
    tally->rows[o.insn] = true;
    ck_assert_msg(same_text(text, answer->text), "RV%u %08x: \"%s\", capstone \"%s\"", xlen, bits, text,
                  answer->text);
}

static void compare_chunk(unsigned xlen, uint32_t *bits, size_t count, struct tally *tally)
{
    struct answer *answers = malloc(CHUNK * sizeof(*answers));
    ck_assert_ptr_nonnull(answers);
    size_t known = ask_capstone(xlen, bits, count, answers);
    for (size_t i = 0; i < known; i++)
        compare(xlen, bits[i], &answers[i], tally);
    free(answers);
}

/* All rows, each with ROUNDS encodings. */
START_TEST(test_rows)
{
    unsigned xlen = xlens[_i], known = 0;
    uint32_t bits[CHUNK];
    struct tally tally = { 0 };
    for (unsigned row = 1; row < ISA_INSN_COUNT;) {
        size_t count = 0;
        for (; row < ISA_INSN_COUNT && count + ROUNDS <= CHUNK; row++)
            for (unsigned round = 0; round < ROUNDS && rows_in_xlen(isa_entry(row), xlen); round++)
                bits[count++] = rows_bits(isa_entry(row), round, &seed);
        compare_chunk(xlen, bits, count, &tally);
    }
    for (unsigned row = 1; row < ISA_INSN_COUNT; row++)
        known += tally.rows[row];
    printf("RV%u: operands of %u rows compared with capstone\n", xlen, known);
    ck_assert_uint_ge(known, xlen == 64 ? 120 : 90);
}
END_TEST

START_TEST(test_compressed)
{
    unsigned xlen = xlens[_i];
    uint32_t bits[CHUNK];
    struct tally tally = { 0 };
    for (uint32_t next = 0; next < 65536;) {
        size_t count = 0;
        for (; next < 65536 && count < CHUNK; next++)
            if ((next & 3) != 3 && rows_random(&seed) % 8 == 0)
                bits[count++] = next;
        compare_chunk(xlen, bits, count, &tally);
    }
    printf("RV%u: %u compressed encodings compared with capstone\n", xlen, tally.texts);
    ck_assert_uint_ge(tally.texts, 3000);
}
END_TEST

Suite *test_suite(void)
{
    isa_init();
    Suite *suite = suite_create("isa capstone");
    TCase *tests = tcase_create("rows");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_rows, 0, 2);
    tcase_add_loop_test(tests, test_compressed, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
