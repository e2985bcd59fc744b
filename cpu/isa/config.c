/* SPDX-License-Identifier: MIT
 *
 * What a hart implements: the argument of -cpu, and the ISA string for the guest.
 */
#include "cpu/isa/isa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

const char *isa_extension_in(const struct isa_config *config, enum isa_extension extension)
{
    return extension == ISA_I && config->embedded ? "e" : extensions[extension].name;
}

#define BIT(extension) ISA_SET(ISA_##extension)

#define ZBK (BIT(Zbkb) | BIT(Zbkc) | BIT(Zbkx))
/* ZVE: the parts of V. WITH_V: what V switches on unless it is switched off by name. VECTORS: everything that
 * exists only together with V. */
#define ZVE (BIT(Zve32f) | BIT(Zve32x) | BIT(Zve64d) | BIT(Zve64f) | BIT(Zve64x))
#define WITH_V                                                                                               \
    (BIT(Zvbb) | BIT(Zvbc) | BIT(Zvfbfmin) | BIT(Zvfbfwma) | BIT(Zvfh) | BIT(Zvfhmin) | BIT(Zvkb) |          \
     BIT(Zvkg) | BIT(Zvkned) | BIT(Zvknha) | BIT(Zvknhb) | BIT(Zvksed) | BIT(Zvksh))
#define VECTORS                                                                                              \
    (ZVE | WITH_V | BIT(Zvkn) | BIT(Zvknc) | BIT(Zvkng) | BIT(Zvks) | BIT(Zvksc) | BIT(Zvksg) | BIT(Zvkt))
/* These describe S-mode, and a hart without it is without them unless they are asked for. */
#define OF_S_MODE                                                                                            \
    (BIT(H) | BIT(Ssaia) | BIT(Ssccptr) | BIT(Sscofpmf) | BIT(Sscounterenw) | BIT(Ssnpm) | BIT(Sstc) |       \
     BIT(Sstvala) | BIT(Sstvecd) | BIT(Ssu64xl) | BIT(Supm) | BIT(Svade) | BIT(Svadu) | BIT(Svbare) |        \
     BIT(Svinval) | BIT(Svnapot) | BIT(Svpbmt) | BIT(Svvptc))
/* What a privileged architecture before 1.N.0 may have: extensions that are ratified at the time, or shipped
 * with it. T-Head's have no such date. */
#define BEFORE_11                                                                                            \
    (BIT(I) | BIT(M) | BIT(A) | BIT(F) | BIT(D) | BIT(C) | BIT(V) | ZVE | BIT(Zicntr) | BIT(Zicsr) |         \
     BIT(Zifencei) | BIT(Zihintntl) | BIT(Zihintpause) | BIT(Zihpm) | BIT(Svadu) | BIT(Svbare) | ISA_T_HEAD)
#define BEFORE_12                                                                                            \
    (BEFORE_11 | BIT(Zfh) | BIT(Zfhmin) | BIT(Ziccamoa) | BIT(Ziccif) | BIT(Zicclsm) | BIT(Ziccrse) |        \
     BIT(Ssccptr))
#define SINCE_13                                                                                             \
    (BIT(Zicfiss) | BIT(Zimop) | BIT(Zcmop) | BIT(Zabha) | BIT(Zama16b) | BIT(Smmpm) | BIT(Smnpm) |          \
     BIT(Ssnpm) | BIT(Supm) | BIT(Svvptc))
static const struct {
    unsigned version;
    isa_set older;
} ages[] = { { 11, BEFORE_11 }, { 12, BEFORE_12 }, { 13, ~SINCE_13 } };
#define OF_MENVCFG                                                                                           \
    (BIT(H) | BIT(Zicbom) | BIT(Zicboz) | BIT(Sstc) | BIT(Svpbmt) | BIT(Zicfilp) | BIT(Zicfiss) |            \
     BIT(Smnpm) | BIT(Ssnpm) | BIT(Supm))
