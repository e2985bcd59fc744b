/* SPDX-License-Identifier: MIT
 *
 * What a hart implements: the argument of -cpu, and the ISA string that tells the guest.
 */
#include "cpu/isa/isa.h"

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

#define BIT(extension) ISA_SET(ISA_##extension)

#define ZBK (BIT(Zbkb) | BIT(Zbkc) | BIT(Zbkx))
/* Parts of V, what comes with it unless it is switched off, and all that there is with it only. */
#define ZVE (BIT(Zve32f) | BIT(Zve32x) | BIT(Zve64d) | BIT(Zve64f) | BIT(Zve64x))
#define WITH_V                                                                                               \
    (BIT(Zvbb) | BIT(Zvbc) | BIT(Zvfbfmin) | BIT(Zvfbfwma) | BIT(Zvfh) | BIT(Zvfhmin) | BIT(Zvkb) |          \
     BIT(Zvkg) | BIT(Zvkned) | BIT(Zvknha) | BIT(Zvknhb) | BIT(Zvksed) | BIT(Zvksh))
#define VECTORS                                                                                              \
    (ZVE | WITH_V | BIT(Zvkn) | BIT(Zvknc) | BIT(Zvkng) | BIT(Zvks) | BIT(Zvksc) | BIT(Zvksg) | BIT(Zvkt))
#define ZVKN (BIT(Zvkb) | BIT(Zvkned) | BIT(Zvknhb) | BIT(Zvkt))
#define ZVKS (BIT(Zvkb) | BIT(Zvksed) | BIT(Zvksh) | BIT(Zvkt))
#define ZKN  (ZBK | BIT(Zknd) | BIT(Zkne) | BIT(Zknh))

/* An extension that is on needs all of `needs`. */
static const struct {
    enum isa_extension extension;
    isa_set needs;
} dependencies[] = {
    { ISA_D, BIT(F) },         { ISA_F, BIT(Zicsr) },      { ISA_Zfh, BIT(F) | BIT(Zfhmin) },
    { ISA_Zfhmin, BIT(F) },    { ISA_Zfa, BIT(F) },        { ISA_Zcb, BIT(C) },
    { ISA_Zacas, BIT(A) },     { ISA_Zawrs, BIT(A) },      { ISA_Zicntr, BIT(Zicsr) },
    { ISA_Zihpm, BIT(Zicsr) }, { ISA_Sstc, BIT(Zicsr) },   { ISA_Zkr, BIT(Zicsr) },
    { ISA_V, BIT(D) | ZVE },   { ISA_Zvfh, BIT(Zvfhmin) }, { ISA_Zvfbfwma, BIT(Zvfbfmin) },
};

/* Names of several extensions together (Unpriv. "Scalar Cryptography", "Vector Cryptography"), and V, which
 * is its parts. Whoever asks for one gets `all`; who switches it off is also without `own`, which it does not
 * share. One that is not whole is not named. */
