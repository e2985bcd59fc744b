/* SPDX-License-Identifier: MIT
 *
 * Memory in files: memsave and pmemsave write a range as it is, dump-guest-memory writes an ELF core file
 * with all of RAM and ROM and the harts' registers, for gdb and crash. Names, forms and messages are those of
 * QEMU. The harts stand still meanwhile.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/hart_view.h"
#include "frontend/monitor/internal.h"

#define CHUNK       65536u
#define REGIONS_MAX 32u

/* Opens "file:PATH", or the descriptor "fd:NAME" of getfd. NULL, with call->error filled. */
static FILE *open_target(struct monitor_call *call, const char *target)
{
    bool named = strncmp(target, "fd:", 3) == 0;
    if (!named && strncmp(target, "file:", 5) != 0) {
        error_set(&call->error, "parameter 'protocol' must start with 'file:' or 'fd:'");
        return NULL;
    }
    errno = 0;
    int fd = named ? monitor_take_fd(call, target + 3)
                   : open(target + 5, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 && !named) {
        error_set(&call->error, "Could not open '%.200s': %s", target + 5, strerror(errno));
        monitor_add_hint(call);
    }
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (fd >= 0 && !out) {
        close(fd);
        error_set(&call->error, "out of memory");
    }
    return out;
}

/* False, with call->error filled, if the host could not take all of it. */
static bool close_target(struct monitor_call *call, FILE *out, bool ok)
{
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    return ok && (!failed || error_set(&call->error, "writing memory to a file failed: %s", strerror(errno)));
}

/* ---- memsave, pmemsave --------------------------------------------------------------------------------- */

typedef size_t read_fn(struct hart *hart, uint64_t addr, void *bytes, size_t length);

/* Writes a range. What is not memory is zeroes if it is an error for none (`gaps`). */
static bool write_range(FILE *out, struct hart *hart, read_fn *read, uint64_t addr, uint64_t size, bool gaps)
{
    uint8_t bytes[CHUNK];
    while (size && !ferror(out)) {
        size_t length = size < CHUNK ? (size_t)size : CHUNK;
        size_t got = read(hart, addr, bytes, length);
        if (got < length && !gaps)
            return false;
        memset(bytes + got, 0, length - got);
        fwrite(bytes, 1, length, out);
        addr += length;
        size -= length;
    }
    return true;
}

static bool save(struct monitor_call *call, read_fn *read, bool gaps)
{
    char target[4096 + 8];
    uint64_t addr = monitor_number(call, "val", 0), size = monitor_number(call, "size", 0);
    uint64_t number = monitor_number(call, "cpu-index", *call->hart);
    struct hart *hart =
        number < machine_hart_count(call->machine) ? machine_hart(call->machine, (unsigned)number) : NULL;
    if (!hart)
        return error_set(&call->error, "Parameter 'cpu-index' expects a CPU number");
    snprintf(target, sizeof(target), "file:%.4096s", monitor_text(call, "filename", ""));
    FILE *out = open_target(call, target);
    if (!out)
        return false;
    bool ok = write_range(out, hart, read, addr, size, gaps);
    if (!ok)
        error_set(&call->error, "Invalid addr 0x%016llx/size %llu specified", (unsigned long long)addr,
                  (unsigned long long)size);
    return close_target(call, out, ok);
}

bool monitor_memsave(struct monitor_call *call)
{
    return save(call, hart_view_read, false);
}

bool monitor_pmemsave(struct monitor_call *call)
{
    uint64_t size = monitor_number(call, "size", 0);
    return size <= call->options->machine.ram_size
               ? save(call, hart_view_read_physical, true)
               : error_set(&call->error, "pmemsave: the size is more than the guest's RAM has");
}

/* ---- dump-guest-memory --------------------------------------------------------------------------------- */

struct dump {
    FILE *out;
    bool wide; /* harts of 64 bits */
    unsigned hart_count, region_count;
    struct bus_region regions[REGIONS_MAX];
    uint64_t bytes; /* of memory */
};

