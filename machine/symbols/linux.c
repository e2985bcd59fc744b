/* SPDX-License-Identifier: MIT
 *
 * The names of a running Linux kernel, from its own table (kernel/kallsyms.c, scripts/kallsyms.c). The table
 * has no header, so it is found by what it looks like, and everything is checked before it is believed:
 *
 *     token table   256 strings in a row; those of the digits are one character each: "0\0" "1\0" ... "9\0"
 *     token index   behind the token table (aligned to 8): 256 16-bit offsets into it, which have to agree
 *     markers       before the token table: 32-bit offsets of every 256th name, rising from 0
 *     names         before the markers; each is a length (one byte, or two if its top bit is set) and that
 *                   many token numbers; the first letter of a name is its type
 *     count         before the names: 32 bits
 *     offsets       32 bits a name, relative to a base. Since Linux 6.4 they are behind the token index, with
 *                   the base behind them; earlier they are before the count, with the base in between.
 *
 * Modules hang in the list `modules`. In struct module, whose layout depends on the kernel's options, two
 * things point to themselves: `kallsyms` to the core_kallsyms behind it, and mem[0].mtn.mod to the module.
 *
 * A guest may have filled its memory with what looks almost like such a table, or with an endless list of
 * modules, while all its harts wait for this. So there is a limit of effort, many times what a real kernel
 * needs, after which nothing more is examined.
 */
#include <string.h>

#include "cpu/hart_view.h"
#include "machine/internal.h"
#include "machine/symbols/symbols.h"

#define TOKENS         256u
#define NAME_MAX_LEN   512u
#define SYMBOLS_MAX    (1u << 20)
#define MODULES_MAX    1024u
#define CANDIDATES_MAX 100000u
#define MODULE_BYTES   2048u /* how much of struct module is examined */
/* Names that are examined, or bytes of them that are written: about a second. */
#define EFFORT      (UINT64_C(1) << 27)
#define EFFORT_READ 64u /* the effort of one read through the guest's page tables */

/* Guest RAM as the host sees it. */
struct ram {
    const uint8_t *bytes;
    uint64_t size;
    uint64_t *effort; /* what is left */
};

struct table {
    uint64_t tokens, token_index, markers, marker_count, names, count; /* offsets in RAM, and counts */
    uint64_t offsets, base;
};

static uint64_t get(const struct ram *ram, uint64_t at, unsigned size)
{
    uint64_t value = 0;
    if (at <= ram->size && size <= ram->size - at)
        memcpy(&value, ram->bytes + at, size);
    return value;
}

/* Spends some effort; false if there is none left. */
static bool spend(uint64_t *effort, uint64_t amount)
{
    *effort -= amount < *effort ? amount : *effort;
    return *effort != 0;
}

static uint64_t align8(uint64_t at)
{
    return (at + 7) & ~UINT64_C(7);
}

/* ---- Finding it ---------------------------------------------------------------------------------------- */

/* The token table begins '0' strings before the strings of the digits. */
static bool find_tokens_start(const struct ram *ram, uint64_t digits, struct table *table)
{
    uint64_t at = digits;
    for (unsigned left = '0'; left; left--) {
        if (at < 2)
            return false;
        at--; /* skips the NUL of the string before */
        unsigned length = 0;
        while (at && ram->bytes[at - 1] && length++ < 64)
            at--;
        if (!at || length >= 64)
            return false;
    }
    table->tokens = at;
    return true;
}

static bool check_index(const struct ram *ram, struct table *table)
{
    uint64_t at = table->tokens;
    for (unsigned i = 0; i < TOKENS; i++) {
        uint64_t left = at < ram->size ? ram->size - at : 0;
        const uint8_t *end = left ? memchr(ram->bytes + at, 0, left < 64 ? left : 64) : NULL;
        if (!end)
            return false;
        at = (uint64_t)(end - ram->bytes) + 1;
    }
    table->token_index = align8(at);
    uint64_t expected = 0;
    for (unsigned i = 0; i < TOKENS; i++) {
        if (get(ram, table->token_index + 2 * i, 2) != expected)
            return false;
        expected += strnlen((const char *)ram->bytes + table->tokens + expected, 64) + 1;
    }
    return true;
}

/* Searches backwards from the token table: an offset that is 0 is the first marker (4 bytes of padding may
 * lie in between). */
static bool find_markers(const struct ram *ram, struct table *table)
{
    uint64_t at = table->tokens & ~UINT64_C(3);
    uint64_t later = UINT64_MAX;
    table->marker_count = 0;
    while (at >= 4 && table->marker_count < SYMBOLS_MAX / 256) {
        at -= 4;
        uint64_t value = get(ram, at, 4);
        if (!table->marker_count && !value)
            continue; /* padding */
        if (value >= later)
            return false;
        later = value;
        table->marker_count++;
        if (!value)
            break;
    }
    table->markers = at;
    return later == 0 && table->marker_count > 2;
}