#define ZVKN (BIT(Zvkb) | BIT(Zvkned) | BIT(Zvknhb) | BIT(Zvkt))
#define ZVKS (BIT(Zvkb) | BIT(Zvksed) | BIT(Zvksh) | BIT(Zvkt))
/* Zcf of it is C's and F's. */
#define ZCE (BIT(C) | BIT(Zcb) | BIT(Zcmp) | BIT(Zcmt))
#define ZKN (ZBK | BIT(Zknd) | BIT(Zkne) | BIT(Zknh))

/* An extension that is on needs all extensions in `needs`. */
static const struct {
    enum isa_extension extension;
    isa_set needs;
} dependencies[] = {
    { ISA_D, BIT(F) },
    { ISA_F, BIT(Zicsr) },
    { ISA_Zfh, BIT(F) | BIT(Zfhmin) },
    { ISA_Zfhmin, BIT(F) },
    { ISA_Zfa, BIT(F) },
    { ISA_Zcb, BIT(C) },
    { ISA_Zacas, BIT(A) },
    { ISA_Zawrs, BIT(A) },
    { ISA_Zicntr, BIT(Zicsr) },
    { ISA_Zabha, BIT(A) },
    { ISA_Zcmop, BIT(C) },
    { ISA_Zfbfmin, BIT(F) },
    { ISA_Zfinx, BIT(Zicsr) },
    { ISA_Zdinx, BIT(Zfinx) },
    { ISA_Zhinx, BIT(Zfinx) | BIT(Zhinxmin) },
    { ISA_Zhinxmin, BIT(Zfinx) },
    { ISA_Ziccamoa, BIT(A) },
    { ISA_Ziccrse, BIT(A) },
    { ISA_Za64rs, BIT(A) },
    { ISA_Smaia, BIT(Zicsr) },
    { ISA_Smepmp, BIT(Zicsr) },
    { ISA_Smmpm, BIT(Zicsr) },
    { ISA_Smnpm, BIT(Zicsr) },
    { ISA_Smstateen, BIT(Zicsr) },
    { ISA_Ssaia, BIT(Smaia) },
    { ISA_Ssnpm, BIT(Zicsr) },
    { ISA_Supm, BIT(Ssnpm) },
    { ISA_Zclsd, BIT(C) | BIT(Zilsd) },
    { ISA_Zcmp, BIT(C) },
    { ISA_Zcmt, BIT(C) | BIT(Zicsr) },
    { ISA_Zicfilp, BIT(Zicsr) },
    { ISA_Zicfiss, BIT(Zicsr) | BIT(Zimop) | BIT(A) },
    { ISA_Zihpm, BIT(Zicsr) },
    { ISA_Sstc, BIT(Zicsr) },
    { ISA_Zkr, BIT(Zicsr) },
    { ISA_V, BIT(D) | ZVE },
    { ISA_H, BIT(Zicsr) },
    { ISA_Zvfh, BIT(Zvfhmin) },
    { ISA_Zvfbfwma, BIT(Zvfbfmin) },
    { ISA_XTheadFMemIdx, BIT(F) },
    { ISA_XTheadFmv, BIT(D) },
};

/* Extensions that have the same encodings, or of which one is the other's opposite: not both of a row. On one
 * width alone, or with 0 on either. `why` is for the user. */
static const struct {
    enum isa_extension extension;
    unsigned xlen;
    isa_set excludes;
    const char *why;
} conflicts[] = {
    { ISA_Zfinx, 0, BIT(F), "they have the same encodings, for x registers and for f registers" },
    { ISA_Zclsd, 32, BIT(F), "c.ld is in the place of c.flw" },
    { ISA_Zcmp, 0, BIT(D), "cm.push is in the place of c.fsdsp" },
    { ISA_Zcmt, 0, BIT(D), "cm.jt is in the place of c.fsdsp" },
    { ISA_XTheadMae, 0, BIT(Svpbmt) | BIT(Svnapot), "they use the same bits of page-table entries" },
    { ISA_Smstateen, 0, BIT(Zfinx) | BIT(Zcmt),
      "state enable would have to make their instructions illegal, which this version cannot" },
};
#define RV32_ONLY (BIT(Zilsd) | BIT(Zclsd) | BIT(XTheadFmv))
#define RV64_ONLY BIT(XTheadMae)