static const struct {
    enum isa_extension name;
    isa_set all, own;
} groups[] = {
    { ISA_Zk, ZKN | BIT(Zkn) | BIT(Zkr) | BIT(Zkt), BIT(Zkr) | BIT(Zkt) },
    { ISA_Zkn, ZKN, BIT(Zknd) | BIT(Zkne) | BIT(Zknh) },
    { ISA_Zks, ZBK | BIT(Zksed) | BIT(Zksh), BIT(Zksed) | BIT(Zksh) },
    { ISA_Zvkng, ZVKN | BIT(Zvkn) | BIT(Zvkg), BIT(Zvkg) },
    { ISA_Zvknc, ZVKN | BIT(Zvkn) | BIT(Zvbc), BIT(Zvbc) },
    { ISA_Zvkn, ZVKN, BIT(Zvkned) | BIT(Zvknhb) },
    { ISA_Zvksg, ZVKS | BIT(Zvks) | BIT(Zvkg), BIT(Zvkg) },
    { ISA_Zvksc, ZVKS | BIT(Zvks) | BIT(Zvbc), BIT(Zvbc) },
    { ISA_Zvks, ZVKS, BIT(Zvksed) | BIT(Zvksh) },
    { ISA_V, ZVE, VECTORS },
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

/* Pairs of extensions with instructions in common; see isa_sharer(). */
static const enum isa_extension sharers[][2] = { { ISA_Zbb, ISA_Zbkb },
                                                 { ISA_Zbc, ISA_Zbkc },
                                                 { ISA_Zkne, ISA_Zknd },
                                                 { ISA_Zvbb, ISA_Zvkb },
                                                 { ISA_Zvknhb, ISA_Zvknha } };

enum isa_extension isa_sharer(enum isa_extension extension)
{
    for (unsigned i = 0; i < sizeof(sharers) / sizeof(sharers[0]); i++)
        if (sharers[i][0] == extension)
            return sharers[i][1];
    return extension;
}

/* The widest address translation unless the user says else. Sv57 works (sv57=on), but programs that look at
 * the mode refuse to run under it (OpenJDK 21), and each walk of a page table would be longer; kernels that
 * want Sv48 have it. */
static unsigned satp_default(unsigned xlen)
{
    return xlen == 32 ? 32 : 48;
}

static void set_defaults(struct isa_config *config, unsigned xlen)
{
    *config =
        (struct isa_config){ .xlen = xlen, .supervisor = true, .pmp = true, .satp_max = satp_default(xlen) };
    config->vlen = ISA_VLEN_DEFAULT;
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++)
        if (xlen == 64 ? extensions[i].rv64 : extensions[i].rv32)
            config->extensions |= ISA_SET(i);
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

static void set_extension(struct isa_config *config, enum isa_extension extension, bool on)
{
    isa_set bits = ISA_SET(extension);
    for (unsigned i = 0; i < GROUPS; i++)
        if (groups[i].name == extension)
            bits |= on ? groups[i].all : groups[i].own;
    if (extension == ISA_V)
        bits |= WITH_V;
    config->extensions = on ? config->extensions | bits : config->extensions & ~bits;
}

static bool set_property(struct isa_config *config, const char *name, size_t length, bool on)
{
    unsigned mode = satp_mode_number(name, length);
    if (mode) {
        if ((mode == 32) != (config->xlen == 32))
            return false; /* check_absent() takes it where it is switched off */
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
        config->satp_max = on ? satp_default(config->xlen) : 0;
        return true;
    }
    if (item_is(name, length, "g")) {
        isa_set g = BIT(I) | BIT(M) | BIT(A) | BIT(F) | BIT(D) | BIT(Zicsr) | BIT(Zifencei);
        config->extensions = on ? config->extensions | g : config->extensions;
        return true;
    }
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++) {
        if (item_is(name, length, extensions[i].name)) {
            set_extension(config, (enum isa_extension)i, on);
            return true;
        }
    }
    return false;
}

/* Properties of QEMU's harts that are no extensions here. One is on exactly where all extensions of `needs`
 * are on, which together are what it means; without needs it is never on. An extension of isa.h needs no row.
 */
static const struct {
    isa_set needs;
    const char *names; /* between blanks */
} absent[] = {
    { 0, " e h j q debug short-isa-string start-powered-off x-misa-w rvv_ma_all_1s rvv_ta_all_1s "
         "rvv_vl_half_avl " },
    { 0, " zabha zama16b zcmop zcmp zcmt zce zimop zicfilp zicfiss zic64b zfbfmin zfinx zdinx zhinx zhinxmin "
         "ztso " },
    { 0, " sha smaia smcdeleg smcntrpmf smcsrind smctr smdbltrp smepmp smmpm smnpm smrnmi smstateen ssaia "
         "ssccfg sscofpmf sscsrind ssctr ssdbltrp ssnpm sspm ssstateen supm svvptc x-svukte " },
    { 0, " xtheadba xtheadbb xtheadbs xtheadcmo xtheadcondmov xtheadfmemidx xtheadfmv xtheadmac xtheadmemidx "
         "xtheadmempair xtheadsync xventanacondops rva22u64 rva22s64 rva23u64 rva23s64 " },
    { BIT(M), " zmmul " },
    { BIT(A), " zaamo zalrsc ziccrse " },
    { BIT(C), " zca " },
    { BIT(C) | BIT(D), " zcd " },
    { BIT(Zba) | BIT(Zbb) | BIT(Zbs), " b " },
};

static bool list_has(const char *list, const char *name, size_t length)
{
    for (const char *at = strchr(list, ' '); at && at[1]; at = strchr(at + 1, ' '))
        if (strcspn(at + 1, " ") == length && strncasecmp(at + 1, name, length) == 0)
            return true;
    return false;
}

/* A property that cannot be set: may it be asked for this way? */
static bool check_absent(const struct isa_config *config, const char *name, size_t length, bool on,
                         struct error *error)
{
    bool known = satp_mode_number(name, length) != 0, is = false; /* a mode of the other width */
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        if (!list_has(absent[i].names, name, length))
            continue;
        known = true;
        is |= absent[i].needs && !(absent[i].needs & ~config->extensions);
    }
    if (!known)
        return error_set(error, "this version of Rvive has no property \"%.*s\" for an RV%u hart",
                         (int)length, name, config->xlen);
    return is == on ||
           error_set(error, "the RV%u hart %s \"%.*s\", and this version of Rvive cannot switch it %s",
                     config->xlen, is ? "has" : "has no", (int)length, name, on ? "on" : "off");
}

