/* SPDX-License-Identifier: MIT
 *
 * Runs bare programs; see guest.h. The end of a program reads minstret before it tells the port, since the
 * hart may execute a few more instructions before it notices that it must stop.
 */
#include "tests/dbt/guest.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dbt/ir/ir.h"
#include "util/check.h"

/* ---- The board ----------------------------------------------------------------------------------------- */

static uint8_t *board_page(struct hart_bus *bus, uint64_t paddr, bool *writable)
{
    struct guest *guest = (struct guest *)(void *)bus;
    *writable = true;
    return paddr >= RAM_BASE && paddr - RAM_BASE < RAM_SIZE ? guest->ram + (paddr - RAM_BASE) : NULL;
}

static bool board_read(struct hart_bus *bus, uint64_t paddr, unsigned size, uint64_t *value)
{
    (void)bus, (void)paddr, (void)size, (void)value;
    return false;
}

static bool board_write(struct hart_bus *bus, uint64_t paddr, unsigned size, uint64_t value)
{
    struct guest *guest = (struct guest *)(void *)bus;
    (void)size, (void)value;
    if (paddr == PORT + 64) {
        hart_set_irq(guest->harts[0], guest->irq, false);
        atomic_fetch_add(&guest->interrupts, 1);
        return true;
    }
    unsigned hart = (unsigned)(paddr - PORT) / 8;
    if (paddr < PORT || hart >= guest->hart_count)
        return false;
    hart_request(guest->harts[hart], HART_REQUEST_STOP);
    return true;
}

static void board_code_page(struct hart_bus *bus, uint64_t paddr)
{
    (void)bus, (void)paddr;
}

static bool board_mapped(struct hart_bus *bus, uint64_t paddr)
{
    bool writable;
    return board_page(bus, paddr & PAGE_MASK, &writable) != NULL;
}

static bool board_is_memory(struct hart_bus *bus, const uint8_t *host, uint64_t length)
{
    const struct guest *guest = (const struct guest *)(const void *)bus;
    return host >= guest->ram && host + length <= guest->ram + RAM_SIZE;
}

static const struct hart_bus_ops board_ops = { .page = board_page,
                                               .read = board_read,
                                               .write = board_write,
                                               .code_page = board_code_page,
                                               .mapped = board_mapped,
                                               .is_memory = board_is_memory };

unsigned guest_xlen = 64;
const char *guest_cpu = "";
size_t guest_cache_size = CODE_CACHE_DEFAULT;
const char *guest_label = "";

/* The text of every region that a test makes can be read back. Builds with checks, which also have the cost
 * of the sanitizers, do this for one region in sixteen. */
static void read_back(void *opaque, const struct dbt_code *code)
{
    static struct ir ir;
    struct error error;
    char *text = NULL;
    size_t size = 0;
    static unsigned regions;
    (void)opaque;
    if (!code->ir || (CHECK_ENABLED && regions++ % 16))
        return;
    ck_assert_msg(t2_parse(&ir, code->ir, &error), "%s", error.text);
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    t2_print(&ir, out);
    fclose(out);
    if (strcmp(text, code->ir) != 0)
        fprintf(stderr, "%s\nis read back as\n%s\n", code->ir, text); /* too long for check's messages */
    ck_assert(strcmp(text, code->ir) == 0);
    free(text);
}

/* Maps zeroes, between two pages that nobody may touch: then an access of translated code outside RAM is
 * noticed, too. They are a file's pages, because a file knows which pages were never touched. */
