/* SPDX-License-Identifier: MIT
 *
 * The PLIC at register level: gateways, claim and complete, priorities, limits, state, FDT.
 */
#include "devices/platform/plic.h"
#include "tests/devices/fake.h"

#define CLAIM(context) (0x200004u + 0x1000u * (context))

static struct fake_irq irqs[8];
static struct device *plic;
static bool strict;

static struct device *make(unsigned sources, unsigned contexts)
{
    struct plic_context wiring[8];
    memset(irqs, 0, sizeof(irqs));
    for (unsigned i = 0; i < contexts; i++)
        wiring[i] = (struct plic_context){ fake_irq_line(&irqs[i]), 4 + i / 2, i % 2 ? 9 : 11 };
    struct error error;
    struct device *device = plic_create(&(struct plic_config){ .source_count = sources,
                                                               .context_count = contexts,
                                                               .contexts = wiring,
                                                               .phandle = 5,
                                                               .strict = strict },
                                        &error);
    ck_assert_msg(device != NULL, "%s", error.text);
    return device;
}

static void wire(unsigned source, bool level)
{
    struct irq_line line = plic_input(plic, source);
    irq_line_set(&line, level);
}

static void enable(unsigned context, unsigned source, unsigned priority)
{
    uint64_t at = 0x2000 + 0x80 * context + source / 32 * 4;
    fake_write(plic, at, 4, fake_read(plic, at, 4) | 1u << source % 32);
    fake_write(plic, source * 4, 4, priority);
}

/* With the gateways of the PLIC specification. */
START_TEST(test_claim_complete)
{
    strict = true;
    plic = make(95, 2);
    strict = false;
    enable(0, 10, 1);
    wire(10, true);
    ck_assert(irqs[0].level && !irqs[1].level);
    ck_assert_uint_eq(fake_read(plic, 0x1000, 4), 1u << 10);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
    ck_assert(!irqs[0].level);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 0);
    wire(10, false);
    wire(10, true); /* claimed: not pending again */
    ck_assert(!irqs[0].level);
    fake_write(plic, CLAIM(1), 4, 10); /* not enabled there: ignored */
    ck_assert(!irqs[0].level);
    fake_write(plic, CLAIM(0), 4, 10); /* still high: pending again */
    ck_assert(irqs[0].level);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
    wire(10, false);
    fake_write(plic, CLAIM(0), 4, 10);
    ck_assert(!irqs[0].level);
    fake_write(plic, CLAIM(0), 4, 0);
    fake_write(plic, CLAIM(0), 4, 0xffffffff);
    plic->ops->destroy(plic);
}
END_TEST

/* What counts is the moment when the device raises its wire, not that the wire is high. */
START_TEST(test_raised_again)
{
    plic = make(95, 2);
    enable(0, 10, 1);
    enable(1, 11, 1);
    wire(10, true), wire(10, true);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
    ck_assert(!irqs[0].level);
    fake_write(plic, CLAIM(0), 4, 10);
    ck_assert(!irqs[0].level); /* both were one request, and a wire that stays high is no request */
    wire(10, true);
    ck_assert(irqs[0].level);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
    wire(10, true); /* while the first is served */
    ck_assert(!irqs[0].level);
    ck_assert_uint_eq(fake_read(plic, 0x1000, 4), 0);
    fake_write(plic, CLAIM(0), 4, 10);
    ck_assert(irqs[0].level);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
    wire(10, true), wire(10, false); /* the handler has already dealt with it */
    fake_write(plic, CLAIM(0), 4, 10);
    ck_assert(!irqs[0].level);
    wire(10, true), wire(10, false);
    ck_assert(irqs[0].level); /* a request that was forwarded is not withdrawn */
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
    /* A level that never falls does not lose a request. */
    fake_write(plic, CLAIM(0), 4, 10);
    for (unsigned i = 0; i < 1000; i++) {
        wire(10, true);
        ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
        fake_write(plic, CLAIM(0), 4, 10);
    }
    /* Completions of a source that is not enabled: by another context, and after it was disabled. */
    wire(10, true);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
    fake_write(plic, CLAIM(1), 4, 10);
    wire(10, true);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
    fake_write(plic, 0x2000, 4, 0);
    fake_write(plic, CLAIM(0), 4, 10);
    fake_write(plic, 0x2000, 4, 1u << 10);
    wire(10, true);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 10);
    /* A reset leaves no request, whatever the levels of the wires. */
    wire(11, true);
    plic->ops->reset(plic);
    ck_assert_uint_eq(fake_read(plic, 0x1000, 4), 0);
    plic->ops->destroy(plic);
}
END_TEST

