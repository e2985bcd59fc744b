/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor that show memory and its translation: x, xp, disassemble, info mem, info tlb.
 * Devices are never read, since a read may have effects.
 */
#include "frontend/monitor/internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/hart_view.h"
#include "machine/inspect.h"
#include "machine/symbols/symbols.h"

#define ITEMS_MAX 65536u

static struct hart *hart_of(const struct monitor_call *call)
{
    return machine_hart(call->machine, (unsigned)monitor_number(call, "hart", *call->hart));
}

/* ---- write-symbols ------------------------------------------------------------------------------------- */

bool monitor_write_symbols(struct monitor_call *call)
{
    struct symbols symbols = { 0 };
    const char *path = monitor_text(call, "filename", "");
    char text[512];
    if (hart_view_isa(hart_of(call))->xlen != 64)
        return error_set(&call->error, "write-symbols: the symbols of kernels for RV32 cannot be written");
    size_t count = symbols_add_linux(&symbols, call->machine);
    bool ok = count ? symbols_write_elf(&symbols, path, &call->error)
                    : error_set(&call->error,
                                "write-symbols: there is no Linux kernel with kallsyms in the guest's "
                                "memory, or not yet");
    symbols_free(&symbols);
    if (!ok)
        return false;
    snprintf(text, sizeof(text), "%zu symbols; in gdb: add-symbol-file %.400s", count, path);
    call->result = json_object_new_string(text);
    return true;
}

/* ---- coverage ------------------------------------------------------------------------------------------ */

bool monitor_coverage_write(struct monitor_call *call)
{
    return machine_coverage_write(call->machine, &call->error);
}

bool monitor_coverage_reset(struct monitor_call *call)
{
    return machine_coverage_reset(call->machine, &call->error);
}

/* ---- x, xp, disassemble -------------------------------------------------------------------------------- */

struct format {
    unsigned count, size; /* items, bytes each */
    char form;            /* x d u o c s i */
};

/* Reads a text such as "16xw": a count, and one letter of each kind, in any order. */
static bool parse_format(const char *text, struct format *format, struct error *error)
{
    char *end;
    *format = (struct format){ .count = 1, .size = 4, .form = 'x' };
    if (isdigit((unsigned char)*text)) {
        unsigned long count = strtoul(text, &end, 10);
        if (!count || count > ITEMS_MAX)
            return error_set(error, "/%s: from 1 to %u at once", text, ITEMS_MAX);
        format->count = (unsigned)count;
        text = end;
    }
    for (; *text; text++) {
        static const char sizes[] = "bhwg", forms[] = "xduocsi";
        const char *size = strchr(sizes, *text);
        if (size)
            format->size = 1u << (size - sizes);
        else if (strchr(forms, *text))
            format->form = *text;
        else
            return error_set(error, "/...%s: there are the sizes b h w g and the forms x d u o c s i", text);
        if (*text == 'c' || *text == 's')
            format->size = 1;
    }
    return true;
}

typedef size_t read_fn(struct hart *hart, uint64_t addr, void *bytes, size_t length);

static void print_item(FILE *out, const struct format *format, uint64_t value)
{
    unsigned bits = 8 * format->size;
    int64_t number = (int64_t)(value << (64 - bits)) >> (64 - bits);
    switch (format->form) {
    case 'd': fprintf(out, " %*" PRId64, (int)bits / 3, number); break;
    case 'u': fprintf(out, " %*" PRIu64, (int)bits / 3, value); break;
    case 'o': fprintf(out, " 0%0*" PRIo64, (int)(bits + 2) / 3, value); break;
    case 'c':
        fprintf(out, isprint((int)(value & 255)) ? " '%c'" : " '\\x%02x'", (unsigned)(value & 255));
        break;
    default: fprintf(out, " 0x%0*" PRIx64, (int)bits / 4, value); break;
    }
}