/* Names for several extensions together (Unpriv. "Scalar Cryptography", "Vector Cryptography"), and V, which
 * consists of its parts. To ask for such a name switches on `all`; to switch it off switches off `own`, the
 * extensions that it does not share with other names. The name is not printed if some of its extensions are
 * missing. */
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

/* Whoever asks for one by name gets these with it. */
static const struct {
    enum isa_extension extension;
    isa_set brings;
} companions[] = {
    { ISA_V, WITH_V },
    { ISA_Zdinx, BIT(Zfinx) },
    { ISA_Zhinx, BIT(Zfinx) | BIT(Zhinxmin) },
    { ISA_Zhinxmin, BIT(Zfinx) },
    { ISA_Ssaia, BIT(Smaia) },
};

/* U-Boot (2020.01 to 2026.07, at least) copies riscv,isa to 512 bytes, and does not start where they are too
 * few. What a longer one is without, in this order: names that promise something of the platform, with
 * neither an instruction nor a register of their own, names of groups whose members stand there, too, and
 * T-Head's. What knows the first and the last looks into riscv,isa-extensions, which has all. */
#define STRING_MAX 511
#define PROMISES                                                                                             \
    (BIT(Zic64b) | BIT(Ziccamoa) | BIT(Ziccif) | BIT(Zicclsm) | BIT(Ziccrse) | BIT(Za64rs) | BIT(Zama16b) |  \
     BIT(Ssccptr) | BIT(Sscounterenw) | BIT(Sstvala) | BIT(Sstvecd) | BIT(Ssu64xl) | BIT(Supm) |             \
     BIT(Svbare) | BIT(Svvptc) | BIT(Ztso))
#define SHORTHANDS                                                                                           \
    (BIT(Zk) | BIT(Zkn) | BIT(Zks) | BIT(Zvkn) | BIT(Zvknc) | BIT(Zvkng) | BIT(Zvks) | BIT(Zvksc) |          \
     BIT(Zvksg))

/* Pairs of extensions with instructions in common; see isa_sharer(). */
static const enum isa_extension sharers[][2] = { { ISA_Zbb, ISA_Zbkb },  { ISA_Zbc, ISA_Zbkc },
                                                 { ISA_Zkne, ISA_Zknd }, { ISA_Zfhmin, ISA_Zfbfmin },
                                                 { ISA_Zvbb, ISA_Zvkb }, { ISA_Zvknhb, ISA_Zvknha } };

enum isa_extension isa_sharer(enum isa_extension extension)
{
    for (unsigned i = 0; i < sizeof(sharers) / sizeof(sharers[0]); i++)
        if (sharers[i][0] == extension)
            return sharers[i][1];
    return extension;
}

/* The widest address translation unless the user says otherwise. Most processors that one can buy have Sv39
 * alone, as the profiles require; and a program's half of Sv39 fits into a window (cpu/mmu/window.h), those
 * of Sv48 and Sv57 do not. */
static unsigned satp_default(unsigned xlen)
{
    return xlen == 32 ? 32 : 39;
}

static void set_model(struct isa_config *config, const struct isa_model *model)
{
    *config = (struct isa_config){ .xlen = model->xlen,
                                   .extensions = model->extensions,
                                   .vlen = ISA_VLEN_DEFAULT,
                                   .embedded = model->embedded,
                                   .supervisor = !model->bare,
                                   .user = !model->bare || model->controller,
                                   .pmp = !model->bare || model->controller };
    config->mvendorid = model->mvendorid;
    config->marchid = model->marchid;
    config->mimpid = model->mimpid;
    config->priv_spec = model->priv_spec;
    config->eclic = model->eclic;
    config->satp_max = model->satp_max ? model->satp_max : satp_default(model->xlen);
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT && model->defaults; i++)
        if (model->xlen == 64 ? extensions[i].rv64 : extensions[i].rv32)
            config->extensions |= ISA_SET(i);
}

