/* SPDX-License-Identifier: MIT
 *
 * The APLIC at register level, with wires and with messages, and the pages of interrupt files: delegation,
 * source modes, claims, addresses of messages, limits, hostile values, state, FDT.
 */
#include "devices/platform/aplic.h"
#include "devices/platform/imsic.h"
#include "tests/devices/fake.h"

enum { SOURCES = 96, HARTS = 2 };
enum {
    DOMAINCFG = 0,
    MMSIADDRCFG = 0x1bc0,
    MMSIADDRCFGH = 0x1bc4,
    SMSIADDRCFG = 0x1bc8,
    SMSIADDRCFGH = 0x1bcc,
    SETIP = 0x1c00,
    SETIPNUM = 0x1cdc,
    IN_CLRIP = 0x1d00,
    CLRIPNUM = 0x1ddc,
    SETIE = 0x1e00,
    SETIENUM = 0x1edc,
    CLRIENUM = 0x1fdc,
    SETIPNUM_LE = 0x2000,
    SETIPNUM_BE = 0x2004,
    GENMSI = 0x3000
};
#define SOURCECFG(n)  (4u * (n))
#define TARGET(n)     (0x3000u + 4u * (n))
#define IDC(hart, at) (0x4000u + 32u * (hart) + (at))
enum { IDELIVERY = 0, IFORCE = 4, ITHRESHOLD = 8, TOPI = 0x18, CLAIMI = 0x1c };
enum { INACTIVE = 0, DETACHED = 1, EDGE1 = 4, EDGE0, LEVEL1, LEVEL0, DELEGATED = 0x400, IE = 0x100 };

static struct fake_irq irqs[2 * HARTS]; /* M and S of hart 0, M and S of hart 1 */
static struct device *aplic[APLIC_LEVELS];
static struct {
    uint64_t address;
    uint32_t data;
} sent[64];
static unsigned sent_count;

static bool send(void *opaque, uint64_t address, uint32_t data)
{
    (void)opaque;
    sent[sent_count % 64].address = address;
    sent[sent_count++ % 64].data = data;
    return true;
}

static void make_into(struct device *devices[APLIC_LEVELS], bool messages)
{
    struct aplic_hart harts[HARTS];
    struct error error;
    for (unsigned i = 0; i < HARTS; i++)
        harts[i] = (struct aplic_hart){ { fake_irq_line(&irqs[2 * i]), fake_irq_line(&irqs[2 * i + 1]) },
                                        4 + 2 * i };
    struct aplic_config config = { .source_count = SOURCES,
                                   .hart_count = HARTS,
                                   .harts = harts,
                                   .phandles = { 10, 11 },
                                   .msi_phandles = { 12, 13 },
                                   .send = messages ? send : NULL };
    ck_assert_msg(aplic_create(&config, devices, &error), "%s", error.text);
}

static void make(bool messages)
{
    memset(irqs, 0, sizeof(irqs));
    sent_count = 0;
    make_into(aplic, messages);
}

static void destroy(void)
{
    aplic[APLIC_S]->ops->destroy(aplic[APLIC_S]);
    aplic[APLIC_M]->ops->destroy(aplic[APLIC_M]);
}

static void put(enum aplic_level level, unsigned at, uint32_t value)
{
    fake_write(aplic[level], at, 4, value);
}

static uint32_t get(enum aplic_level level, unsigned at)
{
    return (uint32_t)fake_read(aplic[level], at, 4);
}

static void wire(unsigned source, bool level)
{
    struct irq_line line = aplic_input(aplic[APLIC_M], source);
    irq_line_set(&line, level);
}

/* Gives a source to S-mode, with a mode, for a hart, and enables all. */
static void set_up(unsigned source, uint32_t mode, unsigned hart, uint32_t low)
{
    put(APLIC_M, SOURCECFG(source), DELEGATED);
    put(APLIC_S, SOURCECFG(source), mode);
    put(APLIC_S, TARGET(source), hart << 18 | low);
    put(APLIC_S, SETIENUM, source);
    put(APLIC_S, DOMAINCFG, IE);
    put(APLIC_S, IDC(hart, IDELIVERY), 1);
}