/* Returns the bytes of `count` names at `at`; 0 if there are no such names. */
static uint64_t names_length(const struct ram *ram, uint64_t at, uint64_t count)
{
    uint64_t start = at;
    while (count--) {
        uint64_t length = get(ram, at, 1);
        if (length & 0x80) {
            length = (length & 0x7f) | get(ram, at + 1, 1) << 7;
            at++;
        }
        if (!length || length > NAME_MAX_LEN || at >= ram->size || !spend(ram->effort, 1))
            return 0;
        at += 1 + length;
    }
    return at - start;
}

/* The names end where the markers begin, except for alignment; their count lies before them. */
static bool find_names(const struct ram *ram, struct table *table)
{
    uint64_t last = get(ram, table->markers + 4 * (table->marker_count - 1), 4);
    uint64_t second = get(ram, table->markers + 4, 4);
    if (last + 16 > table->markers)
        return false;
    uint64_t highest = (table->markers - last) & ~UINT64_C(7);
    for (uint64_t at = highest; at >= 8 && highest - at < 256 * 80; at -= 8) {
        uint64_t count = get(ram, at - 8, 4);
        if ((count + 255) / 256 != table->marker_count || names_length(ram, at, 256) != second)
            continue;
        uint64_t length = names_length(ram, at, count);
        if (!length || align8(at + length) != table->markers)
            continue;
        table->names = at;
        table->count = count;
        return true;
    }
    return false;
}

static bool kernel_address(uint64_t addr)
{
    /* The upper half of the address space, for Sv39 or larger. */
    return addr >> 38 == UINT64_MAX >> 38 && addr != UINT64_MAX;
}

/* Offsets rise, since the names are sorted by address. */
static bool offsets_rise(const struct ram *ram, uint64_t at, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        if (get(ram, at + 4 * i, 4) < get(ram, at + 4 * (i - 1), 4))
            return false;
    }
    return at + 4 * count <= ram->size;
}

static bool find_offsets(const struct ram *ram, struct table *table)
{
    uint64_t newer = align8(table->token_index + 2 * TOKENS);
    uint64_t older_base = table->names - 16, older = older_base - align8(4 * table->count);
    if (offsets_rise(ram, newer, table->count) &&
        kernel_address(get(ram, align8(newer + 4 * table->count), 8))) {
        table->offsets = newer;
        table->base = get(ram, align8(newer + 4 * table->count), 8);
        return true;
    }
    if (older < ram->size && offsets_rise(ram, older, table->count) &&
        kernel_address(get(ram, older_base, 8))) {
        table->offsets = older;
        table->base = get(ram, older_base, 8);
        return true;
    }
    return false;
}

static bool find_table(const struct ram *ram, struct table *table)
{
    static const char digits[20] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
    uint64_t from = 0;
    for (unsigned tries = 0; tries < CANDIDATES_MAX && from < ram->size && *ram->effort; tries++) {
        const uint8_t *at = memmem(ram->bytes + from, ram->size - from, digits, sizeof(digits));
        if (!at)
            return false;
        uint64_t found = (uint64_t)(at - ram->bytes);
        from = found + 1;
        if (find_tokens_start(ram, found, table) && check_index(ram, table) && find_markers(ram, table) &&
            find_names(ram, table) && find_offsets(ram, table))
            return true;
    }
    return false; /* it is no Linux, or the guest only imitates one */
}

/* ---- Reading it ---------------------------------------------------------------------------------------- */

static uint64_t expand_name(const struct ram *ram, const struct table *table, uint64_t at, char *name,
                            size_t size)
{
    uint64_t length = get(ram, at, 1);
    size_t used = 0;
    if (length & 0x80) {
        length = (length & 0x7f) | get(ram, at + 1, 1) << 7;
        at++;
    }
    for (uint64_t i = 0; i < length; i++) {
        uint64_t token = table->tokens + get(ram, table->token_index + 2 * get(ram, at + 1 + i, 1), 2);
        for (; token < ram->size && ram->bytes[token] && used + 1 < size; token++)
            name[used++] = (char)ram->bytes[token];
    }
    name[used] = 0;
    return at + 1 + length;
}

/* Returns the address of `modules`; 0 if there is none. */
static uint64_t add_functions(struct symbols *symbols, const struct ram *ram, const struct table *table)
{
    uint64_t at = table->names, modules = 0;
    for (uint64_t i = 0; i < table->count; i++) {
        char name[NAME_MAX_LEN];
        at = expand_name(ram, table, at, name, sizeof(name));
        if (!spend(ram->effort, 1 + strlen(name)))
            break;
        uint64_t addr = table->base + get(ram, table->offsets + 4 * i, 4);
        if (strcmp(name + (*name != 0), "modules") == 0)
            modules = addr;
        if (strchr("tTwW", *name) && *name && !symbols_add(symbols, addr, 0, name + 1))
            break;
    }
    return modules;
}