/* Returns the length of the first item of a comma-separated list. */
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

/* An extension that is switched on by name is added to *asked; switching it off removes it. */
static void set_extension(struct isa_config *config, enum isa_extension extension, bool on, isa_set *asked)
{
    isa_set bits = ISA_SET(extension);
    for (unsigned i = 0; i < GROUPS; i++)
        if (groups[i].name == extension)
            bits |= on ? groups[i].all : groups[i].own;
    for (unsigned i = 0; i < sizeof(companions) / sizeof(companions[0]) && on; i++)
        if (companions[i].extension == extension)
            bits |= companions[i].brings;
    config->extensions = on ? config->extensions | bits : config->extensions & ~bits;
    *asked = on ? *asked | bits : *asked & ~bits;
}

/* Adds what a profile has; false: it is none. Svadu is by default what a profile's Svade excludes. */
static bool add_profile(struct isa_config *config, const char *name, size_t length, isa_set *asked)
{
    const struct isa_model *model;
    for (unsigned i = 0; (model = isa_model_row(i)); i++) {
        if (!model->profile || model->xlen != config->xlen || !item_is(name, length, model->name))
            continue;
        config->extensions |= model->extensions;
        if (model->extensions & BIT(Svade) && !(*asked & BIT(Svadu)))
            config->extensions &= ~BIT(Svadu);
        *asked |= model->extensions;
        config->user = true;
        config->supervisor |= !model->bare;
        config->satp_max = config->satp_max < model->satp_max ? model->satp_max : config->satp_max;
        return true;
    }
    return false;
}

static bool set_property(struct isa_config *config, const char *name, size_t length, bool on, isa_set *asked)
{
    unsigned mode = satp_mode_number(name, length);
    if (mode) {
        if ((mode == 32) != (config->xlen == 32))
            return false; /* check_absent() accepts it if it is switched off */
        set_satp_mode(config, mode, on);
        return true;
    }
    if (item_is(name, length, "pmp")) {
        config->pmp = on;
        return true;
    }
    if (item_is(name, length, "x-epmp")) { /* its name in older versions of QEMU */
        set_extension(config, ISA_Smepmp, on, asked);
        return true;
    }
    if (item_is(name, length, "s")) { /* S-mode needs U-mode (Priv. "Privilege Levels") */
        config->supervisor = on;
        config->user |= on;
        return true;
    }
    if (item_is(name, length, "u")) {
        config->user = on;
        config->supervisor &= on;
        return true;
    }
    if (item_is(name, length, "mmu")) {
        config->satp_max = on ? satp_default(config->xlen) : 0;
        return true;
    }
    if (item_is(name, length, "e")) { /* check_base() compares it with i */
        config->embedded = on;
        return true;
    }
    if (item_is(name, length, "zce") && on) {
        config->extensions |= ZCE;
        *asked |= ZCE;
        return true;
    }
    if (on && add_profile(config, name, length, asked))
        return true;
    if (item_is(name, length, "g")) {
        isa_set g = BIT(I) | BIT(M) | BIT(A) | BIT(F) | BIT(D) | BIT(Zicsr) | BIT(Zifencei);
        config->extensions = on ? config->extensions | g : config->extensions;
        return true;
    }
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++) {
        if (item_is(name, length, extensions[i].name)) {
            set_extension(config, (enum isa_extension)i, on, asked);
            return true;
        }
    }
    return false;
}

/* Properties of QEMU's harts that are no extensions here. Each means all extensions of `needs` together: it
 * is on if and only if all of them are on, and without any it is always off; `why` says why. An extension of
 * isa.h needs no row. */