START_TEST(test_delegation)
{
    make(false);
    put(APLIC_S, SOURCECFG(5), LEVEL1); /* not its own yet */
    ck_assert_uint_eq(get(APLIC_S, SOURCECFG(5)), 0);
    put(APLIC_M, SOURCECFG(5), DELEGATED | 0x3ff); /* there is one child */
    ck_assert_uint_eq(get(APLIC_M, SOURCECFG(5)), DELEGATED);
    ck_assert_uint_eq(get(APLIC_S, SOURCECFG(5)), 0);
    put(APLIC_S, SOURCECFG(5), DELEGATED); /* a leaf */
    ck_assert_uint_eq(get(APLIC_S, SOURCECFG(5)), 0);
    put(APLIC_S, SOURCECFG(5), 0xfffffbff); /* Level0 */
    ck_assert_uint_eq(get(APLIC_S, SOURCECFG(5)), LEVEL0);
    put(APLIC_S, SOURCECFG(5), 2); /* reserved */
    ck_assert_uint_eq(get(APLIC_S, SOURCECFG(5)), INACTIVE);
    put(APLIC_S, SOURCECFG(5), EDGE1);
    put(APLIC_S, SETIENUM, 5);
    put(APLIC_S, SETIPNUM, 5);
    put(APLIC_S, TARGET(5), 1u << 18 | 7);
    put(APLIC_M, SETIENUM, 5); /* delegated: inactive here */
    ck_assert_uint_eq(get(APLIC_M, SETIE), 0);
    ck_assert_uint_eq(get(APLIC_S, SETIE), 1u << 5);
    ck_assert_uint_eq(get(APLIC_S, SETIP), 1u << 5);
    put(APLIC_M, SOURCECFG(5), EDGE1); /* taken back */
    ck_assert_uint_eq(get(APLIC_S, SOURCECFG(5)) | get(APLIC_S, SETIE) | get(APLIC_S, SETIP), 0);
    ck_assert_uint_eq(get(APLIC_S, TARGET(5)), 0);
    put(APLIC_M, SETIENUM, 5);
    ck_assert_uint_eq(get(APLIC_M, SETIE), 1u << 5);
    destroy();
}
END_TEST

START_TEST(test_levels_by_wire)
{
    make(false);
    set_up(10, LEVEL1, 1, 3);
    wire(10, true);
    ck_assert(irqs[3].level && !irqs[1].level && !irqs[2].level);
    ck_assert_uint_eq(get(APLIC_S, IDC(1, TOPI)), 10u << 16 | 3);
    ck_assert_uint_eq(get(APLIC_S, IDC(1, CLAIMI)), 10u << 16 | 3);
    ck_assert(irqs[3].level);   /* a claim does not end a level */
    put(APLIC_S, CLRIPNUM, 10); /* nor does software */
    ck_assert_uint_eq(get(APLIC_S, SETIP), 1u << 10);
    ck_assert_uint_eq(get(APLIC_S, IN_CLRIP), 1u << 10);
    put(APLIC_S, DOMAINCFG, 0);
    ck_assert(!irqs[3].level);
    put(APLIC_S, DOMAINCFG, IE);
    put(APLIC_S, IDC(1, ITHRESHOLD), 3);
    ck_assert(!irqs[3].level);
    ck_assert_uint_eq(get(APLIC_S, IDC(1, TOPI)), 0);
    put(APLIC_S, IDC(1, ITHRESHOLD), 4);
    ck_assert(irqs[3].level);
    wire(10, false);
    ck_assert(!irqs[3].level);
    put(APLIC_S, SETIPNUM, 10); /* the wire is low */
    ck_assert(!irqs[3].level);
    put(APLIC_S, SOURCECFG(10), LEVEL0);
    ck_assert(irqs[3].level);
    put(APLIC_S, CLRIENUM, 10);
    ck_assert(!irqs[3].level);
    destroy();
}
END_TEST

START_TEST(test_edges_by_wire)
{
    make(false);
    set_up(7, EDGE1, 0, 0); /* priority 0 becomes 1 */
    set_up(40, EDGE0, 0, 1);
    set_up(41, DETACHED, 0, 1);
    ck_assert_uint_eq(get(APLIC_S, TARGET(7)), 1);
    ck_assert_uint_eq(get(APLIC_S, IDC(0, CLAIMI)) >> 16, 40); /* low already */
    wire(7, true), wire(7, false), wire(40, true), wire(40, false), wire(41, true);
    ck_assert_uint_eq(get(APLIC_S, IDC(0, CLAIMI)), 7u << 16 | 1); /* of equal ones the lowest */
    ck_assert_uint_eq(get(APLIC_S, IDC(0, CLAIMI)), 40u << 16 | 1);
    ck_assert(!irqs[1].level);
    put(APLIC_S, SETIPNUM_LE, 41);
    ck_assert(irqs[1].level);
    ck_assert_uint_eq(get(APLIC_S, IDC(0, CLAIMI)), 41u << 16 | 1);
    put(APLIC_S, SETIPNUM_BE, 41u << 24);
    ck_assert_uint_eq(get(APLIC_S, SETIP + 4), 1u << 9);
    put(APLIC_S, IN_CLRIP + 4, 1u << 9);
    ck_assert(!irqs[1].level);
    put(APLIC_S, IDC(0, IFORCE), 1); /* spurious */
    ck_assert(irqs[1].level);
    ck_assert_uint_eq(get(APLIC_S, IDC(0, CLAIMI)), 0);
    ck_assert(!irqs[1].level);
    ck_assert_uint_eq(get(APLIC_S, IDC(0, IFORCE)), 0);
    destroy();
}
END_TEST

