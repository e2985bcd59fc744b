/* SPDX-License-Identifier: MIT
 *
 * A hart on a bus of 64 KiB, seen from outside: things that no guest program can see or do itself.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cpu/csr/csr.h"
#include "cpu/hart_view.h"
#include "cpu/hyper.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "tests/suite.h"
#include "util/host_time.h"

#define RAM_BASE 0x80000000u
#define RAM_SIZE 0x10000u

enum { MSTATUS = 0x300, MIE = 0x304, MTVEC = 0x305, MENVCFG = 0x30a, STIMECMP = 0x14d };

static struct hart_bus bus;
static uint8_t *ram;
static struct clock *clock_;
static _Atomic int64_t mtime_offset;
static struct isa_config isa;
static struct hart *hart;

static uint8_t *bus_page(struct hart_bus *side, uint64_t paddr, bool *writable)
{
    (void)side;
    *writable = true;
    return paddr >= RAM_BASE && paddr - RAM_BASE < RAM_SIZE ? ram + (paddr - RAM_BASE) : NULL;
}

static bool bus_read(struct hart_bus *side, uint64_t paddr, unsigned size, uint64_t *value)
{
    (void)side, (void)paddr, (void)size, (void)value;
    return false;
}

static bool bus_write(struct hart_bus *side, uint64_t paddr, unsigned size, uint64_t value)
{
    (void)side, (void)paddr, (void)size, (void)value;
    return false;
}

static uint32_t late_store; /* 0: none */

/* The worst moment for a device to store to code: the bus has just been told that a hart decodes the page. */
static void bus_code_page(struct hart_bus *side, uint64_t paddr)
{
    (void)side, (void)paddr;
    if (late_store) {
        memcpy(ram, &late_store, 4);
        hart_request(hart, HART_REQUEST_FENCE_I);
        late_store = 0;
    }
}

static bool bus_mapped(struct hart_bus *side, uint64_t paddr)
{
    bool writable;
    return bus_page(side, paddr & PAGE_MASK, &writable);
}

static bool bus_paddr(struct hart_bus *side, const void *host, uint64_t *paddr)
{
    (void)side;
    uint64_t offset = (uint64_t)((uintptr_t)host - (uintptr_t)ram);
    *paddr = RAM_BASE + offset;
    return offset < RAM_SIZE;
}

static struct hart *make_hart(void)
{
    struct error error = { .text = "" };
    struct hart_config config = {
        .isa = &isa,
        .bus = &bus,
        .clock = clock_,
        .timebase_hz = 10000000,
        .reset_pc = RAM_BASE,
        .mtime_offset = &mtime_offset,
    };
    struct hart *made = hart_create(&config, &error);
    ck_assert_msg(made != NULL, "%s", error.text);
    return made;
}

static void setup_cpu(const char *cpu)
{
    static const struct hart_bus_ops ops = { .page = bus_page,
                                             .read = bus_read,
                                             .write = bus_write,
                                             .code_page = bus_code_page,
                                             .mapped = bus_mapped,
                                             .paddr = bus_paddr };
    struct error error = { .text = "" };
    bus.ops = &ops;
    isa_init();
    ck_assert_msg(isa_config_parse(&isa, cpu, &error), "%s", error.text);
    ram = aligned_alloc(PAGE_SIZE, RAM_SIZE);
    memset(ram, 0, RAM_SIZE);
    clock_ = clock_create(&error);
    ck_assert_msg(clock_ != NULL, "%s", error.text);
    atomic_store(&mtime_offset, 0);
    hart = make_hart();
}

static void setup(void)
{
    setup_cpu("rv64");
}

static void teardown(void)
{
    hart_destroy(hart);
    clock_destroy(clock_);
    free(ram);
}

static void put(unsigned offset, uint32_t insn)
{
    memcpy(ram + offset, &insn, 4);
}

static void *run(void *opaque)
{
    hart_run(opaque);
    return NULL;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A comparison in the far future costs nothing, whatever mtime has been set to. */
START_TEST(test_timer_far_away)
{
    static const int64_t offsets[] = { 0, -1000000, INT64_MIN, INT64_MAX, 1000000 };
    usleep(10000);
    csr_write(hart, MENVCFG, ENVCFG_STCE);
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        atomic_store(&mtime_offset, offsets[i]);
        csr_write(hart, STIMECMP, UINT64_MAX);
        ck_assert_uint_eq(csr_read(hart, 0x344) & IRQ_STI, 0);
        double before = cpu_seconds();
        usleep(100000);
        ck_assert_double_lt(cpu_seconds() - before, 0.05);
        ck_assert_uint_eq(csr_read(hart, 0x344) & IRQ_STI, 0);
    }
}
END_TEST