static const struct {
    isa_set needs;
    unsigned xlen;     /* on this width alone; 0: on either */
    const char *names; /* between blanks */
    const char *why;   /* NULL: they follow from `needs` */
} absent[] = {
    { 0, 0, " j q short-isa-string start-powered-off x-misa-w ", NULL },
    { 0, 0, " debug ", "there are no trigger registers (Sdtrig); gdb's breakpoints need none" },
    { 0, 0, " rvv_ma_all_1s rvv_ta_all_1s ", "agnostic elements keep their values, which is allowed, too" },
    { 0, 0, " rvv_vl_half_avl ", "vsetvl gives the largest vl that there can be" },
    { ZCE, 0, " zce ", NULL },
    { 0, 0,
      " smcdeleg smcntrpmf smcsrind smctr smdbltrp smrnmi ssccfg sscsrind ssctr ssdbltrp "
      "sspm x-svukte ",
      "this version does not have it" },
    { BIT(Smstateen), 0, " ssstateen ", NULL },
    { BIT(H) | BIT(Smstateen), 0, " sha ", NULL },
    { 0, 0, " xventanacondops ", "there is zicond" },
    { BIT(M), 0, " zmmul ", "there is only m as a whole" },
    { BIT(A), 0, " zaamo zalrsc ", "there is only a as a whole" },
    { BIT(C), 0, " zca ", "zca, zcf and zcd come together: c=on, or f and d off" },
    { BIT(C) | BIT(D), 0, " zcd ", NULL },
    { BIT(C) | BIT(F), 32, " zcf ", NULL },
    { BIT(Zba) | BIT(Zbb) | BIT(Zbs), 0, " b ", NULL },
};

static bool list_has(const char *list, const char *name, size_t length)
{
    for (const char *at = strchr(list, ' '); at && at[1]; at = strchr(at + 1, ' '))
        if (strcspn(at + 1, " ") == length && strncasecmp(at + 1, name, length) == 0)
            return true;
    return false;
}

/* Checks a property that cannot be set: it may be asked for only as it is. */
static bool check_absent(const struct isa_config *config, const char *name, size_t length, bool on,
                         struct error *error)
{
    bool known = satp_mode_number(name, length) != 0; /* a mode of the other width */
    bool is = false;
    const char *why = NULL;
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        if (!list_has(absent[i].names, name, length))
            continue;
        known = true;
        why = absent[i].why;
        bool here = !absent[i].xlen || absent[i].xlen == config->xlen;
        is |= here && absent[i].needs && !(absent[i].needs & ~config->extensions);
    }
    if (!known)
        return error_set(error, "this version of Rvive has no property \"%.*s\" for an RV%u hart",
                         (int)length, name, config->xlen);
    return is == on ||
           error_set(error, "the RV%u hart %s \"%.*s\", and this version of Rvive cannot switch it %s%s%s",
                     config->xlen, is ? "has" : "has no", (int)length, name, on ? "on" : "off",
                     why ? ": " : "", why ? why : "");
}

/* Whether the list has NAME or NAME=on; the last one counts. */
static bool list_asks(const char *list, const char *name)
{
    bool asks = false;
    for (size_t length; list; list = list[length] ? list + length + 1 : NULL) {
        length = item_length(list);
        const char *equals = memchr(list, '=', length);
        size_t name_length = equals ? (size_t)(equals - list) : length;
        bool on = !equals;
        if (item_is(list, name_length, name) &&
            (!equals || parse_switch(equals + 1, length - name_length - 1, &on)))
            asks = on;
    }
    return asks;
}

/* Zca alone is C where neither Zcf nor Zcd can be: without F on RV32, and without D. */
static void take_zca(struct isa_config *config, const char *absents)
{
    isa_set d = BIT(F) | BIT(D);
    bool others = !(d & ~config->extensions) || (config->xlen == 32 && isa_has(config, ISA_F));
    if (!others && list_asks(absents, "zca"))
        config->extensions |= BIT(C);
}