/* Level-sensitive sources send one message, and another one when software asks while the wire is high. */
START_TEST(test_messages)
{
    make(true);
    ck_assert_uint_eq(get(APLIC_M, DOMAINCFG), 0x80000004);
    put(APLIC_M, MMSIADDRCFG, 0x24000);
    put(APLIC_M, MMSIADDRCFGH, 1u << 12); /* two harts */
    put(APLIC_M, SMSIADDRCFG, 0x28000);
    put(APLIC_M, SMSIADDRCFGH, 0);
    set_up(33, LEVEL1, 1, 0xfff); /* the identity has 11 bits, and there is no guest */
    ck_assert_uint_eq(get(APLIC_S, TARGET(33)), 1u << 18 | 0x7ff);
    put(APLIC_S, TARGET(33), 1u << 18 | 55);
    wire(33, true);
    ck_assert_uint_eq(sent_count, 1);
    ck_assert_uint_eq(sent[0].address, 0x28001000);
    ck_assert_uint_eq(sent[0].data, 55);
    ck_assert_uint_eq(get(APLIC_S, SETIP + 4), 0);
    put(APLIC_S, SETIPNUM, 33);
    ck_assert_uint_eq(sent_count, 2);
    wire(33, false);
    put(APLIC_S, SETIPNUM, 33);
    ck_assert_uint_eq(sent_count, 2);
    put(APLIC_S, DOMAINCFG, 0);
    wire(33, true);
    ck_assert_uint_eq(sent_count, 2);
    put(APLIC_S, DOMAINCFG, IE);
    ck_assert_uint_eq(sent_count, 3);
    put(APLIC_M, GENMSI, 1u << 18 | 9);
    ck_assert_uint_eq(get(APLIC_M, GENMSI), 1u << 18 | 9);
    ck_assert_uint_eq(sent[3].address, 0x24001000);
    ck_assert_uint_eq(sent[3].data, 9);
    put(APLIC_M, MMSIADDRCFGH, 1u << 31 | 1u << 12); /* locked from here on */
    put(APLIC_M, MMSIADDRCFG, 1), put(APLIC_M, SMSIADDRCFG, 1);
    ck_assert_uint_eq(get(APLIC_M, MMSIADDRCFG), 0x24000);
    ck_assert_uint_eq(get(APLIC_M, SMSIADDRCFG), 0x28000);
    ck_assert_uint_eq(get(APLIC_S, MMSIADDRCFG), 0); /* the root's alone */
    ck_assert(!irqs[3].level);
    destroy();
}
END_TEST

START_TEST(test_limits)
{
    struct error error;
    struct device *none[APLIC_LEVELS];
    struct aplic_config config = { .source_count = 1024, .hart_count = 1 };
    ck_assert(!aplic_create(&config, none, &error));
    config = (struct aplic_config){ .source_count = 1, .hart_count = 513 };
    ck_assert(!aplic_create(&config, none, &error));
    make(false);
    ck_assert(!aplic_input(aplic[APLIC_M], 0).set && !aplic_input(aplic[APLIC_M], 97).set);
    for (unsigned n = 97; n < 1024; n += 13)
        put(APLIC_M, SOURCECFG(n), LEVEL1), put(APLIC_M, TARGET(n), 1);
    ck_assert_uint_eq(get(APLIC_M, SOURCECFG(97)) | get(APLIC_M, TARGET(97)), 0);
    set_up(96, LEVEL1, 0, 1);
    wire(96, true);
    ck_assert_uint_eq(get(APLIC_S, IDC(0, TOPI)) >> 16, 96);
    put(APLIC_S, TARGET(96), 0xffffffff); /* a hart that does not exist */
    ck_assert(!irqs[1].level && !irqs[3].level);
    put(APLIC_S, IDC(2, IDELIVERY), 1);
    ck_assert_uint_eq(get(APLIC_S, IDC(2, IDELIVERY)) | get(APLIC_S, IDC(500, CLAIMI)), 0);
    put(APLIC_S, SETIPNUM, 0), put(APLIC_S, SETIENUM, 0xffffffff), put(APLIC_S, SETIP, 1);
    ck_assert_uint_eq(get(APLIC_S, SETIP), 0);
    put(APLIC_M, GENMSI, 0xffffffff), put(APLIC_M, MMSIADDRCFG, 0xffffffff);
    ck_assert_uint_eq(get(APLIC_M, GENMSI) | get(APLIC_M, MMSIADDRCFG), 0);
    ck_assert_uint_eq(get(APLIC_M, DOMAINCFG), 0x80000000);
    destroy();
}
END_TEST

