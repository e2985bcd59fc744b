/* SPDX-License-Identifier: MIT
 *
 * Makes docs/isa.md from the tables: the extensions and their versions, the CPUs that have them, the tests
 * for them, and the tiers that translate their instructions.
 *
 * Usage: isa_document [FILE]. Without FILE it prints the document. With FILE it checks whether the file is
 * equal to the document, and if not prints the first difference (exit status 1).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/isa/tables.h"
#include "dbt/ir/ir.h"
#include "dbt/x86/t1/t1.h"
#include "tests/diff/snippet.h"
#include "tests/document.h"

/* Facts that are in no other table: the version of the specification, and the tests other than those that
 * every instruction has (test_isa_*, test_diff). A name is one of ctest's, without the tier and the XLEN. */
static const struct {
    const char *version, *tests;
} facts[ISA_EXTENSION_COUNT] = {
    [ISA_I] = { "2.1", "priv-traps" },
    [ISA_M] = { "2.0", "" },
    [ISA_A] = { "2.1", "priv-lrsc, priv-smp, litmus" },
    [ISA_F] = { "2.2", "priv-float, test_fp" },
    [ISA_D] = { "2.2", "priv-float, test_fp" },
    [ISA_C] = { "2.0", "" },
    [ISA_V] = { "1.0", "priv-vector" },
    [ISA_Zibi] = { "0.7 (draft)", "priv-named" },
    [ISA_H] = { "1.0", "priv-hyper, priv-gstage" },
    [ISA_Zic64b] = { "1.0", "priv-cache" },
    [ISA_Zicbom] = { "1.0", "priv-cache" },
    [ISA_Zicbop] = { "1.0", "priv-cache" },
    [ISA_Zicboz] = { "1.0", "priv-cache" },
    [ISA_Ziccamoa] = { "1.0", "priv-paging" },
    [ISA_Ziccif] = { "1.0", "litmus" },
    [ISA_Zicclsm] = { "1.0", "priv-cross" },
    [ISA_Ziccrse] = { "1.0", "priv-lrsc, litmus" },
    [ISA_Zicfilp] = { "1.0", "priv-cfi" },
    [ISA_Zicfiss] = { "1.0", "priv-cfi" },
    [ISA_Zicntr] = { "2.0", "priv-counters" },
    [ISA_Zicond] = { "1.0", "" },
    [ISA_Zicsr] = { "2.0", "priv-csr" },
    [ISA_Zifencei] = { "2.0", "priv-patch" },
    [ISA_Zihintntl] = { "1.0", "" },
    [ISA_Zihintpause] = { "2.0", "" },
    [ISA_Zihpm] = { "2.0", "priv-counters" },
    [ISA_Zilsd] = { "1.0", "priv-named" },
    [ISA_Zimop] = { "1.0", "priv-scalar" },
    [ISA_Za64rs] = { "1.0", "priv-lrsc" },
    [ISA_Zabha] = { "1.0", "priv-scalar" },
    [ISA_Zacas] = { "1.0", "priv-cas" },
    [ISA_Zalasr] = { "1.0", "priv-ordered" },
    [ISA_Zama16b] = { "1.0", "priv-scalar" },
    [ISA_Zawrs] = { "1.0", "" },
    [ISA_Zfa] = { "1.0", "test_fp" },
    [ISA_Zfbfmin] = { "1.0", "priv-scalar" },
    [ISA_Zfh] = { "1.0", "test_fp" },
    [ISA_Zfhmin] = { "1.0", "test_fp" },
    [ISA_Zfinx] = { "1.0", "priv-zfinx" },
    [ISA_Zdinx] = { "1.0", "priv-zfinx" },
    [ISA_Zhinx] = { "1.0", "priv-zfinx" },
    [ISA_Zhinxmin] = { "1.0", "priv-zfinx" },
    [ISA_Zcb] = { "1.0", "" },
    [ISA_Zclsd] = { "1.0", "priv-named" },
    [ISA_Zcmp] = { "1.0", "priv-push" },
    [ISA_Zcmt] = { "1.0", "priv-push" },
    [ISA_Zcmop] = { "1.0", "priv-scalar" },
    [ISA_Zba] = { "1.0", "" },
    [ISA_Zbb] = { "1.0", "" },
    [ISA_Zbc] = { "1.0", "" },
    [ISA_Zbkb] = { "1.0", "" },
    [ISA_Zbkc] = { "1.0", "test_isa_table" },
    [ISA_Zbkx] = { "1.0", "" },
    [ISA_Zbs] = { "1.0", "" },
    [ISA_Zk] = { "1.0", "test_isa_table" },
    [ISA_Zkn] = { "1.0", "test_isa_table" },
    [ISA_Zknd] = { "1.0", "test_crypto" },
    [ISA_Zkne] = { "1.0", "test_crypto" },
    [ISA_Zknh] = { "1.0", "test_crypto" },
    [ISA_Zkr] = { "1.0", "priv-seed" },
    [ISA_Zks] = { "1.0", "test_isa_table" },
    [ISA_Zksed] = { "1.0", "test_crypto" },
    [ISA_Zksh] = { "1.0", "test_crypto" },
    [ISA_Zkt] = { "1.0", "test_isa_table" },
    [ISA_Ztso] = { "1.0", "litmus" },
    [ISA_Zvbb] = { "1.0", "" },
    [ISA_Zvbc] = { "1.0", "" },
    [ISA_Zve32f] = { "1.0", "test_diff_vector" },
    [ISA_Zve32x] = { "1.0", "test_diff_vector" },
    [ISA_Zve64d] = { "1.0", "test_diff_vector" },
    [ISA_Zve64f] = { "1.0", "test_diff_vector" },
    [ISA_Zve64x] = { "1.0", "test_diff_vector" },
    [ISA_Zvfbfmin] = { "1.0", "" },
    [ISA_Zvfbfwma] = { "1.0", "" },
    [ISA_Zvfh] = { "1.0", "test_diff_vector" },
    [ISA_Zvfhmin] = { "1.0", "test_diff_vector" },
    [ISA_Zvkb] = { "1.0", "test_diff_vector" },
    [ISA_Zvkg] = { "1.0", "" },
    [ISA_Zvkn] = { "1.0", "test_options" },
    [ISA_Zvknc] = { "1.0", "test_options" },
    [ISA_Zvkned] = { "1.0", "" },
    [ISA_Zvkng] = { "1.0", "test_options" },
    [ISA_Zvknha] = { "1.0", "test_diff_vector" },
    [ISA_Zvknhb] = { "1.0", "" },
    [ISA_Zvks] = { "1.0", "test_options" },
    [ISA_Zvksc] = { "1.0", "test_options" },
    [ISA_Zvksed] = { "1.0", "" },
    [ISA_Zvksg] = { "1.0", "test_options" },
    [ISA_Zvksh] = { "1.0", "" },
    [ISA_Zvkt] = { "1.0", "test_options" },
    [ISA_Smaia] = { "1.0", "test_aia, priv-aia, priv-guestaia" },
    [ISA_Smepmp] = { "1.0", "test_aia" },
    [ISA_Smmpm] = { "1.0", "priv-masking" },
    [ISA_Smstateen] = { "1.0", "test_aia, priv-aia, priv-guestaia" },
    [ISA_Ssaia] = { "1.0", "test_aia, priv-aia, priv-guestaia" },
    [ISA_Smnpm] = { "1.0", "priv-masking" },
    [ISA_Ssccptr] = { "1.0", "priv-paging" },
    [ISA_Sscofpmf] = { "1.0", "priv-csr" },
    [ISA_Sscounterenw] = { "1.0", "priv-counters" },
    [ISA_Ssnpm] = { "1.0", "priv-masking" },
    [ISA_Sstc] = { "1.0", "priv-interrupts" },
    [ISA_Sstvala] = { "1.0", "priv-traps" },
    [ISA_Sstvecd] = { "1.0", "priv-csr" },
    [ISA_Ssu64xl] = { "1.0", "priv-csr" },
    [ISA_Supm] = { "1.0", "priv-masking" },
    [ISA_Svade] = { "1.0", "priv-pte" },
    [ISA_Svadu] = { "1.0", "priv-pte" },
    [ISA_Svbare] = { "1.0", "priv-paging" },
    [ISA_Svinval] = { "1.0", "priv-tlb" },
    [ISA_Svnapot] = { "1.0", "priv-paging" },
    [ISA_Svpbmt] = { "1.0", "priv-pte" },
    [ISA_Svvptc] = { "1.0", "priv-tlb" },
    [ISA_XTheadBa] = { "1.0 (T-Head)", "" },
    [ISA_XTheadBb] = { "1.0 (T-Head)", "" },
    [ISA_XTheadBs] = { "1.0 (T-Head)", "" },
    [ISA_XTheadCmo] = { "1.0 (T-Head)", "priv-thead" },
    [ISA_XTheadCondMov] = { "1.0 (T-Head)", "" },
    [ISA_XTheadFMemIdx] = { "1.0 (T-Head)", "priv-thead" },
    [ISA_XTheadFmv] = { "1.0 (T-Head)", "" },
    [ISA_XTheadMac] = { "1.0 (T-Head)", "" },
    [ISA_XTheadMae] = { "1.0 (T-Head)", "priv-thead" },
    [ISA_XTheadMemIdx] = { "1.0 (T-Head)", "priv-thead" },
    [ISA_XTheadMemPair] = { "1.0 (T-Head)", "priv-thead" },
    [ISA_XTheadSync] = { "1.0 (T-Head)", "priv-thead" },
};

