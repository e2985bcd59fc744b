/* SPDX-License-Identifier: MIT
 *
 * More code than the cache holds: two harts call functions of their own in a random order. Segments are
 * evicted all the time, and links, calls and returns lead from code that stays to code that is evicted and
 * back. Now and then a hart rewrites the function that it calls next. RVIVE_EVICT_CALLS in the environment is
 * the number of calls of each hart.
 */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "dbt/runtime/code_page.h"
#include "dbt/runtime/evict.h"
#include "tests/dbt/guest.h"

#define FUNCTIONS     2048 /* of each hart, one in 256 bytes; must be a power of two */
#define FUNCTION_SIZE 256u
#define CALLS         20000
#define CODE(hart)    (RAM_BASE + 0x100000u + (hart)*0x200000u)

static uint64_t function_at(unsigned hart, unsigned i)
{
    return CODE(hart) + i * FUNCTION_SIZE;
}

/* Adds to a0 a value that depends on a1, by branches, loads, stores and loops. One function in four calls
 * another. */
static void put_function(struct guest *guest, unsigned hart, unsigned i, unsigned *seed)
{
    guest->at = function_at(hart, i);
    I(addi, A0, A0, 0, (int32_t)(i & 0x7ff)); /* is rewritten */
    for (unsigned n = rand_r(seed) % 8; n > 0; n--) {
        int32_t at = rand_r(seed) % 64 * 8;
        I(ld, A2, S3, 0, at);
        I(add, A2, A2, A1, 0);
        I(sd, 0, S3, A2, at);
        I(andi, A3, A2, 0, 1 + rand_r(seed) % 7);
        guest_put_branch(guest, ISA_INSN_beq, A3, 0, guest->at + 8);
        I(xor, A0, A0, A2, 0);
    }
    if (i % 4 == 0 && i > 0) { /* a function in the same page, or in another */
        I(addi, SP, SP, 0, -16);
        I(sd, 0, SP, RA, 0);
        guest_put_jal(guest, RA, function_at(hart, i % 8 ? i + 1 : (i + 1) / 2));
        I(ld, RA, SP, 0, 0);
        I(addi, SP, SP, 0, 16);
    }
    I(jalr, 0, RA, 0, 0);
    ck_assert_uint_le(guest->at, function_at(hart, i) + FUNCTION_SIZE);
}

static unsigned calls(void)
{
    const char *asked = getenv("RVIVE_EVICT_CALLS");
    return asked ? (unsigned)strtoul(asked, NULL, 10) : CALLS;
}

/* s2 counts down; s4 is the state of a generator of random numbers. */
static void put_caller(struct guest *guest, unsigned hart)
{
    guest->at = START + hart * PAGE_SIZE;
    guest_put_value(guest, S2, calls());
    guest_put_value(guest, S3, DATA + hart * 0x1000);
    guest_put_value(guest, S4, 12345 + hart);
    guest_put_value(guest, S5, 1103515245);
    guest_put_value(guest, S6, CODE(hart));
    guest_put_value(guest, S7, guest_encode(ISA_INSN_addi, A0, A0, 0, 0));
    guest_put_value(guest, SP, STACK - hart * 0x10000 - 0x1000);
    uint64_t loop = guest->at;
    I(mul, S4, S4, S5, 0);
    I(addi, S4, S4, 0, 1013);
    I(srli, A1, S4, 0, 20);
    I(slli, T1, A1, 0, 64 - 11); /* log2 of FUNCTIONS */
    I(srli, T1, T1, 0, 64 - 11 - 8);
    I(add, T1, T1, S6, 0);
    I(andi, T0, S2, 0, 63);
    guest_put_branch(guest, ISA_INSN_bne, T0, 0, guest->at + 5 * 4);
    I(slli, T0, S2, 0, 20); /* *t1 = addi a0, a0, s2 */
    I(addw, T0, T0, S7, 0);
    I(sw, 0, T1, T0, 0);
    I(fence_i, 0, 0, 0, 0);
    I(jalr, RA, T1, 0, 0);
    I(addi, S2, S2, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S2, 0, loop);
    guest_put_end(guest, hart);
}

static void build(struct guest *guest, const void *argument)
{
    unsigned seed = *(const unsigned *)argument;
    for (unsigned hart = 0; hart < guest->hart_count; hart++) {
        for (unsigned i = 0; i < FUNCTIONS; i++)
            put_function(guest, hart, i, &seed);
        put_caller(guest, hart);
    }
}

static void check(struct guest *guest, const void *argument)
{
    (void)argument;
    if (guest->dbt)
        ck_assert_uint_gt(guest->dbt->counters.evictions, 3 * CODE_SEGMENTS);
}