/* Properties with a value, and the only value that they can have. */
static const struct {
    const char *name, *value, *why;
} fixed[] = {
    { "vext_spec", "v1.0", NULL },
    { "cbom_blocksize", "64", NULL },
    { "cbop_blocksize", "64", NULL },
    { "cboz_blocksize", "64", NULL },
    { "elen", "64", "V has elements of 64 bits" },
    { "resetvec", "0x1000", NULL },
    { "pmu-num", "0", "the counters behind instret never count" },
    { "pmu-mask", "0", "the counters behind instret never count" },
};

/* *taken: it is one of these. */
static bool check_fixed(const char *item, size_t name_length, size_t length, bool *taken, struct error *error)
{
    const char *value = item + name_length + 1;
    size_t value_length = length > name_length ? length - name_length - 1 : 0;
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (!item_is(item, name_length, fixed[i].name))
            continue;
        *taken = true;
        return (value_length && item_is(value, value_length, fixed[i].value)) ||
               error_set(error, "%.*s: this version of Rvive has only %s=%s%s%s", (int)length, item,
                         fixed[i].name, fixed[i].value, fixed[i].why ? ": " : "",
                         fixed[i].why ? fixed[i].why : "");
    }
    *taken = false;
    return true;
}

/* A number of an item, decimal or with 0x, 0 in front for octal; false: it is none. */
static bool parse_number(const char *value, size_t length, uint64_t *number)
{
    char text[32], *end;
    if (!length || length >= sizeof(text) || value[0] < '0' || value[0] > '9')
        return false;
    memcpy(text, value, length);
    text[length] = '\0';
    errno = 0;
    *number = strtoull(text, &end, 0);
    return !*end && !errno;
}

/* Which core this is, for software that works around errata. A vendor's core has its own vendor. *taken: the
 * item is one of these. False, with *error filled. */
static bool set_identity(struct isa_config *config, const char *item, size_t name_length, size_t length,
                         bool *taken, struct error *error)
{
    bool vendor = item_is(item, name_length, "mvendorid"), arch = item_is(item, name_length, "marchid");
    uint64_t number, top = 1ull << (config->xlen - 1), limit = vendor ? UINT32_MAX : top | (top - 1);
    *taken = vendor || arch || item_is(item, name_length, "mimpid");
    if (!*taken)
        return true;
    size_t value_length = length > name_length ? length - name_length - 1 : 0;
    if (!parse_number(item + name_length + 1, value_length, &number) || number > limit)
        return error_set(error, "%.*s: not a number of %u bits", (int)length, item,
                         vendor ? 32 : config->xlen);
    if (vendor && config->mvendorid && number != config->mvendorid && config->extensions & ISA_T_HEAD)
        return error_set(error, "%.*s: this CPU has only mvendorid=0x%x", (int)length, item,
                         config->mvendorid);
    if (arch && number == top)
        return error_set(error, "%.*s: with the highest bit set, another one has to be, too", (int)length,
                         item);
    if (vendor)
        config->mvendorid = (uint32_t)number;
    else
        *(arch ? &config->marchid : &config->mimpid) = number;
    return true;
}

/* Takes vlen=BITS; false, with *error filled. */
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

/* Takes priv_spec=v1.N.0; false, with *error filled. */
static bool set_priv_spec(struct isa_config *config, const char *value, size_t length, struct error *error)
{
    for (unsigned version = 10; version <= 13; version++) {
        char text[16];
        snprintf(text, sizeof(text), "v1.%u.0", version);
        if (item_is(value, length, text)) {
            config->priv_spec = version;
            return true;
        }
    }
    return error_set(error, "priv_spec=%.*s: there are v1.10.0, v1.11.0, v1.12.0 and v1.13.0", (int)length,
                     value);
}

/* CPUs of QEMU's that are not here, and why. */
static const struct {
    const char *name, *why;
} no_models[] = {
    { "veyron-v1", "it has xventanacondops" },
};