static bool stip_within(unsigned ms, bool level)
{
    for (unsigned i = 0; i < ms; i++) {
        if (!!(csr_read(hart, 0x344) & IRQ_STI) == level)
            return true;
        usleep(1000);
    }
    return false;
}

/* STIP is time >= stimecmp as unsigned numbers, also when time wraps (Sstc). */
START_TEST(test_timer_level)
{
    static const int64_t offsets[] = { 0, -1000000000000, INT64_MIN, INT64_MAX };
    csr_write(hart, MENVCFG, ENVCFG_STCE);
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        atomic_store(&mtime_offset, offsets[i]);
        csr_write(hart, STIMECMP, csr_time(hart) + 500000); /* 50 ms */
        ck_assert_uint_eq(csr_read(hart, 0x344) & IRQ_STI, 0);
        ck_assert(stip_within(2000, true));
    }
    atomic_store(&mtime_offset, -(int64_t)(csr_time(hart) - (uint64_t)atomic_load(&mtime_offset)) - 500000);
    csr_write(hart, STIMECMP, 1ull << 63);
    ck_assert_uint_ne(csr_read(hart, 0x344) & IRQ_STI, 0);
    ck_assert(stip_within(2000, false)); /* mtime passed 0 */
}
END_TEST

/* An interrupt that arrives together with a stop is taken when the hart runs again. */
START_TEST(test_stop_keeps_interrupt)
{
    pthread_t thread;
    put(0, 0x0000006f);     /* j . */
    put(0x100, 0x0000006f); /* the handler */
    csr_write(hart, MTVEC, RAM_BASE + 0x100);
    csr_write(hart, MIE, IRQ_MEI);
    csr_write(hart, MSTATUS, MSTATUS_MIE);
    hart_request(hart, HART_REQUEST_STOP);
    hart_set_irq(hart, 11, true);
    hart_run(hart);
    ck_assert_uint_eq(hart_pc(hart), RAM_BASE);
    hart_clear_stop(hart);
    uint64_t before = hart_instructions(hart);
    pthread_create(&thread, NULL, run, hart);
    for (unsigned n = 0; n < 1000 && hart_instructions(hart) == before; n++) /* the machine may be busy */
        usleep(20000);
    hart_request(hart, HART_REQUEST_STOP);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(hart_pc(hart), RAM_BASE + 0x100);
}
END_TEST

/* The bytes that are decoded are the bytes that are later compared with memory. */
START_TEST(test_store_while_decoding)
{
    pthread_t thread;
    put(0, 0x00100513);      /* li a0, 1 */
    put(4, 0xffdff06f);      /* j -4 */
    late_store = 0x00200513; /* li a0, 2 */
    pthread_create(&thread, NULL, run, hart);
    usleep(20000);
    hart_request(hart, HART_REQUEST_FENCE_I);
    usleep(20000);
    hart_request(hart, HART_REQUEST_STOP);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(late_store, 0);
    ck_assert_uint_eq(hart->x[10], 2);
}
END_TEST

/* A device keeps storing to code that runs: at the end the hart executes the device's last instruction. */
START_TEST(test_stores_while_running)
{
    pthread_t thread;
    put(0, 0x00000513);
    put(4, 0xffdff06f); /* j -4 */
    pthread_create(&thread, NULL, run, hart);
    for (uint32_t n = 1; n < 2000; n++) {
        put(0, n << 20 | 0x513); /* li a0, n */
        hart_request(hart, HART_REQUEST_FENCE_I);
    }
    usleep(50000);
    hart_request(hart, HART_REQUEST_STOP);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(hart->x[10], 1999);
}
END_TEST

