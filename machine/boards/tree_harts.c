/* SPDX-License-Identifier: MIT
 *
 * The harts of a device tree (Linux' binding riscv/cpus.yaml); see tree.h. riscv,isa-extensions, or the older
 * riscv,isa, becomes the argument of -cpu; mmu-type says whether there is an S-mode. All harts are alike,
 * except that the first one may be another, as that of SiFive's boards is.
 */
#include <ctype.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "machine/boards/tree.h"
#include "util/log.h"

#define NAME_SIZE 24

/* What becomes of the words of one hart. */
struct words {
    char *cpu;               /* grows; NULL: another property says what the hart has */
    char kept[TREE_CPU_MAX]; /* the same text, without what is not here */
    size_t used, room;
    struct board_tree *tree;
    bool changed, has_s, has_ad;
};

static void append(struct words *words, const char *text)
{
    size_t used = words->cpu ? strlen(words->cpu) : 0;
    if (words->cpu)
        snprintf(words->cpu + used, TREE_CPU_MAX - used, "%s", text);
}

/* For the user, each name once. */
static void tell_missing(struct board_tree *tree, const char *name)
{
    char word[NAME_SIZE + 2], all[sizeof(tree->missing) + 1];
    size_t used = strlen(tree->missing);
    snprintf(word, sizeof(word), " %s ", name);
    snprintf(all, sizeof(all), "%s ", tree->missing);
    if (!strstr(all, word))
        snprintf(tree->missing + used, sizeof(tree->missing) - used, " %s", name);
}

static unsigned extension_of(const char *name)
{
    unsigned i = 0;
    while (i < ISA_EXTENSION_COUNT && strcmp(isa_extension_name((enum isa_extension)i), name) != 0)
        i++;
    return i;
}

/* Parts of extensions that are here as wholes, and names of what a hart has anyway. */
static bool is_implied(const char *name)
{
    static const char *const implied[] = { "e",   "g",   "zmmul", "zaamo",  "zalrsc", "zca",
                                           "zcd", "zcf", "b",     "zvl32b", "zvl64b", "zvl128b" };
    for (size_t i = 0; i < sizeof(implied) / sizeof(implied[0]); i++)
        if (strcmp(name, implied[i]) == 0)
            return true;
    return false;
}

/* Takes a name; false if the hart will not have it. */
static bool take_name(struct words *words, const char *name)
{
    char property[NAME_SIZE + 8];
    if (strcmp(name, "svade") == 0 || strcmp(name, "svadu") == 0)
        words->has_ad = true;
    if (is_implied(name) && !(name[0] == 'g' || name[0] == 'b'))
        return true;
    bool known = extension_of(name) < ISA_EXTENSION_COUNT || is_implied(name);
    if (known && name[0] == 'b') {
        append(words, ",zba=on,zbb=on,zbs=on");
    } else if (known) {
        snprintf(property, sizeof(property), ",%s=on", name);
        append(words, property);
    } else {
        tell_missing(words->tree, name);
    }
    words->changed |= !known;
    return known;
}

static bool is_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]))
            return false;
    return length && length < NAME_SIZE;
}

static void keep(struct words *words, const char *text, size_t length)
{
    if (words->room - words->used < length)
        length = words->room - words->used;
    memcpy(words->kept + words->used, text, length);
    words->used += length;
}

/* Texts one after the other, each with its 0. */
static void take_list(struct words *words, const char *list, uint32_t length)
{
    char name[NAME_SIZE];
    for (uint32_t at = 0; at < length; at += (uint32_t)strlen(list + at) + 1) {
        size_t size = strlen(list + at);
        if (!is_name(list + at, size)) {
            words->changed = true;
            continue;
        }
        memcpy(name, list + at, size + 1);
        if (take_name(words, name))
            keep(words, name, size + 1);
    }
}

/* Letters, each perhaps with a version ("m2p0"), up to the first '_' or the end. Old trees end with the modes
 * "su". Returns the bytes that were taken. */