/* False: nothing could be read at the address. */
static bool print_items(FILE *out, struct hart *hart, read_fn *read, uint64_t addr,
                        const struct format *format)
{
    unsigned line = format->size == 1 ? 8 : 16 / format->size;
    for (unsigned i = 0; i < format->count; i++, addr += format->size) {
        uint64_t value = 0;
        if (i % line == 0)
            fprintf(out, "%s%016" PRIx64 ":", i ? "\n" : "", addr);
        if (read(hart, addr, &value, format->size) != format->size) {
            fprintf(out, " (no memory here)\n");
            return i > 0;
        }
        print_item(out, format, value);
    }
    fprintf(out, "\n");
    return true;
}

static bool print_string(FILE *out, struct hart *hart, read_fn *read, uint64_t addr, unsigned count)
{
    unsigned char byte;
    for (unsigned i = 0; i < count; i++) {
        unsigned length = 0;
        fprintf(out, "%016" PRIx64 ": \"", addr);
        while (length < 4096 && read(hart, addr++, &byte, 1) == 1 && byte) {
            fprintf(out, isprint(byte) ? "%c" : "\\x%02x", byte);
            length++;
        }
        fprintf(out, "\"\n");
    }
    return true;
}

/* Addresses of RV32 wrap around. */
static uint64_t narrow(const struct hart *hart, uint64_t addr)
{
    return hart_view_isa(hart)->xlen == 32 ? (uint32_t)addr : addr;
}

static bool print_insns(FILE *out, struct hart *hart, read_fn *read, uint64_t addr, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct isa_operands operands;
        uint32_t bits = 0;
        char text[128];
        addr = narrow(hart, addr);
        size_t got = read(hart, addr, &bits, 4);
        if (got < 2 || ((bits & 3) == 3 && got < 4)) {
            fprintf(out, "0x%016" PRIx64 ":  (no memory here)\n", addr);
            return i > 0;
        }
        isa_decode(hart_view_isa(hart), bits, &operands, NULL);
        isa_disassemble(&operands, addr, text, sizeof(text));
        fprintf(out, "0x%016" PRIx64 ":  %0*" PRIx32 "%*s  %s\n", addr, operands.length * 2, operands.bits,
                8 - operands.length * 2, "", text);
        addr += operands.length;
    }
    return true;
}

static bool print_memory(struct monitor_call *call, read_fn *read, uint64_t addr, const struct format *format)
{
    struct hart *hart = hart_of(call);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return error_set(&call->error, "out of memory");
    bool ok = format->form == 'i'   ? print_insns(out, hart, read, addr, format->count)
              : format->form == 's' ? print_string(out, hart, read, addr, format->count)
                                    : print_items(out, hart, read, addr, format);
    fclose(out);
    if (ok && text)
        call->result = json_object_new_string(text);
    free(text);
    return ok ||
           error_set(&call->error, "no memory can be read at 0x%" PRIx64 " by hart %u%s", addr, hart_id(hart),
                     read == hart_view_read && hart_view_translates(hart) ? "; info mem says why" : "");
}

static bool examine(struct monitor_call *call, read_fn *read)
{
    struct format format;
    return parse_format(monitor_text(call, "format", ""), &format, &call->error) &&
           print_memory(call, read, monitor_number(call, "address", 0), &format);
}

bool monitor_x(struct monitor_call *call)
{
    return examine(call, hart_view_read);
}

bool monitor_xp(struct monitor_call *call)
{
    return examine(call, hart_view_read_physical);
}

bool monitor_disassemble(struct monitor_call *call)
{
    uint64_t count = monitor_number(call, "count", 10);
    struct format format = { .count = count < ITEMS_MAX ? (unsigned)count : ITEMS_MAX, .form = 'i' };
    return print_memory(call, hart_view_read, monitor_number(call, "address", hart_view_pc(hart_of(call))),
                        &format);
}

/* ---- info mem ------------------------------------------------------------------------------------------ */

#define RANGES_MAX 4096u
/* Entries that are examined: a hostile guest's tables may point to themselves. */
#define VISITS_MAX (1u << 20)

static const char *scheme(const struct hart *hart)
{
    switch (hart_view_paging(hart).vaddr_bits) {
    case 32: return "Sv32";
    case 39: return "Sv39";
    case 48: return "Sv48";
    case 57: return "Sv57";
    default: return "none (satp is Bare)";
    }
}