/* Interrupts as fast as the hart goes to sleep: none is lost. */
START_TEST(test_wfi_wakes)
{
    pthread_t thread;
    put(0, 0x10500073);     /* wfi */
    put(4, 0xffdff06f);     /* j -4 */
    put(0x100, 0x00150513); /* addi a0, a0, 1 */
    put(0x104, 0x30405073); /* csrwi mie, 0: once */
    put(0x108, 0x10500073); /* wfi until somebody sets mie: in this test nobody does */
    put(0x10c, 0xffdff06f);
    for (unsigned i = 0; i < 3000; i++) {
        hart_reset(hart);
        hart->x[10] = 0;
        csr_write(hart, MTVEC, RAM_BASE + 0x100);
        csr_write(hart, MIE, IRQ_MSI);
        csr_write(hart, MSTATUS, MSTATUS_MIE);
        pthread_create(&thread, NULL, run, hart);
        for (volatile unsigned spin = 0; spin < i * 37 % 5000; spin++)
            ;
        hart_set_irq(hart, 3, true);
        unsigned waited = 0;
        while (!atomic_load(&hart->sleeping) && waited++ < 1000000)
            sched_yield();
        hart_request(hart, HART_REQUEST_STOP);
        pthread_join(thread, NULL);
        hart_clear_stop(hart);
        hart_set_irq(hart, 3, false);
        ck_assert_uint_ge(hart->x[10] + (hart_pc(hart) < RAM_BASE + 0x100), 1);
        /* Stopped before it saw the interrupt: the request must still be set. */
        if (hart_pc(hart) < RAM_BASE + 0x100) {
            ck_assert_uint_ne(atomic_load(&hart->requests) & HART_REQUEST_IRQ, 0);
        }
    }
}
END_TEST

/* A loop around wfi while an interrupt is pending that is not taken; OpenSBI's harts wait like this to be
 * started. The loop runs, but slowly, and requests of other harts do not hurry it: OpenSBI 1.1 hangs if a
 * hart looks at the wrong moment. */
START_TEST(test_wfi_loop_rests)
{
    pthread_t thread;
    put(0, 0x10500073); /* wfi */
    put(4, 0xffdff06f); /* j -4 */
    csr_write(hart, MIE, IRQ_MSI);
    hart_set_irq(hart, 3, true);
    uint64_t before = hart_instructions(hart), begin = host_now_ms();
    pthread_create(&thread, NULL, run, hart);
    while (hart_instructions(hart) - before < 100) /* the machine may be busy */
        usleep(1000);
    for (unsigned i = 0; i < 300; i++) {
        usleep(1000);
        hart_request(hart, HART_REQUEST_FENCE_I);
    }
    hart_request(hart, HART_REQUEST_STOP);
    pthread_join(thread, NULL);
    uint64_t milliseconds = host_now_ms() - begin;
    ck_assert_uint_lt(hart_instructions(hart) - before, 100 + milliseconds);
    /* An interrupt that the hart takes is taken at once. */
    hart_clear_stop(hart);
    put(0x100, 0x0000006f); /* the handler: j . */
    csr_write(hart, MTVEC, RAM_BASE + 0x100);
    csr_write(hart, MSTATUS, MSTATUS_MIE);
    hart_step(hart);
    ck_assert_uint_eq(hart_pc(hart), RAM_BASE + 0x100);
}
END_TEST

static uint64_t random64(unsigned *seed)
{
    uint64_t value = (uint64_t)rand_r(seed) << 62 ^ (uint64_t)rand_r(seed) << 31 ^ (uint64_t)rand_r(seed);
    return rand_r(seed) % 4 ? value : value & (uint64_t)rand_r(seed) << rand_r(seed) % 33;
}

static void scramble_hyper(unsigned *seed)
{
    struct hart_hyper *h = &hart->hyper;
    uint64_t *const fields[] = { &h->bank.status, &h->bank.tvec, &h->bank.epc, &h->bank.satp, &h->off,
                                 &h->hstatus,     &h->hedeleg,   &h->hideleg,  &h->hgatp,     &h->htval,
                                 &h->htimedelta,  &h->henvcfg,   &h->mtval2,   &h->vstimecmp };
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        *fields[i] = random64(seed);
    h->virt = rand_r(seed) % 2;
    h->hcounteren = (uint32_t)rand_r(seed);
}