/* ---- Modules ------------------------------------------------------------------------------------------- */

/* Memory of the kernel, through the address space of the present satp: the kernel's half is in all of
 * them. */
struct kernel {
    struct hart *hart;
    uint64_t *effort;
};

static bool read_kernel(const struct kernel *kernel, uint64_t vaddr, void *bytes, size_t length)
{
    struct hart *hart = kernel->hart;
    for (size_t done = 0; done < length;) {
        struct walk walk;
        if (!spend(kernel->effort, EFFORT_READ))
            return false;
        hart_view_walk(hart, vaddr + done, &walk);
        size_t room = 4096 - ((vaddr + done) & 4095), n = room < length - done ? room : length - done;
        if (walk.end != WALK_MAPPED ||
            hart_view_read_physical(hart, walk.paddr, (uint8_t *)bytes + done, n) != n)
            return false;
        done += n;
    }
    return true;
}

static uint64_t word(const uint8_t *bytes, size_t at)
{
    uint64_t value;
    memcpy(&value, bytes + at, 8);
    return value;
}

/* Reads a string of up to size - 1 bytes, as much of it as can be read. Returns its length. */
static size_t read_string(const struct kernel *kernel, uint64_t vaddr, char *text, size_t size)
{
    size_t got = 0;
    while (got < size - 1) {
        size_t room = 4096 - ((vaddr + got) & 4095), n = room < size - 1 - got ? room : size - 1 - got;
        if (!read_kernel(kernel, vaddr + got, text + got, n))
            break;
        got += n;
        if (memchr(text + got - n, 0, n))
            break;
    }
    text[got] = 0;
    return strlen(text);
}

/* Adds an ELF symbol of the module's own table; the module's name is appended to the symbol's. */
static bool add_module_symbol(struct symbols *symbols, const struct kernel *kernel, const uint8_t sym[24],
                              uint64_t names, const char *module)
{
    char name[128], full[200];
    uint32_t offset;
    memcpy(&offset, sym, 4);
    uint64_t value = word(sym, 8), size = word(sym, 16);
    if ((sym[4] & 15) != 2 || !value) /* STT_FUNC */
        return true;
    size_t got = read_string(kernel, names + offset, name, sizeof(name));
    snprintf(full, sizeof(full), "%s [%s]", name, module);
    return !got || symbols_add(symbols, value, size, full);
}

static void add_module(struct symbols *symbols, const struct kernel *kernel, uint64_t module)
{
    uint8_t bytes[MODULE_BYTES], sym[24];
    char name[57] = "";
    if (!read_kernel(kernel, module, bytes, sizeof(bytes)))
        return;
    memcpy(name, bytes + 24, 56);
    for (size_t at = 0; at + 40 <= sizeof(bytes); at += 8) {
        if (word(bytes, at) != module + at + 8)
            continue; /* kallsyms points to core_kallsyms, which lies behind it: symtab, count, strtab */
        uint64_t table = word(bytes, at + 8), count = word(bytes, at + 16) & 0xffffffff;
        uint64_t names = word(bytes, at + 24);
        if (!kernel_address(table) || !kernel_address(names) || count > 100000)
            continue;
        for (uint64_t i = 0; i < count && symbols->count < SYMBOLS_MAX; i++) {
            if (!read_kernel(kernel, table + 24 * i, sym, sizeof(sym)) ||
                !add_module_symbol(symbols, kernel, sym, names, name))
                return;
        }
        return;
    }
}

static void add_modules(struct symbols *symbols, const struct kernel *kernel, uint64_t list)
{
    uint64_t at = 0;
    if (!list || !read_kernel(kernel, list, &at, 8))
        return;
    for (unsigned i = 0; i < MODULES_MAX && kernel_address(at) && at != list; i++) {
        add_module(symbols, kernel, at - 8); /* the list's links lie behind the state */
        if (!read_kernel(kernel, at, &at, 8))
            return;
    }
}

size_t symbols_add_linux(struct symbols *symbols, struct machine *machine)
{
    uint64_t effort = EFFORT;
    struct ram ram = { bus_host(machine->bus, machine->config.board->ram_base, machine->config.ram_size),
                       machine->config.ram_size, &effort };
    struct table table = { 0 };
    size_t before = symbols->count;
    if (!ram.bytes || machine->config.isa.xlen != 64 || !find_table(&ram, &table))
        return 0;
    uint64_t modules = add_functions(symbols, &ram, &table);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        if (hart_view_paging(machine->harts[i]).levels) {
            add_modules(symbols, &(const struct kernel){ machine->harts[i], &effort }, modules);
            break;
        }
    }
    return symbols->count - before;
}
