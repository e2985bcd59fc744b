/* SPDX-License-Identifier: MIT
 *
 * Predecoded blocks of the interpreter; see struct block in hart_state.h.
 *
 * A block is straight-line code inside one page. It is found in three steps: the jump cache of the address
 * space (by virtual pc), then the hash table (by physical address, after translating the pc), then decoding.
 * Blocks are allocated in order from an arena; when it is full, all of them are dropped. fence.i costs one
 * increment: a block from an older epoch is compared with memory when it is next needed.
 *
 * An instruction that straddles two pages is a block of its own, since its second half depends on another
 * translation. Code on a page where PMP rules differ from byte to byte is decoded one instruction at a time
 * into hart->scratch and never cached.
 */
#include "cpu/block.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu/code_watch.h"
#include "cpu/cover.h"
#include "cpu/exec/exec.h"
#include "cpu/mmu/mem.h"
#include "cpu/mmu/mmu.h"
#include "cpu/trace.h"
#include "cpu/trap.h"
#include "util/check.h"
#include "util/log.h"

#define ARENA_SIZE      (16u << 20)
#define CODE_MAX        (BLOCK_INSNS_MAX * 4)
#define BLOCK_BYTES_MAX (sizeof(struct block) + (BLOCK_INSNS_MAX + 1) * (sizeof(struct insn) + 4) + 16)

/* How much of the arena is used. With a translator less is enough, since it takes over the code that runs
 * often. */
static size_t arena_limit(const struct hart *hart)
{
    return hart->accel ? ARENA_SIZE / 2 : ARENA_SIZE;
}

bool block_cache_init(struct hart *hart, struct error *error)
{
    void *arena =
        mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    hart->arena = arena == MAP_FAILED ? NULL : arena;
    hart->scratch = calloc(1, BLOCK_BYTES_MAX);
    if (!hart->arena || !hart->scratch)
        return error_set(error, "hart %u: out of memory for decoded code", hart->id);
    return true;
}

void block_cache_destroy(struct hart *hart)
{
    if (hart->arena)
        munmap(hart->arena, ARENA_SIZE);
    free(hart->scratch);
}

void block_cache_reset(struct hart *hart)
{
    if (hart->arena_used) /* otherwise there is no block in it */
        memset(hart->block_hash, 0, sizeof(hart->block_hash));
    hart->arena_used = 0;
    for (unsigned i = 0; i < TLB_POOL; i++)
        hart->tlb_pool[i]->generation++;
    hart->exit_link = NULL;
}

static unsigned hash_of(uint64_t paddr)
{
    return (unsigned)(paddr >> 1 ^ paddr >> 15) & (BLOCK_HASH_SIZE - 1);
}

static struct tlb_jump *jump_entry(struct hart *hart, uint64_t pc)
{
    return &hart->tlb_fetch->jump[(pc >> 1 ^ pc >> 11) & (TLB_JUMPS - 1)];
}

/* Memory may change during the comparison; then the answer is right for one moment or another, as on hardware
 * without a fence.i. */
static bool block_unchanged(const struct block *block)
{
    size_t first = block_first_bytes(block);
    return mem_host_equal(block->code, block->host, first) &&
           (block->paddr2 == NO_PAGE ||
            mem_host_equal(block->code + first, block->host2, block->bytes - first));
}

/* ---- Decoding ------------------------------------------------------------------------------------------ */

/* Where instructions are fetched from. */
struct fetch {
    uint64_t vaddr, paddr;
    const uint8_t *host;
    bool cacheable;
};

/* The fetch of the instruction at hart->pc, or of its second half at vaddr, traps. If the instruction has a
 * breakpoint, that comes first, since the trap belongs to the instruction. paddr: the physical address of the
 * instruction, or NO_PAGE. */
static void fetch_failed(struct hart *hart, enum cause cause, uint64_t vaddr, uint64_t paddr)
{
    if (LIKELY(!atomic_load_explicit(&hart->debug.breaks, memory_order_relaxed)) ||
        !debug_stops_fetch(hart, paddr))
        trap_fetch(hart, cause, vaddr);
}