/* Any value in any register, as in a state that nobody saved. */
static void scramble(unsigned *seed)
{
    uint64_t *const fields[] = { &hart->pc,      &hart->mstatus, &hart->medeleg, &hart->mideleg,
                                 &hart->mie,     &hart->mtvec,   &hart->mepc,    &hart->mcause,
                                 &hart->stvec,   &hart->sepc,    &hart->scause,  &hart->satp,
                                 &hart->menvcfg, &hart->senvcfg, &hart->stimecmp };
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        *fields[i] = random64(seed);
    for (unsigned i = 0; i < PMP_COUNT; i++) {
        hart->pmpcfg[i] = rand_r(seed) % 2 ? (uint8_t)rand_r(seed) : 0;
        hart->pmpaddr[i] = random64(seed);
    }
    struct hart_vector *v = &hart->vector;
    v->vtype = (uint8_t)rand_r(seed);
    v->vl = rand_r(seed) % 4 ? (unsigned)rand_r(seed) % 1024 : (uint32_t)rand_r(seed);
    v->vstart = (uint32_t)rand_r(seed);
    v->vill = rand_r(seed) % 8 == 0;
    hart->v[(unsigned)rand_r(seed) % sizeof(hart->v)] = (uint8_t)rand_r(seed);
    hart->mcountinhibit = (uint32_t)rand_r(seed);
    hart->priv = (enum privilege)(rand_r(seed) % 4);
    if (isa_has(&hart->isa, ISA_H))
        scramble_hyper(seed);
    atomic_store(&hart->irq_soft, (unsigned)rand_r(seed));
    atomic_store(&hart->irq_lines, (unsigned)rand_r(seed));
}

static void check_legal_hyper(void)
{
    const struct hart_hyper *h = &hart->hyper;
    uint64_t mode = h->bank.satp >> 60, second = h->hgatp >> 60;
    ck_assert(!h->virt || hart->priv != PRIV_M);
    ck_assert(isa_has(&hart->isa, ISA_H) || !(h->virt | h->hgatp | h->hideleg | h->hstatus));
    ck_assert_uint_eq(h->hideleg & ~(uint64_t)IRQ_VS, 0);
    ck_assert_uint_eq((h->bank.epc & 1) | (h->bank.tvec & 2) | (h->hgatp & 3) | h->access, 0);
    ck_assert(hart->isa.xlen == 32 || mode == 0 || (mode >= 8 && mode <= 10));
    ck_assert(hart->isa.xlen == 32 || second == 0 || (second >= 8 && second <= 10));
}

static void check_legal(void)
{
    uint64_t mode = hart->satp >> 60, mpp = hart->mstatus >> MSTATUS_MPP_SHIFT & 3;
    unsigned modes =
        1u << PRIV_M | (unsigned)hart->isa.supervisor << PRIV_S | (unsigned)hart->isa.user << PRIV_U;
    ck_assert(modes >> mpp & 1 && modes >> hart->priv & 1);
    ck_assert_uint_eq((hart->pc | hart->mepc | hart->sepc) & 1, 0);
    ck_assert_uint_eq((hart->mtvec | hart->stvec) & 2, 0);
    ck_assert(hart->isa.xlen == 32 || mode == 0 || (mode >= 8 && mode <= 10));
    uint64_t widths = hart->isa.xlen == 32 ? 0 : (hart->isa.user ? 2u : 0) | (hart->isa.supervisor ? 8u : 0);
    ck_assert_uint_eq((hart->mstatus & ~(MSTATUS_MPELP | MSTATUS_MPV | MSTATUS_GVA)) >> 32, widths);
    check_legal_hyper();
    ck_assert_uint_eq((hart->ssp & 3) | (hart->jvt & 63), 0);
    if (hart->isa.xlen == 32)
        ck_assert_uint_eq((hart->pc | hart->mepc | hart->mtvec | hart->stvec | hart->satp) >> 32, 0);
    if (!hart->isa.supervisor)
        ck_assert_uint_eq(hart->mideleg | hart->medeleg | hart->satp, 0);
    const struct hart_vector *v = &hart->vector;
    ck_assert_uint_eq(v->vlenb, isa_has(&hart->isa, ISA_V) ? hart->isa.vlen / 8 : 0);
    ck_assert(v->vill ? v->vtype == 0 && v->vl == 0 : v->sew - v->lmul <= 3);
    ck_assert_uint_le(v->vl << v->sew, 8 * v->vlenb);
    ck_assert(v->vstart < 8 * v->vlenb || !v->vlenb);
}

/* Whatever a saved state holds, every register has a legal value afterwards, and the hart runs and can be
 * stopped. */