START_TEST(test_priorities)
{
    plic = make(95, 2);
    enable(0, 95, 3);
    enable(0, 33, 3);
    enable(0, 1, 2);
    enable(0, 2, 0);
    wire(95, true), wire(33, true), wire(1, true), wire(2, true);
    fake_write(plic, 0x200000, 4, 3);
    ck_assert(!irqs[0].level); /* nothing above the threshold */
    fake_write(plic, 0x200000, 4, 2);
    ck_assert(irqs[0].level);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 33);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 95);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 1);
    ck_assert_uint_eq(fake_read(plic, CLAIM(0), 4), 0); /* priority 0 never interrupts */
    fake_write(plic, 4, 4, 0xffffffff);
    ck_assert_uint_eq(fake_read(plic, 4, 4), 7);
    plic->ops->reset(plic);
    ck_assert_uint_eq(fake_read(plic, 4, 4), 0);
    ck_assert_uint_eq(fake_read(plic, 0x2000, 4), 0);
    plic->ops->destroy(plic);
}
END_TEST

START_TEST(test_limits)
{
    unsigned contexts = (unsigned)_i;
    uint64_t value;
    plic = make(95, contexts);
    ck_assert_ptr_null(plic_input(plic, 0).set);
    ck_assert_ptr_null(plic_input(plic, 96).set);
    for (uint64_t at = 0; at < 0x4000; at += 4)
        fake_write(plic, at, 4, 0xffffffff);
    ck_assert_uint_eq(fake_read(plic, 0, 4), 0);
    ck_assert_uint_eq(fake_read(plic, 96 * 4, 4), 0);
    ck_assert_uint_eq(fake_read(plic, 0x1000, 4), 0);
    ck_assert_uint_eq(fake_read(plic, 0x2000 + 0x80 * (contexts - 1), 4), 0xfffffffe);
    ck_assert_uint_eq(fake_read(plic, 0x2008 + 0x80 * (contexts - 1), 4), 0xffffffff);
    ck_assert_uint_eq(fake_read(plic, 0x200c, 4), 0);
    ck_assert_uint_eq(fake_read(plic, 0x2000 + 0x80 * contexts, 4), 0);
    fake_write(plic, 0x200000 + 0x1000 * contexts, 4, 5);
    ck_assert_uint_eq(fake_read(plic, 0x200000 + 0x1000 * contexts, 4), 0);
    fake_write(plic, 0x5ffffc, 4, 5);
    ck_assert_uint_eq(fake_read(plic, 0x5ffffc, 4), 0);
    ck_assert(!fake_bus_read(plic, 0, 1, &value) && !fake_bus_read(plic, 0, 8, &value));
    ck_assert(!fake_bus_write(plic, 2, 4, 0) && !fake_bus_write(plic, 0x600000, 4, 0));
    plic->ops->destroy(plic);
    struct error error;
    ck_assert_ptr_null(
        plic_create(&(struct plic_config){ .source_count = 1024, .context_count = 1 }, &error));
    ck_assert_ptr_null(
        plic_create(&(struct plic_config){ .source_count = 1, .context_count = 1025 }, &error));
}
END_TEST

START_TEST(test_state)
{
    plic = make(95, 4);
    enable(0, 10, 5);
    enable(3, 64, 2);
    wire(10, true), wire(64, true);
    fake_read(plic, CLAIM(0), 4);
    wire(10, true);
    struct device *first = plic, *second = make(95, 4);
    fake_state_copy(first, second);
    ck_assert(irqs[3].level && !irqs[0].level);
    fake_write(second, CLAIM(0), 4, 10); /* it was raised again before the state was saved */
    ck_assert(irqs[0].level);
    fake_state_mutate(second, fake_seed("plic"), 3000);
    fake_read(second, CLAIM(0), 4);
    first->ops->destroy(first);
    second->ops->destroy(second);
}
END_TEST

START_TEST(test_fdt)
{
    plic = make(95, 4);
    void *fdt = fake_fdt(plic, &(struct fdt_place){ .base = 0xc000000, .size = 0x600000 });
    const char *path = "/soc/plic@c000000";
    FAKE_FDT_CELLS(fdt, path, "reg", 0, 0xc000000, 0, 0x600000);
    FAKE_FDT_CELLS(fdt, path, "interrupts-extended", 4, 11, 4, 9, 5, 11, 5, 9);
    FAKE_FDT_CELLS(fdt, path, "riscv,ndev", 95);
    FAKE_FDT_CELLS(fdt, path, "phandle", 5);
    FAKE_FDT_STRINGS(fdt, path, "compatible", "sifive,plic-1.0.0\0riscv,plic0");
    free(fdt);
    plic->ops->destroy(plic);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plic");
    TCase *c = tcase_create("plic");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_claim_complete);
    tcase_add_test(c, test_raised_again);
    tcase_add_test(c, test_priorities);
    tcase_add_loop_test(c, test_limits, 1, 9);
    tcase_add_test(c, test_state);
    tcase_add_test(c, test_fdt);
    suite_add_tcase(s, c);
    return s;
}

FAKE_MAIN(suite)