/* insn_paddr: the address of the instruction whose second half this is; NO_PAGE: this is its beginning. */
static bool fetch_translate(struct hart *hart, uint64_t vaddr, uint64_t insn_paddr, struct fetch *fetch)
{
    unsigned index = TLB_EXEC_INDEX(vaddr);
    const struct tlb_exec *entry = &hart->tlb_fetch->exec[index];
    uint64_t offset = vaddr & (PAGE_SIZE - 1);
    if (LIKELY(entry->tag == (vaddr & PAGE_MASK))) {
        *fetch =
            (struct fetch){ vaddr, entry->paddr | offset, hart->tlb_fetch->exec_host[index] + offset, true };
        return true;
    }
    struct mmu_result result;
    int cause = mmu_translate(hart, vaddr, 2, MMU_FETCH, &result);
    bool translated = cause == MMU_OK;
    if (translated && !result.host)
        cause = CAUSE_FETCH_ACCESS; /* devices are not executable */
    if (cause != MMU_OK) {
        fetch_failed(hart, (enum cause)cause, vaddr,
                     insn_paddr != NO_PAGE || !translated ? insn_paddr : result.paddr);
        return false;
    }
    if (UNLIKELY(atomic_load_explicit(&hart->debug.breaks, memory_order_relaxed)))
        debug_fetch_page(hart, vaddr, result.paddr);
    *fetch = (struct fetch){ vaddr, result.paddr, result.host, result.cacheable };
    return true;
}

static uint32_t read16(const uint8_t *host)
{
    uint16_t bits;
    memcpy(&bits, host, 2);
    return bits;
}

static uint32_t read32(const uint8_t *host)
{
    uint32_t bits;
    memcpy(&bits, host, 4);
    return bits;
}

/* The address of the second half of an instruction that straddles. */
static uint64_t next_page(const struct hart *hart, uint64_t vaddr)
{
    return hart->isa.xlen == 32 ? (uint32_t)(vaddr + 2) : vaddr + 2;
}

static bool in_page(uint64_t page_offset, int64_t target)
{
    return (int64_t)page_offset + target >= 0 && (int64_t)page_offset + target < (int64_t)PAGE_SIZE;
}

/* Makes the immediates of pc-relative instructions relative to the block, and notes which targets may be
 * linked. */
static void relocate(struct insn *insn, enum isa_insn which, unsigned flags, uint64_t page_offset)
{
    unsigned next = insn->offset + insn->length;
    if (which == ISA_INSN_auipc) {
        insn->imm += insn->offset;
    } else if (which == ISA_INSN_jal || flags & ISA_BRANCH) {
        insn->imm += insn->offset;
        insn->aux = next;
        insn->rm = in_page(page_offset, insn->imm) ? INSN_CHAIN_TAKEN : 0;
        if (flags & ISA_BRANCH && in_page(page_offset, next))
            insn->rm |= INSN_CHAIN_NEXT;
    } else if (which == ISA_INSN_jalr) {
        insn->aux = next;
    }
}

static void log_insn(const struct isa_operands *operands, uint64_t pc)
{
    char text[96];
    isa_disassemble(operands, pc, text, sizeof(text));
    log_line(LOG_CATEGORY_IN_ASM, "0x%016" PRIx64 ":  %08" PRIx32 "  %s", pc, operands->bits, text);
}