static void load_scrambled(const char *cpu)
{
    unsigned seed = (unsigned)time(NULL);
    setup_cpu(cpu);
    fprintf(stderr, "%s: seed %u\n", cpu, seed);
    for (unsigned round = 0; round < 200; round++) {
        struct state_writer saved;
        struct state_reader reader;
        struct error error = { .text = "" };
        uint8_t vectors[sizeof(hart->v)];
        pthread_t thread;
        for (unsigned i = 0; i < RAM_SIZE; i++)
            ram[i] = (uint8_t)rand_r(&seed);
        scramble(&seed);
        memcpy(vectors, hart->v, sizeof(vectors));
        state_writer_init(&saved);
        hart_save(hart, &saved);
        state_reader_init(&reader, saved.bytes, saved.length, &error);
        ck_assert_msg(hart_load(hart, &reader), "%s", error.text);
        ck_assert_mem_eq(vectors, hart->v, 32 * hart->vector.vlenb);
        state_writer_destroy(&saved);
        check_legal();
        if (round % 2)
            hart->pc = RAM_BASE + ((unsigned)rand_r(&seed) % RAM_SIZE & ~1u);
        pthread_create(&thread, NULL, run, hart);
        usleep(1000);
        hart_request(hart, HART_REQUEST_STOP);
        pthread_join(thread, NULL);
        hart_clear_stop(hart);
    }
    teardown();
}

START_TEST(test_load_scrambled)
{
    load_scrambled("rv64");
    load_scrambled("rv32");
    load_scrambled("rv64,s=off");
    load_scrambled("rv64,v=on,vlen=512");
    load_scrambled("rv64,h=on");
    load_scrambled("rv32,h=on");
}
END_TEST

/* In a virtual machine, too: everything is as it was. */
START_TEST(test_load_virtual)
{
    struct state_writer saved;
    struct state_reader reader;
    struct error error = { .text = "" };
    unsigned seed = 5;
    setup_cpu("rv64,h=on");
    scramble_hyper(&seed);
    hart->priv = PRIV_S;
    hart->satp = 0;
    csr_legalize(hart);
    hyper_set_virt(hart, false);
    hyper_set_virt(hart, true);
    uint64_t mstatus = hart->mstatus;
    const struct hart_hyper before = hart->hyper;
    state_writer_init(&saved);
    hart_save(hart, &saved);
    hart_reset(hart);
    ck_assert(!hart->hyper.virt && !hart->hyper.hgatp);
    state_reader_init(&reader, saved.bytes, saved.length, &error);
    ck_assert_msg(hart_load(hart, &reader), "%s", error.text);
    ck_assert_mem_eq(&hart->hyper, &before, sizeof(before));
    ck_assert_uint_eq(hart->mstatus, mstatus);
    state_writer_destroy(&saved);
    teardown();
}
END_TEST

/* Saved and loaded between all instructions: in VS-mode with a second stage, over a trap to HS-mode, and back
 * again. */
static void step_loaded(void)
{
    struct state_writer saved;
    struct state_reader reader;
    struct error error = { .text = "" };
    state_writer_init(&saved);
    hart_save(hart, &saved);
    hart_reset(hart);
    state_reader_init(&reader, saved.bytes, saved.length, &error);
    ck_assert_msg(hart_load(hart, &reader), "%s", error.text);
    state_writer_destroy(&saved);
    hart_step(hart);
}

static void enter_guest(void)
{
    const uint64_t page = (uint64_t)RAM_BASE >> 12 << 10 | 0xdf; /* of 1 GiB, at 0x40000000 for the guest */
    memcpy(ram + 0x8008, &page, sizeof(page));
    csr_write(hart, 0x3b0, UINT64_MAX);
    csr_write(hart, 0x3a0, 0x1f);
    csr_write(hart, 0x302, 1ull << CAUSE_ECALL_VS);
    csr_write(hart, 0x105, RAM_BASE + 0x100);
    csr_write(hart, 0x140, 1);
    csr_write(hart, 0x240, 2);
    csr_write(hart, 0x680, 8ull << 60 | (RAM_BASE + 0x8000) >> 12);
    hart->priv = PRIV_S;
    hyper_set_virt(hart, true);
    tlb_select(hart);
    hart->pc = 0x40000000;
}

