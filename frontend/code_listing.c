/* SPDX-License-Identifier: MIT
 *
 * Lists translated code; see code_listing.h. Guest code is printed by the disassembler of the instruction
 * table, which knows every extension that a hart here can have, and host code by capstone.
 */
#include "frontend/code_listing.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

struct code_listing {
    csh capstone;
    bool capstone_open;
    FILE *perf_map;
    char perf_path[64];
};

static bool open_perf_map(struct code_listing *listing, struct error *error)
{
    snprintf(listing->perf_path, sizeof(listing->perf_path), "/tmp/perf-%d.map", (int)getpid());
    listing->perf_map = fopen(listing->perf_path, "we");
    if (!listing->perf_map)
        return error_set(error, "-perfmap: cannot write %s: %s", listing->perf_path, strerror(errno));
    setvbuf(listing->perf_map, NULL, _IOLBF, 0); /* perf may read it while the guest runs, or after a crash */
    return true;
}

static void code_listing_destroy(struct code_listing *listing)
{
    if (listing->capstone_open)
        cs_close(&listing->capstone);
    if (listing->perf_map)
        fclose(listing->perf_map);
    free(listing);
}

static struct code_listing *code_listing_create(bool perf_map, struct error *error)
{
    struct code_listing *listing = calloc(1, sizeof(*listing));
    if (!listing) {
        error_set(error, "out of memory for the listing of translated code");
        return NULL;
    }
    cs_err status = cs_open(CS_ARCH_X86, CS_MODE_64, &listing->capstone);
    listing->capstone_open = status == CS_ERR_OK;
    if (!listing->capstone_open)
        error_set(error, "-d out_asm: capstone does not work: %s", cs_strerror(status));
    if (listing->capstone_open && (!perf_map || open_perf_map(listing, error)))
        return listing;
    code_listing_destroy(listing);
    return NULL;
}

/* ---- Side by side -------------------------------------------------------------------------------------- */

/* Lists host code, with `beside` in the left column of the first line. */
static void list_host(struct code_listing *listing, const uint8_t *at, size_t size, const char *beside)
{
    uint64_t address = (uint64_t)(uintptr_t)at;
    cs_insn *insn = cs_malloc(listing->capstone);
    if (!size)
        log_line(LOG_CATEGORY_OUT_ASM, "%-52s |", beside);
    while (insn && size && cs_disasm_iter(listing->capstone, &at, &size, &address, insn)) {
        log_line(LOG_CATEGORY_OUT_ASM, "%-52s | %" PRIx64 ": %s %s", beside, insn->address, insn->mnemonic,
                 insn->op_str);
        beside = "";
    }
    if (insn && size)
        log_line(LOG_CATEGORY_OUT_ASM, "%-52s | %" PRIx64 ": (%zu bytes that are no instruction)", beside,
                 address, size);
    if (insn)
        cs_free(insn, 1);
}

/* Prints the guest instruction at an offset; returns its length in bytes. */
static unsigned guest_text(const struct dbt_code *code, size_t offset, char *text, size_t size)
{
    struct isa_operands operands;
    uint32_t bits = 0;
    char insn[96];
    memcpy(&bits, code->guest + offset, code->guest_size - offset < 4 ? code->guest_size - offset : 4);
    isa_decode(code->isa, bits, &operands, NULL);
    isa_disassemble(&operands, code->vaddr + offset, insn, sizeof(insn));
    snprintf(text, size, "%016" PRIx64 "  %s", code->vaddr + offset, insn);
    return operands.length;
}

static void list_lines(const char *text)
{
    while (text && *text) {
        int length = (int)strcspn(text, "\n");
        log_line(LOG_CATEGORY_IR, "%.*s", length, text);
        text += length + (text[length] == '\n');
    }
}

static void list(struct code_listing *listing, const struct dbt_code *code)
{
    char text[128];
    size_t offset = 0;
    log_line(LOG_CATEGORY_OUT_ASM,
             "%s 0x%" PRIx64 " (physical 0x%" PRIx64 "): %u instructions of %zu bytes in %zu bytes",
             code->kind, code->vaddr, code->paddr, code->count, code->guest_size,
             code->host_size + code->cold_size);
    for (unsigned i = 0; offset < code->guest_size; i++) {
        offset += guest_text(code, offset, text, sizeof(text));
        if (code->starts)
            list_host(listing, code->host + code->starts[i], code->starts[i + 1] - code->starts[i], text);
        else
            log_line(LOG_CATEGORY_OUT_ASM, "%s", text);
    }
    uint32_t rest = code->starts ? code->starts[code->count] : 0;
    if (rest < code->host_size)
        list_host(listing, code->host + rest, code->host_size - rest,
                  code->starts ? "(calls)" : "(host code)");
    if (code->cold)
        list_host(listing, code->cold, code->cold_size, "(out of line)");
}

static void code_listing_take(void *opaque, const struct dbt_code *code)
{
    struct code_listing *listing = opaque;
    bool coded = code->host_size != 0;
    if (listing->perf_map && coded)
        fprintf(listing->perf_map, "%" PRIxPTR " %zx %s:0x%" PRIx64 "\n", (uintptr_t)code->host,
                code->host_size, code->kind, code->vaddr);
    if (listing->perf_map && code->cold_size)
        fprintf(listing->perf_map, "%" PRIxPTR " %zx %s-cold:0x%" PRIx64 "\n", (uintptr_t)code->cold,
                code->cold_size, code->kind, code->vaddr);
    if (log_enabled(LOG_CATEGORY_IR) && log_filter_passes(code->vaddr))
        list_lines(code->ir);
    if (coded && log_enabled(LOG_CATEGORY_OUT_ASM) && log_filter_passes(code->vaddr))
        list(listing, code);
}

const struct code_listing_ops rvive_listing_ops = { code_listing_create, code_listing_destroy,
                                                    code_listing_take };