/* Fills one predecoded instruction; returns true if it ends the block. */
static bool decode_one(struct hart *hart, struct block *block, struct insn *insn, uint32_t bits, uint64_t pc)
{
    struct isa_operands operands;
    enum isa_extension missing;
    isa_decode(&hart->isa, bits, &operands, &missing);
    const struct isa_entry *entry = isa_entry(operands.insn);
    *insn = (struct insn){
        .exec = hart->exec_table[operands.insn],
        .imm = operands.imm,
        .aux = operands.bits,
        .rd = operands.rd || entry->flags & (ISA_FRD | ISA_VRD) ? operands.rd : ISA_X_SINK,
        .rs1 = operands.rs1,
        .rs2 = operands.rs2,
        .rs3 = operands.rs3,
        .offset = (uint16_t)block->bytes,
        .rm = operands.rm,
        .length = operands.length,
    };
    relocate(insn, operands.insn, entry->flags, block->paddr & (PAGE_SIZE - 1));
    if (UNLIKELY(log_enabled(LOG_CATEGORY_IN_ASM)) && !hart->single && log_filter_passes(pc))
        log_insn(&operands, pc);
    if (operands.insn == ISA_INSN_ILLEGAL)
        trace_illegal(hart, &operands, pc, missing);
    return operands.insn == ISA_INSN_ILLEGAL || entry->flags & ISA_END;
}

/* Added after the last instruction of a block that does not end by itself. */
static void append_end(struct hart *hart, struct block *block)
{
    struct insn *insn = &block->insns[block->count];
    *insn = (struct insn){ .exec = hart->exec_table[ISA_INSN_COUNT], .aux = block->bytes };
    insn->rm = in_page(block->paddr & (PAGE_SIZE - 1), block->bytes) ? INSN_CHAIN_NEXT : 0;
}

static void start_block(struct hart *hart, struct block *block, const struct fetch *fetch)
{
    *block = (struct block){ .paddr = fetch->paddr,
                             .paddr2 = NO_PAGE,
                             .epoch = hart->epoch,
                             .host = fetch->host,
                             .heat = hart->accel ? hart->hot : BLOCK_HEAT_NEVER };
}

/* Copies the guest's present code, up to the end of the page or CODE_MAX bytes; returns the number of bytes.
 * The bytes that are decoded must be the ones that are compared with memory later, though other harts and
 * devices may write there meanwhile. */
static unsigned copy_code(const struct fetch *fetch, uint8_t *code)
{
    unsigned room = PAGE_SIZE - (unsigned)(fetch->paddr & (PAGE_SIZE - 1));
    room = room < CODE_MAX ? room : CODE_MAX;
    mem_host_copy(code, fetch->host, room);
    return room;
}

static void decode_straight(struct hart *hart, struct block *block, const struct fetch *fetch,
                            const uint8_t *code, unsigned room, unsigned limit)
{
    while (block->count < limit && block->bytes + 2 <= room) {
        const uint8_t *host = code + block->bytes;
        uint32_t bits = read16(host);
        if ((bits & 3) == 3) {
            if (block->bytes + 4 > room)
                break;
            bits = read32(host);
        }
        struct insn *insn = &block->insns[block->count];
        bool end = decode_one(hart, block, insn, bits, fetch->vaddr + block->bytes);
        block->count++;
        block->bytes += insn->length;
        if (end)
            return;
        if (UNLIKELY(debug_marked(hart, block->paddr + block->bytes, 1)))
            break;
    }
    append_end(hart, block);
}

/* Decodes the one instruction at the end of a page whose second half is on the next one. False: its fetch
 * trapped. */
static bool decode_straddling(struct hart *hart, struct block *block, const struct fetch *fetch,
                              uint8_t *code)
{
    struct fetch second;
    if (!fetch_translate(hart, next_page(hart, fetch->vaddr), fetch->paddr, &second))
        return false;
    hart->bus->ops->code_page(hart->bus, second.paddr & PAGE_MASK);
    mem_host_copy(code + 2, second.host, 2);
    uint32_t bits = read32(code);
    bool end = decode_one(hart, block, &block->insns[0], bits, fetch->vaddr);
    block->count = 1;
    block->bytes = 4;
    block->paddr2 = second.paddr & PAGE_MASK;
    block->host2 = second.host;
    if (!end)
        append_end(hart, block);
    if (!second.cacheable)
        block->epoch = 0; /* never valid again */
    return true;
}