START_TEST(test_virtual_goes_on)
{
    setup_cpu("rv64,h=on");
    put(0, 0x14002573);     /* csrr a0, sscratch */
    put(4, 0x00000073);     /* ecall */
    put(0x100, 0x140025f3); /* csrr a1, sscratch */
    put(0x104, 0x24002673); /* csrr a2, vsscratch */
    put(0x108, 0x10200073); /* sret */
    enter_guest();
    step_loaded();
    ck_assert_uint_eq(hart->x[10], 2);
    step_loaded();
    ck_assert(!hart->hyper.virt && hart_pc(hart) == RAM_BASE + 0x100);
    ck_assert_uint_eq(hart->scause, CAUSE_ECALL_VS);
    for (unsigned i = 0; i < 3; i++)
        step_loaded();
    ck_assert_uint_eq(hart->x[11], 1);
    ck_assert_uint_eq(hart->x[12], 2);
    ck_assert(hart->hyper.virt && hart->priv == PRIV_S && hart_pc(hart) == 0x40000004);
    step_loaded();
    ck_assert_uint_eq(hart->sepc, 0x40000004);
    ck_assert(!hart->hyper.virt);
    teardown();
}
END_TEST

/* An SC after loading does what it would have done: it succeeds if memory is as LR saw it. */
START_TEST(test_load_reservation)
{
    setup();
    put(0, 0x100522af); /* lr.w t0, (a0) */
    put(4, 0x18c5232f); /* sc.w t1, a2, (a0) */
    for (unsigned round = 0; round < 3; round++) {
        struct state_writer saved;
        struct state_reader reader;
        struct error error = { .text = "" };
        hart->pc = RAM_BASE;
        hart->x[10] = RAM_BASE + 0x100;
        hart->x[12] = 5;
        put(0x100, 7);
        hart_step(hart);
        ck_assert_uint_eq(hart->x[5], 7);
        state_writer_init(&saved);
        hart_save(hart, &saved);
        hart_reset(hart);
        state_reader_init(&reader, saved.bytes, saved.length, &error);
        ck_assert_msg(hart_load(hart, &reader), "%s", error.text);
        state_writer_destroy(&saved);
        if (round == 1)
            put(0x100, 8);
        if (round == 2)
            hart->x[10] += 4;
        hart_step(hart);
        ck_assert_uint_eq(hart->x[6], round != 0);
        ck_assert_uint_eq(*(uint32_t *)(void *)(ram + 0x100), round == 0 ? 5 : round == 1 ? 8 : 7);
    }
    teardown();
}
END_TEST

/* ---- Looking and translating --------------------------------------------------------------------------- */

/* Sv39 with one page: its tables are pages 1 to 3 of RAM. Returns a pointer to the leaf. */
static uint64_t *one_page(void)
{
    uint64_t *tables = (uint64_t *)(void *)ram;
    hart->satp = 8ull << 60 | (RAM_BASE + 0x1000) >> 12;
    hart->priv = PRIV_S;
    hart->isa.pmp = false;
    tables[512] = (RAM_BASE + 0x2000ull) >> 2 | 1;
    tables[1024] = (RAM_BASE + 0x3000ull) >> 2 | 1;
    tlb_flush_all(hart);
    return &tables[1536];
}

/* Any bits in the leaf: the debugger's walk says "mapped" if and only if an access that the leaf permits does
 * not fault. */
START_TEST(test_view_agrees_with_access)
{
    uint64_t *leaf = one_page();
    unsigned seed = getenv("RVIVE_SEED") ? (unsigned)strtoul(getenv("RVIVE_SEED"), NULL, 0) : 1, mapped = 0;
    printf("RVIVE_SEED=%u\n", seed);
    for (unsigned i = 0; i < 20000; i++) {
        *leaf = (RAM_BASE + 0x8000ull) >> 2 | 0xcf; /* V R W X A D */
        unsigned flips = (unsigned)rand_r(&seed) % 4;
        for (unsigned k = 0; k < flips; k++)
            *leaf ^= 1ull << (rand_r(&seed) % 64);
        uint64_t pte = *leaf;
        struct walk walk;
        struct mmu_result result;
        tlb_flush_all(hart);
        hart_view_walk(hart, 0x10, &walk);
        bool reads = mmu_translate(hart, 0x10, 1, MMU_READ, &result) == MMU_OK;
        if (reads)
            ck_assert_msg(walk.end == WALK_MAPPED && walk.paddr == result.paddr, "entry 0x%llx",
                          (unsigned long long)pte);
        /* Then the leaf does not permit the access, or there is no such address. */
        else if (walk.end == WALK_MAPPED)
            ck_assert_msg(!(pte & PTE_R) || pte & PTE_U || !(pte & PTE_A) || walk.paddr >> 56, "entry 0x%llx",
                          (unsigned long long)pte);
        mapped += reads;
    }
    ck_assert_uint_gt(mapped, 2000);
    *leaf = (RAM_BASE + 0x8000ull) >> 2 | 0xcf | 3ull << 61;
    struct walk walk;
    hart_view_walk(hart, 0x10, &walk);
    ck_assert_int_eq(walk.end, WALK_RESERVED); /* PBMT 3 */
}
END_TEST