static void scribble(unsigned seed, bool messages)
{
    make(messages);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned at = (unsigned)rand_r(&seed) % 0x8000 & ~3u;
        uint32_t value = rand_r(&seed) % 2 ? (uint32_t)rand_r(&seed) : 1u << rand_r(&seed) % 32;
        enum aplic_level level = rand_r(&seed) % 2 ? APLIC_M : APLIC_S;
        if (rand_r(&seed) % 4 == 0)
            wire((unsigned)rand_r(&seed) % 100, rand_r(&seed) % 2);
        if (rand_r(&seed) % 3)
            put(level, at, value);
        else
            get(level, at);
    }
}

START_TEST(test_hostile)
{
    unsigned seed = fake_seed("test_aplic");
    for (unsigned messages = 0; messages < 2; messages++) {
        struct device *other[APLIC_LEVELS];
        scribble(seed + messages, messages);
        make_into(other, messages);
        fake_state_copy(aplic[APLIC_M], other[APLIC_M]);
        fake_state_mutate(other[APLIC_M], seed, 300);
        for (unsigned at = 0; at < 0x8000; at += 4)
            fake_read(other[APLIC_S], at, 4);
        other[APLIC_M]->ops->reset(other[APLIC_M]), other[APLIC_S]->ops->reset(other[APLIC_S]);
        ck_assert_uint_eq(fake_read(other[APLIC_S], SETIE, 4), 0);
        other[APLIC_M]->ops->destroy(other[APLIC_M]);
        destroy();
    }
}
END_TEST

START_TEST(test_state)
{
    struct device *other[APLIC_LEVELS];
    make(false);
    set_up(10, LEVEL1, 1, 3);
    set_up(11, EDGE1, 1, 2);
    wire(10, true);
    put(APLIC_S, SETIPNUM, 11);
    make_into(other, false);
    irqs[3].level = false; /* both drive the same wires here */
    fake_state_copy(aplic[APLIC_M], other[APLIC_M]);
    ck_assert(irqs[3].level);
    ck_assert_uint_eq(fake_read(other[APLIC_S], IDC(1, CLAIMI), 4), 11u << 16 | 2);
    ck_assert_uint_eq(fake_read(other[APLIC_S], IDC(1, CLAIMI), 4), 10u << 16 | 3);
    other[APLIC_M]->ops->destroy(other[APLIC_M]);
    make_into(other, true); /* another delivery mode */
    struct state_writer writer;
    struct state_reader reader;
    struct error error;
    state_writer_init(&writer);
    aplic[APLIC_M]->ops->save(aplic[APLIC_M], &writer);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert(!other[APLIC_M]->ops->load(other[APLIC_M], &reader) && reader.failed);
    state_writer_destroy(&writer);
    other[APLIC_M]->ops->destroy(other[APLIC_M]);
    destroy();
}
END_TEST

START_TEST(test_fdt)
{
    make(false);
    void *fdt = fake_fdt(aplic[APLIC_M], &(struct fdt_place){ .base = 0xc000000, .size = 0x8000 });
    const char *node = "/soc/interrupt-controller@c000000";
    FAKE_FDT_STRINGS(fdt, node, "compatible", "qemu,aplic\0riscv,aplic");
    FAKE_FDT_CELLS(fdt, node, "riscv,num-sources", SOURCES);
    FAKE_FDT_CELLS(fdt, node, "riscv,children", 11);
    FAKE_FDT_CELLS(fdt, node, "riscv,delegation", 11, 1, SOURCES);
    FAKE_FDT_CELLS(fdt, node, "interrupts-extended", 4, 11, 6, 11);
    free(fdt);
    destroy();
    make(true);
    fdt = fake_fdt(aplic[APLIC_S], &(struct fdt_place){ .base = 0xd000000, .size = 0x8000 });
    FAKE_FDT_CELLS(fdt, "/soc/interrupt-controller@d000000", "msi-parent", 13);
    free(fdt);
    destroy();
}
END_TEST