static bool straddles(const uint8_t *code, unsigned room)
{
    return room == 2 && (read16(code) & 3) == 3;
}

static void keep_code(struct block *block, const uint8_t *code)
{
    block->code = (uint8_t *)&block->insns[block->count + 1];
    memcpy(block->code, code, block->bytes);
}

/* From now on stores to the block's bytes are noticed. The block must be compared with memory after this. */
static void watch_code(struct hart *hart, const struct block *block)
{
    if (!hart->watch)
        return;
    unsigned first = block_first_bytes(block);
    code_watch_keep(hart->watch, hart, block->paddr, first, block->host);
    if (block->paddr2 != NO_PAGE)
        code_watch_keep(hart->watch, hart, block->paddr2, block->bytes - first, block->host2);
}

static struct block *build(struct hart *hart, const struct fetch *fetch)
{
    if (hart->arena_used + BLOCK_BYTES_MAX > arena_limit(hart))
        block_cache_reset(hart);
    struct block *block = (struct block *)(void *)(hart->arena + hart->arena_used);
    uint8_t code[CODE_MAX];
    start_block(hart, block, fetch);
    /* Before the code is read: if a device stores there later, the harts are notified. */
    hart->bus->ops->code_page(hart->bus, fetch->paddr & PAGE_MASK);
    unsigned room = copy_code(fetch, code);
    if (!straddles(code, room))
        decode_straight(hart, block, fetch, code, room, BLOCK_INSNS_MAX);
    else if (!decode_straddling(hart, block, fetch, code))
        return NULL;
    debug_guard_block(hart, block);
    keep_code(block, code);
    watch_code(hart, block);
    if (hart->watch && UNLIKELY(!block_unchanged(block)))
        block->epoch = 0; /* another hart stored there: the fetched code runs once */
    if (UNLIKELY(hart->cover))
        cover_block(hart, block, fetch->vaddr);
    CHECK(block->count && block->count <= BLOCK_INSNS_MAX && block->bytes <= CODE_MAX);
    size_t size = sizeof(*block) + (block->count + 1) * sizeof(struct insn) + block->bytes;
    hart->arena_used += (size + 15) & ~(size_t)15;
    CHECK(hart->arena_used <= ARENA_SIZE);
    struct block **head = &hart->block_hash[hash_of(block->paddr)];
    block->hash_next = *head;
    *head = block;
    return block;
}

/* One instruction, decoded again each time it runs, with a PMP check of each half. */
static struct block *decode_uncached(struct hart *hart, const struct fetch *fetch)
{
    struct block *block = hart->scratch;
    uint8_t code[CODE_MAX];
    start_block(hart, block, fetch);
    block->epoch = 0;
    unsigned room = copy_code(fetch, code);
    if (straddles(code, room))
        return decode_straddling(hart, block, fetch, code) ? block : NULL;
    if ((read16(code) & 3) == 3) {
        struct mmu_result result;
        int cause = mmu_translate(hart, fetch->vaddr, 4, MMU_FETCH, &result);
        if (cause != MMU_OK) {
            /* The two halves of an instruction are separate fetches: tval names the one that failed. */
            bool first_half = mmu_translate(hart, fetch->vaddr, 2, MMU_FETCH, &result) != MMU_OK;
            fetch_failed(hart, (enum cause)cause, fetch->vaddr + (first_half ? 0 : 2), fetch->paddr);
            return NULL;
        }
    }
    decode_straight(hart, block, fetch, code, room, 1);
    return block;
}

static struct block *build_uncached(struct hart *hart, const struct fetch *fetch)
{
    struct block *block = decode_uncached(hart, fetch);
    if (UNLIKELY(hart->cover) && block)
        cover_block(hart, block, fetch->vaddr);
    return block;
}

/* ---- Finding ------------------------------------------------------------------------------------------- */