static void map_ram(struct guest *guest)
{
    uint8_t *pages =
        mmap(NULL, RAM_SIZE + 2 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert(pages != MAP_FAILED);
    guest->ram = pages + PAGE_SIZE;
    guest->ram_fd = memfd_create("guest", MFD_CLOEXEC);
    ck_assert_int_ge(guest->ram_fd, 0);
    ck_assert_int_eq(ftruncate(guest->ram_fd, RAM_SIZE), 0);
    ck_assert(mmap(guest->ram, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, guest->ram_fd, 0) ==
              guest->ram);
}

void guest_create(struct guest *guest, enum guest_tier tier, unsigned harts)
{
    struct error error;
    struct isa_config isa;
    *guest = (struct guest){ .bus = { .ops = &board_ops }, .at = START, .hart_count = harts };
    isa_init();
    map_ram(guest);
    guest->clock = clock_create(&error);
    ck_assert_ptr_nonnull(guest->clock);
    char cpu[64];
    snprintf(cpu, sizeof(cpu), "rv%u%s", guest_xlen, guest_cpu);
    ck_assert_msg(isa_config_parse(&isa, cpu, &error), "%s", error.text);
    if (tier != GUEST_INTERPRETER)
        ck_assert_ptr_nonnull(guest->dbt = dbt_create_sized(guest_cache_size, &error));
    /* RVIVE_TEST_ACCEL=t2: all code is translated as regions, too. */
    const char *accel = getenv("RVIVE_TEST_ACCEL");
    if (guest->dbt && accel && strcmp(accel, "t2") == 0)
        ck_assert(dbt_optimise(guest->dbt, true, &error));
    if (guest->dbt)
        dbt_listen(guest->dbt, read_back, NULL);
    /* RVIVE_TEST_WITHOUT_PASS: passes are left out. */
    if (guest->dbt && getenv("RVIVE_TEST_WITHOUT_PASS"))
        ck_assert(dbt_without_passes(guest->dbt, getenv("RVIVE_TEST_WITHOUT_PASS"), &error));
    /* RVIVE_TEST_CHECK: every access of translated code is compared with the MMU. */
    if (guest->dbt && getenv("RVIVE_TEST_CHECK"))
        dbt_check_accesses(guest->dbt);
    /* RVIVE_TEST_WINDOWS: its accesses go to windows, if it has some. */
    bool windows = guest->dbt && getenv("RVIVE_TEST_WINDOWS");
    guest->bus.ram =
        (struct hart_ram){ .fd = guest->ram_fd, .host = guest->ram, .base = RAM_BASE, .size = RAM_SIZE };
    if (windows)
        dbt_use_windows(guest->dbt, true);
    if (tier == GUEST_T1_WITHOUT_ALL)
        ck_assert(dbt_without(guest->dbt, "all", &error));
    for (unsigned i = 0; i < harts; i++) {
        struct hart_config config = { .id = i,
                                      .isa = &isa,
                                      .bus = &guest->bus,
                                      .clock = guest->clock,
                                      .timebase_hz = 10000000,
                                      .reset_pc = START + i * PAGE_SIZE,
                                      .windows = windows ? HART_WINDOWS_KERNEL : HART_WINDOWS_NONE };
        ck_assert_ptr_nonnull(guest->harts[i] = hart_create(&config, &error));
        ck_assert_ptr_null(hart_windows_refused(guest->harts[i]));
        if (guest->dbt)
            ck_assert(dbt_attach(guest->dbt, guest->harts[i], 1, &error));
    }
}

static void *run_hart(void *hart)
{
    hart_run(hart);
    return NULL;
}

/* Little more stack than translated code may use, so that a use of more is noticed. */
#define STACK_SIZE (1400u << 10)

void guest_start(struct guest *guest)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, STACK_SIZE), 0);
    for (unsigned i = 0; i < guest->hart_count; i++)
        ck_assert_int_eq(pthread_create(&guest->threads[i], &attributes, run_hart, guest->harts[i]), 0);
    pthread_attr_destroy(&attributes);
}

void guest_join(struct guest *guest)
{
    for (unsigned i = 0; i < guest->hart_count; i++)
        pthread_join(guest->threads[i], NULL);
    if (guest->dbt)
        ck_assert_uint_gt(dbt_translated(guest->dbt), 0);
}

void guest_destroy(struct guest *guest)
{
    for (unsigned i = 0; i < guest->hart_count; i++)
        hart_destroy(guest->harts[i]);
    dbt_destroy(guest->dbt);
    clock_destroy(guest->clock);
    munmap(guest->ram - PAGE_SIZE, RAM_SIZE + 2 * PAGE_SIZE);
    close(guest->ram_fd);
}

/* Whatever was touched in the RAM of `touched`, which is one of the two, is the same in both. Most of RAM is
 * never touched, and reading it would cost a page fault for each page. */
static void compare_touched(const struct guest *touched, const struct guest *a, const struct guest *b,
                            unsigned tier)
{
    off_t end = 0, begin;
    while ((begin = lseek(touched->ram_fd, end, SEEK_DATA)) >= 0) {
        ck_assert_int_gt(end = lseek(touched->ram_fd, begin, SEEK_HOLE), begin);
        if (memcmp(a->ram + begin, b->ram + begin, (size_t)(end - begin)) == 0)
            continue;
        for (off_t at = begin; at < end; at += 8)
            ck_assert_msg(memcmp(a->ram + at, b->ram + at, 8) == 0, "%s tier %u: %#llx has %#llx, not %#llx",
                          guest_label, tier, (unsigned long long)(RAM_BASE + at),
                          (unsigned long long)guest_word(b, RAM_BASE + (uint64_t)at),
                          (unsigned long long)guest_word(a, RAM_BASE + (uint64_t)at));
    }
    ck_assert_int_eq(errno, ENXIO); /* no more data in the file */
    ck_assert_int_gt(end, 0);       /* the program was touched */
}