static bool take_model(struct isa_config *config, const char *name, size_t length, struct error *error)
{
    char names[512] = "";
    const struct isa_model *model;
    for (unsigned i = 0; (model = isa_model_row(i)); i++) {
        size_t used = strlen(names);
        if (item_is(name, length, model->name)) {
            set_model(config, model);
            return true;
        }
        snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", model->name);
    }
    for (size_t i = 0; i < sizeof(no_models) / sizeof(no_models[0]); i++)
        if (item_is(name, length, no_models[i].name))
            return error_set(error, "this version does not have it: %s", no_models[i].why);
    return error_set(error, "unknown CPU %.*s; there are %s", (int)length, name, names);
}

/* Takes a property with a value that is no switch. *taken: it is one. False, with *error filled. */
static bool parse_valued(struct isa_config *config, const char *item, size_t name_length, size_t length,
                         bool *taken, struct error *error)
{
    bool has_value = length > name_length;
    const char *value = has_value ? item + name_length + 1 : "";
    size_t value_length = has_value ? length - name_length - 1 : 0;
    *taken = true;
    if (has_value && item_is(item, name_length, "vlen"))
        return set_vlen(config, value, value_length, error);
    if (item_is(item, name_length, "priv_spec"))
        return set_priv_spec(config, value, value_length, error);
    return set_identity(config, item, name_length, length, taken, error) &&
           (*taken || check_fixed(item, name_length, length, taken, error));
}

/* *absents: the first item that cannot be set. */
static bool parse_property(struct isa_config *config, const char *item, size_t length, isa_set *asked,
                           const char **absents, struct error *error)
{
    const char *equals = memchr(item, '=', length);
    size_t name_length = equals ? (size_t)(equals - item) : length;
    bool on = true, taken;
    if (!parse_valued(config, item, name_length, length, &taken, error))
        return false;
    if (taken)
        return true;
    if (equals && !parse_switch(equals + 1, length - name_length - 1, &on))
        return error_set(error, "%.*s: the value is on or off", (int)length, item);
    if (!set_property(config, item, name_length, on, asked) && !*absents)
        *absents = item;
    return true;
}

/* Checks the items from `list` on that cannot be set, when all others are. */
static bool check_absents(struct isa_config *config, const char *list, struct error *error)
{
    struct isa_config scratch;
    for (size_t length; list; list = list[length] ? list + length + 1 : NULL) {
        length = item_length(list);
        const char *equals = memchr(list, '=', length);
        size_t name_length = equals ? (size_t)(equals - list) : length;
        bool on = true, taken;
        isa_set asked = 0;
        scratch = *config;
        if (!parse_valued(&scratch, list, name_length, length, &taken, error))
            return false;
        if (taken || (equals && !parse_switch(equals + 1, length - name_length - 1, &on)) ||
            set_property(&scratch, list, name_length, on, &asked))
            continue;
        if (!check_absent(config, list, name_length, on, error))
            return false;
    }
    return true;
}

/* Removes extensions that are on by default if an extension that they need is off, and then those that need
 * them. */
static void drop_orphans(struct isa_config *config, isa_set asked)
{
    isa_set before;
    do {
        before = config->extensions;
        for (unsigned i = 0; i < sizeof(dependencies) / sizeof(dependencies[0]); i++)
            if (dependencies[i].needs & ~config->extensions)
                config->extensions &= ~ISA_SET(dependencies[i].extension) | asked;
        if (!isa_has(config, ISA_V))
            config->extensions &= ~VECTORS | asked;
    } while (config->extensions != before);
}

/* What a hart of an older privileged architecture has by default, as on QEMU: extensions that are as old.
 * Those that menvcfg governs cannot be there without it. Svadu may: it is how page tables are walked. */
