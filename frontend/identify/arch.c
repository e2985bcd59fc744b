/* SPDX-License-Identifier: MIT
 *
 * Makes -cpu of an architecture string, as compilers write it into programs (RISC-V ELF psABI, "Attributes")
 * and device trees have it; see identify.h. Names with versions ("m2p0") stand between underscores, or single
 * letters one after the other.
 */
#include "frontend/identify/identify.h"

#include <ctype.h>
#include <string.h>

#include "cpu/isa/isa.h"

#define NAMES_MAX 128

struct names {
    char name[NAMES_MAX][24];
    unsigned count;
    bool vector_draft; /* v0p7 */
};

static void add_name(struct names *names, const char *text, size_t length)
{
    if (names->count == NAMES_MAX || !length || length >= sizeof(names->name[0]))
        return;
    for (unsigned i = 0; i < names->count; i++)
        if (strlen(names->name[i]) == length && memcmp(names->name[i], text, length) == 0)
            return;
    memcpy(names->name[names->count], text, length);
    names->name[names->count++][length] = 0;
}

/* The length of a version, "2p1", at the end of a name. */
static size_t version_at_end(const char *text, size_t length)
{
    size_t n = length;
    while (n > 0 && isdigit((unsigned char)text[n - 1]))
        n--;
    if (n == length || n < 2 || text[n - 1] != 'p')
        return 0;
    size_t major = n - 1;
    while (major > 0 && isdigit((unsigned char)text[major - 1]))
        major--;
    return major == n - 1 ? 0 : length - major;
}

/* One item between underscores: a long name, or letters, each perhaps with a version. */
static void add_item(struct names *names, const char *text, size_t length)
{
    if (length && (strchr("zsx", text[0]))) {
        add_name(names, text, length - version_at_end(text, length));
        return;
    }
    for (size_t i = 0; i < length;) {
        size_t digits = i + 1;
        while (digits < length && (isdigit((unsigned char)text[digits]) ||
                                   (text[digits] == 'p' && isdigit((unsigned char)text[digits - 1]))))
            digits++;
        names->vector_draft |= text[i] == 'v' && digits > i + 1 && text[i + 1] == '0';
        if (isalpha((unsigned char)text[i]))
            add_name(names, text + i, 1);
        i = digits;
    }
}

static void split(const char *arch, struct names *names)
{
    const char *at = arch;
    while (*at) {
        size_t length = strcspn(at, "_");
        add_item(names, at, length);
        at += length + (at[length] == '_');
    }
}

/* Which extension of isa.h has this name; ISA_EXTENSION_COUNT: none. g stands for IMAFD, Zicsr and Zifencei.
 */
static unsigned extension_of(const char *name)
{
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++)
        if (strcmp(isa_extension_name((enum isa_extension)i), name) == 0)
            return i;
    return ISA_EXTENSION_COUNT;
}

/* Names that mean others, or nothing of their own. */
static bool is_implied(const char *name)
{
    static const char *const implied[] = { "e",   "g",      "zmmul", "zaamo",  "zalrsc",  "zca", "zcd",
                                           "zcf", "zvl32b", "s",     "zvl64b", "zvl128b", "u",   "b" };
    for (unsigned i = 0; i < sizeof(implied) / sizeof(implied[0]); i++)
        if (strcmp(name, implied[i]) == 0)
            return true;
    return false;
}

/* Appends ",NAME=on" for each extension that the CPU lacks. */
static void append_missing(const struct names *names, char *cpu, size_t size)
{
    struct isa_config config;
    if (!isa_config_parse(&config, cpu, NULL))
        return;
    for (unsigned i = 0; i < names->count; i++) {
        unsigned extension = extension_of(names->name[i]);
        size_t used = strlen(cpu);
        if (extension < ISA_EXTENSION_COUNT && !isa_has(&config, (enum isa_extension)extension))
            identity_set(cpu + used, size - used, ",%s=on", names->name[i]);
    }
}

/* Parts of extensions that are here only as wholes: a bare CPU gets the whole. */
static void append_wholes(const struct names *names, char *cpu, size_t size)
{
    static const struct {
        const char *part, *whole;
    } parts[] = { { "g", "g" }, { "zca", "c" }, { "zmmul", "m" }, { "zaamo", "a" }, { "zalrsc", "a" } };
    for (unsigned n = 0; n < names->count; n++)
        for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
            if (strcmp(names->name[n], parts[i].part) == 0) {
                size_t used = strlen(cpu);
                identity_set(cpu + used, size - used, ",%s=on", parts[i].whole);
            }
}

/* The default CPU with what it lacks, or, if that cannot be together, the bare one with all that is asked
 * for. */
static void choose_cpu(const struct names *names, bool embedded, struct identity *identity)
{
    struct isa_config config;
    struct error error = { "" };
    unsigned xlen = identity->rv32 ? 32 : 64;
    const size_t size = sizeof(identity->cpu);
    identity_set(identity->cpu, size, embedded ? "rv%ue" : "rv%u", xlen);
    if (embedded)
        append_wholes(names, identity->cpu, size);
    append_missing(names, identity->cpu, size);
    if (isa_config_parse(&config, identity->cpu, &error)) {
        if (strcmp(identity->cpu, "rv64") == 0)
            identity->cpu[0] = 0;
        return;
    }
    identity_set(identity->cpu, size, embedded ? "rv%ue,pmp=on" : "rv%ui,s=on,pmp=on", xlen);
    append_wholes(names, identity->cpu, size);
    append_missing(names, identity->cpu, size);
    if (isa_config_parse(&config, identity->cpu, &error))
        return;
    identity_note(identity, "no -cpu has all of that together: %.200s", error.text);
    identity->cpu[0] = 0;
}

void identify_arch(const char *arch, bool embedded, struct identity *identity)
{
    struct names names = { .count = 0 };
    if (strncmp(arch, "rv32", 4) != 0 && strncmp(arch, "rv64", 4) != 0) {
        identity_note(identity, "the architecture \"%.80s\" is none that is known here", arch);
        return;
    }
    identity->rv32 = arch[2] == '3';
    split(arch + 4, &names);
    embedded |= names.count && strcmp(names.name[0], "e") == 0;
    choose_cpu(&names, embedded, identity);
    for (unsigned i = 0; i < names.count; i++)
        if (extension_of(names.name[i]) == ISA_EXTENSION_COUNT && !is_implied(names.name[i]))
            identity_note(identity, "this version of Rvive has no extension %s", names.name[i]);
    if (names.vector_draft)
        identity_note(identity, "it was made for vectors of the draft 0.7.1, which are not here");
}
