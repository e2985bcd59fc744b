/* SPDX-License-Identifier: MIT
 *
 * Device trees, by the board that they describe, and FIT images, which are device trees with files in them;
 * see identify.h. libfdt checks the whole tree first.
 */
#include "frontend/identify/identify.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#define CPUS_MAX   64
#define IMAGES_MAX 8

/* The root's compatible texts, and what to do with them. */
static const struct {
    const char *compatible, *board, *machine, *flags, *note;
} boards[] = {
    { "riscv-virtio", "QEMU's virt", "virt", "-nographic -kernel KERNEL -append console=ttyS0", NULL },
    { "ucbbar,spike-bare", "Spike", "spike", "-nographic -kernel KERNEL", NULL },
    { "ucbbar,spike-bare-dev", "Spike", "spike", "-nographic -kernel KERNEL", NULL },
    { "sifive,hifive-unleashed-a00", "HiFive Unleashed", "sifive_u",
      "-smp 5 -m 1G -nographic -kernel KERNEL -append console=ttySIF0", NULL },
    { "sifive,fu540-c000", "a board with SiFive's FU540", "sifive_u",
      "-smp 5 -m 1G -nographic -kernel KERNEL -append console=ttySIF0", NULL },
    { "sifive,hifive1", "HiFive1", "sifive_e", "-nographic -kernel PROGRAM", NULL },
    { "sifive,hifive1-revb", "HiFive1 revision B", "sifive_e", "-nographic -kernel PROGRAM", NULL },
    { "canaan,kendryte-k210", "Kendryte's K210", NULL, NULL, NULL },
    { "kendryte,k210", "Kendryte's K210", NULL, NULL, NULL },
    { "allwinner,sun20i-d1", "Allwinner D1 (C906)", NULL, NULL, "its core's instructions: -cpu thead-c906" },
    { "thead,th1520", "T-Head TH1520 (C910)", NULL, NULL, "its cores' instructions: -cpu thead-c910" },
    { "sophgo,sg2042", "Sophgo SG2042 (C920)", NULL, NULL, NULL },
    { "sophgo,cv1800b", "Sophgo CV1800B (C906)", NULL, NULL, "its core's instructions: -cpu thead-c906" },
    { "starfive,jh7100", "StarFive JH7100", NULL, NULL, NULL },
    { "starfive,jh7110", "StarFive JH7110", NULL, NULL, NULL },
    { "sifive,fu740", "HiFive Unmatched", NULL, NULL, NULL },
    { "microchip,mpfs", "PolarFire SoC", NULL, NULL, NULL },
    { "spacemit,k1", "SpacemiT K1", NULL, NULL, NULL },
    { "ucbbar,riscvemu-bar_dev", "TinyEMU", NULL, NULL, NULL },
    { "litex,vexriscv-soc-linux", "LiteX with VexRiscv", NULL, NULL, NULL },
    { "espressif,esp32c3", "ESP32-C3", NULL, NULL, NULL },
};

/* A property that is texts, with their 0; NULL: there is none. */
static const char *text_of(const void *tree, int node, const char *name, int *length)
{
    const char *value = fdt_getprop(tree, node, name, length);
    return value && *length > 0 && value[*length - 1] == 0 ? value : NULL;
}

static bool has_text(const char *list, int length, const char *text)
{
    for (int at = 0; at < length; at += (int)strlen(list + at) + 1)
        if (strcmp(list + at, text) == 0)
            return true;
    return false;
}

/* ---- Boards -------------------------------------------------------------------------------------------- */

/* A board that is not here: the tree itself says what it has. */
static void fit_own(struct identity *identity, const char *note)
{
    identity_set(identity->machine, sizeof(identity->machine), "dt");
    identity_set(identity->flags, sizeof(identity->flags), "-nographic -kernel KERNEL -dtb %%s");
    identity_note(identity, "%s-M dt makes the devices of the tree that it knows, and names the others",
                  note);
}