START_TEST(test_evict)
{
    unsigned seed = (unsigned)_i;
    guest_cache_size = CODE_CACHE_MIN;
    guest_run_tiers(1 + _i % 2, build, check, &seed);
}
END_TEST

/* After an eviction the tables are right: each block is found by its address, each link is in the list of the
 * block it leads to, and nothing of an empty segment is left anywhere. */
static void check_tables(struct guest *guest)
{
    struct dbt *dbt = guest->dbt;
    unsigned blocks = 0, spans = 0;
    for (unsigned i = 0; i < DBT_HASH_SIZE; i++) {
        struct t1_block *block = code_at(&dbt->cache, dbt->blocks[i]);
        for (; block; block = code_at(&dbt->cache, block->hash_next), blocks++) {
            ck_assert_ptr_nonnull(block->entry);
            ck_assert_uint_eq(block->span.owner, code_ref(&dbt->cache, block));
            struct t1_link *link = code_at(&dbt->cache, block->incoming);
            for (; link; link = code_at(&dbt->cache, link->next))
                ck_assert_uint_eq(link->to, code_ref(&dbt->cache, block));
        }
        for (struct code_page *page = dbt->pages[i]; page; page = page->hash_next) {
            struct code_span *span = code_at(&dbt->cache, page->spans);
            for (; span; span = code_at(&dbt->cache, span->page_next)) {
                const struct code_owner *owner = code_at(&dbt->cache, span->owner);
                ck_assert_uint_eq(span->paddr & PAGE_MASK, page->paddr);
                spans += owner->kind == CODE_T1_BLOCK; /* regions watch their blocks, too */
            }
        }
    }
    ck_assert_uint_eq(blocks, spans);
}

START_TEST(test_evict_tables)
{
    struct guest guest;
    unsigned seed = 7;
    guest_cache_size = CODE_CACHE_MIN;
    guest_create(&guest, GUEST_T1, 2);
    build(&guest, &seed);
    guest_start(&guest);
    guest_join(&guest);
    check(&guest, NULL);
    check_tables(&guest);
    for (unsigned left = CODE_SEGMENTS; left-- > 0;) {
        dbt_ask_harts_out(guest.dbt);
        dbt_wait_harts_out(guest.dbt);
        pthread_mutex_lock(&guest.dbt->lock);
        dbt_evict_next(guest.dbt);
        pthread_mutex_unlock(&guest.dbt->lock);
        dbt_let_harts_in(guest.dbt);
        check_tables(&guest);
    }
    for (unsigned i = 0; i < DBT_HASH_SIZE; i++) {
        ck_assert_uint_eq(guest.dbt->blocks[i], 0);
        ck_assert_ptr_null(guest.dbt->pages[i]);
    }
    for (unsigned i = 0; i < DBT_PAGE_BITS / 64; i++)
        ck_assert_uint_eq(guest.dbt->page_bits[i], 0);
    ck_assert_ptr_null(guest.dbt->dirty);
    guest_destroy(&guest);
}
END_TEST

/* One hart leaves translated code and comes back all the time; another one stays in it. */
static void build_restless(struct guest *guest)
{
    guest->at = START;
    uint64_t loop = guest->at;
    I(csrrs, T0, 0, 0, CSR_MINSTRET);
    I(wrs_sto, 0, 0, 0, 0); /* the interpreter executes it */
    guest_put_jal(guest, 0, loop);
    guest->at = START + PAGE_SIZE;
    I(addi, T0, T0, 0, 1);
    guest_put_jal(guest, 0, guest->at - 4);
}

/* Both harts have enough time to serve the request before anybody waits for the lock. A hart that then went
 * into translated code again stayed there for ever, and all others waited for both. */
START_TEST(test_room)
{
    struct guest guest;
    guest_cache_size = CODE_CACHE_MIN;
    guest_create(&guest, GUEST_T1, 2);
    build_restless(&guest);
    guest_start(&guest);
    while (dbt_translated(guest.dbt) < 2)
        usleep(1000);
    for (unsigned i = 0; i < 5; i++) {
        dbt_ask_harts_out(guest.dbt);
        usleep(50000);
        dbt_wait_harts_out(guest.dbt);
        dbt_let_harts_in(guest.dbt);
    }
    for (unsigned i = 0; i < guest.hart_count; i++)
        hart_request(guest.harts[i], HART_REQUEST_STOP);
    guest_join(&guest);
    guest_destroy(&guest);
}
END_TEST

void t1_evict_add(TCase *tests)
{
    tcase_add_loop_test(tests, test_evict, 0, 4);
    tcase_add_test(tests, test_evict_tables);
    tcase_add_test(tests, test_room);
}