static size_t take_letters(struct words *words, const char *text)
{
    size_t at = 0;
    while (text[at] && text[at] != '_') {
        char name[2] = { text[at], 0 };
        size_t size = 1;
        if (strchr("zx", text[at]) || (text[at] == 's' && text[at + 1] && text[at + 1] != 'u'))
            break; /* a name, without '_' before it */
        while (isdigit((unsigned char)text[at + size]) ||
               (size > 1 && text[at + size] == 'p' && isdigit((unsigned char)text[at + size + 1])))
            size++;
        words->has_s |= text[at] == 's';
        if (text[at] == 's' || text[at] == 'u' ||
            (islower((unsigned char)text[at]) && take_name(words, name)))
            keep(words, text + at, size);
        at += size;
    }
    return at;
}

/* "rv64imafdc_zicsr_zifencei" */
static void take_string(struct words *words, const char *isa)
{
    char name[NAME_SIZE];
    keep(words, isa, 4);
    isa += 4;
    isa += take_letters(words, isa);
    while (*isa) {
        isa += *isa == '_';
        size_t size = strcspn(isa, "_");
        if (is_name(isa, size)) {
            memcpy(name, isa, size);
            name[size] = 0;
            if (take_name(words, name)) {
                keep(words, "_", 1);
                keep(words, isa, size);
            }
        } else {
            words->changed |= size > 0;
        }
        isa += size;
    }
    keep(words, "", 1);
}

/* The modes and the address translation. */
static void take_mmu(struct words *words, uint32_t node, unsigned xlen)
{
    static const char *const modes[] = { "sv32", "sv39", "sv48", "sv57" };
    char text[24];
    bool has_s = words->has_s;
    for (size_t i = 0; i < 4; i++) {
        snprintf(text, sizeof(text), "riscv,%s", modes[i]);
        if (!tree_has_text(words->tree, node, "mmu-type", text) || (i == 0) != (xlen == 32))
            continue;
        snprintf(text, sizeof(text), ",%s=on", modes[i]);
        append(words, text);
        has_s = true;
    }
    append(words, has_s ? ",s=on,pmp=on" : ",u=on,pmp=on");
    if (has_s && !words->has_ad)
        append(words, ",svadu=on"); /* as on QEMU's boards that do not say it */
}

static bool set(struct board_tree *tree, uint32_t node, const char *property, const struct words *words,
                struct error *error)
{
    int status = words->changed ? fdt_setprop(tree->fdt, tree->nodes[node].offset, property, words->kept,
                                              (int)words->used)
                                : 0;
    return status == 0 || error_set(error, "cannot change the device tree: %s", fdt_strerror(status));
}

/* Fills `cpu`, and takes what is not here out of the node. */
static bool read_isa(struct board_tree *tree, uint32_t node, char *cpu, struct error *error)
{
    uint32_t list_length, length;
    const char *list = tree_texts(tree, node, "riscv,isa-extensions", &list_length);
    const char *isa = tree_texts(
        tree, node, list && !tree_texts(tree, node, "riscv,isa", &length) ? "riscv,isa-base" : "riscv,isa",
        &length);
    if (!isa || length < 5 || (memcmp(isa, "rv32", 4) != 0 && memcmp(isa, "rv64", 4) != 0) ||
        length >= TREE_CPU_MAX || (list && list_length >= TREE_CPU_MAX))
        return error_set(error, "a hart of the device tree has no riscv,isa that begins with rv32 or rv64");
    unsigned xlen = isa[2] == '3' ? 32 : 64;
    snprintf(cpu, TREE_CPU_MAX, "rv%u%c,zifencei=on,zicntr=on", xlen, isa[4] == 'e' ? 'e' : 'i');
    struct words words = { .cpu = list ? NULL : cpu, .room = TREE_CPU_MAX, .tree = tree };
    take_string(&words, isa);
    bool by_base = !tree_texts(tree, node, "riscv,isa", &length);
    struct words listed = { .cpu = cpu, .room = TREE_CPU_MAX, .tree = tree };
    if (list)
        take_list(&listed, list, list_length);
    listed.has_ad |= words.has_ad;
    listed.has_s = words.has_s;
    take_mmu(&listed, node, xlen);
    return (by_base || set(tree, node, "riscv,isa", &words, error)) &&
           (!list || set(tree, node, "riscv,isa-extensions", &listed, error)) && tree_index(tree, error);
}