static const char *const texts[ISA_EXTENSION_COUNT] = {
#define X(name, string, rv64, rv32, text) text,
    ISA_EXTENSIONS(X)
#undef X
};

struct count {
    unsigned rows, t1, t2, compared, vectors;
};

/* Compressed forms are translated as the instructions that they expand to. */
static struct count count_rows(enum isa_extension extension)
{
    struct count count = { 0 };
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++) {
        if (isa_entry(i)->extension != extension || isa_entry(i)->flags & ISA_NO_WIDE)
            continue;
        count.rows++;
        count.t1 += t1_rows[i].lower != NULL;
        count.t2 += t2_has_row((enum isa_insn)i);
        count.compared += !rows_excluded((enum isa_insn)i);
        count.vectors += isa_is_vector((enum isa_insn)i);
    }
    return count;
}

static unsigned count_compressed(enum isa_extension extension, unsigned *compared)
{
    unsigned rows = 0;
    for (unsigned i = 0; i < ISA_RVC_COUNT; i++) {
        bool here = isa_rvc_entry(i)->extension == extension;
        rows += here;
        *compared += here && !rows_excluded(isa_rvc_expands[i]);
    }
    return rows;
}

static void put_share(FILE *out, unsigned part, unsigned whole)
{
    if (!whole)
        fprintf(out, " - |");
    else if (part == whole)
        fprintf(out, " all |");
    else
        fprintf(out, " %u of %u |", part, whole);
}