static void find_entry(void *opaque, const struct hart_view_tlb_entry *entry)
{
    struct hart_view_tlb_entry *found = opaque;
    if (entry->vaddr == 0)
        *found = *entry;
}

/* A page with G is in the TLB that serves all address spaces; one without it ends that. */
START_TEST(test_view_tlb)
{
    uint64_t *leaf = one_page();
    struct hart_view_tlb_entry entry = { 0 };
    struct mmu_result result;
    *leaf = (RAM_BASE + 0x8000ull) >> 2 | 0xef; /* V R W X G A D */
    hart->satp |= 5ull << 44;
    tlb_select(hart);
    ck_assert_int_eq(mmu_translate(hart, 0x10, 1, MMU_READ, &result), MMU_OK);
    hart_view_tlb(hart, find_entry, &entry);
    ck_assert(entry.kind == 'r' && entry.global && entry.privilege == PRIV_S);
    *leaf &= ~0x20ull;
    tlb_flush(hart, true, 0, true, 0);
    ck_assert_int_eq(mmu_translate(hart, 0x10, 1, MMU_READ, &result), MMU_OK);
    ck_assert(!result.cacheable);
    tlb_flush_all(hart); /* which was requested */
    ck_assert_int_eq(mmu_translate(hart, 0x10, 1, MMU_READ, &result), MMU_OK);
    ck_assert(result.cacheable);
    hart_view_tlb(hart, find_entry, &entry);
    ck_assert(!entry.global && entry.asid == 5);
}
END_TEST

START_TEST(test_view_asks_pmp)
{
    struct walk walk;
    *one_page() = (RAM_BASE + 0x8000ull) >> 2 | 0xcf;
    hart_view_walk(hart, 0x10, &walk);
    ck_assert_int_eq(walk.end, WALK_MAPPED);
    hart->isa.pmp = true;
    hart->pmpaddr[0] = (RAM_BASE + 0x2000ull) >> 2;
    hart->pmpaddr[1] = (RAM_BASE + 0x3000ull) >> 2;
    hart->pmpaddr[2] = ~0ull >> 10;
    hart->pmpcfg[1] = 1 << 3; /* TOR, no permission: the second table */
    hart->pmpcfg[2] = 1 << 3 | 7;
    pmp_update(hart);
    hart_view_walk(hart, 0x10, &walk);
    ck_assert_int_eq(walk.end, WALK_PMP);
}
END_TEST

Suite *test_suite(void)
{
    Suite *s = suite_create("hart");
    TCase *c = tcase_create("hart"), *states = tcase_create("states");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_view_agrees_with_access);
    tcase_add_test(c, test_view_asks_pmp);
    tcase_add_test(c, test_view_tlb);
    tcase_add_test(c, test_timer_far_away);
    tcase_add_test(c, test_timer_level);
    tcase_add_test(c, test_stop_keeps_interrupt);
    tcase_add_test(c, test_store_while_decoding);
    tcase_add_test(c, test_stores_while_running);
    tcase_add_test(c, test_wfi_wakes);
    tcase_add_test(c, test_wfi_loop_rests);
    suite_add_tcase(s, c);
    tcase_set_timeout(states, 120);
    tcase_add_test(states, test_load_scrambled);
    tcase_add_test(states, test_load_virtual);
    tcase_add_test(states, test_virtual_goes_on);
    tcase_add_test(states, test_load_reservation);
    suite_add_tcase(s, states);
    return s;
}