static void compare(const struct guest *a, const struct guest *b, unsigned tier)
{
    for (unsigned h = 0; h < a->hart_count; h++)
        for (unsigned i = 1; i < 32; i++)
            ck_assert_msg(a->harts[h]->x[i] == b->harts[h]->x[i],
                          "%s tier %u, hart %u: x%u is %#llx, not %#llx", guest_label, tier, h, i,
                          (unsigned long long)b->harts[h]->x[i], (unsigned long long)a->harts[h]->x[i]);
    for (unsigned h = 0; h < a->hart_count; h++)
        ck_assert_msg(memcmp(a->harts[h]->f, b->harts[h]->f, sizeof(a->harts[h]->f)) == 0,
                      "%s tier %u, hart %u: f registers differ", guest_label, tier, h);
    compare_touched(a, a, b, tier);
    compare_touched(b, a, b, tier);
}

void guest_run_tiers(unsigned harts, guest_fn *build, guest_fn *check, const void *argument)
{
    struct guest guests[GUEST_TIERS];
    for (unsigned tier = 0; tier < GUEST_TIERS; tier++) {
        struct guest *guest = &guests[tier];
        guest_create(guest, (enum guest_tier)tier, harts);
        build(guest, argument);
        guest_start(guest);
        guest_join(guest);
        if (check)
            check(guest, argument);
        if (tier)
            compare(&guests[0], guest, tier);
    }
    for (unsigned tier = 0; tier < GUEST_TIERS; tier++)
        guest_destroy(&guests[tier]);
}

unsigned guest_random(uint64_t *state, unsigned limit)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % limit;
}

uint64_t guest_word(const struct guest *guest, uint64_t paddr)
{
    uint64_t value;
    memcpy(&value, guest->ram + (paddr - RAM_BASE), sizeof(value));
    return value;
}

void guest_set_word(struct guest *guest, uint64_t paddr, uint64_t value)
{
    memcpy(guest->ram + (paddr - RAM_BASE), &value, sizeof(value));
}

/* ---- Programs ------------------------------------------------------------------------------------------ */

uint32_t guest_encode(enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2, int32_t imm)
{
    struct isa_operands o = { .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2, .imm = imm };
    return isa_encode(insn, &o);
}

void guest_put(struct guest *guest, enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2, int32_t imm)
{
    uint32_t bits = guest_encode(insn, rd, rs1, rs2, imm);
    memcpy(guest->ram + (guest->at - RAM_BASE), &bits, 4);
    guest->at += 4;
}

void guest_put16(struct guest *guest, unsigned bits)
{
    memcpy(guest->ram + (guest->at - RAM_BASE), &(uint16_t){ (uint16_t)bits }, 2);
    guest->at += 2;
}

void guest_put_save(struct guest *guest, unsigned base, unsigned value, int32_t imm)
{
    guest_put(guest, guest_xlen == 64 ? ISA_INSN_sd : ISA_INSN_sw, 0, base, value, imm);
}

void guest_put_value(struct guest *guest, unsigned rd, uint32_t value)
{
    int32_t low = (int32_t)(value << 20) >> 20;
    I(lui, rd, 0, 0, (int32_t)(value - (uint32_t)low));
    if (guest_xlen == 32) {
        I(addi, rd, rd, 0, low);
        I(addi, rd, rd, 0, 0);
        I(addi, rd, rd, 0, 0);
        return;
    }
    I(addiw, rd, rd, 0, low);
    I(slli, rd, rd, 0, 32);
    I(srli, rd, rd, 0, 32);
}

void guest_put_jal(struct guest *guest, unsigned rd, uint64_t target)
{
    I(jal, rd, 0, 0, (int32_t)(target - guest->at));
}

void guest_put_branch(struct guest *guest, enum isa_insn insn, unsigned rs1, unsigned rs2, uint64_t target)
{
    guest_put(guest, insn, 0, rs1, rs2, (int32_t)(target - guest->at));
}

void guest_put_end(struct guest *guest, unsigned hart)
{
    I(csrrs, T6, 0, 0, CSR_MINSTRET);
    guest_put_stop(guest, hart);
}

void guest_put_stop(struct guest *guest, unsigned hart)
{
    I(lui, T5, 0, 0, (int32_t)PORT);
    guest_put_save(guest, T5, 0, (int32_t)(8 * hart));
    I(wfi, 0, 0, 0, 0);
    I(jal, 0, 0, 0, -4);
}

void guest_put_log_traps(struct guest *guest)
{
    guest_put_value(guest, T4, LOG);
    guest_put_value(guest, T5, HANDLER);
    I(csrrw, 0, T5, 0, CSR_MTVEC);
    uint64_t back = guest->at;
    static const int csrs[] = { CSR_MCAUSE, CSR_MEPC, CSR_MTVAL, CSR_MINSTRET };
    guest->at = HANDLER;
    for (int i = 0; i < 4; i++) {
        I(csrrs, T5, 0, 0, csrs[i]);
        guest_put_save(guest, T4, T5, 8 * i);
    }
    I(addi, T4, T4, 0, 32);
    I(csrrs, T5, 0, 0, CSR_MEPC);
    I(addi, T5, T5, 0, 4);
    I(csrrw, 0, T5, 0, CSR_MEPC);
    I(mret, 0, 0, 0, 0);
    guest->at = back;
}