static bool check_age(struct isa_config *config, isa_set asked, struct error *error)
{
    for (unsigned i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
        if (!isa_since(config, ages[i].version))
            config->extensions &= ages[i].older | asked;
    isa_set governed = isa_since(config, 12) ? 0 : config->extensions & OF_MENVCFG;
    return !governed || error_set(error, "extension %s needs menvcfg, which priv_spec=v1.%u.0 does not have",
                                  extensions[isa_set_first(governed)].name, config->priv_spec);
}

static bool check_dependencies(struct isa_config *config, isa_set asked, struct error *error)
{
    if (!check_age(config, asked, error))
        return false;
    if (!config->supervisor)
        config->extensions &= ~OF_S_MODE | asked;
    if (config->embedded)
        config->extensions &= ~BIT(H) | asked;
    drop_orphans(config, asked);
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
    isa_set others = config->extensions & (config->xlen == 32 ? RV64_ONLY : RV32_ONLY);
    if (others)
        return error_set(error, "extension %s is RV%u's", extensions[isa_set_first(others)].name,
                         config->xlen == 32 ? 64 : 32);
    for (unsigned i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
        isa_set both = conflicts[i].excludes & config->extensions;
        bool here = !conflicts[i].xlen || conflicts[i].xlen == config->xlen;
        if (here && both && isa_has(config, conflicts[i].extension))
            return error_set(error, "extensions %s and %s exclude each other (%s): switch one off",
                             extensions[conflicts[i].extension].name, extensions[isa_set_first(both)].name,
                             conflicts[i].why);
    }
    if (!isa_has(config, ISA_I) || !isa_has(config, ISA_Zicsr))
        return error_set(error, "i and zicsr cannot be switched off");
    if (isa_has(config, ISA_H) && (!config->supervisor || config->embedded))
        return error_set(error, "extension h needs %s",
                         config->embedded ? "32 registers" : "s-mode, which is off");
    if (!config->supervisor)
        config->satp_max = 0;
    return true;
}

/* A hart has one of the bases I and E; the tables call either I. */
static bool check_base(struct isa_config *config, bool was_embedded, isa_set asked, struct error *error)
{
    bool i = isa_has(config, ISA_I), both = !was_embedded && config->embedded && i;
    if (both || (config->embedded && asked & BIT(I)))
        return error_set(error, "the bases i and e exclude each other: i=off,e=on or i=on,e=off");
    if (was_embedded && !config->embedded && !(asked & BIT(I)))
        return error_set(error, "there is neither base, i nor e: i=on is missing");
    if (config->embedded)
        config->extensions |= BIT(I);
    return true;
}

bool isa_config_parse(struct isa_config *config, const char *cpu, struct error *error)
{
    size_t length = item_length(cpu);
    isa_set asked = 0;
    const char *absents = NULL;
    if (!take_model(config, cpu, length, error))
        return false;
    bool embedded = config->embedded;
    while (cpu[length] == ',') {
        cpu += length + 1;
        length = item_length(cpu);
        if (!parse_property(config, cpu, length, &asked, &absents, error))
            return false;
    }
    take_zca(config, absents);
    return check_base(config, embedded, asked, error) && check_dependencies(config, asked, error) &&
           check_absents(config, absents, error);
}

static size_t put_names(const struct isa_config *config, isa_set names, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "rv%u", config->xlen);
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++) {
        if (!(names >> i & 1))
            continue;
        const char *name = isa_extension_in(config, (enum isa_extension)i);
        const char *separator = name[1] ? "_" : "";
        used += (size_t)snprintf(used < size ? text + used : NULL, used < size ? size - used : 0, "%s%s",
                                 separator, name);
    }
    return used;
}

size_t isa_config_string(const struct isa_config *config, char *text, size_t size)
{
    isa_set names = config->extensions;
    size_t used = put_names(config, names, text, size);
    if (used > STRING_MAX) {
        names &= ~PROMISES;
        used = put_names(config, names, text, size);
    }
    if (used > STRING_MAX) {
        names &= ~SHORTHANDS;
        used = put_names(config, names, text, size);
    }
    if (used > STRING_MAX)
        used = put_names(config, names & ~ISA_T_HEAD, text, size);
    return used;
}