/* The CPU with all of that, or, if no CPU has it together, the default one. */
static void check_cpu(char *cpu, const char *name)
{
    struct isa_config config;
    struct error error = { .text = "" };
    if (isa_config_parse(&config, cpu, &error))
        return;
    log_warn("-machine dt: %s: no CPU has all that the device tree says (%.200s): it is the usual one", name,
             error.text);
    snprintf(cpu, TREE_CPU_MAX, "rv%s", cpu[2] == '3' ? "32" : "64");
}

static uint32_t intc_of(const struct board_tree *tree, uint32_t hart)
{
    uint32_t length, child = TREE_NONE;
    while ((child = tree_child(tree, hart, child)) != TREE_NONE)
        if (tree_bytes(tree, child, "interrupt-controller", &length))
            return child;
    return TREE_NONE;
}

unsigned tree_hart_of(const struct board_tree *tree, uint32_t intc)
{
    unsigned hart = 0;
    while (hart < tree->hart_count && tree->intc[hart] != intc)
        hart++;
    return hart < tree->hart_count && intc != TREE_NONE ? hart : MACHINE_HARTS_MAX;
}

static bool is_cpu(const struct board_tree *tree, uint32_t node)
{
    return tree_has_text(tree, node, "device_type", "cpu");
}

/* Finds where each hart is; their numbers have to follow each other from 0. */
static bool find_harts(struct board_tree *tree, uint32_t cpus, uint32_t nodes[MACHINE_HARTS_MAX],
                       struct error *error)
{
    uint32_t node = TREE_NONE;
    uint64_t id;
    for (unsigned n = 0; n < MACHINE_HARTS_MAX; n++)
        nodes[n] = TREE_NONE;
    tree->hart_count = 0;
    while ((node = tree_child(tree, cpus, node)) != TREE_NONE) {
        if (!is_cpu(tree, node))
            continue;
        if (!tree_number(tree, node, "reg", &id) || id >= MACHINE_HARTS_MAX || nodes[id] != TREE_NONE)
            return error_set(error, "a hart of the device tree has no number of its own from 0 to %d (reg)",
                             MACHINE_HARTS_MAX - 1);
        nodes[id] = node;
        tree->hart_count++;
    }
    for (unsigned n = 0; n < tree->hart_count; n++)
        if (nodes[n] == TREE_NONE)
            return error_set(error, "the device tree has %u harts, but none with the number %u (reg)",
                             tree->hart_count, n);
    return tree->hart_count || error_set(error, "the device tree has no hart (/cpus)");
}

bool tree_read_harts(struct board_tree *tree, struct error *error)
{
    uint32_t nodes[MACHINE_HARTS_MAX], cpus = tree_at(tree, fdt_path_offset(tree->fdt, "/cpus"));
    uint64_t hz = 0;
    if (cpus == TREE_NONE)
        return error_set(error, "the device tree has no /cpus");
    if (!find_harts(tree, cpus, nodes, error))
        return false;
    if (!tree_number(tree, cpus, "timebase-frequency", &hz) &&
        !tree_number(tree, nodes[0], "timebase-frequency", &hz))
        return error_set(error, "the device tree has no timebase-frequency");
    if (!hz || hz > UINT32_MAX)
        return error_set(error, "timebase-frequency of the device tree is not from 1 Hz to 4 GHz");
    tree->board.timebase_hz = hz;
    for (unsigned n = 0; n < tree->hart_count; n++) {
        char *cpu = n == 0 ? tree->first : n == 1 ? tree->cpu : tree->other;
        if (!read_isa(tree, nodes[n], cpu, error))
            return false;
        if (n > 1 && strcmp(tree->other, tree->cpu) != 0)
            return error_set(error, "hart %u of the device tree is not like hart 1: only hart 0 may differ",
                             n);
        tree->intc[n] = intc_of(tree, nodes[n]);
    }
    if (tree->hart_count == 1)
        memcpy(tree->cpu, tree->first, sizeof(tree->cpu));
    if (tree->first[2] != tree->cpu[2])
        return error_set(error, "the harts of the device tree do not have the same width");
    check_cpu(tree->cpu, "the harts");
    check_cpu(tree->first, "hart 0");
    return true;
}
