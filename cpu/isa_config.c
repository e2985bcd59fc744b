/* SPDX-License-Identifier: MIT
 *
 * What a hart implements: the argument of -cpu, and the ISA string that tells the guest.
 */
#include "cpu/isa.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    bool rv64, rv32;
} extensions[ISA_EXTENSION_COUNT] = {
#define X(name, string, rv64, rv32, text) { string, rv64, rv32 },
    ISA_EXTENSIONS(X)
#undef X
};

const char *isa_extension_name(enum isa_extension extension)
{
    return extensions[extension].name;
}

#define BIT(extension) (1ull << ISA_##extension)

/* An extension that is on needs all of `needs`. */
static const struct {
    enum isa_extension extension;
    uint64_t needs;
} dependencies[] = {
    { ISA_D, BIT(F) },         { ISA_F, BIT(Zicsr) },    { ISA_Zfh, BIT(F) | BIT(Zfhmin) },
    { ISA_Zfhmin, BIT(F) },    { ISA_Zfa, BIT(F) },      { ISA_Zcb, BIT(C) },
    { ISA_Zacas, BIT(A) },     { ISA_Zawrs, BIT(A) },    { ISA_Zicntr, BIT(Zicsr) },
    { ISA_Zihpm, BIT(Zicsr) }, { ISA_Sstc, BIT(Zicsr) },
};

static void set_defaults(struct isa_config *config, unsigned xlen)
{
    *config = (struct isa_config){
        .xlen = xlen, .supervisor = true, .pmp = true, .satp_max = xlen == 32 ? 32 : 57
    };
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++)
        if (xlen == 64 ? extensions[i].rv64 : extensions[i].rv32)
            config->extensions |= 1ull << i;
}

/* Length of the item at the front of a comma-separated list. */
static size_t item_length(const char *list)
{
    return strcspn(list, ",");
}

static bool item_is(const char *item, size_t length, const char *name)
{
    return strlen(name) == length && strncasecmp(item, name, length) == 0;
}

static bool parse_switch(const char *value, size_t length, bool *on)
{
    static const char *const yes[] = { "on", "true", "yes", "y" };
    static const char *const no[] = { "off", "false", "no", "n" };
    for (unsigned i = 0; i < 4; i++) {
        if (item_is(value, length, yes[i]))
            return *on = true;
        if (item_is(value, length, no[i])) {
            *on = false;
            return true;
        }
    }
    return false;
}

static unsigned satp_mode_number(const char *name, size_t length)
{
    static const unsigned modes[] = { 32, 39, 48, 57 };
    for (unsigned i = 0; i < 4; i++) {
        char text[8];
        snprintf(text, sizeof(text), "sv%u", modes[i]);
        if (item_is(name, length, text))
            return modes[i];
    }
    return 0;
}

/* sv48=on makes Sv48 the widest mode; sv48=off leaves the next narrower one. */
static void set_satp_mode(struct isa_config *config, unsigned mode, bool on)
{
    unsigned narrower = mode == 57 ? 48 : mode == 48 ? 39 : 0;
    if (on)
        config->satp_max = mode;
    else if (config->satp_max >= mode)
        config->satp_max = narrower;
}

static bool set_property(struct isa_config *config, const char *name, size_t length, bool on)
{
    unsigned mode = satp_mode_number(name, length);
    if (mode) {
        if ((mode == 32) != (config->xlen == 32))
            return false;
        set_satp_mode(config, mode, on);
        return true;
    }
    if (item_is(name, length, "pmp")) {
        config->pmp = on;
        return true;
    }
    if (item_is(name, length, "s") || item_is(name, length, "u")) {
        config->supervisor = on;
        return true;
    }
    if (item_is(name, length, "mmu")) {
        config->satp_max = on ? (config->xlen == 32 ? 32 : 57) : 0;
        return true;
    }
    if (item_is(name, length, "g")) {
        uint64_t g = BIT(I) | BIT(M) | BIT(A) | BIT(F) | BIT(D) | BIT(Zicsr) | BIT(Zifencei);
        config->extensions = on ? config->extensions | g : config->extensions;
        return true;
    }
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++) {
        if (item_is(name, length, extensions[i].name)) {
            config->extensions = (config->extensions & ~(1ull << i)) | (uint64_t)on << i;
            return true;
        }
    }
    return false;
}

static bool set_model(struct isa_config *config, const char *name, size_t length, struct error *error)
{
    if (item_is(name, length, "rv64") || item_is(name, length, "max"))
        set_defaults(config, 64);
    else if (item_is(name, length, "rv32") || item_is(name, length, "max32"))
        set_defaults(config, 32);
    else if (item_is(name, length, "rva22s64") || item_is(name, length, "rva23s64"))
        return error_set(error, "this version of Rvive has no RVA22/RVA23 profile model (RVA23 needs V); "
                                "use -cpu rv64");
    else
        return error_set(error, "unknown CPU %.*s; there are rv64, rv32 and max", (int)length, name);
    return true;
}

static bool parse_property(struct isa_config *config, const char *item, size_t length, struct error *error)
{
    const char *equals = memchr(item, '=', length);
    size_t name_length = equals ? (size_t)(equals - item) : length;
    bool on = true;
    if (equals && !parse_switch(equals + 1, length - name_length - 1, &on))
        return error_set(error, "%.*s: the value is on or off", (int)length, item);
    if (!set_property(config, item, name_length, on))
        return error_set(error, "this version of Rvive has no property \"%.*s\" for an RV%u hart",
                         (int)name_length, item, config->xlen);
    return true;
}

static bool check_dependencies(struct isa_config *config, struct error *error)
{
    if (!isa_has(config, ISA_F)) /* what only refines F goes with it, as with D=off */
        config->extensions &= ~(BIT(Zfa) | BIT(Zfh) | BIT(Zfhmin));
    if (!isa_has(config, ISA_Zfhmin))
        config->extensions &= ~BIT(Zfh);
    if (!isa_has(config, ISA_C))
        config->extensions &= ~BIT(Zcb);
    if (!isa_has(config, ISA_A))
        config->extensions &= ~(BIT(Zacas) | BIT(Zawrs));
    for (unsigned i = 0; i < sizeof(dependencies) / sizeof(dependencies[0]); i++) {
        uint64_t missing = dependencies[i].needs & ~config->extensions;
        if (isa_has(config, dependencies[i].extension) && missing)
            return error_set(error, "extension %s needs %s, which is off",
                             extensions[dependencies[i].extension].name,
                             extensions[__builtin_ctzll(missing)].name);
    }
    if (!isa_has(config, ISA_I) || !isa_has(config, ISA_Zicsr))
        return error_set(error, "i and zicsr cannot be switched off");
    if (!config->supervisor)
        config->satp_max = 0;
    return true;
}

bool isa_config_parse(struct isa_config *config, const char *cpu, struct error *error)
{
    size_t length = item_length(cpu);
    if (!set_model(config, cpu, length, error))
        return false;
    while (cpu[length] == ',') {
        cpu += length + 1;
        length = item_length(cpu);
        if (!parse_property(config, cpu, length, error))
            return false;
    }
    return check_dependencies(config, error);
}

size_t isa_config_string(const struct isa_config *config, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "rv%u", config->xlen);
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++) {
        if (!isa_has(config, (enum isa_extension)i))
            continue;
        const char *name = extensions[i].name;
        const char *separator = name[1] ? "_" : "";
        used += (size_t)snprintf(used < size ? text + used : NULL, used < size ? size - used : 0, "%s%s",
                                 separator, name);
    }
    return used;
}