static void attributes(uint64_t pte, char text[9])
{
    static const char letters[] = "VRWXUGAD";
    for (unsigned i = 0; i < 8; i++)
        text[i] = pte >> i & 1 ? letters[i] : '-';
    text[8] = 0;
}

static const char *end_text(const struct walk *walk)
{
    switch (walk->end) {
    case WALK_MAPPED: return "mapped";
    case WALK_TABLE: return "not mapped: the last level has no leaf";
    case WALK_NOT_CANONICAL:
        return "not mapped: the upper bits of the address are not copies of its highest one";
    case WALK_INVALID: return "not mapped: the entry is not valid";
    case WALK_RESERVED: return "not mapped: the entry has bits that are reserved on this hart";
    case WALK_MISALIGNED:
        return "not mapped: a large page at a physical address that is no multiple of its size";
    case WALK_NO_MEMORY: return "not mapped: the next table is not in memory";
    case WALK_PMP: return "not mapped: PMP keeps S-mode from the next table";
    }
    return "";
}

static bool walk_address(struct monitor_call *call, struct hart *hart)
{
    struct walk walk;
    uint64_t vaddr = monitor_number(call, "address", 0);
    struct paging paging = hart_view_paging(hart);
    hart_view_walk(hart, vaddr, &walk);
    struct json_object *steps = json_object_new_array();
    call->result = json_object_new_object();
    monitor_put_text(call->result, "scheme", scheme(hart));
    monitor_put_hex(call->result, "vaddr", vaddr, 16);
    for (unsigned i = 0; i < walk.count; i++) {
        struct json_object *row = json_object_new_object();
        char flags[9];
        attributes(walk.steps[i].pte, flags);
        monitor_put_number(row, "level", walk.steps[i].level);
        monitor_put_hex(row, "pte-address", walk.steps[i].pte_paddr, 16);
        monitor_put_hex(row, "pte", walk.steps[i].pte, 16);
        monitor_put_text(row, "flags", flags);
        monitor_put_hex(row, "points-to", walk_pte_paddr(&paging, walk.steps[i].pte), 16);
        json_object_array_add(steps, row);
    }
    json_object_object_add(call->result, "steps", steps);
    monitor_put_text(call->result, "end", end_text(&walk));
    if (walk.end == WALK_MAPPED) {
        monitor_put_hex(call->result, "paddr", walk.paddr, 16);
        monitor_put_hex(call->result, "page-size", walk.page_size, 0);
    }
    return true;
}

struct ranges {
    struct hart *hart;
    struct paging paging;
    struct json_object *rows;
    uint64_t first, last, paddr; /* the range that grows now; last < first: there is none */
    uint64_t flags;
    unsigned visits, count;
};

static void flush_range(struct ranges *ranges)
{
    char flags[9];
    if (ranges->last < ranges->first || ranges->count >= RANGES_MAX)
        return;
    ranges->count++;
    struct json_object *row = json_object_new_object();
    attributes(ranges->flags, flags);
    monitor_put_hex(row, "vaddr", ranges->first, 16);
    monitor_put_hex(row, "last", ranges->last, 16);
    monitor_put_hex(row, "paddr", ranges->paddr, 16);
    monitor_put_hex(row, "size", ranges->last - ranges->first + 1, 0);
    monitor_put_text(row, "flags", flags);
    json_object_array_add(ranges->rows, row);
}

/* size: the size of what the entry maps; for Svnapot, only the entry's own part of the page. */
static void add_range(struct ranges *ranges, uint64_t vaddr, uint64_t size, unsigned level, uint64_t pte)
{
    uint64_t paddr, flags = pte & 0x3f;
    walk_leaf(&ranges->paging, level, pte, vaddr, &paddr);
    bool grows = ranges->last >= ranges->first && vaddr == ranges->last + 1 && flags == ranges->flags &&
                 paddr == ranges->paddr + (vaddr - ranges->first);
    if (grows) {
        ranges->last += size;
        return;
    }
    flush_range(ranges);
    ranges->first = vaddr;
    ranges->last = vaddr + size - 1;
    ranges->paddr = paddr;
    ranges->flags = flags;
}