/* Properties with a value: there is one that they can have. */
static const struct {
    const char *name, *value;
} fixed[] = {
    { "priv_spec", "v1.12.0" }, { "vext_spec", "v1.0" },    { "cbom_blocksize", "64" },
    { "cbop_blocksize", "64" }, { "cboz_blocksize", "64" }, { "elen", "64" },
    { "mvendorid", "0" },       { "marchid", "0" },         { "mimpid", "0" },
    { "resetvec", "0x1000" },
};

/* *taken: it is one of them. */
static bool check_fixed(const char *item, size_t name_length, size_t length, bool *taken, struct error *error)
{
    const char *value = item + name_length + 1;
    size_t value_length = length > name_length ? length - name_length - 1 : 0;
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (!item_is(item, name_length, fixed[i].name))
            continue;
        *taken = true;
        return (value_length && item_is(value, value_length, fixed[i].value)) ||
               error_set(error, "%.*s: this version of Rvive has only %s=%s", (int)length, item,
                         fixed[i].name, fixed[i].value);
    }
    *taken = false;
    return true;
}

/* vlen=BITS; false, with *error filled. */
static bool set_vlen(struct isa_config *config, const char *value, size_t length, struct error *error)
{
    for (unsigned vlen = ISA_VLEN_MIN; vlen <= ISA_VLEN_MAX; vlen *= 2) {
        char text[8];
        snprintf(text, sizeof(text), "%u", vlen);
        if (item_is(value, length, text)) {
            config->vlen = vlen;
            return true;
        }
    }
    return error_set(error, "vlen=%.*s: a vector register has 128, 256, 512 or 1024 bits", (int)length,
                     value);
}

static bool set_model(struct isa_config *config, const char *name, size_t length, struct error *error)
{
    if (item_is(name, length, "rv64") || item_is(name, length, "max"))
        set_defaults(config, 64);
    else if (item_is(name, length, "rv32") || item_is(name, length, "max32"))
        set_defaults(config, 32);
    else if (item_is(name, length, "rva22s64") || item_is(name, length, "rva23s64"))
        return error_set(error, "this version of Rvive has no RVA22/RVA23 profile model; use -cpu rv64");
    else
        return error_set(error, "unknown CPU %.*s; there are rv64, rv32 and max", (int)length, name);
    return true;
}

static bool parse_property(struct isa_config *config, const char *item, size_t length, struct error *error)
{
    const char *equals = memchr(item, '=', length);
    size_t name_length = equals ? (size_t)(equals - item) : length;
    bool on = true, taken;
    if (equals && item_is(item, name_length, "vlen"))
        return set_vlen(config, equals + 1, length - name_length - 1, error);
    if (!check_fixed(item, name_length, length, &taken, error))
        return false;
    if (taken)
        return true;
    if (equals && !parse_switch(equals + 1, length - name_length - 1, &on))
        return error_set(error, "%.*s: the value is on or off", (int)length, item);
    return set_property(config, item, name_length, on) || check_absent(config, item, name_length, on, error);
}

static bool check_dependencies(struct isa_config *config, struct error *error)
{
    if (!isa_has(config, ISA_F)) /* what only refines F goes with it, as with D=off */
        config->extensions &= ~(BIT(Zfa) | BIT(Zfh) | BIT(Zfhmin));
    if (!isa_has(config, ISA_Zfhmin))
        config->extensions &= ~(BIT(Zfh) | BIT(Zvfh));
    if (!isa_has(config, ISA_C))
        config->extensions &= ~BIT(Zcb);
    if (!isa_has(config, ISA_A))
        config->extensions &= ~(BIT(Zacas) | BIT(Zawrs));
    for (unsigned i = GROUPS; i-- > 0;)
        if (groups[i].all & ~config->extensions)
            config->extensions &= ~ISA_SET(groups[i].name);
    for (unsigned i = 0; i < sizeof(dependencies) / sizeof(dependencies[0]); i++) {
        isa_set missing = dependencies[i].needs & ~config->extensions;
        if (isa_has(config, dependencies[i].extension) && missing)
            return error_set(error, "extension %s needs %s, which is off",
                             extensions[dependencies[i].extension].name,
                             extensions[isa_set_first(missing)].name);
    }
    if (!isa_has(config, ISA_V) && config->extensions & VECTORS)
        return error_set(error, "extension %s needs v, which is off",
                         extensions[isa_set_first(config->extensions & VECTORS)].name);
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