static void fit_board(const void *tree, struct identity *identity)
{
    int length;
    const char *list = text_of(tree, 0, "compatible", &length);
    char first[80];
    for (unsigned i = 0; list && i < sizeof(boards) / sizeof(boards[0]); i++) {
        if (!has_text(list, length, boards[i].compatible))
            continue;
        identity_why(identity, "compatible with \"%s\": %s", boards[i].compatible, boards[i].board);
        if (boards[i].machine) {
            identity_set(identity->machine, sizeof(identity->machine), "%s", boards[i].machine);
            identity_set(identity->flags, sizeof(identity->flags), "%s -dtb %%s", boards[i].flags);
        } else {
            fit_own(identity, "Rvive has no such board; ");
        }
        if (boards[i].note)
            identity_note(identity, "%s", boards[i].note);
        return;
    }
    identity_text(first, sizeof(first), list ? list : "", list ? (size_t)length : 0);
    identity_why(identity, "compatible with \"%s\", which is no board that is known here", first);
    fit_own(identity, "");
}

/* Harts, and the architecture of the first one. */
static void read_cpus(const void *tree, struct identity *identity)
{
    unsigned count = 0;
    char arch[512] = "";
    int cpus = fdt_path_offset(tree, "/cpus"), node;
    for (node = cpus >= 0 ? fdt_first_subnode(tree, cpus) : -1; node >= 0 && count < CPUS_MAX;
         node = fdt_next_subnode(tree, node)) {
        int length;
        const char *kind = text_of(tree, node, "device_type", &length);
        if (!kind || strcmp(kind, "cpu") != 0)
            continue;
        const char *isa = text_of(tree, node, "riscv,isa", &length);
        if (isa && (!*arch || count == 1)) /* the first of FU540 is not like the others */
            identity_text(arch, sizeof(arch), isa, (size_t)length);
        count++;
    }
    if (!count)
        return;
    identity_why(identity, "%u hart%s, %.200s", count, count == 1 ? "" : "s",
                 *arch ? arch : "without riscv,isa");
    bool has_own = strncmp(identity->machine, "sifive_", 7) == 0 || strcmp(identity->machine, "dt") == 0;
    if (*arch && !has_own)
        identify_arch(arch, false, identity);
}

/* ---- FIT ----------------------------------------------------------------------------------------------- */

static void read_images(const void *tree, int images, struct identity *identity)
{
    unsigned count = 0;
    for (int node = fdt_first_subnode(tree, images); node >= 0 && count < IMAGES_MAX;
         node = fdt_next_subnode(tree, node), count++) {
        static const char *const names[] = { "type", "arch", "os", "compression" };
        char line[200];
        size_t used = 0;
        int length;
        identity_text(line, sizeof(line), fdt_get_name(tree, node, NULL), 60);
        used = strlen(line);
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            const char *value = text_of(tree, node, names[i], &length);
            char part[24];
            identity_text(part, sizeof(part), value ? value : "", value ? (size_t)length : 0);
            if (*part)
                used += (size_t)snprintf(line + used, sizeof(line) - used, " %s=%s", names[i], part);
        }
        const uint8_t *load = fdt_getprop(tree, node, "load", &length);
        if (load && (length == 4 || length == 8)) {
            const struct subject number = { load, (uint64_t)length, 0 };
            snprintf(line + used, sizeof(line) - used, " load=0x%" PRIx64,
                     subject_be(&number, 0, (unsigned)length));
        }
        identity_why(identity, "it contains %s", line);
    }
    identity_note(identity,
                  "U-Boot loads it; or take out a part: dumpimage -T flat_dt -p NUMBER -o PART FILE");
}

bool identify_tree(const struct subject *subject, struct identity *identity)
{
    if (!subject_has(subject, 0, 40) || subject_be(subject, 0, 4) != FDT_MAGIC)
        return false;
    /* The parts of a FIT image may lie behind the tree. */
    uint64_t size = subject_be(subject, 4, 4);
    if (size > subject->length || fdt_check_full(subject->bytes, (size_t)size) != 0) {
        identity_set(identity->what, sizeof(identity->what), "a device tree that is damaged or cut off");
        return true;
    }
    int length, images = fdt_path_offset(subject->bytes, "/images");
    if (images >= 0) {
        identity_set(identity->what, sizeof(identity->what), "a FIT image of U-Boot");
        read_images(subject->bytes, images, identity);
        return true;
    }
    char model[80];
    const char *text = text_of(subject->bytes, 0, "model", &length);
    identity_text(model, sizeof(model), text ? text : "", text ? (size_t)length : 0);
    identity_set(identity->what, sizeof(identity->what), "a device tree%s%s%s", *model ? " of \"" : "", model,
                 *model ? "\"" : "");
    fit_board(subject->bytes, identity);
    read_cpus(subject->bytes, identity);
    return true;
}