static uint64_t sign_extend(const struct paging *paging, uint64_t vaddr)
{
    unsigned shift = 64 - paging->vaddr_bits;
    return paging->pte_size == 4 ? vaddr : (uint64_t)((int64_t)(vaddr << shift) >> shift);
}

/* This recurses at most five levels deep. */
static void walk_table(struct ranges *ranges, uint64_t table, unsigned level, uint64_t base)
{
    unsigned shift = 12 + level * ranges->paging.index_bits;
    for (unsigned i = 0; i < 1u << ranges->paging.index_bits; i++) {
        uint64_t pte, vaddr = base + ((uint64_t)i << shift);
        if (ranges->visits >= VISITS_MAX || ranges->count >= RANGES_MAX)
            return;
        ranges->visits++;
        if (!hart_view_pte(ranges->hart, table, i, &pte))
            return;
        switch (walk_entry(ranges->hart, &ranges->paging, level, pte)) {
        case WALK_MAPPED:
            add_range(ranges, sign_extend(&ranges->paging, vaddr), UINT64_C(1) << shift, level, pte);
            break;
        case WALK_TABLE:
            if (level)
                walk_table(ranges, walk_pte_paddr(&ranges->paging, pte), level - 1, vaddr);
            break;
        default: break; /* an access faults */
        }
    }
}

static bool list_ranges(struct monitor_call *call, struct hart *hart)
{
    struct ranges ranges = { .hart = hart, .paging = hart_view_paging(hart), .first = 1, .last = 0 };
    ranges.rows = json_object_new_array();
    if (ranges.paging.levels)
        walk_table(&ranges, ranges.paging.root, ranges.paging.levels - 1, 0);
    flush_range(&ranges);
    call->result = json_object_new_object();
    monitor_put_text(call->result, "scheme", scheme(hart));
    json_object_object_add(call->result, "ranges", ranges.rows);
    if (ranges.visits >= VISITS_MAX || ranges.count >= RANGES_MAX)
        monitor_put_text(call->result, "end", "there are more: the list stops here");
    return true;
}

bool monitor_mem(struct monitor_call *call)
{
    struct hart *hart = hart_of(call);
    return monitor_given(call, "address") ? walk_address(call, hart) : list_ranges(call, hart);
}

void monitor_print_mem(FILE *out, struct json_object *result)
{
    json_object_object_foreach(result, name, value)
    {
        if (json_object_is_type(value, json_type_array)) {
            if (json_object_array_length(value))
                monitor_print(out, value);
        } else {
            fprintf(out, "%-10s %s\n", name, json_object_get_string(value));
        }
    }
}

/* ---- info tlb ------------------------------------------------------------------------------------------ */

static void add_tlb_entry(void *opaque, const struct hart_view_tlb_entry *entry)
{
    const struct monitor_call *call = opaque;
    uint64_t paddr = entry->paddr;
    struct json_object *row = json_object_new_object();
    char kind[2] = { entry->kind, 0 };
    monitor_put_hex(row, "vaddr", entry->vaddr, 16);
    if (paddr == UINT64_MAX && !machine_paddr(call->machine, entry->host, &paddr))
        monitor_put_text(row, "paddr", "-");
    else
        monitor_put_hex(row, "paddr", paddr, 16);
    monitor_put_text(row, "for", kind);
    if (entry->global)
        monitor_put_text(row, "asid", "all");
    else
        monitor_put_number(row, "asid", entry->asid);
    monitor_put_text(row, "mode", (const char *[]){ "U", "S", "?", "M" }[entry->privilege & 3]);
    monitor_put_bool(row, "sum", entry->sum);
    monitor_put_bool(row, "mxr", entry->mxr);
    json_object_array_add(call->result, row);
}

bool monitor_tlb(struct monitor_call *call)
{
    call->result = json_object_new_array();
    hart_view_tlb(hart_of(call), add_tlb_entry, call);
    return true;
}