/* A block that straddles is valid only if the second page is still the same one. */
static bool second_page_matches(struct hart *hart, const struct block *block, uint64_t pc, bool *trapped)
{
    if (block->paddr2 == NO_PAGE)
        return true;
    struct fetch second;
    if (!fetch_translate(hart, next_page(hart, pc), block->paddr, &second)) {
        *trapped = true;
        return false;
    }
    return second.cacheable && (second.paddr & PAGE_MASK) == block->paddr2;
}

static bool unchanged(struct hart *hart, const struct block *block)
{
    if (block_unchanged(block))
        return true;
    code_watch_changed(hart->watch, block->paddr);
    return false;
}

static struct block *lookup(struct hart *hart, const struct fetch *fetch, bool *trapped)
{
    struct block **link = &hart->block_hash[hash_of(fetch->paddr)];
    for (struct block *block; (block = *link); link = &block->hash_next) {
        if (block->paddr != fetch->paddr)
            continue;
        if (block->epoch != hart->epoch) {
            watch_code(hart, block);
            if (!block->epoch || !unchanged(hart, block) || debug_block_stale(hart, block)) {
                block->epoch = 0;
                *link = block->hash_next; /* its memory is freed when the arena is emptied */
                return NULL;
            }
            block->epoch = hart->epoch;
        }
        if (second_page_matches(hart, block, fetch->vaddr, trapped))
            return block;
        if (*trapped)
            return NULL;
    }
    return NULL;
}

/* Checks that a landing pad is where a jump expects it (Zicfilp): the instruction at pc must be a landing pad
 * with the label in x7, or without a label; otherwise it traps ("Landing Pad Enforcement"). NULL: it
 * trapped. */
static struct block *land(struct hart *hart, struct block *block)
{
    const struct insn *first = &block->insns[0];
    exec_fn *exec = block->guarded ? block->guarded : first->exec;
    uint32_t label = first->aux >> 12;
    if (exec == hart->exec_table[ISA_INSN_lpad] && !(hart->pc & 3) &&
        (!label || label == (uint32_t)hart->x[7] >> 12)) {
        hart->pad_expected = false;
        return block;
    }
    trap_fetch(hart, CAUSE_SOFTWARE_CHECK, SOFTWARE_CHECK_LANDING_PAD);
    return NULL;
}

static struct block *find(struct hart *hart)
{
    uint64_t pc = hart->pc;
    struct tlb_jump *jump = jump_entry(hart, pc);
    if (LIKELY(jump->pc == pc && jump->generation == hart->tlb_fetch->generation &&
               jump->block->epoch == hart->epoch))
        return jump->block;

    struct fetch fetch;
    bool trapped = false;
    if (!fetch_translate(hart, pc, NO_PAGE, &fetch))
        return NULL;
    if (UNLIKELY(!fetch.cacheable)) {
        struct block *once = build_uncached(hart, &fetch);
        if (once)
            debug_guard_block(hart, once);
        return once;
    }
    struct block *block = lookup(hart, &fetch, &trapped);
    if (!block && !trapped)
        block = build(hart, &fetch);
    if (block && block->epoch)
        *jump_entry(hart, pc) = (struct tlb_jump){ pc, hart->tlb_fetch->generation, block };
    return block;
}

struct block *block_find(struct hart *hart)
{
    struct block *block = find(hart);
    return UNLIKELY(hart->pad_expected) && block ? land(hart, block) : block;
}

const struct block *block_known(const struct hart *hart, uint64_t paddr)
{
    const struct block *block = hart->block_hash[hash_of(paddr)];
    while (block && (block->paddr != paddr || block->epoch != hart->epoch))
        block = block->hash_next;
    return block && block->epoch ? block : NULL;
}

struct block *block_find_single(struct hart *hart)
{
    struct fetch fetch;
    struct block *block =
        fetch_translate(hart, hart->pc, NO_PAGE, &fetch) ? build_uncached(hart, &fetch) : NULL;
    return UNLIKELY(hart->pad_expected) && block ? land(hart, block) : block;
}