/* Finds what is to be written: all of RAM and ROM, or what of it is in [begin, begin + length). */
static void find_regions(struct monitor_call *call, struct dump *dump, uint64_t begin, uint64_t length)
{
    struct bus_region region;
    uint64_t last = begin + (length - 1);
    for (unsigned n = 0; machine_region(call->machine, n, &region) && dump->region_count < REGIONS_MAX; n++) {
        uint64_t end = region.base + (region.size - 1);
        if ((strcmp(region.kind, "ram") != 0 && strcmp(region.kind, "rom") != 0) || region.base > last ||
            end < begin)
            continue;
        region.base = region.base < begin ? begin : region.base;
        region.size = (end > last ? last : end) - region.base + 1;
        dump->regions[dump->region_count++] = region;
        dump->bytes += region.size;
    }
}

static void put(struct dump *dump, const void *bytes, size_t length)
{
    fwrite(bytes, 1, length, dump->out);
}

/* A register or an address, as wide as the harts. */
static void put_word(struct dump *dump, uint64_t value)
{
    uint32_t low = (uint32_t)value;
    if (dump->wide)
        put(dump, &value, sizeof(value));
    else
        put(dump, &low, sizeof(low));
}

/* NT_PRSTATUS of Linux (include/linux/elfcore.h): up to the registers there is nothing but the number. */
#define STATUS_WIDE      376u
#define STATUS_NARROW    204u
#define STATUS_AT(wide)  ((wide) ? 112u : 72u) /* the registers */
#define STATUS_PID(wide) ((wide) ? 32u : 24u)

static void put_hart(struct dump *dump, struct hart *hart, uint32_t number)
{
    static const uint8_t zeroes[128];
    Elf64_Nhdr note = { .n_namesz = 5,
                        .n_descsz = dump->wide ? STATUS_WIDE : STATUS_NARROW,
                        .n_type = NT_PRSTATUS };
    unsigned pid_at = STATUS_PID(dump->wide);
    put(dump, &note, sizeof(note));
    put(dump, "CORE\0\0\0", 8);
    put(dump, zeroes, pid_at);
    put(dump, &(uint32_t){ number + 1 }, sizeof(uint32_t));
    put(dump, zeroes, STATUS_AT(dump->wide) - pid_at - sizeof(uint32_t));
    put_word(dump, hart_view_pc(hart));
    for (unsigned n = 1; n < 32; n++)
        put_word(dump, hart_view_x(hart, n));
    put_word(dump, 0); /* pr_fpvalid */
}

static void put_segment(struct dump *dump, uint32_t type, uint64_t at, uint64_t addr, uint64_t size)
{
    Elf64_Phdr wide = {
        .p_type = type, .p_offset = at, .p_vaddr = addr, .p_paddr = addr, .p_filesz = size, .p_memsz = size
    };
    Elf32_Phdr narrow = { .p_type = type,
                          .p_offset = (Elf32_Off)at,
                          .p_vaddr = (Elf32_Addr)addr,
                          .p_paddr = (Elf32_Addr)addr,
                          .p_filesz = (Elf32_Word)size,
                          .p_memsz = (Elf32_Word)size };
    put(dump, dump->wide ? (void *)&wide : (void *)&narrow, dump->wide ? sizeof(wide) : sizeof(narrow));
}

static void put_header(struct dump *dump)
{
    unsigned count = dump->region_count + 1;
    uint8_t ident[EI_NIDENT] = {
        ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, dump->wide ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT
    };
    Elf64_Ehdr wide = { .e_type = ET_CORE,
                        .e_machine = EM_RISCV,
                        .e_version = EV_CURRENT,
                        .e_phoff = sizeof(wide),
                        .e_ehsize = sizeof(wide),
                        .e_phentsize = sizeof(Elf64_Phdr),
                        .e_phnum = (Elf64_Half)count };
    Elf32_Ehdr narrow = { .e_type = ET_CORE,
                          .e_machine = EM_RISCV,
                          .e_version = EV_CURRENT,
                          .e_phoff = sizeof(narrow),
                          .e_ehsize = sizeof(narrow),
                          .e_phentsize = sizeof(Elf32_Phdr),
                          .e_phnum = (Elf32_Half)count };
    memcpy(wide.e_ident, ident, sizeof(ident));
    memcpy(narrow.e_ident, ident, sizeof(ident));
    put(dump, dump->wide ? (void *)&wide : (void *)&narrow, dump->wide ? sizeof(wide) : sizeof(narrow));
}