static void put_cpus(FILE *out, enum isa_extension extension)
{
    const struct isa_model *model;
    const char *comma = "";
    for (unsigned i = 0; (model = isa_model_row(i)); i++) {
        struct isa_config config;
        if (isa_config_parse(&config, model->name, NULL) && isa_has(&config, extension) && !model->bare) {
            fprintf(out, "%s%s", comma, model->name);
            comma = ", ";
        }
    }
    if (!*comma)
        fprintf(out, "by name only");
}

static bool put_row(FILE *out, enum isa_extension extension)
{
    struct count count = count_rows(extension);
    unsigned rows = count.rows + count_compressed(extension, &count.compared);
    const char *version = facts[extension].version, *tests = facts[extension].tests;
    if (!version) {
        fprintf(stderr, "isa_document.c knows no version of %s\n", isa_extension_name(extension));
        return false;
    }
    fprintf(out, "| `%s` | %s | %s | ", isa_extension_name(extension), version, texts[extension]);
    put_cpus(out, extension);
    fprintf(out, " | %u |", rows);
    put_share(out, count.t1, count.rows);
    put_share(out, count.t2, count.rows);
    const char *diff = count.vectors ? "test_diff_vector" : count.compared ? "test_diff" : "";
    fprintf(out, " %s%s%s |\n", diff, *diff && *tests ? ", " : "", tests);
    if (!*diff && !*tests)
        fprintf(stderr, "nothing tests %s\n", isa_extension_name(extension));
    return *diff || *tests;
}

static bool put_document(FILE *out)
{
    bool complete = true;
    fprintf(
        out,
        "# The extensions\n\n"
        "<!-- Made by build/tests/isa/isa_document > docs/isa.md; the test isa_document checks that it is "
        "current. -->\n\n"
        "What `-cpu` knows, from `cpu/isa/isa.h`, `cpu/isa/isa.def` and `vector.def`, and the rows of the "
        "translator (`dbt/x86/t1/t1.def`,\n`dbt/ir/lift.c`). Each is switched by name: "
        "`-cpu rva23s64,zvbb=off,vlen=512`. `-cpu help` lists the CPUs with their extensions.\n\n"
        "- **Version**: as the prefaces of the ratified manual (20260120 and since) and the Profiles have "
        "them. "
        "What is a draft is marked;\n  all others are ratified.\n"
        "- **Instructions** counts the rows of the table, compressed forms among them. An instruction "
        "whose extension is off is illegal;\n  `-d unimp` names both.\n"
        "- **T1** and **T2**: how many have host code of their own in the baseline translator and in the "
        "optimiser. All others are done by\n  their interpreter handlers, which T1 calls, and end a "
        "region of T2.\n"
        "- **Tests**: besides `test_isa_table`, `test_isa_text` (objdump) and `test_isa_capstone`, which "
        "take every row. `test_diff` and\n  `test_diff_vector` compare with QEMU in each tier, "
        "`priv-*` are bare-metal programs, run in each tier and on QEMU.\n"
        "- Smstateen has Ssstateen with it, and with H Sha. It cannot be combined with Zfinx and Zcmt.\n\n"
        "| Name | Version | What it is | CPUs that have it | Instructions | T1 | T2 | Tests |\n"
        "|---|---|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++)
        complete &= put_row(out, (enum isa_extension)i);
    return complete;
}

int main(int argc, char **argv)
{
    char *text = NULL;
    size_t size = 0;
    isa_init();
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return 2;
    bool good = put_document(out);
    fclose(out);
    if (argc > 1)
        good = document_is_current(text, argv[1], "isa_document") && good;
    else
        good = fputs(text, stdout) != EOF && good;
    free(text);
    return good ? 0 : 1;
}