/* ---- Pages of interrupt files -------------------------------------------------------------------------- */

static unsigned received_hart, received_guest, received, received_count;

static void receive(void *opaque, unsigned hart, unsigned guest, unsigned identity)
{
    (void)opaque;
    received_hart = hart;
    received_guest = guest;
    received = identity;
    received_count++;
}

START_TEST(test_imsic)
{
    static const uint32_t phandles[] = { 4, 6 };
    struct error error;
    struct device *imsic = imsic_create(&(struct imsic_config){ .hart_count = 2,
                                                                .intc_phandles = phandles,
                                                                .hart_irq = 9,
                                                                .phandle = 13,
                                                                .identities = 255,
                                                                .receive = receive },
                                        &error);
    ck_assert_ptr_nonnull(imsic);
    fake_write(imsic, 0x1000, 4, 255);
    ck_assert(received_count == 1 && received_hart == 1 && received == 255);
    fake_write(imsic, 4, 4, 3u << 24);
    ck_assert(received_count == 2 && received_hart == 0 && received == 3);
    fake_write(imsic, 0, 4, 0), fake_write(imsic, 0, 4, 256), fake_write(imsic, 8, 4, 1);
    fake_write(imsic, 0x1ffc, 4, 1), fake_write(imsic, 0, 4, 0xffffffff);
    ck_assert_uint_eq(received_count, 2);
    ck_assert(imsic_send(imsic, 0, 5) && !imsic_send(imsic, 8, 5) && !imsic_send(imsic, 0x2000, 5));
    ck_assert_uint_eq(received_count, 3);
    ck_assert_uint_eq(fake_read(imsic, 0, 4) | fake_read(imsic, 0x1ffc, 4), 0);
    void *fdt = fake_fdt(imsic, &(struct fdt_place){ .base = 0x28000000, .size = 0x2000 });
    FAKE_FDT_CELLS(fdt, "/soc/interrupt-controller@28000000", "interrupts-extended", 4, 9, 6, 9);
    FAKE_FDT_CELLS(fdt, "/soc/interrupt-controller@28000000", "riscv,num-ids", 255);
    free(fdt);
    imsic->ops->destroy(imsic);
}
END_TEST

/* Each hart has its own page and those of three guests. */
START_TEST(test_imsic_guests)
{
    static const uint32_t phandles[] = { 4, 6 };
    struct error error;
    struct device *imsic = imsic_create(&(struct imsic_config){ .hart_count = 2,
                                                                .intc_phandles = phandles,
                                                                .hart_irq = 9,
                                                                .identities = 255,
                                                                .guest_bits = 2,
                                                                .receive = receive },
                                        &error);
    ck_assert_ptr_nonnull(imsic);
    ck_assert_uint_eq(imsic->ops->size, 0x8000);
    received_count = 0;
    fake_write(imsic, 0x3000, 4, 255);
    ck_assert(received_count == 1 && received_hart == 0 && received_guest == 3 && received == 255);
    fake_write(imsic, 0x4000, 4, 1);
    ck_assert(received_count == 2 && received_hart == 1 && received_guest == 0);
    fake_write(imsic, 0x7000, 4, 1);
    ck_assert(received_count == 3 && received_hart == 1 && received_guest == 3);
    ck_assert(!imsic_send(imsic, 0x8000, 5) && !imsic_send(imsic, UINT64_MAX - 0xfff, 5));
    ck_assert_uint_eq(received_count, 3);
    void *fdt = fake_fdt(imsic, &(struct fdt_place){ .base = 0x28000000, .size = 0x8000 });
    FAKE_FDT_CELLS(fdt, "/soc/interrupt-controller@28000000", "riscv,guest-index-bits", 2);
    free(fdt);
    imsic->ops->destroy(imsic);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("aplic");
    TCase *c = tcase_create("registers");
    tcase_add_test(c, test_delegation);
    tcase_add_test(c, test_levels_by_wire);
    tcase_add_test(c, test_edges_by_wire);
    tcase_add_test(c, test_messages);
    tcase_add_test(c, test_limits);
    tcase_add_test(c, test_hostile);
    tcase_add_test(c, test_state);
    tcase_add_test(c, test_fdt);
    tcase_add_test(c, test_imsic);
    tcase_add_test(c, test_imsic_guests);
    suite_add_tcase(s, c);
    return s;
}

FAKE_MAIN(suite)