static void write_dump(struct monitor_call *call, struct dump *dump)
{
    unsigned count = dump->region_count + 1;
    uint64_t notes = dump->hart_count * (sizeof(Elf64_Nhdr) + 8 + (dump->wide ? STATUS_WIDE : STATUS_NARROW));
    uint64_t at = dump->wide ? sizeof(Elf64_Ehdr) + count * sizeof(Elf64_Phdr)
                             : sizeof(Elf32_Ehdr) + count * sizeof(Elf32_Phdr);
    put_header(dump);
    put_segment(dump, PT_NOTE, at, 0, notes);
    at += notes;
    for (unsigned n = 0; n < dump->region_count; n++) {
        put_segment(dump, PT_LOAD, at, dump->regions[n].base, dump->regions[n].size);
        at += dump->regions[n].size;
    }
    for (unsigned n = 0; n < dump->hart_count; n++)
        put_hart(dump, machine_hart(call->machine, n), n);
    for (unsigned n = 0; n < dump->region_count; n++)
        write_range(dump->out, machine_hart(call->machine, 0), hart_view_read_physical, dump->regions[n].base,
                    dump->regions[n].size, true);
}

/* Paging, which in QEMU gives segments their virtual addresses too, and detaching change nothing. */
bool monitor_dump(struct monitor_call *call)
{
    const char *target = monitor_text(call, "protocol", ""), *format = monitor_text(call, "format", "elf");
    bool begins = monitor_given(call, "begin");
    uint64_t begin = monitor_number(call, "begin", 0), length = monitor_number(call, "length", 0);
    struct dump dump = { .hart_count = machine_hart_count(call->machine) };
    char path[4096 + 8];
    if (begins != monitor_given(call, "length"))
        return error_set(&call->error, "Parameter '%s' is missing", begins ? "length" : "begin");
    if (strcmp(format, "elf") != 0)
        return error_set(&call->error, "dump-guest-memory: the format '%.40s' is unknown; there is elf",
                         format);
    if (!dump.hart_count || (begins && !length))
        return error_set(&call->error, "dump: no guest memory to dump");
    find_regions(call, &dump, begin, begins ? length : UINT64_MAX);
    if (!dump.region_count)
        return error_set(&call->error, "dump: no guest memory to dump");
    dump.wide = hart_view_isa(machine_hart(call->machine, 0))->xlen == 64;
    if (!call->is_program) {
        snprintf(path, sizeof(path), "file:%.4096s", target);
        target = path;
    }
    dump.out = open_target(call, target);
    if (!dump.out)
        return false;
    write_dump(call, &dump);
    bool ok = close_target(call, dump.out, true);
    monitor_tell_dump(call->opaque, dump.bytes, ok ? NULL : call->error.text);
    return ok;
}

static struct json_object *result_of(const char *status, uint64_t bytes)
{
    struct json_object *result = json_object_new_object();
    monitor_put_text(result, "status", status);
    monitor_put_number(result, "completed", bytes);
    monitor_put_number(result, "total", bytes);
    return result;
}

bool monitor_query_dump(struct monitor_call *call)
{
    const struct monitors *monitors = call->opaque;
    uint64_t bytes = monitors ? atomic_load(&monitors->dumped) : 0;
    call->result = result_of(bytes ? "completed" : "none", bytes);
    return true;
}

bool monitor_dump_formats(struct monitor_call *call)
{
    struct json_object *formats = json_object_new_array();
    json_object_array_add(formats, json_object_new_string("elf"));
    call->result = json_object_new_object();
    json_object_object_add(call->result, "formats", formats);
    return true;
}

/* The data of DUMP_COMPLETED. */
struct json_object *monitor_dump_data(uint64_t bytes, const char *error)
{
    struct json_object *data = json_object_new_object();
    json_object_object_add(data, "result", result_of(*error ? "failed" : "completed", bytes));
    if (*error)
        monitor_put_text(data, "error", error);
    return data;
}
